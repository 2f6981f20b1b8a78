"""What the chat page reads and tests order."""

import asyncio
import threading
from typing import Any

import pytest

from tests.app.simulator.desk import STRANGER, Desk, text

QUICK = {"items": [{"type": "action", "action": {"type": "message", "label": "好", "text": "好"}}]}


def test_people_are_made_changed_listed_and_found(desk: Desk) -> None:
    hana = desk.post("users", {"displayName": "花", "userId": STRANGER, "language": "ja"})
    assert hana == {
        "userId": STRANGER,
        "displayName": "花",
        "pictureUrl": None,
        "language": "ja",
        "statusMessage": None,
        "following": False,
        "blocked": False,
        "deleted": False,
        "lastMessage": None,
        "lastAt": None,
        "unread": 0,
    }
    desk.post("users", {"userId": STRANGER}, status=409)
    desk.post("users", {"userId": "hana"}, status=400)
    many = desk.post("users", {"users": [{"displayName": f"Ken {n}"} for n in range(3)]})
    assert len(many["users"]) == 3
    found = desk.get("users?q=ken&limit=2")
    assert (found["total"], len(found["users"])) == (3, 2)
    assert desk.post(f"users/{STRANGER}", {"displayName": "華"})["displayName"] == "華"
    desk.get(f"users/U{'1' * 32}", status=404)


def test_who_is_not_listed_is_found_by_name_only(desk: Desk) -> None:
    desk.post("users", {"displayName": "花"})
    desk.post("users", {"displayName": "Ken", "listed": False})
    assert [user["displayName"] for user in desk.get("users")["users"]] == ["花"]
    assert [user["displayName"] for user in desk.get("users?q=ken")["users"]] == ["Ken"]


def test_a_conversation_shows_both_sides_in_order(desk: Desk) -> None:
    hana = desk.friend()
    desk.does(hana, "follow")
    desk.reply(desk.token(hana, "會員卡"), {**text("這是您的卡"), "quickReply": QUICK})
    chat = desk.get(f"users/{hana}/conversation")
    lines = [(e["from"], e["kind"], e["text"]) for e in chat["messages"]]
    assert lines == [
        ("system", "follow", "加入好友"),
        ("user", "message", "會員卡"),
        ("bot", "message", "這是您的卡"),
    ]
    assert chat["quickReply"] == QUICK["items"]
    assert "這是您的卡" in chat["messages"][2]["html"]
    assert chat["messages"][2]["requestId"]
    assert chat["last"] == chat["messages"][2]["n"]
    after = chat["messages"][1]["n"]
    assert len(desk.get(f"users/{hana}/conversation?after={after}")["messages"]) == 1
    assert len(desk.get(f"users/{hana}/conversation?limit=1")["messages"]) == 1


def test_the_quick_reply_goes_when_the_person_writes(desk: Desk) -> None:
    hana = desk.friend()
    desk.push(hana, {**text(), "quickReply": QUICK})
    desk.does(hana, "postback", data="a=1")
    assert desk.get(f"users/{hana}/conversation")["quickReply"] is None


def test_unread_messages_are_counted_until_the_chat_is_opened(desk: Desk) -> None:
    hana = desk.friend()
    desk.push(hana, text("一"), text("二"))
    person = desk.get(f"users/{hana}")
    assert (person["unread"], person["lastMessage"]) == (2, "二")
    assert desk.post(f"users/{hana}/seen")["unread"] == 0


def test_markup_in_messages_is_escaped(desk: Desk) -> None:
    hana = desk.friend()
    desk.push(hana, text("<script>alert(1)</script>"))
    html = desk.get(f"users/{hana}/conversation")["messages"][0]["html"]
    assert "<script" not in html


def test_pictures_of_people_have_an_address(desk: Desk) -> None:
    hana = desk.friend()
    sent = desk.does(hana, "image")
    entry = desk.get(f"users/{hana}/conversation")["messages"][0]
    assert entry["message"]["contentUrl"] == f"/control/content/{sent['messageId']}"


