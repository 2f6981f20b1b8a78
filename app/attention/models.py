"""On which days members got marketing."""

from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Table, table_of


class MarketingDay(Table):
    """A member got marketing on this Taipei day. The key makes "one a day" hold under races."""

    __tablename__ = "marketing_days"

    member_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("members.id"), primary_key=True, autoincrement=False
    )
    day: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    what: Mapped[str] = mapped_column(sa.String(120))  # the message's dedup key


MARKETING_DAYS = table_of(MarketingDay)
