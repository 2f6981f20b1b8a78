"""What is planned, when it may be read, and what may be concluded."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.campaigns.rules.shares import PLACES_OF_ALL, Share
from app.core import statistics
from app.experiments import rules
from app.experiments.rules import ArmPlan, Design, Seen
from app.journeys import rules as journeys
from tests.support.times import NOW

DAY = timedelta(days=1)
DESIGN = Design(
    name="夏茶標題",
    kind="broadcast",
    arms=(ArmPlan("A", "直接說", 45, 1), ArmPlan("B", "問一句", 45, 2)),
    hold_out=10,
    days=7,
    baseline=1_000,
    effect=200,
    stop="fixed",
)


# Assignment ---------------------------------------------------------------------------------------


@given(st.integers(1, 2**63 - 1), st.integers(1, 10_000))
def test_a_member_is_in_one_arm_and_always_in_the_same(member: int, experiment: int) -> None:
    salt = f"experiment:{experiment}"
    shares = (Share(salt, 0, 4_500, 9_000), Share(salt, 4_500, 9_000))
    held = [share.holds(member) for share in shares]
    assert sum(held) == 1
    assert held == [Share(**share.document()).holds(member) for share in shares]
    assert not (shares[1].is_control(member))


def test_places_are_even_and_two_experiments_know_nothing_of_each_other() -> None:
    """20,000 members in ten tenths of one experiment, and of those in one tenth again in ten of
    another: both could be chance."""
    one, other = Share("experiment:1", 0, 1), Share("experiment:2", 0, 1)
    tenths = Counter(one.place(member) // 1_000 for member in range(1, 20_001))
    assert statistics.chi_square([tenths[n] for n in range(10)], [1] * 10) > 0.001
    both = Counter(
        other.place(member) // 1_000 for member in range(1, 20_001) if one.place(member) < 1_000
    )
    assert statistics.chi_square([both[n] for n in range(10)], [1] * 10) > 0.001
    assert max(one.place(member) for member in range(1, 20_001)) < PLACES_OF_ALL


@given(st.integers(2, 4), st.integers(0, 50))
def test_shares_are_all_there_is(count: int, hold_out: int) -> None:
    found = rules.shares(count, hold_out)
    assert sum(found) + hold_out == 100
    assert max(found) - min(found) <= 1


JOURNEY = replace(
    DESIGN,
    kind="journey",
    arms=(ArmPlan("A", "A 組", 30), ArmPlan("B", "B 組", 70)),
    hold_out=20,
    journey=7,
    step="s1",
)


def test_a_journey_parts_those_whom_its_hold_out_leaves() -> None:
    planned = {"A": 24.0, "B": 56.0, "0": 20.0}
    assert JOURNEY.planned == pytest.approx(planned)
    assert rules.mismatch(JOURNEY, {"A": 24_000, "B": 56_000, "0": 20_000}) == pytest.approx(1)
    assert rules.mismatch(JOURNEY, {"A": 30_000, "B": 70_000, "0": 20_000}) < rules.MISMATCH
    assert replace(JOURNEY, hold_out=0).planned == {"A": 30.0, "B": 70.0}


def test_the_arms_of_a_journey_are_as_large_as_planned() -> None:
    plan = journeys.Plan(journeys.Entry("purchase.recorded"), hold_out=20)
    split = journeys.Step("s1", "split", percent=30)

    def arm(member: int) -> str:
        if journeys.is_held_out(plan, 7, member):
            return rules.HOLD_OUT
        return "A" if journeys.is_first_branch(split, 7, member) else "B"

    counts = Counter(arm(member) for member in range(1, 20_001))
    assert rules.mismatch(JOURNEY, counts) > rules.MISMATCH


# The plan -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "長" * 41}, "name"),
        ({"arms": DESIGN.arms[:1]}, "arms"),
        ({"hold_out": 51}, "hold_out"),
        ({"days": 0}, "days"),
        ({"days": 61}, "days"),
        ({"baseline": 0}, "baseline"),
        ({"baseline": 10_000}, "baseline"),
        ({"effect": 0}, "effect"),
        ({"effect": 9_000}, "effect"),
        ({"stop": "soon"}, "stop"),
        ({"stop": "sequential", "arms": (*DESIGN.arms, ArmPlan("C", "", 10))}, "stop"),
        ({"stop": "sequential", "effect": 1, "baseline": 5_000}, "effect"),
    ],
)
def test_a_plan_that_cannot_be_is_named(change: dict[str, object], field: str) -> None:
    assert field in [name for name, _ in rules.faults(replace(DESIGN, **change))]  # type: ignore[arg-type]  # as it may be typed


def test_a_sound_plan_has_no_faults_and_survives_being_kept() -> None:
    assert list(rules.faults(DESIGN)) == []
    assert list(rules.faults(replace(DESIGN, stop="sequential"))) == []
    assert rules.design_of(DESIGN.document()) == DESIGN
    assert DESIGN.needed == statistics.needed(0.10, 0.02)


def test_nothing_is_read_before_its_time() -> None:
    need, end = DESIGN.needed, NOW + 30 * DAY

    def due(a: int, b: int, days: int = 0, *, is_complete: bool = False) -> bool:
        return rules.is_due(
            DESIGN,
            {"A": a, "B": b, "0": 0},
            is_complete=is_complete,
            ends_at=end,
            now=NOW + days * DAY,
        )

    assert not due(need, need - 1)
    assert due(need, need)
    assert not due(need, need, is_complete=True)
    assert not due(0, 0, 29)
    assert due(0, 0, 30)


# Verdicts -----------------------------------------------------------------------------------------


def _seen(members: int, buyers: int, **more: Any) -> Seen:
    return Seen(members, buyers, buyers * 500, buyers * 250_000.0, **more)


def test_an_odd_sample_ratio_is_no_result() -> None:
    found = rules.verdict(
        DESIGN, {"A": _seen(5_000, 900), "B": _seen(4_300, 300), "0": _seen(1_000, 9)}
    )
    assert found.headline == "分流異常，這次不看結果"
    assert not any("A 版" in sentence for sentence in found.sentences)


@pytest.mark.parametrize(
    ("of_a", "of_b", "is_read"),
    [
        ({"letters": 4_000, "sent": 4_000}, {"letters": 4_000, "sent": 3_930}, True),
        ({"letters": 4_000, "sent": 4_000}, {"letters": 4_000, "sent": 3_900}, False),
        ({"letters": 4_000, "sent": 4_000}, {"letters": 4_000, "sent": 0}, False),
        ({"letters": 10, "sent": 10, "was_cancelled": True}, {"letters": 10, "sent": 10}, False),
        ({}, {}, True),
    ],
)
def test_where_one_letter_did_not_go_out_there_is_no_winner(
    of_a: dict[str, Any], of_b: dict[str, Any], is_read: bool
) -> None:
    result = {
        "A": _seen(4_500, 450, **of_a),
        "B": _seen(4_500, 560, **of_b),
        "0": _seen(1_000, 80),
    }
    found = rules.verdict(DESIGN, result)
    assert (found.headline == "各版本沒有都寄到，這次不看結果") is not is_read
    assert (found.tone == "good") is is_read
    assert rules.result_of({arm: seen.document() for arm, seen in result.items()}) == result


def test_a_clear_difference_is_said_with_its_range() -> None:
    found = rules.verdict(
        DESIGN, {"A": _seen(4_500, 450), "B": _seen(4_500, 560), "0": _seen(1_000, 80)}
    )
    assert found.headline == "B 版比較好：每 100 人多 2.4 人來買"
    assert "B 版比 A 版多帶來 2.4 個百分點，合理範圍 +1.1 到 +3.7" in found.sentences[0]
    assert found.tone == "good"


THREE = replace(DESIGN, arms=(*DESIGN.arms, ArmPlan("C", "數到三", 45, 3)), hold_out=0)


@pytest.mark.parametrize(
    ("b", "c", "headline"),
    [
        (1_100, 600, "C 版比較差，不要用；A 與 B 還不能下結論"),
        (600, 610, "A 版比較好：其他版本買的人比較少"),
        (1_300, 600, "B 版比較好：每 100 人多 3.0 人來買"),
    ],
)
def test_of_three_only_those_that_are_sure_are_named(b: int, c: int, headline: str) -> None:
    result = {"A": _seen(10_000, 1_000), "B": _seen(10_000, b), "C": _seen(10_000, c)}
    if b == 1_100:
        result = {arm: _seen(2_500, seen.buyers // 4) for arm, seen in result.items()}
    assert rules.verdict(THREE, result).headline == headline


def test_a_difference_that_may_be_luck_is_no_verdict() -> None:
    found = rules.verdict(DESIGN, {"A": _seen(450, 45), "B": _seen(450, 53), "0": _seen(100, 8)})
    assert found.headline.startswith("還不能下結論")
    assert "還不能下結論，因為就算兩版一樣，也常會看到這麼大的差別" in found.sentences[0]
    assert f"計畫要 {DESIGN.needed:,} 人" in found.sentences[1]


def test_stopped_early_is_never_a_win() -> None:
    result = {"A": _seen(4_500, 450), "B": _seen(4_500, 560), "0": _seen(1_000, 80)}
    found = rules.verdict(DESIGN, result, was_stopped=True)
    assert found.headline == "還不能下結論：還沒到計畫的人數"


def test_too_few_are_not_compared() -> None:
    found = rules.verdict(DESIGN, {"A": _seen(20, 2), "B": _seen(20, 3)})
    assert found.headline == "人數太少，看不出來"
    assert rules.verdict(DESIGN, {}).headline == "人數太少，看不出來"


def test_more_blocks_are_told_beside_the_verdict() -> None:
    found = rules.verdict(
        DESIGN,
        {
            "A": _seen(4_500, 450, blocks=10),
            "B": _seen(4_500, 560, blocks=60),
            "0": _seen(1_000, 80),
        },
    )
    assert "注意：B 版封鎖的人明顯比較多（60 與 10 人）。" in found.sentences


SEQUENTIAL = replace(DESIGN, stop="sequential")


def test_a_lead_decides_and_enough_successes_end_it() -> None:
    most = SEQUENTIAL.successes
    lead = statistics.ahead(most)
    assert rules.leader(SEQUENTIAL, {"A": 10, "B": 10 + lead - 1}) is None
    assert rules.leader(SEQUENTIAL, {"A": 10, "B": 10 + lead}) == "B"
    assert rules.leader(SEQUENTIAL, {"A": 10 + lead, "B": 10}) == "A"
    assert rules.leader(SEQUENTIAL, {"A": most // 2, "B": most - most // 2}) == ""


def test_the_sequential_verdicts() -> None:
    most = SEQUENTIAL.successes
    lead, even = statistics.ahead(most), most // 2 + 1
    rest = {"0": _seen(2_000, 100)}
    won = rules.verdict(SEQUENTIAL, {"A": _seen(9_000, 100), "B": _seen(9_000, 100 + lead)} | rest)
    assert won.headline == "B 版比較好"
    draw = rules.verdict(SEQUENTIAL, {"A": _seen(9_000, even), "B": _seen(9_000, even)} | rest)
    assert draw.headline.startswith("分不出高下")
    late = rules.verdict(SEQUENTIAL, {"A": _seen(9_000, 9), "B": _seen(9_000, 9)} | rest)
    assert late.headline == "還不能下結論：時間到了，買的人不夠多"


def test_where_nothing_differs_a_winner_is_named_one_time_in_twenty_at_most() -> None:
    """A/A by both rules, with a look after every success by the sequential one."""
    chance = Random(21)
    small = replace(SEQUENTIAL, baseline=1_000, effect=1_000)
    wins, fixed = 0, 0
    for _ in range(600):
        buyers = {"A": 0, "B": 0}
        while (found := rules.leader(small, buyers)) is None:
            buyers["AB"[chance.random() < 0.5]] += 1
        wins += found != ""
        one, other = (sum(chance.random() < 0.1 for _ in range(100)) for _ in "AB")
        seen = {"A": _seen(100, one), "B": _seen(100, other), "0": _seen(22, 2)}
        fixed += rules.verdict(DESIGN, seen).tone == "good"
    assert wins / 600 <= 0.07
    assert fixed / 600 <= 0.08


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 100)), min_size=3, max_size=3))
def test_any_numbers_get_a_verdict(arms: list[tuple[int, int]]) -> None:
    result = {
        code: _seen(members, min(members, buyers))
        for code, (members, buyers) in zip("AB0", arms, strict=True)
    }
    found = rules.verdict(DESIGN, result)
    assert found.headline
    assert all(sentence.endswith("。") for sentence in found.sentences)
