import io
from typing import Any

import pytest
from PIL import Image

from tests.app.simulator.desk import STRANGER, Desk, details

AREA = {
    "bounds": {"x": 0, "y": 0, "width": 1250, "height": 843},
    "action": {"type": "message", "text": "會員卡"},
}
MENU: dict[str, Any] = {
    "size": {"width": 2500, "height": 1686},
    "selected": True,
    "name": "會員選單",
    "chatBarText": "選單",
    "areas": [AREA],
}


def picture(width: int = 2500, height: int = 1686, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "#06C755").save(out, kind)
    return out.getvalue()


def made(desk: Desk, *, image: bool = True) -> str:
    menu_id: str = desk.api("POST", "/v2/bot/richmenu", MENU).json()["richMenuId"]
    if image:
        assert upload(desk, menu_id).status_code == 200
    return menu_id


def upload(desk: Desk, menu_id: str, data: bytes | None = None, kind: str = "image/png") -> Any:
    body = picture() if data is None else data
    return desk.api("POST", f"/v2/bot/richmenu/{menu_id}/content", body, content_type=kind)


def link(desk: Desk, user_id: str, menu_id: str) -> Any:
    return desk.api("POST", f"/v2/bot/user/{user_id}/richmenu/{menu_id}")


def shown(desk: Desk, user_id: str) -> Any:
    menu = desk.get(f"users/{user_id}/conversation")["richMenu"]
    return menu and menu["richMenuId"]


def test_a_menu_is_made_listed_read_and_deleted(desk: Desk) -> None:
    menu_id = made(desk, image=False)
    assert desk.api("GET", f"/v2/bot/richmenu/{menu_id}").json() == {"richMenuId": menu_id, **MENU}
    assert len(desk.api("GET", "/v2/bot/richmenu/list").json()["richmenus"]) == 1
    assert desk.api("DELETE", f"/v2/bot/richmenu/{menu_id}").status_code == 200
    answer = desk.api("GET", f"/v2/bot/richmenu/{menu_id}")
    assert (answer.status_code, answer.json()) == (404, {"message": "Not found"})


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"size": None}, "size"),
        ({"size": {"width": 799, "height": 300}}, "size.width"),
        ({"size": {"width": 800, "height": 249}}, "size.height"),
        ({"size": {"width": 1000, "height": 900}}, "size"),
        ({"selected": None}, "selected"),
        ({"name": ""}, "name"),
        ({"name": "字" * 301}, "name"),
        ({"chatBarText": "字" * 15}, "chatBarText"),
        ({"areas": None}, "areas"),
        ({"areas": [AREA] * 21}, "areas"),
        ({"areas": [{"action": AREA["action"]}]}, "areas[0].bounds"),
        (
            {"areas": [AREA | {"bounds": {"x": -1, "y": 0, "width": 1, "height": 1}}]},
            "areas[0].bounds.x",
        ),
        (
            {"areas": [AREA | {"bounds": {"x": 0, "y": 0, "width": 0, "height": 1}}]},
            "areas[0].bounds.width",
        ),
        ({"areas": [AREA | {"action": {"type": "camera", "label": "a"}}]}, "areas[0].action"),
        ({"areas": [AREA | {"action": {"type": "postback"}}]}, "areas[0].action.data"),
    ],
)
def test_a_wrong_menu_is_named_with_its_path(desk: Desk, change: dict[str, Any], path: str) -> None:
    for endpoint in ("/v2/bot/richmenu", "/v2/bot/richmenu/validate"):
        answer = desk.api("POST", endpoint, MENU | change)
        assert answer.status_code == 400
        assert path in [where for where, _ in details(answer)]


def test_a_right_menu_is_valid_without_being_made(desk: Desk) -> None:
    assert desk.api("POST", "/v2/bot/richmenu/validate", MENU).json() == {}
    assert desk.api("GET", "/v2/bot/richmenu/list").json() == {"richmenus": []}


