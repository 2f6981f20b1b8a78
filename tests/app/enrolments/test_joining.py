from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.text import is_member_number
from app.coupons import service as coupons
from app.coupons.queries import usable_coupons
from app.coupons.rules import KindDraft
from app.enrolments import queries, rules, service
from app.enrolments.models import JoinStep
from app.enrolments.notice import notice
from app.enrolments.rules import Consents, Guardian, How, Profile
from app.members.models import Consent, Member
from app.outbox.models import OutboxRow
from app.rights import service as rights
from app.timeline.models import Fact
from app.verifications.rules import Wrong
from app.verifications.service import NotVerified
from tests.support import loyalty
from tests.support.joining import (
    ADULT,
    BRAND,
    KEN,
    KEY,
    MEI,
    PHONE,
    agree,
    friend,
    join,
    last_code,
    person_of,
    prove_phone,
)
from tests.support.times import NOW

WELCOME = KindDraft("welcome", "入會禮 NT$50", "amount_off", value=50, valid_days=30)


@pytest.fixture(autouse=True)
def shop(session: Session) -> None:
    loyalty.publish(session)


def row_of(session: Session, member_id: int) -> Member:
    return session.scalars(
        sa.select(Member).where(Member.id == member_id),
        execution_options={"populate_existing": True},
    ).one()


def facts_of(session: Session, member_id: int) -> list[str]:
    return list(
        session.scalars(sa.select(Fact.kind).where(Fact.member_id == member_id).order_by(Fact.id))
    )


def known_to_store(session: Session, **more: object) -> int:
    """Somebody who gave the store a phone before the brand was on LINE."""
    values = {
        "number": "1234567897",
        "status": "member",
        "phone": "+886912345678",
        "name": "王老闆",
        "is_friend": False,
        "birthday_edits": 0,
        "marketing_ok": False,
        "is_test": False,
        "joined_at": NOW - timedelta(days=900),
        "join_source": "store",
        "created_at": NOW - timedelta(days=900),
    }
    return session.scalars(sa.insert(Member).values(values | more).returning(Member.id)).one()


def test_a_friend_joins(session: Session) -> None:
    joined = join(session, KEN, marketing=True)
    row = row_of(session, joined.member_id)
    assert (row.status, row.phone, row.name) == ("member", "+886912345678", "王小明")
    assert (row.birthday, row.birth_month, row.birth_day) == (date(1990, 5, 6), 5, 6)
    assert (row.joined_at, row.join_source, row.marketing_ok) == (NOW, "liff", True)
    assert row.number == joined.number
    assert is_member_number(joined.number)
    assert joined.how == How.NEW
    assert "member.joined" in facts_of(session, joined.member_id)


def test_every_consent_and_refusal_is_proven_with_its_version(session: Session) -> None:
    joined = join(session, KEN, marketing=False, sharing=True)
    kept = session.execute(
        sa.select(Consent.kind, Consent.is_given, Consent.version, Consent.channel, Consent.at)
    ).all()
    version = notice(BRAND).version
    assert {tuple(row) for row in kept} == {
        ("notice", True, version, "liff", NOW),
        ("terms", True, version, "liff", NOW),
        ("marketing", False, version, "liff", NOW),
        ("sharing", True, version, "liff", NOW),
    }
    assert not row_of(session, joined.member_id).marketing_ok


def test_a_new_member_starts_in_the_lowest_tier(session: Session) -> None:
    assert join(session).tier == "普卡"


def test_the_welcome_coupon_is_in_the_wallet(session: Session) -> None:
    coupons.create_kind(session, draft=WELCOME, now=NOW)
    joined = join(session)
    assert joined.gifts == ("入會禮 NT$50",)
    [held] = usable_coupons(session, joined.member_id, now=NOW)
    assert held.name == "入會禮 NT$50"


