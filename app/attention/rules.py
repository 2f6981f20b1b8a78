"""How much a member is asked to bear, whoever sends: nothing at night, one marketing message a day
and three in seven days; which topics they want to hear of; and who gets none at all, so that its
effect can be measured."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from app.core.clock import TAIPEI

DAY = timedelta(days=1)
SEND_AT = time(10, 0)
QUIET_FROM, QUIET_TO = time(21, 0), time(9, 0)
PER_WEEK = 3
WEEK = 7  # days
HOLD_OUT_PERCENT = 5

NIGHT = "夜間不打擾（21:00–09:00）"
CAPPED = "已達一天一則、七天三則的上限"
DECLINED = "不想收到「{topic}」"
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


# Topics -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Topic:
    """Something that marketing is about. Who turns it off gets no more of it, and all the rest."""

    code: str
    name: str
    about: str
    is_active: bool = True


NEWS, OFFERS, EVENTS, REMINDERS = "news", "offers", "events", "member"
# Until a marketer changes them. What the program sends by itself is about the last one.
TOPICS: Final = (
    Topic(NEWS, "新品", "新商品與回歸的老味道"),
    Topic(OFFERS, "優惠", "折扣、優惠券與點數加倍"),
    Topic(EVENTS, "活動", "門市活動、課程與抽獎"),
    Topic(REMINDERS, "生日與會員提醒", "生日禮、入會與好久不見的提醒"),
)
KEPT: Final = frozenset({OFFERS, REMINDERS})  # what letters are about when nobody said anything
TOPIC_NAME, TOPIC_ABOUT, MOST_TOPICS = 10, 40, 8


def declined(topic: str) -> str:
    """Why somebody gets no such message, as marketers and members read it."""
    return DECLINED.format(topic=topic)
