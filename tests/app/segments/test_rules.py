"""Trees of conditions: what contradicts itself, and how they read."""

import pytest
from sqlalchemy.orm import Session

from app.core.errors import Conflict, Invalid, NotFound
from app.segments import rules, service
from app.segments.rules import Condition, Group
from tests.support.times import NOW

NAMES = {"tier": {"gold": "金卡"}, "coupon": {"tea": "茶一杯"}, "month": {"now": "本月"}}


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Condition("colour"), "沒有「colour」這個條件"),
        (Condition("spend"), "請填數字"),
        (Condition("spend", at_least=-1), "超出範圍"),
        (Condition("spend", at_least=5, at_most=4), "最少不可大於最多"),
        (Condition("tier"), "請至少選一項"),
        (Condition("marketing", at_least=1), "請填天數"),
        (Condition("spend", at_least=1, days=0), "天數須為"),
        (Condition("spend", at_least=1, days=3_651), "天數須為"),
        (Condition("birth_month", any_of=("13",)), "1–12 月"),
    ],
)
def test_a_condition_that_cannot_be_is_named(condition: Condition, words: str) -> None:
    assert words in "".join(rules.faults(Group("any", (condition,))))


def test_a_tree_may_not_grow_for_ever(session: Session) -> None:
    deep = Group("all", (Group("all", (Group("all", (Group("all", (Group(),)),)),)),))
    assert "".join(rules.faults(deep)) == "條件最多 4 層"
    wide = Group("all", (Condition("points", at_least=1),) * 21)
    assert "".join(rules.faults(wide)) == "一組最多 20 個條件"
    with pytest.raises(Invalid):
        service.create(session, name="大", tree=wide, now=NOW)


def test_names_are_unique_and_known(session: Session) -> None:
    service.create(session, name="甲", tree=rules.EVERYBODY, now=NOW)
    other = service.create(session, name="乙", tree=rules.EVERYBODY, now=NOW)
    with pytest.raises(Conflict):
        service.create(session, name="甲", tree=rules.EVERYBODY, now=NOW)
    with pytest.raises(Conflict):
        service.revise(session, segment_id=other, name="甲", tree=rules.EVERYBODY, now=NOW)
    with pytest.raises(Invalid):
        service.create(session, name=" ", tree=rules.EVERYBODY, now=NOW)
    with pytest.raises(NotFound):
        service.revise(session, segment_id=99, name="丙", tree=rules.EVERYBODY, now=NOW)
    with pytest.raises(NotFound):
        service.remove(session, segment_id=99, now=NOW)


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        (Group(), "所有會員"),
        (Group("all", (Condition("tier", any_of=("gold", "x")),)), "等級是金卡或x"),
        (
            Group("all", (Condition("spend", 3_000, days=90), Condition("points", None, 10))),
            "近 90 天消費金額 至少 NT$3,000，且可用點數 最多 10 點",
        ),
        (
            Group("any", (Condition("visits", 2, 2), Condition("last_visit", 30, 60))),
            "消費天數 2 天，或距上次消費 30–60 天",
        ),
        (
            Group("all", (Condition("birth_month", any_of=("now",)),
                          Group("none", (Condition("coupon", any_of=("tea",)),)))),
            "生日月份是本月，但不含「持有可用的優惠券：茶一杯」",
        ),
        (Group("none", (Condition("points", 1),)), "不符合（可用點數 至少 1 點）"),
        (
            Group("all", (Group("any", (Condition("points", 1), Condition("visits", 1))),)),
            "可用點數 至少 1 點，或消費天數 至少 1 天",
        ),
        (Group("all", (Condition("sample", None, 10),)), "隨機抽樣 10%"),
        (
            Group("all", (Condition("points_expiring", 50, days=30),)),
            "30 天內即將到期的點數 至少 50 點",
        ),
    ],
)  # fmt: skip
def test_a_tree_reads_as_a_sentence(tree: Group, words: str) -> None:
    assert rules.words(tree, NAMES) == words
