"""What two changes of one programme come to together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Merged:
    """`clashes` are the places that both changed, each to something else; there `mine` counts."""

    document: dict[str, Any]
    clashes: tuple[str, ...]


def merged(base: Document, mine: Document, theirs: Document) -> Merged:
    """What I changed of `base`, put upon what others made of it meanwhile. Lists of things with a
    code are joined thing by thing; other lists are one value."""
    clashes: list[str] = []
    return Merged(_mapping(base, mine, theirs, "", clashes), tuple(clashes))


def _mapping(
    base: Document, mine: Document, theirs: Document, path: str, clashes: list[str]
) -> dict[str, Any]:
    return {
        key: _value(base.get(key), mine.get(key), theirs.get(key), _under(path, key), clashes)
        for key in (*theirs, *(key for key in mine if key not in theirs))
    }


def _value(base: Any, mine: Any, theirs: Any, path: str, clashes: list[str]) -> Any:
    if mine in (base, theirs):
        return theirs
    if theirs == base:
        return mine
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        return _mapping(base or {}, mine, theirs, path, clashes)
    if _has_codes(mine) and _has_codes(theirs):
        return _list(base or (), mine, theirs, path, clashes)
    clashes.append(path)
    return mine


def _list(
    base: Sequence[Any], mine: Sequence[Any], theirs: Sequence[Any], path: str, clashes: list[str]
) -> list[Any]:
    old, ours, other = ({item["code"]: item for item in side} for side in (base, mine, theirs))
    found = []
    for code in _in_order(list(ours), list(other)):
        value = _value(old.get(code), ours.get(code), other.get(code), _under(path, code), clashes)
        if value is not None:
            found.append(value)
    return found


def _in_order(ours: Sequence[str], other: Sequence[str]) -> list[str]:
    """Theirs as they are, and what only I have after the neighbour it has with me: tiers stand in
    the order of what they ask for."""
    found = list(other)
    at = 0  # behind the one before
    for code in ours:
        if code in other:
            at = found.index(code) + 1
        else:
            found.insert(at, code)
            at += 1
    return found


def _has_codes(value: object) -> bool:
    return isinstance(value, Sequence) and all(
        isinstance(item, Mapping) and "code" in item for item in value
    )


def _under(path: str, key: str) -> str:
    return f"{path}.{key}".removeprefix(".")
