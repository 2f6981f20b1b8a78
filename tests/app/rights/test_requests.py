"""Requests about one's own data: by when the law wants them decided, and that each ends once."""

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import Database
from app.core.errors import Invalid
from app.members.models import CLOSED, MEMBER, Consent, Member
from app.rights import queries, rules, service
from app.rights.models import REQUESTS
from app.rights.service import NoMember, NotOpen
from app.timeline import queries as timeline
from tests.support.at_once import at_once
from tests.support.loyalty import publish
from tests.support.people import regular
from tests.support.staffing import staffed_shop
from tests.support.times import NOW

TODAY = taipei_date(NOW)


@pytest.mark.parametrize(
    ("kind", "due", "prolonged"),
    [
        ("access", date(2026, 7, 16), date(2026, 7, 31)),
        ("copy", date(2026, 7, 16), date(2026, 7, 31)),
        ("correct", date(2026, 7, 31), date(2026, 8, 30)),
        ("stop", date(2026, 7, 31), date(2026, 8, 30)),
        ("delete", date(2026, 7, 31), date(2026, 8, 30)),
    ],
)
def test_the_law_s_days_are_counted_from_the_day_after(
    kind: str, due: date, prolonged: date
) -> None:
    assert rules.due_on(kind, date(2026, 7, 1)) == due
    assert rules.due_on(kind, date(2026, 7, 1), is_prolonged=True) == prolonged


@given(st.sampled_from(sorted(rules.DAYS)), st.dates(date(2020, 1, 1), date(2090, 1, 1)))
def test_prolonging_gives_as_many_days_again(kind: str, asked_on: date) -> None:
    once = rules.due_on(kind, asked_on)
    assert rules.due_on(kind, asked_on, is_prolonged=True) - once == once - asked_on