def test_a_reader_can_wait_for_the_answer(desk: Desk) -> None:
    hana = desk.friend()
    after = desk.get(f"users/{hana}/conversation")["last"]
    answers: list[Any] = []

    def read() -> None:
        answers.append(desk.get(f"users/{hana}/conversation?after={after}&wait=20"))

    reader = threading.Thread(target=read)
    reader.start()
    desk.push(hana, text("終於"))
    reader.join(timeout=20)
    assert [e["text"] for e in answers[0]["messages"]] == ["終於"]


def test_waiting_ends_when_nothing_comes(desk: Desk) -> None:
    hana = desk.friend()
    assert desk.get(f"users/{hana}/conversation?wait=0.01")["messages"] == []
    assert desk.get("received?wait=0.01&count=5")["received"] == []
    assert desk.get("sms?wait=0.01")["sms"] == []


def test_changes_are_told_to_every_watcher(desk: Desk) -> None:
    async def watched() -> list[dict[str, object] | None]:
        hub = desk.simulator.state.hub
        async with hub.watch() as one, hub.watch() as two:
            hub.publish("sms", n=1)
            return [await one.next(5), await two.next(5), await one.next(0)]

    assert asyncio.run(watched()) == [{"kind": "sms", "n": 1}] * 2 + [None]


def test_sms_are_kept_once_per_key(desk: Desk) -> None:
    body = {"to": "+886912345678", "text": "驗證碼 123456"}
    for _ in range(2):
        desk.http.post("/control/sms", json=body, headers={"idempotency-key": "k1"})
    desk.post("sms", {"to": "+886900000000", "text": "other"})
    found = desk.get("sms?to=%2B886912345678")["sms"]
    assert [sms["text"] for sms in found] == ["驗證碼 123456"]
    assert len(desk.get("sms")["sms"]) == 2
    desk.post("sms", {"to": "+886900000000"}, status=400)


def test_liff_messages_are_shown_as_the_persons_and_only_some_make_webhooks(desk: Desk) -> None:
    hana = desk.friend()
    flex = {
        "type": "flex",
        "altText": "卡",
        "contents": {
            "type": "bubble",
            "body": {"type": "box", "layout": "vertical", "contents": []},
        },
    }
    picture = {
        "type": "image",
        "originalContentUrl": "https://a.tw/1.png",
        "previewImageUrl": "https://a.tw/1.png",
    }
    desk.post(f"users/{hana}/liff/messages", {"messages": [text("hi"), picture, flex]})
    desk.post("webhooks/settle")
    sent = [event["message"] for event in desk.account.events()]
    assert sorted(m["type"] for m in sent) == ["image", "text"]
    provider = next(m for m in sent if m["type"] == "image")["contentProvider"]
    assert provider["type"] == "external"
    assert len(desk.get(f"users/{hana}/conversation")["messages"]) == 3
    desk.post(f"users/{hana}/liff/messages", {"messages": [text("")]}, status=400)


def test_what_is_shared_shows_in_the_friends_chats(desk: Desk) -> None:
    hana, ken = desk.friend("Hana"), desk.friend("Ken")
    shared = desk.post(f"users/{hana}/share", {"messages": [text("來吧")], "to": [ken]})
    assert shared == {"status": "success"}
    entry = desk.get(f"users/{ken}/conversation")["messages"][0]
    assert (entry["from"], entry["text"], entry["sender"]["name"]) == ("friend", "來吧", "Hana")
    assert desk.get("received")["total"] == 0
    nobody = desk.post(f"users/{hana}/share", {"messages": [text()], "to": []})
    assert nobody == {"status": None}


def test_received_messages_can_be_read_in_pages(desk: Desk) -> None:
    hana, ken = desk.friend("Hana"), desk.friend("Ken")
    for n in range(3):
        desk.push(hana, text(str(n)))
    desk.push(ken)
    page = desk.get("received?limit=2")
    rest = desk.get(f"received?after={page['last']}")
    assert (len(page["received"]), len(rest["received"]), rest["total"]) == (2, 2, 4)
    assert page["received"][0]["endpoint"] == "/v2/bot/message/push"
    assert len(desk.get(f"received?userId={ken}")["received"]) == 1


