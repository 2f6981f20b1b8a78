"""Whom a tree of conditions means: against members looked at one by one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from itertools import count

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.attention import service as attention
from app.checkouts import service as checkouts
from app.core.clock import taipei_date
from app.core.db import Database
from app.coupons import service as coupons
from app.coupons.rules import KindDraft
from app.members.models import Member
from app.points import queries as points
from app.purchases.rules import Item, PurchaseOrder
from app.segments import compiling, queries, rules, service
from app.segments.rules import Condition, Group
from app.tags import service as tags
from tests.support.loyalty import new_member, new_store, publish
from tests.support.people import grant_points
from tests.support.times import NOW

DAY = timedelta(days=1)
TODAY = taipei_date(NOW)
_ids = count(1)


@dataclass(frozen=True)
class Who:
    """A member as the test knows them: sales as (days ago, NT$, category)."""

    joined: int
    sales: tuple[tuple[int, int, str], ...] = ()
    city: str | None = None
    month: int | None = None
    points: int = 0
    has_coupon: bool = False
    letters: tuple[int, ...] = ()  # days ago on which marketing came
    tag: int = 0  # days it still lasts

    def days(self, condition: Condition) -> dict[int, int]:
        """NT$ by day within the condition's span."""
        found: dict[int, int] = {}
        for ago, amount, _ in self.sales:
            if condition.days is None or ago < condition.days:
                found[ago] = found.get(ago, 0) + amount
        return found


PEOPLE = (
    Who(400),
    Who(0, ((0, 500, "茶葉"),), city="臺北市", month=TODAY.month),
    Who(30, ((0, 500, "茶葉"), (0, 300, "茶器"), (9, 1_000, "茶葉")), month=1),
    Who(300, ((30, 6_000, "禮盒"),), city="高雄市", points=120, tag=1),
    Who(200, ((90, 90, "茶葉"), (200, 400, "茶點")), city="台北市", points=5, letters=(1, 2)),
    Who(90, ((29, 100, "茶葉"), (30, 100, "茶葉")), has_coupon=True, letters=(0,)),
    Who(500, ((10, 90, "茶葉"), (20, 90, "茶葉"), (50, 90, "茶葉"), (50, 10, "茶葉")), tag=-1),
    Who(365, ((364, 20_000, "禮盒"),), month=TODAY.month, points=3_000, has_coupon=True),
)


def settled(session: Session) -> dict[int, Who]:
    publish(session)
    store = new_store(session)
    kind = KindDraft("tea", "茶一杯", "gift", valid_days=30, terms="一杯。")
    coupons.create_kind(session, draft=kind, now=NOW - 400 * DAY)
    tags.make(session, name="紅茶", now=NOW)
    people = {}
    for who in PEOPLE:
        member = new_member(session, joined_at=NOW - who.joined * DAY)
        people[member] = who
        session.execute(
            sa.update(Member)
            .where(Member.id == member)
            .values(city=who.city, birth_month=who.month)
        )
        for ago, amount, category in who.sales:
            order = PurchaseOrder(
                f"g{next(_ids)}",
                amount,
                NOW - ago * DAY,
                member_id=member,
                store_id=store,
                items=(Item(sku=f"S-{category}", category=category, unit_price=amount),),
            )
            checkouts.record_purchase(session, order=order, now=NOW)
        if who.has_coupon:
            coupons.issue(
                session,
                kind_code="tea",
                member_id=member,
                source="staff",
                dedup_key=f"g{next(_ids)}",
                now=NOW,
            )
        if who.tag:
            tags.put(
                session,
                tag_id=1,
                member_ids=[member],
                source="staff",
                until=NOW + who.tag * DAY,
                now=NOW,
            )
        for ago in who.letters:
            day = TODAY - ago * DAY
            attention.take_day(session, member_id=member, day=day, what=f"x{ago}")
        earned = points.standing(session, member, now=NOW).balance
        if who.points - earned > 0:
            grant_points(session, member, who.points - earned)
    return people


def in_range(condition: Condition, value: int) -> bool:
    low = 0 if condition.at_least is None else condition.at_least
    return low <= value and (condition.at_most is None or value <= condition.at_most)


def _ago(who: Who, condition: Condition, edge: Callable[[list[int]], int]) -> bool:
    days = [ago for ago, amount, _ in who.sales if amount > 0]
    return bool(days) and in_range(condition, edge(days))


