"""What a member has, how it came about, and where the books do not add up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.core.prepared import Prepared, among
from app.points import rules
from app.points.models import ACCOUNTS, CORRECTIONS, ENTRIES, LOTS, OPERATIONS
from app.points.rules import Lot, Standing
from app.staff.models import Staff

NOTHING = Standing(0, 0, 0, 0, None, None)

_ACCOUNT = sa.select(
    ACCOUNTS.c.balance,
    ACCOUNTS.c.pending,
    ACCOUNTS.c.debt,
    ACCOUNTS.c.next_expiry_points,
    ACCOUNTS.c.next_expiry_at,
    ACCOUNTS.c.next_change_at,
).where(ACCOUNTS.c.member_id == sa.bindparam("member"))
_LOTS = (
    sa.select(
        LOTS.c.id,
        LOTS.c.remaining,
        LOTS.c.earned_at,
        LOTS.c.usable_from,
        LOTS.c.expires_at,
        LOTS.c.is_active,
    )
    .where(LOTS.c.member_id == sa.bindparam("member"), LOTS.c.remaining > 0)
    .order_by(LOTS.c.id)
)


def standing(session: Session, member_id: int, *, now: datetime) -> Standing:
    """Exact at `now`, whether or not what became due was settled yet."""
    row = session.execute(_ACCOUNT, {"member": member_id}).one_or_none()
    return NOTHING if row is None else exact(session, member_id, Standing(*tuple(row)), now=now)


def exact(session: Session, member_id: int, stored: Standing, *, now: datetime) -> Standing:
    """`stored` as long as nothing became due since, else the fold of the lots."""
    if stored.next_change_at is None or now < stored.next_change_at:
        return stored
    return rules.standing_at(lots(session, member_id), stored.debt, now)


def lots(session: Session, member_id: int) -> list[Lot]:
    """Lots that still hold points, oldest first, as they were last settled."""
    return [Lot(*tuple(row)) for row in session.execute(_LOTS, {"member": member_id})]


@dataclass(frozen=True, slots=True)
class LotShown:
    """A lot that still holds points, with the operation that gave it: how many, why, under which
    version of the programme."""

    lot: Lot
    quantity: int
    reason: str
    facts: dict[str, Any]
    programme_version: int | None


_LOTS_SHOWN = _LOTS.add_columns(
    LOTS.c.quantity,
    OPERATIONS.c.reason,
    OPERATIONS.c.facts,
    OPERATIONS.c.programme_version,
).join_from(LOTS, OPERATIONS, OPERATIONS.c.id == LOTS.c.operation_id)


def lots_shown(session: Session, member_id: int) -> list[LotShown]:
    """As `lots`, each with what gave it."""
    return [
        LotShown(Lot(*row[:6]), row.quantity, row.reason, row.facts or {}, row.programme_version)
        for row in session.execute(_LOTS_SHOWN, {"member": member_id})
    ]


def stored_debt(session: Session, member_id: int) -> int:
    """Debt as of the last settlement: what the stored lots belong to."""
    row = session.execute(_ACCOUNT, {"member": member_id}).one_or_none()
    return 0 if row is None else int(row.debt)


@dataclass(frozen=True, slots=True)
class Expiring:
    """Usable points that are gone from `at` on."""

    points: int
    at: datetime


def expiring(session: Session, member_id: int, *, now: datetime, until: datetime) -> list[Expiring]:
    """Points usable now that lapse in (now, until], by end date."""
    debt = standing(session, member_id, now=now).debt
    held = lots(session, member_id)
    sums: dict[datetime, int] = {}
    for lot in rules.changed_by(held, rules.due_changes(held, debt, now)):
        if lot.is_active and lot.remaining and lot.expires_at and lot.expires_at <= until:
            sums[lot.expires_at] = sums.get(lot.expires_at, 0) + lot.remaining
    return [Expiring(points, at) for at, points in sorted(sums.items())]


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of a member's points history. `usable_from` and `expires_at` are of what it gave."""

    id: int
    kind: str
    points: int
    at: datetime
    reason: str
    source: str | None
    source_id: int | None
    facts: dict[str, Any]
    usable_from: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Payment:
    """Points that paid for a sale: NT$ `worth` of it; `restored` of them came back since."""

    operation_id: int
    points: int
    worth: int
    restored: int


_RESTORATIONS = OPERATIONS.alias("restorations")
_PAYMENT = sa.select(
    OPERATIONS.c.id,
    OPERATIONS.c.amount,
    OPERATIONS.c.facts,
    sa.select(sa.func.coalesce(sa.func.sum(_RESTORATIONS.c.amount), 0))
    .where(
        _RESTORATIONS.c.source == "operation",
        _RESTORATIONS.c.source_id == OPERATIONS.c.id,
        _RESTORATIONS.c.kind == "restore",
    )
    .scalar_subquery()
    .label("restored"),
).where(
    OPERATIONS.c.source == "purchase",
    OPERATIONS.c.source_id == sa.bindparam("purchase"),
    OPERATIONS.c.kind == "redeem",
)


