"""Who may change whom, and that somebody always can."""

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import Database
from app.core.errors import Invalid, NotFound
from app.staff import queries, service
from app.staff.models import Staff, StaffSession
from app.staff.rules import Role
from app.staff.service import LastOwner, OwnAccount
from tests.support.at_once import at_once
from tests.support.staffing import Shop, staffed_shop
from tests.support.times import NOW


@pytest.fixture
def shop(session: Session) -> Shop:
    return staffed_shop(session)


def may(session: Session, staff_id: int) -> tuple[str, int | None, bool]:
    person = queries.person_kept(session, staff_id, now=NOW)
    return person.role, person.store_id, person.is_active


def test_a_role_and_a_store_change_from_the_next_press_on(session: Session, shop: Shop) -> None:
    aoi, yui = shop.staff[Role.CLERK], shop.staff[Role.OWNER]
    token = service.open_session(
        session, staff_id=aoi, device="till", store_id=shop.store_id, now=NOW
    )
    service.change(
        session, staff_id=aoi, role="store_manager", store_id=shop.other_store_id, by=yui
    )
    visitor = queries.visitor(session, token, now=NOW)
    assert visitor is not None
    assert (visitor.role, visitor.home_store_id) == ("store_manager", shop.other_store_id)
    assert visitor.store_id is None  # the till stood in the store she left


def test_a_till_in_the_same_store_goes_on(session: Session, shop: Shop) -> None:
    aoi = shop.staff[Role.CLERK]
    token = service.open_session(
        session, staff_id=aoi, device="till", store_id=shop.store_id, now=NOW
    )
    service.change(session, staff_id=aoi, role="store_manager", store_id=shop.store_id, by=None)
    visitor = queries.visitor(session, token, now=NOW)
    assert visitor is not None
    assert visitor.store_id == shop.store_id


def test_who_works_for_all_stores_is_tied_to_none(session: Session, shop: Shop) -> None:
    sora = shop.staff[Role.MARKETER]
    service.change(session, staff_id=sora, role="support", store_id=shop.store_id, by=None)
    assert may(session, sora) == ("support", None, True)


def test_nobody_changes_themselves(session: Session, shop: Shop) -> None:
    yui, sora = shop.staff[Role.OWNER], shop.staff[Role.MARKETER]
    with pytest.raises(OwnAccount):
        service.change(session, staff_id=sora, role="owner", store_id=None, by=sora)
    with pytest.raises(OwnAccount):
        service.deactivate(session, staff_id=yui, by=yui, now=NOW)
    with pytest.raises(OwnAccount):
        service.offer_password(session, staff_id=yui, made_by=yui, now=NOW)


def test_the_last_owner_stays_and_two_owners_may_part(session: Session, shop: Shop) -> None:
    yui, sora = shop.staff[Role.OWNER], shop.staff[Role.MARKETER]
    with pytest.raises(LastOwner):
        service.deactivate(session, staff_id=yui, by=sora, now=NOW)
    with pytest.raises(LastOwner):
        service.change(session, staff_id=yui, role="marketer", store_id=None, by=None)
    service.change(session, staff_id=sora, role="owner", store_id=None, by=yui)
    service.deactivate(session, staff_id=yui, by=sora, now=NOW)
    with pytest.raises(LastOwner):
        service.change(session, staff_id=sora, role="clerk", store_id=None, by=yui)
    service.activate(session, staff_id=yui)
    service.change(session, staff_id=sora, role="clerk", store_id=None, by=yui)
    assert may(session, yui) == ("owner", None, True)


def test_two_owners_who_dismiss_each_other_at_the_same_moment_leave_one(db: Database) -> None:
    with db.transaction() as session:
        shop = staffed_shop(session)
        yui, sora = shop.staff[Role.OWNER], shop.staff[Role.MARKETER]
        service.change(session, staff_id=sora, role="owner", store_id=None, by=yui)

    def dismiss(whom: int, by: int) -> str:
        with db.transaction() as session:
            service.deactivate(session, staff_id=whom, by=by, now=NOW)
        return "done"

    def demote(whom: int, by: int) -> str:
        with db.transaction() as session:
            service.change(session, staff_id=whom, role="analyst", store_id=None, by=by)
        return "done"

    outcomes = at_once(lambda: dismiss(yui, sora), lambda: demote(sora, yui))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LastOwner", "str"]
    with db.reading() as session:
        living = session.scalars(
            sa.select(Staff.id).where(Staff.role == Role.OWNER, Staff.is_active)
        ).all()
    assert len(living) == 1


