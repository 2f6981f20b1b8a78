"""Who is meant, as a tree: groups of conditions, all of them, any, or none. Pure values; how a
condition reads, and what contradicts itself.

A condition looks at one field of `FIELDS`. What it says beside depends on the field: a range
(`at_least`, `at_most`), a span of days up to and with today (`days`; None: ever), a choice
(`any_of`)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from app.core import ids, money

Match = Literal["all", "any", "none"]
Choices = Literal[
    "", "tier", "city", "gender", "month", "store", "coupon", "source", "tag", "text", "rfm", "nes"
]  # fmt: skip
MOST_PARTS: Final = 20
DEEPEST: Final = 4
MOST_DAYS: Final = 3_650


@dataclass(frozen=True, slots=True)
class Field:
    """`unit` follows a number in words; NT$ goes before it. `help` says what is meant."""

    name: str
    unit: str = ""
    has_range: bool = True
    has_days: bool = False
    needs_days: bool = False
    choices: Choices = ""
    help: str = ""


def _choice(name: str, choices: Choices, *, has_days: bool = False, help: str = "") -> Field:
    return Field(name, has_range=False, has_days=has_days, choices=choices, help=help)


_NIGHTLY: Final = "每晚計算，看到的是今天凌晨的結果。"
_SCORE: Final = f"近 365 天，1–5 分，5 分最好。{_NIGHTLY}"


FIELDS: Final[Mapping[str, Field]] = {
    "tier": _choice("等級", "tier"),
    "spend": Field("消費金額", "NT$", has_days=True),
    "visits": Field("消費天數", "天", has_days=True),
    "purchases": Field("消費筆數", "筆", has_days=True),
    "last_visit": Field("距上次消費", "天"),
    "cycle": Field("距上次消費達平常間隔的", "%"),
    "first_visit": Field("距首次消費", "天"),
    "bought": _choice("買過商品或類別", "text", has_days=True),
    "store": _choice("在這些門市消費過", "store", has_days=True),
    "points": Field("可用點數", "點"),
    "points_expiring": Field("即將到期的點數", "點", has_days=True, needs_days=True),
    "coupon": _choice("持有可用的優惠券", "coupon"),
    "tier_ends": Field("等級剩餘天數", "天"),
    "joined": Field("入會天數", "天"),
    "birth_month": _choice("生日月份", "month"),
    "city": _choice("居住縣市", "city"),
    "gender": _choice("性別", "gender"),
    "source": _choice("入會來源", "source"),
    "tag": _choice("標籤", "tag"),
    "rfm": _choice(
        "RFM 客群", "rfm", help=f"依最近消費、次數、金額分成 11 群，見「顧客結構」。{_NIGHTLY}"
    ),
    "r": Field("R 分數（最近消費）", "分", help=_SCORE),
    "f": Field("F 分數（消費次數）", "分", help=_SCORE),
    "m": Field("M 分數（消費金額）", "分", help=_SCORE),
    "fm": Field("FM 分數（次數與金額的中間）", "分", help=_SCORE),
    "nes": _choice(
        "NES 狀態", "nes", help=f"依每個人自己的平均消費間隔判斷，不是固定天數。{_NIGHTLY}"
    ),
    "gap": Field("平均消費間隔", "天", help=f"每幾天來一次，來過兩天以上的人才有。{_NIGHTLY}"),
    "next": Field(
        "離預估下次消費", "天", help=f"上次消費加上平均間隔；已經過了算 0 天。{_NIGHTLY}"
    ),
    "ltv": Field("未來一年價值", "NT$", help=f"估計未來一年的消費金額，只適合比較多少。{_NIGHTLY}"),
    "alive": Field("還會再來的機率", "%", help=f"由消費紀錄估計，資料不足的品牌沒有。{_NIGHTLY}"),
    "marketing": Field("收到的行銷訊息", "則", has_days=True, needs_days=True),
    "sample": Field("隨機抽樣", "%"),
}
THIS_MONTH: Final = "now"  # a choice of birth_month


@dataclass(frozen=True, slots=True)
class Condition:
    of: str
    at_least: int | None = None
    at_most: int | None = None
    days: int | None = None
    any_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """No parts under `all` and `none`: everybody."""

    match: Match = "all"
    parts: tuple["Condition | Group", ...] = ()


Part = Condition | Group
EVERYBODY: Final = Group()


def _all(*parts: Part) -> Group:
    return Group("all", parts)


# Where most shops begin, by code: what it is called and who is meant.
READY: Final[Mapping[str, tuple[str, Group]]] = {
    "unsold": (
        "入會 30 天內還沒消費",
        _all(Condition("joined", at_most=30), Condition("purchases", at_most=0)),
    ),
    "once": ("只消費過一次的客人", _all(Condition("purchases", at_least=1, at_most=1))),
    "first": ("30 天內的首購客", _all(Condition("first_visit", at_most=30))),
    "regulars": ("近一年常來的熟客", _all(Condition("visits", at_least=4, days=365))),
    "big": ("近一年消費滿 NT$10,000", _all(Condition("spend", at_least=10_000, days=365))),
    "drowsy": ("快要沉睡的客人", _all(Condition("last_visit", at_least=60, at_most=119))),
    "overdue": (
        "比平常久沒來的熟客",
        _all(Condition("cycle", at_least=200), Condition("visits", at_least=3)),
    ),
    "asleep": ("沉睡的客人", _all(Condition("last_visit", at_least=120))),
    "birthday": ("本月壽星", _all(Condition("birth_month", any_of=(THIS_MONTH,)))),
    "points": ("點數快到期", _all(Condition("points_expiring", at_least=50, days=30))),
    "year": ("入會滿一年", _all(Condition("joined", at_least=365, at_most=371))),
    "tier": ("等級快到期", _all(Condition("tier_ends", at_most=30))),
    "champions": ("冠軍客（鐵粉）", _all(Condition("rfm", any_of=("champions",)))),
    "precious": (
        "以前很好、快要失去的客人",
        _all(Condition("rfm", any_of=("at_risk", "cannot_lose"))),
    ),
    "dozing": ("剛開始瞌睡的客人", _all(Condition("nes", any_of=("S1",)))),
    "soon": (
        "這週該回來的客人",
        _all(Condition("next", at_most=7), Condition("nes", any_of=("N0", "E0"))),
    ),
}


def ready(code: str) -> tuple[str, Group]:
    """One of `READY`; or all of a named group (`rfm-lost`), a state (`nes-S1`) or a cell of R and
    FM (`cell-53`), which the page of scores leads to; or everybody."""
    what, _, which = code.partition("-")
    if what in ("rfm", "nes") and which:
        return "", _all(Condition(what, any_of=(which,)))
    if what == "cell" and len(which) == 2 and set(which) <= set("12345"):
        r, fm = map(int, which)
        return "", _all(Condition("r", r, r), Condition("fm", fm, fm))
    return READY.get(code, ("", EVERYBODY))


def to_document(part: Part) -> dict[str, Any]:
    if isinstance(part, Group):
        return {"match": part.match, "parts": [to_document(item) for item in part.parts]}
    said = {
        "of": part.of,
        "at_least": part.at_least,
        "at_most": part.at_most,
        "days": part.days,
        "any_of": list(part.any_of),
    }
    return {name: value for name, value in said.items() if value not in (None, [])}


def from_document(document: Mapping[str, Any]) -> Group:
    """The tree of its JSON, as `to_document` wrote it."""
    parts = (
        from_document(item)
        if "match" in item
        else Condition(**(dict(item) | {"any_of": tuple(item.get("any_of", ()))}))
        for item in document["parts"]
    )
    return Group(document["match"], tuple(parts))


# What contradicts itself --------------------------------------------------------------------------


def faults(group: Group, depth: int = 1) -> Iterator[str]:
    """Everything wrong, each with the name of its field."""
    if depth > DEEPEST:
        yield f"條件最多 {DEEPEST} 層"
        return
    if len(group.parts) > MOST_PARTS:
        yield f"一組最多 {MOST_PARTS} 個條件"
    for part in group.parts:
        if isinstance(part, Group):
            yield from faults(part, depth + 1)
        else:
            yield from _faults(part)


def _faults(condition: Condition) -> Iterator[str]:
    field = FIELDS.get(condition.of)
    if field is None:
        yield f"沒有「{condition.of}」這個條件"
        return
    low, high = condition.at_least, condition.at_most
    if field.has_range and low is None and high is None:
        yield f"{field.name}：請填數字"
    if any(value is not None and not 0 <= value <= 2_000_000_000 for value in (low, high)):
        yield f"{field.name}：數字超出範圍"
    if low is not None and high is not None and low > high:
        yield f"{field.name}：最少不可大於最多"
    if field.choices and not condition.any_of:
        yield f"{field.name}：請至少選一項"
    if condition.days is None and field.needs_days:
        yield f"{field.name}：請填天數"
    if condition.days is not None and not 1 <= condition.days <= MOST_DAYS:
        yield f"{field.name}：天數須為 1–{MOST_DAYS:,}"
    yield from _unknown(condition, field)


def _unknown(condition: Condition, field: Field) -> Iterator[str]:
    """Choices that no list offers."""
    months = {THIS_MONTH, *(str(month) for month in range(1, 13))}
    if condition.of == "birth_month" and not set(condition.any_of) <= months:
        yield f"{field.name}：須為 1–12 月"
    if condition.of == "tag" and None in map(ids.id_typed, condition.any_of):
        yield f"{field.name}：沒有這個標籤"


# In words -----------------------------------------------------------------------------------------


def words(group: Group, names: Mapping[str, Mapping[str, str]]) -> str:
    """`等級是金卡，且近 90 天消費金額滿 NT$3,000，但不含「持有可用的優惠券：生日禮」`. `names` are
    names of choices by their codes, by the kind of choice."""
    if not group.parts:
        return "所有會員"
    meant = [part for part in group.parts if not (isinstance(part, Group) and part.match == "none")]
    left_out = [part for part in group.parts if isinstance(part, Group) and part.match == "none"]
    joint = {"all": "，且", "any": "，或", "none": "，或"}[group.match]
    told = joint.join(_among(part, meant, names) for part in meant) or "所有會員"
    if group.match == "none":
        told = f"不符合（{told}）"
    without = "、".join(
        "或".join(_part(part, names) for part in item.parts) for item in left_out if item.parts
    )
    return f"{told}，但不含「{without}」" if without else told


def _among(part: Part, others: Sequence[Part], names: Mapping[str, Mapping[str, str]]) -> str:
    """Brackets keep a group apart from others; alone it needs none."""
    is_alone = len(others) == 1 or len(getattr(part, "parts", ())) == 1
    return words(part, names) if isinstance(part, Group) and is_alone else _part(part, names)


def _part(part: Part, names: Mapping[str, Mapping[str, str]]) -> str:
    if isinstance(part, Group):
        return f"（{words(part, names)}）"
    field = FIELDS[part.of]
    span = _span(part, field)
    if field.choices:
        known = names.get(field.choices, {})
        chosen = "或".join(f"{known.get(code, code)}" for code in part.any_of)
        joint = "是" if field.choices not in ("text", "store", "coupon") else "："
        return f"{span}{field.name}{joint}{chosen}"
    if part.of == "sample":
        return f"隨機抽樣 {part.at_most if part.at_most is not None else 100}%"
    return f"{span}{field.name} {_range(part, field.unit)}"


def _span(part: Condition, field: Field) -> str:
    if not field.has_days or part.days is None:
        return ""
    return f"{part.days:,} 天內" if part.of == "points_expiring" else f"近 {part.days:,} 天"


def _range(part: Condition, unit: str) -> str:
    low, high = part.at_least, part.at_most
    if low is not None and low == high:
        return _amount(low, unit)
    if low is not None and high is not None:
        first = _amount(low, unit) if unit == "NT$" else f"{low:,}"
        return f"{first}–{_amount(high, unit)}"
    if low is not None:
        return f"至少 {_amount(low, unit)}"
    return f"最多 {_amount(high or 0, unit)}"


def _amount(number: int, unit: str) -> str:
    return money.show(number) if unit == "NT$" else f"{number:,} {unit}"


def conditions(parts: Sequence[Part]) -> Iterator[Condition]:
    """Every condition, at whatever depth."""
    for part in parts:
        if isinstance(part, Group):
            yield from conditions(part.parts)
        else:
            yield part
