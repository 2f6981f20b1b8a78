"""Identifiers that look like LINE's."""

import itertools
import re
import secrets
import uuid

from app.simulator.config import SimulatorConfig

USER_ID = re.compile(r"U[0-9a-f]{32}")
CHAT_ID = re.compile(r"[UCR][0-9a-f]{32}")
RETRY_KEY = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def user_id() -> str:
    return "U" + secrets.token_hex(16)


def request_id() -> str:
    return str(uuid.uuid4())


def reply_token() -> str:
    return secrets.token_hex(16)


def rich_menu_id() -> str:
    return "richmenu-" + secrets.token_hex(16)


def opaque() -> str:
    return secrets.token_urlsafe(32)


def event_id(milliseconds: int) -> str:
    """A ULID: 48 bits of time, 80 of chance, in Crockford's base 32."""
    number = (milliseconds << 80) | int.from_bytes(secrets.token_bytes(10))
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


class MessageIds:
    """18-digit message ids that only grow."""

    def __init__(self) -> None:
        self._next = itertools.count(560_000_000_000_000_001)

    def take(self) -> str:
        return str(next(self._next))


def quote_token(message_id: str) -> str:
    return f"q3Plxr4AgKd{message_id}"


def read_token(message_id: str) -> str:
    return f"30yhdy232AG{message_id}"


def token_message(token: str) -> str:
    """The message id inside a `markAsReadToken`."""
    return token.removeprefix("30yhdy232AG")


def bot_of(config: SimulatorConfig) -> dict[str, object]:
    bot: dict[str, object] = {
        "userId": config.bot_user_id,
        "basicId": config.basic_id,
        "displayName": config.bot_name,
        "chatMode": "bot",
        "markAsReadMode": "auto",
    }
    if config.picture_url:
        bot["pictureUrl"] = config.picture_url
    return bot
