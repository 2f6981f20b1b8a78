from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.core.db import Database
from app.core.errors import Conflict, Invalid, NotFound
from app.staff import queries, rules, service
from app.staff.rules import Role, Scope
from app.staff.service import LoginBlocked, WrongStore
from tests.support.staffing import Shop, staffed_shop
from tests.support.times import NOW


@pytest.fixture
def shop(session: Session) -> Shop:
    return staffed_shop(session)


def test_a_login_is_taken_once_whatever_its_case(session: Session, shop: Shop) -> None:
    with pytest.raises(Conflict):
        service.create(
            session, login=" AOI ", name="Aoi", password="open sesame please", role="clerk", now=NOW
        )


@pytest.mark.parametrize(
    ("login", "password", "role"),
    [("x", "long enough 1", "clerk"), ("a b", "long enough 1", "clerk"),
     ("mio", "short", "clerk"), ("mio", "long enough 1", "pirate")],
)  # fmt: skip
def test_bad_staff_is_refused(session: Session, login: str, password: str, role: str) -> None:
    with pytest.raises(Invalid):
        service.create(session, login=login, name="Mio", password=password, role=role, now=NOW)


@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\u202e", "\u200b"])
def test_a_name_holds_nothing_nobody_can_see_and_a_login_is_read_without_it(
    db: Database, sign: str
) -> None:
    with db.transaction() as session:
        staffed_shop(session)
    with pytest.raises(Invalid), db.transaction() as session:
        service.create(
            session, login="mio", name=f"M{sign}io", password="long enough 1", role="clerk", now=NOW
        )
    with db.transaction() as session:
        found = service.begin_login(session, login=f"a{sign}oi{sign}", address="x", now=NOW)
    assert found.login == "aoi"
    assert found.staff_id is not None


def test_a_store_code_is_taken_once(session: Session, shop: Shop) -> None:
    with pytest.raises(Conflict):
        service.create_store(session, code="TPE01", name="again")


def test_a_candidate_carries_the_hash_and_an_unknown_login_carries_none(
    session: Session, shop: Shop
) -> None:
    known = service.begin_login(session, login="AOI", address="192.0.2.1", now=NOW)
    assert known.staff_id == shop.staff[Role.CLERK]
    assert known.role == "clerk"
    assert known.password_hash is not None
    unknown = service.begin_login(session, login="nobody", address="192.0.2.1", now=NOW)
    assert unknown.staff_id is None
    assert unknown.password_hash is None


def test_the_sixth_try_waits_and_a_right_password_forgives(session: Session, shop: Shop) -> None:
    for _ in range(5):
        candidate = service.begin_login(session, login="aoi", address="192.0.2.1", now=NOW)
    with pytest.raises(LoginBlocked) as blocked:
        service.begin_login(session, login="aoi", address="192.0.2.9", now=NOW)
    assert blocked.value.until == NOW + timedelta(seconds=30)

    later = NOW + timedelta(seconds=30)
    candidate = service.begin_login(session, login="aoi", address="192.0.2.1", now=later)
    service.finish_login(session, candidate=candidate)
    for _ in range(5):
        service.begin_login(session, login="aoi", address="192.0.2.1", now=later)


def test_unknown_logins_are_throttled_like_known_ones(session: Session, shop: Shop) -> None:
    for _ in range(5):
        service.begin_login(session, login="nobody", address="192.0.2.1", now=NOW)
    with pytest.raises(LoginBlocked):
        service.begin_login(session, login="nobody", address="192.0.2.1", now=NOW)


def test_one_address_cannot_try_many_logins(session: Session, shop: Shop) -> None:
    for number in range(20):
        service.begin_login(session, login=f"guess{number}", address="192.0.2.1", now=NOW)
    with pytest.raises(LoginBlocked):
        service.begin_login(session, login="aoi", address="192.0.2.1", now=NOW)
    service.begin_login(session, login="ren", address="192.0.2.2", now=NOW)


def test_a_login_that_succeeds_does_not_lift_the_block_of_its_address(
    session: Session, shop: Shop
) -> None:
    mine = service.begin_login(session, login="ren", address="192.0.2.1", now=NOW)
    for number in range(19):
        service.begin_login(session, login=f"guess{number}", address="192.0.2.1", now=NOW)
    service.finish_login(session, candidate=mine)
    with pytest.raises(LoginBlocked):
        service.begin_login(session, login="aoi", address="192.0.2.1", now=NOW)
    later = NOW + timedelta(seconds=30)
    service.begin_login(session, login="aoi", address="192.0.2.1", now=later)


def test_failures_are_forgotten_after_an_hour(session: Session, shop: Shop) -> None:
    for _ in range(4):
        service.begin_login(session, login="aoi", address="192.0.2.1", now=NOW)
    later = NOW + timedelta(hours=1)
    for _ in range(5):
        service.begin_login(session, login="aoi", address="192.0.2.1", now=later)


def test_tries_at_once_are_all_counted(db: Database) -> None:
    with db.transaction() as session:
        staffed_shop(session)

    def try_once(_: int) -> bool:
        try:
            with db.transaction() as session:
                service.begin_login(session, login="aoi", address="192.0.2.1", now=NOW)
        except LoginBlocked:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(try_once, range(24))) == 5


