"""Unguessable codes and keys; ids of rows as they are typed."""

import hashlib
import hmac
import secrets
from typing import Final

CODE_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # no 0 O 1 I L: read aloud at the till


LARGEST: Final = 2**63 - 1  # what a BIGINT holds; more would be an error of the driver


def id_typed(text: str) -> int | None:
    """An id from a text that may also be empty or odd."""
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        return None
    number = int(text)
    return number if 1 <= number <= LARGEST else None


def random_code(length: int = 12) -> str:
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(length))


def random_digits(length: int) -> str:
    return "".join(secrets.choice("0123456789") for _ in range(length))


def secret_token() -> str:
    return secrets.token_urlsafe(32)


def retry_key() -> str:
    """A hex UUID, as LINE wants in X-Line-Retry-Key; `uuid4` takes twice as long to write one."""
    drawn = secrets.token_hex(16)
    return f"{drawn[:8]}-{drawn[8:12]}-4{drawn[13:16]}-a{drawn[17:20]}-{drawn[20:]}"


def digest(token: str) -> str:
    """How a bearer token or session is kept: never itself, only its SHA-256."""
    return hashlib.sha256(token.encode()).hexdigest()


def keyed_hash(key: str, value: str) -> str:
    """HMAC-SHA256, so that a phone cannot be found by hashing all phones."""
    return hmac.digest(key.encode(), value.encode(), hashlib.sha256).hex()
