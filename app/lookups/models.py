"""Who looked at whose personal data. Append-only, and no personal data of its own."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Table, UtcDateTime


class Lookup(Table):
    """`member_id` is NULL where a list was shown: then `people` says how many were on it, and
    `source` which list it was."""

    __tablename__ = "lookups"
    __table_args__ = (
        sa.Index("ix_lookups_staff_id", "staff_id", "id"),
        sa.Index("ix_lookups_member_id", "member_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    staff_id: Mapped[int] = mapped_column(sa.ForeignKey("staff.id"))
    what: Mapped[str] = mapped_column(sa.String(20))  # see rules.py
    member_id: Mapped[int | None] = mapped_column(sa.ForeignKey("members.id"))
    source: Mapped[str | None] = mapped_column(sa.String(40))  # broadcast:12, draw:3
    people: Mapped[int] = mapped_column(sa.Integer)
    is_full: Mapped[bool] = mapped_column(sa.Boolean)  # False: the middle of names was hidden
    store_id: Mapped[int | None] = mapped_column(sa.ForeignKey("stores.id"))
    device: Mapped[str] = mapped_column(sa.String(200))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
