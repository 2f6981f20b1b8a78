"""How many coupons a person may give as goodwill, and for which spans that is counted."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from app.core.clock import taipei_date

GOODWILL_SOURCE: Final = "goodwill"  # of the coupons, and the beginning of their dedup keys


def goodwill_periods(now: datetime) -> Mapping[str, str]:
    """The Taipei day and month of an instant, as they are counted."""
    today = taipei_date(now)
    return {"day": today.isoformat(), "month": f"{today:%Y-%m}"}
