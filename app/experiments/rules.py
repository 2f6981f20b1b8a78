"""Two or more ways of doing something, tried on members by chance: what is planned, when it may be
read, and what may be concluded. Pure values.

The unit is the member. Each arm has its percent; the rest, if any, is the hold-out that gets
nothing. The main figure is how many bought within some days; blocks and refused marketing are
watched beside it, from the beginning."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from app.core import statistics
from app.core.statistics import Difference

DRAFT, RUNNING, DONE, STOPPED = "draft", "running", "done", "stopped"
STATUSES: Final = (DRAFT, RUNNING, DONE, STOPPED)
BROADCAST, JOURNEY = "broadcast", "journey"
FIXED, SEQUENTIAL = "fixed", "sequential"
STOPS: Final[Mapping[str, str]] = {
    FIXED: "到計畫的人數與日期才看結果",
    SEQUENTIAL: "一方領先夠多就提早結束（兩組一樣大時）",
}
HOLD_OUT: Final = "0"  # the arm that gets nothing
CODES: Final = "ABCD"
NAME: Final = 40
MOST_DAYS: Final = 60
LONGEST: Final = timedelta(days=180)
MISMATCH: Final = 0.001  # a sample ratio less likely than this is no chance
UNEVEN: Final = 0.02  # arms whose letters went out further apart than this cannot be compared
RISK: Final = 0.05
POWER: Final = 0.8
LEAST: Final = 30  # members an arm; below, chance says more than the arms

Stop = Literal["fixed", "sequential"]


@dataclass(frozen=True, slots=True)
class ArmPlan:
    """`broadcast` is the id of its letter's broadcast; in a journey the arm is a branch."""

    code: str
    name: str
    percent: int
    broadcast: int | None = None


@dataclass(frozen=True, slots=True)
class Design:
    """`baseline` and `effect` in hundredths of a percent: how many buy now, and how many more would
    be worth knowing of."""

    name: str
    kind: str
    arms: tuple[ArmPlan, ...]
    hold_out: int  # percent
    days: int
    baseline: int
    effect: int
    stop: str
    journey: int | None = None
    step: str | None = None
    version: int | None = None  # of the journey: another one is another experiment

    @property
    def planned(self) -> dict[str, float]:
        """Percent by arm, the hold-out's too where there is one. A journey parts those who are
        left when its hold-out is taken off."""
        left = (100 - self.hold_out) / 100 if self.kind == JOURNEY else 1.0
        found = {arm.code: arm.percent * left for arm in self.arms}
        return found | ({HOLD_OUT: float(self.hold_out)} if self.hold_out else {})

    @property
    def needed(self) -> int:
        """Members an arm. Raises ValueError where the shares make none."""
        return statistics.needed(self.baseline / 10_000, self.effect / 10_000, power=POWER)

    @property
    def successes(self) -> int:
        """Of both arms together, at which the sequential rule gives up. Raises ValueError."""
        return statistics.needed_successes(self.baseline / 10_000, self.effect / 10_000)

    def document(self) -> dict[str, Any]:
        return asdict(self)


def design_of(document: Mapping[str, Any]) -> Design:
    arms = tuple(ArmPlan(**arm) for arm in document["arms"])
    return Design(**dict(document) | {"arms": arms})


def shares(count: int, hold_out: int) -> tuple[int, ...]:
    """Percent of each of `count` arms, as even as whole numbers are; the first get what is over."""
    each, over = divmod(100 - hold_out, count)
    return tuple(each + (place < over) for place in range(count))


