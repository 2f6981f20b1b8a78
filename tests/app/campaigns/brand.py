"""A brand that sends letters to many, for tests."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.attention import rules as attention
from app.campaigns import queries, service
from app.campaigns.messages import Brand
from app.campaigns.models import RECIPIENTS
from app.campaigns.rules.letters import Letter, of_card
from app.core.db import Database
from app.jobs import broadcasts
from app.outbox.models import OutboxRow
from flex_templates import theme as themes
from tests.app.lifecycle.brand import at

D = date(2026, 7, 10)
START = at(D, 12)
BRAND = Brand(themes.named("camphor", brand="小日子選物"), "https://shop.example.tw", "k" * 32)
LETTER = of_card("夏茶上市", "{姓名}您好，今年的夏茶到了。", label="看門市", place="stores")
HELD_OUT = next(number for number in range(1, 1_000) if attention.is_held_out(number))


def but(letter: Letter = LETTER, **values: str) -> Letter:
    """The letter with other values of its first card."""
    return replace(letter, parts=(replace(letter.parts[0], **values), *letter.parts[1:]))


def drafted(
    session: Session, letter: Letter = LETTER, *, segment_id: int | None = None, name: str = "夏茶"
) -> int:
    return service.create(
        session, name=name, segment_id=segment_id, letter=letter, staff_id=None, now=START
    )


def planned(
    session: Session,
    letter: Letter = LETTER,
    *,
    segment_id: int | None = None,
    send_at: datetime = START,
) -> int:
    broadcast_id = drafted(session, letter, segment_id=segment_id)
    service.plan(session, broadcast_id=broadcast_id, send_at=send_at, now=min(START, send_at))
    return broadcast_id


def advance(
    db: Database, now: datetime = START, *, is_stopping: Callable[[], bool] = lambda: False
) -> int:
    return broadcasts.advance(db, brand=BRAND, is_stopping=is_stopping, now=now)


def verdicts(session: Session) -> list[tuple[int, str, str | None]]:
    """(member, what became of them, why), by member."""
    columns = (RECIPIENTS.c.member_id, RECIPIENTS.c.status, RECIPIENTS.c.reason)
    rows = session.execute(sa.select(*columns).order_by(RECIPIENTS.c.member_id))
    return [(row[0], row[1], row[2]) for row in rows]


def letters(session: Session) -> list[tuple[int | None, str]]:
    """(member, payload) of every letter that was queued, by member."""
    rows = session.execute(
        sa.select(OutboxRow.member_id, OutboxRow.payload)
        .where(OutboxRow.kind.like(f"{queries.KIND}:%"))
        .order_by(OutboxRow.member_id)
    )
    return [(row[0], row[1]) for row in rows]


def status(session: Session, broadcast_id: int) -> str:
    return queries.broadcast(session, broadcast_id).status
