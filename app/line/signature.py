"""LINE signs the raw body: base64(HMAC-SHA256(channel secret, bytes)).

https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/
"""

import base64
import hashlib
import hmac


def sign(secret: bytes, body: bytes) -> bytes:
    return base64.b64encode(hmac.digest(secret, body, hashlib.sha256))


def is_signed(secret: bytes, body: bytes, signature: bytes) -> bool:
    return hmac.compare_digest(sign(secret, body), signature)