def test_the_clock_stands_still_and_moves_on_order(desk: Desk) -> None:
    assert desk.post("clock", {"now": "2027-01-01T00:00:00Z"})["now"] == "2027-01-01T00:00:00.000Z"
    assert desk.post("clock", {"advance": 90})["now"] == "2027-01-01T00:01:30.000Z"
    assert desk.post("clock", {"now": None})["now"] == "2026-07-04T04:00:00.000Z"
    desk.post("clock", {"now": "yesterday"}, status=400)
    desk.post("clock", {"now": "2027-01-01T00:00:00"}, status=400)


def test_a_reset_forgets_and_keeps_what_it_is_told_to(desk: Desk) -> None:
    hana = desk.friend()
    desk.push(hana)
    desk.does(hana, "message", text="hi")
    desk.post("faults", {"path": "*", "status": 500})
    kept = desk.post("reset", {"keep_users": True})
    assert (kept["users"], kept["received"], kept["requests"]) == (1, 0, 0)
    assert desk.get(f"users/{hana}/conversation")["messages"] == []
    assert desk.push(hana).status_code == 200
    assert desk.post("reset")["users"] == 0


def test_the_page_is_told_where_liff_pages_live() -> None:
    desk = Desk(liff_id="1650000000-abcd", liff_endpoint="http://127.0.0.1:8000/liff")
    config = desk.get("config")
    assert (config["liffId"], config["botName"]) == ("1650000000-abcd", "Regulars")
    assert config["liffEndpoint"] == "http://127.0.0.1:8000/liff"
    desk.close()


@pytest.mark.parametrize("path", ["users/{}/dance", "users/{}/postback", "users/{}/message"])
def test_calls_that_make_no_sense_are_refused(desk: Desk, path: str) -> None:
    answer = desk.http.post(f"/control/{path.format(desk.friend())}", json={})
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]


@pytest.mark.parametrize("body", [b"{", b"[]", b'"hi"'])
def test_broken_control_bodies_are_refused(desk: Desk, body: bytes) -> None:
    assert desk.http.post("/control/users", content=body).status_code == 400


def test_two_people_writing_at_once_lose_nothing(desk: Desk) -> None:
    people = [desk.friend(str(n)) for n in range(8)]

    def write(user_id: str) -> None:
        for n in range(20):
            assert desk.push(user_id, text(str(n))).status_code == 200

    writers = [threading.Thread(target=write, args=(user_id,)) for user_id in people]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=60)
    received = desk.get("received")["received"]
    assert len({m["id"] for m in received}) == 160
    assert [m["n"] for m in received] == sorted(m["n"] for m in received)


def test_the_chat_page_answers_with_a_strict_policy(desk: Desk) -> None:
    answer = desk.http.get("/")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'")
    assert "unsafe" not in policy


def test_the_liff_stand_in_can_be_loaded_from_the_members_pages(desk: Desk) -> None:
    answer = desk.http.get("/liff-sdk.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://evil.example", 403),
        ("null", 403),
        ("http://127.0.0.1.evil.example", 403),
        ("http://127.0.0.1:8000", 200),
        ("http://testserver", 200),
    ],
)
def test_pages_of_other_sites_cannot_act_as_somebody(desk: Desk, origin: str, status: int) -> None:
    hana = desk.friend()
    headers = {"origin": origin}
    answer = desk.http.post(f"/control/users/{hana}/message", json={"text": "a"}, headers=headers)
    assert answer.status_code == status


def test_members_pages_on_another_port_may_read_the_answers(desk: Desk) -> None:
    answer = desk.http.get("/control/config", headers={"origin": "http://127.0.0.1:8000"})
    assert answer.headers["access-control-allow-origin"] == "http://127.0.0.1:8000"
