"""A book as a YAML file: with a comment on every key, and with the line of whatever is wrong.

YAML because a marketer reads and edits it; the values are checked against the types of the rules,
unknown keys are refused, so a typing mistake never silently changes nothing."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from typing import Any, get_args, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from app.core.clock import TAIPEI
from app.core.errors import DomainError
from app.programmes.rules import Path
from app.rulebooks import rules
from app.rulebooks.rules import NAMES, Book, Fault

HINTS: Mapping[str, str] = {
    "tiers": "由低到高；第一個等級人人都有，門檻為 0",
    "tiers.threshold": "NT$，累計期間內的消費；0 為不看金額",
    "tiers.renewal": "NT$，效期內的消費；null 為與升等門檻相同",
    "tiers.visits": "累計期間內的筆數；null 為不看次數",
    "tiers.points": "累計期間內消費得到的點數；null 為不看點數",
    "tiers.single": "NT$，累計期間內的單筆消費；null 為不看單筆",
    "tiers.match": "any 達成一項即可、all 全部達成",
    "tiers.percent": "基本點數的百分比，150 為 1.5 倍",
    "tiers.colour": "plain bronze silver gold platinum black",
    "tiers.gift": "優惠券代碼",
    "tiers.top_percent": "1–50：有消費會員的前百分之幾；threshold 由系統每期計算，null 為固定門檻",
    "tiers.floor": "NT$，前百分比門檻不會低於此數",
    "tiering.recomputed": "month 每月 1 日、quarter 每季第一天",
    "tiers.choices": "會員點選領取；一項為領取，多項為任選其一，選了不能改",
    "tiers.choices.every": "term 每期等級、month 每月、quarter 每季、year 每年；期間內一次",
    "tiers.choices.options.coupon": "優惠券代碼；null 為不送",
    "earning.unit": "NT$；每滿一個單位得 rate 點",
    "earning.combine": "max 取最高、sum 相加、product 相乘",
    "earning.birthday_percent": "200 為 2 倍",
    "earning.cap_per_sale": "點；null 為不限",
    "earning.cap_per_day": "點；null 為不限",
    "points.pending_days": "消費後幾天生效",
    "points.expiry": "end_of_month N 個月後的月底、end_of_next_year 次年底、"
    "after_activity 最後一次消費後 N 個月、never 不到期",
    "points.value": "NT$；計算點數負債與到期提醒用",
    "redemption": "結帳時用點數折抵；每 step 點折 NT$ pays，例如 100 點折 NT$10",
    "redemption.step": "點；使用的點數須為此數的倍數",
    "redemption.pays": "NT$",
    "redemption.minimum": "點",
    "redemption.max_percent": "折扣與優惠券之後金額的百分比",
    "adjustments": "點；一次可調整的點數，超過需另一人核准，null 為不限",
    "changes.second_person": "後台的修改須由作者以外的人核准；只有一位有權限的人時不需要",
    "goodwill": "張；標為補償券的優惠券，一個人一天、一個月可以送幾張，null 為不限",
    "coupons.goodwill": "門市可以送給會員當補償",
    "tiering.window": "rolling 近 N 個月、calendar_year 當年 1–12 月、anniversary 會員年度、"
    "lifetime 入會以來（沒有到期日）",
    "tiering.window_months": "rolling 時使用",
    "tiering.validity_months": "rolling 時使用；年度制到次年度結束",
    "tiering.downgrade": "by_amount 依消費、one_down 降一級",
    "gifts": "優惠券代碼；null 為不送",
    "referral": "兩項獎勵皆為 0 與 null 即為停辦",
    "referral.inviter.coupon": "優惠券代碼",
    "referral.friend.coupon": "優惠券代碼",
    "referral.min_spend": "NT$，單筆",
    "referral.wait_days": "null 為與退貨期限相同",
    "referral.cap_per_month": "位；null 為不限",
    "invoices": "會員自行登錄電子發票；seller 為賣方統一編號",
    "invoices.sellers": "8 位統一編號，請加引號",
    "invoices.keywords": "品名須含其中一個；[] 為不限",
    "invoices.min_total": "NT$",
    "invoices.within_days": "發票日起幾天內可登錄",
    "invoices.hold_days": "POS 尚未上傳這筆交易時，點數保留幾天",
    "invoices.claim_days": "POS 已有但未報會員的交易，幾天內可補登",
    "invoices.cap_per_day": "張；每位會員",
    "invoices.cap_per_period": "張；每位會員每期，null 為不限",
    "coupons": "已發出的優惠券維持發出時的內容",
    "coupons.type": "amount_off percent_off gift free_shipping buy_x_get_y fixed_price",
    "coupons.value": "折抵金額（NT$）、折抵百分比、固定價格或送幾件",
    "coupons.buys": "買幾件；只用於 buy_x_get_y",
    "coupons.per_day_limit": "每天可核銷張數；null 為不限",
    "coupons.budget": "NT$，折抵總額用完為止；null 為不限",
    "coupons.word": "會員輸入就能領的代碼，例如 SUMMER100；null 為沒有",
    "coupons.word_for_days": "限入會幾天內；null 為不限",
    "coupons.kind": "free 須有期限、paid（付費禮券）不得有期限",
    "coupons.stacking": "exclusive 單獨使用、stackable 可併用、或群組名稱",
    "coupons.giving": "own 僅限本人、once 可送給朋友一次、free 收到的人也能再送",
    "coupons.valid_days": "領取後第 N 天 23:59 到期",
    "rewards": "用點數兌換的商品；憑換得的優惠券到門市領取",
    "rewards.coupon": "優惠券代碼；gift 為純點數，fixed_price 為點數再加該金額",
    "rewards.colour": "plain bronze silver gold platinum black",
    "rewards.icon": "圖片上的一兩個字",
    "rewards.stock": "總共可兌換的數量；null 為不限",
    "rewards.tiers": "等級代碼；[] 為不限",
    "rewards.pickup_days": "兌換後第 N 天 23:59 前領取，不超過優惠券的期限",
    "rewards.cancel_hours": "會員可自行取消的時數；0 為不可取消",
    "missions": "會員做到就有獎勵；進行中的一期維持開始時的內容",
    "missions.steps.kind": "visits 消費天數 purchases 筆數 spend 金額 items 件數 invoices 登錄發票 "
    "profile 填資料",
    "missions.steps.stores": "門市代碼；[] 為不限",
    "missions.steps.min_amount": "NT$",
    "missions.audience.joined_within_days": "null 為不限",
    "missions.window.kind": "month 每月 week 每週 joined 入會起 dates 指定日期",
    "missions.streak": "連續幾期才算完成",
    "missions.reward.coupon": "優惠券代碼；null 為不送",
    "missions.on_refund": "keep 保留獎勵、take_back 收回未用的",
    "missions.reward_limit": "null 為不限",
    "stamps": "消費就蓋格，到格有獎勵；修改從隔天起算，進行中的卡維持開始時的格數與獎勵",
    "stamps.milestones.at": "由小到大，最後一個通常是最後一格",
    "stamps.milestones.coupon": "優惠券代碼；null 為不送",
    "stamps.per": "visit 每筆一格、amount 每滿 amount 一格",
    "stamps.amount": "NT$；visit 時為單筆最低金額",
    "stamps.stores": "門市代碼；[] 為不限",
    "stamps.cap_per_day": "格；null 為不限",
    "stamps.gap_days": "1 為天天可蓋，7 為一週一次",
    "stamps.ends_on": "最後一天；null 為不結束",
    "stamps.repeats": "false 為每人只有一張",
    "stamps.on_refund": "keep 保留獎勵、take_back 收回未用的",
    "rewards.unclaimed": "lost 點數不退、returned 點數與數量退回",
}


class BadBook(DomainError):
    """A file that is no programme, or contradicts itself; `faults` says where and why."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.where}: {fault.reason}" for fault in faults))
        self.faults = tuple(faults)


