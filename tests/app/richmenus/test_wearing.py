"""Who sees which menu: everybody the right one, told to LINE in as few calls as it takes."""

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import Database
from app.jobs import menus as jobs
from app.line.gateway import Failure, SendError
from app.members.models import Member
from app.mergers import service as mergers
from app.outbox.models import OutboxRow
from app.richmenus import publishing, queries, service
from app.richmenus.models import WEARERS
from app.richmenus.queries import SpecialMenu
from app.richmenus.rules import audiences
from app.richmenus.rules.audiences import Special
from app.richmenus.service import Meant
from app.segments import service as segments
from app.segments.rules import Condition, Group
from app.timeline import service as timeline
from tests.app.richmenus.lines import FakeMenus
from tests.app.richmenus.shop import CONFIG, GOLD, begun, menu, publish_own, settle, special, work
from tests.support.loyalty import publish
from tests.support.people import regular
from tests.support.times import NOW

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.richmenus.publishing.pictures.picture", lambda *_page: b"png")


@pytest.fixture
def brand(db: Database) -> Database:
    with db.transaction() as session:
        publish(session)
    return db


def put_in_tier(session: Session, member_id: int, code: str) -> None:
    session.execute(
        sa.text("UPDATE tier_periods SET tier_code = :code WHERE member_id = :id"),
        {"code": code, "id": member_id},
    )


def people(db: Database, number: int, *, tier: str = "", **more: Any) -> list[int]:
    with db.transaction() as session:
        found = [regular(session, **more) for _ in range(number)]
        for member_id in found if tier else []:
            put_in_tier(session, member_id, tier)
    return found


def account(db: Database, member_id: int) -> str:
    with db.reading() as session:
        return (
            session.scalars(sa.select(Member.line_user_id).where(Member.id == member_id)).one()
            or ""
        )


def worn(db: Database) -> dict[int, tuple[int | None, bool]]:
    with db.reading() as session:
        return {
            row.member_id: (row.menu_id, row.is_due) for row in session.execute(sa.select(WEARERS))
        }


def ends(db: Database, menu_id: int, last: date, now: Any = NOW) -> None:
    with db.transaction() as session:
        shown = queries.menu(session, menu_id)
        service.revise(
            session, menu_id=menu_id, name=shown.name, drawn=shown.draft, now=now,
            meant=Meant("tier", tier_code=shown.tier_code, ends_on=last),
        )  # fmt: skip


def test_members_of_a_tier_get_its_menu_and_lose_it_with_the_tier(brand: Database) -> None:
    line, gold = FakeMenus(), special(brand)
    [hana], [ken] = people(brand, 1, tier="gold"), people(brand, 1)
    then = publish_own(brand, line)
    begun(brand, gold, then)
    then = settle(brand, line, then)
    code = menu(brand, gold).code
    assert line.linked == {account(brand, hana): line.aliases[code]}
    assert worn(brand) == {hana: (gold, False)}
    assert menu(brand, gold).wearers == 1

    with brand.transaction() as session:
        put_in_tier(session, hana, "regular")
        put_in_tier(session, ken, "gold")
    assert jobs.review(brand, now=then) == 2
    work(brand, line, then)
    assert line.linked == {
        account(brand, hana): line.aliases["member"],
        account(brand, ken): line.aliases[code],
    }
    assert worn(brand) == {ken: (gold, False)}
    assert jobs.review(brand, now=then) == 0


def test_who_turned_a_moment_ago_is_found_without_a_look_at_all(brand: Database) -> None:
    line, gold = FakeMenus(), special(brand)
    publish_own(brand, line)
    begun(brand, gold)
    then = settle(brand, line)
    risen, forgotten, early = people(brand, 3, tier="gold")
    with brand.transaction() as session:
        for member_id, at in ((risen, then), (early, then - HOUR)):
            timeline.record(session, member_id=member_id, kind="tier.upgraded", at=at, facts={})
    assert jobs.follow(brand, now=then) == 1
    assert set(worn(brand)) == {risen}
    assert jobs.follow(brand, now=then) == 0
    assert jobs.review(brand, now=then) == 2
    assert set(worn(brand)) == {risen, forgotten, early}


