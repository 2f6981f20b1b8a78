"""Codes that change every half minute, as authenticator apps show them: RFC 6238 over RFC 4226.

https://www.rfc-editor.org/rfc/rfc6238 — SHA-1, six digits and thirty seconds are what every app
assumes, whatever else the address in the QR code says.
"""

import base64
import hmac
import secrets
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

STEP: Final = 30  # seconds a code lives
DIGITS: Final = 6
SECRET_BYTES: Final = 20  # as long as the hash: RFC 4226, section 4, R6
DRIFT: Final = 1  # steps a phone's clock may be off in either direction: RFC 6238, section 5.2


def new_secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


def step_at(now: datetime) -> int:
    """How many half minutes have passed since 1970."""
    return int(now.timestamp()) // STEP


def code(secret: bytes, step: int, *, digits: int = DIGITS) -> str:
    """What the app shows during a step."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def step_of(secret: bytes, typed: str, *, now: datetime) -> int | None:
    """The step whose code this is, the present one or a neighbour; None for a wrong code."""
    present, found = step_at(now), None
    for step in range(present - DRIFT, present + DRIFT + 1):  # all of them: no time tells which
        if hmac.compare_digest(code(secret, step).encode(), typed.encode()):
            found = step
    return found


def spelled(secret: bytes) -> str:
    """The secret as people type it into an app: base32 in groups of four."""
    plain = base64.b32encode(secret).decode().rstrip("=")
    return " ".join(plain[at : at + 4] for at in range(0, len(plain), 4))


def address(secret: bytes, *, issuer: str, account: str) -> str:
    """What the QR code holds. The form is Google's:
    https://github.com/google/google-authenticator/wiki/Key-Uri-Format"""
    key = base64.b32encode(secret).decode().rstrip("=")
    issuer = issuer.replace(":", "：")  # a colon parts the issuer from the account
    query = urlencode({"secret": key, "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{quote(issuer)}:{quote(account)}?{query}"
