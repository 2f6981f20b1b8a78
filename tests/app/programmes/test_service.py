from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.programmes import queries, service
from app.programmes.queries import NoProgramme
from app.programmes.rules import DEFAULT, ContradictoryTerms, Earning
from tests.support.times import NOW


def publish(session: Session, rate: int, starts_in: timedelta) -> int:
    terms = replace(DEFAULT, earning=Earning(rate=rate))
    return service.publish(session, terms, starts_at=NOW + starts_in, actor="cli", now=NOW)


def test_the_version_that_started_last_is_in_force(session: Session) -> None:
    first = publish(session, 1, timedelta(days=-10))
    second = publish(session, 2, timedelta(days=10))
    before, at = timedelta(days=10, microseconds=-1), timedelta(days=10)
    assert queries.terms_at(session, NOW + before).version == first
    assert queries.terms_at(session, NOW + at).version == second
    assert queries.terms_at(session, NOW + at).earning.rate == 2


def test_of_two_versions_with_the_same_start_the_later_published_is_in_force(
    session: Session,
) -> None:
    publish(session, 1, timedelta())
    assert queries.terms_at(session, NOW).version < publish(session, 2, timedelta())
    assert queries.terms_at(session, NOW).earning.rate == 2


def test_before_the_first_version_there_are_no_terms(session: Session) -> None:
    publish(session, 1, timedelta())
    with pytest.raises(NoProgramme):
        queries.terms_at(session, NOW - timedelta(seconds=1))


def test_contradictory_terms_are_not_published(session: Session) -> None:
    with pytest.raises(ContradictoryTerms):
        publish(session, -1, timedelta())


def test_published_terms_can_be_read_by_version(session: Session) -> None:
    version = publish(session, 3, timedelta())
    assert queries.terms_of(session, version).earning.rate == 3
    with pytest.raises(NoProgramme):
        queries.terms_of(session, version + 1)
