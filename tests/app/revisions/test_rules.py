"""What two changes of one programme come to together."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.programmes.rules import DEFAULT, Earning, from_document, to_document
from app.revisions.rules import merged

BASE = to_document(DEFAULT)
BRONZE = replace(DEFAULT.tiers[1], code="bronze", threshold=8_000)
BLACK = replace(DEFAULT.tiers[-1], code="black", threshold=200_000)


def renamed(code: str, name: str) -> dict[str, Any]:
    tiers = tuple(replace(t, name=name) if t.code == code else t for t in DEFAULT.tiers)
    return to_document(replace(DEFAULT, tiers=tiers))


def test_changes_in_different_places_are_both_kept() -> None:
    mine = to_document(replace(DEFAULT, earning=replace(DEFAULT.earning, rate=2)))
    joined = merged(BASE, mine, renamed("gold", "黃金"))
    assert joined.clashes == ()
    terms = from_document(joined.document)
    assert terms.earning.rate == 2
    assert terms.tier("gold").name == "黃金"


def test_two_tiers_are_two_places() -> None:
    joined = merged(BASE, renamed("silver", "白銀"), renamed("gold", "黃金"))
    names = [tier["name"] for tier in joined.document["tiers"]]
    assert names == ["普卡", "白銀", "黃金", "白金卡"]
    assert joined.clashes == ()


def test_one_place_changed_twice_keeps_mine_and_says_so() -> None:
    joined = merged(BASE, renamed("gold", "金"), renamed("gold", "黃金"))
    assert from_document(joined.document).tier("gold").name == "金"
    assert joined.clashes == ("tiers.gold.name",)


def test_the_same_change_twice_is_no_clash() -> None:
    joined = merged(BASE, renamed("gold", "黃金"), renamed("gold", "黃金"))
    assert joined.clashes == ()
    assert joined.document == renamed("gold", "黃金")


def test_a_tier_that_others_added_stays() -> None:
    more = (*DEFAULT.tiers, replace(DEFAULT.tiers[-1], code="black", threshold=200_000))
    theirs = to_document(replace(DEFAULT, tiers=more))
    joined = merged(BASE, renamed("gold", "黃金"), theirs)
    assert [tier["code"] for tier in joined.document["tiers"]][-1] == "black"


def test_a_tier_that_i_put_between_stays_between() -> None:
    mine = to_document(replace(DEFAULT, tiers=(*DEFAULT.tiers[:2], BRONZE, *DEFAULT.tiers[2:])))
    theirs = to_document(replace(DEFAULT, tiers=(*DEFAULT.tiers, BLACK)))
    joined = merged(BASE, mine, theirs)
    codes = ["basic", "silver", "bronze", "gold", "platinum", "black"]
    assert [tier["code"] for tier in joined.document["tiers"]] == codes


def test_a_tier_that_i_put_first_stays_first() -> None:
    mine = to_document(replace(DEFAULT, tiers=(BRONZE, *DEFAULT.tiers)))
    joined = merged(BASE, mine, renamed("gold", "黃金"))
    assert joined.document["tiers"][0]["code"] == "bronze"


def test_a_tier_that_i_removed_is_gone() -> None:
    mine = to_document(replace(DEFAULT, tiers=DEFAULT.tiers[:-1]))
    joined = merged(BASE, mine, renamed("gold", "黃金"))
    assert [tier["code"] for tier in joined.document["tiers"]] == ["basic", "silver", "gold"]


rates = st.builds(
    lambda unit, rate, percent: to_document(
        replace(DEFAULT, earning=Earning(unit=unit, rate=rate, birthday_percent=percent))
    ),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(100, 102),
)


@given(rates, rates, rates)
def test_what_only_one_side_changed_is_as_that_side_has_it(
    base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    joined = merged(base, mine, theirs)
    assert merged(base, base, theirs).document == theirs
    assert merged(base, mine, base).document == mine
    for key, value in joined.document["earning"].items():
        was, ours, other = (side["earning"][key] for side in (base, mine, theirs))
        assert value == (other if ours == was else ours)
        assert (f"earning.{key}" in joined.clashes) == (ours != was and other not in (was, ours))
