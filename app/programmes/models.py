"""The loyalty programme as versioned data: a published version is never changed."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Json, Table, UtcDateTime


class Programme(Table):
    """One published version of the terms. In force from `starts_at` until the next one starts."""

    __tablename__ = "programmes"
    __table_args__ = (sa.Index("ix_programmes_starts_at", "starts_at", "id"),)

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=True)  # the version
    # The version published before this one, 0 for the first. Unique: of two changes of one version
    # made at the same moment one is refused, instead of the later silently undoing the earlier.
    follows: Mapped[int] = mapped_column(sa.Integer, unique=True)
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    terms: Mapped[Any] = mapped_column(Json)
    digest: Mapped[str] = mapped_column(sa.String(64))  # of the terms; caches go by it
    note: Mapped[str] = mapped_column(sa.String(500), default="")
    actor: Mapped[str] = mapped_column(sa.String(80))  # "staff:3", "cli", "seed"
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
