"""What people do becomes signed webhooks, delivered as well or as badly as ordered."""

from typing import Any

import aiohttp
import pytest

from tests.app.simulator.desk import Desk, text


def types(desk: Desk) -> list[str]:
    return [event["type"] for event in desk.account.events()]


def words(desk: Desk) -> list[str]:
    return [event["message"]["text"] for event in desk.account.events()]


def test_every_event_carries_the_common_fields_and_a_right_signature(desk: Desk) -> None:
    hana = desk.friend(following=False)
    desk.does(hana, "follow")
    desk.does(hana, "message", text="會員卡")
    desk.does(hana, "sticker")
    desk.does(hana, "location", title="店", latitude=25.1)
    desk.does(hana, "postback", data="a=1")
    desk.does(hana, "block")
    assert types(desk) == ["follow", "message", "message", "message", "postback", "unfollow"]
    for event in desk.account.events():
        assert event["mode"] == "active"
        assert event["timestamp"] == int(desk.clock.now.timestamp() * 1000)
        assert event["source"] == {"type": "user", "userId": hana}
        assert len(event["webhookEventId"]) == 26
        assert event["deliveryContext"] == {"isRedelivery": False}
        assert ("replyToken" in event) == (event["type"] != "unfollow")
    assert desk.account.signatures_hold()
    url, headers, _ = desk.account.posts[0]
    assert url == "http://account.test/webhook"
    assert headers["content-type"].startswith("application/json")


def test_a_follow_after_a_block_says_that_it_was_unblocked(desk: Desk) -> None:
    mei = desk.friend("Mei", following=False)
    for what in ("follow", "block", "unblock"):
        desk.does(mei, what)
    flags = [e["follow"]["isUnblocked"] for e in desk.account.events() if e["type"] == "follow"]
    assert flags == [False, True]


def test_messages_have_the_fields_of_their_type(desk: Desk) -> None:
    hana = desk.friend()
    desk.does(hana, "message", text="hi", quotedMessageId="1")
    desk.does(hana, "audio")
    desk.does(hana, "file")
    written, sound, file = [event["message"] for event in desk.account.events()]
    assert {"id", "text", "quoteToken", "markAsReadToken", "quotedMessageId"} <= set(written)
    assert (sound["duration"], sound["contentProvider"]) == (3000, {"type": "line"})
    assert file["fileName"]


def test_who_has_blocked_the_account_cannot_write(desk: Desk) -> None:
    mei = desk.friend("Mei")
    desk.does(mei, "block")
    answer = desk.does(mei, "message", status=409, text="hi")
    assert answer == {"error": "this person has blocked the account"}


@pytest.mark.parametrize(
    ("action", "params", "event"),
    [
        ({"type": "message", "label": "a", "text": "點數"}, None, "message"),
        ({"type": "postback", "data": "a=1", "displayText": "領"}, None, "postback"),
        (
            {"type": "datetimepicker", "data": "d", "mode": "date"},
            {"date": "2026-07-05"},
            "postback",
        ),
    ],
)
def test_tapping_an_action_does_what_the_line_app_does(
    desk: Desk, action: dict[str, Any], params: Any, event: str
) -> None:
    desk.does(desk.friend(), "action", action=action, params=params)
    sent = desk.account.events()[0]
    assert sent["type"] == event
    if params:
        assert sent["postback"] == {"data": "d", "params": params}


def test_some_taps_are_left_to_the_page(desk: Desk) -> None:
    hana = desk.friend()
    tapped = desk.does(hana, "action", action={"type": "uri", "uri": "https://a.tw"})
    assert (tapped["open"], tapped["webhook"]) == ("https://a.tw", None)
    tapped = desk.does(hana, "action", action={"type": "clipboard", "clipboardText": "A1"})
    assert tapped["copy"] == "A1"
    assert desk.does(hana, "action", action={"type": "camera"})["pick"] == "camera"
    desk.does(hana, "action", status=400, action={"type": "jump"})
    desk.does(
        hana, "action", status=400, action={"type": "datetimepicker", "data": "", "mode": "date"}
    )
    assert desk.account.posts == []


def test_display_text_is_shown_without_a_message_event(desk: Desk) -> None:
    hana = desk.friend()
    desk.does(hana, "postback", data="a=1", displayText="領取優惠券")
    assert types(desk) == ["postback"]
    entries = desk.get(f"users/{hana}/conversation")["messages"]
    assert [(e["from"], e["text"]) for e in entries] == [("user", "領取優惠券")]


def test_other_events_can_be_made_by_hand(desk: Desk) -> None:
    hana = desk.friend()
    event = {"type": "things", "mode": "standby", "things": {"a": 1}}
    desk.does(hana, "event", event=event)
    sent = desk.account.events()[0]
    assert (sent["type"], sent["mode"], sent["things"]) == ("things", "standby", {"a": 1})
    assert "replyToken" not in sent


# Deliveries --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error", "outcome", "reason"),
    [
        (200, None, "delivered", None),
        (204, None, "delivered", None),
        (500, None, "failed", "error_status_code"),
        (200, TimeoutError(), "failed", "request_timeout"),
        (200, aiohttp.ClientPayloadError("cut"), "failed", "unclassified"),
        (200, aiohttp.InvalidURL("nowhere"), "failed", "could_not_connect"),
    ],
)
def test_the_outcome_of_a_delivery_is_recorded(
    desk: Desk, status: int, error: BaseException | None, outcome: str, reason: str | None
) -> None:
    desk.account.status, desk.account.error = status, error
    told = desk.does(desk.friend(), "message", text="hi")["webhook"]
    assert (told["status"], told["reason"]) == (outcome, reason)
    assert told["httpStatus"] == (status if error is None else None)
    assert desk.get("webhooks")["webhooks"] == [told]
    assert desk.get("state")["webhooks"][outcome] == 1


