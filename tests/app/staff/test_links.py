"""Links that are handed over: once, for a while, and only from somebody who still may."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.core.db import Database
from app.core.errors import Conflict, Invalid, NotFound
from app.staff import queries, rules, service
from app.staff.rules import Role
from app.staff.service import LinkDead
from tests.support.at_once import at_once
from tests.support.staffing import Shop, staffed_shop
from tests.support.times import NOW


@pytest.fixture
def shop(session: Session) -> Shop:
    return staffed_shop(session)


def invited(session: Session, shop: Shop, *, role: str = "clerk") -> str:
    return service.invite(
        session,
        name="阿明",
        role=role,
        store_id=shop.store_id,
        made_by=shop.staff[Role.OWNER],
        now=NOW,
    )


def joins(
    session: Session, token: str, login: str = "ming", *, late: timedelta | None = None
) -> int:
    now = NOW + (late or timedelta())
    return service.join(
        session, token=token, login=login, name="陳阿明", password_hash="hash", now=now
    )


def test_an_invitation_makes_the_person_it_was_made_for(session: Session, shop: Shop) -> None:
    token = invited(session, shop)
    shown = queries.link_by_token(session, token, now=NOW)
    assert shown is not None
    assert (shown.name, shown.role, shown.store_name) == ("阿明", "clerk", "台北永康店")
    staff_id = joins(session, token)
    person = queries.person_kept(session, staff_id, now=NOW)
    assert (person.login, person.name, person.role) == ("ming", "陳阿明", "clerk")
    assert person.store_id == shop.store_id
    with pytest.raises(LinkDead):
        joins(session, token, "ming2")
    assert queries.link_by_token(session, token, now=NOW) is None


def test_the_database_holds_no_token(session: Session, shop: Shop) -> None:
    token = invited(session, shop)
    rows = session.connection().exec_driver_sql("SELECT * FROM staff_links").all()
    assert token not in str(rows)


def test_a_taken_login_leaves_the_link_alive(sqlite_db: Database) -> None:
    with sqlite_db.transaction() as session:
        token = invited(session, staffed_shop(session))
    with pytest.raises(Conflict), sqlite_db.transaction() as session:
        joins(session, token, "AOI")
    with sqlite_db.transaction() as session:
        assert joins(session, token, "ming")


def test_links_grow_old(session: Session, shop: Shop) -> None:
    token = invited(session, shop)
    with pytest.raises(LinkDead):
        joins(session, token, late=rules.INVITED_FOR)
    assert joins(session, token, late=rules.INVITED_FOR - timedelta(seconds=1))


def test_a_link_is_taken_back_once(session: Session, shop: Shop) -> None:
    token = invited(session, shop)
    (link,) = queries.open_links(session, now=NOW)
    service.revoke_link(session, link_id=link.id, now=NOW)
    with pytest.raises(LinkDead):
        joins(session, token)
    with pytest.raises(NotFound):
        service.revoke_link(session, link_id=link.id, now=NOW)


def test_the_links_of_somebody_who_was_let_go_open_nothing(session: Session, shop: Shop) -> None:
    yui, sora = shop.staff[Role.OWNER], shop.staff[Role.MARKETER]
    service.change(session, staff_id=sora, role="owner", store_id=None, by=yui)
    token = invited(session, shop, role="owner")
    service.change(session, staff_id=yui, role="marketer", store_id=None, by=sora)
    with pytest.raises(LinkDead):
        joins(session, token)
    assert queries.open_links(session, now=NOW) == []


def test_a_new_password_by_link_logs_out_everywhere_and_ends_earlier_links(
    session: Session, shop: Shop
) -> None:
    yui, aoi = shop.staff[Role.OWNER], shop.staff[Role.CLERK]
    cookie = service.open_session(session, staff_id=aoi, device="till", now=NOW)
    first = service.offer_password(session, staff_id=aoi, made_by=yui, now=NOW)
    second = service.offer_password(session, staff_id=aoi, made_by=yui, now=NOW)
    with pytest.raises(LinkDead):
        service.set_password_by_link(session, token=first, password_hash="new", now=NOW)
    whose = service.set_password_by_link(session, token=second, password_hash="new", now=NOW)
    assert whose == aoi
    proof = queries.proof_of(session, aoi)
    assert proof is not None
    assert proof.password_hash == "new"
    assert queries.visitor(session, cookie, now=NOW) is None


def test_a_password_somebody_sets_ends_the_links_that_were_to_set_it(
    session: Session, shop: Shop
) -> None:
    yui, aoi = shop.staff[Role.OWNER], shop.staff[Role.CLERK]
    token = service.offer_password(session, staff_id=aoi, made_by=yui, now=NOW)
    joining = invited(session, shop)
    service.set_password_hash(session, staff_id=aoi, password_hash="own", now=NOW)
    with pytest.raises(LinkDead):
        service.set_password_by_link(session, token=token, password_hash="late", now=NOW)
    proof = queries.proof_of(session, aoi)
    assert proof is not None
    assert proof.password_hash == "own"
    joins(session, joining)


def test_of_two_offers_at_the_same_moment_one_link_lives(db: Database) -> None:
    with db.transaction() as session:
        shop = staffed_shop(session)
    yui, aoi = shop.staff[Role.OWNER], shop.staff[Role.CLERK]

    def offer() -> str:
        with db.transaction() as session:
            return service.offer_password(session, staff_id=aoi, made_by=yui, now=NOW)

    for _ in range(5):
        at_once(offer, offer, offer)
        with db.reading() as session:
            assert len(queries.open_links(session, now=NOW)) == 1


def test_a_link_and_an_own_change_at_the_same_moment_do_not_wait_crosswise(db: Database) -> None:
    with db.transaction() as session:
        shop = staffed_shop(session)
    yui, aoi = shop.staff[Role.OWNER], shop.staff[Role.CLERK]
    for _ in range(5):
        with db.transaction() as session:
            token = service.offer_password(session, staff_id=aoi, made_by=yui, now=NOW)

        def by_link(token: str = token) -> int:
            with db.transaction() as session:
                return service.set_password_by_link(
                    session, token=token, password_hash="link", now=NOW
                )

        def by_hand() -> None:
            with db.transaction() as session:
                service.set_password_hash(session, staff_id=aoi, password_hash="own", now=NOW)

        linked, typed = at_once(by_link, by_hand)
        assert typed is None
        assert linked == aoi or isinstance(linked, LinkDead)


def test_a_link_of_one_kind_does_nothing_of_the_other(session: Session, shop: Shop) -> None:
    joining = invited(session, shop)
    password = service.offer_password(
        session, staff_id=shop.staff[Role.CLERK], made_by=shop.staff[Role.OWNER], now=NOW
    )
    with pytest.raises(LinkDead):
        joins(session, password)
    with pytest.raises(LinkDead):
        service.set_password_by_link(session, token=joining, password_hash="x", now=NOW)
    with pytest.raises(LinkDead):
        joins(session, "made up")


def test_who_left_gets_no_new_password(session: Session, shop: Shop) -> None:
    yui, aoi = shop.staff[Role.OWNER], shop.staff[Role.CLERK]
    token = service.offer_password(session, staff_id=aoi, made_by=yui, now=NOW)
    service.deactivate(session, staff_id=aoi, by=yui, now=NOW)
    with pytest.raises(NotFound):
        service.offer_password(session, staff_id=aoi, made_by=yui, now=NOW)
    with pytest.raises(LinkDead):
        service.set_password_by_link(session, token=token, password_hash="x", now=NOW)


@pytest.mark.parametrize(("name", "role"), [(" ", "clerk"), ("x" * 51, "clerk"), ("Mio", "pirate")])
def test_bad_invitations_are_refused(session: Session, shop: Shop, name: str, role: str) -> None:
    with pytest.raises(Invalid):
        service.invite(
            session, name=name, role=role, store_id=None, made_by=shop.staff[Role.OWNER], now=NOW
        )


def test_of_two_who_use_one_invitation_at_the_same_moment_one_joins(db: Database) -> None:
    with db.transaction() as session:
        token = invited(session, staffed_shop(session))

    def use(login: str) -> int:
        with db.transaction() as session:
            return joins(session, token, login)

    outcomes = at_once(lambda: use("ming"), lambda: use("mei"))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LinkDead", "int"]
    with db.reading() as session:
        logins = {person.login for person in queries.people_kept(session, now=NOW)}
    assert len(logins & {"ming", "mei"}) == 1


def test_old_links_are_forgotten(session: Session, shop: Shop) -> None:
    invited(session, shop)
    assert service.forget_links(session, now=NOW + timedelta(days=32)) == 0
    assert service.forget_links(session, now=NOW + timedelta(days=34)) == 1
