"""What other thresholds would make of the members."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tiers.rules.cuts import STEP, Bucket, cut, threshold_for

LADDER = [("basic", 0), ("silver", 5_000), ("gold", 20_000)]
SPENDERS = [
    Bucket("basic", 0, 70, 500),
    Bucket("basic", 49, 10, 49_500),  # NT$4,900 to 4,999: all but silver
    Bucket("basic", 50, 8, 40_200),
    Bucket("silver", 40, 2, 8_100),
    Bucket("silver", 199, 4, 79_900),
    Bucket("gold", 300, 6, 180_300),
]


def test_everybody_is_somewhere() -> None:
    found = cut(SPENDERS, LADDER)
    assert found.members == {"basic": 82, "silver": 12, "gold": 6}
    assert found.spend == {"basic": 58_100, "silver": 120_100, "gold": 180_300}


def test_who_rises_and_falls_is_told_by_the_tier_held() -> None:
    moves = cut(SPENDERS, LADDER).moves
    assert moves["basic", "silver"] == 8
    assert moves["silver", "basic"] == 2
    assert ("gold", "silver") not in moves


def test_near_is_four_fifths_of_the_way() -> None:
    assert cut(SPENDERS, LADDER).near == {"silver": 12, "gold": 4}
    edge = [Bucket("basic", 39, 1, 0), Bucket("basic", 40, 1, 0), Bucket("basic", 50, 1, 0)]
    assert cut(edge, LADDER).near == {"silver": 1}  # 3,900 is not near, 5,000 is there


@pytest.mark.parametrize(
    ("percent", "threshold"),
    [(6, 20_000), (5, 30_500), (10, 5_500), (12, 5_500), (18, 5_000), (100, 500), (0, 30_500)],
)
def test_a_share_gives_the_least_threshold_that_no_more_reach(percent: int, threshold: int) -> None:
    assert threshold_for(SPENDERS, Fraction(percent, 100)) == threshold


buckets = st.lists(
    st.builds(
        Bucket,
        st.sampled_from(["basic", "silver", "gold"]),
        st.integers(0, 400),
        st.integers(1, 50),
        st.integers(0, 9_999),
    ),
    max_size=30,
)


@given(buckets, st.fractions(0, 1))
def test_a_share_is_never_exceeded_and_a_lower_threshold_would(
    found: list[Bucket], share: Fraction
) -> None:
    total = sum(bucket.members for bucket in found)
    threshold = threshold_for(found, share)

    def reach(needed: int) -> int:
        return sum(bucket.members for bucket in found if bucket.step * STEP >= needed)

    assert reach(threshold) <= share * total
    assert threshold == 500 or reach(threshold - 500) > share * total


@given(buckets, st.integers(1, 200), st.integers(1, 200))
def test_nobody_is_lost_or_counted_twice(found: list[Bucket], low: int, more: int) -> None:
    ladder = [("basic", 0), ("silver", low * STEP), ("gold", (low + more) * STEP)]
    result = cut(found, ladder)
    total = sum(bucket.members for bucket in found)
    assert sum(result.members.values()) == sum(result.moves.values()) == total
    assert sum(result.spend.values()) == sum(bucket.spend for bucket in found)