def test_who_left_is_out_at_once_and_comes_back_with_the_old_password(
    session: Session, shop: Shop
) -> None:
    aoi = shop.staff[Role.CLERK]
    token = service.open_session(session, staff_id=aoi, device="till", now=NOW)
    service.deactivate(session, staff_id=aoi, by=shop.staff[Role.OWNER], now=NOW)
    assert queries.visitor(session, token, now=NOW) is None
    with pytest.raises(NotFound):
        service.deactivate(session, staff_id=aoi, now=NOW)
    service.activate(session, staff_id=aoi)
    assert queries.visitor(session, token, now=NOW) is None
    assert service.begin_login(session, login="aoi", address="x", now=NOW).staff_id == aoi
    with pytest.raises(NotFound):
        service.activate(session, staff_id=aoi)


def test_a_role_nobody_knows_is_refused(session: Session, shop: Shop) -> None:
    with pytest.raises(Invalid):
        service.change(
            session, staff_id=shop.staff[Role.CLERK], role="pirate", store_id=None, by=None
        )
    with pytest.raises(NotFound):
        service.change(session, staff_id=999, role="clerk", store_id=None, by=None)


def test_a_new_password_keeps_the_browser_it_was_typed_in(session: Session, shop: Shop) -> None:
    yui = shop.staff[Role.OWNER]
    here = service.open_session(session, staff_id=yui, device="here", now=NOW)
    there = service.open_session(session, staff_id=yui, device="there", now=NOW)
    kept = queries.visitor(session, here, now=NOW)
    assert kept is not None
    service.set_password_hash(
        session, staff_id=yui, password_hash="x", but_session=kept.session_id, now=NOW
    )
    assert queries.visitor(session, here, now=NOW) is not None
    assert queries.visitor(session, there, now=NOW) is None


def test_one_logs_out_ones_own_browsers_only(session: Session, shop: Shop) -> None:
    yui, sora = shop.staff[Role.OWNER], shop.staff[Role.MARKETER]
    service.open_session(session, staff_id=yui, device="Yui's", now=NOW)
    (row,) = queries.sessions_of(session, yui, now=NOW)
    with pytest.raises(NotFound):
        service.end_own_session(session, session_id=row.id, staff_id=sora, now=NOW)
    service.end_own_session(session, session_id=row.id, staff_id=yui, now=NOW)
    assert queries.sessions_of(session, yui, now=NOW) == []
    with pytest.raises(NotFound):
        service.end_own_session(session, session_id=row.id, staff_id=yui, now=NOW)


def test_the_list_of_people_takes_one_statement(sqlite_db: Database) -> None:
    with sqlite_db.transaction() as session:
        shop = staffed_shop(session)
        for device in ("a", "b"):
            service.open_session(session, staff_id=shop.staff[Role.CLERK], device=device, now=NOW)
        session.execute(
            sa.update(StaffSession).where(StaffSession.device == "a").values(revoked_at=NOW)
        )
    said: list[str] = []
    sa.event.listen(
        sqlite_db.engine, "before_cursor_execute", lambda *args: said.append(str(args[2]))
    )
    with sqlite_db.reading() as session:
        people = queries.people_kept(session, now=NOW)
    assert len([words for words in said if words.startswith("SELECT")]) == 1
    aoi = next(person for person in people if person.login == "aoi")
    assert (aoi.browsers, aoi.seen_at, aoi.store_name) == (1, NOW, "台北永康店")
    assert next(person for person in people if person.login == "yui").seen_at is None


# Stores -------------------------------------------------------------------------------------------


def test_a_closed_store_is_no_choice_any_more_until_it_opens_again(
    session: Session, shop: Shop
) -> None:
    yui = shop.staff[Role.OWNER]
    token = service.open_session(
        session, staff_id=yui, device="till", store_id=shop.store_id, now=NOW
    )
    service.close_store(session, store_id=shop.store_id)
    visitor = queries.visitor(session, token, now=NOW)
    assert visitor is not None
    assert visitor.store_id is None
    with pytest.raises(NotFound):
        service.close_store(session, store_id=shop.store_id)
    service.open_store(session, store_id=shop.store_id)
    with pytest.raises(NotFound):
        service.open_store(session, store_id=shop.store_id)
    assert [kept.is_active for kept in queries.all_stores(session)] == [True, True]


def test_a_store_is_described_anew_and_keeps_its_code(session: Session, shop: Shop) -> None:
    service.change_store(
        session, store_id=shop.store_id, name=" 永康  新店 ", city="臺北市",
        address="永康街 1 號", phone=None, hours="11:00–21:00",
    )  # fmt: skip
    kept = queries.kept_store(session, shop.store_id)
    assert (kept.store.code, kept.store.name, kept.store.phone) == ("TPE01", "永康 新店", None)
    assert kept.people == 2  # Aoi and Ren
    with pytest.raises(Invalid):
        service.change_store(
            session, store_id=shop.store_id, name=" ", city=None, address=None, phone=None,
            hours=None,
        )  # fmt: skip
