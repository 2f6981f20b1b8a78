"""When the made-up people come and what they buy."""

from collections.abc import Sequence
from random import Random

from app.core.clock import TAIPEI
from app.seeds import people, visits
from app.seeds.brand import DELIVERY, PRODUCTS
from app.seeds.visits import Visit
from tests.support.times import NOW

EVERYBODY = people.draw(members=200, seed=3, now=NOW)


def _all() -> list[Sequence[Visit]]:
    rng = Random(5)
    return [visits.visits_of(rng, person, NOW) for person in EVERYBODY]


def test_the_same_seed_gives_the_same_visits() -> None:
    assert _all() == _all()


def test_visits_come_in_order_after_the_joining_within_hours_and_before_now() -> None:
    for person, planned in zip(EVERYBODY, _all(), strict=True):
        moments = [visit.at for visit in planned]
        assert moments == sorted(moments)
        if person.joined_at is None:
            assert not planned
            continue
        assert all(person.joined_at < at < NOW for at in moments)
        assert all(11 <= at.astimezone(TAIPEI).hour <= 21 for at in moments)


def test_goods_are_those_of_the_catalogue_and_returns_lie_in_the_past() -> None:
    known = {product.sku for product in PRODUCTS} | {DELIVERY.sku}
    planned = [visit for one in _all() for visit in one]
    assert {item.sku for visit in planned for item in visit.items} <= known
    assert all(visit.amount > 0 for visit in planned)
    returns = [visit for visit in planned if visit.brought_back is not None]
    assert returns
    assert all(visit.at < visit.brought_back.at < NOW for visit in returns if visit.brought_back)
