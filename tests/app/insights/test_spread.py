"""What members spent, in steps, against each member's own progress."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.insights.queries import spread
from app.members.models import CLOSED, Member
from app.programmes.rules import DEFAULT
from app.rulebooks import queries as books
from app.tiers import queries as tiers
from app.tiers.rules.cuts import STEP, Bucket
from tests.support.loyalty import publish
from tests.support.people import bought, regular
from tests.support.staffing import staffed_shop
from tests.support.times import NOW


@pytest.mark.parametrize("amounts", [(), (99,), (4_999, 1), (25_000,), (3_000_000,)])
def test_the_steps_say_what_each_member_spent(db: Database, amounts: tuple[int, ...]) -> None:
    with db.transaction() as session:
        publish(session)
        shop = staffed_shop(session)
        hana, _ken = regular(session), regular(session)
        bought(session, hana, 7_777, store_id=shop.store_id, sold_at=NOW - timedelta(days=380))
        for amount in amounts:
            bought(session, hana, amount, store_id=shop.store_id)
        progress = tiers.progress(session, hana, now=NOW)
        found = spread.buckets(session, DEFAULT, now=NOW)
        held = tiers.open_period(session, hana)
    assert held is not None
    spent = sum(amounts)
    assert progress.spent == spent
    mine = Bucket(held.tier_code, min(spent // STEP, spread.MOST), 1, spent)
    ken = Bucket("basic", 0, 1, 0)
    together = Bucket("basic", 0, 2, spent)
    assert sorted(found, key=str) == (
        [together] if (mine.held, mine.step) == ("basic", 0) else sorted([mine, ken], key=str)
    )


def test_who_left_and_who_only_tests_are_in_no_number(db: Database) -> None:
    with db.transaction() as session:
        publish(session)
        shop = staffed_shop(session)
        gone, tester, hana = regular(session), regular(session, is_test=True), regular(session)
        for member in (gone, tester, hana):
            bought(session, member, 7_777, store_id=shop.store_id)
        session.execute(sa.update(Member).where(Member.id == gone).values(status=CLOSED))
        found = spread.buckets(session, DEFAULT, now=NOW)
        crowds = books.effects(session, DEFAULT, DEFAULT, now=NOW).crowds
        assert sum(bucket.members for bucket in found) == 1
        assert sum(crowd.members for crowd in crowds) == 1
        assert tiers.counts(session) == {"silver": 1}