def _cycle(who: Who, condition: Condition) -> bool:
    days = sorted({ago for ago, amount, _ in who.sales if amount > 0})
    if len(days) < 2:
        return False
    percent = Fraction(days[0] * (len(days) - 1) * 100, days[-1] - days[0])
    low, high = condition.at_least, condition.at_most
    return (low is None or percent >= low) and (high is None or percent <= high)


MODEL: dict[str, Callable[[Who, Condition], bool]] = {
    "spend": lambda who, said: in_range(said, sum(who.days(said).values())),
    "visits": lambda who, said: in_range(said, len(who.days(said))),
    "purchases": lambda who, said: in_range(
        said, sum(1 for ago, *_ in who.sales if said.days is None or ago < said.days)
    ),
    "last_visit": lambda who, said: _ago(who, said, min),
    "first_visit": lambda who, said: _ago(who, said, max),
    "joined": lambda who, said: in_range(said, who.joined),
    "cycle": _cycle,
    "tag": lambda who, said: who.tag > 0 and "1" in said.any_of,
    "bought": lambda who, said: any(
        (category in said.any_of or f"S-{category}" in said.any_of)
        and (said.days is None or ago < said.days)
        for ago, _, category in who.sales
    ),
    "store": lambda who, said: (
        "xinyi" in said.any_of
        and any(said.days is None or ago < said.days for ago, *_ in who.sales)
    ),
    "coupon": lambda who, said: who.has_coupon and "tea" in said.any_of,
    "birth_month": lambda who, said: (
        who.month is not None
        and (str(who.month) in said.any_of or ("now" in said.any_of and who.month == TODAY.month))
    ),
    "city": lambda who, said: (
        who.city is not None
        and who.city.replace("台", "臺") in {city.replace("台", "臺") for city in said.any_of}
    ),
    "marketing": lambda who, said: in_range(
        said, sum(1 for ago in who.letters if ago < (said.days or 0))
    ),
}


def meant(part: Condition | Group, who: Who) -> bool:
    if isinstance(part, Condition):
        return MODEL[part.of](who, part)
    found = [meant(item, who) for item in part.parts]
    if part.match == "all":
        return all(found)
    return not any(found) if part.match == "none" else any(found)


NUMBERS = st.none() | st.sampled_from(
    [0, 1, 2, 9, 29, 30, 50, 90, 100, 200, 364, 365, 400, 1_000, 6_000]
)
SPANS = st.none() | st.sampled_from([1, 10, 30, 31, 90, 91, 365])


def _ranged(
    of: str, *, has_days: bool = False, needs_days: bool = False
) -> st.SearchStrategy[Condition]:
    days = st.integers(1, 90) if needs_days else (SPANS if has_days else st.none())
    return (
        st.tuples(NUMBERS, NUMBERS, days)
        .filter(lambda said: said[0] is not None or said[1] is not None)
        .map(lambda said: Condition(of, said[0], said[1], said[2]))
        .filter(lambda said: list(rules.faults(Group("all", (said,)))) == [])
    )


def _chosen(of: str, *codes: str, has_days: bool = False) -> st.SearchStrategy[Condition]:
    chosen = st.lists(st.sampled_from(codes), min_size=1, max_size=2, unique=True)
    return st.builds(
        lambda any_of, days: Condition(of, days=days, any_of=tuple(any_of)),
        chosen,
        SPANS if has_days else st.none(),
    )


CONDITIONS = st.one_of(
    *(_ranged(of, has_days=True) for of in ("spend", "visits", "purchases")),
    *(_ranged(of) for of in ("last_visit", "first_visit", "joined", "cycle")),
    _ranged("marketing", needs_days=True),
    _chosen("bought", "茶葉", "禮盒", "S-茶器", has_days=True),
    _chosen("store", "xinyi", "other", has_days=True),
    _chosen("coupon", "tea", "other"),
    _chosen("tag", "1", "2"),
    _chosen("birth_month", "1", "now", "12"),
    _chosen("city", "台北市", "高雄市"),
)
TREES = st.recursive(
    CONDITIONS,
    lambda parts: st.builds(
        lambda match, items: Group(match, tuple(items)),
        st.sampled_from(["all", "any", "none"]),
        st.lists(parts, max_size=3),
    ),
    max_leaves=6,
).map(lambda part: part if isinstance(part, Group) else Group("all", (part,)))


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(trees=st.lists(TREES, min_size=40, max_size=40))
def _against_the_model(session: Session, people: dict[int, Who], trees: list[Group]) -> None:
    for tree in trees:
        found = set(session.scalars(compiling.members(tree, now=NOW)))
        assert found == {member for member, who in people.items() if meant(tree, who)}, tree
        asked = sorted(people)[::2]
        some = set(session.scalars(compiling.which(tree, asked, now=NOW)))
        assert some == found.intersection(asked), tree
        assert rules.from_document(rules.to_document(tree)) == tree
        assert rules.words(tree, {}) != ""


