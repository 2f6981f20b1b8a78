"""The first router that answers wins; a key stands once."""

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from app.line.events import Event, read
from app.line.postback import Postback
from app.line.router import UNHANDLED, AlreadyRouted, Reply, Router, first_answer, normal
from tests.support.times import NOW


@dataclass(frozen=True, slots=True)
class Tap(Postback):
    prefix: ClassVar[str] = "tap"
    at: int


def text(words: str) -> Event:
    return event(type="message", message={"type": "text", "text": words})


def event(**raw: Any) -> Event:
    return read(raw, received_at=NOW)


def say(word: str) -> Any:
    return lambda *_given: [{"type": "text", "text": word}]


@pytest.fixture
def routers() -> list[Router[None]]:
    first: Router[None] = Router("first")
    first.words("會員卡", "Card")(say("card"))
    first.postback(Tap)(lambda _event, data, _ctx: [{"type": "text", "text": str(data.at)}])
    first.message("sticker")(lambda _event, _ctx: UNHANDLED)
    last: Router[None] = Router("last")
    last.event("message")(say("fallback"))
    last.event("postback")(say("old button"))
    return [first, last]


def answered(routers: list[Router[None]], event: Event) -> Reply:
    found = first_answer(routers, event, None)
    assert found is not None
    return found.messages


@pytest.mark.parametrize("words", ["會員卡", " 會員卡 ", "card", "CARD", "Ｃａｒｄ", "　會員卡"])
def test_a_word_is_known_however_it_is_typed(routers: list[Router[None]], words: str) -> None:
    assert answered(routers, text(words)) == [{"type": "text", "text": "card"}]


def test_what_nobody_knows_goes_to_the_last(routers: list[Router[None]]) -> None:
    assert answered(routers, text("???")) == [{"type": "text", "text": "fallback"}]


def test_unhandled_passes_on(routers: list[Router[None]]) -> None:
    sticker = event(type="message", message={"type": "sticker"})
    assert answered(routers, sticker) == [{"type": "text", "text": "fallback"}]


@pytest.mark.parametrize(
    ("data", "word"), [("tap:7", "7"), ("tap:x", "old button"), ("gone:1", "old button")]
)
def test_a_button_reaches_its_handler(routers: list[Router[None]], data: str, word: str) -> None:
    tapped = event(type="postback", postback={"data": data})
    assert answered(routers, tapped) == [{"type": "text", "text": word}]


def test_an_unknown_event_has_no_answer(routers: list[Router[None]]) -> None:
    assert first_answer(routers, event(type="hologram"), None) is None


def test_registering_the_same_key_twice_is_refused(routers: list[Router[None]]) -> None:
    with pytest.raises(AlreadyRouted):
        routers[0].words("ＣＡＲＤ")(say("again"))


def test_full_width_and_case_fold_together() -> None:
    assert normal("　Ｈｅｌｐ？ ") == "help?"
