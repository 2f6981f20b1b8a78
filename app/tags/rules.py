"""What a tag may be called, and how long it lasts."""

from datetime import datetime, timedelta
from typing import Final, Literal

from app.core.clock import taipei_date, taipei_midnight
from app.core.errors import Invalid

Source = Literal["staff", "segment", "list", "letter", "journey"]
LONGEST: Final = 20  # letters
MOST_DAYS: Final = 3_650
_DAY = timedelta(days=1)


def named(text: str) -> str:
    """The name with its spaces in order. Raises Invalid."""
    name = " ".join(text.split())
    if not 1 <= len(name) <= LONGEST:
        raise Invalid("name", f"標籤須為 1–{LONGEST} 個字")
    if any(ord(sign) < 32 for sign in name):
        raise Invalid("name", "標籤裡有看不見的字")
    return name


def until(days: int | None, *, now: datetime) -> datetime | None:
    """The end of the last of so many days, today being the first; None: for ever. Raises
    Invalid."""
    if days is None:
        return None
    if not 1 <= days <= MOST_DAYS:
        raise Invalid("days", f"天數須為 1–{MOST_DAYS}")
    return taipei_midnight(taipei_date(now)) + days * _DAY
