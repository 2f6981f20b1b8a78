"""A journey as a plan: who enters, what happens to them step by step, when they leave. Pure values.

A plan is written like a recipe, not drawn like a net: steps one after the other, and some of them
part the members into two branches that run on to the step after. So a plan cannot contradict
itself in its arrows, reads aloud from top to bottom, and nobody passes a step twice."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from hashlib import sha256
from typing import Any, Final, Literal

from app.campaigns import rules as broadcasts
from app.campaigns.rules import letters
from app.campaigns.rules.letters import Letter
from app.core.clock import TAIPEI
from app.segments import rules as segments
from app.segments.rules import Group

# A journey is written, lets members in, stands still, and is over.
DRAFT, RUNNING, PAUSED, ENDED = "draft", "running", "paused", "ended"
STATUSES: Final = (DRAFT, RUNNING, PAUSED, ENDED)
# A member is on the way, came to the end, left before it, or is in the hold-out.
GOING, DONE, LEFT, CONTROL = "going", "done", "left", "control"
RUN_STATUSES: Final = (GOING, DONE, LEFT, CONTROL)

NAME: Final = 40
MOST_STEPS: Final = 40
DEEPEST: Final = 4
MOST_DAYS: Final = 365
MOST_POINTS: Final = 10_000
MOST_HOLD_OUT: Final = 50  # percent
HELD_FOR: Final = broadcasts.HELD_FOR  # so long a letter waits for a day of its member

# What can let a member in, or be waited for: facts of the time line, as said after 「會員」.
FACTS: Final[Mapping[str, str]] = {
    "member.joined": "加入會員",
    "purchase.recorded": "消費",
    "purchase.refunded": "退款",
    "tier.upgraded": "升等",
    "tier.renewed": "續等",
    "tier.downgraded": "降等",
    "coupon.issued": "獲得優惠券",
    "coupon.redeemed": "使用優惠券",
    "coupon.expired": "優惠券到期",
    "points.redeemed": "使用點數",
    "points.expired": "點數到期",
    "mission.completed": "完成任務",
    "stamps.reached": "集點卡集滿",
    "reward.exchanged": "兌換商品",
    "benefit.claimed": "選擇等級權益",
    "referral.joined": "推薦的好友加入",
    "draw.won": "抽中獎項",
    "nes.s1": "開始瞌睡（超過平常間隔 2 倍沒來）",
    "nes.s2": "變成半睡（超過平常間隔 2.5 倍沒來）",
    "nes.s3": "變成沉睡（超過平常間隔 3 倍沒來）",
    "nes.e0": "成為或回到主力顧客",
}


@dataclass(frozen=True, slots=True)
class Audience:
    """A segment as it was chosen. `tree` is a copy made when the plan is published; before that it
    is None and the segment's conditions of the day count."""

    segment_id: int
    name: str = ""
    tree: Group | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """Who enters: whom a fact happens to, or who is in a segment at `hour` of a day.

    `who` narrows it; it is the segment itself where there is no fact. `again` is how many days
    after entering the same member may enter anew; None: never."""

    fact: str = ""
    who: Audience | None = None
    hour: int = 11
    again: int | None = None


Kind = Literal["letter", "coupon", "points", "tag", "hook", "wait", "until", "check", "split"]


@dataclass(frozen=True, slots=True)
class Step:
    """`code` is its own for as long as the journey lives, so that what was counted stays its own.
    Which of the other fields mean something is up to the kind; see `KINDS`."""

    code: str
    kind: Kind
    letter: Letter = field(default_factory=Letter)
    coupon: str = ""  # kind's code
    points: int = 0
    tag: str = ""  # id
    takes_off: bool = False  # the tag
    hook: str = ""  # id of the webhook that is told
    days: int = 0
    hour: int | None = None  # of the day on which the wait ends; None: as late as it began
    fact: str = ""
    who: Audience | None = None
    percent: int = 50  # of the first branch
    branches: tuple[tuple["Step", ...], ...] = ()


@dataclass(frozen=True, slots=True)
class KindOf:
    name: str
    branches: tuple[str, ...] = ()  # what each is called, in order


