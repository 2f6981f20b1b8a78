"""Publishing: complete before shown, nobody without a menu, nothing of others touched; also when
LINE fails at any call, a process dies in the middle, or two publish at once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import Database
from app.core.errors import Invalid, NotFound
from app.jobs import menus as jobs
from app.line.gateway import Failure, SendError
from app.richmenus import pictures, queries, service
from app.richmenus.models import FAILED, LIVE, PAGES, RETIRED, VERSIONS
from app.richmenus.rules import document, layouts
from app.richmenus.rules.design import Design, Page, blank
from app.richmenus.service import Meant, NotNow
from flex_templates.theme import CAMPHOR
from tests.app.richmenus.lines import FakeMenus, Killed
from tests.app.richmenus.shop import (
    GOLD,
    LATER,
    begun,
    menu,
    own_menus,
    publish_own,
    settle,
    special,
    work,
)
from tests.app.richmenus.test_rules import GUEST, MEMBER, TWO_TABS
from tests.support.at_once import at_once
from tests.support.times import NOW

LOST = SendError(Failure.UNKNOWN, "LINE does not answer")
DRAWN = pictures.picture(GUEST, 0, CAMPHOR)
REFUSED = SendError(Failure.PERMANENT, "HTTP 400: invalid", status=400)


@pytest.fixture(autouse=True)
def _undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes half a second a page and is looked at elsewhere."""
    monkeypatch.setattr("app.richmenus.publishing.pictures.picture", lambda *_page: b"png")


def redraw(db: Database, menu_id: int, drawn: Design) -> None:
    shown = menu(db, menu_id)
    with db.transaction() as session:
        service.revise(
            session,
            menu_id=menu_id,
            name=shown.name,
            meant=Meant(shown.audience),
            drawn=drawn,
            now=NOW,
        )


def changed_bar(drawn: Design, bar: str) -> Design:
    return replace(drawn, bar=bar)


def statuses(db: Database) -> list[str]:
    with db.reading() as session:
        return list(session.scalars(sa.select(VERSIONS.c.status).order_by(VERSIONS.c.id)))


def clear(db: Database, line: FakeMenus, **after: float) -> int:
    return jobs.clear(db, line, now=NOW + queries.KEPT + timedelta(**after or {"hours": 1}))


