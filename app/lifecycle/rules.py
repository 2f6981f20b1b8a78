"""The life-cycle messages as data, and what decides whether one goes today.

Days are Taipei days. A step of a rule is a number of days: since something happened, or until
something ends."""

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum
from typing import Literal

from app.attention import rules as attention
from app.core.clock import taipei_date, taipei_midnight
from app.programmes.rules import add_months

DAY = timedelta(days=1)
LATE_DAYS = 2  # after an outage, occasions of so many days before are still found
LEAST_WORTH = 20  # NT$: fewer points are not worth a reminder
LEAST_HELD_DAYS = 2  # a coupon given shorter ago needs no reminder


class Priority(IntEnum):
    """Of several on one day the first goes; the others move or are dropped."""

    SERVICE = 0
    EXPIRY = 10
    BIRTHDAY = 20
    NEAR_UPGRADE = 30
    NUDGE = 40


@dataclass(frozen=True, slots=True)
class Rule:
    code: str
    name: str  # as marketers know it
    klass: str  # service | expiry | lifecycle
    priority: Priority
    steps: tuple[int, ...]
    fresh_days: int  # so many days after its day it may still be sent
    needs_consent: bool = True
    why: str = ""

    @property
    def is_marketing(self) -> bool:
        """Held out, and only to who agreed."""
        return self.klass == "lifecycle"

    @property
    def is_capped(self) -> bool:
        return self.klass != "service"


def _rule(code: str, name: str, *, steps: tuple[int, ...], why: str, fresh_days: int = 2) -> Rule:
    return Rule(code, name, "lifecycle", Priority.NUDGE, steps, fresh_days, why=why)


NOT_JOINED = _rule(
    "not_joined", "加好友未入會", steps=(1, 7), why="您加入了我們的好友，還沒有成為會員"
)
WELCOME_UNUSED = Rule(
    "welcome_unused", "入會禮未使用", "lifecycle", Priority.EXPIRY, (3,), 3,
    why="您的入會禮即將到期",
)  # fmt: skip
NO_PURCHASE = _rule("no_purchase", "入會未消費", steps=(7, 21), why="您加入會員後還沒有消費過")
FIRST_PURCHASE = _rule(
    "first_purchase", "首購感謝", steps=(1,), why="您完成了第一次消費", fresh_days=0
)
BIRTHDAY = Rule(
    "birthday", "生日月祝福與生日禮", "lifecycle", Priority.BIRTHDAY, (0,), 0,
    why="本月是您的生日月",
)  # fmt: skip
BIRTHDAY_REMINDER = Rule(
    "birthday_reminder", "生日禮即將到期", "lifecycle", Priority.EXPIRY, (7,), 7,
    why="您的生日禮還沒有使用",
)  # fmt: skip
TIER_EXPIRING = Rule(
    "tier_expiring", "等級即將到期", "expiry", Priority.EXPIRY, (60, 30, 7), 3,
    needs_consent=False, why="您的會員等級即將到期",
)  # fmt: skip
POINTS_EXPIRING = Rule(
    "points_expiring", "點數即將到期", "expiry", Priority.EXPIRY, (30, 7, 1), 3,
    needs_consent=False, why="您有點數即將到期",
)  # fmt: skip
COUPON_EXPIRING = Rule(
    "coupon_expiring", "優惠券即將到期", "lifecycle", Priority.EXPIRY, (3,), 3,
    why="您持有的優惠券即將到期",
)  # fmt: skip
TIER_CHANGED = Rule(
    "tier_changed", "等級續等或調整", "service", Priority.SERVICE, (0,), 7, needs_consent=False
)
DORMANT = _rule(
    "dormant", "久未消費", steps=(60, 90, 180), why="您有一段時間沒有來消費了", fresh_days=6
)
RULES: tuple[Rule, ...] = (
    TIER_CHANGED,
    POINTS_EXPIRING,
    TIER_EXPIRING,
    WELCOME_UNUSED,
    COUPON_EXPIRING,
    BIRTHDAY,
    BIRTHDAY_REMINDER,
    NOT_JOINED,
    NO_PURCHASE,
    FIRST_PURCHASE,
    DORMANT,
)
_BY_CODE = {rule.code: rule for rule in RULES}


def rule_of(code: str) -> Rule:
    return _BY_CODE[code]


@dataclass(frozen=True, slots=True)
class Trigger:
    """One rule on one step and day: what is looked for in one statement."""

    rule: Rule
    step: int
    day: date
    due_at: datetime
    stale_at: datetime

    def shifted(self, days: int) -> date:
        return self.day + days * DAY


def triggers_at(now: datetime) -> list[Trigger]:
    """Every trigger of today and of the days an outage may have swallowed, unless it is too late
    for it. Of a day nothing is looked for before it begins."""
    today = taipei_date(now)
    found = [
        _trigger(rule, step, today - late * DAY)
        for rule in RULES
        for step in rule.steps
        for late in reversed(range(_late_days(rule, today) + 1))
        if _is_day_of(rule, step, today - late * DAY)
    ]
    return [trigger for trigger in found if now < trigger.stale_at]


def _late_days(rule: Rule, today: date) -> int:
    """The birthday month is open from its first day on."""
    return today.day - 1 if rule is BIRTHDAY else LATE_DAYS


def _is_day_of(rule: Rule, step: int, day: date) -> bool:
    if rule is BIRTHDAY:
        return day.day == 1
    if rule is BIRTHDAY_REMINDER:
        return day == month_end(day) - step * DAY
    return True


def _trigger(rule: Rule, step: int, day: date) -> Trigger:
    return Trigger(rule, step, day, attention.send_time(day), _stale_at(rule, step, day))


def _stale_at(rule: Rule, step: int, day: date) -> datetime:
    """A birthday wish gives way to the reminder; what warns of an end is dead after it."""
    if rule is BIRTHDAY:
        return taipei_midnight(month_end(day) - BIRTHDAY_REMINDER.steps[0] * DAY)
    fresh = min(rule.fresh_days, step) if rule.priority is Priority.EXPIRY else rule.fresh_days
    return taipei_midnight(day + (fresh + 1) * DAY)


def month_end(day: date) -> date:
    """The last day of its month: 29 February in a leap year."""
    return add_months(day.replace(day=1), 1) - DAY


def least_points(value: float) -> int:
    """How many points, worth NT$ `value` each, are worth a reminder."""
    return max(1, math.ceil(LEAST_WORTH / value)) if value > 0 else LEAST_WORTH


def dormancy_stage(step: int) -> Literal[1, 2, 3]:
    """1 to 3: which of the letters of `DORMANT`."""
    stages: tuple[Literal[1, 2, 3], ...] = (1, 2, 3)
    return stages[DORMANT.steps.index(step)]
