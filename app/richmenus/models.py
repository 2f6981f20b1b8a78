"""Menus as they are drawn, what of them stands on LINE, and who has another than everybody's."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import BigId, Json, Table, UtcDateTime, table_of
from app.richmenus.rules.audiences import AUDIENCES

# of a version: being put on LINE; what people see; what they saw; not published after all
MAKING, LIVE, RETIRED, FAILED = "making", "live", "retired", "failed"
_AUDIENCES = ", ".join(f"'{audience}'" for audience in AUDIENCES)


class RichMenu(Table):
    """`code` is its alias on LINE. `draft` is what is drawn now, published or not."""

    __tablename__ = "richmenus"
    __table_args__ = (sa.CheckConstraint(f"audience IN ({_AUDIENCES})", name="audience"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    code: Mapped[str] = mapped_column(sa.String(24), unique=True)
    name: Mapped[str] = mapped_column(sa.String(40))
    audience: Mapped[str] = mapped_column(sa.String(10))
    tier_code: Mapped[str | None] = mapped_column(sa.String(20))
    segment_id: Mapped[int | None] = mapped_column(sa.ForeignKey("segments.id"))
    priority: Mapped[int] = mapped_column(sa.Integer)
    starts_on: Mapped[date | None] = mapped_column(sa.Date)
    ends_on: Mapped[date | None] = mapped_column(sa.Date)  # the last day
    draft: Mapped[Any] = mapped_column(Json)
    is_active: Mapped[bool] = mapped_column(sa.Boolean)  # False: removed
    is_unsettled: Mapped[bool] = mapped_column(sa.Boolean)  # who is to see it must be looked up
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RichMenuVersion(Table):
    """A published design, which never changes. `token` makes its names on LINE its own, also after
    a database was brought back from a copy."""

    __tablename__ = "richmenu_versions"
    __table_args__ = (
        sa.UniqueConstraint("menu_id", "number"),
        sa.CheckConstraint("status IN ('making', 'live', 'retired', 'failed')", name="status"),
        *(
            sa.Index(
                f"uq_richmenu_versions_{status}",
                "menu_id",
                unique=True,
                sqlite_where=sa.text(f"status = '{status}'"),
                postgresql_where=sa.text(f"status = '{status}'"),
            )
            for status in (MAKING, LIVE)
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    menu_id: Mapped[int] = mapped_column(sa.ForeignKey("richmenus.id"))
    number: Mapped[int] = mapped_column(sa.Integer)
    token: Mapped[str] = mapped_column(sa.String(12))
    design: Mapped[Any] = mapped_column(Json)
    status: Mapped[str] = mapped_column(sa.String(10))
    is_placed: Mapped[bool] = mapped_column(sa.Boolean)  # aliases and default lead to it
    is_moved: Mapped[bool] = mapped_column(sa.Boolean)  # people of the versions before have it
    lease: Mapped[str | None] = mapped_column(sa.String(40))
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # NULL: nothing left to do
    attempts: Mapped[int] = mapped_column(sa.Integer)  # that failed one after another
    reason: Mapped[str | None] = mapped_column(sa.String(300))
    made_by: Mapped[int | None] = mapped_column(sa.ForeignKey("staff.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    live_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # or failed


class RichMenuPage(Table):
    """A page of a version that stands on LINE; the row goes when LINE has deleted it."""

    __tablename__ = "richmenu_pages"

    version_id: Mapped[int] = mapped_column(sa.ForeignKey("richmenu_versions.id"), primary_key=True)
    number: Mapped[int] = mapped_column(sa.Integer, primary_key=True)  # from 1
    line_id: Mapped[str] = mapped_column(sa.String(64), unique=True)
    has_picture: Mapped[bool] = mapped_column(sa.Boolean)


class RichMenuPicture(Table):
    """An uploaded picture, by the SHA-256 of its bytes."""

    __tablename__ = "richmenu_pictures"

    digest: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(10))  # PNG | JPEG
    content: Mapped[bytes] = mapped_column(sa.LargeBinary)
    width: Mapped[int] = mapped_column(sa.Integer)
    height: Mapped[int] = mapped_column(sa.Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RichMenuWearer(Table):
    """A member who has another menu than the members' own, or (`menu_id` NULL) is to get that one
    back. `is_due`: LINE has not been told yet."""

    __tablename__ = "richmenu_wearers"
    __table_args__ = (
        sa.Index(
            "ix_richmenu_wearers_due",
            "menu_id",
            "member_id",
            sqlite_where=sa.text("is_due IS 1"),
            postgresql_where=sa.text("is_due IS true"),
        ),
        sa.Index("ix_richmenu_wearers_menu_id", "menu_id"),
    )

    member_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("members.id"), primary_key=True, autoincrement=False
    )
    menu_id: Mapped[int | None] = mapped_column(sa.ForeignKey("richmenus.id"))
    is_due: Mapped[bool] = mapped_column(sa.Boolean)


MENUS, VERSIONS, PAGES = table_of(RichMenu), table_of(RichMenuVersion), table_of(RichMenuPage)
PICTURES, WEARERS = table_of(RichMenuPicture), table_of(RichMenuWearer)