def statements(db: Database, read: Callable[[Session], int]) -> tuple[int, int]:
    """What reading gave, and in how many statements."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        said.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        with db.reading() as session:
            found = read(session)
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)
    return found, len(said)


# In place -----------------------------------------------------------------------------------------


def test_the_first_publishing_makes_both_and_shows_guests_theirs(db: Database) -> None:
    line = FakeMenus()
    publish_own(db, line)
    assert set(line.aliases) == {"guest", "member"}
    assert line.default == line.aliases["guest"]
    assert sorted(body["chatBarText"] for body in line.documents.values()) == [
        "加入會員",
        "會員服務",
    ]
    assert not [shown for shown in own_menus(db).values() if shown.is_at_work or shown.differs]


def test_what_is_ready_is_there_once(db: Database) -> None:
    assert set(own_menus(db)) == {"guest", "member"}
    with db.transaction() as session:
        assert service.ready(session, now=NOW) == 0


def test_publishing_again_moves_members_before_anything_is_deleted(db: Database) -> None:
    line = FakeMenus()
    then = publish_own(db, line)
    line.linked["Hana"] = line.aliases["member"]
    old = line.shown_to("Hana")
    seen: list[str] = []
    line.after = lambda _call: seen.append(line.shown_to("Hana"))

    publish_own(db, line, then)
    clear(db, line)

    assert line.linked["Hana"] == line.aliases["member"]
    assert line.shown_to("Hana") != old
    assert "" not in seen
    assert set(line.documents) == set(line.aliases.values())
    assert statuses(db).count(LIVE) == 2


def test_nobody_is_moved_while_messages_may_still_link_the_version_before(db: Database) -> None:
    line, own = FakeMenus(), own_menus(db)
    then = publish_own(db, line)
    begun(db, own["member"].id, then)
    work(db, line, then)
    line.linked["Hana"] = "richmenu-2" if line.aliases["member"] != "richmenu-2" else ""
    assert menu(db, own["member"].id).is_at_work
    work(db, line, then + service.MOVE_AFTER)
    assert line.linked["Hana"] == line.aliases["member"]


def test_menus_of_others_are_left_alone(db: Database) -> None:
    line, names = FakeMenus(), {"theirs": "summer sale", "odd": "regulars/member/new"}
    line.documents |= {key: {"name": name} for key, name in names.items()}
    then = NOW
    for _ in range(3):
        then = publish_own(db, line, then)
    clear(db, line)
    assert {key: line.names.get(key) for key in names} == names
    assert len(line.documents) == 4


def test_what_was_published_before_there_were_versions_is_taken_over(db: Database) -> None:
    line = FakeMenus()
    for key in ("old-2", "old-3"):
        line.documents[key] = {"name": f"regulars/member/{key[-1]}"}
        line.pictures[key] = b""
    line.linked |= {"Hana": "old-3", "Ken": "old-2"}
    publish_own(db, line)
    assert line.linked == dict.fromkeys(("Hana", "Ken"), line.aliases["member"])
    clear(db, line)
    assert set(line.documents) == set(line.aliases.values())


def test_tabs_lead_to_each_other_and_go_when_a_page_goes(db: Database) -> None:
    line, own = FakeMenus(), own_menus(db)
    redraw(db, own["member"].id, TWO_TABS)
    then = publish_own(db, line)
    first, second = line.aliases["member"], line.aliases["member-2"]
    assert line.documents[first]["areas"][0]["action"]["richMenuAliasId"] == "member-2"
    assert line.documents[second]["areas"][0]["action"]["richMenuAliasId"] == "member"
    line.linked |= {"Hana": first, "Ken": second}
    redraw(db, own["member"].id, MEMBER)
    publish_own(db, line, then)
    assert line.linked == dict.fromkeys(("Hana", "Ken"), line.aliases["member"])
    clear(db, line)
    assert set(line.aliases) == {"guest", "member"}
    assert set(line.documents) == set(line.aliases.values())


def test_an_uploaded_picture_goes_as_it_is(db: Database) -> None:
    line, own = FakeMenus(), own_menus(db)
    content = DRAWN
    with db.transaction() as session:
        digest = service.keep_picture(session, content, drawn=GUEST, now=NOW)
        again = service.keep_picture(session, content, drawn=GUEST, now=NOW)
        assert digest == again
        with pytest.raises(Invalid, match="形狀"):
            service.keep_picture(session, content, drawn=MEMBER, now=NOW)
        with pytest.raises(Invalid, match="PNG"):
            service.keep_picture(session, b"%PDF-1.4", drawn=GUEST, now=NOW)
    redraw(db, own["guest"].id, replace(GUEST, pages=(replace(GUEST.pages[0], picture=digest),)))
    publish_own(db, line)
    assert line.pictures[line.aliases["guest"]] == content


# Failing ------------------------------------------------------------------------------------------


def failing(line: FakeMenus, at: int, error: BaseException, *, is_after: bool) -> None:
    """The call number `at` from now on fails, before or after LINE did it."""
    left = [at]

    def hit(_call: str) -> None:
        left[0] -= 1
        if left[0] == -1:
            raise error

    line.before, line.after = (line.before, hit) if is_after else (hit, line.after)


@pytest.mark.parametrize("error", [LOST, Killed()], ids=["lost", "killed"])
@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
def test_whatever_call_fails_publishing_goes_on_to_the_same_end(
    db: Database, error: BaseException, is_after: bool
) -> None:
    """Every call of a menu with two pages, in turn."""
    line, own = FakeMenus(), own_menus(db)
    then = publish_own(db, line)
    line.linked |= {"Hana": line.aliases["member"]}
    menu_id = own["member"].id
    for turn, bar in enumerate("一二三四五六七"):
        redraw(db, menu_id, changed_bar(TWO_TABS, bar))
        begun(db, menu_id, then)
        seen: list[str] = []
        line.before = lambda _call: None
        line.after = lambda _call, seen=seen: seen.append(line.shown_to("Hana"))  # type: ignore[misc]
        failing(line, turn, error, is_after=is_after)
        calls = len(line.calls)
        for _ in range(4):
            try:
                work(db, line, then)
            except Killed:
                assert error is not LOST
            then += service.LEASE + timedelta(seconds=1)
        assert len(line.calls) - calls >= 7
        then = settle(db, line, then)
        assert line.documents[line.linked["Hana"]]["chatBarText"] == bar
        assert line.linked["Hana"] == line.aliases["member"]
        assert line.documents[line.aliases["member-2"]]["chatBarText"] == bar
        assert "" not in seen
        jobs.clear(db, line, now=then + queries.KEPT)
        assert set(line.documents) == set(line.aliases.values())
    assert line.made == 2 + 2 * 7, "nothing was made twice"


@pytest.mark.parametrize("fails", [False, True])
def test_a_slow_publisher_that_overwrites_a_later_version_is_put_right(
    db: Database, fails: bool
) -> None:
    line, own = FakeMenus(), own_menus(db)
    if not fails:
        redraw(db, own["guest"].id, TWO_TABS)
    begun(db, own["guest"].id)
    then, once = NOW + timedelta(minutes=3), [True]

    def overtaken(call: str) -> None:
        """Published anew, by others, while this one hangs in its first call."""
        if call == "set_alias" and once:
            once.clear()
            begun(db, own["guest"].id, then)
            settle(db, line, then)
            if fails:  # after this late alias nothing comes through any more
                line.before = lambda _call: (_ for _ in ()).throw(LOST)

    line.before = overtaken
    work(db, line)
    line.before = lambda _call: None
    settle(db, line, then + timedelta(minutes=1))
    newest = menu(db, own["guest"].id).live
    assert newest is not None
    assert newest.number == 2
    with db.reading() as session:
        pages = queries.pages_of(session, newest.id)
    assert line.aliases == {
        document.alias("guest", number): page.line_id for number, page in pages.items()
    }
    assert line.default == pages[1].line_id


def test_a_publisher_that_is_at_it_keeps_its_work(db: Database) -> None:
    line, own = FakeMenus(), own_menus(db)
    redraw(db, own["guest"].id, TWO_TABS)
    begun(db, own["guest"].id)
    seen: list[int] = []

    def look(call: str) -> None:
        if call == "set_alias" and len(seen) < 2:
            with db.transaction() as session:
                late = NOW + service.LEASE * len(seen) + timedelta(seconds=119)
                seen.append(service.claim(session, now=late) is None)

    line.after = look
    work(db, line)
    assert seen == [True, True]


def test_a_refusal_keeps_what_people_see_and_says_why(db: Database) -> None:
    line, own = FakeMenus(), own_menus(db)
    then = publish_own(db, line)
    seen = dict(line.aliases)
    begun(db, own["member"].id, then)
    failing(line, 1, REFUSED, is_after=False)
    then = settle(db, line, then)
    shown = menu(db, own["member"].id)
    assert line.aliases == seen
    assert shown.latest is not None
    assert (shown.latest.status, shown.latest.reason) == (FAILED, REFUSED.reason)
    assert shown.live is not None
    begun(db, own["member"].id, then)
    settle(db, line, then)
    assert line.aliases["member"] != seen["member"]
    clear(db, line)
    assert set(line.documents) == set(line.aliases.values())


def test_after_the_point_of_no_return_it_is_tried_until_line_takes_it(db: Database) -> None:
    line, own = FakeMenus(), own_menus(db)
    begun(db, own["guest"].id)
    line.before = lambda call: (_ for _ in ()).throw(REFUSED) if call == "set_alias" else None
    work(db, line)
    shown = menu(db, own["guest"].id)
    assert shown.live is not None
    assert (shown.live.reason, shown.live.attempts, shown.is_at_work) == (REFUSED.reason, 1, True)
    assert work(db, line) == 0, "not before its time"
    line.before = lambda _call: None
    settle(db, line, LATER)
    assert line.default == line.aliases["guest"]
    live = menu(db, own["guest"].id).live
    assert live is not None
    assert live.reason is None


@pytest.mark.parametrize("pages", [1, 2])
def test_an_old_page_somebody_deleted_on_line_does_not_hold_the_new_version_up(
    db: Database, pages: int
) -> None:
    line, own = FakeMenus(), own_menus(db)
    if pages == 2:
        redraw(db, own["member"].id, TWO_TABS)
    then = publish_own(db, line)
    old = line.aliases["member"]
    line.linked["Hana"] = line.aliases[document.alias("member", pages)]
    begun(db, own["member"].id, then)
    del line.documents[old]
    if pages == 1:
        del line.linked["Hana"]
    settle(db, line, then)
    assert not menu(db, own["member"].id).is_at_work
    assert line.linked.get("Hana") == (line.aliases["member-2"] if pages == 2 else None)
    clear(db, line)
    assert set(line.documents) == set(line.aliases.values())


def test_each_failure_is_waited_for_longer_and_never_too_long(db: Database) -> None:
    line, own = FakeMenus(), own_menus(db)
    version_id = begun(db, own["guest"].id)
    line.before = lambda _call: (_ for _ in ()).throw(LOST)
    waits, now = [], NOW
    for _ in range(14):
        work(db, line, now)
        with db.reading() as session:
            due_at = session.scalars(
                sa.select(VERSIONS.c.due_at).where(VERSIONS.c.id == version_id)
            ).one()
        assert due_at is not None
        waits.append(due_at - now)
        now = due_at
    assert waits == sorted(waits)
    assert waits[0] == timedelta(seconds=2)
    assert waits[-1] == service.LONGEST_WAIT


def test_somebody_stops_it(db: Database) -> None:
    line, own = FakeMenus(), own_menus(db)
    version_id = begun(db, own["guest"].id)

    def stop(call: str) -> None:
        if call == "upload":
            with db.transaction() as session:
                service.cancel(session, version_id=version_id, now=NOW)

    line.after = stop
    settle(db, line)
    assert statuses(db) == [FAILED]
    assert line.aliases == {}
    with db.transaction() as session, pytest.raises(NotNow):
        service.cancel(session, version_id=version_id, now=NOW)
    line.after = lambda _call: None
    assert clear(db, line) == 1
    assert line.documents == {}


# At once ------------------------------------------------------------------------------------------


def test_of_many_who_publish_at_once_one_does(db: Database) -> None:
    own = own_menus(db)
    found = at_once(*[lambda: begun(db, own["guest"].id)] * 8)
    assert len([one for one in found if isinstance(one, int)]) == 1
    assert len([one for one in found if isinstance(one, NotNow)]) == 7


def test_many_workers_publish_once(db: Database) -> None:
    line, own = FakeMenus(), own_menus(db)
    redraw(db, own["member"].id, TWO_TABS)
    for shown in own.values():
        begun(db, shown.id)
    at_once(*[lambda: work(db, line)] * 4)
    settle(db, line)
    assert line.calls.count("create") == 3
    assert line.calls.count("upload") == 3
    assert statuses(db) == [LIVE, LIVE]


def test_removing_and_going_live_at_once_leaves_nothing_alive(db: Database) -> None:
    line, gold = FakeMenus(), special(db)
    publish_own(db, line)
    begun(db, gold)

    def remove() -> None:
        with db.transaction() as session:
            service.remove(session, menu_id=gold, now=NOW)

    found = at_once(lambda: work(db, line), remove)
    assert not [one for one in found if isinstance(one, BaseException)]
    settle(db, line, LATER)
    assert clear(db, line) <= 1
    assert set(line.documents) == {line.aliases["guest"], line.aliases["member"]}
    assert set(line.aliases) == {"guest", "member"}


def test_publishing_and_removing_at_once_leaves_nothing_to_publish(db: Database) -> None:
    gold = special(db)

    def remove() -> None:
        with db.transaction() as session:
            service.remove(session, menu_id=gold, now=NOW)

    at_once(*[lambda: begun(db, gold)] * 3, remove)
    assert set(statuses(db)) <= {FAILED}
    line = FakeMenus()
    settle(db, line)
    assert line.documents == {}


# Back, away, refused ------------------------------------------------------------------------------


def test_back_to_an_earlier_version(db: Database) -> None:
    line, own = FakeMenus(), own_menus(db)
    then = publish_own(db, line)
    first = menu(db, own["member"].id).live
    redraw(db, own["member"].id, TWO_TABS)
    begun(db, own["member"].id, then)
    then = settle(db, line, then)
    assert first is not None
    with db.transaction() as session:
        service.roll_back(
            session, menu_id=own["member"].id, version_id=first.id, staff_id=None, now=then
        )
    settle(db, line, then)
    shown = menu(db, own["member"].id)
    assert shown.live is not None
    assert (shown.live.number, shown.live.design, shown.draft) == (3, first.design, first.design)
    assert line.documents[line.aliases["member"]]["areas"][0]["action"]["data"] == "card"
    with db.transaction() as session, pytest.raises(NotFound):
        service.roll_back(
            session, menu_id=own["guest"].id, version_id=first.id, staff_id=None, now=then
        )


def test_a_menu_line_would_refuse_is_never_begun(db: Database) -> None:
    own = own_menus(db)
    redraw(db, own["guest"].id, changed_bar(GUEST, "字" * 15))
    with pytest.raises(Invalid) as refused:
        begun(db, own["guest"].id)
    assert refused.value.field == "bar"
    assert statuses(db) == []


@pytest.mark.parametrize(
    ("name", "meant", "field"),
    [
        ("", Meant("tier", tier_code="gold"), "name"),
        ("字" * 41, Meant("tier", tier_code="gold"), "name"),
        ("金", Meant("tier"), "audience"),
        ("金", Meant("segment"), "audience"),
        ("金", Meant("guest"), "audience"),
        ("金", Meant("tier", tier_code="gold", priority=0), "priority"),
        ("金", Meant("tier", tier_code="gold", priority=100), "priority"),
        (
            "金",
            Meant(
                "tier", tier_code="gold", starts_on=NOW.date(), ends_on=NOW.date() - timedelta(1)
            ),
            "ends_on",
        ),
    ],
)
def test_whom_a_menu_is_for_must_be_clear(
    sqlite_db: Database, name: str, meant: Meant, field: str
) -> None:
    with sqlite_db.transaction() as session, pytest.raises(Invalid) as wrong:
        service.create(session, name=name, meant=meant, drawn=GOLD, now=NOW)
    assert wrong.value.field == field


def test_what_everybody_falls_back_to_stays_what_it_is(db: Database) -> None:
    own = own_menus(db)
    gold = special(db)
    with db.transaction() as session:
        with pytest.raises(NotNow):
            service.remove(session, menu_id=own["member"].id, now=NOW)
        for menu_id, meant in (
            (own["member"].id, Meant("tier", tier_code="gold")),
            (own["member"].id, Meant("guest")),
            (gold, Meant("member")),
        ):
            with pytest.raises(NotFound):
                service.revise(session, menu_id=menu_id, name="x", meant=meant, drawn=GOLD, now=NOW)


def test_a_removed_menu_is_found_no_more(db: Database) -> None:
    gold = special(db)
    with db.transaction() as session:
        service.remove(session, menu_id=gold, now=NOW)
        with pytest.raises(NotFound):
            queries.menu(session, gold)
        with pytest.raises(NotNow):
            service.remove(session, menu_id=gold, now=NOW)


def test_a_list_costs_the_same_however_many_menus(sqlite_db: Database) -> None:
    own_menus(sqlite_db)
    few = statements(sqlite_db, lambda session: len(queries.menus(session)))
    for number in range(5):
        begun(sqlite_db, special(sqlite_db, name=f"{number}"))
    many = statements(sqlite_db, lambda session: len(queries.menus(session)))
    assert (few, many) == ((2, 3), (7, 3))


def test_an_old_page_waits_for_its_time(db: Database) -> None:
    line = FakeMenus()
    then = publish_own(db, line)
    publish_own(db, line, then)
    assert jobs.clear(db, line, now=then + timedelta(minutes=1)) == 0
    assert jobs.has_leftovers(db, now=then + queries.KEPT)
    line.before = lambda call: (_ for _ in ()).throw(LOST) if call == "delete" else None
    assert jobs.clear(db, line, now=then + queries.KEPT) == 0
    line.before = lambda _call: None
    assert jobs.clear(db, line, now=then + queries.KEPT) == 2
    with db.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(PAGES)) == 2
    assert statuses(db).count(RETIRED) == 2


def test_a_wide_menu_keeps_its_words() -> None:
    drawn = layouts.arranged(Design("compact", "選單", (Page("six", (blank("help"),)),)))
    assert [cell.word for cell in drawn.pages[0].cells][:2] == ["使用說明", "會員卡"]
