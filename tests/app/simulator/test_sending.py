"""Reply, push, multicast, broadcast: tokens, keys, limits, quota, who receives what."""

from typing import Any

import orjson
import pytest

from app.simulator.config import Rate
from tests.app.simulator.desk import STRANGER, TOKEN, Desk, details, key, text

PUSH = "/v2/bot/message/push"
MULTICAST = "/v2/bot/message/multicast"
BROADCAST = "/v2/bot/message/broadcast"
REPLY = "/v2/bot/message/reply"


def test_a_push_reaches_the_friend_and_answers_ids(desk: Desk) -> None:
    hana = desk.friend()
    answer = desk.push(hana, text("一"), text("二"))
    assert answer.status_code == 200
    assert answer.headers["x-line-request-id"]
    sent = answer.json()["sentMessages"]
    assert [m["message"]["text"] for m in desk.received(hana)] == ["一", "二"]
    assert [m["id"] for m in desk.received(hana)] == [m["id"] for m in sent]
    assert all(m["quoteToken"] for m in sent)


# The token ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic " + TOKEN, "Bearer"])
def test_without_the_right_token_every_endpoint_answers_401(desk: Desk, header: str | None) -> None:
    headers = {"authorization": header} if header else {}
    for method, path in (("POST", PUSH), ("GET", "/v2/bot/info"), ("GET", "/v2/bot/nothing")):
        answer = desk.http.request(method, f"/api{path}", headers=headers)
        assert answer.status_code == 401
        assert answer.json()["message"].startswith(
            "Authentication failed due to the following reason: "
        )
        assert answer.headers["x-line-request-id"]


# Bodies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "The request body could not be parsed as JSON (line: "),
        (b"[]", "The request body could not be parsed as JSON (line: -, column: -)"),
        (b'{"messages": []}', "The request body has 1 error(s)"),
        (b'{"to": "hana", "messages": []}', "The property, 'to', in the request body is invalid"),
        (b'{"to": 5, "messages": []}', "The property, 'to', in the request body is invalid"),
        (b'{"to": "%s"}' % STRANGER.encode(), "The request body has 1 error(s)"),
    ],
)
def test_a_broken_body_is_refused_in_lines_words(desk: Desk, body: bytes, words: str) -> None:
    answer = desk.api("POST", PUSH, body)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(words)