def faults(design: Design) -> Iterator[tuple[str, str]]:
    """(field, what is wrong) for everything that keeps it from starting."""
    if not 1 <= len(design.name) <= NAME:
        yield "name", f"名稱須為 1–{NAME} 個字"
    if not 2 <= len(design.arms) <= len(CODES):
        yield "arms", f"請選 2–{len(CODES)} 個版本"
    if not 0 <= design.hold_out <= 50:
        yield "hold_out", "對照組須為 0–50%"
    if not 1 <= design.days <= MOST_DAYS:
        yield "days", f"觀察天數須為 1–{MOST_DAYS} 天"
    if not 0 < design.baseline < 10_000:
        yield "baseline", "目前的購買率須大於 0%、小於 100%"
    elif not 0 < design.effect < 10_000 - design.baseline:
        yield "effect", "想看出的差別須大於 0，加上目前的購買率不到 100%"
    if design.stop not in STOPS:
        yield "stop", "請選擇何時看結果"
    elif design.stop == SEQUENTIAL:
        yield from _sequential(design)


def _sequential(design: Design) -> Iterator[tuple[str, str]]:
    if len(design.arms) != 2 or len({arm.percent for arm in design.arms}) != 1:
        yield "stop", "提早結束的規則只適用於兩組而且一樣大"
    elif 0 < design.baseline < 10_000 and 0 < design.effect < 10_000 - design.baseline:
        try:
            _ = design.successes
        except ValueError:
            yield "effect", "差別太小，用提早結束的規則看不出來，請改用固定人數"


# What was seen ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """An arm: its members, those who bought, NT$ they spent and the sum of its squares; members who
    blocked us, and who refused marketing. Of letters, once it is over: how many were to go out, how
    many LINE took, and whether the rest was cancelled."""

    members: int = 0
    buyers: int = 0
    spent: int = 0
    squares: float = 0.0
    blocks: int = 0
    refusals: int = 0
    letters: int = 0
    sent: int = 0
    was_cancelled: bool = False

    @property
    def rate(self) -> float | None:
        return statistics.share(self.buyers, self.members)

    @property
    def mean(self) -> float | None:
        return statistics.share(self.spent, self.members)

    def document(self) -> dict[str, Any]:
        return asdict(self)


Result = Mapping[str, Seen]  # by arm


def result_of(document: Mapping[str, Any]) -> dict[str, Seen]:
    return {arm: Seen(**seen) for arm, seen in document.items()}


def mismatch(design: Design, counts: Mapping[str, int]) -> float:
    """How likely the arms' sizes are, if chance alone parted them as planned."""
    planned = design.planned
    return statistics.chi_square([counts.get(arm, 0) for arm in planned], list(planned.values()))


def is_due(
    design: Design, ripe: Mapping[str, int], *, is_complete: bool, ends_at: datetime, now: datetime
) -> bool:
    """Whether the result may be read: planned size reached and seen to the end, or the planned date
    come. `ripe` are members whose days are over; `is_complete`: nobody else will come."""
    if now >= ends_at:
        return True
    if is_complete:
        return False  # then it is a matter of the date
    return min((ripe.get(arm.code, 0) for arm in design.arms), default=0) >= design.needed


def leader(design: Design, buyers: Mapping[str, int]) -> str | None:
    """By the sequential rule: the arm that has won, "" when neither will, None while it goes on."""
    one, other = (arm.code for arm in design.arms)
    first, second = buyers.get(one, 0), buyers.get(other, 0)
    successes = design.successes
    if abs(first - second) >= statistics.ahead(successes):
        return one if first > second else other
    return "" if first + second >= successes else None


# What may be concluded ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison:
    """An arm with another: difference of the shares who bought with its 95 % interval (Newcombe),
    p corrected for there being several (Holm); and of the NT$ a member (Welch)."""

    arm: str
    against: str
    rate: float
    low: float
    high: float
    p: float
    spend: Difference | None

    @property
    def is_sure(self) -> bool:
        return self.p < RISK

    @property
    def points(self) -> str:
        """`+1.8`: percentage points."""
        return f"{100 * self.rate:+.1f}"


