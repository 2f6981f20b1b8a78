"""Cycles are searched for rarely, and not among what stays for good."""

import gc
from collections.abc import Iterator

import pytest

from app.core import garbage


@pytest.fixture
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


@pytest.mark.usefixtures("as_before")
def test_what_is_loaded_is_not_looked_through_and_new_cycles_are_still_found() -> None:
    garbage.search_rarely()
    assert gc.get_freeze_count() > 1_000
    assert gc.isenabled()
    assert gc.get_threshold()[0] == garbage.YOUNG
    circle: list[object] = []
    circle.append(circle)
    del circle
    assert gc.collect() >= 1
