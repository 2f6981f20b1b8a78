"""Broadcasts as they stand; who is still to get one; what came of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.attention.models import TOPIC_STOPS
from app.campaigns import rules
from app.campaigns.models import BROADCASTS, PICTURES, RECIPIENTS
from app.campaigns.rules import Arm, letters, timing
from app.campaigns.rules.letters import Letter
from app.core.db import table_of
from app.core.errors import NotFound
from app.coupons.models import COUPONS, REDEEMED
from app.inbox.models import InboxEvent
from app.members.models import Member
from app.outbox import queries as outbox
from app.outbox.models import SENT, StoppedRecipient
from app.purchases.models import PURCHASES
from app.referrals import queries as referrals
from app.segments import compiling
from app.segments import queries as segments
from app.segments import rules as segment_rules
from app.segments.rules import EVERYBODY, Group
from app.timeline.models import Fact

_MEMBERS, _FACTS, _INBOX = table_of(Member), table_of(Fact), table_of(InboxEvent)
KIND: Final = "broadcast"


def kind_of(broadcast_id: int) -> str:
    """What the outbox calls the messages of one broadcast."""
    return f"{KIND}:{broadcast_id}"


@dataclass(frozen=True, slots=True)
class BroadcastShown:
    """`tree` is None for all members, or those who have not pressed the button of `unpressed_of`;
    `members` were meant, `frozen` of them could be reached."""

    id: int
    name: str
    status: str
    segment_id: int | None
    segment_name: str
    segment_version: int | None
    unpressed_of: int | None
    tree: Group | None
    letter: Letter
    send_at: datetime | None
    pace: str
    hours: int
    most: int | None
    written: int
    paused_for: str | None
    members: int
    frozen: int
    share: Mapping[str, Any] | None  # of the members, as an arm of an experiment
    created_at: datetime
    changed_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


_SHOWN = sa.select(*(BROADCASTS.c[name] for name in BroadcastShown.__slots__))
_NEWEST = _SHOWN.order_by(BROADCASTS.c.id.desc())


def broadcasts(session: Session, *, limit: int, before: int | None = None) -> list[BroadcastShown]:
    """Newest first; `before` an id, for the next page."""
    query = _NEWEST.limit(limit)
    if before is not None:
        query = query.where(BROADCASTS.c.id < before)
    return [_shown(row) for row in session.execute(query)]


def broadcast(session: Session, broadcast_id: int) -> BroadcastShown:
    """Raises NotFound."""
    row = session.execute(_SHOWN.where(BROADCASTS.c.id == broadcast_id)).one_or_none()
    if row is None:
        raise NotFound("broadcast", broadcast_id)
    return _shown(row)


def going_out(session: Session) -> list[BroadcastShown]:
    """Those that are sending, the oldest first."""
    query = _SHOWN.where(BROADCASTS.c.status == rules.SENDING).order_by(BROADCASTS.c.id)
    return [_shown(row) for row in session.execute(query)]


def _shown(row: Any) -> BroadcastShown:
    values = dict(row._mapping)
    if values["tree"] is not None:
        values["tree"] = segment_rules.from_document(values["tree"])
    return BroadcastShown(**values | {"letter": letters.letter_of(values["letter"])})


# Who is meant -------------------------------------------------------------------------------------


def meant(tree: Group | None, unpressed_of: int | None, *, now: datetime) -> sa.Select[Any]:
    """The ids of the members a broadcast is for, reachable or not."""
    members = compiling.members(EVERYBODY if tree is None else tree, now=now)
    if unpressed_of is None:
        return members
    return members.where(
        _MEMBERS.c.id.in_(
            sa.select(RECIPIENTS.c.member_id).where(
                RECIPIENTS.c.broadcast_id == unpressed_of,
                RECIPIENTS.c.status == rules.QUEUED,
                RECIPIENTS.c.clicked_at.is_(None),
            )
        )
    )


def declining(session: Session, members: sa.Select[Any], topic: str) -> int:
    """How many of these (a query of ids) could be reached, and want to hear no more of the
    topic."""
    theirs = (
        sa.select(sa.func.count())
        .select_from(TOPIC_STOPS)
        .where(
            TOPIC_STOPS.c.topic == topic,
            TOPIC_STOPS.c.member_id.in_(members.where(segments.reachable())),
        )
    )
    return session.scalar(theirs) or 0


_TAIPEI_AHEAD: Final = 8  # hours
_HOUR_MS: Final = 3_600_000


def best_hours(session: Session, *, now: datetime) -> tuple[dict[int, int], int]:
    """By member, the hour of the day (0-23, Taipei) in which they most often bought, wrote or
    pressed something in the last 90 days, the earliest of several; and that of all of them
    together, for who did nothing. The small hours are left out: what is dated there has no true
    time."""
    since = now - timing.LOOKED_BACK
    acts = _acts(session, since, now).subquery()
    number = sa.func.count()
    often = (
        sa.select(acts.c.member_id, acts.c.hour, number.label("times"))
        .where(acts.c.hour >= timing.WAKING)
        .group_by(acts.c.member_id, acts.c.hour)
        .cte("often")
    )
    place = sa.func.row_number().over(
        partition_by=often.c.member_id, order_by=(often.c.times.desc(), often.c.hour)
    )
    ranked = sa.select(often.c.member_id, often.c.hour, place.label("place")).subquery()
    best = sa.select(ranked.c.member_id, ranked.c.hour).where(ranked.c.place == 1)
    usual = session.scalar(
        sa.select(often.c.hour)
        .group_by(often.c.hour)
        .order_by(sa.func.sum(often.c.times).desc(), often.c.hour)
        .limit(1)
    )
    hours = {member_id: int(hour) for member_id, hour in session.execute(best)}
    return hours, timing.USUAL if usual is None else int(usual)


def _acts(session: Session, since: datetime, until: datetime) -> sa.CompoundSelect[Any]:
    """(member, hour of the day) of everything somebody did."""

    def hour(at: sa.ColumnElement[datetime]) -> sa.ColumnElement[int]:
        if session.get_bind().dialect.name == "sqlite":
            utc = sa.cast(sa.func.strftime("%H", at), sa.Integer)
        else:
            utc = sa.cast(sa.extract("hour", sa.func.timezone("UTC", at)), sa.Integer)
        return (utc + _TAIPEI_AHEAD) % 24

    first, last = (int(at.timestamp() * 1000) for at in (since, until))
    by_ms = _INBOX.c.occurred_ms // _HOUR_MS + _TAIPEI_AHEAD
    return sa.union_all(
        sa.select(PURCHASES.c.member_id, hour(PURCHASES.c.sold_at).label("hour")).where(
            PURCHASES.c.member_id.is_not(None),
            PURCHASES.c.sold_at >= since,
            PURCHASES.c.sold_at < until,
        ),
        sa.select(_MEMBERS.c.id, by_ms % 24)
        .join_from(_INBOX, _MEMBERS, _MEMBERS.c.line_user_id == _INBOX.c.person)
        .where(_INBOX.c.occurred_ms >= first, _INBOX.c.occurred_ms < last),
        sa.select(RECIPIENTS.c.member_id, hour(RECIPIENTS.c.clicked_at)).where(
            RECIPIENTS.c.clicked_at >= since, RECIPIENTS.c.clicked_at < until
        ),
    )


# Those who wait -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reader:
    id: int
    status: str
    line_user_id: str | None
    is_friend: bool
    name: str
    marketing_ok: bool
    has_blocked: bool  # nothing is queued for them


def readers(session: Session, member_ids: Sequence[int]) -> dict[int, Reader]:
    rows = session.execute(
        sa.select(
            _MEMBERS.c.id,
            _MEMBERS.c.status,
            _MEMBERS.c.line_user_id,
            _MEMBERS.c.is_friend,
            sa.func.coalesce(_MEMBERS.c.name, _MEMBERS.c.display_name, ""),
            _MEMBERS.c.marketing_ok,
            sa.exists()
            .where(StoppedRecipient.recipient == _MEMBERS.c.line_user_id)
            .correlate(_MEMBERS),
        ).where(_MEMBERS.c.id.in_(member_ids))
    )
    return {row.id: Reader(*tuple(row)) for row in rows}


def is_tester(session: Session, member_id: int) -> bool:
    """A test member, or the membership of somebody who works here."""
    is_test = session.scalar(sa.select(_MEMBERS.c.is_test).where(_MEMBERS.c.id == member_id))
    return bool(is_test) or referrals.is_staff(session, member_id)


def waiting(session: Session, broadcast_id: int, *, most: int) -> int:
    """How many of its messages LINE has not been given yet, counted up to `most`."""
    return outbox.waiting_of(session, kind_of(broadcast_id), most=most)


# What came of it ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Counts:
    """Members on the list by what became of them; of the queued, the messages by theirs."""

    by_status: Mapping[str, int]
    by_reason: Sequence[tuple[str, str, int]]  # (status, reason, members), most first
    by_sending: Mapping[str, int]
    clicked: int
    coupons: int
    redeemed: int

    @property
    def open(self) -> int:
        return sum(self.by_status.get(status, 0) for status in rules.OPEN)

    @property
    def sent(self) -> int:
        return self.by_sending.get(SENT, 0)


def counts(session: Session, broadcast_id: int) -> Counts:
    """Two passes over the list, one over its messages, however long it is."""
    number = sa.func.count()
    mine = RECIPIENTS.c.broadcast_id == broadcast_id
    reasons = session.execute(
        sa.select(RECIPIENTS.c.status, sa.func.coalesce(RECIPIENTS.c.reason, ""), number)
        .where(mine)
        .group_by(RECIPIENTS.c.status, RECIPIENTS.c.reason)
        .order_by(number.desc(), RECIPIENTS.c.reason)
    ).all()
    by_status: dict[str, int] = {}
    for status, _reason, members in reasons:
        by_status[status] = by_status.get(status, 0) + members
    clicked, given, redeemed = session.execute(
        sa.select(
            sa.func.count(RECIPIENTS.c.clicked_at),
            sa.func.count(RECIPIENTS.c.coupon_id),
            sa.func.coalesce(sa.func.sum(sa.case((COUPONS.c.status == REDEEMED, 1), else_=0)), 0),
        )
        .select_from(RECIPIENTS)
        .outerjoin(COUPONS, COUPONS.c.id == RECIPIENTS.c.coupon_id)
        .where(mine)
    ).one()
    return Counts(
        by_status=by_status,
        by_reason=[(row[0], row[1], row[2]) for row in reasons if row[1]],
        by_sending=outbox.letters_by_status(session, kind_of(broadcast_id)),
        clicked=clicked,
        coupons=given,
        redeemed=int(redeemed),
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """Purchases within seven days of the start, by arm; who blocked us, or turned the letter's
    topic off, within two days."""

    treated: Arm
    control: Arm
    blocks: int
    stops: int


def outcome(session: Session, broadcast_id: int, *, topic: str, started_at: datetime) -> Outcome:
    """One statement for the purchases: each arm's members, those who bought, what they spent. Who
    had turned the topic off before it began is of neither."""
    spent = sa.func.sum(PURCHASES.c.amount - PURCHASES.c.refunded)
    bought = (
        sa.select(PURCHASES.c.member_id, spent.label("spent"))
        .where(
            PURCHASES.c.member_id.is_not(None),
            PURCHASES.c.sold_at >= started_at,
            PURCHASES.c.sold_at < rules.counted_until(started_at),
        )
        .group_by(PURCHASES.c.member_id)
        .having(spent > 0)
        .subquery()
    )
    is_control = sa.case((RECIPIENTS.c.status == rules.CONTROL, 1), else_=0)
    rows = session.execute(
        sa.select(
            is_control,
            sa.func.count(),
            sa.func.count(bought.c.member_id),
            sa.func.coalesce(sa.func.sum(bought.c.spent), 0),
        )
        .select_from(RECIPIENTS)
        .outerjoin(bought, bought.c.member_id == RECIPIENTS.c.member_id)
        .where(RECIPIENTS.c.broadcast_id == broadcast_id, RECIPIENTS.c.status != rules.DECLINED)
        .group_by(is_control)
    )
    arms = {row[0]: Arm(int(row[1]), int(row[2]), int(row[3])) for row in rows}
    nobody = Arm(0, 0, 0)
    gone = _turned_away(session, broadcast_id, "member.unfriended", started_at)
    stopped = _turned_away(session, broadcast_id, "topic.stopped", started_at)
    return Outcome(
        arms.get(0, nobody),
        arms.get(1, nobody),
        len({member_id for member_id, _facts in gone}),
        len({member_id for member_id, facts in stopped if facts.get("topic") == topic}),
    )


def _turned_away(
    session: Session, broadcast_id: int, kind: str, started_at: datetime
) -> list[tuple[int, Mapping[str, Any]]]:
    """(member, facts) of what they did within 48 hours of having the letter queued."""
    rows = session.execute(
        sa.select(_FACTS.c.member_id, _FACTS.c.at, RECIPIENTS.c.decided_at, _FACTS.c.facts)
        .join_from(_FACTS, RECIPIENTS, RECIPIENTS.c.member_id == _FACTS.c.member_id)
        .where(
            RECIPIENTS.c.broadcast_id == broadcast_id,
            RECIPIENTS.c.status == rules.QUEUED,
            _FACTS.c.kind == kind,
            _FACTS.c.at >= started_at,
            _FACTS.c.at < started_at + rules.LONGEST_OUT + rules.BLOCKED_WITHIN,
        )
    )
    within = rules.BLOCKED_WITHIN
    return [
        (member_id, facts)
        for member_id, at, queued_at, facts in rows
        if queued_at <= at < queued_at + within
    ]


def broken(session: Session, *, since: datetime, limit: int = 20) -> list[str]:
    """Broadcasts begun since then whose list, letters and state contradict each other."""
    is_queued = sa.case((RECIPIENTS.c.status == rules.QUEUED, 1), else_=0)
    is_open = sa.case((RECIPIENTS.c.status.in_(rules.OPEN), 1), else_=0)
    listed = session.execute(
        sa.select(
            BROADCASTS.c.id,
            BROADCASTS.c.status,
            BROADCASTS.c.frozen,
            sa.func.count(RECIPIENTS.c.member_id).label("listed"),
            sa.func.sum(is_queued).label("queued"),
            sa.func.sum(is_open).label("open"),
        )
        .outerjoin_from(BROADCASTS, RECIPIENTS, RECIPIENTS.c.broadcast_id == BROADCASTS.c.id)
        .where(BROADCASTS.c.started_at >= since, BROADCASTS.c.status != rules.FREEZING)
        .group_by(BROADCASTS.c.id, BROADCASTS.c.status, BROADCASTS.c.frozen)
        .order_by(BROADCASTS.c.id)
        .limit(limit)
    ).all()
    found = []
    for row in listed:
        queued = sum(outbox.letters_by_status(session, kind_of(row.id)).values())
        if row.listed != row.frozen:
            found.append(f"broadcast {row.id}: {row.frozen} were put on the list, {row.listed} are")
        if row.queued != queued:
            found.append(f"broadcast {row.id}: {row.queued} queued on the list, {queued} letters")
        if row.status == rules.DONE and row.open:
            found.append(f"broadcast {row.id}: done, and {row.open} still wait")
    return found


@dataclass(frozen=True, slots=True)
class RecipientShown:
    """`sending` is the message's own state, `failure` why LINE has not taken it."""

    member_id: int
    status: str
    reason: str | None
    due_at: datetime
    decided_at: datetime | None
    clicked_at: datetime | None
    sending: str | None
    sent_at: datetime | None
    failure: str | None