def test_any_tree_means_whom_it_says(db: Database) -> None:
    with db.transaction() as session:
        people = settled(session)
        _against_the_model(session, people)
        session.rollback()


@pytest.fixture
def people(session: Session) -> dict[int, Who]:
    return settled(session)


def meant_by(session: Session, *parts: Condition) -> list[int]:
    return sorted(session.scalars(compiling.members(Group("all", parts), now=NOW)))


def test_points_tiers_and_samples(session: Session, people: dict[int, Who]) -> None:
    ids = sorted(people)
    rich = meant_by(session, Condition("points", at_least=3_000))
    assert rich == [ids[7]]
    assert meant_by(session, Condition("points", at_most=0))[0] == ids[0]
    assert ids[7] in meant_by(session, Condition("tier", any_of=("platinum", "gold")))
    assert meant_by(session, Condition("sample", at_most=0)) == []
    assert meant_by(session, Condition("sample", at_most=100)) == ids
    some = meant_by(session, Condition("sample", at_most=50))
    assert some == meant_by(session, Condition("sample", at_most=50))
    assert meant_by(session, Condition("source", any_of=("nowhere",))) == []
    assert meant_by(session, Condition("gender", any_of=("female",))) == []
    assert meant_by(session, Condition("points_expiring", at_least=1, days=3_000)) != []
    assert meant_by(session, Condition("points_expiring", at_least=1, days=1)) == []


def test_days_left_of_a_tier(session: Session, people: dict[int, Who]) -> None:
    held = session.execute(
        sa.text(
            "SELECT member_id FROM tier_periods WHERE closed_at IS NULL AND ends_at IS NOT NULL"
        )
    ).scalars()
    assert meant_by(session, Condition("tier_ends", at_least=0)) == sorted(held)
    assert meant_by(session, Condition("tier_ends", at_most=0)) == []


def test_test_members_and_guests_are_never_meant(session: Session, people: dict[int, Who]) -> None:
    first, second, *_ = sorted(people)
    session.execute(sa.update(Member).where(Member.id == first).values(is_test=True))
    session.execute(sa.update(Member).where(Member.id == second).values(status="guest"))
    assert queries.size(session, rules.EVERYBODY, now=NOW).members == len(people) - 2
    assert set(queries.some(session, rules.EVERYBODY, now=NOW)).isdisjoint({first, second})


def test_a_segment_is_kept_changed_and_removed(session: Session, people: dict[int, Who]) -> None:
    tree = Group("all", (Condition("spend", at_least=5_000, days=90),))
    kept = service.create(session, name=" 大戶 ", tree=tree, now=NOW)
    assert [(item.name, item.version) for item in queries.segments(session)] == [("大戶", 1)]
    size = queries.size(session, queries.segment(session, kept).tree, now=NOW)
    assert (size.members, size.reachable) == (1, 1)
    service.revise(session, segment_id=kept, name="大戶", tree=rules.EVERYBODY, now=NOW)
    assert queries.segment(session, kept).version == 2
    service.remove(session, segment_id=kept, now=NOW)
    assert queries.segments(session) == []
    service.create(session, name="大戶", tree=tree, now=NOW)


def test_of_the_reachable_are_friends_who_agreed(session: Session, people: dict[int, Who]) -> None:
    first, second, *_ = sorted(people)
    session.execute(sa.update(Member).where(Member.id == first).values(is_friend=False))
    session.execute(sa.update(Member).where(Member.id == second).values(marketing_ok=False))
    size = queries.size(session, rules.EVERYBODY, now=NOW)
    assert (size.members, size.reachable) == (len(people), len(people) - 2)


def test_a_large_set_has_room_on_postgresql(postgres_db: Database) -> None:
    """Without it "not among these" over a million members does not end."""
    work_mem = sa.text("SHOW work_mem")
    with postgres_db.reading() as session:
        usual = session.scalar(work_mem)
        queries.size(session, rules.EVERYBODY, now=NOW)
        assert session.scalar(work_mem) == "256MB"
    with postgres_db.reading() as session:
        assert session.scalar(work_mem) == usual


def test_choices_have_names(session: Session, people: dict[int, Who]) -> None:
    found = queries.choices(session, now=NOW)
    assert found["tier"]["gold"] == "金卡"
    assert found["store"] == {"xinyi": "信義門市"}
    assert found["coupon"] == {"tea": "茶一杯"}
