"""The programme as a file: written and read back the same, and every mistake found on its line."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.clock import TAIPEI
from app.coupons.rules import Conditions, KindDraft
from app.missions.rules import Audience, MissionDraft, Step, Window
from app.missions.rules import Reward as MissionPrize
from app.programmes.rules import DEFAULT, Campaign, Choice, Earning, Option, Terms, Tier
from app.rewards.rules import RewardDraft
from app.rulebooks import document, rules
from app.rulebooks.document import BadBook
from app.rulebooks.rules import Book
from app.rulebooks.starters import STARTER
from app.stamps.rules import Milestone, StampDraft

BEGIN = datetime(2026, 11, 1, tzinfo=TAIPEI)
FULL = Book(
    replace(
        DEFAULT,
        earning=replace(
            DEFAULT.earning,
            campaigns=(Campaign("double", "雙倍：週年慶", BEGIN, BEGIN + timedelta(days=7), 200),),
            cap_per_day=500,
        ),
        tiers=(
            *DEFAULT.tiers[:2],
            replace(
                DEFAULT.tiers[2],
                choices=(
                    Choice(
                        "season",
                        "本季任選：一項",
                        "quarter",
                        (Option("tea", "茶品", coupon="tea"), Option("points", "200 點", 200)),
                    ),
                ),
            ),
            DEFAULT.tiers[3],
        ),
    ),
    (
        *STARTER.coupons,
        KindDraft(
            "tea",
            "茶品兌換 #1",
            "gift",
            giving="once",
            ends_at=BEGIN + timedelta(days=30),
            conditions=Conditions(stores=("taipei",), tiers=("gold",), weekdays=(0, 4)),
            terms="第一行。\n第二行：限內用。",
        ),
    ),
    (
        RewardDraft(
            "teacup",
            "柴燒茶杯",
            300,
            "tea",
            description="手作，每只不同。",
            stock=20,
            per_member_limit=1,
            tiers=("silver", "gold"),
            starts_at=BEGIN,
            unclaimed="returned",
        ),
    ),
    (
        MissionDraft(
            "regular",
            "每月常客",
            (Step("visits", 3), Step("spend", 1_000, stores=("S01",), min_amount=100)),
            audience=Audience(tiers=("gold",)),
            window=Window("month", starts_on=date(2026, 7, 1), ends_on=date(2027, 12, 31)),
            streak=2,
            reward=MissionPrize(50, "tea"),
            reward_limit=100,
        ),
    ),
    (
        StampDraft(
            "tea",
            "茶香集點卡",
            10,
            (Milestone(5, points=30), Milestone(10, coupon="tea")),
            date(2026, 7, 1),
            per="amount",
            amount=200,
            stores=("S01",),
            cap_per_day=None,
            gap_days=2,
            ends_on=date(2027, 12, 31),
            on_refund="take_back",
        ),
    ),
)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"code": "tea"}, "stamps[1].code"),
        ({"size": 31}, "stamps[1].size"),
        ({"milestones": (Milestone(5, coupon="none"),)}, "stamps[1].milestones[0].coupon"),
        ({"milestones": (Milestone(5),)}, "stamps[1].milestones[0]"),
    ],
)
def test_a_stamp_card_that_contradicts_the_book_is_found(
    changes: dict[str, object], where: str
) -> None:
    odd = replace(FULL.stamps[0], **({"code": "other"} | changes))  # type: ignore[arg-type]  # a test's shorthand
    faults = rules.faults(replace(FULL, stamps=(*FULL.stamps, odd)))
    assert [fault.where for fault in faults] == [where]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"reward": MissionPrize(0, "nothing")}, "missions[1].reward.coupon"),
        ({"code": "regular"}, "missions[1].code"),
        ({"audience": Audience(tiers=("diamond",))}, "missions[1].audience.tiers[0]"),
        ({"steps": ()}, "missions[1].steps"),
        ({"steps": (Step("survey"),)}, "missions[1].steps[0].kind"),
    ],
)
def test_a_mission_that_contradicts_the_book_is_found(
    changes: dict[str, object], where: str
) -> None:
    odd = replace(FULL.missions[0], **({"code": "other"} | changes))  # type: ignore[arg-type]  # a test's shorthand
    faults = rules.faults(replace(FULL, missions=(*FULL.missions, odd)))
    assert [fault.where for fault in faults] == [where]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"coupon": "nothing"}, "rewards[1].coupon"),
        ({"code": "teacup"}, "rewards[1].code"),
        ({"tiers": ("gold", "diamond")}, "rewards[1].tiers[1]"),
        ({"points": 0}, "rewards[1].points"),
    ],
)
def test_a_reward_that_contradicts_the_book_is_found(
    changes: dict[str, object], where: str
) -> None:
    odd = replace(FULL.rewards[0], **({"code": "other"} | changes))  # type: ignore[arg-type]  # a test's shorthand
    faults = rules.faults(replace(FULL, rewards=(*FULL.rewards, odd)))
    assert [fault.where for fault in faults] == [where]


@pytest.mark.parametrize(
    ("name", "value", "where"),
    [
        ("step", 0, "redemption.step"),
        ("pays", 0, "redemption.pays"),
        ("minimum", -1, "redemption.minimum"),
        ("max_percent", 0, "redemption.max_percent"),
        ("max_percent", 101, "redemption.max_percent"),
    ],
)
def test_points_that_could_not_pay_are_found(name: str, value: int, where: str) -> None:
    terms = replace(DEFAULT, redemption=replace(DEFAULT.redemption, **{name: value}))  # type: ignore[arg-type]  # a test's shorthand
    assert [fault.where for fault in rules.faults(replace(FULL, terms=terms))] == [where]


@pytest.mark.parametrize("book", [STARTER, FULL, Book(DEFAULT, STARTER.coupons)])
def test_what_is_written_reads_back_the_same(book: Book) -> None:
    assert document.load(document.dump(book)) == book


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp"), include_characters=""),
    min_size=1,
    max_size=20,
).map(str.strip)


@given(
    name=texts,
    benefits=st.lists(texts, max_size=3),
    threshold=st.integers(1, 10**7),
    unit=st.integers(1, 10_000),
    value=st.floats(0, 100, allow_nan=False),
)
def test_any_words_and_numbers_survive_the_file(
    name: str, benefits: list[str], threshold: int, unit: int, value: float
) -> None:
    tiers = (Tier("a", name, 0, benefits=tuple(benefits)), Tier("b", name, threshold))
    terms = Terms(tiers, earning=Earning(unit=unit))
    book = Book(replace(terms, points=replace(terms.points, value=value)))
    assert document.load(document.dump(book)) == book


def test_every_key_is_explained() -> None:
    unexplained = [
        line
        for line in document.dump(FULL).splitlines()
        if ": " in line and "  # " not in line and "code:" not in line and "第二行" not in line
    ]
    inside_conditions = [line for line in unexplained if line.startswith("      ")]
    assert unexplained == inside_conditions


@pytest.mark.parametrize(
    ("wrong", "right", "line_of", "where", "reason"),
    [
        ("threshold: 5k", "threshold: 5000", "5k", "tiers[1].threshold", "整數"),
        ("treshold: 5000", "threshold: 5000", "treshold", "tiers[1].treshold", "打錯字"),
        ("threshold: 50000", "threshold: 20000", "", "", ""),
        ("threshold: 90000", "threshold: 20000", "threshold: 60000", "tiers[3].threshold", "遞增"),
        ("gift: upgrade_sliver", "gift: upgrade_silver", "sliver", "tiers[1].gift", "沒有優惠券"),
        ("combine: mix", "combine: max", "mix", "earning.combine", "可用"),
        ("type: percent", "type: percent_off", "type: percent ", "coupons[1].type", "類型"),
        ("birthday_percent: 50", "birthday_percent: 200", "50", "earning.birthday_percent", "生日"),
    ],
)
def test_a_mistake_is_named_with_its_line(
    wrong: str, right: str, line_of: str, where: str, reason: str
) -> None:
    text = document.dump(STARTER)
    assert right in text
    text = text.replace(right, wrong, 1)
    if not where:
        document.load(text)
        return
    with pytest.raises(BadBook) as refused:
        document.load(text)
    fault = refused.value.faults[0]
    assert (fault.where, reason in fault.reason) == (where, True), fault
    assert fault.line is not None
    assert line_of in text.splitlines()[fault.line - 1] + " "


@pytest.mark.parametrize("text", ["", "[]", "tiers: [", "a: &a [*a]", "1", "tiers: {}", "\x00"])
def test_what_is_no_programme_is_refused(text: str) -> None:
    with pytest.raises(BadBook) as refused:
        document.load(text)
    assert refused.value.faults