def test_a_welcome_coupon_that_has_run_out_stops_nobody(session: Session) -> None:
    coupons.create_kind(session, draft=replace(WELCOME, issue_limit=0), now=NOW)
    assert join(session).gifts == ()


def test_nobody_gets_a_second_welcome_coupon_by_leaving(session: Session) -> None:
    coupons.create_kind(session, draft=WELCOME, now=NOW)
    joined = join(session)
    rights.close(session, member_id=joined.member_id, channel="liff", now=NOW)
    later = NOW + timedelta(days=7)
    rights.wipe_due(session, key=KEY, now=later)
    assert join(session, now=later).gifts == ()


def test_another_line_account_gets_no_second_welcome_coupon(session: Session) -> None:
    coupons.create_kind(session, draft=WELCOME, now=NOW)
    join(session, KEN)
    assert join(session, MEI, now=NOW + timedelta(minutes=2)).gifts == ()


def test_the_members_menu_is_shown(session: Session) -> None:
    join(session)
    menus = session.scalars(sa.select(OutboxRow.payload).where(OutboxRow.channel == "menu")).all()
    assert menus == ["member"]


def test_what_was_typed_is_forgotten_once_it_is_used(session: Session) -> None:
    joined = join(session)
    step = session.scalars(sa.select(JoinStep)).one()
    session.refresh(step)
    assert (step.step, step.phone, step.birthday) == (rules.DONE, None, None)
    assert step.joined_id == joined.member_id


def test_the_terms_must_be_ticked(session: Session) -> None:
    ken = friend(session, KEN)
    with pytest.raises(rules.ConsentMissing):
        agree(session, ken, terms=False)


def test_an_older_notice_must_be_read_again(session: Session) -> None:
    ken = friend(session, KEN)
    with pytest.raises(rules.NoticeChanged):
        service.begin(
            session,
            member=ken,
            consents=Consents("2020-01.000000000000", terms=True),
            channel="liff",
            source=None,
            brand=BRAND,
            now=NOW,
        )


def test_nothing_goes_on_without_the_notice(session: Session) -> None:
    ken = friend(session, KEN)
    with pytest.raises(rules.NothingBegun):
        service.ask_code(session, member=ken, phone=PHONE, brand=BRAND, key=KEY, now=NOW)
    with pytest.raises(rules.NothingBegun):
        service.enter_code(session, member=ken, code="123456", key=KEY, now=NOW)
    with pytest.raises(rules.NothingBegun):
        service.finish(session, member=ken, profile=ADULT, key=KEY, now=NOW)


def test_nobody_joins_without_a_proven_phone(session: Session) -> None:
    ken = friend(session, KEN)
    agree(session, ken)
    service.ask_code(session, member=ken, phone=PHONE, brand=BRAND, key=KEY, now=NOW)
    wrong = f"{(int(last_code(session)) + 1) % 1_000_000:06d}"
    checked = service.enter_code(session, member=ken, code=wrong, key=KEY, now=NOW)
    assert checked == Wrong(4)
    with pytest.raises(rules.NothingBegun):
        service.finish(session, member=ken, profile=ADULT, key=KEY, now=NOW)
    assert not person_of(session, KEN).is_member


def test_a_new_phone_must_be_proven_again(session: Session) -> None:
    ken = friend(session, KEN)
    agree(session, ken)
    prove_phone(session, ken)
    later = NOW + timedelta(seconds=60)
    service.ask_code(session, member=ken, phone="0987654321", brand=BRAND, key=KEY, now=later)
    with pytest.raises(rules.NothingBegun):
        service.finish(session, member=ken, profile=ADULT, key=KEY, now=later)


def test_a_code_may_be_typed_in_full_width_and_with_spaces(session: Session) -> None:
    ken = friend(session, KEN)
    agree(session, ken)
    service.ask_code(session, member=ken, phone=PHONE, brand=BRAND, key=KEY, now=NOW)
    code = last_code(session).translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"})
    service.enter_code(session, member=ken, code=f" {code[:3]} {code[3:]}", key=KEY, now=NOW)
    assert service.finish(session, member=ken, profile=ADULT, key=KEY, now=NOW).number