# Writing ------------------------------------------------------------------------------------------


def dump(book: Book) -> str:
    """The file; reading it gives an equal book."""
    head = "# 會員制度。修改後以 regulars program diff 看影響，以 regulars program apply 生效。\n"
    return head + "".join(_lines(rules.plain(book), "", 0))


def _lines(values: Mapping[str, Any], path: str, depth: int) -> Iterator[str]:
    pad = "  " * depth
    for key, value in values.items():
        here = f"{path}.{key}".removeprefix(".")
        comment = _comment(here)
        if isinstance(value, Mapping):
            yield f"{pad}{key}:{comment}\n"
            yield from _lines(value, here, depth + 1)
        elif isinstance(value, Sequence) and value and isinstance(value[0], Mapping):
            yield f"{pad}{key}:{comment}\n"
            for item in value:
                first, *rest = _lines(item, here, depth + 2)
                yield f"{pad}  - {first.lstrip()}"
                yield from rest
        elif isinstance(value, str) and "\n" in value:
            body = "".join(f"{pad}  {line}\n" for line in value.split("\n"))
            yield f"{pad}{key}: |-{comment}\n{body}"
        else:
            yield f"{pad}{key}: {_scalar(value)}{comment}\n"


def _comment(path: str) -> str:
    words = [text for text in (NAMES.get(path), HINTS.get(path)) if text]
    return f"  # {'：'.join(words)}" if words else ""


