"""Segments by name. A change counts for whoever looks next; what was sent keeps its own copy."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Json, Table, UtcDateTime, table_of


class Segment(Table):
    __tablename__ = "segments"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(sa.String(60), unique=True)
    version: Mapped[int] = mapped_column(sa.Integer)
    tree: Mapped[Any] = mapped_column(Json)
    is_active: Mapped[bool] = mapped_column(sa.Boolean)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


SEGMENTS = table_of(Segment)
