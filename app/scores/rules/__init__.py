"""How a member buys, as scores: R, F and M with the named groups, and NES by their own usual gap.
Pure values; whole numbers throughout, so that a database and a person come to the same.

R, F and M come from the last 365 days; NES, the usual gap and the lifetime value (`lifetime`) from
a member's whole history. A purchase day is a Taipei day with something left after refunds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Final

WINDOW: Final = 365  # days, today's with them
SCORES: Final = (1, 2, 3, 4, 5)
LEAST_VALUES: Final = 5  # with fewer different values an axis has no fifths, and fixed cuts count
FIFTHS: Final = 5

# Fixed cuts: a value of at least that much is over it. R counts days since the last purchase.
FIXED: Final[Mapping[str, tuple[int, int, int, int]]] = {
    "r": (31, 91, 181, 366),
    "f": (2, 4, 7, 13),
    "m": (1_000, 3_000, 8_000, 20_000),
}
AXES: Final[Mapping[str, str]] = {"r": "最近消費", "f": "消費次數", "m": "消費金額"}


@dataclass(frozen=True, slots=True)
class Cuts:
    """Four cuts of an axis in fifths of its unit: a value is over a cut when 5 × value > cut.
    Percentiles between two values are whole numbers of fifths. `is_fixed`: not percentiles."""

    fifths: tuple[int, int, int, int]
    is_fixed: bool

    def over(self, value: int) -> int:
        """How many cuts the value is over."""
        return sum(FIFTHS * value > cut for cut in self.fifths)

    @property
    def shown(self) -> tuple[float, ...]:
        """A value is over a cut when it is more than this; fixed: at least this."""
        return tuple(-(-cut // FIFTHS) if self.is_fixed else cut / FIFTHS for cut in self.fifths)


def fixed(axis: str) -> Cuts:
    first, second, third, fourth = (FIFTHS * cut - 1 for cut in FIXED[axis])
    return Cuts((first, second, third, fourth), is_fixed=True)


def places(count: int) -> tuple[int, ...]:
    """Ranks (from 0) of the ordered values that the cuts of so many need, in pairs."""
    ranks: list[int] = []
    for fifth in (1, 2, 3, 4):
        low = (count - 1) * fifth // FIFTHS
        ranks += [low, min(low + 1, count - 1)]
    return tuple(ranks)


def cuts(count: int, at: Mapping[int, int]) -> Cuts:
    """The 20th, 40th, 60th and 80th percentile of `count` values by linear interpolation, where
    `at` gives the ordered value of each rank that `places` names."""
    ranks = places(count)
    found = []
    for fifth, (low, high) in enumerate(zip(ranks[::2], ranks[1::2], strict=True), start=1):
        part = (count - 1) * fifth % FIFTHS
        found.append(FIFTHS * at[low] + part * (at[high] - at[low]))
    first, second, third, fourth = found
    return Cuts((first, second, third, fourth), is_fixed=False)


def recency_score(days: int, of: Cuts) -> int:
    """5 for who was here last."""
    return 5 - of.over(days)


def score(value: int, of: Cuts) -> int:
    """Of F or M; who has nothing in the window scores 1."""
    return 1 + of.over(value) if value > 0 else 1


# Named groups -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GroupOf:
    """A group's name, and what to do about it in a few words."""

    name: str
    advice: str


GROUPS: Final[Mapping[str, GroupOf]] = {
    "champions": GroupOf("冠軍客（鐵粉）", "最近常來、買得也多：先給新品、體驗與感謝，不用折扣"),
    "loyal": GroupOf("忠誠客", "固定會來：邀請升等、推薦好友"),
    "potential": GroupOf("潛力忠誠客", "最近來過幾次：給下一次再來的理由"),
    "new": GroupOf("新客", "剛買第一次：教怎麼用、歡迎再來"),
    "promising": GroupOf("有望客", "不久前小額買過：介紹招牌商品"),
    "attention": GroupOf("需關注客", "普通客人開始變少來：問候並推薦他買過的類別"),
    "about_to_sleep": GroupOf("即將沉睡客", "快要忘記我們：提醒點數與優惠券"),
    "at_risk": GroupOf("流失風險客", "以前常來、好一陣子沒來：請門市親自問候"),
    "cannot_lose": GroupOf("不可失去客", "以前買最多、現在沒來：專人關心，給最好的理由回來"),
    "hibernating": GroupOf("沉睡客", "很久沒來、買得也少：少打擾，節慶時一則就好"),
    "lost": GroupOf("流失客", "最久沒來、買得最少：不必再花行銷費用"),
}


def worth_score(f: int, m: int) -> int:
    """FM, 1 to 5: the middle of F and M, halves rounded up."""
    return (f + m + 1) // 2


