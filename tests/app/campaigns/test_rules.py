"""What a broadcast's result is, and whom a link names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.campaigns import messages, rules
from app.campaigns.rules import Arm

# Results ------------------------------------------------------------------------------------------


def test_uplift_is_the_difference_and_what_it_comes_to() -> None:
    found = rules.uplift(Arm(1_900, 190, 95_000), Arm(100, 5, 2_500))
    assert found is not None
    assert found.rate == pytest.approx(0.05)
    assert found.more_buyers == pytest.approx(95)
    assert found.more_spent == pytest.approx((50 - 25) * 1_900)
    assert found.low < 0.05 < found.high
    assert found.is_sure is (found.low > 0)


@pytest.mark.parametrize(("treated", "control"), [(29, 100), (100, 29), (0, 0)])
def test_a_small_arm_says_nothing(treated: int, control: int) -> None:
    assert rules.uplift(Arm(treated, 0, 0), Arm(control, 0, 0)) is None


def test_an_empty_arm_has_no_rate() -> None:
    assert Arm(0, 0, 0).rate is None
    assert Arm(0, 0, 0).mean is None


# Links --------------------------------------------------------------------------------------------


REFS = st.one_of(
    st.integers(1, 2**62).map(messages.ref_of),
    st.builds("j{}-s{}".format, st.integers(1, 2**62), st.integers(1, 9_999)),
)


@given(REFS, st.integers(1, 2**62))
def test_a_link_names_its_reader_and_nobody_else(ref: str, member: int) -> None:
    token = messages.token("key", ref, member)
    assert len(token) <= 80
    assert messages.read_token("key", token) == (ref, member, 0)
    assert messages.read_token("other", token) is None
    changed = messages.token("key", ref, member + 1)
    forged = f"{changed.rpartition('.')[0]}.{token.rpartition('.')[2]}"
    assert messages.read_token("key", forged) is None


@pytest.mark.parametrize(
    "token", ["", ".", "..", "1.2", "1.2.", "x.2.ab", "1.2.3.4", "²." * 3, "9" * 40 + ".1.a"]
)
def test_what_we_did_not_make_names_nobody(token: str) -> None:
    assert messages.read_token("key", token) is None
