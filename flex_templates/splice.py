"""Templates compiled to bytes: the fixed parts of a message are serialised once, then only its
words are escaped and put in place.

A template that wants this is written in two steps: `read(view)` turns the view into a shape (which
parts there are; hashable, few different ones) and words (finished texts); `draw(shape, words)`
places the words without ever looking at them. Then for every shape the JSON around the words is
always the same. `compile_shape` proves it for the shape at hand by drawing twice with different
words, and refuses a template that looks.
"""

import json
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson

Shape = TypeVar("Shape", bound=Hashable)
Words = tuple[str, ...]
Draw = Callable[[Shape, Words], dict[str, Any]]

# Private-use characters: they pass through orjson unescaped and no template text contains them.
_OPEN, _CLOSE = "\ue000", "\ue001"

MOST_SHAPES = 512


class LooksAtWords(ValueError):
    """The template's structure depends on a word; that decision belongs into the shape."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """Bytes with holes: `parts` alternates bytes and gaps, `holes[i]` names the word in gap i."""

    parts: tuple[bytes, ...]
    holes: tuple[int, ...]

    def fill(self, words: Words) -> bytes:
        """Return the JSON of the message with these words."""
        escaped = [_escape(word) for word in words]
        filled = list(self.parts)
        filled[1::2] = [escaped[hole] for hole in self.holes]
        return b"".join(filled)


def _escape(word: str) -> bytes:
    """Return the word as it stands between the quotes of a JSON string."""
    return orjson.dumps(word)[1:-1]


def _cut(json_text: str, marks: Words) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Cut the JSON at every mark; return the texts between, and which mark stood in each gap."""
    fixed, holes = [], []
    for index, piece in enumerate(json_text.split(_OPEN)):
        if index == 0:
            fixed.append(piece)
            continue
        mark, _, rest = piece.partition(_CLOSE)
        holes.append(marks.index(f"{_OPEN}{mark}{_CLOSE}"))
        fixed.append(rest)
    return tuple(fixed), tuple(holes)


def compile_shape(draw: Draw[Shape], shape: Shape, count: int) -> Compiled:
    """Draw the shape with marks in place of `count` words and cut the JSON there.

    Raises LooksAtWords when two different sets of marks leave different JSON between them.
    """
    seen = []
    for padding in ("", "mark " * 60):
        marks = tuple(f"{_OPEN}{padding}{index}{_CLOSE}" for index in range(count))
        seen.append(_cut(orjson.dumps(draw(shape, marks)).decode(), marks))
    if seen[0] != seen[1]:
        raise LooksAtWords(f"{draw!r} with {json.dumps(shape, default=repr)}")
    fixed, holes = seen[0]
    parts = [b""] * (len(fixed) + len(holes))
    parts[0::2] = [piece.encode() for piece in fixed]
    return Compiled(tuple(parts), holes)


class Renderer(Generic[Shape]):
    """Renders one template in one theme; keeps the compiled bytes of every shape it has met.

    A shape that should have been a word would fill the memory: past MOST_SHAPES it starts anew,
    which is slow and right.
    """

    def __init__(self, draw: Draw[Shape]) -> None:
        self._draw = draw
        self._compiled: dict[Shape, Compiled] = {}

    def render(self, shape: Shape, words: Words) -> bytes:
        """Return the same bytes as `orjson.dumps(draw(shape, words))`, several times faster."""
        compiled = self._compiled.get(shape)
        if compiled is None:
            if len(self._compiled) >= MOST_SHAPES:
                self._compiled.clear()
            compiled = compile_shape(self._draw, shape, len(words))
            self._compiled[shape] = compiled
        return compiled.fill(words)
