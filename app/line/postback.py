"""Typed postback data: `prefix:field:field`, packed and read in one place.

A button's data is at most 300 characters
(https://developers.line.biz/en/reference/messaging-api/#postback-action).
"""

import dataclasses
from typing import ClassVar, Self, get_type_hints
from urllib.parse import quote, unquote

from app.line.limits import POSTBACK_DATA_LENGTH


class BadPostback(ValueError):
    """The data has this prefix but not this shape; an old button, or somebody's invention."""


@dataclasses.dataclass(frozen=True, slots=True)
class Postback:
    """Subclass with a `prefix` and fields of type str or int."""

    prefix: ClassVar[str]

    def pack(self) -> str:
        """Raises ValueError when longer than LINE takes."""
        values = (str(getattr(self, field.name)) for field in dataclasses.fields(self))
        data = ":".join((self.prefix, *(quote(value, safe="") for value in values)))
        if len(data) > POSTBACK_DATA_LENGTH:
            raise ValueError(f"postback data is longer than {POSTBACK_DATA_LENGTH}: {data[:50]}…")
        return data

    @classmethod
    def unpack(cls, data: str) -> Self:
        """Raises BadPostback."""
        prefix, *values = data.split(":")
        fields = dataclasses.fields(cls)
        if prefix != cls.prefix or len(values) != len(fields):
            raise BadPostback(data[:50])
        kinds = get_type_hints(cls)
        try:
            return cls(
                **{
                    field.name: kinds[field.name](unquote(value))
                    for field, value in zip(fields, values, strict=True)
                }
            )
        except ValueError as error:
            raise BadPostback(data[:50]) from error


def prefix_of(data: str) -> str:
    return data.split(":", 1)[0]
