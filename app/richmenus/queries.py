"""Menus with what of them stands on LINE; what is to be done there; who has which."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.richmenus.models import (
    FAILED,
    LIVE,
    MAKING,
    MENUS,
    PAGES,
    PICTURES,
    RETIRED,
    VERSIONS,
    WEARERS,
)
from app.richmenus.rules import design
from app.richmenus.rules.audiences import MEMBER, SEGMENT, TIER, Special
from app.richmenus.rules.design import Design

# How long an old version stays on LINE: until its people surely have the new one.
KEPT: Final = timedelta(minutes=10)
# In place, and still LINE did not give it to people: noted until it is published anew, or the hour
# is over and it is tried again.
IS_REFUSED: Final = sa.and_(
    VERSIONS.c.status == LIVE,
    VERSIONS.c.is_placed.is_(True),
    VERSIONS.c.is_moved.is_(True),
    VERSIONS.c.reason.is_not(None),
)
Audience = tuple[int, sa.Select[Any]]  # a menu's id, and a statement that gives members' ids


@dataclass(frozen=True, slots=True)
class VersionShown:
    """`made` pages stand complete on LINE."""

    id: int
    number: int
    status: str
    design: Design
    is_placed: bool
    is_moved: bool
    attempts: int
    reason: str | None
    created_at: datetime
    live_at: datetime | None
    made: int


@dataclass(frozen=True, slots=True)
class MenuShown:
    """`latest` is the newest version, whatever came of it; `wearers` have the menu by its
    audience (0 for the guests' and the members' own)."""

    id: int
    code: str
    name: str
    audience: str
    tier_code: str | None
    segment_id: int | None
    priority: int
    starts_on: date | None
    ends_on: date | None
    draft: Design
    changed_at: datetime
    live: VersionShown | None
    latest: VersionShown | None
    wearers: int

    @property
    def is_own(self) -> bool:
        """One of the two that everybody falls back to."""
        return self.audience not in (TIER, SEGMENT)

    @property
    def is_at_work(self) -> bool:
        """Something is still being put in place on LINE."""
        newest = self.latest
        return newest is not None and (
            newest.status == MAKING
            or (newest.status == LIVE and not (newest.is_placed and newest.is_moved))
        )

    @property
    def refused(self) -> str | None:
        """Why LINE does not give it to people although it is in place."""
        live = self.live
        return live.reason if live is not None and live.is_placed and live.is_moved else None

    @property
    def differs(self) -> bool:
        """The draft is not what people see."""
        return self.live is None or self.live.design != self.draft


_MADE = (
    sa.select(sa.func.count())
    .where(PAGES.c.version_id == VERSIONS.c.id, PAGES.c.has_picture.is_(True))
    .scalar_subquery()
)
_VERSION = sa.select(
    VERSIONS.c.id,
    VERSIONS.c.number,
    VERSIONS.c.status,
    VERSIONS.c.design,
    VERSIONS.c.is_placed,
    VERSIONS.c.is_moved,
    VERSIONS.c.attempts,
    VERSIONS.c.reason,
    VERSIONS.c.created_at,
    VERSIONS.c.live_at,
    _MADE,
)


def _version(row: Sequence[Any]) -> VersionShown:
    id_, number, status, drawn, *more = row
    return VersionShown(id_, number, status, design.from_document(drawn), *more)


def versions(session: Session, menu_id: int, *, limit: int = 20) -> list[VersionShown]:
    """The newest first."""
    rows = session.execute(
        _VERSION.where(VERSIONS.c.menu_id == menu_id, VERSIONS.c.number > 0)
        .order_by(VERSIONS.c.number.desc())
        .limit(limit)
    )
    return [_version(tuple(row)) for row in rows]


def version(session: Session, version_id: int) -> VersionShown:
    """Raises NotFound."""
    row = session.execute(_VERSION.where(VERSIONS.c.id == version_id)).one_or_none()
    if row is None:
        raise NotFound("rich menu version", version_id)
    return _version(tuple(row))


def menus(session: Session) -> list[MenuShown]:
    """Those in use: guests', members', then the special ones in the order in which they win. Three
    statements, however many there are."""
    rows = session.execute(sa.select(MENUS).where(MENUS.c.is_active.is_(True))).all()
    return _shown(session, rows)


def menu(session: Session, menu_id: int) -> MenuShown:
    """Raises NotFound, also for a removed one."""
    rows = session.execute(
        sa.select(MENUS).where(MENUS.c.id == menu_id, MENUS.c.is_active.is_(True))
    ).all()
    if not rows:
        raise NotFound("rich menu", menu_id)
    return _shown(session, rows)[0]


def _shown(session: Session, rows: Sequence[Any]) -> list[MenuShown]:
    ids = [row.id for row in rows]
    newest = (
        sa.select(sa.func.max(VERSIONS.c.id))
        .where(VERSIONS.c.menu_id.in_(ids), VERSIONS.c.number > 0)
        .group_by(VERSIONS.c.menu_id)
    )
    wanted = sa.or_(VERSIONS.c.status == LIVE, VERSIONS.c.id.in_(newest))
    found = session.execute(
        _VERSION.add_columns(VERSIONS.c.menu_id).where(VERSIONS.c.menu_id.in_(ids), wanted)
    ).all()
    shown = [(row.menu_id, _version(tuple(row)[:-1])) for row in found]
    live = {menu_id: one for menu_id, one in shown if one.status == LIVE}
    latest = dict(sorted(shown, key=lambda pair: pair[1].number))
    counted = session.execute(
        sa.select(WEARERS.c.menu_id, sa.func.count())
        .where(WEARERS.c.menu_id.in_(ids))
        .group_by(WEARERS.c.menu_id)
    )
    wearers = {menu_id: int(number) for menu_id, number in counted}
    menus = [
        MenuShown(
            id=row.id,
            code=row.code,
            name=row.name,
            audience=row.audience,
            tier_code=row.tier_code,
            segment_id=row.segment_id,
            priority=row.priority,
            starts_on=row.starts_on,
            ends_on=row.ends_on,
            draft=design.from_document(row.draft),
            changed_at=row.changed_at,
            live=live.get(row.id),
            latest=latest.get(row.id),
            wearers=wearers.get(row.id, 0),
        )
        for row in rows
    ]
    order = {design.GUEST: 0, design.MEMBER: 1}
    return sorted(menus, key=lambda one: (order.get(one.audience, 2), -one.priority, -one.id))


@dataclass(frozen=True, slots=True)
class Picture:
    kind: str
    content: bytes


def picture(session: Session, digest: str) -> Picture | None:
    row = session.execute(
        sa.select(PICTURES.c.kind, PICTURES.c.content).where(PICTURES.c.digest == digest)
    ).one_or_none()
    return None if row is None else Picture(*row)


# Work for the publisher ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Placed:
    """A page on LINE."""

    line_id: str
    has_picture: bool


def pages_of(session: Session, version_id: int) -> dict[int, Placed]:
    """By number."""
    rows = session.execute(
        sa.select(PAGES.c.number, PAGES.c.line_id, PAGES.c.has_picture).where(
            PAGES.c.version_id == version_id
        )
    )
    return {number: Placed(line_id, has_picture) for number, line_id, has_picture in rows}


def known_ids(session: Session, menu_id: int) -> set[str]:
    """LINE's ids of every page of the menu that we know of."""
    return set(
        session.scalars(
            sa.select(PAGES.c.line_id)
            .join(VERSIONS, VERSIONS.c.id == PAGES.c.version_id)
            .where(VERSIONS.c.menu_id == menu_id)
        )
    )


