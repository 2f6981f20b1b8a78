from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import ids
from app.coupons import service as coupons
from app.coupons.models import EVENTS
from app.coupons.rules import KindDraft
from app.coupons.service import Giver
from app.members import service as members
from app.members.models import Member
from app.outbox import service as outbox
from app.outbox.models import OutboxRow
from app.points import queries as point_queries
from app.points import service as point_service
from app.programmes import queries as programmes
from app.rights import queries, service
from app.rights.rules import WIPE_AFTER
from app.staff.models import AuditEntry
from app.staff.rules import Role
from app.visits import service as visits
from flex_templates.theme import CAMPHOR
from tests.support import loyalty
from tests.support.joining import ADULT, KEN, KEY, MEI, PHONE, friend, join, person_of
from tests.support.staffing import staffed_shop
from tests.support.times import NOW


@pytest.fixture(autouse=True)
def shop(session: Session) -> None:
    loyalty.publish(session)


def statuses(session: Session, member_id: int) -> set[str]:
    query = sa.select(OutboxRow.status).where(
        OutboxRow.member_id == member_id, OutboxRow.channel == "push"
    )
    return set(session.scalars(query))


def everything(session: Session) -> str:
    """All that all tables hold, as one text."""
    return "\n".join(
        str(tuple(row)) for table in queries.tables() for row in session.execute(sa.select(table))
    )


def test_closing_stops_everything_at_once(session: Session) -> None:
    joined = join(session, KEN, marketing=True)
    outbox.push(
        session,
        member_id=joined.member_id,
        recipient=KEN,
        messages=[{"type": "text", "text": "生日快樂"}],
        kind="birthday",
        klass="lifecycle",
        dedup_key="x",
        now=NOW,
    )
    wipe_at = service.close(session, member_id=joined.member_id, channel="liff", now=NOW)
    assert wipe_at == NOW + timedelta(days=7)
    ken = person_of(session, KEN)
    assert (ken.status, ken.is_member, ken.marketing_ok) == ("closed", False, False)
    assert statuses(session, joined.member_id) == {"cancelled"}
    assert queries.wipe_at(session, joined.member_id) == wipe_at
    menus = session.scalars(sa.select(OutboxRow.payload).where(OutboxRow.channel == "menu")).all()
    assert menus == ["member", "guest"]


def test_only_a_member_can_close(session: Session) -> None:
    ken = friend(session, KEN)
    with pytest.raises(service.NoMember):
        service.close(session, member_id=ken.id, channel="liff", now=NOW)


def test_closing_twice_is_one_closing(session: Session) -> None:
    joined = join(session)
    service.close(session, member_id=joined.member_id, channel="liff", now=NOW)
    with pytest.raises(service.NoMember):
        service.close(session, member_id=joined.member_id, channel="liff", now=NOW)


def test_within_a_week_all_comes_back_but_marketing(session: Session) -> None:
    joined = join(session, KEN, marketing=True)
    service.close(session, member_id=joined.member_id, channel="liff", now=NOW)
    last = NOW + WIPE_AFTER - timedelta(seconds=1)
    assert service.wipe_due(session, key=KEY, now=last) == 0
    service.reopen(session, member_id=joined.member_id, now=last)
    ken = person_of(session, KEN)
    assert (ken.number, ken.is_member, ken.marketing_ok) == (joined.number, True, False)
    assert queries.wipe_at(session, joined.member_id) is None
    assert service.wipe_due(session, key=KEY, now=NOW + timedelta(days=30)) == 0
    service.close(session, member_id=joined.member_id, channel="liff", now=last)


def test_after_a_week_nothing_can_be_reopened(session: Session) -> None:
    joined = join(session)
    service.close(session, member_id=joined.member_id, channel="liff", now=NOW)
    with pytest.raises(service.NothingToReopen):
        service.reopen(session, member_id=joined.member_id, now=NOW + WIPE_AFTER)


