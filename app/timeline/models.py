"""Facts about members, written in the transaction that made them true, never changed."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Json, Table, UtcDateTime


class Fact(Table):
    __tablename__ = "timeline"
    __table_args__ = (
        sa.Index("ix_timeline_member_id", "member_id", "at", "id"),
        sa.Index("ix_timeline_kind_at", "kind", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    member_id: Mapped[int] = mapped_column(sa.BigInteger)
    kind: Mapped[str] = mapped_column(sa.String(40))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    facts: Mapped[Any] = mapped_column(Json)