def moves(session: Session, menu_id: int) -> list[tuple[str, str]]:
    """LINE's ids of pages people may still have, and of those they are to get: the page of the same
    number, else the first."""
    rows = session.execute(
        sa.select(VERSIONS.c.status, PAGES.c.number, PAGES.c.line_id)
        .join(PAGES, PAGES.c.version_id == VERSIONS.c.id)
        .where(VERSIONS.c.menu_id == menu_id, VERSIONS.c.status.in_((LIVE, RETIRED)))
        .order_by(VERSIONS.c.number, PAGES.c.number)
    ).all()
    new = {number: line_id for status, number, line_id in rows if status == LIVE}
    return [
        (line_id, new.get(number, new[1])) for status, number, line_id in rows if status == RETIRED
    ]


@dataclass(frozen=True, slots=True)
class Leftover:
    """A page on LINE that nobody needs. `is_last`: nothing of the menu has that number any more, so
    its alias goes with it."""

    version_id: int
    number: int
    line_id: str
    code: str
    is_last: bool


def leftovers(session: Session, *, now: datetime, limit: int = 20) -> list[Leftover]:
    """What was replaced long enough ago, and of menus that are neither being published nor worn."""
    other = VERSIONS.alias("other")
    unsettled = sa.exists().where(
        other.c.menu_id == MENUS.c.id,
        sa.or_(
            other.c.status == MAKING,
            sa.and_(other.c.status == LIVE, sa.or_(~other.c.is_placed, ~other.c.is_moved)),
        ),
    )
    worn = sa.exists().where(MENUS.c.is_active.is_(False), WEARERS.c.menu_id == MENUS.c.id)
    alive, page = VERSIONS.alias("alive"), PAGES.alias("page")
    goes_on = (
        sa.exists()
        .where(
            alive.c.menu_id == MENUS.c.id,
            alive.c.status == LIVE,
            page.c.version_id == alive.c.id,
            page.c.number == PAGES.c.number,
        )
        .correlate(MENUS, PAGES)
    )
    rows = session.execute(
        sa.select(
            PAGES.c.version_id, PAGES.c.number, PAGES.c.line_id, MENUS.c.code, sa.not_(goes_on)
        )
        .join(VERSIONS, VERSIONS.c.id == PAGES.c.version_id)
        .join(MENUS, MENUS.c.id == VERSIONS.c.menu_id)
        .where(
            VERSIONS.c.status.in_((RETIRED, FAILED)),
            VERSIONS.c.retired_at <= now - KEPT,
            ~unsettled,
            ~worn,
        )
        .order_by(PAGES.c.version_id, PAGES.c.number)
        .limit(limit)
    )
    return [
        Leftover(version_id, number, line_id, code, bool(is_last))
        for version_id, number, line_id, code, is_last in rows
    ]


