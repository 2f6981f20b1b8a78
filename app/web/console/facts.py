"""The time line in words: one sentence per fact, whatever the fact turns out to hold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from app.core import money
from app.timeline.queries import TimelineEntry
from app.web import words


@dataclass(frozen=True, slots=True)
class Moment:
    at: datetime
    kind: str
    family: str  # the first word of the kind: member, purchase, points, tier, coupon, message
    title: str
    detail: str


LABELS: Final[dict[str, str]] = {
    "amount": "金額",
    "until": "到期日",
    "revoked": "收回點數",
    "points": "點數",
    "earned": "獲得點數",
    "points_used": "使用點數",
    "restored": "退回點數",
    "pending": "待生效",
    "balance": "結餘",
    "from": "原等級",
    "to": "新等級",
    "tier": "等級",
    "name": "名稱",
    "kind": "種類",
    "coupon": "優惠券",
    "code": "代碼",
    "discount": "折抵",
    "store": "門市",
    "reason": "原因",
    "source": "來源",
    "channel": "管道",
    "external_id": "交易編號",
    "expires_at": "到期",
    "cancelled_messages": "取消的訊息",
}
_MONEY: Final = frozenset({"amount", "discount", "refunded", "paid"})
_NOTED: Final[dict[str, str]] = LABELS | {
    "paid": "實收",
    "refunded": "累計退款",
    "approved_by": "核准人員編號",
    "by": "識別方式",
    "how": "方式",
    "role": "角色",
    "login": "帳號",
    "city": "縣市",
    "address": "地址",
    "phone": "電話",
    "hours": "營業時間",
    "browsers": "裝置數",
    "second_step": "第二步",
}
_PROOFS: Final = {
    "qr": "會員卡 QR",
    "number": "會員編號",
    "phone": "手機號碼",
    "otp": "簡訊驗證碼",
    "self": "本人",
    "cli": "指令",
    "link": "連結",
    "app": "驗證器 App",
    "recovery": "備用碼",
}


def moment(entry: TimelineEntry, *, tiers: Mapping[str, str]) -> Moment:
    """`tiers` gives the names of tier codes."""
    return Moment(
        at=entry.at,
        kind=entry.kind,
        family=entry.kind.partition(".")[0],
        title=words.of(words.KINDS, entry.kind),
        detail=detail(entry.facts, tiers=tiers),
    )


def detail(facts: Mapping[str, Any], *, tiers: Mapping[str, str]) -> str:
    """What the fact holds, ids left out: `金額 NT$790・獲得點數 7`."""
    shown = [
        f"{LABELS[key]} {_value(key, value, tiers)}"
        for key, value in facts.items()
        if key in LABELS and value not in (None, "", [])
    ]
    return "・".join(shown)


def noted(facts: Mapping[str, Any]) -> str:
    """What an entry of the audit log holds; nothing is left out, known or not."""
    return "・".join(
        f"{_NOTED.get(key, key)} {_PROOFS.get(str(value), _value(key, value, {}))}"
        for key, value in facts.items()
    )


def _value(key: str, value: Any, tiers: Mapping[str, str]) -> str:
    if key in _MONEY and isinstance(value, int):
        return money.show(value)
    if key in {"from", "to", "tier"}:
        return tiers.get(str(value), str(value))
    if key in {"until", "expires_at"}:
        return str(value)[:10].replace("-", "/")
    if key in {"source", "channel"}:
        return words.source(str(value))
    if key == "role":
        return words.of(words.ROLES | words.TOKEN_ROLES, str(value))
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "是" if value else "否"
    show: Callable[[Any], str] = (lambda v: f"{v:,}") if isinstance(value, int) else str
    return show(value)
