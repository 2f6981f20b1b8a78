import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from app import previews
from app.simulator import SimulatorConfig, create_simulator, pages
from app.simulator.pages import PREVIEW_LIMIT, security_policy
from tests.app.simulator.desk import Desk

STATIC = Path(pages.__file__).parent / "static"
DRAWN = Path(previews.__file__).parent / "static"
TEMPLATE = Path(pages.__file__).parent / "templates" / "chat.html"


def directive(policy: str, name: str) -> list[str]:
    parts = dict(part.split(" ", 1) for part in policy.split("; "))
    return parts[name].split()


def test_the_chat_page_forbids_inline_code_and_foreign_scripts(desk: Desk) -> None:
    answer = desk.http.get("/")
    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200
    assert "unsafe" not in policy
    assert directive(policy, "default-src") == ["'self'"]
    assert "script-src" not in policy  # so default-src rules
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_chat_page_has_no_inline_styles_scripts_or_handlers() -> None:
    page = TEMPLATE.read_text()
    assert not re.search(r"\sstyle\s*=|\son[a-z]+\s*=|<style|javascript:", page)
    assert all("src=" in found for found in re.findall(r"<script[^>]*>", page))


def test_frames_come_from_here_and_from_the_liff_endpoint_only() -> None:
    policy = security_policy("http://127.0.0.1:8000/liff")
    assert directive(policy, "frame-src") == ["'self'", "http://127.0.0.1:8000"]
    assert directive(security_policy(""), "frame-src") == ["'self'"]


def test_every_address_in_the_page_is_relative_and_answers(desk: Desk) -> None:
    page = desk.http.get("/").text
    found = re.findall(r'(?:href|src)="([^"#]+)"', page)
    assert len(found) >= 4
    for address in found:
        assert not address.startswith(("/", "http"))
        assert desk.http.get(f"/{address}").status_code == 200


def test_modules_import_only_files_that_exist() -> None:
    for module in STATIC.glob("*.js"):
        for name in re.findall(r'from "\./([^"]+)"', module.read_text()):
            places = (STATIC / name, DRAWN / name)
            assert any(place.is_file() for place in places), f"{module.name} imports {name}"


def test_every_element_the_scripts_look_up_is_in_the_page() -> None:
    page = TEMPLATE.read_text() + (STATIC / "conversation.js").read_text()
    for module in STATIC.glob("*.js"):
        for name in re.findall(r'byId\("([^"]+)"\)', module.read_text()):
            assert f'id="{name}"' in page or f'id: "{name}"' in page, f"{module.name}: {name}"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/static/chat.js", "text/javascript"),
        ("/static/chat.css", "text/css"),
        ("/static/flex.css", "text/css"),
        ("/liff-sdk.js", "text/javascript"),
        ("/sticker/1988.svg", "image/svg+xml"),
    ],
)
def test_files_have_their_type(desk: Desk, path: str, kind: str) -> None:
    answer = desk.http.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] == kind


def test_a_path_outside_the_static_folder_is_not_served(desk: Desk) -> None:
    assert desk.http.get("/static/%2e%2e/pages.py").status_code == 404
    assert desk.http.get("/static/../pages.py").status_code == 404


def test_the_page_works_wherever_it_is_mounted() -> None:
    simulator = create_simulator(SimulatorConfig())
    with TestClient(Starlette(routes=[Mount("/simulator", simulator)])) as client:
        assert client.get("/simulator").url.path == "/simulator/"
        assert client.get("/simulator/static/chat.js").status_code == 200
    simulator.close()


def test_a_message_can_be_previewed(desk: Desk) -> None:
    answer = desk.http.post("/preview", json={"type": "text", "text": "<b>您好</b>"})
    assert answer.json() == {
        "html": '<div class="mx-text">&lt;b&gt;您好&lt;/b&gt;</div>',
        "css": [],
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'"x"', 400),
        (b"\xff", 400),
        (b"[" * 100_000, 400),
        (b'{"type": "flex"}', 200),
        (b" " * (PREVIEW_LIMIT + 1), 413),
    ],
)
def test_a_bad_preview_is_refused_plainly(desk: Desk, body: bytes, status: int) -> None:
    assert desk.http.post("/preview", content=body).status_code == status


def test_the_conversation_carries_drawn_messages(desk: Desk) -> None:
    user = desk.friend()
    message = {"type": "text", "text": "您好"}
    desk.api("POST", "/v2/bot/message/push", {"to": user, "messages": [message]})
    (entry,) = [e for e in desk.get(f"users/{user}/conversation")["messages"] if e["from"] == "bot"]
    assert entry["html"] == '<div class="mx-text">您好</div>'