def payment_of(session: Session, purchase_id: int) -> Payment | None:
    """How points paid for a sale; None when none did."""
    row = session.execute(_PAYMENT, {"purchase": purchase_id}).one_or_none()
    if row is None:
        return None
    return Payment(row.id, -row.amount, int(row.facts["worth"]), int(row.restored))


@dataclass(frozen=True, slots=True)
class CorrectionShown:
    """A correction of staff that needed a second person."""

    id: int
    member_id: int
    points: int
    reason: str
    asked_by: int
    asked_by_name: str
    asked_at: datetime
    status: str  # waiting | approved | rejected
    decided_by_name: str | None
    decided_at: datetime | None


_ASKER, _DECIDER = aliased(Staff), aliased(Staff)


def corrections(session: Session, *, is_waiting: bool, limit: int = 50) -> list[CorrectionShown]:
    """Those that wait, oldest first; or those decided, newest first."""
    waits = CORRECTIONS.c.status == "waiting"
    statement = (
        sa.select(
            CORRECTIONS.c.id,
            CORRECTIONS.c.member_id,
            CORRECTIONS.c.points,
            CORRECTIONS.c.reason,
            CORRECTIONS.c.asked_by,
            _ASKER.name,
            CORRECTIONS.c.asked_at,
            CORRECTIONS.c.status,
            _DECIDER.name,
            CORRECTIONS.c.decided_at,
        )
        .join(_ASKER, _ASKER.id == CORRECTIONS.c.asked_by)
        .outerjoin(_DECIDER, _DECIDER.id == CORRECTIONS.c.decided_by)
        .where(waits if is_waiting else ~waits)
        .order_by(CORRECTIONS.c.id if is_waiting else CORRECTIONS.c.decided_at.desc())
        .limit(limit)
    )
    return [CorrectionShown(*tuple(row)) for row in session.execute(statement)]


_SILENT = ("activate", "repay")
_HISTORY = (
    sa.select(
        OPERATIONS.c.id,
        OPERATIONS.c.kind,
        OPERATIONS.c.amount,
        OPERATIONS.c.at,
        OPERATIONS.c.reason,
        OPERATIONS.c.source,
        OPERATIONS.c.source_id,
        OPERATIONS.c.facts,
        LOTS.c.usable_from,
        LOTS.c.expires_at,
    )
    .outerjoin(LOTS, sa.and_(LOTS.c.operation_id == OPERATIONS.c.id, LOTS.c.parent_id.is_(None)))
    .where(
        OPERATIONS.c.member_id == sa.bindparam("member"),
        OPERATIONS.c.id < sa.bindparam("before"),
        OPERATIONS.c.kind.not_in(_SILENT),
        OPERATIONS.c.amount != 0,
    )
    .order_by(OPERATIONS.c.id.desc())
    .limit(sa.bindparam("limit"))
)
_NEWEST = 2**62


def history(
    session: Session, member_id: int, *, limit: int = 20, before_id: int | None = None
) -> list[Movement]:
    """What changed the points, newest first; `before_id` pages on."""
    rows = session.execute(
        _HISTORY, {"member": member_id, "before": before_id or _NEWEST, "limit": limit}
    )
    return [
        Movement(
            id=row.id,
            kind=row.kind,
            points=row.amount,
            at=row.at,
            reason=row.reason,
            source=row.source,
            source_id=row.source_id,
            facts=row.facts or {},
            usable_from=row.usable_from,
            expires_at=row.expires_at,
        )
        for row in rows
    ]


_EARNED_SINCE = sa.select(sa.func.coalesce(sa.func.sum(OPERATIONS.c.amount), 0)).where(
    OPERATIONS.c.member_id == sa.bindparam("member"),
    OPERATIONS.c.kind == "earn",
    OPERATIONS.c.source == "purchase",
    OPERATIONS.c.at >= sa.bindparam("since"),
    OPERATIONS.c.at < sa.bindparam("until"),
)


def earned_between(session: Session, member_id: int, *, since: datetime, until: datetime) -> int:
    """Points earned by sales in [since, until), for a cap per day."""
    binds = {"member": member_id, "since": since, "until": until}
    return int(session.execute(_EARNED_SINCE, binds).scalar_one())


def kept_by_sale() -> sa.Select[Any]:
    """(source_id, kept): points that each sale gave, less what its refunds took back."""
    return (
        sa.select(OPERATIONS.c.source_id, sa.func.sum(OPERATIONS.c.amount).label("kept"))
        .where(
            sa.or_(OPERATIONS.c.kind == "earn", OPERATIONS.c.kind == "revoke"),
            OPERATIONS.c.source == "purchase",
        )
        .group_by(OPERATIONS.c.source_id)
    )


_KEPT = Prepared(kept_by_sale().where(among(OPERATIONS.c.source_id, "sales")))
_AMOUNT = sa.select(OPERATIONS.c.amount).where(
    OPERATIONS.c.external_id == sa.bindparam("external_id")
)