def test_a_redelivery_is_the_same_event_marked_as_such(desk: Desk) -> None:
    hana = desk.friend()
    first = desk.does(hana, "message", text="hi")["webhook"]
    desk.post("webhooks", {"action": "redeliver", "id": first["id"], "wait": True})
    one, two = desk.account.events()
    assert two.pop("deliveryContext") == {"isRedelivery": True}
    assert one.pop("deliveryContext") == {"isRedelivery": False}
    assert one == two
    assert desk.account.signatures_hold()
    desk.post("webhooks", {"action": "redeliver", "id": "none"}, status=404)


def test_a_duplicate_is_the_very_same_body(desk: Desk) -> None:
    hana = desk.friend()
    desk.does(hana, "message", text="one")
    desk.post("webhooks", {"action": "duplicate", "wait": True})
    desk.post("webhooks", {"action": "duplicate", "next": 1})
    desk.does(hana, "message", text="two")
    desk.does(hana, "message", text="three")
    assert desk.post("webhooks/settle") == {"settled": True}
    bodies = [body for _, _, body in desk.account.posts]
    assert bodies[0] == bodies[1]
    assert sorted(words(desk)) == ["one", "one", "three", "two", "two"]


def test_held_webhooks_go_out_in_the_order_wanted(desk: Desk) -> None:
    hana = desk.friend()
    desk.post("webhooks", {"action": "hold"})
    for n in "abc":
        assert desk.does(hana, "message", text=n)["webhook"]["status"] == "held"
    assert desk.account.posts == []
    desk.post("webhooks", {"action": "release", "order": "reverse", "wait": True})
    assert words(desk) == ["c", "b", "a"]
    desk.does(hana, "message", text="d")
    assert words(desk)[-1] == "d"


def test_a_shuffle_follows_its_seed(desk: Desk) -> None:
    hana = desk.friend()
    orders = []
    for _ in range(2):
        desk.account.posts.clear()
        desk.post("webhooks", {"action": "hold"})
        for n in "abcdefgh":
            desk.does(hana, "message", text=n)
        desk.post("webhooks", {"action": "release", "order": "shuffle", "wait": True})
        orders.append("".join(words(desk)))
    assert all(sorted(order) == list("abcdefgh") for order in orders)
    assert orders[0] != "abcdefgh"


def test_the_next_few_webhooks_can_be_reordered(desk: Desk) -> None:
    hana = desk.friend()
    desk.post("webhooks", {"action": "reorder", "next": 2})
    for n in "ab":
        desk.post(f"users/{hana}/message", {"text": n})
    desk.post("webhooks/settle")
    assert words(desk) == ["b", "a"]


def test_events_of_several_people_can_share_one_delivery(desk: Desk) -> None:
    hana, ken = desk.friend("Hana"), desk.friend("Ken")
    desk.post("webhooks", {"action": "batch", "next": 2})
    desk.post(f"users/{hana}/message", {"text": "a"})
    token = desk.does(ken, "message", text="b")["events"][0]["replyToken"]
    assert len(desk.account.posts) == 1
    assert {e["source"]["userId"] for e in desk.account.events()} == {hana, ken}
    assert desk.reply(token).status_code == 200


def test_a_dropped_webhook_never_comes(desk: Desk) -> None:
    hana = desk.friend()
    desk.post("webhooks", {"action": "drop", "next": 1})
    assert desk.does(hana, "message", text="a")["webhook"]["status"] == "dropped"
    desk.does(hana, "message", text="b")
    assert words(desk) == ["b"]


@pytest.mark.parametrize(
    ("signature", "is_right"), [(None, True), ("bad", False), ("none", None), ("abc", False)]
)
def test_hand_made_deliveries_may_lie_about_their_signature(
    desk: Desk, signature: str | None, is_right: bool | None
) -> None:
    body: dict[str, Any] = {"action": "send", "events": [], "signature": signature, "wait": True}
    desk.post("webhooks", body)
    headers = desk.account.posts[0][1]
    assert ("x-line-signature" in headers) is (is_right is not None)
    if is_right is not None:
        assert desk.account.signatures_hold() is is_right


def test_a_hand_made_delivery_may_be_any_text(desk: Desk) -> None:
    desk.post("webhooks", {"action": "send", "body": "{not json", "wait": True})
    assert desk.account.posts[0][2] == b"{not json"
    assert desk.account.signatures_hold()


def test_reply_tokens_of_hand_made_events_work(desk: Desk) -> None:
    hana = desk.friend()
    now = int(desk.clock.now.timestamp() * 1000)
    event = {
        "type": "message",
        "timestamp": now,
        "source": {"type": "user", "userId": hana},
        "replyToken": "mine",
        "message": text(),
    }
    desk.post("webhooks", {"action": "send", "events": [event], "wait": True})
    assert desk.reply("mine").status_code == 200


def test_line_redelivers_what_was_not_taken_when_that_is_switched_on() -> None:
    desk = Desk(redelivery_attempts=2, redelivery_delay=0.0)
    desk.account.status = 500
    hana = desk.friend()
    desk.does(hana, "message", text="hi")
    watched = desk.simulator.courier
    while len(watched.deliveries) < 3 or watched.deliveries[-1].status == "queued":
        desk.post("webhooks/settle")
    assert [d.is_redelivery for d in watched.deliveries] == [False, True, True]
    assert len({e["webhookEventId"] for e in desk.account.events()}) == 1
    desk.close()


def test_unknown_orders_are_refused(desk: Desk) -> None:
    desk.post("webhooks", {"action": "juggle"}, status=400)
    desk.post("webhooks", {"action": "send", "events": "none"}, status=400)