# Who has which ------------------------------------------------------------------------------------


def has_work(session: Session, *, now: datetime) -> bool:
    """One look that is enough nearly always."""
    return bool(
        session.scalar(
            sa.select(
                sa.or_(
                    sa.exists().where(VERSIONS.c.due_at <= now),
                    sa.exists().where(MENUS.c.is_unsettled.is_(True)),
                    _waiting(sa.select(WEARERS.c.member_id)).exists(),
                )
            )
        )
    )


def unsettled(session: Session) -> list[tuple[int, datetime]]:
    """Menus whose audience must be looked up, each with its last change."""
    rows = session.execute(
        sa.select(MENUS.c.id, MENUS.c.changed_at).where(MENUS.c.is_unsettled.is_(True))
    )
    return [(menu_id, changed_at) for menu_id, changed_at in rows]


@dataclass(frozen=True, slots=True)
class SpecialMenu:
    special: Special
    tier_code: str | None
    segment_id: int | None


def specials(session: Session) -> list[SpecialMenu]:
    """Published menus for a tier or a segment, in season or not."""
    rows = session.execute(
        sa.select(
            MENUS.c.id,
            MENUS.c.priority,
            MENUS.c.starts_on,
            MENUS.c.ends_on,
            MENUS.c.tier_code,
            MENUS.c.segment_id,
        )
        .join(VERSIONS, sa.and_(VERSIONS.c.menu_id == MENUS.c.id, VERSIONS.c.status == LIVE))
        .where(
            MENUS.c.is_active.is_(True),
            MENUS.c.audience.in_((TIER, SEGMENT)),
            VERSIONS.c.is_placed.is_(True),
        )
    )
    return [SpecialMenu(Special(*row[:4]), row.tier_code, row.segment_id) for row in rows]


def has_wearers(session: Session) -> bool:
    return bool(session.scalar(sa.select(sa.exists().where(WEARERS.c.member_id.is_not(None)))))


