"""Reading LINE's events: whatever comes, nothing raises and nothing is invented."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.line.events import read
from tests.support.times import NOW

USER = "U" + "a" * 32
json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=12,
)
KEYS = [
    "type",
    "mode",
    "timestamp",
    "source",
    "webhookEventId",
    "replyToken",
    "message",
    "postback",
]


@given(st.dictionaries(st.sampled_from(KEYS), json))
def test_any_event_can_be_read(raw: dict[str, Any]) -> None:
    event = read(raw, received_at=NOW)
    assert 0 < len(event.id) <= 64
    assert 0 < len(event.person) <= 64
    assert "\x00" not in event.text + event.postback_data + event.type
    assert event.occurred_at is not None
    assert isinstance(event.postback_params, dict)


def test_a_message_is_read_whole() -> None:
    event = read(
        {
            "type": "message",
            "mode": "active",
            "timestamp": 1_783_137_600_000,
            "source": {"type": "user", "userId": USER},
            "webhookEventId": "01H",
            "replyToken": "token",
            "message": {"id": "7", "type": "text", "text": "會員卡"},
        },
        received_at=NOW,
    )
    assert (event.user_id, event.person, event.text) == (USER, USER, "會員卡")
    assert event.is_one_on_one
    assert event.occurred_at == NOW


def test_a_group_stands_in_its_own_queue() -> None:
    group = "C" + "b" * 32
    event = read({"source": {"type": "group", "groupId": group}}, received_at=NOW)
    assert (event.person, event.user_id, event.is_one_on_one) == (group, None, False)


def test_an_event_without_an_id_has_the_same_one_when_redelivered() -> None:
    first = read({"type": "follow", "deliveryContext": {"isRedelivery": False}}, received_at=NOW)
    again = read({"type": "follow", "deliveryContext": {"isRedelivery": True}}, received_at=NOW)
    assert first.id == again.id
