"""One request for many: its list is settled when LINE is first asked, and never afterwards."""

import asyncio
import threading
from datetime import datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import Database
from app.line.buckets import Buckets
from app.line.gateway import Accepted, Failure, SendError
from app.line.limits import MULTICAST_RECIPIENTS, PER_SECOND
from app.outbox import queries, service
from app.outbox.models import READERS, OutboxRow
from app.outbox.rules import Step, Verdict
from app.outbox.sender import Sender
from app.outbox.service import Reader
from tests.support.at_once import at_once
from tests.support.fake_line import FakeLine
from tests.support.times import NOW

HANA, KEN, MEI = (f"U{number:032x}" for number in (1, 2, 3))
PEOPLE = [Reader(1, HANA), Reader(2, KEN), Reader(3, MEI)]
KIND = "broadcast:7"


def queue(session: Session, readers: list[Reader] = PEOPLE, kind: str = KIND) -> int:
    said = [{"type": "text", "text": "新品到了"}]
    return service.multicast(
        session, readers, said, kind=kind, klass="promotion", topic="news", now=NOW
    )


def send(db: Database, line: FakeLine, *, at: datetime = NOW) -> int:
    buckets = Buckets(PER_SECOND, lambda: 0.0)
    sender = Sender(db, line, FakeLine(), lambda: at, buckets)  # type: ignore[arg-type]  # no SMS goes
    return asyncio.run(sender.send_once())


def states(db: Database) -> dict[int | None, tuple[str | None, str | None]]:
    with db.reading() as session:
        found = queries.letters_to(session, KIND, [1, 2, 3])
        return {member: (state.status, state.reason) for member, state in found.items()}


def test_many_get_the_same_in_one_request(db: Database) -> None:
    line = FakeLine()
    with db.transaction() as session:
        assert queue(session) == 3
        assert queries.waiting_of(session, KIND, most=10) == 3
        assert queries.waiting_of(session, KIND, most=2) == 2
    assert send(db, line) == 1
    assert [(kind, to) for kind, to, _key in line.calls] == [("multicast", f"{HANA} {KEN} {MEI}")]
    assert states(db) == dict.fromkeys((1, 2, 3), ("sent", None))
    with db.reading() as session:
        assert queries.letters_by_status(session, KIND) == {"sent": 3}
        assert queries.pushed_since(session, NOW) == 3  # LINE counts people, not requests
        [sending] = queries.sendings_to(session, 2)
        assert (sending.channel, sending.status, sending.member_id) == ("multicast", "sent", 2)
        assert queries.readers_of(session, [sending.id]) == {sending.id: 3}


def test_a_letter_comes_once_however_it_is_queued(db: Database) -> None:
    with db.transaction() as session:
        assert queue(session) == 3
        assert queue(session) == 0
        assert queue(session, kind="broadcast:8") == 3


def test_who_blocked_us_is_not_on_the_list(db: Database) -> None:
    with db.transaction() as session:
        service.stop(session, recipient=KEN, now=NOW)
        assert queue(session) == 2
    send(db, line := FakeLine())
    assert line.calls[0][1] == f"{HANA} {MEI}"


@pytest.mark.parametrize("number", [0, MULTICAST_RECIPIENTS + 1])
def test_a_request_is_for_one_to_five_hundred(session: Session, number: int) -> None:
    with pytest.raises(ValueError, match="500"):
        queue(session, [Reader(one, f"U{one:032x}") for one in range(number)])


LEAVING = {
    "refused": partial(service.cancel_marketing),
    "topic": partial(service.cancel_topic, topic="news", reason="不想收到「新品」"),
    "closed": partial(service.withdraw, reason="the membership was closed"),
}


