"""Photos of invoices, fetched from LINE and read between transactions, then registered."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.core.db import Database
from app.core.scanning import NotAPicture, codes_in
from app.invoices import messages, queries, service
from app.invoices.queries import PhotoDue
from app.invoices.rules import slips
from app.invoices.rules.campaigns import REMEMBERED_FOR, InvoiceRefused
from app.invoices.rules.slips import Code, NotAnInvoice
from app.line.gateway import Gateway, SendError
from app.members import queries as members
from app.outbox import service as outbox
from flex_templates import parts
from flex_templates.theme import Theme

AT_ONCE = 4

Picture = bytes | SendError | None


def read(
    db: Database,
    line: Gateway,
    run: Callable[[Coroutine[Any, Any, list[Picture]]], list[Picture]],
    *,
    theme: Theme,
    now: datetime,
) -> int:
    """Fetch, read and register what is due; return how many photos that were."""
    with db.reading() as session:
        due = queries.photos_due(session, now=now)
    if not due:
        return 0
    for photo, picture in zip(due, run(_fetch_all(line, due)), strict=True):
        if isinstance(picture, SendError) and not _is_hopeless(picture, photo):
            with db.transaction() as session:
                service.photo_again(session, photo_id=photo.id, now=now)
            continue
        found = [] if picture is None or isinstance(picture, SendError) else _codes(picture)
        is_fetched = isinstance(picture, bytes)
        _register(db, photo, found, is_fetched=is_fetched, theme=theme, now=now)
    return len(due)


def _is_hopeless(error: SendError, photo: PhotoDue) -> bool:
    return error.is_permanent or photo.attempts + 1 >= service.MOST_ATTEMPTS


def _codes(picture: bytes) -> list[Code]:
    try:
        return [Code(found.text, found.data) for found in codes_in(picture)]
    except NotAPicture:
        return []


def _register(
    db: Database,
    photo: PhotoDue,
    codes: list[Code],
    *,
    is_fetched: bool,
    theme: Theme,
    now: datetime,
) -> None:
    """In one transaction: the photo is done with, and the invoice registered or refused. A refusal
    takes back what the claim began, not the answer."""
    with db.transaction() as session:
        earlier = queries.lone_codes(session, photo.member_id, since=now - REMEMBERED_FOR)
        all_codes = [*codes, *(Code(text) for text in earlier)]
        answer, lone = _outcome(session, photo, all_codes, codes, theme, now)
        if not is_fetched:
            closed, answer = service.photo_failed(session, photo_id=photo.id), messages.NOT_FETCHED
        else:
            closed = service.photo_read(session, photo_id=photo.id, lone_codes=lone)
        if closed and answer:
            _answer(session, photo, answer, now)


def _outcome(
    session: Session,
    photo: PhotoDue,
    all_codes: Sequence[Code],
    own: Sequence[Code],
    theme: Theme,
    now: datetime,
) -> tuple[str, list[str]]:
    """(the answer in words, codes to remember); an invoice that is taken is told by its receipt."""
    try:
        slip = slips.read(all_codes)
        with session.begin_nested():
            service.claim(
                session, member_id=photo.member_id, slip=slip, source="chat", theme=theme, now=now
            )
    except NotAnInvoice as refused:
        lone = [code.text for code in own] if refused.reason == "needs_left" else []
        return messages.explain(refused), lone
    except InvoiceRefused as refused:
        return messages.explain(refused), []
    return "", []


def _answer(session: Session, photo: PhotoDue, words: str, now: datetime) -> None:
    """On the reply token while it lives, which costs nothing."""
    recipient = members.person(session, photo.member_id).line_user_id
    if recipient is None:
        return
    if photo.reply_token is not None:
        row = outbox.reply_row(
            member_id=photo.member_id,
            recipient=recipient,
            reply_token=photo.reply_token,
            received_at=photo.received_at,
            messages=[parts.say(words)],
            kind="invoice",
            now=now,
            is_lasting=True,
        )
        outbox.reply_all(session, [row])
        return
    outbox.push(
        session,
        member_id=photo.member_id,
        recipient=recipient,
        messages=[parts.say(words)],
        kind="invoice",
        klass="service",
        dedup_key=f"invoice-photo:{photo.id}",
        now=now,
    )


async def _fetch_all(line: Gateway, due: Sequence[PhotoDue]) -> list[Picture]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def fetch(photo: PhotoDue) -> Picture:
        async with gate:
            try:
                return await line.content(photo.message_id)
            except SendError as error:
                return error

    return list(await asyncio.gather(*(fetch(photo) for photo in due)))
