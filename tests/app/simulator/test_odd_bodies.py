"""Whatever JSON comes, the simulator answers 200 or 400 with a reason, never a crash."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.simulator.validate import Rules, check_messages
from app.simulator.validate_menus import check_menu
from tests.app.simulator.desk import Desk, text
from tests.app.simulator.test_menus import MENU
from tests.app.simulator.test_validate import GOOD, QUICK
from tests.app.simulator.test_validate_flex import EVERYTHING, body, carousel

FLEX = {"type": "flex", "altText": "卡", "contents": EVERYTHING, "quickReply": {"items": [QUICK]}}
SEVERAL = {"type": "flex", "altText": "卡", "contents": carousel(body(), body())}
SEEDS: list[dict[str, Any]] = [*GOOD, FLEX, SEVERAL]

JUNK: list[object] = [None, True, -1, 1.5, "", "x", [], {}, [[]], [{}], {"type": []}, {"type": "x"}]


def places(node: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path inside a JSON value."""
    found = [path] if path else []
    keys: Any = node.items() if isinstance(node, dict) else []
    keys = enumerate(node) if isinstance(node, list) else keys
    for key, child in keys:
        found += places(child, (*path, key))
    return found


def with_junk(seed: Any, path: tuple[Any, ...], junk: object) -> Any:
    whole = copy.deepcopy(seed)
    node = whole
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = junk
    return whole


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: str(seed["type"]))
def test_junk_in_any_place_of_a_good_message_is_looked_at_without_a_crash(
    seed: dict[str, Any],
) -> None:
    for path in places(seed):
        for junk in JUNK:
            refusal = check_messages([with_junk(seed, path, junk)], Rules())
            assert refusal is None or refusal.message


def test_junk_in_any_place_of_a_menu_is_looked_at_without_a_crash() -> None:
    for path in places(MENU):
        for junk in JUNK:
            refusal = check_menu(with_junk(MENU, path, junk))
            assert refusal is None or refusal.message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(json_values)
def test_any_json_is_looked_at_without_a_crash(value: object) -> None:
    check_messages(value, Rules())
    check_messages([value], Rules())
    check_menu(value)


@pytest.mark.parametrize("path", ["push", "multicast", "reply", "broadcast"])
@pytest.mark.parametrize("junk", JUNK, ids=str)
def test_junk_in_the_fields_of_a_send_is_a_400(desk: Desk, path: str, junk: object) -> None:
    good = {"to": desk.friend(), "replyToken": "x", "messages": [text()]}
    for field in ("to", "replyToken", "messages", "customAggregationUnits"):
        answer = desk.api("POST", f"/v2/bot/message/{path}", {**good, field: junk})
        assert answer.status_code in (200, 400)
        assert answer.status_code == 200 or answer.json()["message"]


def test_json_too_deep_to_be_written_out_again_is_refused(desk: Desk) -> None:
    hana = desk.friend()
    deep = b"[" * 300 + b"]" * 300
    body = b'{"to":"%s","messages":[{"type":"text","text":"a","x":%s}]}' % (hana.encode(), deep)
    answer = desk.api("POST", "/v2/bot/message/push", body)
    assert answer.status_code == 400
    assert desk.get(f"users/{hana}/conversation")["messages"] == []


def test_many_brackets_that_are_not_deep_are_fine(desk: Desk) -> None:
    hana = desk.friend()
    assert desk.push(hana, text("[" * 400), *[text("{[}]" * 50)] * 4).status_code == 200