def differences(
    session: Session,
    members: sa.Select[Any],
    audiences: Sequence[Audience],
    *,
    only: Sequence[int] | None = None,
) -> list[tuple[int, int | None]]:
    """Members who are to have another menu than we know them to have, and which: one statement.
    `members` gives the ids of members with a LINE account, `audiences` the winners first."""
    if only is not None:
        members = _among(members, only)
        audiences = [(menu_id, _among(meant, only)) for menu_id, meant in audiences]
    person = members.subquery()
    cases = [(person.c.id.in_(meant), menu_id) for menu_id, meant in audiences]
    wanted: sa.ColumnElement[Any] = sa.case(*cases, else_=sa.null()) if cases else sa.null()
    differs = (
        WEARERS.c.menu_id.is_distinct_from(wanted) if cases else WEARERS.c.menu_id.is_not(None)
    )
    found = (
        sa.select(person.c.id, sa.type_coerce(wanted, sa.BigInteger))
        .join_from(person, WEARERS, WEARERS.c.member_id == person.c.id, isouter=True)
        .where(differs)
    )
    return [(member_id, menu_id) for member_id, menu_id in session.execute(found)]


def _among(members: sa.Select[Any], only: Sequence[int]) -> sa.Select[Any]:
    return members.where(members.selected_columns[0].in_(only))


def worn(session: Session, member_id: int) -> str | None:
    """The alias of the menu a member has instead of the members' own."""
    return session.scalar(
        sa.select(MENUS.c.code)
        .join(WEARERS, WEARERS.c.menu_id == MENUS.c.id)
        .where(WEARERS.c.member_id == member_id, MENUS.c.is_active.is_(True))
    )


@dataclass(frozen=True, slots=True)
class Due:
    """Members to be told to LINE in one call. `menu_id` None: back to the members' own;
    `line_id` None: that one is not published."""

    menu_id: int | None
    version_id: int | None
    line_id: str | None
    member_ids: Sequence[int]


def _waiting(found: sa.Select[Any]) -> sa.Select[Any]:
    """Members LINE can be told of: what they are to have is published and was not refused."""
    own = sa.select(MENUS.c.id).where(MENUS.c.code == MEMBER).scalar_subquery()
    told = WEARERS.outerjoin(
        VERSIONS,
        sa.and_(
            VERSIONS.c.menu_id == sa.func.coalesce(WEARERS.c.menu_id, own),
            VERSIONS.c.status == LIVE,
        ),
    )
    return found.select_from(told).where(
        WEARERS.c.is_due.is_(True),
        sa.or_(WEARERS.c.menu_id.is_(None), VERSIONS.c.id.is_not(None)),
        sa.or_(VERSIONS.c.id.is_(None), ~IS_REFUSED),
    )


def due(session: Session, *, limit: int, but: Collection[int | None] = ()) -> Due | None:
    """Members of one menu, or those who lose theirs; never of the menus in `but`, nor of those LINE
    refused to give. None: nobody waits."""
    waiting = (
        _waiting(sa.select(WEARERS.c.menu_id, WEARERS.c.member_id))
        .where(
            WEARERS.c.menu_id.is_(None) | WEARERS.c.menu_id.not_in([each for each in but if each]),
            WEARERS.c.menu_id.is_not(None) if None in but else sa.true(),
        )
        .order_by(WEARERS.c.menu_id, WEARERS.c.member_id)
        .limit(limit)
    )
    rows = session.execute(waiting).all()
    if not rows:
        return None
    menu_id = rows[0].menu_id
    meant = MENUS.c.code == MEMBER if menu_id is None else MENUS.c.id == menu_id
    found = session.execute(
        sa.select(VERSIONS.c.id, PAGES.c.line_id)
        .join(MENUS, MENUS.c.id == VERSIONS.c.menu_id)
        .join(PAGES, sa.and_(PAGES.c.version_id == VERSIONS.c.id, PAGES.c.number == 1))
        .where(meant, VERSIONS.c.status == LIVE)
    ).one_or_none()
    version_id, line_id = (None, None) if found is None else found
    return Due(
        menu_id,
        version_id,
        line_id,
        [row.member_id for row in rows if row.menu_id == menu_id],
    )
