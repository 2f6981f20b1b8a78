"""How far somebody has come in joining, so that it can be taken up again in page or chat."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Table, UtcDateTime


class JoinStep(Table):
    """One row a guest. Once done, only the outcome is left in it."""

    __tablename__ = "join_steps"

    member_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("members.id"), primary_key=True, autoincrement=False
    )
    step: Mapped[str] = mapped_column(sa.String(10))
    channel: Mapped[str] = mapped_column(sa.String(10))  # liff | chat: where the next answer comes
    version: Mapped[str] = mapped_column(sa.String(40))  # of the notice they were shown
    terms: Mapped[bool] = mapped_column(sa.Boolean)
    marketing: Mapped[bool] = mapped_column(sa.Boolean)
    sharing: Mapped[bool] = mapped_column(sa.Boolean)
    phone: Mapped[str | None] = mapped_column(sa.String(16))
    again_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when a next code may be sent
    # The passed check. Codes are forgotten on their own, so there is no foreign key.
    verification_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    birthday: Mapped[date | None] = mapped_column(sa.Date)
    source: Mapped[str | None] = mapped_column(sa.String(50))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    joined_id: Mapped[int | None] = mapped_column(sa.ForeignKey("members.id"))
