"""Typed postback data goes out and comes back as it was."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.line.postback import BadPostback, Postback


@dataclass(frozen=True, slots=True)
class Sample(Postback):
    prefix: ClassVar[str] = "sample"
    number: int
    word: str


@given(st.integers(-(10**12), 10**12), st.text(max_size=8))
def test_what_is_packed_is_unpacked(number: int, word: str) -> None:
    assert Sample.unpack(Sample(number, word).pack()) == Sample(number, word)


@pytest.mark.parametrize(
    "data", ["", "sample", "sample:1", "sample:x:y", "sample:1:a:b", "other:1:a"]
)
def test_another_shape_is_refused(data: str) -> None:
    with pytest.raises(BadPostback):
        Sample.unpack(data)


def test_data_too_long_for_line_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than 300"):
        Sample(1, "長" * 40).pack()
