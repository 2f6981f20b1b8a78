"""How often and how soon a failing event is tried again."""

from datetime import timedelta

MAX_ATTEMPTS = 5
LEASE = timedelta(seconds=60)


def retry_after(attempts: int) -> timedelta:
    """2, 4, 8, 16 … seconds after the first, second … failure, at most ten minutes."""
    return timedelta(seconds=min(2**attempts, 600))
