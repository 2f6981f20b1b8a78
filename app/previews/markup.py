"""Safe building blocks for the HTML of LINE messages: escaped tags, checked values, CSS rules.

Nothing here writes a `style` attribute: a strict Content-Security-Policy forbids them. Declarations
become classes named after their own content, so equal declarations share one rule and the rules of
many messages can be put into one stylesheet without clashes.
"""

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TypeAlias
from urllib.parse import urlsplit

Json: TypeAlias = Mapping[str, object]

IMAGE_URL_LIMIT = 2000  # https://developers.line.biz/en/reference/messaging-api/#image-message
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

_COLOR = re.compile(r"#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
_PIXELS = re.compile(r"-?[0-9]{1,5}(?:\.[0-9]{1,4})?px")
_PERCENT = re.compile(r"-?[0-9]{1,4}(?:\.[0-9]{1,4})?%")
_BLANK_OR_CONTROL = re.compile(r"[\x00-\x20\x7f\\]")


@dataclass(frozen=True, slots=True)
class Rendered:
    """HTML of one message and the CSS rules its classes need, in order, without repeats."""

    html: str
    css: tuple[str, ...]


@dataclass(slots=True)
class Sheet:
    """Collects declarations and hands out the class that stands for them."""

    _rules: dict[str, str] = field(default_factory=dict)

    def add(self, declarations: Sequence[str]) -> str:
        """Return the class name for these declarations, or an empty string when there are none."""
        if not declarations:
            return ""
        block = ";".join(declarations)
        name = "s" + blake2b(block.encode(), digest_size=6).hexdigest()
        self._rules.setdefault(name, f".{name}{{{block}}}")
        return name

    def rules(self) -> tuple[str, ...]:
        return tuple(self._rules.values())


def escaped(value: str) -> str:
    # Lone surrogates can come out of JSON and cannot be encoded as UTF-8.
    return html.escape(value.encode("utf-8", "replace").decode(), quote=True)


def tag(
    name: str,
    *children: str,
    classes: Sequence[str] = (),
    **attributes: str | bool | None,
) -> str:
    """Write an element. Children are HTML already; attribute values are escaped here.

    `None` and `False` leave the attribute out; underscores in names become dashes.
    """
    parts = [name]
    joined = " ".join(c for c in classes if c)
    if joined:
        parts.append(f'class="{escaped(joined)}"')
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        parts.append(key if value is True else f'{key}="{escaped(value)}"')
    opening = "<" + " ".join(parts) + ">"
    return opening if name == "img" else f"{opening}{''.join(children)}</{name}>"


def text_of(node: Json, key: str) -> str:
    """Return the string at `key`; anything that is not a string counts as absent."""
    value = node.get(key)
    return value if isinstance(value, str) else ""


def node_of(node: Json, key: str) -> Json:
    """Return the object at `key`; anything else counts as an empty object."""
    value = node.get(key)
    return value if isinstance(value, Mapping) else {}


def nodes_of(node: Json, key: str) -> list[Json]:
    """Return the objects in the list at `key`; other entries are left out."""
    value = node.get(key)
    if not isinstance(value, list | tuple):
        return []
    return [entry for entry in value if isinstance(entry, Mapping)]


def number_of(node: Json, key: str) -> float | None:
    """Return the non-negative number at `key`, at most 100,000, or None."""
    value = node.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100_000:
        return None
    return value


def color(value: object) -> str | None:
    return value if isinstance(value, str) and _COLOR.fullmatch(value) else None


def length(
    value: object,
    keywords: Mapping[str, str],
    *,
    percent: bool = False,
    negative: bool = False,
) -> str | None:
    """Return a CSS length for a keyword, `12px` or (when allowed) `50%`; None for anything else."""
    if not isinstance(value, str):
        return None
    if value in keywords:
        return keywords[value]
    if value.startswith("-") and not negative:
        return None
    if _PIXELS.fullmatch(value) or (percent and _PERCENT.fullmatch(value)):
        return value
    return None


def safe_url(value: object) -> str | None:
    """Return an address a picture or film may be loaded from: https, or http on this machine."""
    if not isinstance(value, str) or not value or len(value) > IMAGE_URL_LIMIT:
        return None
    if _BLANK_OR_CONTROL.search(value):
        return None
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError:
        return None
    if not host or parts.username is not None:
        return None
    if parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK):
        return value
    return None


def action_attributes(action: Json, *, interactive: bool) -> dict[str, str | bool | None]:
    """Return the attributes that make an element tappable; a page script reads `data-action`."""
    if not interactive or not text_of(action, "type"):
        return {}
    packed = json.dumps(action, ensure_ascii=False, separators=(",", ":"), default=str)
    return {
        "data_action": packed,
        "role": "button",
        "tabindex": "0",
        "aria_label": text_of(action, "label") or None,
    }