def test_why_staff_corrected_points_is_wiped_and_the_points_stay(session: Session) -> None:
    staff = staffed_shop(session)
    joined = join(session, KEN)
    terms = programmes.terms_at(session, NOW)
    by = point_service.Person(staff.staff[Role.STORE_MANAGER], Role.STORE_MANAGER)
    for points in (100, 800):  # at once, and waiting for a second person
        wanted = point_service.Correction(f"f{points}", joined.member_id, points, "補登肯肯的消費")
        point_service.correct(session, wanted, by=by, terms=terms, now=NOW)
    assert "肯肯" in everything(session)
    service.close(session, member_id=joined.member_id, channel="liff", now=NOW)
    service.wipe_due(session, key=KEY, now=NOW + WIPE_AFTER)
    assert "肯肯" not in everything(session)
    assert point_queries.unbalanced(session) == []


def test_a_wiped_member_is_in_no_table(session: Session) -> None:
    guest = friend(session, KEN)
    members.set_profile(
        session,
        member_id=guest.id,
        display_name="肯肯肯",
        picture_url="https://profile.line-scdn.net/ken",
        language="zh-TW",
        now=NOW,
    )
    joined = join(session, KEN)
    visits.open_visit(session, line_user_id=KEN, id_token="an id token", now=NOW)
    session.execute(
        sa.text(
            "INSERT INTO inbox (webhook_event_id, person, type, occurred_ms, received_at, body,"
            " status, due_at, attempts) VALUES ('e1', :ken, 'message', 1, '2026-07-04', :body,"
            " 'handled', '2026-07-04', 1)"
        ),
        {"ken": KEN, "body": f'{{"source": {{"userId": "{KEN}"}}, "text": "我是王小明"}}'},
    )
    outbox.push(
        session,
        member_id=joined.member_id,
        recipient=KEN,
        messages=[{"type": "text", "text": "王小明您好"}],
        kind="receipt",
        klass="service",
        dedup_key="receipt",
        now=NOW,
    )
    session.execute(
        sa.insert(AuditEntry).values(
            action="member.edit",
            object=f"member:{joined.member_id}",
            before={"name": "王小明"},
            after={"name": "王小明"},
            at=NOW,
        )
    )
    traces = (
        KEN,
        "912345678",
        "0912",
        "王小明",
        "date(1990, 5, 6)",
        "肯肯肯",
        "line-scdn",
        joined.number,
    )
    before = everything(session)
    assert [trace for trace in traces if trace not in before] == ["0912"]
    service.close(session, member_id=joined.member_id, channel="liff", now=NOW)
    assert service.wipe_due(session, key=KEY, now=NOW + WIPE_AFTER) == 1
    session.expire_all()
    after = everything(session)
    assert [trace for trace in traces if trace in after] == []
    assert service.wipe_due(session, key=KEY, now=NOW + WIPE_AFTER) == 0


def test_the_hash_of_a_wiped_phone_is_known_for_a_year(session: Session) -> None:
    joined = join(session)
    service.close(session, member_id=joined.member_id, channel="liff", now=NOW)
    wiped = NOW + WIPE_AFTER
    service.wipe_due(session, key=KEY, now=wiped)
    phone = "+886912345678"
    assert ids.keyed_hash(KEY, phone) in everything(session)
    year = timedelta(days=365)
    last = wiped + year - timedelta(seconds=1)
    assert queries.is_forgotten(session, phone=phone, key=KEY, now=last)
    assert not queries.is_forgotten(session, phone=phone, key=KEY, now=wiped + year)
    assert service.forget_old(session, now=wiped + year) == 1
    assert ids.keyed_hash(KEY, phone) not in everything(session)


def test_joining_again_after_the_wipe_starts_clean(session: Session) -> None:
    first = join(session)
    service.close(session, member_id=first.member_id, channel="liff", now=NOW)
    later = NOW + WIPE_AFTER
    service.wipe_due(session, key=KEY, now=later)
    again = join(session, KEN, PHONE, ADULT, later)
    assert again.member_id != first.member_id
    assert again.number != first.number
    assert again.how == "new"


def test_what_is_held_is_everything_and_only_ones_own(session: Session) -> None:
    ken = join(session, KEN)
    mei = join(session, MEI, "0987654321", ADULT)
    held = queries.held(session, ken.member_id)
    [own] = held["members"]
    assert (own["number"], own["phone"], own["birthday"]) == (
        ken.number,
        "+886912345678",
        "1990-05-06",
    )
    assert {row["kind"] for row in held["consents"]} == {"notice", "terms", "marketing", "sharing"}
    assert "timeline" in held
    assert "outbox" in held
    assert mei.number not in str(held)
    assert MEI not in str(held)


