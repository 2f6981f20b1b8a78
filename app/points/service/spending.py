"""Points go out for something, and come back when that is undone."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.points import rules
from app.points.models import ENTRIES, LOTS, OPERATIONS
from app.points.service.books import SAME_ID, Books, Cause, Posted, lock, post, tell
from app.programmes.rules import PointTerms


def redeem(
    session: Session,
    *,
    member_id: int,
    points: int,
    cause: Cause,
    now: datetime,
    facts: Mapping[str, Any] | None = None,
) -> Posted:
    """Spend usable points, all or nothing. Raises NotEnoughPoints, Conflict."""
    return spend(session, member_id, "redeem", points, cause, facts, now)


def spend(
    session: Session,
    member_id: int,
    kind: str,
    points: int,
    cause: Cause,
    facts: Mapping[str, Any] | None,
    now: datetime,
) -> Posted:
    held = lock(session, member_id=member_id, now=now)
    is_known = session.execute(SAME_ID, {"external_id": cause.external_id}).one_or_none()
    if is_known is None and (held.debt > 0 or held.balance < points):
        raise rules.NotEnoughPoints(held.balance, points)
    operation_id, is_new, amount, _ = post(
        session,
        member_id,
        kind,
        -points,
        cause,
        content=(-points,),
        facts=facts,
        at=now,
        now=now,
    )
    if is_new and points:
        books = Books(session, member_id, held, now)
        books.take(operation_id, rules.spend(books.lots.values(), points, books.debt))
        held = books.close()
        word = "points.redeemed" if kind == "redeem" else "points.adjusted"
        tell(session, member_id, word, -points, cause, now)
    return Posted(operation_id, amount, held, is_new)


_SPENT = (
    sa.select(ENTRIES.c.lot_id, ENTRIES.c.amount, LOTS.c.earned_at, LOTS.c.expires_at)
    .join(LOTS, LOTS.c.id == ENTRIES.c.lot_id)
    .where(ENTRIES.c.operation_id == sa.bindparam("operation"), ENTRIES.c.amount < 0)
    .order_by(ENTRIES.c.id.desc())
)
_RESTORED = sa.select(sa.func.coalesce(sa.func.sum(OPERATIONS.c.amount), 0)).where(
    OPERATIONS.c.source == "operation",
    OPERATIONS.c.source_id == sa.bindparam("operation"),
    OPERATIONS.c.kind == "restore",
)


def restore(
    session: Session,
    *,
    member_id: int,
    redemption_id: int,
    external_id: str,
    actor: str,
    reason: str,
    terms: PointTerms,
    now: datetime,
    points: int | None = None,
) -> Posted:
    """Give spent points back (all that is left of the redemption, or `points` of it), to the lots
    they came from; what has lapsed or nearly so lives at least `restore_min_days` more days.
    Raises NotFound, Conflict."""
    held = lock(session, member_id=member_id, now=now)
    cause = Cause(external_id, actor, reason, "operation", redemption_id)
    pieces = session.execute(_SPENT, {"operation": redemption_id}).all()
    restored = int(session.execute(_RESTORED, {"operation": redemption_id}).scalar_one())
    rest = -sum(piece.amount for piece in pieces) - restored
    is_known = session.execute(SAME_ID, {"external_id": external_id}).one_or_none()
    if is_known is None and (rest <= 0 or (points or 0) > rest):
        raise NotFound("redeemed points", redemption_id)
    amount = rest if points is None else points
    operation_id, is_new, amount, _ = post(
        session, member_id, "restore", amount, cause, content=(points,), at=now, now=now
    )
    if is_new:
        books = Books(session, member_id, held, now)
        for piece, part in _parts(pieces, skip=restored, points=amount):
            _give_back(books, operation_id, piece, part, terms, now)
        books.repay(operation_id)
        held = books.close()
        tell(session, member_id, "points.restored", amount, cause, now)
    return Posted(operation_id, amount, held, is_new)


def _parts(pieces: Sequence[Any], *, skip: int, points: int) -> list[tuple[Any, int]]:
    """The last spent come back first; `skip` of them came back before."""
    parts = []
    for piece in pieces:
        spent = -piece.amount
        skipped = min(skip, spent)
        part = min(points, spent - skipped)
        skip, points = skip - skipped, points - part
        if part:
            parts.append((piece, part))
    return parts


def _give_back(
    books: Books, operation_id: int, piece: Any, points: int, terms: PointTerms, now: datetime
) -> None:
    until = rules.restored_until(terms, piece.expires_at, now)
    if until == piece.expires_at:
        books.load(piece.lot_id)
        books.move(operation_id, piece.lot_id, points, now)
        return
    books.grant(
        operation_id,
        points,
        earned_at=piece.earned_at,
        usable_from=now,
        expires_at=until,
        is_active=True,
        parent_id=piece.lot_id,
    )
