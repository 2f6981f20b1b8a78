"""kill -9 while a broadcast goes out, and LINE that answers 500, loses its answer or hangs up:
everybody meant gets the letter and its coupon once, and the product counts what LINE counted."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.attention.rules import is_held_out
from app.campaigns import queries, rules, service
from app.campaigns.models import RECIPIENTS
from app.campaigns.rules.letters import of_card
from app.core.db import Database
from app.coupons.models import COUPONS
from app.insights import checks
from app.members import service as members
from app.members.models import Member
from app.tiers import service as tiers
from tests.support.product import House, house, until, words_of
from tests.support.shop import open_shop
from tests.support.times import NOW

KILLS = 10
MEMBERS = 1_500
NUMBERS = range(1_000, 1_000 + MEMBERS)
LETTER = of_card(
    "夏茶上市", "{姓名}，今年的夏茶到了。", coupon="welcome", label="看", place="coupons"
)
SAME = of_card("夏茶上市", "今年的夏茶到了。", label="看", place="stores")  # goes by multicast
FAULTS = (
    {"status": 500, "every": 11},
    {"status": 500, "every": 13, "when": "after"},  # accepted, and the answer is lost
    {"drop": "after", "every": 17},  # accepted, and the line is cut
    {"drop": "before", "every": 19},
    {"status": 429, "every": 47, "body": {"message": "The API rate limit has been exceeded."}},
)

MANY_KILLS = 3
# There are few requests: most of them go wrong, and are asked again.
MANY_FAULTS = (
    {"status": 500, "every": 3, "when": "after"},
    {"drop": "after", "every": 2},
    {"status": 500, "every": 5},
)


class Clock:
    """The product's clock, in a file: leases and back-offs end when the test says so."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "clock"
        self.now = NOW
        self.forward(0)

    def forward(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        fresh = self.path.with_suffix(".new")
        fresh.write_text(self.now.isoformat())
        fresh.replace(self.path)  # nobody reads half an instant


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


@pytest.fixture
def place(tmp_path: Path, database_url: str, clock: Clock) -> Iterator[House]:
    with house(tmp_path, database_url, REGULARS_CLOCK=f"file:{clock.path}") as running:
        open_shop(running)
        yield running


def people(place: House, db: Database) -> None:
    """Friends who agreed to marketing; LINE knows them too."""
    rows = [
        {
            "id": number,
            "number": f"{number:010d}",
            "status": "member",
            "line_user_id": f"U{number:032x}",
            "is_friend": True,
            "name": f"會員{number:05d}",
            "joined_at": NOW,
            "created_at": NOW,
            "birthday_edits": 0,
            "marketing_ok": True,
            "is_test": False,
        }
        for number in NUMBERS
    ]
    with db.transaction() as session:
        session.execute(sa.insert(Member), rows)
        for number in NUMBERS:
            tiers.begin(session, member_id=number, now=NOW)
    users = [
        {"userId": row["line_user_id"], "displayName": row["name"], "following": True}
        for row in rows
    ]
    place.line.post("/control/users", {"users": users})


def arrived(place: House) -> Counter[str]:
    """Letters by who got them."""
    received = place.line.get("/control/received", limit=100_000)["received"]
    return Counter(
        entry["userId"] for entry in received if "夏茶上市" in words_of(entry["message"])
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_broadcast_reaches_everybody_once_whatever_dies(place: House, clock: Clock) -> None:
    rng = random.Random(20260704)
    db = Database(place.database_url)
    people(place, db)
    meant = {f"U{number:032x}" for number in NUMBERS if not is_held_out(number)}
    for fault in FAULTS:
        place.line.post("/control/faults", {"path": "/v2/bot/message/push"} | fault)
    with db.transaction() as session:
        broadcast_id = service.create(
            session, name="夏茶", segment_id=None, letter=LETTER, staff_id=None, now=NOW
        )
        service.plan(session, broadcast_id=broadcast_id, send_at=NOW, now=NOW)

    def has_come_to(letters: int) -> bool:
        clock.forward(2)
        return arrived(place).total() >= letters

    for kill in range(KILLS):
        goal = kill * len(meant) // (KILLS + 1) + rng.randrange(100)
        until(lambda: has_come_to(goal), "nothing arrives any more")  # noqa: B023
        place.product.kill()
        place.product.start()
    place.line.http.delete("/control/faults")

    def is_over() -> bool:
        clock.forward(2)
        with db.reading() as session:
            sending = queries.counts(session, broadcast_id).by_sending
            is_done = queries.broadcast(session, broadcast_id).status == rules.DONE
        return is_done and set(sending) <= {"sent", "parked"}

    until(is_over, "it does not end", seconds=180)
    found = arrived(place)
    assert set(found) == meant
    assert set(found.values()) == {1}
    with db.reading() as session:
        counted = queries.counts(session, broadcast_id)
        assert counted.by_status == {
            rules.QUEUED: len(meant),
            rules.CONTROL: MEMBERS - len(meant),
        }
        assert (counted.coupons, counted.sent) == (len(meant), len(meant))
        holders = session.scalars(sa.select(COUPONS.c.member_id)).all()
        assert sorted(holders) == sorted(
            session.scalars(
                sa.select(RECIPIENTS.c.member_id).where(RECIPIENTS.c.status == rules.QUEUED)
            )
        )
        assert checks.broken_invariants(session, now=NOW) == []
    db.dispose()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_letter_for_many_at_once_reaches_everybody_once_whatever_dies(
    place: House, clock: Clock
) -> None:
    """Requests for several hundred each: whoever dies, no list is cut anew and none is sent twice,
    and who leaves in between is in none that was not tried before."""
    rng = random.Random(20260705)
    db = Database(place.database_url)
    people(place, db)
    meant = {f"U{number:032x}" for number in NUMBERS if not is_held_out(number)}
    for fault in MANY_FAULTS:
        place.line.post("/control/faults", {"path": "/v2/bot/message/multicast"} | fault)
    with db.transaction() as session:
        broadcast_id = service.create(
            session, name="夏茶", segment_id=None, letter=SAME, staff_id=None, now=NOW
        )
        service.plan(session, broadcast_id=broadcast_id, send_at=NOW, now=NOW)
    left: set[int] = set()

    def has_come_to(letters: int) -> bool:
        clock.forward(2)
        return arrived(place).total() >= letters

    for kill in range(MANY_KILLS):
        goal = kill * len(meant) // (MANY_KILLS + 1)
        until(lambda: has_come_to(goal), "nothing arrives any more", seconds=60)  # noqa: B023
        with db.transaction() as session:
            member = rng.choice(NUMBERS)
            members.consent(
                session,
                member_id=member,
                kind="marketing",
                version="1",
                is_given=False,
                channel="chat",
                now=clock.now,
            )
            left.add(member)
        place.product.kill()
        place.product.start()
    place.line.http.delete("/control/faults")

    def is_over() -> bool:
        clock.forward(2)
        with db.reading() as session:
            sending = queries.counts(session, broadcast_id).by_sending
            is_done = queries.broadcast(session, broadcast_id).status == rules.DONE
        return is_done and set(sending) <= {"sent", "parked", "cancelled"}

    until(is_over, "it does not end", seconds=180)
    found = arrived(place)
    assert set(found.values()) == {1}
    maybe = {f"U{number:032x}" for number in left}
    assert meant - maybe <= set(found) <= meant
    with db.reading() as session:
        counted = queries.counts(session, broadcast_id)
        assert counted.sent == len(found)
        assert checks.broken_invariants(session, now=NOW) == []
    db.dispose()
