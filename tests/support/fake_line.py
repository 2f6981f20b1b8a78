"""LINE as a test wants it: keeps what it got, answers as it is told."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from app.line.gateway import Accepted, Profile, SendError


@dataclass
class FakeLine:
    """`answers` are used up in order, one a call; then everything is accepted."""

    answers: list[SendError | Accepted] = field(default_factory=list)
    calls: list[tuple[str, str, str]] = field(default_factory=list)  # kind, to or token, retry key
    messages: list[list[dict[str, object]]] = field(default_factory=list)
    menus: dict[str, str] = field(default_factory=dict)
    profiles: dict[str, Profile | SendError | None] = field(default_factory=dict)
    contents: dict[str, bytes | SendError | None] = field(default_factory=dict)

    async def reply(self, token: str, messages: bytes) -> Accepted:
        return self._take("reply", token, "", messages)

    async def push(self, to: str, messages: bytes, retry_key: str) -> Accepted:
        return self._take("push", to, retry_key, messages)

    async def multicast(self, to: bytes, messages: bytes, retry_key: str) -> Accepted:
        return self._take("multicast", " ".join(orjson.loads(to)), retry_key, messages)

    async def link_menu(self, user_id: str, rich_menu_id: str) -> Accepted:
        return self._take("menu", user_id, rich_menu_id, b"[]")

    async def rich_menu_of_alias(self, alias: str) -> str | None:
        return self.menus.get(alias)

    async def profile(self, user_id: str) -> Profile | None:
        found = self.profiles.get(user_id)
        if isinstance(found, SendError):
            raise found
        return found

    async def content(self, message_id: str) -> bytes | None:
        found = self.contents.get(message_id)
        if isinstance(found, SendError):
            raise found
        return found

    async def close(self) -> None:
        return None

    def _take(self, kind: str, to: str, key: str, messages: bytes) -> Accepted:
        self.calls.append((kind, to, key))
        self.messages.append(orjson.loads(messages))
        answer = self.answers.pop(0) if self.answers else Accepted(f"request-{len(self.calls)}")
        if isinstance(answer, SendError):
            raise answer
        return answer

    def sent(self) -> Sequence[str]:
        """The first text of every request."""
        return [str(messages[0].get("text")) for messages in self.messages if messages]


@dataclass
class FakeSms:
    texts: list[tuple[str, str]] = field(default_factory=list)
    answers: list[SendError] = field(default_factory=list)

    async def send(self, to: str, text: str, key: str) -> Accepted:
        if self.answers:
            raise self.answers.pop(0)
        self.texts.append((to, text))
        return Accepted(key)

    async def close(self) -> None:
        return None
