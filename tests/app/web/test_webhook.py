"""LINE's door: signature, body, duplicates, many at once."""

import asyncio
from typing import Any

import httpx
import orjson
import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.inbox.models import InboxEvent
from app.line.signature import sign
from app.web.webhook import BODY_LIMIT, Webhook
from tests.support.times import NOW

SECRET = "channel-secret"
USER = "U" + "a" * 32


def event(event_id: str = "01HEVENT", **fields: Any) -> dict[str, Any]:
    return {
        "type": "message",
        "mode": "active",
        "timestamp": 1_783_000_000_000,
        "source": {"type": "user", "userId": USER},
        "webhookEventId": event_id,
        "deliveryContext": {"isRedelivery": False},
        "replyToken": "r" * 32,
        "message": {"id": "1", "type": "text", "text": "會員卡"},
    } | fields


def body_of(*events: object) -> bytes:
    return orjson.dumps({"destination": "U" + "0" * 32, "events": list(events)})


@pytest.fixture
def door(db: Database) -> Webhook:
    return Webhook(db, SECRET, lambda: NOW, on_kept=lambda: None)


def post(door: Webhook, *bodies: bytes, signature: bytes | None = None) -> list[int]:
    """Post all bodies at once; return their statuses."""

    async def run() -> list[int]:
        transport = httpx.ASGITransport(app=door)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:

            async def one(body: bytes) -> int:
                signed = sign(SECRET.encode(), body) if signature is None else signature
                headers = {b"x-line-signature": signed} if signed else {}
                answer = await client.post("/line/webhook", content=body, headers=headers)
                return answer.status_code

            return list(await asyncio.gather(*(one(body) for body in bodies)))

    return asyncio.run(run())


def kept(db: Database) -> list[str]:
    with db.reading() as session:
        return list(session.scalars(sa.select(InboxEvent.webhook_event_id)))


def test_a_signed_event_is_kept_and_answered(db: Database, door: Webhook) -> None:
    assert post(door, body_of(event())) == [200]
    assert kept(db) == ["01HEVENT"]


def test_an_empty_delivery_is_answered(db: Database, door: Webhook) -> None:
    assert post(door, body_of()) == [200]
    assert kept(db) == []


@pytest.mark.parametrize("signature", [b"", b"wrong", b"\xff\xfe"])
def test_an_unsigned_delivery_is_refused(db: Database, door: Webhook, signature: bytes) -> None:
    assert post(door, body_of(event()), signature=signature) == [401]
    assert kept(db) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"events": null}',
        b'{"events": {}}',
        b'{"events": [1]}',
        b'{"events": [null]}',
        b'{"events": [[]]}',
        b"\xff\xfe",
        b'{"events": [' * 2000,
    ],
)
def test_a_body_that_is_no_envelope_is_refused(db: Database, door: Webhook, body: bytes) -> None:
    assert post(door, body) == [400]
    assert kept(db) == []


ODD_EVENTS: list[dict[str, Any]] = [
    {},
    {"type": None},
    {"type": "brandNewEvent", "webhookEventId": "x"},
    event(mode="newMode"),
    event(source=None),
    event(source={"type": "user"}),
    event(source={"type": "user", "userId": 5}),
    event(source={"type": "user", "userId": "Unotanid"}),
    event(source={"type": "group", "groupId": "C" + "b" * 32}),
    event(timestamp="soon"),
    event(timestamp=-5),
    event(timestamp=10**30 % 2**62),
    event(timestamp=True),
    event(replyToken=5),
    event(replyToken="r" * 5000),
    event(message=None),
    event(message={"type": "hologram"}),
    event(message={"type": "text", "text": "a\x00b"}),
    event(message={"type": "text", "text": "😀" * 5000}),
    event(webhookEventId="i" * 500),
    event(webhookEventId=7),
    event(deliveryContext=None),
    event(type="t" * 500),
    event(postback="not an object"),
]


@pytest.mark.parametrize("odd", ODD_EVENTS)
def test_an_odd_event_is_kept_not_judged(db: Database, door: Webhook, odd: dict[str, Any]) -> None:
    assert post(door, body_of(odd, event("01HSANE"))) == [200]
    assert len(kept(db)) == 2
    assert "01HSANE" in kept(db)


def test_an_event_delivered_again_is_kept_once(db: Database, door: Webhook) -> None:
    again = event(deliveryContext={"isRedelivery": True})
    assert post(door, *[body_of(event()), body_of(again)] * 10) == [200] * 20
    assert kept(db) == ["01HEVENT"]


def test_an_event_without_an_id_is_recognised_by_its_content(db: Database, door: Webhook) -> None:
    bare = event()
    del bare["webhookEventId"]
    assert post(door, body_of(bare), body_of(bare)) == [200, 200]
    assert len(kept(db)) == 1


def test_many_deliveries_at_once_are_all_kept(db: Database, door: Webhook) -> None:
    bodies = [body_of(*(event(f"{n}-{k}") for k in range(5))) for n in range(60)]
    assert post(door, *bodies) == [200] * 60
    assert len(kept(db)) == 300


def test_a_body_over_the_limit_is_refused(db: Database, door: Webhook) -> None:
    assert post(door, body_of(event(padding="x" * BODY_LIMIT))) == [413]
    assert kept(db) == []