def test_without_special_menus_nothing_is_looked_up(brand: Database) -> None:
    [hana] = people(brand, 1, tier="gold")
    with brand.transaction() as session:
        timeline.record(session, member_id=hana, kind="tier.upgraded", at=NOW, facts={})
    assert jobs.follow(brand, now=NOW) == 0
    assert not jobs.has_work(brand, now=NOW)


def test_thousands_are_told_in_few_calls(brand: Database) -> None:
    line, gold = FakeMenus(), special(brand)
    people(brand, 1_100, tier="gold")
    publish_own(brand, line)
    begun(brand, gold)
    settle(brand, line)
    assert line.calls.count("link") == 3
    assert len(line.linked) == 1_100
    assert {is_due for _menu, is_due in worn(brand).values()} == {False}


def test_one_account_line_does_not_take_keeps_nobody_from_theirs(brand: Database) -> None:
    line, gold = FakeMenus(), special(brand)
    members = people(brand, 9, tier="gold")
    with brand.transaction() as session:
        session.execute(sa.update(Member).where(Member.id == members[4]).values(line_user_id="odd"))
    publish_own(brand, line)
    begun(brand, gold)
    settle(brand, line)
    assert len(line.linked) == 8
    assert not jobs.has_work(brand, now=NOW + HOUR)


@pytest.mark.parametrize("status", [404, 400])
def test_a_menu_that_is_gone_on_line_keeps_nobody_else_from_theirs(
    brand: Database, status: int
) -> None:
    line = FakeMenus()
    gold = special(brand)
    regulars = special(brand, Meant("tier", tier_code="regular"), name="一般")
    [hana], [ken] = people(brand, 1, tier="gold"), people(brand, 1, tier="regular")
    publish_own(brand, line)
    begun(brand, gold)
    begun(brand, regulars)
    publishing.advance(
        brand, line, publishing.Look(CONFIG.theme, ""), is_stopping=lambda: False, now=NOW
    )
    lost = line.documents.pop(line.aliases[menu(brand, gold).code])
    if status == 400:
        refused = SendError(Failure.PERMANENT, "HTTP 400: richMenuId", status=400)
        line.known = lambda line_id: (_ for _ in ()).throw(refused)
    then = settle(brand, line)
    assert line.linked == {account(brand, ken): line.aliases[menu(brand, regulars).code]}
    assert worn(brand) == {hana: (gold, True), ken: (regulars, False)}
    shown = menu(brand, gold)
    assert shown.refused is not None
    assert f"HTTP {status}" in shown.refused
    assert line.calls.count("link") < 12, "not one call for each person, nor again and again"

    line.documents[line.aliases[shown.code]] = lost
    jobs.hourly(brand, now=then)
    settle(brand, line, then)
    assert worn(brand) == {hana: (gold, False), ken: (regulars, False)}
    assert menu(brand, gold).refused is None


def test_a_members_own_menu_that_is_gone_on_line_is_told_once(brand: Database) -> None:
    line, gold = FakeMenus(), special(brand)
    [hana] = people(brand, 1, tier="gold")
    publish_own(brand, line)
    begun(brand, gold)
    then = settle(brand, line)
    with brand.transaction() as session:
        put_in_tier(session, hana, "regular")
    line.documents.pop(line.aliases["member"])
    jobs.review(brand, now=then)
    settle(brand, line, then)
    assert worn(brand) == {hana: (None, True)}
    with brand.reading() as session:
        own = next(each for each in queries.menus(session) if each.code == "member")
    assert own.refused is not None


def test_while_line_is_away_members_stay_due(brand: Database) -> None:
    line, gold = FakeMenus(), special(brand)
    [hana] = people(brand, 1, tier="gold")
    publish_own(brand, line)
    begun(brand, gold)
    lost = SendError(Failure.UNKNOWN, "LINE does not answer")
    line.before = lambda call: (_ for _ in ()).throw(lost) if call == "link" else None
    work(brand, line)
    assert worn(brand) == {hana: (gold, True)}
    line.before = lambda _call: None
    settle(brand, line)
    assert worn(brand) == {hana: (gold, False)}


