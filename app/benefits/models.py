"""What members chose of the benefits of their tiers."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Table, UtcDateTime, table_of

GIVEN, TAKEN_BACK, KEPT = "given", "taken_back", "kept"


class BenefitClaim(Table):
    """One choice of one period. Names and numbers are those of the terms it was made under. With a
    revoked tier what is unused goes back (`taken_back`, and may be chosen anew); what was used is
    `kept`."""

    __tablename__ = "benefit_claims"
    __table_args__ = (
        sa.UniqueConstraint("member_id", "choice", "period"),
        sa.CheckConstraint("status IN ('given', 'taken_back', 'kept')", name="status"),
        sa.CheckConstraint("points >= 0", name="points"),
        sa.Index("ix_benefit_claims_choice", "choice", "period"),
        sa.Index("ix_benefit_claims_tier_period_id", "tier_period_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    member_id: Mapped[int] = mapped_column(sa.ForeignKey("members.id"))
    choice: Mapped[str] = mapped_column(sa.String(40))  # codes within the terms
    period: Mapped[str] = mapped_column(sa.String(30))  # 2026-11, 2026-Q4, 2026, term:17
    option: Mapped[str] = mapped_column(sa.String(40))
    choice_name: Mapped[str] = mapped_column(sa.String(60))
    option_name: Mapped[str] = mapped_column(sa.String(60))
    tier_code: Mapped[str] = mapped_column(sa.String(20))
    tier_period_id: Mapped[int] = mapped_column(sa.ForeignKey("tier_periods.id"))
    programme_version: Mapped[int] = mapped_column(sa.ForeignKey("programmes.id"))
    status: Mapped[str] = mapped_column(sa.String(10), default=GIVEN)
    points: Mapped[int] = mapped_column(sa.Integer)
    coupon_id: Mapped[int | None] = mapped_column(sa.ForeignKey("coupons.id"), unique=True)
    turn: Mapped[int] = mapped_column(sa.Integer, default=1)  # how often, after takings back
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


CLAIMS = table_of(BenefitClaim)
