"""Make the list of who gets a broadcast: once, as of one instant.

Members are read in one snapshot and written down in portions, so that nobody waits for a million
rows. Who does it holds a lease: another process that begins anew takes the lease over, and the
first one's next portion finds it gone. Nothing is sent before the list is complete, so beginning
anew may throw the first rows away."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.attention import queries as topics
from app.attention import rules as attention
from app.campaigns import messages, queries, rules
from app.campaigns.models import BROADCASTS, RECIPIENTS
from app.campaigns.rules import letters, timing
from app.campaigns.rules.letters import Letter
from app.campaigns.rules.shares import Share
from app.core import ids
from app.core.db import changed, table_of
from app.core.prepared import Prepared, among
from app.members.models import Member
from app.segments import queries as segments
from app.segments import rules as segment_rules
from app.segments.rules import Group

AT_ONCE: Final = 5_000  # members a transaction
_MEMBERS = table_of(Member)


@dataclass(frozen=True, slots=True)
class Freezing:
    """A broadcast whose list this process makes, as of `at`."""

    id: int
    lease: str
    tree: Group | None
    unpressed_of: int | None
    at: datetime
    letter: Letter
    pace: str
    hours: int
    share: Share | None = None


_AT_ONCE: Final[Mapping[int, datetime]] = MappingProxyType({})
_READ: Final = ("id", "tree", "unpressed_of", "share", "lease", "letter", "pace", "hours")


def begin(session: Session, *, now: datetime) -> Freezing | None:
    """Take the next broadcast whose time has come, or whose list was left half made."""
    row = session.execute(
        sa.select(*(BROADCASTS.c[name] for name in _READ))
        .where(
            sa.or_(
                sa.and_(BROADCASTS.c.status == rules.DUE, BROADCASTS.c.send_at <= now),
                BROADCASTS.c.status == rules.FREEZING,
            )
        )
        .order_by(BROADCASTS.c.id)
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    taken = (
        sa.update(BROADCASTS)
        .where(
            BROADCASTS.c.id == row.id,
            BROADCASTS.c.status.in_((rules.DUE, rules.FREEZING)),
            BROADCASTS.c.lease.is_not_distinct_from(row.lease),
        )
        .values(
            status=rules.FREEZING,
            lease=(lease := ids.random_code()),
            started_at=now,
            members=0,
            frozen=0,
        )
    )
    if not changed(session, taken):
        return None  # another process was faster, or a person stopped it
    session.execute(sa.delete(RECIPIENTS).where(RECIPIENTS.c.broadcast_id == row.id))
    tree = None if row.tree is None else segment_rules.from_document(row.tree)
    letter = letters.letter_of(row.letter)
    share = None if row.share is None else Share(**row.share)
    return Freezing(row.id, lease, tree, row.unpressed_of, now, letter, row.pace, row.hours, share)


def meant(session: Session, work: Freezing) -> tuple[int, list[int]]:
    """How many members are meant, and the ids of those who can be reached, of one snapshot."""
    members = queries.meant(work.tree, work.unpressed_of, now=work.at)
    reachable = members.where(segments.reachable()).order_by(_MEMBERS.c.id)
    if work.share is None:
        return segments.size_of(session, members).members, segments.ids(session, reachable)
    holds = work.share.holds
    found = [one for one in segments.ids(session, reachable) if holds(one)]
    return sum(map(holds, segments.ids(session, members))), found


def turns(session: Session, work: Freezing, member_ids: Sequence[int]) -> Mapping[int, datetime]:
    """By member, when their turn comes; who is missing has it at once."""
    if work.pace == timing.STAGGERED:
        return {id_: timing.staggered(id_, start=work.at, hours=work.hours) for id_ in member_ids}
    if work.pace == timing.BEST_HOUR:
        hours, usual = queries.best_hours(session, now=work.at)
        moments = {
            hour: timing.next_at(timing.nearest_open(hour), start=work.at) for hour in range(24)
        }
        return {id_: moments[hours.get(id_, usual)] for id_ in member_ids}
    return _AT_ONCE


_WRITE = Prepared(
    sa.insert(RECIPIENTS).from_select(
        ["broadcast_id", "member_id", "status", "due_at", "reason"],
        sa.select(
            sa.bindparam("broadcast", type_=sa.BigInteger),
            _MEMBERS.c.id,
            sa.bindparam("status", type_=sa.String),
            sa.bindparam("at", type_=RECIPIENTS.c.due_at.type),
            sa.bindparam("reason", type_=RECIPIENTS.c.reason.type),
        ).where(among(_MEMBERS.c.id, "members")),
    )
)


def write(
    session: Session,
    work: Freezing,
    member_ids: Sequence[int],
    when: Mapping[int, datetime] = _AT_ONCE,
) -> bool:
    """Put a portion on the list; the hold-out stands on it as those who get nothing, and so do
    those of either arm who want to hear no more of the letter's topic. False when the work is not
    ours any more."""
    if not _still(session, work, frozen=BROADCASTS.c.frozen + len(member_ids)):
        return False
    topic = messages.topic_of(session, work.letter)
    why = None if topic is None else attention.declined(topic[1])
    declined = topics.declined(session, member_ids, work.letter.topic)
    share = work.share
    arms: dict[tuple[str, datetime, str | None], list[int]] = defaultdict(list)
    for member_id in member_ids:
        if member_id in declined:
            arms[rules.DECLINED, work.at, why].append(member_id)
        elif attention.is_held_out(member_id) or (share and share.is_control(member_id)):
            arms[rules.CONTROL, work.at, None].append(member_id)
        else:
            arms[rules.TO_DO, when.get(member_id, work.at), None].append(member_id)
    for (status, at, reason), arm in arms.items():
        values = {"broadcast": work.id, "status": status, "at": at, "reason": reason}
        _WRITE.changed(session, values | {"members": arm})
    return True


def close(session: Session, work: Freezing, *, members: int) -> bool:
    """The list is complete: it may go out."""
    return _still(session, work, status=rules.SENDING, members=members, lease=None)


def _still(session: Session, work: Freezing, **values: object) -> bool:
    mine = sa.update(BROADCASTS).where(
        BROADCASTS.c.id == work.id,
        BROADCASTS.c.status == rules.FREEZING,
        BROADCASTS.c.lease == work.lease,
    )
    return bool(changed(session, mine.values(**values)))
