"""Keys as others expect them."""

import hashlib
import hmac
import uuid

from app.core import ids


def test_a_retry_key_is_a_random_uuid() -> None:
    keys = [ids.retry_key() for _ in range(1_000)]
    assert len(set(keys)) == 1_000
    for key in keys:
        read = uuid.UUID(key)
        assert str(read) == key
        assert (read.version, read.variant) == (4, uuid.RFC_4122)


def test_a_keyed_hash_is_hmac_sha256() -> None:
    expected = hmac.new(b"key", "值".encode(), hashlib.sha256).hexdigest()
    assert ids.keyed_hash("key", "值") == expected
