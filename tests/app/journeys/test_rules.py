"""Plans: their order, their changes, what is wrong with one, when a wait ends."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.campaigns.rules.letters import of_card
from app.core.clock import TAIPEI
from app.journeys import rules
from app.journeys.rules import Audience, Entry, Place, Plan, Step
from app.segments.rules import Condition, Group

GOOD_LETTER = of_card("好久不見", "{姓名}您好。", label="看門市", place="stores")
BUYERS = Audience(3, "買過的人", Group("all", (Condition("purchases", at_least=1),)))


def letter(code: str) -> Step:
    return Step(code, "letter", letter=GOOD_LETTER)


def wait(code: str, days: int = 1, hour: int | None = None) -> Step:
    return Step(code, "wait", days=days, hour=hour)


def until(code: str, came: Sequence[Step] = (), missed: Sequence[Step] = ()) -> Step:
    return Step(
        code, "until", fact="purchase.recorded", days=7, branches=(tuple(came), tuple(missed))
    )


def split(code: str, a: Sequence[Step] = (), b: Sequence[Step] = ()) -> Step:
    return Step(code, "split", percent=50, branches=(tuple(a), tuple(b)))


PLAN = Plan(
    Entry("purchase.recorded"),
    (
        letter("s1"),
        until("s2", came=[letter("s3")], missed=[split("s4", a=[letter("s5")]), letter("s6")]),
        letter("s7"),
    ),
    stops_on_purchase=False,
)


# Any plan -----------------------------------------------------------------------------------------

_LEAVES = st.sampled_from(
    [
        Step("", "letter", letter=GOOD_LETTER),
        Step("", "coupon", coupon="autumn"),
        Step("", "points", points=5),
        Step("", "tag", tag="1"),
        Step("", "tag", tag="2", takes_off=True),
        Step("", "hook", hook="3"),
        Step("", "wait", days=3),
        Step("", "wait", hour=11),
    ]
)
_PARTING = st.sampled_from(
    [
        Step("", "until", fact="purchase.recorded", days=7),
        Step("", "check", who=BUYERS),
        Step("", "split", percent=30),
    ]
)
SHAPES = st.recursive(
    _LEAVES,
    lambda inner: st.builds(
        lambda step, a, b: replace(step, branches=(tuple(a), tuple(b))),
        _PARTING,
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3),
    ),
    max_leaves=10,
)


def coded(steps: Sequence[Step], numbers: "count[int] | None" = None) -> tuple[Step, ...]:
    """Each with a code of its own, in no order."""
    numbers = numbers or count(1)
    return tuple(
        replace(
            step,
            branches=tuple(coded(branch, numbers) for branch in step.branches),
            code=f"s{next(numbers)}",
        )
        for step in steps
    )


PLANS = st.lists(SHAPES, max_size=5).map(lambda steps: Plan(Entry("member.joined"), coded(steps)))


@given(PLANS)
def test_nobody_goes_back_and_everybody_gets_to_the_end(plan: Plan) -> None:
    found = rules.nodes(plan)
    order = {code: index for index, code in enumerate(found)}
    assert list(order) == [step.code for step in rules.each(plan.steps)]
    for code, node in found.items():
        assert len(node.then) == max(1, len(node.step.branches))
        for after in node.then:
            assert after is None or order[after] > order[code]
    reached = {rules.first(plan)}
    for code, node in found.items():
        assert code in reached, "every step can be come to"
        reached |= set(node.then)


@given(PLANS)
def test_a_plan_comes_back_from_its_document(plan: Plan) -> None:
    assert rules.from_document(rules.to_document(plan)) == plan


@given(PLANS, st.data())
def test_a_step_is_put_where_it_was_to_be(plan: Plan, data: st.DataObject) -> None:
    new = letter(rules.new_code(plan))
    assert rules.find(plan, new.code) is None
    steps = list(rules.each(plan.steps))
    if not steps:
        assert rules.put(plan, new, Place()).steps == (new,)
        return
    target = data.draw(st.sampled_from(steps))
    after = rules.put(plan, new, Place(after=target.code))
    assert rules.nodes(after)[target.code].then[0] == (
        new.code if not target.branches or not target.branches[0] else target.branches[0][0].code
    )
    assert rules.find(after, new.code) == new
    for branch in range(len(target.branches)):
        inside = rules.put(plan, new, Place(inside=target.code, branch=branch))
        assert rules.nodes(inside)[target.code].then[branch] == new.code
    assert rules.first(rules.put(plan, new, Place())) == new.code
    lost = rules.put(plan, new, Place(after="s9999"))
    assert lost.steps == (*plan.steps, new), "where its place is gone it goes last"
    dropped = rules.drop(after, new.code)
    assert dropped.steps == plan.steps
    assert rules.new_code(dropped) != new.code, "a code stays its step's own for ever"
    restored = rules.instead(dropped, plan)
    assert restored.steps == plan.steps
    assert rules.new_code(restored) == rules.new_code(dropped)


@given(PLANS, st.data())
def test_changing_and_moving_lose_nothing(plan: Plan, data: st.DataObject) -> None:
    steps = list(rules.each(plan.steps))
    if not steps:
        return
    target = data.draw(st.sampled_from(steps))
    changed = rules.change(plan, replace(target, points=77, branches=()))
    assert rules.find(changed, target.code) == replace(target, points=77)
    codes = sorted(step.code for step in steps)
    for by in (-1, 1):
        moved = rules.move(plan, target.code, by)
        assert sorted(step.code for step in rules.each(moved.steps)) == codes
        assert moved == plan or rules.move(moved, target.code, -by) == plan
    gone = {step.code for step in rules.each((target,))}
    left = rules.drop(plan, target.code)
    assert [s.code for s in rules.each(left.steps)] == [s.code for s in steps if s.code not in gone]


def test_what_comes_after_a_branch() -> None:
    found = {code: node.then for code, node in rules.nodes(PLAN).items()}
    assert found == {
        "s1": ("s2",),
        "s2": ("s3", "s4"),
        "s3": ("s7",),
        "s4": ("s5", "s6"),
        "s5": ("s6",),
        "s6": ("s7",),
        "s7": (None,),
    }


# Time and chance ----------------------------------------------------------------------------------


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TAIPEI)


@pytest.mark.parametrize(
    ("days", "hour", "since", "end"),
    [
        (1, None, "2026-07-10 14:30", "2026-07-11 14:30"),
        (1, 11, "2026-07-10 14:30", "2026-07-11 11:00"),
        (1, 11, "2026-07-10 00:00", "2026-07-11 11:00"),
        (1, 0, "2026-07-10 23:59", "2026-07-11 00:00"),
        (0, 11, "2026-07-10 10:59", "2026-07-10 11:00"),
        (0, 11, "2026-07-10 11:00", "2026-07-11 11:00"),
        (0, 11, "2026-07-10 14:30", "2026-07-11 11:00"),
        (1, 9, "2028-02-28 20:00", "2028-02-29 09:00"),
        (1, 9, "2028-02-29 20:00", "2028-03-01 09:00"),
        (365, 9, "2027-03-01 08:00", "2028-02-29 09:00"),
        (1, 9, "2026-12-31 23:59", "2027-01-01 09:00"),
    ],
)
def test_when_a_wait_ends(days: int, hour: int | None, since: str, end: str) -> None:
    step = wait("s1", days, hour)
    assert rules.wait_ends(step, at(since)) == at(end)


@given(
    st.integers(0, 365),
    st.one_of(st.none(), st.integers(0, 23)),
    st.datetimes(datetime(2024, 1, 1), datetime(2035, 12, 31)),
)
def test_a_wait_ends_later_and_not_a_day_too_late(
    days: int, hour: int | None, naive: datetime
) -> None:
    since = naive.replace(tzinfo=TAIPEI)
    end = rules.wait_ends(wait("s1", days, hour), since)
    assert end >= since if hour is None else end > since
    assert abs((end.astimezone(TAIPEI).date() - since.date()).days - days) <= (hour is not None)
    assert hour is None or (end.astimezone(TAIPEI).hour, end.minute, end.second) == (hour, 0, 0)
    assert end - since <= timedelta(days=days + 1)


def test_chance_is_the_same_each_time_and_another_for_another_journey() -> None:
    plan, step = replace(PLAN, hold_out=10), replace(split("s4"), percent=30)
    members = range(1, 20_001)
    out = [rules.is_held_out(plan, 1, member) for member in members]
    first = [rules.is_first_branch(step, 1, member) for member in members]
    assert out == [rules.is_held_out(plan, 1, member) for member in members]
    assert sum(out) == pytest.approx(2_000, abs=200)
    assert sum(first) == pytest.approx(6_000, abs=350)
    # Independent of each other: of the hold-out the same share is in the first branch.
    assert sum(a and b for a, b in zip(out, first, strict=True)) == pytest.approx(600, abs=100)
    assert out != [rules.is_held_out(plan, 2, member) for member in members]
    assert not any(rules.is_held_out(replace(plan, hold_out=0), 1, member) for member in members)


# What is wrong ------------------------------------------------------------------------------------

DEEP = split("s1", a=[split("s2", a=[split("s3", a=[split("s4", a=[letter("s5")])])])])


@pytest.mark.parametrize(
    ("plan", "found"),
    [
        (PLAN, []),
        (replace(PLAN, entry=Entry()), [("", "who")]),
        (replace(PLAN, entry=Entry(who=BUYERS)), []),
        (replace(PLAN, entry=Entry("moon.rose")), [("", "fact")]),
        (replace(PLAN, entry=Entry(who=BUYERS, hour=24)), [("", "hour")]),
        (replace(PLAN, entry=Entry(who=BUYERS, again=0)), [("", "again")]),
        (replace(PLAN, entry=Entry("member.joined", again=0)), []),
        (replace(PLAN, entry=Entry("member.joined", again=366)), [("", "again")]),
        (replace(PLAN, steps=()), [("", "steps")]),
        (replace(PLAN, hold_out=51), [("", "hold_out")]),
        (replace(PLAN, hold_out=-1), [("", "hold_out")]),
        (replace(PLAN, goal_days=0), [("", "goal_days")]),
        (replace(PLAN, stops_on_purchase=True), [("s2", "fact")]),
        (replace(PLAN, steps=(until("s2"),), stops_on_purchase=True), []),
        (replace(PLAN, steps=(DEEP,)), [("", "steps")]),
        (replace(PLAN, steps=tuple(letter(f"s{n}") for n in range(1, 41))), []),
        (replace(PLAN, steps=tuple(letter(f"s{n}") for n in range(1, 42))), [("", "steps")]),
        (
            replace(PLAN, steps=(Step("s1", "letter"),)),
            [("s1", "parts")],
        ),
        (replace(PLAN, steps=(Step("s1", "coupon"),)), [("s1", "coupon")]),
        (replace(PLAN, steps=(Step("s1", "points"),)), [("s1", "points")]),
        (replace(PLAN, steps=(Step("s1", "points", points=10_001),)), [("s1", "points")]),
        (replace(PLAN, steps=(Step("s1", "tag"),)), [("s1", "tag")]),
        (replace(PLAN, steps=(Step("s1", "hook"),)), [("s1", "hook")]),
        (replace(PLAN, steps=(wait("s1", 0),)), [("s1", "days")]),
        (replace(PLAN, steps=(wait("s1", 0, 9),)), []),
        (replace(PLAN, steps=(wait("s1", 366),)), [("s1", "days")]),
        (replace(PLAN, steps=(wait("s1", 1, 24),)), [("s1", "hour")]),
        (
            replace(PLAN, steps=(Step("s1", "until", branches=((), ())),)),
            [("s1", "fact"), ("s1", "days")],
        ),
        (replace(PLAN, steps=(Step("s1", "check", branches=((), ())),)), [("s1", "who")]),
        (
            replace(PLAN, steps=(Step("s1", "split", percent=100, branches=((), ())),)),
            [("s1", "percent")],
        ),
    ],
)  # fmt: skip
def test_what_keeps_a_plan_from_starting(plan: Plan, found: list[tuple[str, str]]) -> None:
    assert [(fault.step, fault.field) for fault in rules.faults(plan)] == found
