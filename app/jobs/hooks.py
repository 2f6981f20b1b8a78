"""Webhooks: write down what new facts owe each address, then send what is due."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from app.core.db import Database
from app.hooks import sender, service

SECONDS: Final = 20  # of a call, so that the next has the time of day right


def tell(
    db: Database, *, key: str, allows_private: bool, is_stopping: Callable[[], bool], now: datetime
) -> int:
    """Return how many deliveries were tried."""
    until = time.monotonic() + SECONDS
    with db.reading() as session:
        waiting = service.has_news(session, now=now)
    for hook_id in waiting:
        has_more = True
        while has_more and not is_stopping() and time.monotonic() < until:
            with db.transaction() as session:
                has_more = service.read_on(session, hook_id=hook_id, now=now)
    done = 0
    while not is_stopping() and time.monotonic() < until:
        tried = sender.send_due(db, now, key=key, allows_private=allows_private)
        if not tried:
            break
        done += tried
    return done
