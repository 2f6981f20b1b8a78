"""How much a member is asked to bear, whoever sends: nothing at night, one marketing message a day
and three in seven days; and who gets none at all, so that its effect can be measured."""

import hashlib
from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta

from app.core.clock import TAIPEI

DAY = timedelta(days=1)
SEND_AT = time(10, 0)
QUIET_FROM, QUIET_TO = time(21, 0), time(9, 0)
PER_WEEK = 3
WEEK = 7  # days
HOLD_OUT_PERCENT = 5

NIGHT = "夜間不打擾（21:00–09:00）"
CAPPED = "已達一天一則、七天三則的上限"
HELD_OUT = f"對照組（{HOLD_OUT_PERCENT}% 會員）不發送行銷訊息"


def is_quiet(now: datetime) -> bool:
    at = now.astimezone(TAIPEI).time()
    return at >= QUIET_FROM or at < QUIET_TO


def quiet_until(now: datetime) -> datetime:
    """The 09:00 that ends the quiet hours in which `now` is."""
    local = now.astimezone(TAIPEI)
    day = local.date() + DAY if local.time() >= QUIET_FROM else local.date()
    return datetime.combine(day, QUIET_TO, tzinfo=TAIPEI).astimezone(UTC)


def is_held_out(member_id: int) -> bool:
    """One member in twenty gets no marketing, for ever, so that its effect can be
    measured."""
    bucket = hashlib.sha256(f"hold-out:{member_id}".encode()).digest()
    return int.from_bytes(bucket[:4], "big") % 100 < HOLD_OUT_PERCENT


def free_day(days: Collection[date], today: date) -> date | None:
    """The first day from today on that may hold one more message: none that day, fewer than three
    in the seven days that end with it. None when that is more than a week away."""
    for ahead in range(WEEK + 1):
        day = today + ahead * DAY
        inside = [held for held in days if day - WEEK * DAY < held <= day]
        if day not in days and len(inside) < PER_WEEK:
            return day
    return None


def send_time(day: date) -> datetime:
    return datetime.combine(day, SEND_AT, tzinfo=TAIPEI).astimezone(UTC)