def test_published_anew_while_members_are_told_tells_them_again(brand: Database) -> None:
    line, gold = FakeMenus(), special(brand)
    [hana] = people(brand, 1, tier="gold")
    publish_own(brand, line)
    begun(brand, gold)
    is_first = [True]

    def anew(call: str) -> None:
        if call == "link" and is_first.pop() if is_first else False:
            begun(brand, gold)
            publishing.advance(
                brand, line, publishing.Look(CONFIG.theme, ""), is_stopping=lambda: False, now=NOW
            )

    line.after = anew
    settle(brand, line)
    assert line.linked[account(brand, hana)] == line.aliases[menu(brand, gold).code]
    assert worn(brand) == {hana: (gold, False)}


def test_a_removed_menu_goes_and_its_members_have_another(brand: Database) -> None:
    line = FakeMenus()
    gold, better = special(brand), special(brand, Meant("tier", tier_code="gold", priority=60))
    [hana] = people(brand, 1, tier="gold")
    publish_own(brand, line)
    begun(brand, gold)
    begun(brand, better)
    then = settle(brand, line)
    assert worn(brand) == {hana: (better, False)}
    for removed, left in ((better, gold), (gold, None)):
        with brand.transaction() as session:
            service.remove(session, menu_id=removed, now=then)
        then = settle(brand, line, then)
        code = "member" if left is None else menu(brand, left).code
        assert line.linked[account(brand, hana)] == line.aliases[code]
        jobs.clear(brand, line, now=then + queries.KEPT)
    assert worn(brand) == {}
    assert set(line.aliases) == {"guest", "member"}
    assert set(line.documents) == set(line.aliases.values())


def test_a_removed_menu_stays_on_line_while_somebody_has_it(brand: Database) -> None:
    line, gold = FakeMenus(), special(brand)
    people(brand, 1, tier="gold")
    publish_own(brand, line)
    begun(brand, gold)
    then = settle(brand, line)
    with brand.transaction() as session:
        service.remove(session, menu_id=gold, now=then)
    assert jobs.clear(brand, line, now=then + HOUR) == 0
    settle(brand, line, then)
    assert jobs.clear(brand, line, now=then + HOUR) == 1


def test_when_the_season_is_over_the_members_own_comes_back(brand: Database) -> None:
    line, gold = FakeMenus(), special(brand)
    [hana] = people(brand, 1, tier="gold")
    publish_own(brand, line)
    begun(brand, gold)
    then = settle(brand, line)
    ends(brand, gold, taipei_date(then) - timedelta(days=1), then)
    assert jobs.has_work(brand, now=then)
    settle(brand, line, then)
    assert line.linked == {account(brand, hana): line.aliases["member"]}


def test_without_a_members_menu_people_are_unlinked(brand: Database) -> None:
    line, gold = FakeMenus(), special(brand)
    [hana] = people(brand, 1, tier="gold")
    begun(brand, gold)
    then = settle(brand, line)
    assert account(brand, hana) in line.linked
    with brand.transaction() as session:
        service.remove(session, menu_id=gold, now=then)
    settle(brand, line, then)
    assert line.linked == {}


def test_a_segment_gives_its_menu(brand: Database) -> None:
    line = FakeMenus()
    with brand.transaction() as session:
        tree = Group("all", (Condition("gender", any_of=("female",)),))
        segment_id = segments.create(session, name="女生", tree=tree, now=NOW)
    menu_id = special(brand, Meant("segment", segment_id=segment_id))
    [hana, _ken] = people(brand, 2)
    with brand.transaction() as session:
        session.execute(sa.update(Member).where(Member.id == hana).values(gender="female"))
    publish_own(brand, line)
    begun(brand, menu_id)
    settle(brand, line)
    assert worn(brand) == {hana: (menu_id, False)}


def test_who_leaves_is_forgotten_and_who_comes_back_gets_theirs(brand: Database) -> None:
    line, gold = FakeMenus(), special(brand)
    [hana, ken] = people(brand, 2, tier="gold")
    publish_own(brand, line)
    begun(brand, gold)
    then = settle(brand, line)
    with brand.transaction() as session:
        for number, (member_id, is_member) in enumerate(((hana, False), (ken, True))):
            service.show(
                session, member_id=member_id, recipient=f"U{number}", is_member=is_member,
                dedup_key=f"menu:{number}", now=then,
            )  # fmt: skip
        linked = session.execute(sa.select(OutboxRow.recipient, OutboxRow.payload)).all()
    assert sorted(tuple(row) for row in linked) == [
        ("U0", "guest"),
        ("U1", menu(brand, gold).code),
    ]
    assert set(worn(brand)) == {ken}