def test_what_went_to_them_with_others_is_held_with_its_words(session: Session) -> None:
    ken, mei = join(session, KEN), join(session, MEI, "0987654321", ADULT)
    outbox.multicast(
        session,
        [outbox.Reader(ken.member_id, KEN), outbox.Reader(mei.member_id, MEI)],
        [{"type": "text", "text": "new tea"}],
        kind="broadcast:7",
        klass="promotion",
        now=NOW,
    )
    held = queries.held(session, ken.member_id)
    assert "new tea" in str(held["outbox"])
    assert MEI not in str(held)


def test_what_is_held_gives_no_keys_away(session: Session) -> None:
    ken = join(session, KEN)
    visits.open_visit(session, line_user_id=KEN, id_token="an id token", now=NOW)
    held = queries.held(session, ken.member_id)
    names = {name for rows in held.values() for row in rows for name in row}
    assert not names & {"digest", "code_digest", "retry_key", "reply_token", "proof", "lease"}


def test_every_table_with_a_member_in_it_is_looked_at(session: Session) -> None:
    """A new table about members must be found by `of_member`, or be named here with its reason."""
    of_nobody = {
        "api_tokens", "audit_log", "broadcasts", "coupon_days", "coupon_goodwill",
        "coupon_kinds", "coupon_offers",
        "draw_prizes", "hooks",
        "draws", "experiments", "imports", "import_faults",
        "job_runs", "journey_versions", "journeys", "login_attempts", "offline_days",
        "richmenus", "richmenu_versions", "richmenu_pages",
        "richmenu_pictures", "letter_pictures", "marketing_topics",
        "merger_rows", "mission_versions", "missions", "outbox_quota",
        "programme_drafts", "programmes", "recovery_codes", "reward_offers", "rewards",
        "score_cells",
        "score_runs", "segments", "staff",
        "staff_links", "staff_sessions", "stamp_cards", "stamp_versions", "stores", "tags",
        "tier_cuts",
    }  # fmt: skip
    keyed = {"verification_gates", "outbox_stops", "forgotten_phones"}  # wiped by their keys
    found = {table.name for table in queries.tables() if queries.of_member(table, 1) is None}
    left = found - of_nobody - keyed
    assert left == set(), "say whose these are"


@pytest.mark.parametrize("is_given_on", [False, True])
def test_why_a_coupon_was_given_goes_with_the_member(session: Session, is_given_on: bool) -> None:
    joined = join(session)
    kind = KindDraft("sorry", "招待飲料", "gift", valid_days=30, goodwill=True, giving="once")
    coupons.create_kind(session, draft=kind, now=NOW)
    shop = staffed_shop(session)
    by = Giver(next(iter(shop.staff.values())), shop.store_id, (None, None))
    given = coupons.give_goodwill(
        session,
        kind_code="sorry",
        member_id=joined.member_id,
        by=by,
        reason="陳小花久等",
        dedup_key="1",
        now=NOW,
    )
    assert given is not None
    if is_given_on:
        gift = coupons.offer_gift(
            session, coupon_id=given.coupon_id, giver_id=joined.member_id, now=NOW
        )
        coupons.accept_gift(
            session, token=gift.token, friend_id=loyalty.new_member(session), theme=CAMPHOR, now=NOW
        )
    service.close(session, member_id=joined.member_id, channel="liff", now=NOW)
    service.wipe_due(session, key=KEY, now=NOW + WIPE_AFTER)
    facts = session.scalars(sa.select(EVENTS.c.facts).where(EVENTS.c.kind == "issued")).all()
    assert "陳小花" not in str(facts)


def test_a_member_row_holds_nothing_after_the_wipe(session: Session) -> None:
    joined = join(session)
    service.close(session, member_id=joined.member_id, channel="liff", now=NOW)
    service.wipe_due(session, key=KEY, now=NOW + WIPE_AFTER)
    row = (
        session.execute(sa.select(Member.__table__).where(Member.id == joined.member_id))
        .mappings()
        .one()
    )
    kept = {name for name, value in row.items() if value not in (None, False, 0)}
    assert kept == {"id", "status", "created_at", "joined_at", "closed_at"}
