"""Which handler answers an event. Routers stand in one explicit list; the first that answers wins.

A handler gets the event (and its typed postback data) and a context, and returns the messages to
reply with. `UNHANDLED` passes the event on to the next router; an empty list is an answer: silence.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Generic, TypeVar

from app.line.events import Event
from app.line.postback import BadPostback, Postback, prefix_of

Context = TypeVar("Context")


class _Unhandled(Enum):
    UNHANDLED = "unhandled"


UNHANDLED: Final = _Unhandled.UNHANDLED

# A message is a dict, or the bytes of its JSON where a template was compiled.
Message = dict[str, Any] | bytes
Reply = Sequence[Message] | _Unhandled


class Lasting(list[Message]):
    """An answer that says what was done, or without which somebody is stuck: should the reply token
    die before it is used, it is worth a push."""


Handler = Callable[[Event, Context], Reply]
PostbackHandler = Callable[[Event, Any, Context], Reply]


class AlreadyRouted(ValueError):
    pass


@dataclass(frozen=True, slots=True)
class Answer:
    messages: Sequence[Message]
    handler: str  # kept on the event's row


def normal(text: str) -> str:
    """How a typed word is compared: no outer space, one case, full-width letters folded."""
    return text.strip().translate(_FOLD).casefold()


_FOLD = {full: full - 0xFEE0 for full in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


class Router(Generic[Context]):
    def __init__(self, name: str) -> None:
        self.name = name
        self._events: dict[str, Handler[Context]] = {}
        self._messages: dict[str, Handler[Context]] = {}
        self._words: dict[str, Handler[Context]] = {}
        self._postbacks: dict[str, tuple[type[Postback], PostbackHandler[Context]]] = {}

    def event(self, type_: str) -> Callable[[Handler[Context]], Handler[Context]]:
        return lambda handler: _add(self._events, type_, handler)

    def message(self, type_: str) -> Callable[[Handler[Context]], Handler[Context]]:
        """Any message of this type that no word of this router matches."""
        return lambda handler: _add(self._messages, type_, handler)

    def words(self, *words: str) -> Callable[[Handler[Context]], Handler[Context]]:
        def register(handler: Handler[Context]) -> Handler[Context]:
            for word in words:
                _add(self._words, normal(word), handler)
            return handler

        return register

    def postback(
        self, kind: type[Postback]
    ) -> Callable[[PostbackHandler[Context]], PostbackHandler[Context]]:
        def register(handler: PostbackHandler[Context]) -> PostbackHandler[Context]:
            _add(self._postbacks, kind.prefix, (kind, handler))
            return handler

        return register

    def is_asked(self, event: Event) -> bool:
        """Whether a word or a tap of this router is in the event."""
        if event.type == "postback":
            return prefix_of(event.postback_data) in self._postbacks
        return event.message_type == "text" and normal(event.text) in self._words

    def answer(self, event: Event, context: Context) -> Reply:
        if event.type == "postback":
            return self._answer_postback(event, context)
        if event.type == "message":
            return self._answer_message(event, context)
        handler = self._events.get(event.type)
        return UNHANDLED if handler is None else handler(event, context)

    def _answer_postback(self, event: Event, context: Context) -> Reply:
        found = self._postbacks.get(prefix_of(event.postback_data))
        if found is not None:
            kind, handler = found
            try:
                data = kind.unpack(event.postback_data)
            except BadPostback:
                return UNHANDLED
            return handler(event, data, context)
        fallback = self._events.get("postback")
        return UNHANDLED if fallback is None else fallback(event, context)

    def _answer_message(self, event: Event, context: Context) -> Reply:
        if event.message_type == "text":
            handler = self._words.get(normal(event.text))
            if handler is not None:
                return handler(event, context)
        by_type = self._messages.get(event.message_type) or self._events.get("message")
        return UNHANDLED if by_type is None else by_type(event, context)


_Value = TypeVar("_Value")


def _add(table: dict[str, _Value], key: str, value: _Value) -> _Value:
    if key in table:
        raise AlreadyRouted(key)
    table[key] = value
    return value


def first_answer(
    routers: Sequence[Router[Context]], event: Event, context: Context
) -> Answer | None:
    for router in routers:
        reply = router.answer(event, context)
        if reply is not UNHANDLED:
            return Answer(reply, router.name)
    return None