def compare(design: Design, result: Result) -> list[Comparison]:
    """Each further arm with the first; then each with the hold-out, if there is one. Arms with
    fewer than `LEAST` members are left out."""
    first = design.arms[0].code
    pairs = [(arm.code, first) for arm in design.arms[1:]]
    with_nothing = [(arm.code, HOLD_OUT) for arm in design.arms] if design.hold_out else []
    return [*_compared(pairs, result), *_compared(with_nothing, result)]


def _compared(pairs: Sequence[tuple[str, str]], result: Result) -> Iterator[Comparison]:
    nobody = Seen()
    known = [
        (arm, against, result.get(arm, nobody), result.get(against, nobody))
        for arm, against in pairs
    ]
    known = [one for one in known if min(one[2].members, one[3].members) >= LEAST]
    raw = [
        statistics.two_shares(mine.buyers, mine.members, theirs.buyers, theirs.members)
        for _, _, mine, theirs in known
    ]
    for (arm, against, mine, theirs), p in zip(known, statistics.holm(raw), strict=True):
        low, high = statistics.difference(mine.buyers, mine.members, theirs.buyers, theirs.members)
        rate = mine.buyers / mine.members - theirs.buyers / theirs.members
        yield Comparison(
            arm, against, rate, low, high, p, statistics.welch(_sample(mine), _sample(theirs))
        )