@pytest.mark.parametrize("why", LEAVING)
def test_who_leaves_before_the_first_try_is_not_in_the_request(db: Database, why: str) -> None:
    line = FakeLine()
    with db.transaction() as session:
        queue(session)
        assert LEAVING[why](session, member_id=2) == 1
        assert LEAVING[why](session, member_id=2) == 0
    send(db, line)
    assert line.calls[0][1] == f"{HANA} {MEI}"
    assert states(db)[2][0] == "cancelled"
    with db.reading() as session:
        assert queries.letters_by_status(session, KIND) == {"sent": 2, "cancelled": 1}
        assert queries.pushed_since(session, NOW) == 2


def test_another_topic_takes_nobody_off(db: Database) -> None:
    with db.transaction() as session:
        queue(session)
        assert service.cancel_topic(session, member_id=2, topic="events", reason="x") == 0


def test_once_tried_the_list_stays_and_the_key_too(db: Database) -> None:
    line = FakeLine([SendError(Failure.UNKNOWN, "no answer"), Accepted("r", is_repeat=True)])
    with db.transaction() as session:
        queue(session)
    send(db, line)
    with db.transaction() as session:
        assert service.cancel_marketing(session, member_id=2) == 0
    send(db, line, at=NOW + timedelta(minutes=1))
    first, second = line.calls
    assert first == second
    assert states(db) == dict.fromkeys((1, 2, 3), ("sent", None))


REFUSED = [
    SendError(Failure.QUOTA, "You have reached your monthly limit.", status=429),
    SendError(Failure.RATE, "too fast", status=429),
]


@pytest.mark.parametrize("refusal", REFUSED, ids=["quota", "rate"])
def test_who_leaves_after_line_took_nothing_is_not_in_the_next_request(
    db: Database, refusal: SendError
) -> None:
    line = FakeLine([refusal])
    with db.transaction() as session:
        queue(session)
    send(db, line)
    with db.transaction() as session:
        assert service.cancel_marketing(session, member_id=2) == 1
    send(db, line, at=NOW + timedelta(hours=2))
    first, second = line.calls
    assert second[1] == f"{HANA} {MEI}"
    assert second[2] != first[2]  # another list: another request
    assert states(db)[2][0] == "cancelled"


def test_who_leaves_while_line_is_asked_is_taken_off_when_it_takes_nothing(db: Database) -> None:
    with db.transaction() as session:
        queue(session)
        [row] = service.claim(session, lease="x", now=NOW)
    with db.transaction() as session:
        assert service.cancel_marketing(session, member_id=2) == 0
    untaken = service.Result(row.id, Verdict(Step.ANEW, "too fast"))
    with db.transaction() as session:
        service.record(session, [untaken], lease="x", now=NOW)
    send(db, line := FakeLine(), at=NOW + timedelta(minutes=1))
    assert line.calls[0][1] == f"{HANA} {MEI}"


def test_a_refusal_after_an_unknown_try_leaves_the_list_as_it_was(db: Database) -> None:
    line = FakeLine([SendError(Failure.UNKNOWN, "no answer"), REFUSED[1]])
    with db.transaction() as session:
        queue(session)
    send(db, line)
    send(db, line, at=NOW + timedelta(minutes=1))
    with db.transaction() as session:
        assert service.cancel_marketing(session, member_id=2) == 0
    send(db, line, at=NOW + timedelta(minutes=2))
    assert len(set(line.calls)) == 1


@pytest.mark.parametrize("why", LEAVING)
def test_who_left_since_it_was_parked_is_not_written_to_when_it_is_sent_again(
    db: Database, why: str
) -> None:
    line = FakeLine([SendError(Failure.PERMANENT, "bad", status=400)] * 2)
    with db.transaction() as session:
        queue(session)
        service.push(
            session,
            member_id=2,
            recipient=KEN,
            messages=[{"type": "text", "text": "生日快樂"}],
            kind="birthday",
            klass="lifecycle",
            topic="news",
            dedup_key="b",
            now=NOW,
        )
    send(db, line)
    with db.transaction() as session:
        parked = [row.id for row in queries.parked_rows(session)]
        assert len(parked) == 2
        assert LEAVING[why](session, member_id=2) == 1
        for row_id in parked:
            service.retry(session, row_id, now=NOW)
    send(db, line, at=NOW + timedelta(minutes=1))
    assert [(kind, to) for kind, to, _key in line.calls[2:]] == [("multicast", f"{HANA} {MEI}")]


