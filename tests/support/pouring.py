"""Webhooks and purchases that pour in, and what must be true of them afterwards."""

import itertools
import json
import threading
from collections import Counter
from typing import Any

import httpx
import sqlalchemy as sa

from app.core.db import Database
from app.inbox.models import InboxEvent
from app.insights import checks
from app.line.signature import sign
from app.outbox.models import OutboxRow
from app.purchases.models import Purchase
from tests.support.product import SECRET, House, until
from tests.support.times import NOW


class Pouring:
    """Signed webhooks and purchases, posted until stopped; keeps what was accepted."""

    def __init__(self, place: House, users: list[str], numbers: list[str], token: str) -> None:
        self.place, self.users, self.numbers = place, users, numbers
        self.headers = {"Authorization": f"Bearer {token}"}
        self.accepted_events: set[str] = set()
        self.accepted_sales: dict[str, dict[str, Any]] = {}
        self.tried_sales: dict[str, dict[str, Any]] = {}
        self.stopped = threading.Event()
        self._ids = itertools.count()
        self.threads = [
            threading.Thread(target=self._pour, args=(action,), daemon=True)
            for action in (self._event, self._event, self._sale, self._sale)
        ]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join(30)

    def accepted(self) -> int:
        return len(self.accepted_events) + len(self.accepted_sales)

    def _pour(self, action: Any) -> None:
        with httpx.Client(base_url=self.place.product.url, timeout=5, trust_env=False) as http:
            while not self.stopped.is_set():
                self._until_it_may_have_arrived(action, http, next(self._ids))
                # A till's pace, so that what has to be compared afterwards stays bounded.
                self.stopped.wait(0.02)

    def _until_it_may_have_arrived(self, action: Any, http: httpx.Client, number: int) -> None:
        """While nobody listens the same is tried again; once somebody did, its fate is unknown."""
        while not self.stopped.is_set():
            try:
                action(http, number)
            except httpx.ConnectError:
                self.stopped.wait(0.02)
            except httpx.HTTPError:
                break
            else:
                break

    def _event(self, http: httpx.Client, number: int) -> None:
        # A reply token that LINE never gave would be refused, so these ask for nothing back but
        # a change: blocking and unblocking is a write that must happen exactly once.
        event_id = f"crash-{number}"
        event = {
            "type": "postback",
            "mode": "active",
            "timestamp": 1_783_000_000_000 + number,
            "source": {"type": "user", "userId": self.users[number % len(self.users)]},
            "webhookEventId": event_id,
            "deliveryContext": {"isRedelivery": False},
            "postback": {"data": "crash:probe"},
        }
        body = json.dumps({"destination": "U" + "0" * 32, "events": [event]}).encode()
        headers = {"x-line-signature": sign(SECRET.encode(), body).decode()}
        if http.post("/line/webhook", content=body, headers=headers).status_code == 200:
            self.accepted_events.add(event_id)

    def _sale(self, http: httpx.Client, number: int) -> None:
        sale = {
            "external_id": f"crash-{number}",
            "member": {"number": self.numbers[number % len(self.numbers)]},
            "store": "S01",
            "amount": 100 + number % 900,
        }
        self.tried_sales[sale["external_id"]] = sale  # type: ignore[index]  # a str, two lines up
        answer = http.post("/api/v1/purchases", json=sale, headers=self.headers)
        if answer.status_code in (200, 201):
            self.accepted_sales[str(sale["external_id"])] = answer.json()
        else:
            assert answer.status_code == 503, answer.text


def all_is_well(place: House, pouring: Pouring) -> None:
    """Whatever was accepted was done exactly once, every book adds up, no message is missing."""
    post_again(place, pouring)
    db = Database(place.database_url)
    until(lambda: is_quiet(db), "the house did not become quiet", seconds=120)
    _every_event_handled_once(db, pouring)
    _every_sale_booked_once(db, pouring)
    _every_message_arrived_once(db, place)
    with db.reading() as session:
        assert checks.broken_invariants(session, now=NOW) == []
    db.dispose()


def post_again(place: House, pouring: Pouring) -> None:
    """What a till does after a cut line: the same call again gives the same answer."""
    with httpx.Client(base_url=place.product.url, timeout=30, trust_env=False) as http:
        for external_id, sale in pouring.tried_sales.items():
            answer = http.post("/api/v1/purchases", json=sale, headers=pouring.headers)
            assert answer.status_code in (200, 201), answer.text
            before = pouring.accepted_sales.setdefault(external_id, answer.json())
            assert answer.json() == before


def is_quiet(db: Database) -> bool:
    with db.reading() as session:
        events = session.scalar(sa.select(sa.func.count()).where(InboxEvent.status == "waiting"))
        rows = session.scalar(
            sa.select(sa.func.count()).where(OutboxRow.status.in_(("waiting", "sending")))
        )
    return not events and not rows


def _every_event_handled_once(db: Database, pouring: Pouring) -> None:
    with db.reading() as session:
        rows = session.execute(
            sa.select(InboxEvent.webhook_event_id, InboxEvent.status).where(
                InboxEvent.webhook_event_id.like("crash-%")
            )
        ).all()
    assert {row.status for row in rows} == {"handled"}
    kept = Counter(row.webhook_event_id for row in rows)
    assert pouring.accepted_events <= kept.keys()
    assert set(kept.values()) == {1}


def _every_sale_booked_once(db: Database, pouring: Pouring) -> None:
    with db.reading() as session:
        booked = Counter(
            session.scalars(
                sa.select(Purchase.external_id).where(Purchase.external_id.like("crash-%"))
            )
        )
    assert set(booked) == set(pouring.tried_sales)
    assert set(booked.values()) == {1}


def _every_message_arrived_once(db: Database, place: House) -> None:
    """What the product counts as sent is what LINE accepted, request by request."""
    with db.reading() as session:
        pushes = session.execute(
            sa.select(OutboxRow.retry_key, OutboxRow.status, OutboxRow.reason).where(
                OutboxRow.channel == "push"
            )
        ).all()
    assert {row.status for row in pushes} <= {"sent"}, Counter(
        (row.status, row.reason) for row in pushes
    )
    received = place.line.get("/control/received", limit=100_000)["received"]
    requests = {entry["requestId"]: entry["retryKey"] for entry in received if entry["retryKey"]}
    arrived = Counter(requests.values())
    assert set(arrived.values()) <= {1}
    assert set(arrived) == {row.retry_key for row in pushes}
