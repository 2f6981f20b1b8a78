"""The account and its lots while a verb works on them.

The member's account row is updated first, so changes of one member queue behind each other and
those of different members do not. Then what time made due is settled, then the verb acts on the
lots."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core.db import dump_json
from app.core.errors import Conflict
from app.core.ids import digest
from app.core.prepared import Prepared
from app.points import rules
from app.points.models import ACCOUNTS, DEBT, ENTRIES, LOTS, OPERATIONS, PENDING, USABLE
from app.points.rules import Change, Lot, Standing, Take
from app.timeline import service as timeline

SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Posted:
    """What a verb did: `points` is the signed change a member sees."""

    operation_id: int
    points: int
    standing: Standing
    is_new: bool


@dataclass(frozen=True, slots=True)
class Cause:
    """Who moved points, why, and which row stands behind it."""

    external_id: str
    actor: str
    reason: str
    source: str | None = None
    source_id: int | None = None
    programme_version: int | None = None


# The account row ----------------------------------------------------------------------------------

_LOCK = Prepared(
    sa.update(ACCOUNTS)
    .where(ACCOUNTS.c.member_id == sa.bindparam("member"))
    .values(changed_at=sa.bindparam("at"))
    .returning(
        ACCOUNTS.c.balance,
        ACCOUNTS.c.pending,
        ACCOUNTS.c.debt,
        ACCOUNTS.c.next_expiry_points,
        ACCOUNTS.c.next_expiry_at,
        ACCOUNTS.c.next_change_at,
    )
)
_OPEN_ACCOUNT = Prepared(
    {
        "sqlite": sqlite.insert(ACCOUNTS).on_conflict_do_nothing(),
        "postgresql": postgresql.insert(ACCOUNTS).on_conflict_do_nothing(),
    }
)
_POST = Prepared(
    {
        "sqlite": sqlite.insert(OPERATIONS).on_conflict_do_nothing().returning(OPERATIONS.c.id),
        "postgresql": postgresql.insert(OPERATIONS)
        .on_conflict_do_nothing()
        .returning(OPERATIONS.c.id),
    }
)
_STORE_ACCOUNT = Prepared(sa.update(ACCOUNTS).where(ACCOUNTS.c.member_id == sa.bindparam("member")))
_ADD_LOT = Prepared(sa.insert(LOTS).returning(LOTS.c.id))
ADD_ENTRIES = Prepared(sa.insert(ENTRIES))
_HELD_LOTS = Prepared(
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
_STORE_LOT = Prepared(
    sa.update(LOTS)
    .where(LOTS.c.id == sa.bindparam("lot"))
    .values(
        remaining=sa.bindparam("new_remaining"),
        expires_at=sa.bindparam("new_expiry"),
        is_active=sa.bindparam("now_active"),
    )
)
SAME_ID = sa.select(
    OPERATIONS.c.id, OPERATIONS.c.content_hash, OPERATIONS.c.amount, OPERATIONS.c.facts
).where(OPERATIONS.c.external_id == sa.bindparam("external_id"))


def lock(session: Session, *, member_id: int, now: datetime) -> Standing:
    """Hold the member's account until the transaction ends, opening it when there is none, and
    settle what became due. Everything that changes a member at the till starts here."""
    standing = _locked(session, member_id, now)
    if standing.next_change_at is not None and standing.next_change_at <= now:
        return Books(session, member_id, standing, now).close()
    return standing


def _locked(session: Session, member_id: int, now: datetime) -> Standing:
    row = _LOCK.row(session, {"member": member_id, "at": now})
    if row is None:
        _OPEN_ACCOUNT.changed(
            session,
            {
                "member_id": member_id,
                "balance": 0,
                "pending": 0,
                "debt": 0,
                "next_change_at": None,
                "next_expiry_at": None,
                "next_expiry_points": 0,
                "changed_at": now,
            },
        )
        row = _LOCK.row(session, {"member": member_id, "at": now})
    return Standing(*row)


def store(session: Session, member_id: int, standing: Standing) -> None:
    _STORE_ACCOUNT.changed(
        session,
        {
            "member": member_id,
            "balance": standing.balance,
            "pending": standing.pending,
            "debt": standing.debt,
            "next_expiry_points": standing.next_expiry_points,
            "next_expiry_at": standing.next_expiry_at,
            "next_change_at": standing.next_change_at,
        },
    )


# Operations ---------------------------------------------------------------------------------------


def post(
    session: Session,
    member_id: int,
    kind: str,
    amount: int,
    cause: Cause,
    *,
    content: Sequence[Any] = (),
    facts: Mapping[str, Any] | None = None,
    at: datetime,
    now: datetime,
) -> tuple[int, bool, int, Any]:
    """Insert the operation: (id, is new, amount, facts). A known id with the same content gives
    what was posted then; other content raises Conflict."""
    content_hash = digest(dump_json([member_id, kind, cause.source, cause.source_id, *content]))
    values = {
        "member_id": member_id,
        "kind": kind,
        "external_id": cause.external_id,
        "content_hash": content_hash,
        "amount": amount,
        "actor": cause.actor,
        "reason": cause.reason,
        "source": cause.source,
        "source_id": cause.source_id,
        "programme_version": cause.programme_version,
        "facts": None if facts is None else dict(facts),
        "at": at,
        "created_at": now,
    }
    row = _POST.row(session, values)
    if row is not None:
        return row.id, True, amount, facts
    known = session.execute(SAME_ID, {"external_id": cause.external_id}).one()
    if known.content_hash != content_hash:
        raise Conflict("external_id", cause.external_id)
    return known.id, False, known.amount, known.facts


class Books:
    """An open account with its lots: collects entries, then writes lots and totals once."""

    def __init__(self, session: Session, member_id: int, standing: Standing, now: datetime) -> None:
        self.session, self.member_id, self.now = session, member_id, now
        self.debt = standing.debt
        self.lots: dict[int, Lot] = {
            row.id: Lot(*row) for row in _HELD_LOTS.rows(session, {"member": member_id})
        }
        self._entries: list[dict[str, Any]] = []
        self._touched: set[int] = set()
        self._activation = 0  # the operation that last made points usable
        self.settle()

    def settle(self) -> None:
        for change in rules.due_changes(self.lots.values(), self.debt, self.now):
            self._apply(change)

    def move(self, operation_id: int, lot_id: int, points: int, at: datetime) -> None:
        """Add signed points to a lot, in the bucket it is in."""
        lot = self.lots[lot_id]
        bucket = USABLE if lot.is_active else PENDING
        self._enter(operation_id, lot_id, bucket, points, at)
        self._replace(replace(lot, remaining=lot.remaining + points))

    def take(self, operation_id: int, takes: Iterable[Take]) -> None:
        for part in takes:
            self.move(operation_id, part.lot_id, -part.points, self.now)

    def owe(self, operation_id: int, points: int) -> None:
        if points:
            self.debt += points
            self._enter(operation_id, None, DEBT, -points, self.now)

    def grant(
        self,
        operation_id: int,
        points: int,
        *,
        earned_at: datetime,
        usable_from: datetime,
        expires_at: datetime | None,
        is_active: bool,
        parent_id: int | None = None,
    ) -> int:
        lot_id = add_lot(
            self.session,
            self.member_id,
            operation_id,
            points,
            earned_at=earned_at,
            usable_from=usable_from,
            expires_at=expires_at,
            is_active=is_active,
            parent_id=parent_id,
        )
        self.lots[lot_id] = Lot(lot_id, 0, earned_at, usable_from, expires_at, is_active)
        self.move(operation_id, lot_id, points, min(earned_at, self.now))
        return lot_id

    def repay(self, because: int) -> None:
        """Points that operation `because` made usable pay debt before anything else."""
        usable = sorted(
            (lot for lot in self.lots.values() if lot.is_active and lot.remaining),
            key=lambda lot: lot.spending_order,
        )
        for lot in usable:
            points = min(self.debt, lot.remaining)
            if points == 0:
                return
            self._repay(because, lot.id, points, self.now)

    def slide(self, expires_at: datetime | None) -> None:
        """Move every end date that is earlier than `expires_at` (expiry after last activity)."""
        for lot in list(self.lots.values()):
            if expires_at and lot.expires_at and lot.remaining and lot.expires_at < expires_at:
                self._replace(replace(lot, expires_at=expires_at))

    def close(self) -> Standing:
        if self._entries:
            ADD_ENTRIES.many(self.session, self._entries)
        if self._touched:
            _STORE_LOT.many(
                self.session,
                [
                    {
                        "lot": lot.id,
                        "new_remaining": lot.remaining,
                        "new_expiry": lot.expires_at,
                        "now_active": lot.is_active,
                    }
                    for lot in (self.lots[lot_id] for lot_id in sorted(self._touched))
                ],
            )
        standing = rules.folded(self.lots.values(), self.debt)
        store(self.session, self.member_id, standing)
        return standing

    def load(self, lot_id: int) -> None:
        """Bring in a lot that holds nothing any more."""
        if lot_id not in self.lots:
            row = self.session.execute(_ONE_LOT, {"lot": lot_id}).one()
            self.lots[lot_id] = Lot(*tuple(row))

    def _apply(self, change: Change) -> None:
        lot = self.lots[change.lot_id]
        if change.kind == "repay":
            self._repay(self._activation, lot.id, change.points, change.at)
            return
        amount = -change.points if change.kind == "expire" else 0
        operation_id, _, _, _ = post(
            self.session,
            self.member_id,
            change.kind,
            amount,
            Cause(f"{change.kind}:{lot.id}", SYSTEM, REASONS[change.kind], "lot", lot.id),
            facts={"points": change.points},
            at=change.at,
            now=self.now,
        )
        if change.kind == "activate":
            self._activation = operation_id
            self._enter(operation_id, lot.id, PENDING, -change.points, change.at)
            self._enter(operation_id, lot.id, USABLE, change.points, change.at)
            self._replace(replace(lot, is_active=True))
            return
        self.move(operation_id, lot.id, -change.points, change.at)
        timeline.record(
            self.session,
            member_id=self.member_id,
            kind="points.expired",
            at=change.at,
            facts={"points": change.points},
        )

    def _repay(self, because: int, lot_id: int, points: int, at: datetime) -> None:
        operation_id, _, _, _ = post(
            self.session,
            self.member_id,
            "repay",
            0,
            Cause(f"repay:{because}:{lot_id}", SYSTEM, REASONS["repay"], "lot", lot_id),
            facts={"points": points},
            at=at,
            now=self.now,
        )
        self.move(operation_id, lot_id, -points, at)
        self._enter(operation_id, None, DEBT, points, at)
        self.debt -= points

    def _enter(
        self, operation_id: int, lot_id: int | None, bucket: str, points: int, at: datetime
    ) -> None:
        self._entries.append(entry(self.member_id, operation_id, lot_id, bucket, points, at))

    def _replace(self, lot: Lot) -> None:
        self.lots[lot.id] = lot
        self._touched.add(lot.id)


_ONE_LOT = sa.select(
    LOTS.c.id,
    LOTS.c.remaining,
    LOTS.c.earned_at,
    LOTS.c.usable_from,
    LOTS.c.expires_at,
    LOTS.c.is_active,
).where(LOTS.c.id == sa.bindparam("lot"))
REASONS = {"activate": "點數生效", "expire": "點數到期", "repay": "抵還點數欠款"}


def entry(
    member_id: int, operation_id: int, lot_id: int | None, bucket: str, points: int, at: datetime
) -> dict[str, Any]:
    return {
        "operation_id": operation_id,
        "member_id": member_id,
        "lot_id": lot_id,
        "bucket": bucket,
        "amount": points,
        "at": at,
    }


def add_lot(
    session: Session,
    member_id: int,
    operation_id: int,
    points: int,
    *,
    earned_at: datetime,
    usable_from: datetime,
    expires_at: datetime | None,
    is_active: bool,
    parent_id: int | None = None,
) -> int:
    lot_id: int = _ADD_LOT.value(
        session,
        {
            "member_id": member_id,
            "operation_id": operation_id,
            "parent_id": parent_id,
            "quantity": points,
            "remaining": points,
            "earned_at": earned_at,
            "usable_from": usable_from,
            "expires_at": expires_at,
            "is_active": is_active,
        },
    )
    return lot_id


def tell(
    session: Session, member_id: int, kind: str, points: int, cause: Cause, now: datetime
) -> None:
    timeline.record(
        session,
        member_id=member_id,
        kind=kind,
        at=now,
        facts={"points": points, "reason": cause.reason, "actor": cause.actor},
    )