@pytest.mark.parametrize(
    ("kind", "channel", "asked_on", "field"),
    [
        ("sell", "store", TODAY, "kind"),
        ("copy", "pigeon", TODAY, "channel"),
        ("copy", "store", TODAY + timedelta(days=1), "asked_on"),
        ("copy", "store", TODAY - rules.OLDEST - timedelta(days=1), "asked_on"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(
    kind: str, channel: str, asked_on: date, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        rules.check_request(kind, channel, asked_on, today=TODAY)
    assert refused.value.field == field


def asked(session: Session, *, kind: str = "copy", days_ago: int = 0, form_id: str = "f") -> int:
    publish(session)
    shop = staffed_shop(session)
    hana = regular(session, name="陳小花")
    assert _ask(session, hana, shop.staff["owner"], kind, days_ago, form_id)  # type: ignore[index]  # a role
    return int(session.scalars(sa.select(sa.func.max(REQUESTS.c.id))).one())


def _ask(
    session: Session, member_id: int, staff_id: int, kind: str, days_ago: int, form_id: str
) -> bool:
    return service.ask(
        session,
        member_id=member_id,
        kind=kind,
        channel="phone",
        asked_on=TODAY - timedelta(days=days_ago),
        note="",
        form_id=form_id,
        staff_id=staff_id,
        now=NOW,
    )


def test_the_longest_overdue_stand_first(session: Session) -> None:
    first = asked(session, kind="delete", days_ago=5)
    row = session.execute(sa.select(REQUESTS.c.member_id, REQUESTS.c.staff_id)).one()
    _ask(session, row.member_id, row.staff_id, "copy", 20, "late")
    _ask(session, row.member_id, row.staff_id, "access", 1, "soon")
    lines = queries.open_requests(session)
    assert [one.days_left(TODAY) for one in lines] == [-5, 14, 25]
    assert lines[-1].id == first


def test_the_same_form_is_one_request_and_the_time_line_tells_of_it(session: Session) -> None:
    asked(session, form_id="same")
    row = session.execute(sa.select(REQUESTS.c.member_id, REQUESTS.c.staff_id)).one()
    assert not _ask(session, row.member_id, row.staff_id, "copy", 0, "same")
    assert len(queries.open_requests(session)) == 1
    kinds = [entry.kind for entry in timeline.entries_of(session, row.member_id)]
    assert kinds.count("member.asked") == 1


def test_it_is_prolonged_once_and_only_with_a_reason(session: Session) -> None:
    request_id = asked(session)
    staff_id = session.scalars(sa.select(REQUESTS.c.staff_id)).one()
    with pytest.raises(Invalid):
        service.prolong(session, request_id=request_id, note=" ", staff_id=staff_id)
    service.prolong(session, request_id=request_id, note="資料量大", staff_id=staff_id)
    (line,) = queries.open_requests(session)
    assert line.due_on == TODAY + timedelta(days=30)
    with pytest.raises(NotOpen):
        service.prolong(session, request_id=request_id, note="再一次", staff_id=staff_id)


def test_of_several_people_at_once_one_decides(db: Database) -> None:
    with db.transaction() as session:
        request_id = asked(session)
        staff_id = session.scalars(sa.select(REQUESTS.c.staff_id)).one()

    def decide(status: str) -> str:
        with db.transaction() as session:
            service.decide(
                session,
                request_id=request_id,
                status=status,
                note="不符資格",
                notice_version="2026-07",
                staff_id=staff_id,
                now=NOW,
            )
        return status

    found = at_once(*(lambda s=s: decide(s) for s in ("done", "refused", "withdrawn")))
    won = [one for one in found if isinstance(one, str)]
    assert len(won) == 1
    assert sum(isinstance(one, NotOpen) for one in found) == 2
    with db.reading() as session:
        assert [one.status for one in queries.decided_requests(session)] == won


def test_refusing_needs_a_reason(session: Session) -> None:
    request_id = asked(session)
    with pytest.raises(Invalid):
        service.decide(
            session,
            request_id=request_id,
            status="refused",
            note="",
            notice_version="2026-07",
            staff_id=1,
            now=NOW,
        )


def _done(session: Session, request_id: int) -> None:
    service.decide(
        session,
        request_id=request_id,
        status="done",
        note="",
        notice_version="2026-07",
        staff_id=session.scalars(sa.select(REQUESTS.c.staff_id)).first() or 0,
        now=NOW,
    )


def _asker(session: Session) -> Any:
    columns = (Member.id, Member.status, Member.marketing_ok)
    asker = sa.select(*columns).join(REQUESTS, REQUESTS.c.member_id == Member.id)
    return session.execute(asker).one()


def test_a_deletion_that_is_carried_out_closes_the_membership(session: Session) -> None:
    _done(session, asked(session, kind="delete"))
    row = _asker(session)
    assert row.status == CLOSED
    assert queries.wipe_at(session, row.id) == NOW + rules.WIPE_AFTER


def test_who_closed_it_themselves_meanwhile_is_not_closed_twice(session: Session) -> None:
    request_id = asked(session, kind="delete")
    service.close(session, member_id=_asker(session).id, channel="liff", now=NOW)
    _done(session, request_id)
    assert queries.open_requests(session) == []


def test_whoever_is_no_member_has_nothing_to_close_and_is_told_so(session: Session) -> None:
    request_id = asked(session, kind="delete")
    session.execute(sa.update(Member).values(status="guest"))
    with pytest.raises(NoMember):
        _done(session, request_id)


def test_a_stop_that_is_carried_out_ends_marketing_and_keeps_the_proof(session: Session) -> None:
    request_id = asked(session, kind="stop")
    session.execute(sa.update(Member).values(marketing_ok=True))
    _done(session, request_id)
    row = _asker(session)
    assert (row.status, row.marketing_ok) == (MEMBER, False)
    columns = (Consent.kind, Consent.is_given, Consent.channel, Consent.version)
    last = session.execute(sa.select(*columns).order_by(Consent.id.desc()).limit(1)).one()
    assert tuple(last) == ("marketing", False, "phone", "2026-07")


@pytest.mark.parametrize("kind", ["access", "copy", "correct"])
def test_other_wishes_change_nothing_of_the_member(session: Session, kind: str) -> None:
    request_id = asked(session, kind=kind)
    before = _asker(session)
    _done(session, request_id)
    assert _asker(session) == before


def test_of_a_wiped_member_only_the_dates_are_kept(session: Session) -> None:
    request_id = asked(session)
    session.execute(sa.update(REQUESTS).values(note="打電話來的是她先生"))
    member_id = session.scalars(sa.select(REQUESTS.c.member_id)).one()
    ends = service.close(session, member_id=member_id, channel="liff", now=NOW)
    service.wipe_due(session, key="k", now=ends)
    row = session.execute(
        sa.select(REQUESTS.c.note, REQUESTS.c.kind).where(REQUESTS.c.id == request_id)
    ).one()
    assert tuple(row) == ("", "copy")
