"""Who the made-up people are."""

from collections import Counter
from datetime import date, timedelta

from app.core import text
from app.core.clock import taipei_date
from app.seeds import people
from tests.support.times import NOW

EVERYBODY = people.draw(members=1_500, seed=7, now=NOW)
MEMBERS = [person for person in EVERYBODY if person.joined_at is not None]


def test_the_same_seed_and_moment_give_the_same_people() -> None:
    assert people.draw(members=1_500, seed=7, now=NOW) == EVERYBODY
    assert people.draw(members=1_500, seed=8, now=NOW) != EVERYBODY


def test_numbers_phones_and_line_ids_are_valid_and_nobody_shares_them() -> None:
    for values in (
        [person.number for person in MEMBERS],
        [person.phone for person in MEMBERS],
        [person.line_user_id for person in EVERYBODY if person.line_user_id],
    ):
        assert None not in values
        assert len(set(values)) == len(values)
    assert all(text.is_member_number(person.number or "") for person in MEMBERS)
    assert all(text.parse_phone(person.phone or "") == person.phone for person in MEMBERS)
    assert all(text.parse_name(person.name or "") for person in MEMBERS)


def test_the_number_of_members_is_as_asked_and_some_never_join() -> None:
    assert len(MEMBERS) == 1_500
    assert 150 < len(EVERYBODY) - len(MEMBERS) < 300


def test_nobody_comes_from_the_future_or_from_before_the_history() -> None:
    first = NOW - people.HISTORY - timedelta(days=2)
    for person in EVERYBODY:
        moments = (person.met_at, person.joined_at, person.blocked_at, person.back_at)
        given = [moment for moment in moments if moment is not None]
        assert first < min(given)
        assert max(given) < NOW
        assert given == sorted(given)


def test_somebody_is_born_on_29_february_and_minors_have_a_guardian() -> None:
    born = Counter(
        (person.birthday.month, person.birthday.day) for person in MEMBERS if person.birthday
    )
    assert born[2, 29] >= 2
    minors = [
        person
        for person in MEMBERS
        if person.birthday
        and person.joined_at
        and _age(person.birthday, taipei_date(person.joined_at)) < 18
    ]
    assert minors
    assert all(person.guardian is not None for person in minors)
    assert all(
        _age(person.birthday, taipei_date(NOW)) >= 7 for person in MEMBERS if person.birthday
    )


def test_the_cast_is_among_them_apart_from_the_stranger() -> None:
    cast = {person.line_user_id for person in EVERYBODY if person.role}
    assert cast == {role.line_user_id for role in people.ROLES} - {people.STRANGER_ID}


def test_even_a_handful_of_members_can_be_asked_for() -> None:
    assert (
        sum(person.joined_at is not None for person in people.draw(members=5, seed=1, now=NOW)) == 5
    )


def _age(born: date, day: date) -> int:
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