def kept_of_sales(session: Session, sales: Sequence[int]) -> dict[int, int]:
    """Points that each of these sales gave, less what its refunds took back."""
    return {sale: int(points) for sale, points in _KEPT.rows(session, {"sales": list(sales)})}


def revoked_by(session: Session, refund_id: int) -> int:
    """Points that a refund took back."""
    return -(session.scalar(_AMOUNT, {"external_id": f"refund:{refund_id}"}) or 0)


_USED_ON_SALES = sa.select(OPERATIONS.c.source_id, OPERATIONS.c.amount, OPERATIONS.c.facts).where(
    OPERATIONS.c.member_id == sa.bindparam("member"),
    OPERATIONS.c.kind == "redeem",
    OPERATIONS.c.source == "purchase",
    OPERATIONS.c.source_id.in_(sa.bindparam("sales", expanding=True)),
)


def used_on_sales(
    session: Session, member_id: int, sales: Sequence[int]
) -> dict[int, tuple[int, int]]:
    """(points, NT$ they paid) of these sales, where points paid."""
    rows = session.execute(_USED_ON_SALES, {"member": member_id, "sales": list(sales)})
    return {row.source_id: (-row.amount, int(row.facts["worth"])) for row in rows}


# Checks -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Imbalance:
    """Evidence of books that do not add up: `stored` should equal `folded`."""

    what: str
    member_id: int
    row_id: int
    stored: int
    folded: int


def _sum_of(bucket: str) -> sa.ColumnElement[int]:
    return sa.func.coalesce(
        sa.func.sum(sa.case((ENTRIES.c.bucket == bucket, ENTRIES.c.amount), else_=0)), 0
    )


_BUCKETS = (
    sa.select(
        ENTRIES.c.member_id,
        _sum_of("usable").label("usable"),
        _sum_of("pending").label("pending"),
        _sum_of("debt").label("debt"),
    )
    .group_by(ENTRIES.c.member_id)
    .subquery()
)
_BY_LOT = (
    sa.select(ENTRIES.c.lot_id, sa.func.sum(ENTRIES.c.amount).label("folded"))
    .where(ENTRIES.c.lot_id.is_not(None))
    .group_by(ENTRIES.c.lot_id)
    .subquery()
)
_BY_OPERATION = (
    sa.select(ENTRIES.c.operation_id, sa.func.sum(ENTRIES.c.amount).label("folded"))
    .group_by(ENTRIES.c.operation_id)
    .subquery()
)


def _account_check(
    what: str, stored: sa.ColumnElement[int], folded: sa.ColumnElement[int]
) -> sa.Select[Any]:
    total = sa.func.coalesce(folded, 0)
    return (
        sa.select(
            sa.literal(what),
            ACCOUNTS.c.member_id,
            ACCOUNTS.c.member_id,
            stored,
            total,
        )
        .outerjoin(_BUCKETS, _BUCKETS.c.member_id == ACCOUNTS.c.member_id)
        .where(stored != total)
    )


_LOT_TOTAL = sa.func.coalesce(_BY_LOT.c.folded, 0)
_OPERATION_TOTAL = sa.func.coalesce(_BY_OPERATION.c.folded, 0)
_CHECKS = (
    _account_check("balance", ACCOUNTS.c.balance, _BUCKETS.c.usable + _BUCKETS.c.debt),
    _account_check("pending", ACCOUNTS.c.pending, _BUCKETS.c.pending),
    _account_check("debt", ACCOUNTS.c.debt, -_BUCKETS.c.debt),
    sa.select(sa.literal("lot"), LOTS.c.member_id, LOTS.c.id, LOTS.c.remaining, _LOT_TOTAL)
    .outerjoin(_BY_LOT, _BY_LOT.c.lot_id == LOTS.c.id)
    .where(LOTS.c.remaining != _LOT_TOTAL),
    sa.select(
        sa.literal("operation"),
        OPERATIONS.c.member_id,
        OPERATIONS.c.id,
        OPERATIONS.c.amount,
        _OPERATION_TOTAL,
    )
    .outerjoin(_BY_OPERATION, _BY_OPERATION.c.operation_id == OPERATIONS.c.id)
    .where(OPERATIONS.c.amount != _OPERATION_TOTAL),
)


def unbalanced(session: Session, *, limit: int = 100) -> list[Imbalance]:
    """Where a stored total differs from the fold of the append-only entries."""
    return [
        Imbalance(*tuple(row)) for check in _CHECKS for row in session.execute(check.limit(limit))
    ][:limit]


_OVERDUE = (
    sa.select(ACCOUNTS.c.member_id, ACCOUNTS.c.next_change_at)
    .where(ACCOUNTS.c.next_change_at <= sa.bindparam("before"))
    .order_by(ACCOUNTS.c.next_change_at)
    .limit(sa.bindparam("limit"))
)


def unsettled(session: Session, *, before: datetime, limit: int = 100) -> list[int]:
    """Members whose accounts should have been settled before that instant."""
    rows = session.execute(_OVERDUE, {"before": before, "limit": limit})
    return [row.member_id for row in rows]
