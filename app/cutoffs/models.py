"""From how much on a tier for the top few begins, frozen for a period."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Table, UtcDateTime, table_of


class TierCut(Table):
    """Counted once for each period and rule; never changed, so that a member's way up is exact."""

    __tablename__ = "tier_cuts"
    __table_args__ = (
        sa.UniqueConstraint("starts_on", "tier_code", "top_percent"),
        sa.CheckConstraint("amount >= 0", name="amount"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    starts_on: Mapped[date] = mapped_column(sa.Date)  # of the period
    tier_code: Mapped[str] = mapped_column(sa.String(20))
    top_percent: Mapped[int] = mapped_column(sa.Integer)
    ranked: Mapped[int] = mapped_column(sa.Integer)  # members who bought within the window
    amount: Mapped[int] = mapped_column(sa.Integer)  # NT$ of the last one among the top; 0: nobody
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


CUTS = table_of(TierCut)
