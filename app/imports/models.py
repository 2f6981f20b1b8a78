"""Files of sales that staff bring: the file itself for a while, how far it is, what was wrong."""

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Json, Table, UtcDateTime, table_of

# A new file waits for its columns, is rehearsed, waits for a person, is recorded.
COLUMNS, CHECKING, CHECKED, RUNNING, DONE, CANCELLED = (
    "columns",
    "checking",
    "checked",
    "running",
    "done",
    "cancelled",
)
AT_WORK: Final = (CHECKING, RUNNING)


class Import(Table):
    """One file. The counters are of the rehearsal while it is checked, then of the real thing."""

    __tablename__ = "imports"
    __table_args__ = (
        sa.CheckConstraint(
            "status IN ('columns', 'checking', 'checked', 'running', 'done', 'cancelled')",
            name="status",
        ),
        sa.Index(
            "ix_imports_at_work",
            "id",
            sqlite_where=sa.text("status IN ('checking', 'running')"),
            postgresql_where=sa.text("status IN ('checking', 'running')"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    content: Mapped[bytes | None] = mapped_column(sa.LargeBinary)  # it names members: not for long
    mapping: Mapped[Any] = mapped_column(Json)  # field → place of its column
    store_id: Mapped[int | None] = mapped_column(sa.ForeignKey("stores.id"))  # of rows without one
    keeps_strangers: Mapped[bool] = mapped_column(sa.Boolean)
    tells: Mapped[bool] = mapped_column(sa.Boolean)  # members get receipts
    status: Mapped[str] = mapped_column(sa.String(10))
    sales: Mapped[int] = mapped_column(sa.Integer)  # in the file, sound or not
    done: Mapped[int] = mapped_column(sa.Integer)
    created: Mapped[int] = mapped_column(sa.Integer)
    repeated: Mapped[int] = mapped_column(sa.Integer)  # were recorded before
    refused: Mapped[int] = mapped_column(sa.Integer)
    strangers: Mapped[int] = mapped_column(sa.Integer)  # of the created: without a member
    refunds: Mapped[int] = mapped_column(sa.Integer, server_default="0")  # of the created
    amount: Mapped[int] = mapped_column(sa.BigInteger)  # NT$ of the created, less refunds
    points: Mapped[int] = mapped_column(sa.BigInteger)
    first_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    made_by: Mapped[int | None] = mapped_column(sa.ForeignKey("staff.id"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ImportFault(Table):
    """Why a sale of a file was refused. The line only: what it says stands in the file."""

    __tablename__ = "import_faults"
    __table_args__ = (sa.Index("ix_import_faults_import_id", "import_id", "line"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    import_id: Mapped[int] = mapped_column(sa.ForeignKey("imports.id"))
    line: Mapped[int] = mapped_column(sa.Integer)  # of the file, its heading is 1
    field: Mapped[str] = mapped_column(sa.String(20))
    reason: Mapped[str] = mapped_column(sa.String(200))


IMPORTS = table_of(Import)
FAULTS = table_of(ImportFault)
