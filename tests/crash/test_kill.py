"""kill -9 of the serving process at random moments while webhooks and purchases pour in.

Afterwards every accepted webhook was handled exactly once, every ledger adds up, and LINE saw no
message twice and misses none."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pouring import Pouring, all_is_well
from tests.support.product import House, house, until
from tests.support.shop import join, open_shop, pos_token

KILLS = 30
MEMBERS = 12


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[House]:
    with house(tmp_path, database_url) as running:
        open_shop(running)
        yield running


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_is_lost_or_doubled_when_the_process_is_killed(place: House) -> None:
    rng = random.Random(20260704)
    members = [join(place, f"會員{index}", f"09120000{index:02d}") for index in range(MEMBERS)]
    token = pos_token(place)
    users = [member.user for member in members]
    pouring = Pouring(place, users, [member.number for member in members], token)
    pouring.start()
    for _ in range(KILLS):
        # Moments are counted in accepted requests: they are as random on a slow machine.
        goal = pouring.accepted() + rng.randrange(30)
        until(lambda: pouring.accepted() >= goal, "nothing is accepted any more")  # noqa: B023
        pouring.stopped.wait(rng.uniform(0, 0.05))
        place.product.kill()
        place.product.start()
    pouring.stop()
    assert len(pouring.accepted_events) > KILLS
    assert len(pouring.accepted_sales) > KILLS
    all_is_well(place, pouring)