def test_a_session_lives_until_idle_ended_or_too_old(session: Session, shop: Shop) -> None:
    token = service.open_session(session, staff_id=shop.staff[Role.CLERK], device="phone", now=NOW)
    visitor = queries.visitor(session, token, now=NOW)
    assert visitor is not None
    assert (visitor.login, visitor.role, visitor.store_id) == ("aoi", "clerk", None)
    assert queries.visitor(session, "other", now=NOW) is None
    assert queries.visitor(session, token, now=NOW + rules.SESSION_IDLE) is None

    now = NOW
    while now < NOW + rules.SESSION_LIFE - timedelta(hours=8):
        now += timedelta(hours=8)
        service.saw(session, session_id=visitor.session_id, now=now)
        assert queries.visitor(session, token, now=now) is not None
    assert queries.visitor(session, token, now=NOW + rules.SESSION_LIFE) is None

    service.end_session(session, session_id=visitor.session_id, now=now)
    assert queries.visitor(session, token, now=now) is None


def test_a_new_password_or_leaving_ends_all_sessions(session: Session, shop: Shop) -> None:
    staff_id = shop.staff[Role.CLERK]
    token = service.open_session(session, staff_id=staff_id, device="phone", now=NOW)
    service.set_password(session, staff_id=staff_id, password="a new password", now=NOW)
    assert queries.visitor(session, token, now=NOW) is None

    token = service.open_session(session, staff_id=staff_id, device="phone", now=NOW)
    service.deactivate(session, staff_id=staff_id, now=NOW)
    assert queries.visitor(session, token, now=NOW) is None
    candidate = service.begin_login(session, login="aoi", address="192.0.2.1", now=NOW)
    assert candidate.password_hash is None


def test_nobody_unknown_can_be_changed(session: Session) -> None:
    with pytest.raises(NotFound):
        service.set_password(session, staff_id=99, password="a new password", now=NOW)
    with pytest.raises(NotFound):
        service.deactivate(session, staff_id=99, now=NOW)


def test_a_clerk_chooses_only_their_own_store(session: Session, shop: Shop) -> None:
    staff_id = shop.staff[Role.CLERK]
    token = service.open_session(session, staff_id=staff_id, device="phone", now=NOW)
    visitor = queries.visitor(session, token, now=NOW)
    assert visitor is not None
    session_id = visitor.session_id

    def choose(store_id: int) -> None:
        service.choose_store(session, session_id=session_id, staff_id=staff_id, store_id=store_id)

    for wrong in (shop.other_store_id, 99):
        with pytest.raises(WrongStore):
            choose(wrong)
    choose(shop.store_id)
    visitor = queries.visitor(session, token, now=NOW)
    assert visitor is not None
    assert visitor.store_name == "台北永康店"
    assert [store.code for store in queries.stores_of(session, staff_id)] == ["TPE01"]
    owner_stores = queries.stores_of(session, shop.staff[Role.OWNER])
    assert [store.code for store in owner_stores] == ["KHH01", "TPE01"]


def test_api_tokens_are_kept_as_digests_and_can_be_revoked(session: Session) -> None:
    token = service.create_token(session, name="till", role="pos", now=NOW)
    machine = queries.machine(session, token)
    assert machine is not None
    assert machine.may(Scope.WRITE_PURCHASES)
    service.token_used(session, token_id=machine.id, now=NOW)
    (shown,) = queries.tokens(session)
    assert token.startswith(shown.prefix)
    assert shown.last_used_at == NOW
    service.revoke_token(session, token_id=machine.id, now=NOW)
    assert queries.machine(session, token) is None
    with pytest.raises(NotFound):
        service.revoke_token(session, token_id=machine.id, now=NOW)


def test_a_reading_token_cannot_write(session: Session) -> None:
    machine = queries.machine(
        session, service.create_token(session, name="bi", role="read", now=NOW)
    )
    assert machine is not None
    assert machine.may(Scope.READ_MEMBERS)
    assert not machine.may(Scope.WRITE_PURCHASES)
    with pytest.raises(Invalid):
        service.create_token(session, name="x", role="root", now=NOW)


def test_the_audit_log_pages_backwards_and_filters(session: Session, shop: Shop) -> None:
    for number in range(5):
        service.audit(
            session,
            staff_id=shop.staff[Role.CLERK] if number % 2 else None,
            action="purchase.recorded" if number % 2 else "login.failed",
            object=f"purchase:{number}",
            after={"amount": number},
            store_id=shop.store_id,
            device="phone",
            now=NOW,
        )
    newest = queries.audit_entries(session, limit=2)
    assert [entry.object for entry in newest] == ["purchase:4", "purchase:3"]
    assert newest[1].staff_name == "Aoi"
    assert newest[1].store_name == "台北永康店"
    older = queries.audit_entries(session, before_id=newest[-1].id, limit=2)
    assert [entry.object for entry in older] == ["purchase:2", "purchase:1"]
    assert len(queries.audit_entries(session, action="purchase")) == 2
    assert len(queries.audit_entries(session, staff_id=shop.staff[Role.CLERK])) == 2
