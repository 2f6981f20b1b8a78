"""Checks of single values: each takes a value and returns what LINE says is wrong, or None."""

import re
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import urlsplit

from app.simulator.counting import is_over_graphemes, is_over_utf16

Check = Callable[[object], str | None]

URL_LIMIT = 2000
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

INVALID = "invalid property"
_PERCENT = re.compile(r"\d{1,4}(\.\d+)?%")
_PIXELS = re.compile(r"\d{1,5}(\.\d+)?px")
_SIGNED_PIXELS = re.compile(r"-?\d{1,5}(\.\d+)?px")
_SIGNED_PERCENT = re.compile(r"-?\d{1,4}(\.\d+)?%")
_COLOUR = re.compile(r"#(?:[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})")
_ANGLE = re.compile(r"(\d{1,3}(?:\.\d+)?)deg")
_RATIO = re.compile(r"(\d{1,6}(?:\.\d+)?):(\d{1,6}(?:\.\d+)?)")
_URL_TEXT = re.compile(r"[!-~]+")


def one_of(*allowed: str) -> Check:
    values = frozenset(allowed)

    def check(value: object) -> str | None:
        return None if isinstance(value, str) and value in values else INVALID

    return check


def matching(
    pattern: re.Pattern[str], *keywords: str, also: re.Pattern[str] | None = None
) -> Check:
    words = frozenset(keywords)

    def check(value: object) -> str | None:
        if not isinstance(value, str):
            return INVALID
        if value in words or pattern.fullmatch(value):
            return None
        return None if also is not None and also.fullmatch(value) else INVALID

    return check


def boolean(value: object) -> str | None:
    return None if isinstance(value, bool) else INVALID


def whole_number(value: object) -> str | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return None if is_number and 0 <= value <= 2_147_483_647 else INVALID  # type: ignore[operator]  # is_number says it is an int


_SPACES = ("none", "xs", "sm", "md", "lg", "xl", "xxl")
_SIZES = ("xxs", "xs", "sm", "md", "lg", "xl", "xxl", "3xl", "4xl", "5xl")
space = matching(_PIXELS, *_SPACES)
padding = matching(_PIXELS, *_SPACES, also=_PERCENT)
offset = matching(_SIGNED_PIXELS, *_SPACES, also=_SIGNED_PERCENT)
length = matching(_PIXELS, also=_PERCENT)
border = matching(_PIXELS, "none", "light", "normal", "medium", "semi-bold", "bold")
corner = matching(_PIXELS, *_SPACES)
font_size = matching(_PIXELS, *_SIZES)
image_size = matching(_PIXELS, *_SIZES, "full", also=_PERCENT)
line_spacing = matching(_PIXELS)
colour = matching(_COLOUR)


def angle(value: object) -> str | None:
    found = _ANGLE.fullmatch(value) if isinstance(value, str) else None
    return None if found and float(found.group(1)) < 360 else INVALID


def share(value: object) -> str | None:
    """0% to 100%."""
    if not isinstance(value, str) or not _PERCENT.fullmatch(value):
        return INVALID
    return None if float(value[:-1]) <= 100 else INVALID


def aspect_ratio(value: object) -> str | None:
    found = _RATIO.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return INVALID
    width, height = float(found.group(1)), float(found.group(2))
    fits = 1 <= width <= 100_000 and 1 <= height <= 100_000
    return None if fits and height <= 3 * width else INVALID


@lru_cache(maxsize=4096)
def _url_problem(value: str, schemes: tuple[str, ...], limit: int, loopback: bool) -> str | None:
    if not value:
        return "must be specified"
    if is_over_utf16(value, limit):
        return f"must not be longer than {limit} characters"
    if not _URL_TEXT.fullmatch(value):
        return "invalid uri"
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
    except ValueError:
        return "invalid uri"
    scheme = parts.scheme.lower()
    if scheme not in schemes and not (loopback and scheme == "http" and host in LOOPBACK):
        return "invalid uri scheme"
    if scheme in ("http", "https") and not host:
        return "invalid uri"
    return None


def https_url(value: object, *, loopback: bool, limit: int = URL_LIMIT) -> str | None:
    """https only; `loopback` also lets http through to this machine, for the demo."""
    if not isinstance(value, str):
        return INVALID if value is not None else "must be specified"
    return _url_problem(value, ("https",), limit, loopback)


def action_url(value: object) -> str | None:
    """What a uri action may open: http, https, line, tel; at most 1,000 characters."""
    if not isinstance(value, str):
        return INVALID if value is not None else "must be specified"
    return _url_problem(value, ("http", "https", "line", "tel"), 1000, False)


def text_within(value: object, limit: int, *, graphemes: bool, needed: bool) -> str | None:
    if value is None:
        return "must be specified" if needed else None
    if not isinstance(value, str):
        return INVALID
    if needed and not value:
        return "must be non-empty text"
    over = is_over_graphemes(value, limit) if graphemes else is_over_utf16(value, limit)
    return f"must not be longer than {limit} characters" if over else None
