"""Profiles, loading, reading, content, webhook settings and LINE Login tokens."""

from typing import Any

import pytest

from tests.app.simulator.desk import STRANGER, Desk, details

VERIFY = "/api/oauth2/v2.1/verify"
CHANNEL = "1650000000"


def test_a_friends_profile_is_shown(desk: Desk) -> None:
    hana = desk.post("users", {"displayName": "花", "following": True, "statusMessage": "hi"})
    profile = desk.api("GET", f"/v2/bot/profile/{hana['userId']}").json()
    assert profile == {
        "userId": hana["userId"],
        "displayName": "花",
        "statusMessage": "hi",
        "language": "zh-TW",
    }


def test_profiles_of_strangers_and_blockers_are_not_found(desk: Desk) -> None:
    mei, ken = desk.friend("Mei"), desk.friend("Ken", following=False)
    desk.does(mei, "block")
    for user_id in (mei, ken, STRANGER):
        answer = desk.api("GET", f"/v2/bot/profile/{user_id}")
        assert (answer.status_code, answer.json()) == (404, {"message": "Not found"})
    assert desk.api("GET", "/v2/bot/profile/hana").status_code == 400
    desk.does(ken, "message", text="hi")
    assert desk.api("GET", f"/v2/bot/profile/{ken}").status_code == 200


def test_the_account_shows_itself(desk: Desk) -> None:
    bot = desk.api("GET", "/v2/bot/info").json()
    assert (bot["displayName"], bot["chatMode"]) == ("Regulars", "bot")
    assert len(bot["userId"]) == 33


def test_only_verified_accounts_list_followers(desk: Desk) -> None:
    assert desk.api("GET", "/v2/bot/followers/ids").status_code == 403
    verified = Desk(is_verified=True)
    ids = [verified.friend(str(n)) for n in range(3)]
    first = verified.api("GET", "/v2/bot/followers/ids?limit=2").json()
    rest = verified.api("GET", f"/v2/bot/followers/ids?limit=2&start={first['next']}").json()
    assert first["userIds"] + rest["userIds"] == ids
    assert "next" not in rest
    verified.close()


# Chat helpers ------------------------------------------------------------------------------------


def test_the_loading_animation_ends_with_a_message_or_in_time(desk: Desk) -> None:
    hana = desk.friend()

    def is_loading() -> bool:
        return bool(desk.get(f"users/{hana}/conversation")["loading"])

    def start() -> int:
        body = {"chatId": hana, "loadingSeconds": 5}
        return int(desk.api("POST", "/v2/bot/chat/loading/start", body).status_code)

    assert start() == 202
    assert is_loading()
    desk.push(hana)
    assert not is_loading()
    start()
    desk.clock.pass_seconds(6)
    assert not is_loading()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (4, {"Must be between 5 and 60", "must be a multiple of five"}),
        (65, {"Must be between 5 and 60"}),
        (7, {"must be a multiple of five"}),
        ("5", {"Must be between 5 and 60", "must be a multiple of five"}),
    ],
)
def test_loading_takes_multiples_of_five_seconds(
    desk: Desk, seconds: object, words: set[str]
) -> None:
    body = {"chatId": desk.friend(), "loadingSeconds": seconds}
    answer = desk.api("POST", "/v2/bot/chat/loading/start", body)
    assert {what for _, what in details(answer)} == words


def test_reading_a_message_reads_the_earlier_ones_too(desk: Desk) -> None:
    hana = desk.friend()
    for words in ("一", "二", "三"):
        desk.does(hana, "message", text=words)
    token = desk.account.events()[1]["message"]["markAsReadToken"]
    body = {"markAsReadToken": token}
    assert desk.api("POST", "/v2/bot/chat/markAsRead", body).status_code == 200
    entries = desk.get(f"users/{hana}/conversation")["messages"]
    assert [entry["read"] for entry in entries] == [True, True, False]
    answer = desk.api("POST", "/v2/bot/chat/markAsRead", {"markAsReadToken": "x"})
    assert answer.json()["message"].startswith("Invalid markAsReadToken.")


def test_a_link_token_is_given_for_a_known_person(desk: Desk) -> None:
    answer = desk.api("POST", f"/v2/bot/user/{desk.friend()}/linkToken")
    assert answer.json()["linkToken"]
    assert desk.api("POST", f"/v2/bot/user/{STRANGER}/linkToken").status_code == 400


# Content -----------------------------------------------------------------------------------------