@pytest.mark.parametrize(
    ("birthday", "refusal"),
    [
        (date(2026, 7, 4) - timedelta(days=1), rules.TooYoung),
        (date(2019, 7, 5), rules.TooYoung),
        (date(2019, 7, 4), rules.GuardianNeeded),
        (date(2008, 7, 5), rules.GuardianNeeded),
    ],
)
def test_the_young_are_refused_or_need_a_guardian(
    session: Session, birthday: date, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        join(session, profile=Profile(birthday))
    assert not person_of(session, KEN).is_member


def test_eighteen_today_needs_no_guardian(session: Session) -> None:
    joined = join(session, profile=Profile(date(2008, 7, 4)))
    assert row_of(session, joined.member_id).guardian_name is None


def test_a_minor_joins_with_a_guardian(session: Session) -> None:
    guardian = Guardian("王大明", "+886987654321")
    joined = join(session, profile=Profile(date(2015, 1, 1), guardian=guardian))
    row = row_of(session, joined.member_id)
    assert (row.guardian_name, row.guardian_phone) == ("王大明", "+886987654321")


def test_a_refused_birthday_leaves_the_joining_where_it_was(session: Session) -> None:
    with pytest.raises(rules.GuardianNeeded):
        join(session, profile=Profile(date(2015, 1, 1)))
    ken = person_of(session, KEN)
    assert service.finish(session, member=ken, profile=ADULT, key=KEY, now=NOW).number


def test_a_form_sent_twice_gives_one_member_and_the_same_answer(session: Session) -> None:
    first = join(session)
    ken = person_of(session, KEN)
    second = service.finish(session, member=ken, profile=ADULT, key=KEY, now=NOW)
    assert (second.member_id, second.number) == (first.member_id, first.number)
    assert second.is_repeat
    assert facts_of(session, first.member_id).count("member.joined") == 1


def test_a_joining_is_taken_up_again_within_a_day(session: Session) -> None:
    ken = friend(session, KEN)
    agree(session, ken, marketing=True)
    prove_phone(session, ken)
    later = NOW + timedelta(hours=23, minutes=59)
    draft = queries.draft(session, ken.id, now=later)
    assert draft is not None
    assert (draft.step, draft.phone) == (rules.BIRTHDAY, "+886912345678")
    assert service.finish(session, member=ken, profile=ADULT, key=KEY, now=later).number


def test_a_joining_of_yesterday_begins_anew(session: Session) -> None:
    ken = friend(session, KEN)
    agree(session, ken)
    prove_phone(session, ken)
    later = NOW + timedelta(hours=24)
    assert queries.draft(session, ken.id, now=later) is None
    with pytest.raises(rules.NothingBegun):
        service.finish(session, member=ken, profile=ADULT, key=KEY, now=later)


def test_joinings_left_lying_are_forgotten(session: Session) -> None:
    ken = friend(session, KEN)
    agree(session, ken)
    prove_phone(session, ken)
    assert service.forget_old(session, now=NOW + timedelta(hours=23)) == 0
    assert service.forget_old(session, now=NOW + timedelta(hours=24)) == 1


def test_a_cancelled_joining_leaves_nothing_behind(session: Session) -> None:
    ken = friend(session, KEN)
    agree(session, ken)
    prove_phone(session, ken)
    service.cancel(session, member_id=ken.id)
    assert session.scalars(sa.select(JoinStep)).all() == []


def test_a_member_cannot_begin_again(session: Session) -> None:
    join(session)
    with pytest.raises(rules.AlreadyMember):
        agree(session, person_of(session, KEN))


def test_a_store_member_is_linked_without_loss(session: Session) -> None:
    store_id = known_to_store(session, birthday=date(1980, 1, 2), birth_month=1, birth_day=2)
    guest = friend(session, KEN)
    joined = join(session, KEN, marketing=True)
    assert (joined.member_id, joined.how) == (store_id, How.LINKED)
    row = row_of(session, store_id)
    assert (row.number, row.line_user_id, row.is_friend) == ("1234567897", KEN, True)
    # What the store knew stays, whatever was typed.
    assert (row.name, row.birthday) == ("王老闆", date(1980, 1, 2))
    assert (row.joined_at, row.join_source) == (NOW - timedelta(days=900), "store")
    assert row.marketing_ok
    assert set(facts_of(session, store_id)) == {"member.friended", "member.joined"}
    left = row_of(session, guest.id)
    assert (left.status, left.line_user_id, left.is_friend) == ("closed", None, False)
    assert person_of(session, KEN).id == store_id


def test_a_store_member_gets_what_the_store_did_not_know(session: Session) -> None:
    store_id = known_to_store(session, number=None, name=None)
    joined = join(session, KEN)
    row = row_of(session, store_id)
    assert is_member_number(row.number or "")
    assert row.number == joined.number
    assert (row.name, row.birthday) == ("王小明", date(1990, 5, 6))


def test_another_line_account_takes_the_membership_over(session: Session) -> None:
    first = join(session, KEN)
    later = NOW + timedelta(minutes=2)
    second = join(session, MEI, now=later)
    assert (second.member_id, second.number, second.how) == (
        first.member_id,
        first.number,
        How.REBOUND,
    )
    assert person_of(session, MEI).is_member
    old = person_of(session, KEN)
    assert (old.status, old.phone, old.number, old.is_friend) == ("guest", None, None, True)
    told = session.scalars(sa.select(OutboxRow).where(OutboxRow.kind == "unbound")).one()
    assert (told.recipient, told.member_id) == (KEN, old.id)
    menus = session.execute(
        sa.select(OutboxRow.recipient, OutboxRow.payload)
        .where(OutboxRow.channel == "menu")
        .order_by(OutboxRow.id)
    ).all()
    assert [tuple(menu) for menu in menus] == [(KEN, "member"), (KEN, "guest"), (MEI, "member")]


def test_the_old_line_account_can_take_it_back(session: Session) -> None:
    join(session, KEN)
    join(session, MEI, now=NOW + timedelta(minutes=2))
    third = join(session, KEN, now=NOW + timedelta(minutes=4))
    assert third.how == How.REBOUND
    assert person_of(session, KEN).is_member
    assert person_of(session, MEI).status == "guest"


def test_whoever_is_leaving_is_asked_to_reopen(session: Session) -> None:
    joined = join(session, KEN)
    wipe_at = rights.close(session, member_id=joined.member_id, channel="liff", now=NOW)
    with pytest.raises(rules.ClosingPending) as refused:
        agree(session, person_of(session, KEN))
    assert refused.value.wipe_at == wipe_at


def test_proving_the_phone_of_a_closing_membership_reopens_it(session: Session) -> None:
    joined = join(session, KEN)
    rights.close(session, member_id=joined.member_id, channel="liff", now=NOW)
    again = join(session, MEI, now=NOW + timedelta(days=1))
    assert (again.member_id, again.number) == (joined.member_id, joined.number)
    assert person_of(session, MEI).is_member


def test_a_proof_that_was_spent_is_no_proof(session: Session) -> None:
    ken = friend(session, KEN)
    agree(session, ken)
    prove_phone(session, ken)
    session.execute(sa.text("UPDATE verifications SET used_at = sent_at"))
    with pytest.raises(NotVerified):
        service.finish(session, member=ken, profile=ADULT, key=KEY, now=NOW)
    draft = queries.draft(session, ken.id, now=NOW)
    assert draft is not None
    assert draft.step == rules.BIRTHDAY
