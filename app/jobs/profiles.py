"""Names and pictures of friends, asked from LINE after the conversation, never during it."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any

from app.core.db import Database
from app.line.gateway import Gateway, Profile, SendError
from app.members import queries, service
from app.members.queries import ProfileDue

AT_ONCE = 20
AFTER_TROUBLE = timedelta(minutes=10)
AFTER_REFUSAL = timedelta(hours=6)  # a wrong token mends only by a person

Answer = Profile | SendError | None


def fetch(
    db: Database,
    line: Gateway,
    run: Callable[[Coroutine[Any, Any, list[Answer]]], list[Answer]],
    *,
    now: datetime,
    limit: int = 100,
) -> int:
    """Ask for up to `limit` profiles; return how many were due."""
    with db.reading() as session:
        due = queries.profiles_due(session, now=now, limit=limit)
    if not due:
        return 0
    answers = run(_ask_all(line, due))
    with db.transaction() as session:
        for person, answer in zip(due, answers, strict=True):
            if isinstance(answer, Profile):
                service.set_profile(
                    session,
                    member_id=person.id,
                    display_name=answer.display_name,
                    picture_url=answer.picture_url,
                    language=answer.language,
                    now=now,
                )
            else:
                service.profile_unavailable(
                    session, member_id=person.id, retry_at=_again_at(answer, now)
                )
    return len(due)


def _again_at(answer: SendError | None, now: datetime) -> datetime | None:
    """LINE knows no such friend: not until they follow again."""
    if answer is None:
        return None
    return now + (AFTER_REFUSAL if answer.is_permanent else AFTER_TROUBLE)


async def _ask_all(line: Gateway, due: Sequence[ProfileDue]) -> list[Answer]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask(person: ProfileDue) -> Answer:
        async with gate:
            try:
                return await line.profile(person.line_user_id)
            except SendError as error:
                return error

    return list(await asyncio.gather(*(ask(person) for person in due)))