def group(r: int, fm: int) -> str:
    """The code of one of `GROUPS`; the eleven cover all 25 cells."""
    if r >= 4:
        if fm >= 4:
            return "champions" if r == 5 else "loyal"
        if fm >= 2:
            return "potential"
        return "new" if r == 5 else "promising"
    if r == 3:
        return "loyal" if fm >= 4 else "attention" if fm == 3 else "about_to_sleep"
    if fm == 5:
        return "cannot_lose"
    if fm >= 3:
        return "at_risk"
    return "lost" if r == 1 and fm == 1 else "hibernating"


# NES ----------------------------------------------------------------------------------------------

N0, E0, S1, S2, S3 = "N0", "E0", "S1", "S2", "S3"
NES: Final[Mapping[str, str]] = {
    N0: "新顧客",
    E0: "主力顧客",
    S1: "瞌睡顧客",
    S2: "半睡顧客",
    S3: "沉睡顧客",
}
SLEEPING: Final = (S1, S2, S3)
# Days since the last purchase ÷ the usual gap, in hundredths; an upper bound belongs to its state.
BOUNDS: Final = (200, 250, 300)
# Where nobody ever came twice there is no usual gap: new for 90 days, lost after 135.
UNKNOWN_CYCLE: Final = 4_500  # hundredths of a day
HUNDRED: Final = 100


def cycle(span: int, days: int) -> int | None:
    """A member's usual gap in hundredths of a day, halves up: `span` days from the first purchase
    day to the last of `days`. None with fewer than two."""
    gaps = days - 1
    return None if gaps < 1 else (2 * HUNDRED * span + gaps) // (2 * gaps)


def median(middle: Sequence[tuple[int, int]]) -> int:
    """The brand's usual gap in hundredths of a day: of the one or two members in the middle, each
    as (span, days); `UNKNOWN_CYCLE` of nobody."""
    if not middle:
        return UNKNOWN_CYCLE
    gaps = [Fraction(span, days - 1) for span, days in middle]
    mean = sum(gaps, Fraction(0)) / len(gaps)
    return max(HUNDRED, int(mean * HUNDRED + Fraction(1, 2)))


def state(since: int, span: int, days: int, brand: int) -> str:
    """`since` days after the last of `days` purchase days, `span` days after the first; `brand` is
    the usual gap of who bought once, in hundredths of a day."""
    passed, gap = (since * HUNDRED, brand) if days < 2 else (since * (days - 1), span)
    first, second, third = (passed * HUNDRED <= bound * gap for bound in BOUNDS)
    if first:
        return E0 if days >= 2 else N0
    return S1 if second else S2 if third else S3


def next_day(last: date, usual: int) -> date:
    """When the next purchase is likely: the last one and the usual gap (hundredths of a day)."""
    return last + timedelta(days=(usual + HUNDRED // 2) // HUNDRED)


# A night's measure --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Basis:
    """What all members are measured by on one day: the cuts, the brand's usual gap (hundredths of
    a day), and how the lifetime value was estimated (see `lifetime`)."""

    r: Cuts
    f: Cuts
    m: Cuts
    cycle: int
    lifetime: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        axes = {axis: [*of.fifths, of.is_fixed] for axis, of in self.axes.items()}
        return {"axes": axes, "cycle": self.cycle, "lifetime": dict(self.lifetime)}

    @property
    def axes(self) -> Mapping[str, Cuts]:
        return {"r": self.r, "f": self.f, "m": self.m}


def basis_of(document: Mapping[str, Any]) -> Basis:
    r, f, m = (
        Cuts((one, two, three, four), is_fixed)
        for one, two, three, four, is_fixed in (document["axes"][axis] for axis in "rfm")
    )
    return Basis(r, f, m, document["cycle"], document["lifetime"])


# In words -----------------------------------------------------------------------------------------


def why(since: int, usual: int | None, brand: int, nes: str) -> str:
    """`上次消費 42 天前，平均每 28 天來一次，是平常間隔的 1.5 倍，所以是「主力顧客」。`"""
    last = "今天剛消費" if since <= 0 else f"上次消費 {since:,} 天前"
    gap = usual or brand
    own = f"平均每 {days_of(gap)} 天來一次"
    if not usual:
        own = f"只來過一次，全部會員{own}"
    times = f"{since * HUNDRED / gap:.1f}".removesuffix(".0")
    return f"{last}，{own}，是平常間隔的 {times} 倍，所以是「{NES[nes]}」。"


def days_of(hundredths: int) -> str:
    """A usual gap for people: whole days, below ten with one decimal place."""
    if hundredths >= 10 * HUNDRED:
        return f"{(hundredths + HUNDRED // 2) // HUNDRED:,}"
    return f"{hundredths / HUNDRED:.1f}".removesuffix(".0")