def test_a_picture_a_person_sent_can_be_fetched_until_unsent(desk: Desk) -> None:
    hana = desk.friend()
    sent = desk.http.post(
        f"/control/users/{hana}/image?wait=true",
        content=b"\x89PNG picture",
        headers={"content-type": "image/png"},
    ).json()
    message = desk.account.events()[0]["message"]
    assert (message["type"], message["id"]) == ("image", sent["messageId"])
    path = f"/v2/bot/message/{sent['messageId']}/content"
    answer = desk.api("GET", path)
    assert (answer.content, answer.headers["content-type"]) == (b"\x89PNG picture", "image/png")
    assert desk.api("GET", path + "/preview").status_code == 200
    assert desk.api("GET", path + "/transcoding").status_code == 400
    desk.does(hana, "unsend", messageId=sent["messageId"])
    gone = desk.api("GET", path)
    assert (gone.status_code, gone.json()) == (410, {"message": "The content is gone"})
    assert desk.api("GET", "/v2/bot/message/1/content").status_code == 404


def test_films_and_sounds_are_transcoded(desk: Desk) -> None:
    sent = desk.does(desk.friend(), "video", base64="AAAA")
    path = f"/v2/bot/message/{sent['messageId']}/content/transcoding"
    assert desk.api("GET", path).json() == {"status": "succeeded"}


def test_a_person_without_a_picture_at_hand_sends_a_plain_one(desk: Desk) -> None:
    sent = desk.does(desk.friend(), "image")
    answer = desk.http.get(f"/control/content/{sent['messageId']}")
    assert answer.content.startswith(b"\x89PNG")


# Webhook settings --------------------------------------------------------------------------------


def test_the_webhook_address_is_read_and_set(desk: Desk) -> None:
    path = "/v2/bot/channel/webhook/endpoint"
    set_to = "https://example.com/line/webhook"
    assert desk.api("PUT", path, {"endpoint": set_to}).status_code == 200
    assert desk.api("GET", path).json() == {"endpoint": set_to, "active": True}
    assert desk.api("PUT", path, {"endpoint": "http://example.com"}).status_code == 400


def test_the_webhook_test_sends_an_empty_signed_delivery(desk: Desk) -> None:
    answer = desk.api("POST", "/v2/bot/channel/webhook/test", {}).json()
    assert (answer["success"], answer["statusCode"]) == (True, 200)
    assert desk.account.events() == []
    assert len(desk.account.posts) == 1
    assert desk.account.signatures_hold()
    desk.account.status = 500
    answer = desk.api("POST", "/v2/bot/channel/webhook/test", {}).json()
    assert (answer["success"], answer["reason"]) == (False, "ERROR_STATUS_CODE")


# LINE Login --------------------------------------------------------------------------------------


def verify(desk: Desk, token: str, **more: str) -> Any:
    form = {"id_token": token, "client_id": CHANNEL, **more}
    return desk.http.post(VERIFY, data=form)


def test_an_id_token_of_the_liff_stand_in_verifies(desk: Desk) -> None:
    hana = desk.friend("花")
    issued = desk.post("liff/token", {"userId": hana, "nonce": "n1"})
    claims = verify(desk, issued["id_token"], nonce="n1", user_id=hana).json()
    assert (claims["iss"], claims["sub"]) == ("https://access.line.me", hana)
    assert (claims["aud"], claims["name"], claims["nonce"]) == (CHANNEL, "花", "n1")
    assert claims["exp"] - claims["iat"] == 3600


def test_a_wrong_id_token_is_refused_in_lines_words(desk: Desk) -> None:
    token = desk.post("liff/token", {"userId": desk.friend(), "nonce": "n1"})["id_token"]
    head, claims, signature = token.split(".")
    cases = [
        (verify(desk, "rubbish"), "Invalid IdToken."),
        (verify(desk, f"{head}.{claims}.{signature[::-1]}"), "Invalid IdToken."),
        (verify(desk, token, client_id="1"), "Invalid IdToken Audience."),
        (verify(desk, token, nonce="n2"), "Invalid IdToken Nonce."),
        (verify(desk, token, user_id=STRANGER), "Invalid IdToken Subject Identifier."),
        (verify(desk, ""), "id_token is required"),
    ]
    desk.clock.pass_seconds(3600)
    cases.append((verify(desk, token), "IdToken expired."))
    for answer, words in cases:
        assert answer.status_code == 400
        assert answer.json() == {"error": "invalid_request", "error_description": words}


def test_an_access_token_opens_the_profile_until_it_expires(desk: Desk) -> None:
    hana = desk.friend("花")
    token = desk.post("liff/token", {"userId": hana})["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    assert desk.http.get(f"{VERIFY}?access_token={token}").json()["client_id"] == CHANNEL
    assert desk.http.get("/api/v2/profile", headers=headers).json()["displayName"] == "花"
    friend = desk.http.get("/api/friendship/v1/status", headers=headers).json()
    assert friend == {"friendFlag": True}
    desk.clock.pass_seconds(12 * 3600)
    assert desk.http.get("/api/v2/profile", headers=headers).status_code == 401
    assert desk.http.get(f"{VERIFY}?access_token={token}").status_code == 400


def test_nobody_unknown_gets_a_token(desk: Desk) -> None:
    desk.post("liff/token", {"userId": STRANGER}, status=404)
