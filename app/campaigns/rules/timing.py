"""When whom a broadcast reaches: all at once, spread over some hours, or each in their own best
hour."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from app.attention import rules as attention
from app.core.clock import TAIPEI

AT_ONCE, STAGGERED, BEST_HOUR = "at_once", "staggered", "best_hour"
PACES: Final[Mapping[str, str]] = {
    AT_ONCE: "一次寄完",
    STAGGERED: "分批慢慢寄",
    BEST_HOUR: "每個人自己最常出現的時段",
}
HOURS: Final = range(2, 13)  # that a broadcast may be spread over; a day has twelve
SLOT: Final = timedelta(minutes=5)  # of a spread one
LOOKED_BACK: Final = timedelta(days=90)
WAKING: Final = 6  # o'clock, from which on what somebody did says when they are about
USUAL: Final = 12  # the hour when nobody has done anything yet
# The hours in which somebody may be written to; 20 lasts until the quiet hours.
OPEN: Final = range(attention.QUIET_TO.hour, attention.QUIET_FROM.hour)


def staggered(member_id: int, *, start: datetime, hours: int) -> datetime:
    """One of the slots of `hours` from the start on, always the same for a member and a start;
    what would fall into the night goes on in the morning."""
    slots = hours * 60 // (SLOT.seconds // 60)
    named = hashlib.sha256(f"{start.isoformat()}:{member_id}".encode()).digest()
    return _awake(start, SLOT * (int.from_bytes(named[:4], "big") % slots))


def _awake(start: datetime, later: timedelta) -> datetime:
    """`later` of waking hours after the start."""
    at = attention.quiet_until(start) if attention.is_quiet(start) else start
    while True:
        night = at.astimezone(TAIPEI).replace(
            hour=attention.QUIET_FROM.hour, minute=0, second=0, microsecond=0
        )
        if at + later < night:
            return at + later
        later -= night - at
        at = attention.quiet_until(night)


def nearest_open(hour: int) -> int:
    """The hour of the day (0-23, Taipei) in which somebody who is awake at `hour` may be written
    to: itself, or for the night the last before or the first after it."""
    if hour in OPEN:
        return hour
    return OPEN[-1] if hour >= OPEN.stop else OPEN[0]


def next_at(hour: int, *, start: datetime) -> datetime:
    """The first moment from the start on that lies in this hour of the day; within 24 hours. The
    hour must be open."""
    local = start.astimezone(TAIPEI)
    if local.hour == hour:
        return start
    at = local.replace(hour=hour, minute=0, second=0, microsecond=0)
    return (at if at > local else at + attention.DAY).astimezone(start.tzinfo)


def latest(pace: str, hours: int, start: datetime) -> datetime:
    """When the last ones' turn comes."""
    if pace == STAGGERED:
        return _awake(start, timedelta(hours=hours))
    return start + attention.DAY if pace == BEST_HOUR else start
