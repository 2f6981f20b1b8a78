from typing import Any

import pytest

from app.simulator.faults import Fault
from tests.app.simulator.desk import Desk, key, text

PUSH = "/v2/bot/message/push"


def statuses(desk: Desk, user_id: str, count: int) -> list[int]:
    return [desk.push(user_id).status_code for _ in range(count)]


def test_a_status_answers_instead_of_processing(desk: Desk) -> None:
    hana = desk.friend()
    fault = {"path": PUSH, "status": 503, "times": 2, "headers": {"Retry-After": "1"}}
    desk.post("faults", fault)
    answer = desk.push(hana)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert statuses(desk, hana, 2) == [503, 200]
    assert len(desk.received(hana)) == 1


def test_a_status_after_processing_hides_that_it_was_accepted(desk: Desk) -> None:
    hana, retry = desk.friend(), key()
    desk.post("faults", {"path": PUSH, "status": 500, "when": "after", "times": 1})
    assert desk.push(hana, key=retry).status_code == 500
    assert desk.push(hana, key=retry).status_code == 409
    assert len(desk.received(hana)) == 1


@pytest.mark.parametrize(("drop", "second"), [("before", 200), ("after", 409)])
def test_a_dropped_answer_leaves_the_request_done_or_not_done(
    desk: Desk, drop: str, second: int
) -> None:
    hana, retry = desk.friend(), key()
    desk.post("faults", {"path": PUSH, "drop": drop, "times": 1})
    with pytest.raises(ConnectionResetError):
        desk.push(hana, key=retry)
    assert desk.push(hana, key=retry).status_code == second
    assert len(desk.received(hana)) == 1
    first = desk.get("log")["requests"][0]
    assert first["status"] == (0 if drop == "before" else 200)
    assert first["fault"] == 1


@pytest.mark.parametrize(
    ("order", "hit"),
    [
        ({"every": 3}, [3, 6, 9]),
        ({"skip": 4, "times": 2}, [5, 6]),
        ({"every": 2, "times": 1}, [2]),
        ({"times": 0}, []),
    ],
)
def test_faults_hit_the_requests_they_are_told_to(
    desk: Desk, order: dict[str, Any], hit: list[int]
) -> None:
    hana = desk.friend()
    desk.post("faults", {"path": "/v2/bot/message/*", "status": 500, **order})
    found = [n for n, status in enumerate(statuses(desk, hana, 9), 1) if status == 500]
    assert found == hit
    listed = desk.get("faults")["faults"][0]
    assert (listed["seen"], listed["hits"]) == (9, len(hit))


def test_chance_comes_from_the_seed() -> None:
    def drawn(seed: int) -> list[bool]:
        fault = Fault(1, "*", status=500, probability=0.3, seed=seed)
        return [fault.strikes() for _ in range(1000)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert 240 < sum(drawn(1)) < 360


def test_faults_look_at_path_and_method_and_can_be_taken_back(desk: Desk) -> None:
    hana = desk.friend()
    made = desk.post("faults", {"path": "/v2/bot/*", "method": "get", "status": 500})
    assert desk.push(hana).status_code == 200
    assert desk.api("GET", "/v2/bot/info").status_code == 500
    desk.http.delete(f"/control/faults/{made['id']}")
    assert desk.api("GET", "/v2/bot/info").status_code == 200
    desk.post("faults", {"path": "*", "status": 500})
    desk.http.delete("/control/faults")
    assert desk.push(hana).status_code == 200


def test_a_delay_still_answers(desk: Desk) -> None:
    hana = desk.friend()
    desk.post("faults", {"path": PUSH, "delay_ms": 1, "times": 1})
    assert desk.push(hana, text()).status_code == 200
    assert desk.get("log")["requests"][0]["ms"] >= 1


def test_a_fault_must_make_sense(desk: Desk) -> None:
    desk.post("faults", {"path": PUSH, "drop": "sometimes"}, status=400)
    desk.post("faults", {"path": PUSH, "status": "five"}, status=400)
