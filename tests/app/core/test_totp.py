from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import totp
from tests.support.times import NOW

# RFC 6238, appendix B, the rows of SHA-1: https://www.rfc-editor.org/rfc/rfc6238#appendix-B
RFC_SECRET = b"12345678901234567890"
RFC_CODES = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]
SECRETS = st.binary(min_size=20, max_size=20)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(("seconds", "code"), RFC_CODES)
def test_the_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    step = totp.step_at(datetime.fromtimestamp(seconds, UTC))
    assert totp.code(RFC_SECRET, step, digits=8) == code
    assert totp.code(RFC_SECRET, step) == code[2:]


@given(secret=SECRETS, now=MOMENTS, off=st.integers(-3, 3))
def test_a_code_counts_in_its_half_minute_and_one_to_either_side(
    secret: bytes, now: datetime, off: int
) -> None:
    step = totp.step_at(now) + off
    typed = totp.code(secret, step)
    near = {totp.code(secret, totp.step_at(now) + drift) for drift in (-1, 0, 1)}
    found = totp.step_of(secret, typed, now=now)
    assert (found is not None) is (typed in near)
    if found is not None:
        assert totp.code(secret, found) == typed
        assert abs(found - totp.step_at(now)) <= 1


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "１２３４５６", "é"])
def test_what_is_no_code_is_wrong(typed: str) -> None:
    assert totp.step_of(RFC_SECRET, typed, now=NOW) is None


def test_a_step_lasts_half_a_minute() -> None:
    whole = NOW.replace(second=0, microsecond=0)
    assert totp.step_at(whole) == totp.step_at(whole + timedelta(seconds=29.9))
    assert totp.step_at(whole) + 1 == totp.step_at(whole + timedelta(seconds=30))


def test_the_address_says_whose_it_is_and_holds_the_secret() -> None:
    address = totp.address(RFC_SECRET, issuer="小日子: 選物", account="amy@example.com")
    parts = urlsplit(address)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    issuer, account = unquote(parts.path).lstrip("/").split(":")
    assert (issuer, account) == ("小日子： 選物", "amy@example.com")
    assert parse_qs(parts.query) == {
        "secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
        "issuer": ["小日子： 選物"],
    }
    assert totp.spelled(RFC_SECRET) == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"


def test_secrets_are_new_each_time() -> None:
    assert len({totp.new_secret() for _ in range(20)}) == 20
    assert len(totp.new_secret()) == totp.SECRET_BYTES
