import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import Database
from app.outbox.models import OutboxRow
from app.verifications import service
from app.verifications.models import Verification, VerificationGate
from app.verifications.rules import JOIN, Expired, Wrong
from app.verifications.service import Passed
from tests.support.times import NOW

PHONE = "+886912345678"
KEN = "U" + "1" * 32
MEI = "U" + "2" * 32
KEY = "a secret"


def send(
    session: Session, now: datetime = NOW, phone: str = PHONE, line_user_id: str | None = KEN
) -> str:
    """Send a code and read it from the SMS."""
    service.send_code(
        session,
        phone=phone,
        line_user_id=line_user_id,
        purpose=JOIN,
        brand="熟客商店",
        key=KEY,
        now=now,
    )
    text = session.scalars(sa.select(OutboxRow.payload).order_by(OutboxRow.id.desc())).first() or ""
    found = re.search(r"[0-9]{6}", text)
    assert found is not None
    return found[0]


def check(
    session: Session,
    code: str,
    now: datetime = NOW,
    phone: str = PHONE,
    line_user_id: str | None = KEN,
) -> Passed | Wrong | Expired:
    return service.check_code(
        session, phone=phone, line_user_id=line_user_id, purpose=JOIN, code=code, key=KEY, now=now
    )


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def use(session: Session, passed: Passed, now: datetime = NOW, line_user_id: str = KEN) -> None:
    service.use(
        session,
        verification_id=passed.id,
        phone=PHONE,
        line_user_id=line_user_id,
        purpose=JOIN,
        key=KEY,
        now=now,
    )


def test_the_code_of_the_sms_passes_and_is_spent_once(session: Session) -> None:
    passed = check(session, send(session))
    assert isinstance(passed, Passed)
    use(session, passed)
    with pytest.raises(service.NotVerified):
        use(session, passed)


def test_an_sms_is_one_short_text_with_brand_code_and_warning(session: Session) -> None:
    code = send(session)
    row = session.scalars(sa.select(OutboxRow)).one()
    assert (row.channel, row.recipient) == ("sms", PHONE)
    assert row.payload == f"【熟客商店】驗證碼 {code}，5 分鐘內有效。請勿提供給他人。"
    assert len(row.payload) <= 70


def test_neither_phone_nor_code_is_kept_in_the_open(session: Session) -> None:
    code = send(session)
    row = session.scalars(sa.select(Verification)).one()
    kept = f"{row.phone_hash} {row.code_digest}"
    assert PHONE[4:] not in kept
    assert code not in kept


def test_a_code_lives_five_minutes(session: Session) -> None:
    code = send(session)
    last = NOW + timedelta(minutes=5)
    assert check(session, code, now=last) == Expired()
    assert isinstance(check(session, code, now=last - timedelta(seconds=1)), Passed)


def test_no_code_was_sent(session: Session) -> None:
    assert check(session, "123456") == Expired()


def test_a_code_serves_only_the_person_it_was_sent_for(session: Session) -> None:
    code = send(session)
    assert check(session, code, line_user_id=MEI) == Expired()
    passed = check(session, code)
    assert isinstance(passed, Passed)
    with pytest.raises(service.NotVerified):
        use(session, passed, line_user_id=MEI)


def test_a_proof_lasts_a_day(session: Session) -> None:
    passed = check(session, send(session))
    assert isinstance(passed, Passed)
    with pytest.raises(service.NotVerified):
        use(session, passed, now=NOW + timedelta(hours=24))
    use(session, passed, now=NOW + timedelta(hours=23, minutes=59))


def test_the_same_right_answer_twice_passes_twice(session: Session) -> None:
    code = send(session)
    assert check(session, code) == check(session, code)


def test_five_wrong_tries_lock_for_a_quarter_of_an_hour(session: Session) -> None:
    code = send(session)
    wrong = other_than(code)
    left = [check(session, wrong) for _ in range(5)]
    assert left == [Wrong(4), Wrong(3), Wrong(2), Wrong(1), Wrong(0)]
    with pytest.raises(service.TriedTooOften) as refused:
        check(session, code)
    assert refused.value.until == NOW + timedelta(minutes=15)
    with pytest.raises(service.TriedTooOften):
        send(session, now=NOW + timedelta(minutes=14, seconds=59))
    later = NOW + timedelta(minutes=15)
    fresh = send(session, now=later)
    assert check(session, other_than(fresh), now=later) == Wrong(4)
    assert isinstance(check(session, fresh, now=later), Passed)


