import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.staff import rules
from app.staff.rules import PER_LOGIN, Permission, Role
from tests.support.times import NOW

THE_PRODUCTS_HASHER = rules._hasher  # before tests/conftest.py puts a quick one in its place


def test_every_role_has_its_permissions_and_an_unknown_one_has_none() -> None:
    assert set(rules.PERMISSIONS) == set(Role)
    assert not any(rules.is_allowed("pirate", permission) for permission in Permission)


def test_the_owner_may_do_everything() -> None:
    assert all(rules.is_allowed(Role.OWNER, permission) for permission in Permission)


@pytest.mark.parametrize(
    ("role", "permission", "may"),
    [
        (Role.ANALYST, Permission.READ_NUMBERS, True),
        (Role.ANALYST, Permission.READ_PERSONAL, False),
        (Role.ANALYST, Permission.READ_MASKED, False),
        (Role.CLERK, Permission.SERVE, True),
        (Role.CLERK, Permission.REFUND, False),
        (Role.CLERK, Permission.READ_MEMBERS, False),
        (Role.STORE_MANAGER, Permission.REFUND, True),
        (Role.STORE_MANAGER, Permission.READ_PERSONAL, False),
        (Role.MARKETER, Permission.SERVE, False),
        (Role.SUPPORT, Permission.RETRY_DELIVERY, True),
        (Role.SUPPORT, Permission.READ_AUDIT, False),
    ],
)
def test_roles_get_what_their_work_needs(role: str, permission: Permission, may: bool) -> None:
    assert rules.is_allowed(role, permission) is may


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(1, None), (4, None), (5, 30), (6, 60), (7, 120), (9, 480), (10, 900), (5_000, 900)],
)
def test_waiting_after_wrong_passwords_doubles_up_to_a_limit(
    failures: int, seconds: int | None
) -> None:
    until = rules.blocked_until(PER_LOGIN, failures=failures, now=NOW)
    assert until == (None if seconds is None else NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("password", ["", "nine char", "x" * 201])
def test_passwords_that_are_too_short_or_absurdly_long_are_refused(password: str) -> None:
    with pytest.raises(Invalid):
        rules.hash_password(password)


def test_only_the_right_password_opens() -> None:
    password_hash = rules.hash_password("correct horse battery")
    assert "correct horse" not in password_hash
    assert rules.is_password("correct horse battery", password_hash)
    assert not rules.is_password("correct horse batterz", password_hash)
    assert not rules.is_password("correct horse battery", None)
    assert not rules.is_password("correct horse battery", "not a hash")
    assert not rules.is_password("nobody has this password", None)


def test_a_password_is_as_slow_to_try_as_owasp_asks_at_least() -> None:
    """OWASP's password storage cheat sheet: Argon2id with 19 MiB and 2 rounds, or more."""
    _, kind, _, costs, *_ = THE_PRODUCTS_HASHER().hash("correct horse battery").split("$")
    memory, rounds, _ = (int(cost.partition("=")[2]) for cost in costs.split(","))
    assert kind == "argon2id"
    assert memory >= 19 * 1024
    assert rounds >= 2


@given(st.text(alphabet=" -\u3000", max_size=3), st.booleans())
def test_a_code_on_paper_is_read_as_people_type_it(noise: str, is_small: bool) -> None:
    code = rules.recovery_code()
    assert re.fullmatch(r"[A-Z2-9]{5}-[A-Z2-9]{5}", code)
    typed = noise.join(code)
    assert rules.code_typed(typed.lower() if is_small else typed) == code
    assert rules.code_typed(f"{noise}１２３{noise}456") == "123456"


def test_only_who_sells_is_tied_to_a_store() -> None:
    tied = {role for role in Role if rules.home_store(role, 7) == 7}
    assert tied == {Role.STORE_MANAGER, Role.CLERK}
    assert {rules.home_store(role, None) for role in Role} == {None}