def _sample(seen: Seen) -> statistics.Sample:
    return statistics.sample_of(seen.members, seen.spent, seen.squares)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`tone`: good, warn or soft."""

    headline: str
    sentences: tuple[str, ...]
    tone: str


def verdict(design: Design, result: Result, *, was_stopped: bool = False) -> Verdict:
    """In plain words what the numbers allow to say, and what they do not."""
    spoilt = spoilt_by(design, result)
    if spoilt is not None:
        return spoilt
    found = [one for one in compare(design, result) if one.against != HOLD_OUT]
    if not found:
        return Verdict("人數太少，看不出來", (f"每一組至少要有 {LEAST} 人。",), "soft")
    if design.stop == SEQUENTIAL:
        return _by_lead(design, result, found[0], was_stopped)
    return _by_size(design, result, found, was_stopped)


def spoilt_by(design: Design, result: Result) -> Verdict | None:
    """Why nothing may be concluded, whatever the numbers say; None when they may be read."""
    p = mismatch(design, {arm: seen.members for arm, seen in result.items()})
    if p < MISMATCH:
        return Verdict(
            "分流異常，這次不看結果",
            (
                "各組的人數和計畫的比例差太多，不像是隨機造成的。"
                "可能有人沒被記到，或名單中途改過；請查明後重做，不要用這次的數字。",
            ),
            "warn",
        )
    if not _went_out_alike(design, result):
        return Verdict(
            "各版本沒有都寄到，這次不看結果",
            (
                "有版本被取消，或各版本寄出的比例差太多，"
                "比的就不只是內容；請查明後重做，不要用這次的數字。",
            ),
            "warn",
        )
    return None


def _went_out_alike(design: Design, result: Result) -> bool:
    arms = [result.get(arm.code, Seen()) for arm in design.arms]
    shares = [arm.sent / arm.letters for arm in arms if arm.letters]
    if any(arm.was_cancelled for arm in arms):
        return False
    return not shares or max(shares) - min(shares) <= UNEVEN


def _names(design: Design) -> dict[str, str]:
    return {arm.code: f"{arm.code} 版" for arm in design.arms} | {HOLD_OUT: "對照組"}


def _by_size(
    design: Design, result: Result, found: Sequence[Comparison], was_stopped: bool
) -> Verdict:
    names = _names(design)
    sentences = [_told(one, names) for one in found]
    smallest = min(result[arm.code].members for arm in design.arms if arm.code in result)
    short = smallest < design.needed
    if was_stopped:
        sentences.append("這次提早停止，沒有到計畫的人數，數字只能參考。")
    elif short:
        sentences.append(
            f"最小的一組 {smallest:,} 人，計畫要 {design.needed:,} 人才看得出 "
            f"{design.effect / 100:g} 個百分點的差別。"
        )
    sure = [one for one in found if one.is_sure]
    if not sure or was_stopped:
        why = "差別可能只是運氣" if not was_stopped else "還沒到計畫的人數"
        return Verdict(f"還不能下結論：{why}", (*sentences, *_guards(design, result)), "soft")
    best = max(sure, key=lambda one: one.rate)
    if best.rate > 0:
        headline = f"{names[best.arm]}比較好：每 100 人多 {100 * best.rate:.1f} 人來買"
    else:
        headline = _worse(design, sure)
    return Verdict(headline, (*sentences, *_guards(design, result)), "good")


def _worse(design: Design, sure: Sequence[Comparison]) -> str:
    """Of arms that are all surely worse than the first."""
    names, worse = _names(design), {one.arm for one in sure}
    left = [arm.code for arm in design.arms if arm.code not in worse]
    if len(left) == 1:
        return f"{names[left[0]]}比較好：其他版本買的人比較少"
    bad = "、".join(arm.code for arm in design.arms if arm.code in worse)
    return f"{bad} 版比較差，不要用；{' 與 '.join(left)} 還不能下結論"


def _told(one: Comparison, names: Mapping[str, str]) -> str:
    more, gap = "多" if one.rate >= 0 else "少", " " if one.against != HOLD_OUT else ""
    words = (
        f"{names[one.arm]}比{gap}{names[one.against]}{more}帶來 "
        f"{abs(100 * one.rate):.1f} 個百分點，"
        f"合理範圍 {100 * one.low:+.1f} 到 {100 * one.high:+.1f}"
    )
    if one.is_sure:
        return f"{words}，不包含 0，不像是運氣（{_p(one.p)}）。"
    return f"{words}，還不能下結論，因為就算兩版一樣，也常會看到這麼大的差別（{_p(one.p)}）。"


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def _by_lead(design: Design, result: Result, found: Comparison, was_stopped: bool) -> Verdict:
    names = _names(design)
    one, other = (arm.code for arm in design.arms)
    first, second = result[one].buyers, result[other].buyers
    ahead, most = statistics.ahead(design.successes), design.successes
    told = (
        f"{names[one]} {first:,} 人買，{names[other]} {second:,} 人買；"
        f"領先 {ahead:,} 人就分出勝負，合計 {most:,} 人還沒有就算平手。",
        f"買的比例相差 {found.points} 個百分點（{names[found.arm]}減 {names[found.against]}）。"
        "提早結束時看到的差別通常比真正的大。",
    )
    winner = leader(design, {one: first, other: second})
    if winner:
        return Verdict(f"{names[winner]}比較好", (*told, *_guards(design, result)), "good")
    if winner == "":
        headline = "分不出高下：到計畫的數目還沒有一方領先夠多"
    else:
        headline = (
            "還不能下結論：提早停止" if was_stopped else "還不能下結論：時間到了，買的人不夠多"
        )
    return Verdict(headline, (*told, *_guards(design, result)), "soft")


def _guards(design: Design, result: Result) -> Iterator[str]:
    """What else happened to those who got one arm more than to those who got another."""
    first = result.get(design.arms[0].code, Seen())
    for name, of in (("封鎖", "blocks"), ("拒收行銷訊息", "refusals")):
        for arm in design.arms[1:]:
            seen = result.get(arm.code, Seen())
            if min(seen.members, first.members) < LEAST:
                continue
            mine, theirs = getattr(seen, of), getattr(first, of)
            p = statistics.two_shares(mine, seen.members, theirs, first.members)
            if p < RISK:
                worse = arm.code if mine / seen.members > theirs / first.members else "A"
                yield f"注意：{worse} 版{name}的人明顯比較多（{mine:,} 與 {theirs:,} 人）。"
