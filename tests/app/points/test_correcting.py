"""Staff correct points: alone within the limit of their role, above it with a second person."""

import threading
from collections import Counter

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import Database
from app.core.errors import Conflict, Invalid
from app.points import queries, service
from app.points.models import CORRECTIONS
from app.points.rules import NotEnoughPoints
from app.points.service import (
    AdjustmentTooLarge,
    AlreadyDecided,
    Correction,
    Person,
    Posted,
    SecondPersonNeeded,
)
from app.programmes import queries as programmes
from app.programmes.rules import DEFAULT, Adjustments
from app.staff.rules import Role
from tests.support import loyalty
from tests.support.staffing import Shop, staffed_shop
from tests.support.times import NOW


def people(shop: Shop) -> dict[Role, Person]:
    return {role: Person(staff_id, role) for role, staff_id in shop.staff.items()}


@pytest.fixture
def staff(session: Session) -> dict[Role, Person]:
    loyalty.publish(session)
    return people(staffed_shop(session))


@pytest.fixture
def member(session: Session, staff: dict[Role, Person]) -> int:
    return loyalty.new_member(session)


def correct(
    session: Session, member: int, points: int, by: Person, form: str = "f1", reason: str = "補登"
) -> Posted | int:
    terms = programmes.terms_at(session, NOW)
    wanted = Correction(form, member, points, reason)
    return service.correct(session, wanted, by=by, terms=terms, now=NOW)


def approve(session: Session, correction_id: int, by: Person) -> None:
    terms = programmes.terms_at(session, NOW)
    service.approve(session, correction_id=correction_id, by=by, terms=terms, now=NOW)


def balance(session: Session, member: int) -> int:
    return queries.standing(session, member, now=NOW).balance


@pytest.mark.parametrize(
    ("role", "points", "is_done"),
    [
        (Role.CLERK, 1, False),
        (Role.ANALYST, 1, False),
        (Role.STORE_MANAGER, 500, True),
        (Role.STORE_MANAGER, 501, False),
        (Role.SUPPORT, 500, True),
        (Role.MARKETER, 501, False),
        (Role.OWNER, 1_000_000, True),
    ],
)
def test_each_role_has_its_limit(
    session: Session,
    staff: dict[Role, Person],
    member: int,
    role: Role,
    points: int,
    is_done: bool,
) -> None:
    done = correct(session, member, points, staff[role])
    assert isinstance(done, Posted) == is_done
    assert balance(session, member) == (points if is_done else 0)
    assert queries.unbalanced(session) == []


def test_the_limits_are_terms_of_the_programme(session: Session, member: int) -> None:
    given = Adjustments(clerk=10, owner=20)
    assert [given.limit(role) for role in ("clerk", "owner", "analyst")] == [10, 20, 0]
    assert DEFAULT.adjustments.limit("owner") is None


def test_the_member_sees_the_reason_and_points_are_usable_at_once(
    session: Session, staff: dict[Role, Person], member: int
) -> None:
    correct(session, member, 100, staff[Role.STORE_MANAGER], reason="補登 7/1 消費")
    (seen,) = queries.history(session, member)
    assert (seen.kind, seen.points, seen.reason) == ("adjust", 100, "補登 7/1 消費")
    assert balance(session, member) == 100


def test_a_form_counts_once_and_says_one_thing(
    session: Session, staff: dict[Role, Person], member: int
) -> None:
    manager = staff[Role.STORE_MANAGER]
    for points, form in ((100, "small"), (900, "large")):
        first = correct(session, member, points, manager, form)
        again = correct(session, member, points, manager, form)
        assert again == first if isinstance(first, int) else not again.is_new  # type: ignore[union-attr]  # a Posted
        with pytest.raises(Conflict):
            correct(session, member, points - 1, manager, form)
    assert balance(session, member) == 100
    assert len(queries.corrections(session, is_waiting=True)) == 1


def test_a_second_person_approves_once(
    session: Session, staff: dict[Role, Person], member: int
) -> None:
    manager, owner = staff[Role.STORE_MANAGER], staff[Role.OWNER]
    waiting = correct(session, member, 800, manager)
    assert isinstance(waiting, int)
    with pytest.raises(SecondPersonNeeded):
        approve(session, waiting, manager)
    with pytest.raises(AdjustmentTooLarge):
        approve(session, waiting, staff[Role.MARKETER])
    approve(session, waiting, owner)
    with pytest.raises(AlreadyDecided):
        approve(session, waiting, owner)
    assert balance(session, member) == 800
    (seen,) = queries.history(session, member)
    assert seen.facts == {"approved_by": owner.staff_id}
    assert correct(session, member, 800, manager) == waiting  # the form sent once more
    assert balance(session, member) == 800


def test_what_was_rejected_stays_so(
    session: Session, staff: dict[Role, Person], member: int
) -> None:
    waiting = correct(session, member, 800, staff[Role.STORE_MANAGER])
    assert isinstance(waiting, int)
    service.reject(session, correction_id=waiting, by=staff[Role.STORE_MANAGER], now=NOW)
    with pytest.raises(AlreadyDecided):
        approve(session, waiting, staff[Role.OWNER])
    assert balance(session, member) == 0
    (decided,) = queries.corrections(session, is_waiting=False)
    assert (decided.status, decided.decided_by_name) == ("rejected", "Ren")


def test_taking_more_than_there_is_is_refused_also_later(
    session: Session, staff: dict[Role, Person], member: int
) -> None:
    manager, owner = staff[Role.STORE_MANAGER], staff[Role.OWNER]
    correct(session, member, 100, manager)
    with pytest.raises(NotEnoughPoints):
        correct(session, member, -101, manager, "f2")
    waiting = correct(session, member, -600, manager, "f3")
    assert isinstance(waiting, int)
    with pytest.raises(NotEnoughPoints), session.begin_nested():
        approve(session, waiting, owner)
    status = session.scalar(sa.select(CORRECTIONS.c.status))
    assert (status, balance(session, member)) == ("waiting", 100)


@pytest.mark.parametrize(
    ("points", "reason", "field"),
    [
        (0, "補登", "points"),
        (1_000_001, "補登", "points"),
        (-1_000_001, "補登", "points"),
        (1, "", "reason"),
        (1, "長" * 201, "reason"),
        (1, "a\x00b", "reason"),
    ],
)
def test_what_cannot_be_names_the_field(
    session: Session,
    staff: dict[Role, Person],
    member: int,
    points: int,
    reason: str,
    field: str,
) -> None:
    with pytest.raises(Invalid) as refused:
        correct(session, member, points, staff[Role.OWNER], reason=reason)
    assert refused.value.field == field


def test_of_two_approvals_at_once_one_counts(db: Database) -> None:
    with db.transaction() as session:
        loyalty.publish(session)
        staff = people(staffed_shop(session))
        member = loyalty.new_member(session)
        waiting = correct(session, member, 800, staff[Role.STORE_MANAGER])
    assert isinstance(waiting, int)
    together, ended = threading.Barrier(6), Counter[str]()

    def decide(_turn: int) -> None:
        together.wait()
        try:
            with db.transaction() as session:
                approve(session, waiting, staff[Role.OWNER])
            ended["approved"] += 1
        except AlreadyDecided:
            ended["late"] += 1

    threads = [threading.Thread(target=decide, args=(turn,)) for turn in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended == {"approved": 1, "late": 5}
    with db.reading() as session:
        assert balance(session, member) == 800
        assert queries.unbalanced(session) == []
