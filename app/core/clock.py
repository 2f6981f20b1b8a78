"""The only reader of the wall clock; everything else is given `now`.

`REGULARS_CLOCK` moves time for tests and rehearsals:
- an ISO instant (`2026-02-28T23:59:00+08:00`): the clock starts there and runs at normal speed;
- `file:PATH`: the instant written in PATH, read at every call, so that one test moves time for
  several processes at once.
"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

TAIPEI = ZoneInfo("Asia/Taipei")

Clock = Callable[[], datetime]


def system() -> datetime:
    return datetime.now(UTC)


def clock_from(setting: str | None) -> Clock:
    """Raises ValueError when the setting is neither empty, an aware ISO instant nor a file."""
    if not setting:
        return system
    if setting.startswith("file:"):
        path = Path(setting.removeprefix("file:"))
        return lambda: _instant(path.read_text().strip())
    start, began = _instant(setting), time.monotonic()
    return lambda: start + timedelta(seconds=time.monotonic() - began)


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"an instant needs its offset, such as +08:00: {text!r}")
    return instant.astimezone(UTC)


def taipei_date(instant: datetime) -> date:
    return instant.astimezone(TAIPEI).date()


def taipei_midnight(day: date) -> datetime:
    """00:00 of that day in Taipei, as a UTC instant."""
    return datetime(day.year, day.month, day.day, tzinfo=TAIPEI).astimezone(UTC)