def test_an_account_that_changes_hands_gets_the_menu_of_its_member(brand: Database) -> None:
    [kept], [absorbed] = people(brand, 1), people(brand, 1)
    with brand.transaction() as session:
        user_id = session.scalars(sa.select(Member.line_user_id).where(Member.id == absorbed)).one()
        session.execute(sa.update(Member).where(Member.id == kept).values(line_user_id=None))
        merger_id = mergers.merge(
            session, kept_id=kept, absorbed_id=absorbed, staff_id=None, reason="x", now=NOW
        )
        mergers.part(session, merger_id=merger_id, staff_id=None, now=NOW)
        linked = session.execute(
            sa.select(OutboxRow.member_id, OutboxRow.recipient, OutboxRow.payload)
            .where(OutboxRow.channel == "menu")
            .order_by(OutboxRow.id)
        ).all()
    assert [tuple(row) for row in linked] == [
        (kept, user_id, "member"),
        (absorbed, user_id, "member"),
    ]


def test_rows_of_who_is_no_member_any_more_go(brand: Database) -> None:
    line, gold = FakeMenus(), special(brand)
    [hana] = people(brand, 1, tier="gold")
    publish_own(brand, line)
    begun(brand, gold)
    then = settle(brand, line)
    with brand.transaction() as session:
        session.execute(sa.update(Member).where(Member.id == hana).values(status="closed"))
    jobs.review(brand, now=then)
    assert worn(brand) == {}


# Against the rule, one member at a time -----------------------------------------------------------

TIERS = ("regular", "silver", "gold")
menus_drawn = st.lists(
    st.tuples(st.sampled_from(TIERS), st.integers(1, 3), st.integers(-1, 1), st.integers(-1, 1)),
    max_size=4,
)


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(menus_drawn, st.lists(st.tuples(st.sampled_from(TIERS), st.integers(-1, 3)), max_size=6))
def test_one_statement_finds_what_the_rule_says_of_each(
    brand: Database, drawn: list[tuple[str, int, int, int]], members: list[tuple[str, int]]
) -> None:
    """`members`: the tier, and which menu they have by what we know (-1: the members' own)."""
    today = taipei_date(NOW)
    with brand.transaction() as session:
        specials = []
        for tier, priority, begin, end in drawn:
            meant = Meant("tier", tier_code=tier, priority=priority)
            menu_id = service.create(session, name="x", meant=meant, drawn=GOLD, now=NOW)
            special_ = Special(menu_id, priority, today + timedelta(begin), today + timedelta(end))
            specials.append(SpecialMenu(special_, tier, None))
        known: dict[int, int | None] = {}
        tiers: dict[int, str] = {}
        for tier, has in members:
            member_id = regular(session)
            put_in_tier(session, member_id, tier)
            tiers[member_id] = tier
            known[member_id] = specials[has].special.menu_id if 0 <= has < len(specials) else None
        service.wear(session, [(member, menu_id) for member, menu_id in known.items() if menu_id])
        by_id = {one.special.menu_id: one for one in specials}
        order = audiences.in_order((one.special for one in specials), today)
        meant_by = [
            (one.menu_id, jobs._members_of(session, by_id[one.menu_id], NOW)) for one in order
        ]
        found = dict(queries.differences(session, jobs.EVERYBODY, meant_by))
        only = dict(queries.differences(session, jobs.EVERYBODY, meant_by, only=list(tiers)[:2]))
        session.rollback()
    wanted = {
        member_id: audiences.wanted(
            (one.special for one in specials),
            {one.special.menu_id for one in specials if one.tier_code == tier},
            today,
        )
        for member_id, tier in tiers.items()
    }
    assert found == {
        member_id: menu_id for member_id, menu_id in wanted.items() if menu_id != known[member_id]
    }
    assert only == {member: menu for member, menu in found.items() if member in list(tiers)[:2]}
