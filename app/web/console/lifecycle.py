"""/console/lifecycle: the messages that go by themselves, and what became of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from app.lifecycle import queries, rules
from app.lifecycle.models import DROPPED, HELD, QUEUED
from app.lifecycle.rules import Rule
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/lifecycle", route_class=StaffRoute)
Reader = Annotated[Visitor, Depends(require(Permission.READ_NUMBERS))]
DAYS: Final = 30
PRIORITIES: Final = {
    rules.Priority.SERVICE: "服務",
    rules.Priority.EXPIRY: "到期提醒",
    rules.Priority.BIRTHDAY: "生日",
    rules.Priority.NEAR_UPGRADE: "接近升等",
    rules.Priority.NUDGE: "問候",
}


@dataclass(frozen=True, slots=True)
class RuleView:
    rule: Rule
    when: str
    sent: int
    held: int
    dropped: int
    why_not: Sequence[tuple[str, int]]  # most first


# What a step's days are counted from, in words around them.
_WHEN: Final[Mapping[str, str]] = {
    rules.TIER_CHANGED.code: "當天",
    rules.POINTS_EXPIRING.code: "到期前 {} 天",
    rules.TIER_EXPIRING.code: "到期前 {} 天",
    rules.WELCOME_UNUSED.code: "到期前 {} 天",
    rules.COUPON_EXPIRING.code: "到期前 {} 天",
    rules.BIRTHDAY.code: "生日月 1 日",
    rules.BIRTHDAY_REMINDER.code: "月底前 {} 天",
    rules.NOT_JOINED.code: "加好友後 {} 天",
    rules.NO_PURCHASE.code: "入會後 {} 天",
    rules.FIRST_PURCHASE.code: "首購後 {} 天",
    rules.DORMANT.code: "最後一次消費後 {} 天",
}


@router.get("")
def shown(request: Request, _visitor: Reader) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        counted = queries.counts(session, since=now - timedelta(days=DAYS), until=now)
    return pages.render(
        request,
        "console/lifecycle.html",
        rules=[_view(rule, counted) for rule in rules.RULES],
        days=DAYS,
        priorities=PRIORITIES,
    )


def _view(rule: Rule, counted: Sequence[queries.RuleCount]) -> RuleView:
    mine = [count for count in counted if count.rule == rule.code]

    def number(status: str) -> int:
        return sum(count.number for count in mine if count.status == status)

    days = "、".join(str(step) for step in rule.steps)
    return RuleView(
        rule,
        _WHEN[rule.code].format(days),
        number(QUEUED),
        number(HELD),
        number(DROPPED),
        [(count.reason or "", count.number) for count in mine if count.status == DROPPED],
    )
