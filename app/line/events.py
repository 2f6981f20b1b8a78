"""A webhook event as we read it: tolerant of everything LINE may add without notice.

https://developers.line.biz/en/reference/messaging-api/#webhook-event-objects
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_USER_ID = re.compile(r"U[0-9a-f]{32}")
_EVENT_ID_MAX = 64
_LAST_MS = 253_402_300_799_000  # the end of year 9999: what a datetime can hold


@dataclass(frozen=True, slots=True)
class Event:
    """`person` is whose queue the event stands in; `user_id` is None when LINE did not say."""

    id: str
    type: str
    mode: str
    person: str
    user_id: str | None
    reply_token: str | None
    occurred_ms: int
    received_at: datetime
    raw: Mapping[str, Any]

    @property
    def occurred_at(self) -> datetime:
        return datetime.fromtimestamp(self.occurred_ms / 1000, UTC)

    @property
    def is_one_on_one(self) -> bool:
        return _mapping(self.raw, "source").get("type") == "user"

    @property
    def message_type(self) -> str:
        return _text(_mapping(self.raw, "message").get("type"))

    @property
    def message_id(self) -> str:
        return _text(_mapping(self.raw, "message").get("id"))

    @property
    def text(self) -> str:
        return _text(_mapping(self.raw, "message").get("text"))

    @property
    def postback_data(self) -> str:
        return _text(_mapping(self.raw, "postback").get("data"))

    @property
    def postback_params(self) -> Mapping[str, str]:
        params = _mapping(_mapping(self.raw, "postback"), "params")
        return {str(name): _text(value) for name, value in params.items()}

    @property
    def is_unblocked(self) -> bool:
        return _mapping(self.raw, "follow").get("isUnblocked") is True


def read(raw: Mapping[str, Any], *, received_at: datetime) -> Event:
    """Never raises: what is missing or odd is left empty, the raw event stays whole."""
    user_id = _user_id(_mapping(raw, "source"))
    event_id, person, type_, occurred_ms = envelope(raw, received_at=received_at)
    token = _text(raw.get("replyToken"))
    return Event(
        id=event_id,
        type=type_,
        mode=_text(raw.get("mode"))[:40] or "active",
        person=person,
        user_id=user_id or None,
        reply_token=token if 0 < len(token) <= _EVENT_ID_MAX else None,
        occurred_ms=occurred_ms,
        received_at=received_at,
        raw=raw,
    )


def envelope(raw: Mapping[str, Any], *, received_at: datetime) -> tuple[str, str, str, int]:
    """`id`, `person`, `type` and `occurred_ms` of an event: all that keeping it asks for, which
    happens to ten thousand within a second when everybody taps at once."""
    event_id = _event_id(raw)
    source = _mapping(raw, "source")
    return (
        event_id,
        _user_id(source) or _group(source) or event_id,
        _text(raw.get("type"))[:40] or "unknown",
        _milliseconds(raw.get("timestamp"), received_at),
    )


def _user_id(source: Mapping[str, Any]) -> str:
    user_id = _text(source.get("userId"))
    return user_id if is_user_id(user_id) else ""


def _group(source: Mapping[str, Any]) -> str:
    return (_text(source.get("groupId")) or _text(source.get("roomId")))[:64]


def is_user_id(text: str) -> bool:
    return _USER_ID.fullmatch(text) is not None


def _event_id(raw: Mapping[str, Any]) -> str:
    event_id = _text(raw.get("webhookEventId"))
    if 0 < len(event_id) <= _EVENT_ID_MAX:
        return event_id
    content = {name: value for name, value in raw.items() if name != "deliveryContext"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _milliseconds(value: object, received_at: datetime) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LAST_MS:
        return value
    return int(received_at.timestamp() * 1000)


def _mapping(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    """PostgreSQL holds no NUL in text, so none comes in."""
    if not isinstance(value, str):
        return ""
    return value.replace("\x00", "") if "\x00" in value else value
