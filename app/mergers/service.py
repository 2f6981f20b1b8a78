"""Two memberships of one person become one, and for thirty days can be two again.

What somebody owns changes hands; what happened is not rewritten: a row keeps everything but its
owner, and `merger_rows` says which rows those were. Totals are folded anew from what moved. The
absorbed row stays, closed, and its number and phone lead to the kept member."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.attention import service as governor
from app.cards.models import CardToken
from app.checkouts import service as checkouts
from app.core.db import Table, changed, table_of
from app.core.errors import DomainError, Invalid
from app.coupons import service as coupons
from app.members import queries as member_queries
from app.members import service as members
from app.mergers import queries, rules
from app.mergers.models import Merger, MovedRow
from app.mergers.queries import MergerShown
from app.outbox import service as outbox
from app.points import service as points
from app.points.models import ENTRIES, LOTS
from app.purchases import service as purchases
from app.rewards import service as rewards
from app.richmenus import service as menus
from app.stamps import service as stamps
from app.tiers import service as tiers
from app.timeline import service as timeline

_MOVED = table_of(MovedRow)
WELCOME, SECOND_GIFT = "welcome", "合併會員，入會禮不重複"


class NotMergeable(DomainError):
    """`reason`: same, not_member, undone, too_late, busy."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"cannot be merged or parted: {reason}")
        self.reason = reason


def merge(
    session: Session,
    *,
    kept_id: int,
    absorbed_id: int,
    staff_id: int | None,
    reason: str,
    now: datetime,
) -> int:
    """Give everything of one member to another; return the merger's id.

    Raises NotMergeable, Invalid and NotFound; then the caller must roll back."""
    if kept_id == absorbed_id:
        raise NotMergeable("same")
    if not reason.strip():
        raise Invalid("reason", "請填寫原因")
    _hold(session, kept_id, absorbed_id, now)
    if not members.absorb(session, kept_id=kept_id, absorbed_id=absorbed_id, now=now):
        raise NotMergeable("not_member")
    took_line, took_phone = _take_contact(session, kept_id, absorbed_id, now)
    merger_id = _write_down(session, kept_id, absorbed_id, staff_id, reason.strip(), now)
    # Nobody joins twice: of two welcome gifts the absorbed member's unused one goes.
    if coupons.was_given(session, member_id=kept_id, source=WELCOME):
        coupons.revoke_all(
            session,
            member_id=absorbed_id,
            source=WELCOME,
            reason=SECOND_GIFT,
            staff_id=staff_id,
            now=now,
        )
    for owner in _moving():
        _move(session, merger_id, owner, kept_id, absorbed_id)
    _fold(session, kept_id, absorbed_id, f"merger:{merger_id}", now)
    governor.share_stops(session, from_id=absorbed_id, to_id=kept_id)
    period_id = tiers.join(session, kept_id=kept_id, absorbed_id=absorbed_id, now=now)
    changed(
        session,
        sa.update(Merger)
        .where(Merger.id == merger_id)
        .values(took_line=took_line, took_phone=took_phone, period_id=period_id),
    )
    checkouts.review_tier(session, member_id=kept_id, now=now)
    stamps.catch_up(session, member_id=kept_id, now=now)
    _note(session, "member.merged", kept_id, absorbed_id, now)
    return merger_id


