"""The second factor: on after its first code, each code once, a way in for who lost the phone."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import sealing, totp
from app.core.db import Database
from app.core.errors import NotFound
from app.staff import queries, rules, service
from app.staff.models import Staff
from app.staff.rules import Role
from app.staff.service import FactorUnreadable, LoginBlocked, WrongCode
from tests.support.at_once import at_once
from tests.support.staffing import Shop, staffed_shop
from tests.support.times import NOW

KEY = "test-secret-key"
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def shop(session: Session) -> Shop:
    return staffed_shop(session)


def secret_of(session: Session, staff_id: int) -> bytes:
    secret = service.offered_secret(session, staff_id=staff_id, key=KEY, now=NOW)
    assert secret is not None
    return secret


def switched_on(session: Session, staff_id: int) -> tuple[bytes, list[str]]:
    """The secret in the app, and the codes on paper."""
    service.offer_factor(session, staff_id=staff_id, key=KEY, now=NOW)
    secret = secret_of(session, staff_id)
    codes = service.confirm_factor(
        session, staff_id=staff_id, typed=shown(secret, NOW), key=KEY, now=NOW
    )
    return secret, codes


def shown(secret: bytes, now: datetime) -> str:
    return totp.code(secret, totp.step_at(now))


def accept(session: Session, staff_id: int, typed: str, now: datetime = LATER) -> str:
    return service.accept_code(session, staff_id=staff_id, typed=typed, key=KEY, now=now)


def test_it_is_on_after_its_first_code_only(session: Session, shop: Shop) -> None:
    yui = shop.staff[Role.OWNER]
    assert service.offered_secret(session, staff_id=yui, key=KEY, now=NOW) is None
    service.offer_factor(session, staff_id=yui, key=KEY, now=NOW)
    assert not service.begin_login(session, login="yui", address="x", now=NOW).has_factor
    with pytest.raises(WrongCode):
        service.confirm_factor(session, staff_id=yui, typed="000000", key=KEY, now=NOW)
    secret = secret_of(session, yui)
    typed = shown(secret, NOW)
    service.confirm_factor(
        session, staff_id=yui, typed=f" {typed[:3]} {typed[3:]}", key=KEY, now=NOW
    )
    assert service.begin_login(session, login="yui", address="x", now=NOW).has_factor
    with pytest.raises(NotFound):
        service.confirm_factor(session, staff_id=yui, typed=typed, key=KEY, now=NOW)
    with pytest.raises(NotFound):
        service.offer_factor(session, staff_id=yui, key=KEY, now=NOW)


def test_a_secret_that_is_offered_lapses(session: Session, shop: Shop) -> None:
    yui = shop.staff[Role.OWNER]
    service.offer_factor(session, staff_id=yui, key=KEY, now=NOW)
    secret = secret_of(session, yui)
    late = NOW + rules.OFFERED_FOR
    assert service.offered_secret(session, staff_id=yui, key=KEY, now=late) is None
    with pytest.raises(NotFound):
        service.confirm_factor(session, staff_id=yui, typed=shown(secret, late), key=KEY, now=late)
    in_time = late - timedelta(seconds=1)
    service.confirm_factor(
        session, staff_id=yui, typed=shown(secret, in_time), key=KEY, now=in_time
    )


@pytest.mark.parametrize("way", ["password", "sessions", "session"])
def test_a_secret_that_is_offered_goes_with_the_password_and_the_sessions(
    session: Session, shop: Shop, way: str
) -> None:
    yui = shop.staff[Role.OWNER]
    service.offer_factor(session, staff_id=yui, key=KEY, now=NOW)
    if way == "password":
        service.set_password_hash(
            session, staff_id=yui, password_hash="new", but_session=1, now=NOW
        )
    elif way == "sessions":
        service.end_sessions_of(session, staff_id=yui, but=1, now=NOW)
    else:
        token = service.open_session(session, staff_id=yui, device="lost", now=NOW)
        lost = queries.visitor(session, token, now=NOW)
        assert lost is not None
        service.end_own_session(session, session_id=lost.session_id, staff_id=yui, now=NOW)
    assert service.offered_secret(session, staff_id=yui, key=KEY, now=NOW) is None


def test_the_database_shows_neither_the_secret_nor_the_codes(session: Session, shop: Shop) -> None:
    secret, codes = switched_on(session, shop.staff[Role.OWNER])
    connection = session.connection()
    rows = str(connection.exec_driver_sql("SELECT * FROM staff").all())
    rows += str(connection.exec_driver_sql("SELECT * FROM recovery_codes").all())
    for hidden in (secret.hex(), totp.spelled(secret).replace(" ", ""), *codes):
        assert hidden not in rows
    assert len(set(codes)) == 10


def test_a_code_opens_once(session: Session, shop: Shop) -> None:
    yui = shop.staff[Role.OWNER]
    secret, _ = switched_on(session, yui)
    with pytest.raises(WrongCode):  # the one it was switched on with
        accept(session, yui, shown(secret, NOW), NOW)
    assert accept(session, yui, shown(secret, LATER)) == "app"
    for again in (LATER, LATER + timedelta(seconds=30)):
        with pytest.raises(WrongCode):
            accept(session, yui, shown(secret, LATER), again)
    with pytest.raises(WrongCode):  # older than the last, though its time is not over
        accept(session, yui, shown(secret, LATER - timedelta(seconds=30)))
    assert accept(session, yui, shown(secret, LATER + timedelta(seconds=30))) == "app"


def test_a_code_on_paper_opens_once_however_it_is_typed(session: Session, shop: Shop) -> None:
    yui = shop.staff[Role.OWNER]
    _, codes = switched_on(session, yui)
    assert accept(session, yui, f" {codes[0].lower().replace('-', ' ')} ") == "recovery"
    with pytest.raises(WrongCode):
        accept(session, yui, codes[0])
    assert queries.recovery_codes_left(session, yui) == 9


def test_the_codes_of_one_person_open_nothing_for_another(session: Session, shop: Shop) -> None:
    secret, codes = switched_on(session, shop.staff[Role.OWNER])
    sora = shop.staff[Role.MARKETER]
    switched_on(session, sora)
    for typed in (shown(secret, LATER), codes[0]):
        with pytest.raises(WrongCode):
            accept(session, sora, typed)


def test_new_codes_on_paper_end_the_old_ones(session: Session, shop: Shop) -> None:
    yui = shop.staff[Role.OWNER]
    _, old = switched_on(session, yui)
    new = service.new_recovery_codes(session, staff_id=yui, key=KEY)
    with pytest.raises(WrongCode):
        accept(session, yui, old[0])
    assert accept(session, yui, new[0]) == "recovery"


def test_switched_off_the_password_alone_opens(session: Session, shop: Shop) -> None:
    yui = shop.staff[Role.OWNER]
    secret, codes = switched_on(session, yui)
    service.drop_factor(session, staff_id=yui)
    assert not service.begin_login(session, login="yui", address="x", now=NOW).has_factor
    for typed in (shown(secret, LATER), codes[0]):
        with pytest.raises(WrongCode):
            accept(session, yui, typed)
    for call in (
        lambda: service.drop_factor(session, staff_id=yui),
        lambda: service.new_recovery_codes(session, staff_id=yui, key=KEY),
    ):
        with pytest.raises(NotFound):
            call()


def test_another_secret_key_says_so_and_a_secret_moved_to_another_row_opens_nothing(
    session: Session, shop: Shop
) -> None:
    yui, sora = shop.staff[Role.OWNER], shop.staff[Role.MARKETER]
    secret, _ = switched_on(session, yui)
    with pytest.raises(FactorUnreadable):
        service.accept_code(
            session, staff_id=yui, typed=shown(secret, LATER), key="another", now=LATER
        )
    stolen = session.scalars(sa.select(Staff.totp_secret).where(Staff.id == yui)).one()
    session.execute(sa.update(Staff).where(Staff.id == sora).values(totp_secret=stolen))
    with pytest.raises(FactorUnreadable):
        accept(session, sora, shown(secret, LATER))
    with pytest.raises(sealing.SealBroken):
        sealing.opened(KEY, stolen or "", about="something else")


def test_guessing_codes_is_stopped_and_a_right_password_wins_no_more_tries(
    session: Session, shop: Shop
) -> None:
    yui = shop.staff[Role.OWNER]
    for _ in range(5):
        service.begin_code(session, staff_id=yui, address="192.0.2.1", now=NOW)
        candidate = service.begin_login(session, login="yui", address="192.0.2.1", now=NOW)
        service.finish_login(session, candidate=candidate)
    with pytest.raises(LoginBlocked):
        service.begin_code(session, staff_id=yui, address="192.0.2.9", now=NOW)
    later = NOW + timedelta(seconds=31)
    service.begin_code(session, staff_id=yui, address="192.0.2.1", now=later)
    service.finish_code(session, staff_id=yui, address="192.0.2.1")
    service.begin_code(session, staff_id=yui, address="192.0.2.1", now=later)


@pytest.mark.parametrize("way", ["app", "recovery"])
def test_of_two_who_use_one_code_at_the_same_moment_one_enters(db: Database, way: str) -> None:
    with db.transaction() as session:
        yui = staffed_shop(session).staff[Role.OWNER]
        secret, codes = switched_on(session, yui)
    typed = shown(secret, LATER) if way == "app" else codes[3]

    def enter() -> str:
        with db.transaction() as session:
            return accept(session, yui, typed)

    outcomes = at_once(enter, enter, enter)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        "WrongCode",
        "WrongCode",
        "str",
    ]


def test_two_who_make_new_codes_at_the_same_moment_leave_ten(db: Database) -> None:
    with db.transaction() as session:
        yui = staffed_shop(session).staff[Role.OWNER]
        switched_on(session, yui)

    def make() -> list[str]:
        with db.transaction() as session:
            return service.new_recovery_codes(session, staff_id=yui, key=KEY)

    at_once(make, make)
    with db.reading() as session:
        assert queries.recovery_codes_left(session, yui) == 10


def test_two_who_switch_it_on_at_the_same_moment_get_one_set_of_codes(db: Database) -> None:
    with db.transaction() as session:
        yui = staffed_shop(session).staff[Role.OWNER]
        service.offer_factor(session, staff_id=yui, key=KEY, now=NOW)
        typed = shown(secret_of(session, yui), NOW)

    def confirm() -> list[str]:
        with db.transaction() as session:
            return service.confirm_factor(session, staff_id=yui, typed=typed, key=KEY, now=NOW)

    outcomes = at_once(confirm, confirm)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NotFound", "list"]
    with db.reading() as session:
        assert queries.recovery_codes_left(session, yui) == 10