@pytest.mark.parametrize(
    ("data", "kind", "status", "words"),
    [
        (picture(2500, 2000), "image/png", 400, "The image size is not allowed for richmenu"),
        (picture(700, 300), "image/png", 400, "The image size is not allowed for richmenu"),
        (picture(kind="JPEG"), "image/png", 400, "The image size is not allowed for richmenu"),
        (b"hello", "image/png", 400, "The image is invalid"),
        (picture(), "image/gif", 415, "The content type, image/gif, is not supported"),
        (b"x" * 1_000_001, "image/png", 413, "The image is too large"),
    ],
)
def test_a_wrong_picture_is_refused(
    desk: Desk, data: bytes, kind: str, status: int, words: str
) -> None:
    answer = upload(desk, made(desk, image=False), data, kind)
    assert (answer.status_code, answer.json()["message"]) == (status, words)


def test_a_picture_is_kept_and_never_replaced(desk: Desk) -> None:
    menu_id = made(desk)
    assert desk.api("GET", f"/v2/bot/richmenu/{menu_id}/content").content == picture()
    again = upload(desk, menu_id)
    assert again.json() == {"message": "An image has already been uploaded to the richmenu"}
    assert desk.http.get(f"/control/richmenus/{menu_id}/image").content == picture()


def test_a_menu_without_picture_is_given_to_nobody(desk: Desk) -> None:
    hana, menu_id = desk.friend(), made(desk, image=False)
    words = {"message": "must upload richmenu image before applying it to user"}
    assert link(desk, hana, menu_id).json() == words
    assert desk.api("POST", f"/v2/bot/user/all/richmenu/{menu_id}").json() == words
    body = {"richMenuAliasId": "a", "richMenuId": menu_id}
    assert desk.api("POST", "/v2/bot/richmenu/alias", body).json() == words


def test_a_persons_menu_comes_before_the_default(desk: Desk) -> None:
    hana, default, own = desk.friend(), made(desk), made(desk)
    assert desk.api("GET", "/v2/bot/user/all/richmenu").status_code == 404
    assert desk.api("POST", f"/v2/bot/user/all/richmenu/{default}").status_code == 200
    assert shown(desk, hana) == default
    assert link(desk, hana, own).status_code == 200
    assert shown(desk, hana) == own
    assert desk.api("GET", f"/v2/bot/user/{hana}/richmenu").json() == {"richMenuId": own}
    assert desk.api("DELETE", f"/v2/bot/user/{hana}/richmenu").status_code == 200
    answer = desk.api("GET", f"/v2/bot/user/{hana}/richmenu")
    assert (answer.status_code, answer.json()) == (404, {"message": "the user has no richmenu"})
    assert shown(desk, hana) == default
    assert desk.api("DELETE", "/v2/bot/user/all/richmenu").status_code == 200
    assert shown(desk, hana) is None


def test_links_to_strangers_and_blockers_are_taken_and_do_nothing(desk: Desk) -> None:
    menu_id, mei = made(desk), desk.friend("Mei")
    desk.does(mei, "block")
    assert link(desk, mei, menu_id).status_code == 200
    assert link(desk, STRANGER, menu_id).status_code == 200
    assert shown(desk, mei) is None


@pytest.mark.parametrize("user_id", ["hana", "U123", "Uxyz"])
def test_a_bad_user_id_in_the_path_is_refused(desk: Desk, user_id: str) -> None:
    answer = link(desk, user_id, made(desk))
    words = "The value for the 'userId' parameter is invalid"
    assert (answer.status_code, answer.json()["message"]) == (400, words)


def test_many_people_are_linked_and_unlinked_at_once(desk: Desk) -> None:
    people, menu_id = [desk.friend(str(n)) for n in range(3)], made(desk)
    body = {"richMenuId": menu_id, "userIds": people}
    assert desk.api("POST", "/v2/bot/richmenu/bulk/link", body).status_code == 202
    assert [shown(desk, p) for p in people] == [menu_id] * 3
    unlinked = desk.api("POST", "/v2/bot/richmenu/bulk/unlink", {"userIds": people[:2]})
    assert unlinked.status_code == 202
    assert [shown(desk, p) for p in people] == [None, None, menu_id]


