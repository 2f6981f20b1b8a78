"""Secrets the database must hold and must not show: sealed with a key made from SECRET_KEY.

AES-256-GCM: who has only the database or a backup of it reads nothing and changes nothing unseen.
Another SECRET_KEY opens nothing that was sealed before.
"""

import base64
import binascii
import secrets
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES: Final = 12
OVERHEAD: Final = NONCE_BYTES + 16  # bytes a sealed text is longer: the nonce and the tag


class SealBroken(Exception):
    """Sealed with another key, for something else, or changed since."""


def seal(key: str, plain: bytes, *, about: str) -> str:
    """URL-safe text. `about` says whose secret it is: moved to another row it opens no more."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = nonce + _cipher(key).encrypt(nonce, plain, about.encode())
    return base64.urlsafe_b64encode(sealed).decode()


def opened(key: str, sealed: str, *, about: str) -> bytes:
    """Raises SealBroken."""
    try:
        raw = base64.urlsafe_b64decode(sealed)
        return _cipher(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], about.encode())
    except (InvalidTag, ValueError, binascii.Error) as error:
        raise SealBroken(about) from error


@lru_cache(maxsize=4)
def _cipher(key: str) -> AESGCM:
    derived = HKDF(SHA256(), 32, salt=None, info=b"regulars: secrets at rest").derive(key.encode())
    return AESGCM(derived)
