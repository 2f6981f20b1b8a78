"""Browsers that show members' pages: who LINE said is looking."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Table, UtcDateTime


class Visit(Table):
    """The cookie holds the token, the row only its digest. `proof` is the digest of the id token it
    was opened with, so that the same token need not be shown to LINE again."""

    __tablename__ = "visits"
    __table_args__ = (sa.Index("ix_visits_expires_at", "expires_at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    proof: Mapped[str] = mapped_column(sa.String(64))
    line_user_id: Mapped[str] = mapped_column(sa.String(33), index=True)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