@pytest.mark.parametrize(
    "body",
    [
        {"userIds": []},
        {"userIds": ["U" + "0" * 32] * 501},
        {"userIds": ["hana"]},
        {"userIds": "hana"},
        {},
    ],
)
def test_bulk_calls_want_one_to_five_hundred_ids(desk: Desk, body: dict[str, Any]) -> None:
    assert desk.api("POST", "/v2/bot/richmenu/bulk/unlink", body).status_code == 400


def test_aliases_are_made_moved_listed_and_deleted(desk: Desk) -> None:
    one, two = made(desk), made(desk)
    alias = {"richMenuAliasId": "tab-1", "richMenuId": one}
    assert desk.api("POST", "/v2/bot/richmenu/alias", alias).status_code == 200
    again = desk.api("POST", "/v2/bot/richmenu/alias", alias)
    assert again.json() == {"message": "conflict richmenu alias id"}
    moved = desk.api("POST", "/v2/bot/richmenu/alias/tab-1", {"richMenuId": two})
    assert moved.status_code == 200
    read = desk.api("GET", "/v2/bot/richmenu/alias/tab-1").json()
    assert read == {"richMenuAliasId": "tab-1", "richMenuId": two}
    assert desk.api("GET", "/v2/bot/richmenu/alias/list").json() == {"aliases": [read]}
    assert desk.api("DELETE", "/v2/bot/richmenu/alias/tab-1").status_code == 200
    gone = desk.api("GET", "/v2/bot/richmenu/alias/tab-1")
    assert (gone.status_code, gone.json()) == (404, {"message": "richmenu alias not found"})


@pytest.mark.parametrize("alias", ["", "Tab", "a" * 33, "a b"])
def test_alias_ids_are_lower_case_and_short(desk: Desk, alias: str) -> None:
    body = {"richMenuAliasId": alias, "richMenuId": made(desk)}
    assert desk.api("POST", "/v2/bot/richmenu/alias", body).status_code == 400


def test_tapping_a_tab_switches_the_menu_and_tells_the_account(desk: Desk) -> None:
    hana, one, two = desk.friend(), made(desk), made(desk)
    link(desk, hana, one)
    body = {"richMenuAliasId": "tab-2", "richMenuId": two}
    desk.api("POST", "/v2/bot/richmenu/alias", body)
    desk.does(hana, "richmenuswitch", richMenuAliasId="tab-2", data="tab=2")
    assert shown(desk, hana) == two
    params = {"newRichMenuAliasId": "tab-2", "status": "SUCCESS"}
    assert desk.account.events()[-1]["postback"] == {"data": "tab=2", "params": params}
    desk.does(hana, "richmenuswitch", richMenuAliasId="tab-9", data="tab=9")
    assert shown(desk, hana) == two
    params = {"status": "RICHMENU_ALIAS_ID_NOTFOUND"}
    assert desk.account.events()[-1]["postback"] == {"data": "tab=9", "params": params}


def test_deleting_a_menu_takes_it_from_everybody(desk: Desk) -> None:
    hana, menu_id = desk.friend(), made(desk)
    link(desk, hana, menu_id)
    desk.api("POST", f"/v2/bot/user/all/richmenu/{menu_id}")
    desk.api("DELETE", f"/v2/bot/richmenu/{menu_id}")
    assert shown(desk, hana) is None
    assert desk.api("GET", "/v2/bot/user/all/richmenu").status_code == 404


def test_only_a_hundred_menus_are_made_in_an_hour(desk: Desk) -> None:
    statuses = [desk.api("POST", "/v2/bot/richmenu", MENU).status_code for _ in range(101)]
    assert statuses == [200] * 100 + [429]
