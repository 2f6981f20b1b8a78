"""The simulated LINE users and what stands in their chats."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

Json = dict[str, object]


class Sent:
    """The messages of one accepted request, kept as received and read only when looked at."""

    __slots__ = ("body", "endpoint", "kind", "reply_token", "request_id", "retry_key")

    def __init__(
        self,
        body: bytes,
        endpoint: str,
        request_id: str,
        retry_key: str | None = None,
        reply_token: str | None = None,
    ) -> None:
        self.body = body
        self.endpoint = endpoint
        self.kind = endpoint.rpartition("/")[2]
        self.request_id = request_id
        self.retry_key = retry_key
        self.reply_token = reply_token

    def message(self, index: int) -> Json:
        message: Json = orjson.loads(self.body)["messages"][index]
        return message


@dataclass(slots=True)
class Entry:
    """One line of a conversation. `at` is in seconds since 1970."""

    n: int
    id: str
    user_id: str
    author: str  # user, bot, friend or system
    at: float
    kind: str = "message"
    given: Json | None = None
    sent: Sent | None = None
    index: int = 0
    text: str | None = None
    sender: Mapping[str, object] | None = None
    is_read: bool = False
    is_unsent: bool = False

    def message(self) -> Json | None:
        if self.sent is not None:
            return self.sent.message(self.index)
        return self.given


@dataclass(slots=True)
class Person:
    user_id: str
    display_name: str
    picture_url: str | None = None
    language: str = "zh-TW"
    status_message: str | None = None
    is_following: bool = False
    is_blocking: bool = False
    is_deleted: bool = False
    wrote_at: float | None = None
    rich_menu_id: str | None = None
    loading_until: float = 0.0
    seen_n: int = 0
    is_listed: bool = True  # else shown only to who searches for them
    entries: list[Entry] = field(default_factory=list)

    def receives(self, now: float) -> bool:
        """Push reaches friends, and others for seven days after they wrote."""
        if self.is_blocking or self.is_deleted:
            return False
        if self.is_following:
            return True
        return self.wrote_at is not None and now - self.wrote_at < 7 * 86_400


@dataclass(slots=True)
class ReplyToken:
    """`delivered_at` is None until a webhook carried it away."""

    user_id: str
    event_at: float
    delivered_at: float | None = None
    is_used: bool = False


@dataclass(slots=True)
class RichMenu:
    rich_menu_id: str
    body: Json
    image: bytes | None = None
    image_type: str = "image/png"


@dataclass(slots=True)
class Content:
    user_id: str
    kind: str
    content_type: str
    data: bytes
    is_gone: bool = False


@dataclass(slots=True)
class Request:
    """One line of the request log."""

    n: int
    at: float
    method: str
    path: str
    status: int
    request_id: str
    body: bytes
    is_json: bool
    ms: float
    retry_key: str | None = None
    accepted_request_id: str | None = None
    user_id: str | None = None
    fault: int | None = None