def test_what_is_parked_goes_no_more_when_its_kind_is_withdrawn(db: Database) -> None:
    line = FakeLine([SendError(Failure.PERMANENT, "bad", status=400)])
    with db.transaction() as session:
        queue(session)
    send(db, line)
    with db.transaction() as session:
        [parked] = queries.parked_rows(session)
        assert service.withdraw_kind(session, kind=KIND, reason="cancelled") == 1
        assert not service.retry(session, parked.id, now=NOW)


def test_a_list_that_everybody_left_is_not_sent(db: Database) -> None:
    line = FakeLine()
    with db.transaction() as session:
        queue(session, PEOPLE[:1])
        service.cancel_marketing(session, member_id=1)
    send(db, line)
    assert line.calls == []
    assert states(db)[1][0] == "cancelled"


def test_a_forgotten_reader_leaves_no_trace_and_is_not_written_to(db: Database) -> None:
    line = FakeLine()
    with db.transaction() as session:
        queue(session)
        service.forget(session, member_id=1)
    send(db, line)
    assert line.calls[0][1] == f"{KEN} {MEI}"
    with db.transaction() as session:
        service.forget(session, member_id=2)
        kept = session.scalars(sa.select(READERS.c.recipient).order_by(READERS.c.member_id)).all()
    assert list(kept) == ["", "", MEI]


def test_a_month_that_is_used_up_holds_a_multicast_back(db: Database) -> None:
    line = FakeLine([SendError(Failure.QUOTA, "You have reached your monthly limit.", status=429)])
    with db.transaction() as session:
        queue(session)
    send(db, line)
    with db.reading() as session:
        assert queries.used_up_until(session, now=NOW) is not None


def test_two_requests_for_many_do_not_wait_for_each_other(db: Database) -> None:
    """They have no recipient in common that would put them in one lane."""
    with db.transaction() as session:
        queue(session, PEOPLE[:2])
        queue(session, PEOPLE[2:])
        rows = service.claim(session, lease="x", now=NOW)
    assert len({row.lane for row in rows}) == 2


def test_leaving_and_trying_at_once_ends_with_one_truth(db: Database) -> None:
    """Whoever wins: who is called back is not in the request, and who is in it was not."""
    for number in range(12):
        kind = f"broadcast:{number}"
        with db.transaction() as session:
            queue(session, kind=kind)

        def leave() -> int:
            with db.transaction() as session:
                return service.cancel_marketing(session, member_id=2)

        def claim(lease: str = f"lease-{number}") -> list[str]:
            with db.transaction() as session:
                rows = service.claim(session, lease=lease, now=NOW)
            return [reader for row in rows for reader in row.readers]

        left, sent = at_once(leave, claim)
        assert isinstance(left, int), left
        assert isinstance(sent, list), sent
        assert (KEN in sent) is (left == 0), (left, sent)
        with db.transaction() as session:
            session.execute(sa.delete(READERS))
            session.execute(sa.delete(OutboxRow))


def test_two_senders_at_once_never_have_the_same_list(db: Database) -> None:
    with db.transaction() as session:
        for number in range(10):
            queue(session, kind=f"broadcast:{number}")

    def claim() -> list[int]:
        with db.transaction() as session:
            lease = str(threading.get_ident())
            return [row.id for row in service.claim(session, lease=lease, now=NOW, limit=6)]

    first, second = at_once(claim, claim)
    assert isinstance(first, list), first
    assert isinstance(second, list), second
    assert not set(first) & set(second)