KINDS: Final[Mapping[str, KindOf]] = {
    "letter": KindOf("寄一封信"),
    "coupon": KindOf("給優惠券"),
    "points": KindOf("送點數"),
    "tag": KindOf("貼標籤"),
    "hook": KindOf("通知其他系統"),
    "wait": KindOf("等幾天"),
    "until": KindOf("等會員做一件事", ("做了", "時間到了還沒做")),
    "check": KindOf("看看是不是某一群人", ("是", "不是")),
    "split": KindOf("隨機分成兩組", ("A 組", "B 組")),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """`goal_days` after entering purchases are counted as its success; `stops_on_purchase`: who
    buys has no need of the rest. `leave`: who comes to be in that segment leaves, too. `used` is
    the highest number that a step's code ever had: none is used again."""

    entry: Entry = field(default_factory=Entry)
    steps: tuple[Step, ...] = ()
    hold_out: int = 10  # percent of those who enter, who get nothing: what it is compared with
    goal_days: int = 30
    stops_on_purchase: bool = True
    leave: Audience | None = None
    used: int = 0


# Steps in order -----------------------------------------------------------------------------------


def each(steps: Sequence[Step]) -> Iterator[Step]:
    """Every step, a branch's after the one that parts: nobody ever goes back in this order."""
    for step in steps:
        yield step
        for branch in step.branches:
            yield from each(branch)


@dataclass(frozen=True, slots=True)
class Node:
    """A step and where it leads: the code of what comes after, by branch where it parts; None is
    the end."""

    step: Step
    then: tuple[str | None, ...]


def nodes(plan: Plan) -> dict[str, Node]:
    """By code, in the order of `each`."""
    found: dict[str, Node] = {}
    _lay(plan.steps, None, found)
    return found


def _lay(steps: Sequence[Step], after: str | None, found: dict[str, Node]) -> None:
    for index, step in enumerate(steps):
        then = steps[index + 1].code if index + 1 < len(steps) else after
        firsts = tuple(branch[0].code if branch else then for branch in step.branches)
        found[step.code] = Node(step, firsts or (then,))
        for branch in step.branches:
            _lay(branch, then, found)


def first(plan: Plan) -> str | None:
    return plan.steps[0].code if plan.steps else None


# Chance and time ----------------------------------------------------------------------------------


def bucket(journey_id: int, what: str, member_id: int) -> int:
    """0 to 99, the same each time for a member; another for another journey or step."""
    digest = sha256(f"journey:{journey_id}:{what}:{member_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100


def is_held_out(plan: Plan, journey_id: int, member_id: int) -> bool:
    return bucket(journey_id, "hold-out", member_id) < plan.hold_out


def is_first_branch(step: Step, journey_id: int, member_id: int) -> bool:
    return bucket(journey_id, step.code, member_id) < step.percent


def wait_ends(step: Step, since: datetime) -> datetime:
    """`days` calendar days on, at `hour` in Taipei or at the same time of day. With an hour and no
    days: the next time that it is that late."""
    local = since.astimezone(TAIPEI)
    if step.hour is None:
        return since + timedelta(days=step.days)
    day = local.date() + timedelta(days=step.days)
    end = datetime.combine(day, time(step.hour), tzinfo=TAIPEI)
    if end <= local:
        end += timedelta(days=1)
    return end.astimezone(since.tzinfo)


# As a document ------------------------------------------------------------------------------------


def to_document(plan: Plan) -> dict[str, Any]:
    return {
        "entry": {
            "fact": plan.entry.fact,
            "who": _audience(plan.entry.who),
            "hour": plan.entry.hour,
            "again": plan.entry.again,
        },
        "steps": [_step(step) for step in plan.steps],
        "hold_out": plan.hold_out,
        "goal_days": plan.goal_days,
        "stops_on_purchase": plan.stops_on_purchase,
        "leave": _audience(plan.leave),
        "used": plan.used,
    }


def _audience(who: Audience | None) -> dict[str, Any] | None:
    if who is None:
        return None
    tree = None if who.tree is None else segments.to_document(who.tree)
    return {"segment": who.segment_id, "name": who.name, "tree": tree}


def _step(step: Step) -> dict[str, Any]:
    document: dict[str, Any] = {"code": step.code, "kind": step.kind}
    match step.kind:
        case "letter":
            document["letter"] = step.letter.document()
        case "coupon" | "points" | "hook":
            document[step.kind] = getattr(step, step.kind)
        case "tag":
            document |= {"tag": step.tag, "takes_off": step.takes_off}
        case "wait":
            document |= {"days": step.days, "hour": step.hour}
        case "until":
            document |= {"fact": step.fact, "days": step.days}
        case "check":
            document["who"] = _audience(step.who)
        case "split":
            document["percent"] = step.percent
    if step.branches:
        document["branches"] = [[_step(inner) for inner in branch] for branch in step.branches]
    return document


def from_document(document: Mapping[str, Any]) -> Plan:
    entry = document["entry"]
    return Plan(
        entry=Entry(entry["fact"], _audience_of(entry["who"]), entry["hour"], entry["again"]),
        steps=tuple(_step_of(step) for step in document["steps"]),
        hold_out=document["hold_out"],
        goal_days=document["goal_days"],
        stops_on_purchase=document["stops_on_purchase"],
        leave=_audience_of(document["leave"]),
        used=document["used"],
    )


def _audience_of(document: Mapping[str, Any] | None) -> Audience | None:
    if document is None:
        return None
    tree = document["tree"]
    kept = None if tree is None else segments.from_document(tree)
    return Audience(document["segment"], document["name"], kept)


def _step_of(document: Mapping[str, Any]) -> Step:
    values = dict(document)
    if "letter" in values:
        values["letter"] = letters.letter_of(values["letter"])
    if "who" in values:
        values["who"] = _audience_of(values["who"])
    branches = values.get("branches", ())
    values["branches"] = tuple(tuple(_step_of(step) for step in branch) for branch in branches)
    return Step(**values)


def bare(plan: Plan, *, with_conditions: bool = False) -> Plan:
    """Without the names of segments, and their conditions unless these count, so that a draft and
    what was published can be compared."""

    def only(who: Audience) -> Audience:
        return Audience(who.segment_id, tree=who.tree if with_conditions else None)

    return with_audiences(replace(plan, used=0), only)


def with_audiences(plan: Plan, change_: Callable[[Audience], Audience]) -> Plan:
    """With every segment it names changed."""

    def one(who: Audience | None) -> Audience | None:
        return None if who is None else change_(who)

    def steps(inner: tuple[Step, ...]) -> tuple[Step, ...]:
        return tuple(
            replace(step, who=one(step.who), branches=tuple(map(steps, step.branches)))
            for step in inner
        )

    entry = replace(plan.entry, who=one(plan.entry.who))
    return replace(plan, entry=entry, steps=steps(plan.steps), leave=one(plan.leave))


# Changing a plan ----------------------------------------------------------------------------------


def new_code(plan: Plan) -> str:
    """One that no step of the plan has, or ever had."""
    return f"s{_used(plan) + 1}"


def _used(plan: Plan) -> int:
    numbers = [int(step.code.removeprefix("s")) for step in each(plan.steps)]
    return max(plan.used, *numbers) if numbers else plan.used


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step is put: after the step `after`, or first in branch `branch` of the step
    `inside`, or first of all."""

    after: str = ""
    inside: str = ""
    branch: int = 0


def find(plan: Plan, code: str) -> Step | None:
    return next((step for step in each(plan.steps) if step.code == code), None)


def put(plan: Plan, step: Step, place: Place) -> Plan:
    """With a new step. Where the place it names is gone it goes last, so that it is not lost."""
    if not place.after and not place.inside:
        return replace(plan, steps=(step, *plan.steps))
    if find(plan, place.after or place.inside) is None:
        return replace(plan, steps=(*plan.steps, step))
    return replace(plan, steps=_put(plan.steps, step, place))


def _put(steps: tuple[Step, ...], step: Step, place: Place) -> tuple[Step, ...]:
    found: list[Step] = []
    for here in steps:
        branches = tuple(_put(branch, step, place) for branch in here.branches)
        if here.code == place.inside and not place.after:
            branches = tuple(
                (step, *branch) if index == place.branch else branch
                for index, branch in enumerate(branches)
            )
        found.append(replace(here, branches=branches))
        if here.code == place.after:
            found.append(step)
    return tuple(found)


def change(plan: Plan, step: Step) -> Plan:
    """With another step of this code; its branches stay."""
    return replace(plan, steps=_change(plan.steps, step))


def _change(steps: tuple[Step, ...], step: Step) -> tuple[Step, ...]:
    return tuple(
        replace(step, branches=here.branches)
        if here.code == step.code
        else replace(here, branches=tuple(_change(branch, step) for branch in here.branches))
        for here in steps
    )


def drop(plan: Plan, code: str) -> Plan:
    """Without a step and what is inside its branches."""
    return replace(plan, steps=_drop(plan.steps, code), used=_used(plan))


def instead(plan: Plan, other: Plan) -> Plan:
    """The other one's steps and settings; no code that either used is used again."""
    return replace(other, used=max(_used(plan), _used(other)))


def _drop(steps: tuple[Step, ...], code: str) -> tuple[Step, ...]:
    return tuple(
        replace(here, branches=tuple(_drop(branch, code) for branch in here.branches))
        for here in steps
        if here.code != code
    )


def move(plan: Plan, code: str, by: Literal[-1, 1]) -> Plan:
    """One place up or down among its neighbours; as it was at either end."""
    return replace(plan, steps=_move(plan.steps, code, by))


def _move(steps: tuple[Step, ...], code: str, by: int) -> tuple[Step, ...]:
    at = next((index for index, step in enumerate(steps) if step.code == code), None)
    if at is not None and 0 <= at + by < len(steps):
        swapped = list(steps)
        swapped[at], swapped[at + by] = swapped[at + by], swapped[at]
        return tuple(swapped)
    return tuple(
        replace(here, branches=tuple(_move(branch, code, by) for branch in here.branches))
        for here in steps
    )


# In words -----------------------------------------------------------------------------------------

Names = Mapping[str, Mapping[str, str]]  # by the kind of choice: coupon, tag, hook


def words(step: Step, names: Names) -> str:
    """A step as it reads in a list; `names` by code of what it gives."""
    match step.kind:
        case "letter":
            told = f"寄信「{step.letter.title or '還沒寫'}」"
            coupon = names["coupon"].get(step.letter.coupon, "優惠券")
            return f"{told}，附上{coupon}" if step.letter.coupon else told
        case "coupon":
            return f"給「{names['coupon'].get(step.coupon, '還沒選')}」"
        case "points":
            return f"送 {step.points:,} 點"
        case "tag":
            verb = "撕掉" if step.takes_off else "貼上"
            return f"{verb}標籤「{names['tag'].get(step.tag, '還沒選')}」"
        case "hook":
            return f"通知「{names['hook'].get(step.hook, '還沒選')}」"
        case "wait":
            return _wait_words(step)
        case "until":
            return f"等會員{FACTS.get(step.fact, '…')}，最多 {step.days} 天"
        case "check":
            return f"是不是「{step.who.name if step.who else '還沒選'}」"
        case "split":
            return f"隨機分兩組：{step.percent}% 與 {100 - step.percent}%"


def _wait_words(step: Step) -> str:
    if step.hour is None:
        return f"等 {step.days} 天"
    clock = f"{step.hour}:00"
    return f"等 {step.days} 天，到那天 {clock}" if step.days else f"等到 {clock}"


def entry_words(entry: Entry) -> str:
    who = f"「{entry.who.name}」" if entry.who else ""
    if entry.fact:
        told = (
            f"會員{FACTS.get(entry.fact, '…')}時，當下屬於{who}"
            if who
            else f"會員{FACTS.get(entry.fact, '…')}時"
        )
    else:
        told = f"每天 {entry.hour}:00 找出{who or '…'}的會員"
    if entry.again is None:
        return f"{told}；每人一次"
    return f"{told}；" + (f"隔 {entry.again} 天可以再來一次" if entry.again else "每次都算")


# Where most shops begin ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """A plan to begin with. Its segments are named by `segments.READY`; they have no id yet."""

    name: str
    says: str
    plan: Plan


def _meant(code: str) -> Audience:
    name, tree = segments.READY[code]
    return Audience(0, name, tree)


def _letter(code: str, title: str, body: str, label: str, place: str) -> Step:
    letter = letters.of_card(title, body, label=label, place=place)
    return Step(code, "letter", letter=letter)


def _wait(code: str, days: int, hour: int = 11) -> Step:
    return Step(code, "wait", days=days, hour=hour)


READY: Final[Mapping[str, Ready]] = {
    "second": Ready(
        "首購後的第二次",
        "第一次消費的客人，兩週後問候，再過兩週邀他回來；回來消費就停。",
        Plan(
            Entry("purchase.recorded", _meant("once")),
            (
                _wait("s1", 13),
                _letter(
                    "s2", "用得還順手嗎", "{姓名}您好：\n上次帶回家的東西，用得還習慣嗎？"
                    "有任何問題，門市夥伴都很樂意幫忙。", "看附近門市", "stores",
                ),
                _wait("s3", 14),
                _letter(
                    "s4", "給您的第二次，準備好了", "{姓名}您好：\n您已經累積 {點數} 點。"
                    "下次來出示會員卡就能繼續累積，期待再見到您。", "看我的會員卡", "card",
                ),
            ),
        ),
    ),
    "overdue": Ready(
        "比平常久沒來的熟客",
        "用每個人自己的購物間隔來看；先問候，兩週還沒來再分兩組試試哪一封信有用。",
        Plan(
            Entry("", _meant("overdue"), 11, again=90),
            (
                _letter(
                    "s1", "好一陣子沒見到您了", "{姓名}您好：\n最近好嗎？店裡來了些新東西，"
                    "想讓熟客先知道。有空過來坐坐。", "看附近門市", "stores",
                ),
                _wait("s2", 14),
                Step(
                    "s3", "split", percent=50, branches=(
                        (_letter(
                            "s4", "您的點數還在等您", "{姓名}您好：\n您現在有 {點數} 點，"
                            "結帳時可以直接折抵。", "看我的點數", "points",
                        ),),
                        (_letter(
                            "s5", "這些任務很快就能完成", "{姓名}您好：\n做一個小任務，"
                            "就能多拿一些點數。", "看任務與集點", "earn",
                        ),),
                    ),
                ),
            ),
        ),
    ),
    "asleep": Ready(
        "喚回沉睡的客人",
        "120 天沒來的客人，最多寄兩封；半年內不再打擾。",
        Plan(
            Entry("", _meant("asleep"), 11, again=180),
            (
                _letter(
                    "s1", "我們很想念您", "{姓名}您好：\n好久不見。您的會員資格與 {點數} 點"
                    "都還為您保留著。", "看我的會員卡", "card",
                ),
                _wait("s2", 21),
                _letter(
                    "s3", "再打擾一次就好", "{姓名}您好：\n如果最近剛好經過，歡迎進來看看。"
                    "這陣子不會再寫信給您了。", "看附近門市", "stores",
                ),
            ),
        ),
    ),
    "upgraded": Ready(
        "升等三天後，認識新的權益",
        "升等通知之後，再說一次新等級能做什麼。",
        Plan(
            Entry("tier.upgraded", again=0),
            (
                _wait("s1", 3),
                _letter(
                    "s2", "{等級}的您，多了這些權益", "{姓名}您好：\n您現在是{等級}會員。"
                    "點下面看看多了哪些權益，別讓它們睡著了。", "看等級權益", "tiers",
                ),
            ),
            stops_on_purchase=False,
        ),
    ),
    "year": Ready(
        "入會滿一年",
        "謝謝陪了一年的會員，送一點心意。",
        Plan(
            Entry("", _meant("year"), 11),
            (
                Step("s1", "points", points=50),
                _letter(
                    "s2", "謝謝您陪我們一年", "{姓名}您好：\n您成為會員滿一年了。"
                    "送您 50 點，已經放進您的帳戶。", "看我的點數", "points",
                ),
            ),
            stops_on_purchase=False,
        ),
    ),
    "thanks": Ready(
        "謝謝您介紹朋友來",
        "推薦的好友加入時，當天道謝。",
        Plan(
            Entry("referral.joined", again=0),
            (
                _letter(
                    "s1", "謝謝您把我們介紹給朋友", "{姓名}您好：\n您的朋友加入了。"
                    "等他第一次消費，獎勵就會送到。", "看任務與集點", "earn",
                ),
            ),
            stops_on_purchase=False,
        ),
    ),
}  # fmt: skip


# What is wrong ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fault:
    """`step` is a code, or nothing where the plan itself is meant."""

    step: str
    field: str
    reason: str


def faults(plan: Plan) -> Iterator[Fault]:
    """Everything that keeps it from starting, whatever is in the database."""
    yield from _entry_faults(plan)
    if not plan.steps:
        yield Fault("", "steps", "旅程還沒有任何步驟")
    if not 0 <= plan.hold_out <= MOST_HOLD_OUT:
        yield Fault("", "hold_out", f"對照組須為 0–{MOST_HOLD_OUT}%")
    if not 1 <= plan.goal_days <= MOST_DAYS:
        yield Fault("", "goal_days", f"成效天數須為 1–{MOST_DAYS} 天")
    if sum(1 for _ in each(plan.steps)) > MOST_STEPS:
        yield Fault("", "steps", f"最多 {MOST_STEPS} 個步驟")
    if _depth(plan.steps) > DEEPEST:
        yield Fault("", "steps", f"分支裡面最多再分 {DEEPEST - 1} 層")
    for step in each(plan.steps):
        yield from step_faults(step)
        if plan.stops_on_purchase and step.fact == "purchase.recorded" and step.branches[0]:
            reason = (
                "消費的會員會離開旅程，走不到「做了」裡的步驟；請取消「消費就離開」，或清空那一邊"
            )
            yield Fault(step.code, "fact", reason)


def _entry_faults(plan: Plan) -> Iterator[Fault]:
    entry = plan.entry
    if entry.fact and entry.fact not in FACTS:
        yield Fault("", "fact", "請選擇什麼時候進入旅程")
    if not entry.fact and entry.who is None:
        yield Fault("", "who", "請選擇哪個分眾的會員進入旅程")
    if not 0 <= entry.hour <= 23:
        yield Fault("", "hour", "每天進入的時間須為 0–23 點")
    if entry.again is not None and not 0 <= entry.again <= MOST_DAYS:
        yield Fault("", "again", f"再次進入須為 0–{MOST_DAYS} 天")
    if not entry.fact and entry.again == 0:
        yield Fault("", "again", "每天找人的旅程，再次進入至少隔 1 天")


def step_faults(step: Step) -> Iterator[Fault]:
    for name, reason in _of_kind(step):
        yield Fault(step.code, name, reason)


def _of_kind(step: Step) -> Iterator[tuple[str, str]]:
    match step.kind:
        case "letter":
            yield from letters.faults(step.letter)
        case "wait":
            yield from _wait_faults(step)
        case "until":
            yield from _until_faults(step)
        case _:
            is_wrong, name, reason = _NEEDS[step.kind]
            if is_wrong(step):
                yield name, reason


def _wait_faults(step: Step) -> Iterator[tuple[str, str]]:
    if not 0 <= step.days <= MOST_DAYS or (step.days == 0 and step.hour is None):
        yield "days", f"請填 1–{MOST_DAYS} 天，或選一個鐘點"
    if step.hour is not None and not 0 <= step.hour <= 23:
        yield "hour", "時間須為 0–23 點"


def _until_faults(step: Step) -> Iterator[tuple[str, str]]:
    if step.fact not in FACTS:
        yield "fact", "請選擇要等會員做什麼"
    if not 1 <= step.days <= MOST_DAYS:
        yield "days", f"請填 1–{MOST_DAYS} 天"


_NEEDS: Final[Mapping[str, tuple[Callable[[Step], bool], str, str]]] = {
    "coupon": (lambda step: not step.coupon, "coupon", "請選擇優惠券"),
    "points": (
        lambda step: not 1 <= step.points <= MOST_POINTS,
        "points",
        f"點數須為 1–{MOST_POINTS:,}",
    ),
    "tag": (lambda step: not step.tag, "tag", "請選擇標籤"),
    "hook": (lambda step: not step.hook, "hook", "請選擇要通知誰"),
    "check": (lambda step: step.who is None, "who", "請選擇分眾"),
    "split": (lambda step: not 1 <= step.percent <= 99, "percent", "A 組須為 1–99%"),
}


def _depth(steps: Sequence[Step]) -> int:
    inner = [_depth(branch) for step in steps for branch in step.branches if branch]
    return 1 + max(inner, default=0)