def test_a_new_code_does_not_give_new_tries(session: Session) -> None:
    first = send(session)
    for _ in range(4):
        check(session, other_than(first))
    later = NOW + timedelta(seconds=60)
    second = send(session, now=later)
    assert check(session, other_than(second), now=later) == Wrong(0)


def test_only_the_newest_code_counts(session: Session) -> None:
    first = send(session)
    later = NOW + timedelta(seconds=60)
    second = send(session, now=later)
    if first != second:
        assert isinstance(check(session, first, now=later), Wrong)
    assert isinstance(check(session, second, now=later), Passed)


def test_the_next_code_waits_a_minute(session: Session) -> None:
    send(session)
    with pytest.raises(service.SentTooRecently) as refused:
        send(session, now=NOW + timedelta(seconds=59))
    assert refused.value.again_at == NOW + timedelta(seconds=60)
    send(session, now=NOW + timedelta(seconds=60))


def test_a_phone_gets_five_codes_a_day(session: Session) -> None:
    for turn in range(5):
        user = f"U{turn:032d}"
        send(session, now=NOW + timedelta(minutes=turn), line_user_id=user)
    with pytest.raises(service.SentTooOften) as refused:
        send(session, now=NOW + timedelta(hours=1), line_user_id=None)
    midnight = NOW.replace(hour=16, minute=0)  # Taipei's
    assert refused.value.again_at == midnight
    send(session, now=midnight)


def test_a_line_user_gets_five_codes_a_day(session: Session) -> None:
    for turn in range(5):
        send(session, now=NOW + timedelta(minutes=turn), phone=f"+88691234567{turn}")
    with pytest.raises(service.SentTooOften):
        send(session, now=NOW + timedelta(hours=1), phone="+886987654321")
    # The refusal cost the phone nothing: somebody else may use it at once.
    send(session, now=NOW + timedelta(hours=1), phone="+886987654321", line_user_id=MEI)


def test_fifty_guesses_at_once_are_five_tries(db: Database) -> None:
    with db.transaction() as session:
        code = send(session)
    guesses = [f"{(int(code) + offset) % 1_000_000:06d}" for offset in range(1, 51)]

    def guess(typed: str) -> str:
        try:
            with db.transaction() as session:
                return type(check(session, typed)).__name__
        except service.TriedTooOften:
            return "TriedTooOften"

    with ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(guess, guesses))
    assert sorted(answers) == ["TriedTooOften"] * 45 + ["Wrong"] * 5
    with pytest.raises(service.TriedTooOften), db.transaction() as session:
        check(session, code)


def test_ten_requests_at_once_send_one_sms(db: Database) -> None:
    def ask(_: int) -> bool:
        try:
            with db.transaction() as session:
                service.send_code(
                    session,
                    phone=PHONE,
                    line_user_id=KEN,
                    purpose=JOIN,
                    brand="熟客商店",
                    key=KEY,
                    now=NOW,
                )
        except service.SentTooRecently:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(ask, range(10))) == 1
    with db.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(OutboxRow)) == 1


def test_one_proof_used_ten_times_at_once_serves_once(db: Database) -> None:
    with db.transaction() as session:
        passed = check(session, send(session))
    assert isinstance(passed, Passed)

    def spend(_: int) -> bool:
        try:
            with db.transaction() as session:
                use(session, passed)
        except service.NotVerified:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(spend, range(10))) == 1


def test_old_codes_and_counters_are_forgotten(session: Session) -> None:
    send(session)
    assert service.forget_old(session, now=NOW + timedelta(days=1)) == 0
    assert service.forget_old(session, now=NOW + timedelta(days=3)) == 1
    assert session.scalars(sa.select(VerificationGate)).all() == []
