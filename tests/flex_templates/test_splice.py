"""Compiling refuses templates whose structure depends on their words."""

from typing import Any

import orjson
import pytest

from flex_templates import splice


def draw(shape: str, words: splice.Words) -> dict[str, Any]:
    return {"shape": shape, "said": f"{words[0]}, {words[1]}", "again": [words[0], "fixed 字"]}


def test_words_are_escaped_and_put_in_every_place() -> None:
    renderer = splice.Renderer(draw)
    words = ('a"b\\', "字\n")

    assert renderer.render("x", words) == orjson.dumps(draw("x", words))


def test_words_that_look_like_marks_stay_words() -> None:
    renderer = splice.Renderer(draw)
    words = ("\ue0001\ue001", "\ue000")

    assert renderer.render("x", words) == orjson.dumps(draw("x", words))


def test_a_template_that_looks_at_its_words_is_refused() -> None:
    def looks(shape: str, words: splice.Words) -> dict[str, Any]:
        return {"long": True} if len(words[0]) > 20 else {"word": words[0]}

    with pytest.raises(splice.LooksAtWords):
        splice.Renderer(looks).render("x", ("a",))


def test_too_many_shapes_are_slow_but_right() -> None:
    renderer = splice.Renderer(draw)

    for number in range(splice.MOST_SHAPES + 2):
        rendered = renderer.render(str(number), ("a", "b"))
        assert rendered == orjson.dumps(draw(str(number), ("a", "b")))