def part(session: Session, *, merger_id: int, staff_id: int | None, now: datetime) -> MergerShown:
    """Make two members of one again: each row goes back to whom it came from. What happened since
    stays with the kept member, except what was done to points that go back.

    Raises NotFound and NotMergeable."""
    merger = queries.merger(session, merger_id)
    if merger.undone_at is not None:
        raise NotMergeable("undone")
    if not merger.can_be_undone(now):
        raise NotMergeable("too_late")
    _hold(session, merger.kept_id, merger.absorbed_id, now)
    won = changed(
        session,
        sa.update(Merger)
        .where(Merger.id == merger_id, Merger.undone_at.is_(None))
        .values(undone_at=now, undone_by=staff_id),
    )
    if not won:
        raise NotMergeable("undone")
    if not members.release(
        session,
        kept_id=merger.kept_id,
        absorbed_id=merger.absorbed_id,
        with_ids=queries.absorbed_by(session, merger.absorbed_id),
    ):
        raise NotMergeable("busy")
    row = session.execute(
        sa.select(Merger.took_line, Merger.took_phone, Merger.period_id).where(
            Merger.id == merger_id
        )
    ).one()
    members.give_contact(
        session,
        from_id=merger.kept_id,
        to_id=merger.absorbed_id,
        line=row.took_line,
        phone=row.took_phone,
    )
    if row.took_line:
        menus.show(
            session,
            member_id=merger.absorbed_id,
            recipient=member_queries.person(session, merger.absorbed_id).line_user_id or "",
            is_member=True,
            dedup_key=f"menu:parted:{merger_id}",
            now=now,
        )
    for owner in _moving():
        _move_back(session, merger_id, owner, merger)
    coupons.reinstate_all(session, member_id=merger.absorbed_id, reason=SECOND_GIFT, now=now)
    _lots_take_their_entries(session, merger_id, merger.absorbed_id)
    _fold(session, merger.kept_id, merger.absorbed_id, f"merger:{merger_id}:undone", now)
    tiers.part(
        session,
        kept_id=merger.kept_id,
        absorbed_id=merger.absorbed_id,
        period_id=row.period_id,
        now=now,
    )
    for member_id in (merger.kept_id, merger.absorbed_id):
        checkouts.review_tier(session, member_id=member_id, now=now)
        stamps.catch_up(session, member_id=member_id, now=now)
    _note(session, "member.parted", merger.kept_id, merger.absorbed_id, now)
    return queries.merger(session, merger_id)


def _hold(session: Session, one_id: int, other_id: int, now: datetime) -> None:
    """Both accounts, always in the same order: two people who merge the same pair crosswise queue
    up instead of blocking each other."""
    for member_id in sorted((one_id, other_id)):
        member_queries.person(session, member_id)
        points.lock(session, member_id=member_id, now=now)


def _write_down(
    session: Session,
    kept_id: int,
    absorbed_id: int,
    staff_id: int | None,
    reason: str,
    now: datetime,
) -> int:
    return session.scalars(
        sa.insert(Merger)
        .values(
            kept_id=kept_id,
            absorbed_id=absorbed_id,
            staff_id=staff_id,
            reason=reason,
            at=now,
            took_line=False,
            took_phone=False,
        )
        .returning(Merger.id)
    ).one()


def _take_contact(
    session: Session, kept_id: int, absorbed_id: int, now: datetime
) -> tuple[bool, bool]:
    """The kept member's LINE account and phone count; what it lacks comes from the other. A second
    LINE account is a guest's from now on. Whether LINE account and phone moved."""
    kept = member_queries.person(session, kept_id)
    absorbed = member_queries.person(session, absorbed_id)
    outbox.withdraw(session, member_id=absorbed_id, reason="merged with another member")
    changed(
        session,
        sa.update(CardToken)
        .where(CardToken.member_id == absorbed_id, CardToken.used_at.is_(None))
        .values(expires_at=now),
    )
    takes_line = kept.line_user_id is None and absorbed.line_user_id is not None
    takes_phone = kept.phone is None and absorbed.phone is not None
    members.give_contact(
        session, from_id=absorbed_id, to_id=kept_id, line=takes_line, phone=takes_phone
    )
    if absorbed.line_user_id is not None and not takes_line:
        guest_id = members.unbind(
            session, member_id=absorbed_id, line_user_id=absorbed.line_user_id, now=now
        )
        menus.show(
            session,
            member_id=guest_id,
            recipient=absorbed.line_user_id,
            is_member=False,
            dedup_key=f"menu:merged:{guest_id}",
            now=now,
        )
    if takes_line:
        menus.show(
            session,
            member_id=kept_id,
            recipient=absorbed.line_user_id or "",
            is_member=True,
            dedup_key=f"menu:merged:{kept_id}:{absorbed_id}:{now.timestamp():.6f}",
            now=now,
        )
    return takes_line, takes_phone


