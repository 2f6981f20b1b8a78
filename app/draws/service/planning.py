"""A draw is promised: what it gives, and the hash of the seed that will decide."""

import secrets
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import TAIPEI, taipei_midnight
from app.core.db import insert_ignore
from app.core.errors import Conflict, DomainError
from app.draws import rules
from app.draws.models import DRAWS, OPEN, PRIZES, Draw
from app.draws.rules import DrawDraft
from app.purchases.models import Purchase
from app.staff import service as staff


class TooGenerous(DomainError):
    """Prizes of the year together exceed what the law allows (NT$)."""

    def __init__(self, planned: int, limit: int) -> None:
        super().__init__(f"prizes of NT${planned:,} exceed the yearly NT${limit:,}")
        self.planned, self.limit = planned, limit


def create(session: Session, *, draft: DrawDraft, now: datetime, staff_id: int | None) -> int:
    """Promise it and return its id. Terms and seed never change from now on.

    Raises Invalid naming the field, Conflict for a known code, TooGenerous."""
    rules.check_draft(draft)
    _check_year(session, draft)
    seed, terms = secrets.token_hex(32), rules.terms_text(draft)
    values: dict[str, Any] = {
        name: value for name, value in asdict(draft).items() if name != "prizes"
    }
    values |= {
        "draw_at": draft.draw_at or draft.ends_at,
        "seed": seed,
        "commitment": rules.commitment(seed),
        "terms": terms,
        "terms_hash": rules.sha256(terms),
        "status": OPEN,
        "entries": 0,
        "spins": 0,
        "created_at": now,
    }
    if not insert_ignore(session, Draw, values):
        raise Conflict("code", draft.code)
    draw_id: int = session.execute(
        sa.select(DRAWS.c.id).where(DRAWS.c.code == draft.code)
    ).scalar_one()
    session.execute(
        sa.insert(PRIZES),
        [
            asdict(prize) | {"draw_id": draw_id, "place": place, "remaining": prize.quantity}
            for place, prize in enumerate(draft.prizes)
        ],
    )
    staff.audit(
        session,
        staff_id=staff_id,
        action="draw.created",
        object=f"draw:{draw_id}",
        after={"code": draft.code, "commitment": values["commitment"]},
        now=now,
    )
    return draw_id


def _check_year(session: Session, draft: DrawDraft) -> None:
    """By the calendar year in which a draw ends."""
    year = draft.ends_at.astimezone(TAIPEI).year
    first, following = taipei_midnight(date(year, 1, 1)), taipei_midnight(date(year + 1, 1, 1))
    worth = sa.select(sa.func.coalesce(sa.func.sum(PRIZES.c.value * PRIZES.c.quantity), 0))
    planned = session.execute(
        worth.join(DRAWS, DRAWS.c.id == PRIZES.c.draw_id).where(
            DRAWS.c.ends_at >= first, DRAWS.c.ends_at < following
        )
    ).scalar_one()
    sold = session.execute(
        sa.select(sa.func.coalesce(sa.func.sum(Purchase.amount - Purchase.refunded), 0)).where(
            Purchase.sold_at >= taipei_midnight(date(year - 1, 1, 1)), Purchase.sold_at < first
        )
    ).scalar_one()
    total = int(planned) + sum(prize.value * prize.quantity for prize in draft.prizes)
    limit = rules.yearly_limit(int(sold))
    if total > limit:
        raise TooGenerous(total, limit)
