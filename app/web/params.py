"""Parameters of routes that several pages take, with their limits."""

from typing import Annotated, Final

from fastapi import Form, Path, Query

LARGEST_ID: Final = 2**63 - 1  # what a BIGINT holds; more would be an error of the driver

PathId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
FormId = Annotated[int, Form(ge=1, le=LARGEST_ID)]
QueryId = Annotated[int | None, Query(ge=1, le=LARGEST_ID)]


def id_typed(text: str) -> int | None:
    """An id from a field that may also be empty or odd."""
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        return None
    number = int(text)
    return number if 1 <= number <= LARGEST_ID else None