# Rows ---------------------------------------------------------------------------------------------

Column = sa.Column[Any]


def _moving() -> Iterator[Column]:
    for name, fate in rules.FATES.items():
        if fate == "moves":
            table, _, column = name.partition(".")
            yield Table.metadata.tables[table].c[column]


def _move(session: Session, merger_id: int, owner: Column, kept_id: int, absorbed_id: int) -> None:
    """Give the rows away and write down which; those that would break a unique key stay, and those
    that name the kept member already: nobody invites themself."""
    table, (key,) = owner.table, owner.table.primary_key.columns
    free = [_is_free(owner, columns, kept_id) for columns in _unique_with(owner)]
    others = [column for column in _owners_of(table) if column is not owner]
    moving = sa.select(sa.literal(merger_id), sa.literal(str(owner)), key).where(
        owner == absorbed_id,
        *free,
        *(sa.or_(column.is_(None), column != kept_id) for column in others),
    )
    session.execute(sa.insert(_MOVED).from_select(["merger_id", "owner", "row_id"], moving))
    session.execute(
        sa.update(table)
        .where(key.in_(_moved_ids(merger_id, owner)), owner == absorbed_id)
        .values({owner: kept_id})
    )


def _move_back(session: Session, merger_id: int, owner: Column, merger: MergerShown) -> None:
    table, (key,) = owner.table, owner.table.primary_key.columns
    session.execute(
        sa.update(table)
        .where(key.in_(_moved_ids(merger_id, owner)), owner == merger.kept_id)
        .values({owner: merger.absorbed_id})
    )


def _moved_ids(merger_id: int, owner: Column) -> sa.Select[Any]:
    return sa.select(_MOVED.c.row_id).where(
        _MOVED.c.merger_id == merger_id, _MOVED.c.owner == str(owner)
    )


def _owners_of(table: sa.Table) -> list[Column]:
    return [column for column in table.c if f"{table.name}.{column.name}" in rules.FATES]


def _unique_with(owner: Column) -> Iterator[Sequence[Column]]:
    """The other columns of each unique key that has this one."""
    keys: list[sa.UniqueConstraint | sa.Index] = [
        *(key for key in owner.table.constraints if isinstance(key, sa.UniqueConstraint)),
        *(index for index in owner.table.indexes if index.unique),
    ]
    for key in keys:
        names = [column.name for column in key.columns]
        if owner.name in names:
            yield [owner.table.c[name] for name in names if name != owner.name]


def _is_free(owner: Column, columns: Sequence[Column], kept_id: int) -> sa.ColumnElement[bool]:
    theirs = owner.table.alias("theirs")
    same = [theirs.c[column.name] == column for column in columns]
    return ~sa.exists().where(theirs.c[owner.name] == kept_id, *same)


def _lots_take_their_entries(session: Session, merger_id: int, absorbed_id: int) -> None:
    """What was done to a lot since goes where the lot goes, so that its account adds up."""
    lots = _moved_ids(merger_id, LOTS.c.member_id)
    session.execute(
        sa.update(ENTRIES).where(ENTRIES.c.lot_id.in_(lots)).values(member_id=absorbed_id)
    )


def _fold(session: Session, kept_id: int, absorbed_id: int, because: str, now: datetime) -> None:
    both = (kept_id, absorbed_id)
    purchases.fold_days(session, member_ids=both)
    coupons.fold_holdings(session, member_ids=both)
    rewards.fold_holdings(session, member_ids=both)
    points.fold(session, kept_id=kept_id, absorbed_id=absorbed_id, because=because, now=now)


def _note(session: Session, kind: str, kept_id: int, absorbed_id: int, now: datetime) -> None:
    for member_id, other_id in ((kept_id, absorbed_id), (absorbed_id, kept_id)):
        timeline.record(
            session, member_id=member_id, kind=kind, at=now, facts={"other_id": other_id}
        )
