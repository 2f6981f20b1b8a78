"""Rich menus: put on LINE what was published, and give each member the menu that is for them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.config import Settings
from app.core.db import Database, table_of
from app.line.gateway import SendError
from app.members import models as members
from app.members.models import Member
from app.richmenus import publishing, queries, service
from app.richmenus.publishing import Look, RichMenuGateway, Stopping
from app.richmenus.queries import Audience, SpecialMenu
from app.richmenus.rules import audiences
from app.segments import compiling
from app.segments import queries as segments
from app.tiers.models import PERIODS
from app.timeline.models import Fact

log = structlog.get_logger(__name__)

# What changes who somebody is; looked at again for some minutes, so that no fact whose transaction
# ended late is missed, and all members by the hour.
_TURNS: Final = (
    *("member.joined", "member.reopened", "member.merged", "member.parted"),
    *("tier.started", "tier.upgraded", "tier.renewed", "tier.downgraded", "tier.revoked"),
)
_LOOK_BACK: Final = timedelta(minutes=10)

_MEMBERS = table_of(Member)
# Also who blocked us: they get their menu when they come back.
EVERYBODY: Final = sa.select(_MEMBERS.c.id).where(
    _MEMBERS.c.status == members.MEMBER, _MEMBERS.c.line_user_id.is_not(None)
)


def advance(
    db: Database,
    line: RichMenuGateway,
    config: Settings,
    *,
    is_stopping: Stopping,
    now: datetime,
) -> int:
    """Publish, look up the audiences that changed, link; return how much there was to do."""
    look = Look(config.theme, config.liff_id)
    done = publishing.advance(db, line, look, is_stopping=is_stopping, now=now)
    with db.reading() as session:
        is_unsettled = bool(queries.unsettled(session))
    if is_unsettled:
        done += review(db, now=now)
    try:
        return done + publishing.tell(db, line, _accounts, is_stopping=is_stopping)
    except SendError as error:  # who was not told stays due
        log.warning("richmenu.not_told", failure=error.failure.value, reason=error.reason)
        return done


def has_work(db: Database, *, now: datetime) -> bool:
    with db.reading() as session:
        return queries.has_work(session, now=now)


def hourly(db: Database, *, now: datetime) -> int:
    """Look up every audience, and try again what LINE refused; return how many members are to have
    another menu."""
    with db.transaction() as session:
        service.try_refused(session)
    return review(db, now=now)


def review(db: Database, *, now: datetime) -> int:
    """Look up every audience; return how many members are to have another menu."""
    with db.reading() as session:
        if not _is_needed(session) and not queries.unsettled(session):
            return 0
    return publishing.look_up(db, EVERYBODY, lambda session: _meant(session, now))


def follow(db: Database, *, now: datetime) -> int:
    """Look up only who joined or changed their tier a moment ago."""
    with db.reading() as session:
        if not _is_needed(session):
            return 0
        turned = sa.select(Fact.member_id).where(
            Fact.kind.in_(_TURNS), Fact.at >= now - _LOOK_BACK, Fact.at <= now
        )
        ids = sorted(set(session.scalars(turned)))
    done = 0
    for start in range(0, len(ids), publishing.USERS_AT_ONCE):
        some = ids[start : start + publishing.USERS_AT_ONCE]
        done += publishing.look_up(db, EVERYBODY, lambda session: _meant(session, now), only=some)
    return done


def _is_needed(session: Session) -> bool:
    """Where everybody has the guests' or the members' menu there is nothing to look up."""
    return bool(queries.specials(session)) or queries.has_wearers(session)


def clear(db: Database, line: RichMenuGateway, *, now: datetime) -> int:
    """Delete from LINE what nobody sees; what it does not take now it is asked again later."""
    try:
        return publishing.clear(db, line, now=now)
    except SendError:
        return 0


def has_leftovers(db: Database, *, now: datetime) -> bool:
    with db.reading() as session:
        return bool(queries.leftovers(session, now=now, limit=1))


def _meant(session: Session, now: datetime) -> list[Audience]:
    """Menus in season, the winners first, each with the members it is for."""
    segments.make_room(session)
    published = {menu.special.menu_id: menu for menu in queries.specials(session)}
    order = audiences.in_order((menu.special for menu in published.values()), taipei_date(now))
    return [
        (special.menu_id, _members_of(session, published[special.menu_id], now))
        for special in order
    ]


def _members_of(session: Session, menu: SpecialMenu, now: datetime) -> sa.Select[Any]:
    if menu.segment_id is not None:
        group = segments.segment(session, menu.segment_id).tree
        return sa.select(_MEMBERS.c.id).where(compiling.where(group, now=now))
    return sa.select(PERIODS.c.member_id).where(
        PERIODS.c.tier_code == menu.tier_code, PERIODS.c.closed_at.is_(None)
    )


def _accounts(session: Session, member_ids: Sequence[int]) -> Mapping[int, str]:
    rows = session.execute(
        sa.select(_MEMBERS.c.id, _MEMBERS.c.line_user_id).where(
            _MEMBERS.c.id.in_(member_ids), _MEMBERS.c.line_user_id.is_not(None)
        )
    )
    return {row.id: row.line_user_id for row in rows}
