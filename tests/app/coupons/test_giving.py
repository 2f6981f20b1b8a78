"""To many at once: the same as one after the other, and within every limit under races."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.core.db import Database
from app.core.errors import NotFound
from app.coupons import service
from app.coupons.models import COUPONS, EVENTS, HOLDINGS, KINDS
from app.coupons.rules import KindDraft
from app.coupons.service import Given, LimitReached
from app.timeline.models import Fact
from tests.support.at_once import at_once
from tests.support.loyalty import new_member
from tests.support.times import NOW

_codes = count(1)


def new_kind(session: Session, **limits: int | None) -> str:
    draft = KindDraft(f"kind-{next(_codes)}", "夏日券", "amount_off", 50, valid_days=9)
    service.create_kind(session, draft=replace(draft, **limits), now=NOW)  # type: ignore[arg-type]
    return draft.code


def give_all(session: Session, kind: str, members: list[int], prefix: str = "b:1:") -> Given:
    return service.issue_to_all(
        session, kind_code=kind, member_ids=members, source="b:1", dedup_prefix=prefix, now=NOW
    )


def one_by_one(session: Session, kind: str, members: list[int]) -> dict[int, str]:
    """Who was refused, and by which limit."""
    refused = {}
    for member in members:
        try:
            with session.begin_nested():
                service.issue(
                    session,
                    kind_code=kind,
                    member_id=member,
                    source="b:1",
                    dedup_key=f"{kind}:{member}",
                    now=NOW,
                )
        except LimitReached as reached:
            refused[member] = reached.limit
    return refused


def books(session: Session, kind: str) -> tuple[int, dict[int, int], int, int]:
    """The kind's counter, each member's holding, coupons, what was noted of them."""
    row = session.execute(sa.select(KINDS.c.id, KINDS.c.issued).where(KINDS.c.code == kind)).one()
    held = session.execute(
        sa.select(HOLDINGS.c.member_id, HOLDINGS.c.issued).where(HOLDINGS.c.kind_id == row.id)
    )
    mine = sa.select(COUPONS.c.id).where(COUPONS.c.kind_id == row.id)
    coupons = session.scalar(sa.select(sa.func.count()).select_from(mine.subquery()))
    notes = session.scalar(
        sa.select(sa.func.count()).select_from(EVENTS).where(EVENTS.c.coupon_id.in_(mine))
    )
    return row.issued, {row.member_id: row.issued for row in held}, coupons or 0, notes or 0


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    issue_limit=st.none() | st.integers(1, 12),
    per_member=st.none() | st.integers(0, 2),
    before=st.lists(st.integers(0, 7), max_size=8),
    asked=st.lists(st.integers(0, 7), min_size=1, max_size=8, unique=True),
    is_active=st.booleans() | st.just(True),
)
def test_to_all_is_as_one_after_the_other(
    sqlite_db: Database,
    issue_limit: int | None,
    per_member: int | None,
    before: list[int],
    asked: list[int],
    is_active: bool,
) -> None:
    with sqlite_db.transaction() as session:
        members = [new_member(session) for _ in range(8)]
        limits = {"issue_limit": issue_limit, "per_member_limit": per_member}
        kinds = [new_kind(session, **limits) for _ in range(2)]
        for kind in kinds:
            for number, place in enumerate(before):
                try:
                    with session.begin_nested():
                        service.issue(
                            session,
                            kind_code=kind,
                            member_id=members[place],
                            source="before",
                            dedup_key=f"before:{kind}:{number}",
                            now=NOW,
                        )
                except LimitReached:
                    continue
            service.set_active(session, code=kind, is_active=is_active)
        wanted = [members[place] for place in asked]
        expected = one_by_one(session, kinds[0], wanted)
        found = give_all(session, kinds[1], wanted, f"{kinds[1]}:")
        assert found.refused == expected
        assert set(found.to) == set(wanted) - set(expected)
        assert books(session, kinds[1]) == books(session, kinds[0])


def test_each_gets_a_coupon_of_their_own_and_it_is_written_down(db: Database) -> None:
    with db.transaction() as session:
        kind = new_kind(session)
        members = [new_member(session) for _ in range(3)]
        found = give_all(session, kind, members)
        rows = session.execute(
            sa.select(
                COUPONS.c.id,
                COUPONS.c.member_id,
                COUPONS.c.code,
                COUPONS.c.dedup_key,
                COUPONS.c.expires_at,
            ).order_by(COUPONS.c.id)
        ).all()
        assert [(row.member_id, row.dedup_key) for row in rows] == [
            (member, f"b:1:{member}") for member in members
        ]
        for row in rows:
            issued = found.to[row.member_id]
            assert (issued.coupon_id, issued.code) == (row.id, row.code)
            assert issued.expires_at == row.expires_at
        assert len({row.code for row in rows}) == 3
        told = session.scalars(sa.select(Fact.member_id).where(Fact.kind == "coupon.issued"))
        assert sorted(told) == members


def test_what_is_over_or_unknown_is_given_to_nobody(session: Session) -> None:
    member = new_member(session)
    with pytest.raises(NotFound):
        give_all(session, "nothing", [member])
    draft = KindDraft("old", "舊券", "amount_off", 50, ends_at=NOW - timedelta(days=1))
    service.create_kind(session, draft=draft, now=NOW)
    with pytest.raises(LimitReached):
        give_all(session, "old", [member])
    assert give_all(session, new_kind(session), []) == Given({}, {})


def test_many_givers_at_once_keep_every_limit(db: Database) -> None:
    with db.transaction() as session:
        kind = new_kind(session, issue_limit=30, per_member_limit=2)
        members = [new_member(session) for _ in range(20)]
    found: list[int] = []

    def give(number: int) -> None:
        with db.transaction() as session:
            if number % 2:
                found.append(len(give_all(session, kind, members, f"g{number}:").to))
            else:
                refused = one_by_one_of(session, number)
                found.append(len(members) - len(refused))

    def one_by_one_of(session: Session, number: int) -> list[int]:
        refused = []
        for member in members:
            try:
                with session.begin_nested():
                    service.issue(
                        session,
                        kind_code=kind,
                        member_id=member,
                        source="b:1",
                        dedup_key=f"one:{number}:{member}",
                        now=NOW,
                    )
            except LimitReached:
                refused.append(member)
        return refused

    assert at_once(*(partial(give, number) for number in range(6))) == [None] * 6
    with db.reading() as session:
        issued, held, coupons, notes = books(session, kind)
    assert (issued, coupons, notes, sum(found), sum(held.values())) == (30, 30, 30, 30, 30)
    assert max(held.values()) <= 2