def recipients(
    session: Session, broadcast_id: int, *, status: str, after: int = 0, limit: int
) -> list[RecipientShown]:
    """By member id; `after` one of them, for the next page."""
    rows = session.execute(
        sa.select(
            RECIPIENTS.c.member_id,
            RECIPIENTS.c.status,
            RECIPIENTS.c.reason,
            RECIPIENTS.c.due_at,
            RECIPIENTS.c.decided_at,
            RECIPIENTS.c.clicked_at,
        )
        .where(
            RECIPIENTS.c.broadcast_id == broadcast_id,
            RECIPIENTS.c.status == status,
            RECIPIENTS.c.member_id > after,
        )
        .order_by(RECIPIENTS.c.member_id)
        .limit(limit)
    ).all()
    states = outbox.letters_to(session, kind_of(broadcast_id), [row.member_id for row in rows])
    unsent = outbox.LetterState(None, None, None)
    found = []
    for row in rows:
        state = states.get(row.member_id, unsent)
        values = dict(row._mapping)
        found.append(
            RecipientShown(
                **values, sending=state.status, sent_at=state.sent_at, failure=state.reason
            )
        )
    return found


# Pictures -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PictureShown:
    digest: str
    kind: str
    width: int
    height: int


def pictures(session: Session, digests: Collection[str]) -> dict[str, PictureShown]:
    """Those of them that are there."""
    if not digests:
        return {}
    rows = session.execute(
        sa.select(*(PICTURES.c[name] for name in PictureShown.__slots__)).where(
            PICTURES.c.digest.in_(digests)
        )
    )
    return {row.digest: PictureShown(*tuple(row)) for row in rows}


def picture(session: Session, digest: str, *, is_small: bool) -> tuple[str, bytes] | None:
    """(JPEG or PNG, the bytes); None when there is none."""
    kind: Any = sa.literal("JPEG") if is_small else PICTURES.c.kind
    shown = PICTURES.c.small if is_small else PICTURES.c.content
    row = session.execute(sa.select(kind, shown).where(PICTURES.c.digest == digest)).one_or_none()
    return None if row is None else (row[0], row[1])