def _scalar(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(TAIPEI):%Y-%m-%d %H:%M:%S%z}"[:-2] + ":00"
    plain = list(value) if isinstance(value, tuple) else value
    text = yaml.safe_dump(plain, allow_unicode=True, default_flow_style=True, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...")


# Reading ------------------------------------------------------------------------------------------


def load(text: str) -> Book:
    """Raises BadBook with every fault that can be found at once."""
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):  # could hold itself, or unfold without end
                line = event.start_mark.line + 1 if event.start_mark else None
                raise BadBook([Fault((), f"不支援別名 *{event.anchor}", line)])
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        given = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise BadBook([Fault((), f"不是 YAML：{error}", _line_of(error))]) from error
    if not isinstance(given, dict) or root is None:
        raise BadBook([Fault((), "檔案是空的，或不是一份會員制度")])
    lines = dict(_positions(root, ()))
    found = list(_unknown_keys(given, Book, ()))
    book = None if found else _built(given, found)
    if book is not None:
        found = rules.faults(book)
    if book is None or found:
        raise BadBook([_placed(fault, lines) for fault in found])
    return book


def _built(given: Mapping[str, Any], found: list[Fault]) -> Book | None:
    lists = {name: given.get(name) or [] for name in _LISTS}
    # Days of missions and stamp cards are days; everywhere else a date means its midnight.
    for name in ("missions", "stamps"):
        lists[name] = json.loads(json.dumps(lists[name], default=_day))
    terms = {key: value for key, value in given.items() if key not in _LISTS}
    document = json.dumps({"terms": terms, **lists}, default=_instant)
    try:
        return _BOOK.validate_json(document, strict=True)
    except ValidationError as error:
        for item in error.errors():
            path = item["loc"][1:] if item["loc"][:1] == ("terms",) else item["loc"]
            found.append(Fault(tuple(path), _WORDS.get(item["type"], item["msg"])))
        return None


_LISTS = ("coupons", "rewards", "missions", "stamps")
_BOOK = TypeAdapter(Book)
_WORDS = {
    "missing": "缺少這一項",
    "int_type": "須為整數",
    "int_from_float": "須為整數",
    "float_type": "須為數字",
    "string_type": "須為文字",
    "bool_type": "須為 true 或 false",
    "tuple_type": "須為清單",
    "literal_error": "不是可用的值",
}


def _day(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a programme")


def _instant(value: object) -> str:
    """Times without a zone are Taipei's; a date is its midnight."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=TAIPEI)).isoformat()
    if isinstance(value, date):
        return datetime.combine(value, time(), TAIPEI).isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a programme")


def _unknown_keys(value: object, kind: Any, path: Path) -> Iterator[Fault]:
    if isinstance(value, list):
        inner = next((item for item in get_args(kind) if is_dataclass(item)), None)
        for index, item in enumerate(value if inner is not None else ()):
            yield from _unknown_keys(item, inner, (*path, index))
    elif isinstance(value, dict) and is_dataclass(kind):
        known = _known(kind)
        for key, item in value.items():
            if key not in known:
                yield Fault((*path, str(key)), "沒有規則讀這一項（打錯字？）")
            else:
                yield from _unknown_keys(item, known[key], (*path, key))


def _known(kind: Any) -> dict[str, Any]:
    """A book's file holds its terms at the top, beside the coupons."""
    hints = get_type_hints(kind)
    known = {item.name: hints[item.name] for item in fields(kind) if item.name != "version"}
    if kind is Book:
        return _known(known.pop("terms")) | known
    return known


def _positions(node: yaml.Node, path: Path) -> Iterator[tuple[Path, int]]:
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            yield from _positions(value, here)
            yield here, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _positions(item, (*path, index))


def _placed(fault: Fault, lines: Mapping[Path, int]) -> Fault:
    """With the line of its key, or of the nearest thing around it that is in the file."""
    if fault.line is not None:
        return fault
    path = fault.path
    while path not in lines and path:
        path = path[:-1]
    return Fault(fault.path, fault.reason, lines.get(path))


def _line_of(error: Exception) -> int | None:
    mark = getattr(error, "problem_mark", None)
    return None if mark is None else int(mark.line) + 1
