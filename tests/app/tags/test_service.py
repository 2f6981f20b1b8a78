"""Tags on members: by name, for a while or for ever, one at a time or on thousands."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.core.db import Database
from app.core.errors import Conflict, Invalid, NotFound
from app.members.models import Member
from app.tags import queries, rules, service
from app.tags.models import MEMBER_TAGS, TAGS
from tests.support.at_once import at_once
from tests.support.loyalty import new_member
from tests.support.times import NOW

DAY = timedelta(days=1)


def put(session: Session, tag_id: int, *members: int, until: datetime | None = None) -> int:
    return service.put(
        session, tag_id=tag_id, member_ids=members, source="staff", until=until, now=NOW
    )


def worn(session: Session, member: int, now: datetime = NOW) -> list[str]:
    return [tag.name for tag in queries.worn_by(session, member, now=now)]


@pytest.mark.parametrize("name", ["", " ", "字" * 21, "a\x00b"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(Invalid):
        rules.named(name)


@pytest.mark.parametrize(
    ("days", "until"),
    [
        (None, None),
        (1, datetime(2026, 7, 4, 16, tzinfo=UTC)),
        (30, datetime(2026, 8, 2, 16, tzinfo=UTC)),
    ],
)
def test_days_are_whole_days_in_taipei(days: int | None, until: datetime | None) -> None:
    assert rules.until(days, now=NOW) == until


@pytest.mark.parametrize("days", [0, -1, 3_651])
def test_what_is_no_time(days: int) -> None:
    with pytest.raises(Invalid):
        rules.until(days, now=NOW)


def test_a_name_is_one_tag(session: Session) -> None:
    tea = service.make(session, name=" 愛喝  紅茶 ", now=NOW)
    assert service.make(session, name="愛喝 紅茶", now=NOW) == tea
    gift = service.make(session, name="送禮客", now=NOW)
    assert queries.names(session) == {str(tea): "愛喝 紅茶", str(gift): "送禮客"}
    with pytest.raises(Conflict):
        service.rename(session, tag_id=tea, name="送禮客")
    service.rename(session, tag_id=tea, name="紅茶")
    service.rename(session, tag_id=tea, name="紅茶")
    assert queries.tag(session, tea).name == "紅茶"
    with pytest.raises(NotFound):
        service.rename(session, tag_id=99, name="無")


def test_a_removed_tag_is_off_everybody_and_its_name_is_free(session: Session) -> None:
    hana = new_member(session)
    tea = service.make(session, name="紅茶", now=NOW)
    put(session, tea, hana)
    assert service.remove(session, tag_id=tea) == 1
    assert worn(session, hana) == []
    assert queries.tags(session) == []
    with pytest.raises(NotFound):
        put(session, tea, hana)
    with pytest.raises(NotFound):
        service.remove(session, tag_id=tea)
    assert service.make(session, name="紅茶", now=NOW) != tea


def test_tags_are_worn_until_their_day_and_taken_off(db: Database) -> None:
    with db.transaction() as session:
        hana, ken = new_member(session), new_member(session)
        tea, gift = (service.make(session, name=name, now=NOW) for name in ("紅茶", "送禮"))
        assert put(session, tea, hana, ken, until=NOW + DAY) == 2
        put(session, gift, hana)
        assert worn(session, hana) == ["紅茶", "送禮"]
        assert queries.counts(session, now=NOW) == {tea: 2, gift: 1}
        assert worn(session, hana, NOW + DAY) == ["送禮"]
        assert queries.counts(session, now=NOW + DAY) == {gift: 1}
        assert service.take_off(session, tag_id=gift, member_id=hana)
        assert not service.take_off(session, tag_id=gift, member_id=hana)
        assert service.forget_old(session, now=NOW + DAY) == 2
        assert session.scalar(sa.select(sa.func.count()).select_from(MEMBER_TAGS)) == 0


def test_guests_and_strangers_wear_none(session: Session) -> None:
    guest = new_member(session)
    session.execute(sa.update(Member).where(Member.id == guest).values(status="guest"))
    tea = service.make(session, name="紅茶", now=NOW)
    assert put(session, tea, guest, 999_999) == 0


def test_who_is_wiped_wears_nothing(session: Session) -> None:
    hana = new_member(session)
    put(session, service.make(session, name="紅茶", now=NOW), hana)
    service.strip(session, member_id=hana)
    assert worn(session, hana) == []


ends = st.none() | st.integers(1, 5)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(ends, min_size=1, max_size=5))
def test_worn_again_it_lasts_the_longest(sqlite_db: Database, days: list[int | None]) -> None:
    with sqlite_db.transaction() as session:
        hana = new_member(session)
        tag = service.make(session, name=f"第 {hana} 個", now=NOW)
        for number in days:
            put(session, tag, hana, until=None if number is None else NOW + number * DAY)
        found = session.scalar(
            sa.select(MEMBER_TAGS.c.expires_at).where(MEMBER_TAGS.c.member_id == hana)
        )
        longest = None if None in days else NOW + max(day or 0 for day in days) * DAY
        assert found == longest


def test_worn_again_lasts_longest_on_postgresql(postgres_db: Database) -> None:
    with postgres_db.transaction() as session:
        hana = new_member(session)
        tag = service.make(session, name="紅茶", now=NOW)
        for until in (NOW + DAY, NOW + 3 * DAY, NOW + 2 * DAY):
            put(session, tag, hana, until=until)
        held = sa.select(MEMBER_TAGS.c.expires_at)
        assert session.scalar(held) == NOW + 3 * DAY
        put(session, tag, hana)
        put(session, tag, hana, until=NOW + DAY)
        assert session.scalar(held) is None


def test_many_who_name_one_tag_at_once_make_one(db: Database) -> None:
    with db.transaction() as session:
        members = [new_member(session) for _ in range(20)]

    def tag() -> None:
        with db.transaction() as session:
            put(session, service.make(session, name="紅茶", now=NOW), *members)

    assert at_once(*[tag] * 6) == [None] * 6
    with db.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(TAGS)) == 1
        assert session.scalar(sa.select(sa.func.count()).select_from(MEMBER_TAGS)) == 20