def test_other_content_types_are_refused(desk: Desk) -> None:
    answer = desk.api("POST", PUSH, b"to=hana", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 415


def test_a_body_over_two_megabytes_is_refused(desk: Desk) -> None:
    assert desk.api("POST", PUSH, b" " * (2 * 1024 * 1024 + 1)).status_code == 413


@pytest.mark.parametrize(("method", "status"), [("GET", 405), ("POST", 404)])
def test_unknown_paths_and_methods_are_told_apart(desk: Desk, method: str, status: int) -> None:
    path = PUSH if method == "GET" else "/v2/bot/message/shout"
    assert desk.api(method, path).status_code == status


def test_a_wrong_notification_flag_is_refused(desk: Desk) -> None:
    assert desk.push(desk.friend(), notificationDisabled="yes").status_code == 400
    assert desk.push(desk.friend(), notificationDisabled=True).status_code == 200


# Who receives ------------------------------------------------------------------------------------


def test_a_push_to_somebody_line_does_not_know_fails(desk: Desk) -> None:
    answer = desk.push(STRANGER)
    assert (answer.status_code, answer.json()) == (400, {"message": "Failed to send messages"})


def test_who_has_blocked_the_account_is_skipped_without_a_word(desk: Desk) -> None:
    mei = desk.friend("Mei")
    desk.does(mei, "block")
    answer = desk.push(mei)
    assert answer.status_code == 200
    assert len(answer.json()["sentMessages"]) == 1
    assert desk.received(mei) == []
    state = desk.get("state")
    assert (state["skipped"], state["quota"]["used"]) == (1, 0)


def test_who_wrote_without_being_a_friend_is_reached_for_seven_days(desk: Desk) -> None:
    ken = desk.friend("Ken", following=False)
    desk.push(ken)
    assert desk.received(ken) == []
    desk.does(ken, "message", text="hi")
    desk.push(ken)
    assert len(desk.received(ken)) == 1
    desk.clock.pass_seconds(7 * 86_400)
    desk.push(ken)
    assert len(desk.received(ken)) == 1


def test_a_deleted_line_account_is_skipped(desk: Desk) -> None:
    ken = desk.friend("Ken")
    desk.post(f"users/{ken}/delete")
    assert desk.push(ken).status_code == 200
    assert desk.received(ken) == []


def test_a_multicast_reaches_each_person_once(desk: Desk) -> None:
    hana, ken, mei = desk.friend("Hana"), desk.friend("Ken"), desk.friend("Mei")
    desk.does(mei, "block")
    body = {"to": [hana, ken, mei, hana], "messages": [text()]}
    answer = desk.api("POST", MULTICAST, body)
    assert (answer.status_code, answer.json()) == (200, {})
    assert [len(desk.received(u)) for u in (hana, ken, mei)] == [1, 1, 0]
    assert desk.get("state")["quota"]["used"] == 2


@pytest.mark.parametrize("bad", ["nobody", STRANGER, 7])
def test_a_multicast_names_the_place_of_a_bad_id(desk: Desk, bad: object) -> None:
    hana = desk.friend()
    answer = desk.api("POST", MULTICAST, {"to": [hana, bad], "messages": [text()]})
    assert answer.status_code == 400
    words = "The property, 'to[1]', in the request body is invalid (line: -, column: -)"
    assert answer.json()["message"] == words
    assert desk.received(hana) == []


@pytest.mark.parametrize("count", [0, 501])
def test_a_multicast_has_one_to_five_hundred_receivers(desk: Desk, count: int) -> None:
    to = ["U" + f"{n:032x}" for n in range(count)]
    answer = desk.api("POST", MULTICAST, {"to": to, "messages": [text()]})
    assert details(answer) == [("to", "Size must be between 1 and 500")]


def test_a_broadcast_reaches_all_friends(desk: Desk) -> None:
    hana, ken = desk.friend("Hana"), desk.friend("Ken", following=False)
    assert desk.api("POST", BROADCAST, {"messages": [text()]}).status_code == 200
    assert [len(desk.received(u)) for u in (hana, ken)] == [1, 0]


def test_a_narrowcast_is_accepted_and_its_progress_is_known(desk: Desk) -> None:
    desk.friend()
    answer = desk.api("POST", "/v2/bot/message/narrowcast", {"messages": [text()]})
    assert answer.status_code == 202
    path = "/v2/bot/message/progress/narrowcast?requestId="
    progress = desk.api("GET", path + answer.headers["x-line-request-id"]).json()
    assert (progress["phase"], progress["successCount"]) == ("succeeded", 1)
    assert desk.api("GET", path + "other").status_code == 404


def test_when_anybody_is_a_friend_ids_need_no_registration() -> None:
    desk = Desk(any_user=True)
    assert desk.push(STRANGER).status_code == 200
    assert len(desk.received(STRANGER)) == 1
    desk.close()


# Reply tokens ------------------------------------------------------------------------------------


def test_a_reply_goes_to_who_wrote_and_is_free(desk: Desk) -> None:
    hana = desk.friend()
    answer = desk.reply(desk.token(hana), text("您好"))
    assert answer.status_code == 200
    assert desk.received(hana)[0]["message"]["text"] == "您好"
    assert desk.get("state")["quota"]["used"] == 0


def assert_dead(answer: Any) -> None:
    assert (answer.status_code, answer.json()) == (400, {"message": "Invalid reply token"})


def test_a_reply_token_works_once(desk: Desk) -> None:
    hana = desk.friend()
    token = desk.token(hana)
    assert desk.reply(token).status_code == 200
    assert_dead(desk.reply(token))
    assert len(desk.received(hana)) == 1


def test_a_reply_with_a_bad_message_does_not_spend_the_token(desk: Desk) -> None:
    token = desk.token(desk.friend())
    assert desk.reply(token, text("")).status_code == 400
    assert desk.reply(token).status_code == 200


@pytest.mark.parametrize(("seconds", "is_alive"), [(60, True), (61, False)])
def test_a_reply_token_dies_a_minute_after_its_webhook(
    desk: Desk, seconds: int, is_alive: bool
) -> None:
    token = desk.token(desk.friend())
    desk.clock.pass_seconds(seconds)
    assert (desk.reply(token).status_code == 200) is is_alive


def test_the_minute_starts_with_the_delivery_not_with_the_event(desk: Desk) -> None:
    desk.post("webhooks", {"action": "hold"})
    hana = desk.friend()
    token = desk.does(hana, "message", text="hi")["events"][0]["replyToken"]
    desk.clock.pass_seconds(300)
    assert_dead(desk.reply(token))  # nobody has been given it yet
    desk.post("webhooks", {"action": "release", "wait": True})
    assert desk.reply(token).status_code == 200


def test_a_redelivery_gives_the_token_another_minute_but_not_a_second_use(desk: Desk) -> None:
    hana = desk.friend()
    old, used = desk.token(hana), desk.token(hana)
    assert desk.reply(used).status_code == 200
    desk.clock.pass_seconds(120)
    assert_dead(desk.reply(old))
    desk.post("webhooks", {"action": "redeliver", "last": 2, "wait": True})
    assert desk.reply(old).status_code == 200
    assert_dead(desk.reply(used))


def test_twenty_minutes_after_the_event_a_redelivered_token_is_dead(desk: Desk) -> None:
    token = desk.token(desk.friend())
    desk.clock.pass_seconds(20 * 60 + 1)
    desk.post("webhooks", {"action": "redeliver", "wait": True})
    assert_dead(desk.reply(token))


@pytest.mark.parametrize("token", ["", None, 5, "0" * 32])
def test_tokens_nobody_was_given_are_refused(desk: Desk, token: object) -> None:
    body = {"replyToken": token, "messages": [text()]}
    assert desk.api("POST", REPLY, body).status_code == 400


def test_a_reply_to_somebody_who_blocked_meanwhile_is_lost_silently(desk: Desk) -> None:
    mei = desk.friend("Mei")
    token = desk.token(mei)
    desk.does(mei, "block")
    assert desk.reply(token).status_code == 200
    assert desk.received(mei) == []


# Retry keys --------------------------------------------------------------------------------------


def test_the_same_key_again_answers_409_with_the_first_request(desk: Desk) -> None:
    hana, retry = desk.friend(), key()
    first = desk.push(hana, key=retry)
    again = desk.push(hana, key=retry)
    assert again.status_code == 409
    assert again.json()["message"] == "The retry key is already accepted"
    assert again.json()["sentMessages"] == first.json()["sentMessages"]
    assert again.headers["x-line-accepted-request-id"] == first.headers["x-line-request-id"]
    assert again.headers["x-line-request-id"] != first.headers["x-line-request-id"]
    assert len(desk.received(hana)) == 1


def test_a_key_in_other_letters_is_the_same_key(desk: Desk) -> None:
    hana, retry = desk.friend(), key()
    desk.push(hana, key=retry)
    assert desk.push(hana, key=retry.upper()).status_code == 409


def test_a_refused_request_does_not_spend_its_key(desk: Desk) -> None:
    hana, retry = desk.friend(), key()
    assert desk.push(hana, text(""), key=retry).status_code == 400
    assert desk.push(hana, key=retry).status_code == 200


def test_a_key_is_forgotten_after_a_day(desk: Desk) -> None:
    hana, retry = desk.friend(), key()
    desk.push(hana, key=retry)
    desk.clock.pass_seconds(24 * 3600 - 1)
    assert desk.push(hana, key=retry).status_code == 409
    desk.clock.pass_seconds(1)
    assert desk.push(hana, key=retry).status_code == 200
    assert len(desk.received(hana)) == 2


def test_multicast_and_broadcast_keep_keys_without_ids(desk: Desk) -> None:
    hana = desk.friend()
    for path, body in (
        (MULTICAST, {"to": [hana], "messages": [text()]}),
        (BROADCAST, {"messages": [text()]}),
        ("/v2/bot/message/narrowcast", {"messages": [text()]}),
    ):
        retry = key()
        assert desk.api("POST", path, body, x_line_retry_key=retry).status_code in (200, 202)
        again = desk.api("POST", path, body, x_line_retry_key=retry)
        assert (again.status_code, "sentMessages" in again.json()) == (409, False)


@pytest.mark.parametrize(
    "bad", ["1", "not-a-uuid", "0" * 32, "711f5512-c717-46f2-86e3-93239e1637680"]
)
def test_a_key_must_be_a_uuid(desk: Desk, bad: str) -> None:
    answer = desk.push(desk.friend(), key=bad)
    words = "The value for the 'X-Line-Retry-Key' parameter is invalid"
    assert (answer.status_code, answer.json()["message"]) == (400, words)


def test_replies_and_other_calls_take_no_key(desk: Desk) -> None:
    token = desk.token(desk.friend())
    body = {"replyToken": token, "messages": [text()]}
    assert desk.api("POST", REPLY, body, x_line_retry_key=key()).status_code == 400
    assert desk.api("GET", "/v2/bot/info", x_line_retry_key=key()).status_code == 400
    assert desk.reply(token).status_code == 200


# Limits and quota --------------------------------------------------------------------------------


def test_the_bucket_of_an_endpoint_runs_dry_and_fills_again() -> None:
    desk = Desk(rates={PUSH: Rate(2, 1)})
    hana = desk.friend()
    assert [desk.push(hana).status_code for _ in range(3)] == [200, 200, 429]
    body = desk.push(hana).json()
    assert body == {"message": "The API rate limit has been exceeded. Try again later."}
    assert desk.api("POST", BROADCAST, {"messages": [text()]}).status_code == 200
    desk.clock.pass_seconds(0.5)
    assert [desk.push(hana).status_code for _ in range(2)] == [200, 429]
    desk.close()


def test_lines_own_limits_are_in_force_unless_switched_off(desk: Desk) -> None:
    def broadcasts() -> list[int]:
        body = {"messages": [text()]}
        return [desk.api("POST", BROADCAST, body).status_code for _ in range(61)]

    assert broadcasts() == [200] * 60 + [429]
    desk.post("limits", {"enabled": False})
    assert broadcasts() == [200] * 61
    desk.post("limits", {"enabled": True, PUSH: {"count": 1, "per_seconds": 60}})
    assert [desk.push(desk.friend()).status_code for _ in range(2)] == [200, 429]


def test_a_retry_counts_against_the_rate() -> None:
    desk = Desk(rates={PUSH: Rate(2, 1)})
    hana, retry = desk.friend(), key()
    assert [desk.push(hana, key=retry).status_code for _ in range(3)] == [200, 409, 429]
    desk.close()


def test_a_used_up_quota_stops_pushes_and_leaves_replies_alone() -> None:
    desk = Desk(monthly_quota=2)
    hana, ken = desk.friend("Hana"), desk.friend("Ken")
    assert desk.api("GET", "/v2/bot/message/quota").json() == {"type": "limited", "value": 2}
    assert desk.push(hana, text(), text()).status_code == 200  # one recipient counts one
    both = desk.api("POST", MULTICAST, {"to": [hana, ken], "messages": [text()]})
    assert both.status_code == 429
    assert both.json() == {"message": "You have reached your monthly limit."}
    assert desk.push(ken).status_code == 200
    assert desk.push(ken).status_code == 429
    assert desk.reply(desk.token(ken)).status_code == 200
    usage = desk.api("GET", "/v2/bot/message/quota/consumption").json()
    assert usage == {"totalUsage": 2}
    desk.close()


def test_the_quota_is_new_in_the_next_month() -> None:
    desk = Desk(monthly_quota=1)
    hana = desk.friend()
    assert [desk.push(hana).status_code for _ in range(2)] == [200, 429]
    desk.clock.pass_seconds(31 * 86_400)
    assert desk.push(hana).status_code == 200
    desk.post("quota", {"limit": None})
    assert desk.api("GET", "/v2/bot/message/quota").json() == {"type": "none"}
    desk.close()


def test_counts_by_day_and_aggregation_units_are_kept(desk: Desk) -> None:
    hana = desk.friend()
    assert desk.push(hana, customAggregationUnits=["july_1"]).status_code == 200
    assert desk.push(hana, customAggregationUnits=["é"]).status_code == 400
    assert desk.push(hana, customAggregationUnits=["a", "b"]).status_code == 400
    count = desk.api("GET", "/v2/bot/message/delivery/push?date=20260704").json()
    assert count == {"status": "ready", "success": 1}
    assert desk.api("GET", "/v2/bot/message/delivery/push?date=today").status_code == 400
    names = desk.api("GET", "/v2/bot/message/aggregation/list").json()
    assert names == {"customAggregationUnits": ["july_1"]}


# The log -----------------------------------------------------------------------------------------


def test_every_request_is_in_the_log_and_only_accepted_ones_are_received(desk: Desk) -> None:
    hana, retry = desk.friend(), key()
    desk.push(hana, key=retry)
    desk.push(hana, key=retry)
    desk.push(hana, text(""))
    log = desk.get(f"log?path={PUSH}")["requests"]
    assert [entry["status"] for entry in log] == [200, 409, 400]
    assert log[1]["acceptedRequestId"] == log[0]["requestId"]
    assert log[0]["retryKey"] == retry
    assert log[0]["userId"] == hana
    assert log[2]["body"]["messages"] == [text("")]
    assert [m["requestId"] for m in desk.received(hana)] == [log[0]["requestId"]]
    assert desk.get("state")["byStatus"] == {"200": 1, "400": 1, "409": 1}
    assert desk.get(f"log?after={log[1]['n']}")["requests"][0]["n"] == log[2]["n"]


def test_the_log_forgets_the_oldest_requests() -> None:
    desk = Desk(log_limit=2)
    for _ in range(3):
        desk.api("GET", "/v2/bot/info")
    assert [r["n"] for r in desk.get("log")["requests"]] == [2, 3]
    desk.close()


def test_chinese_may_come_escaped_or_plain(desk: Desk) -> None:
    hana = desk.friend()
    plain = orjson.dumps({"to": hana, "messages": [text("點數")]})
    escaped = plain.replace("點數".encode(), b"\\u9ede\\u6578")
    assert desk.api("POST", PUSH, plain).status_code == 200
    assert desk.api("POST", PUSH, escaped).status_code == 200
    assert [m["message"]["text"] for m in desk.received(hana)] == ["點數", "點數"]
