"""From an event to messages: find or make the person, pick the handler, queue the reply."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.cards import queries as cards
from app.cards.queries import Card
from app.inbox.service import Claimed
from app.line.events import Event
from app.line.router import Answer, Lasting, Router, first_answer
from app.members import queries as members
from app.members import service as member_service
from app.members.queries import Person
from app.outbox import service as outbox
from handlers import card as card_handler
from handlers.context import Brand, Context


class Conversation:
    """Serves one worker: `begin` reads the batch's people at once, `handle` answers one event."""

    def __init__(self, routers: Sequence[Router[Context]], brand: Brand) -> None:
        self._routers, self._brand = routers, brand
        self._people: dict[str, Person] = {}
        self._cards: dict[int, Card] = {}
        self._replies: list[dict[str, Any]] = []

    def begin(self, session: Session, events: Sequence[Claimed], now: datetime) -> None:
        """A person is found or made from any event, whatever it says."""
        self._replies = []
        ids = {claimed.event.user_id for claimed in events if claimed.event.user_id is not None}
        self._people = members.people_by_line_id(session, sorted(ids))
        unknown = ids - self._people.keys()
        if unknown:
            member_service.meet(session, unknown, now=now)
            self._people |= members.people_by_line_id(session, sorted(unknown))
        member_service.seen(session, sorted(person.id for person in self._people.values()), now=now)
        self._cards = cards.cards(session, self._who_ask_for_cards(events), now=now)

    def _who_ask_for_cards(self, events: Sequence[Claimed]) -> list[int]:
        asking = {
            self._people[event.user_id].id
            for event in (claimed.event for claimed in events)
            if event.user_id is not None and card_handler.routes.is_asked(event)
        }
        return sorted(asking)

    def handle(self, session: Session, claimed: Claimed, now: datetime) -> str:
        event = claimed.event
        if event.user_id is None:
            return "ignored: no user"
        if event.mode != "active":
            # A module channel holds the chat: we must neither answer nor send.
            return f"ignored: mode {event.mode}"[:40]
        person = self._people[event.user_id]
        # Good for this person's first event only: whatever it does may change what the card says.
        card = self._cards.pop(person.id, None)
        context = Context(session, now, person, self._brand, card)
        answer = first_answer(self._routers, event, context)
        if answer is None:
            return f"ignored: {event.type}"[:40]
        self._refresh(session, event, answer)
        self._reply(event, person, answer, now)
        return answer.handler

    def end(self, session: Session, now: datetime) -> None:
        outbox.reply_all(session, self._replies)
        self._replies = []

    def _reply(self, event: Event, person: Person, answer: Answer, now: datetime) -> None:
        if not answer.messages or event.reply_token is None:
            return
        self._replies.append(
            outbox.reply_row(
                member_id=person.id,
                recipient=event.user_id or "",
                reply_token=event.reply_token,
                received_at=event.received_at,
                messages=answer.messages,
                kind=answer.handler,
                now=now,
                is_lasting=isinstance(answer.messages, Lasting),
            )
        )

    def _refresh(self, session: Session, event: Event, answer: Answer) -> None:
        """A handler may have changed who this is; later events of the batch must see it."""
        if answer.handler in _CHANGES_PEOPLE and event.user_id is not None:
            self._people |= members.people_by_line_id(session, [event.user_id])


_CHANGES_PEOPLE = frozenset({"follow", "join", "centre"})
