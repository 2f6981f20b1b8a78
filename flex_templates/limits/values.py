"""The small checks that larger ones are made of: texts, numbers, addresses, records, lists.

A check takes a value and its JSON pointer and yields the problems it finds.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken limit: where (a JSON pointer like `/contents/hero/url`) and why."""

    path: str
    reason: str


Check = Callable[[Any, str], Iterator[Problem]]

ZERO_WIDTH_JOINER = "\u200d"


def utf16_length(text: str) -> int:
    """Count characters as LINE counts most texts.

    https://developers.line.biz/en/docs/messaging-api/text-character-count/
    """
    return len(text) + sum(character > "\uffff" for character in text)


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _extends(character: str) -> bool:
    """True for what never starts a cluster: marks, joiners, skin tones, keycaps and tag letters."""
    return (
        unicodedata.category(character) in ("Mn", "Me", "Mc")
        or character == ZERO_WIDTH_JOINER
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )


def graphemes(text: str) -> list[str]:
    """Cut a text into what a reader calls characters, as LINE counts labels and rich-menu texts.

    Covers marks, emoji sequences and flags; rare scripts may come out as more clusters than
    LINE sees, so the check errs on the strict side.
    """
    clusters: list[str] = []
    for character in text:
        last = clusters[-1] if clusters else ""
        joins = _extends(character) or last.endswith(ZERO_WIDTH_JOINER)
        pairs = _is_regional(character) and len(last) == 1 and _is_regional(last)
        if last and (joins or pairs):
            clusters[-1] = last + character
        else:
            clusters.append(character)
    return clusters


def grapheme_length(text: str) -> int:
    return len(text) if text.isascii() else len(graphemes(text))


def text(maximum: int, *, minimum: int = 0, size: Callable[[str], int] = utf16_length) -> Check:
    def check(value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, str):
            yield Problem(path, "must be a string")
        elif minimum and not value:
            yield Problem(path, "May not be empty")
        elif not minimum <= size(value) <= maximum:
            yield Problem(path, f"Length must be between {minimum} and {maximum}")

    return check


def one_of(*allowed: str) -> Check:
    def check(value: Any, path: str) -> Iterator[Problem]:
        if value not in allowed:
            yield Problem(path, f"Must be one of the following values: [{', '.join(allowed)}]")

    return check


def matching(pattern: str, meaning: str) -> Check:
    compiled = re.compile(pattern)

    def check(value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            yield Problem(path, f"must be {meaning}")

    return check


def integer(low: int, high: int) -> Check:
    def check(value: Any, path: str) -> Iterator[Problem]:
        if isinstance(value, bool) or not isinstance(value, int):
            yield Problem(path, "must be an integer")
        elif not low <= value <= high:
            yield Problem(path, f"Must be between {low} and {high}")

    return check


def number(low: float, high: float) -> Check:
    def check(value: Any, path: str) -> Iterator[Problem]:
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield Problem(path, "must be a number")
        elif not low <= value <= high:
            yield Problem(path, f"Must be between {low} and {high}")

    return check


def boolean(value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, bool):
        yield Problem(path, "must be a boolean")


def url(maximum: int = 2000, schemes: Sequence[str] = ("https",)) -> Check:
    """An address of at most `maximum` characters, percent-encoded, with one of the schemes."""

    def check(value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, str) or not value:
            yield Problem(path, "must be a non-empty string")
        elif utf16_length(value) > maximum:
            yield Problem(path, f"Length must be between 1 and {maximum}")
        elif not value.isascii() or re.search(r"[\s\"<>\\^`{|}]", value):
            yield Problem(path, "must be a percent-encoded URI")
        elif not _has_scheme(value, schemes):
            yield Problem(path, f"invalid uri scheme; must be one of [{', '.join(schemes)}]")

    return check


def _has_scheme(value: str, schemes: Sequence[str]) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.netloc or parts.path.strip("/"))


def record(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with these properties and no others; `type` is always let through."""
    known = {**(optional or {}), **required}

    def check(value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem(path, "must be an object")
            return
        for name in required:
            if name not in value:
                yield Problem(f"{path}/{name}", "must be specified")
        for name, inner in value.items():
            if name in known:
                yield from known[name](inner, f"{path}/{name}")
            elif name != "type":
                yield Problem(f"{path}/{name}", "unknown property")

    return check


def listing(item: Check, low: int, high: int) -> Check:
    def check(value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield Problem(path, "must be an array")
            return
        if not low <= len(value) <= high:
            yield Problem(path, f"Size must be between {low} and {high}")
        for index, inner in enumerate(value):
            yield from item(inner, f"{path}/{index}")

    return check


def by_type(kinds: Mapping[str, Check]) -> Check:
    """An object whose `type` chooses the check."""

    def check(value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem(path, "must be an object")
        elif not isinstance(value.get("type"), str) or value["type"] not in kinds:
            yield Problem(
                f"{path}/type", f"Must be one of the following values: [{', '.join(kinds)}]"
            )
        else:
            yield from kinds[value["type"]](value, path)

    return check
