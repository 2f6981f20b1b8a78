from sqlalchemy.orm import Session

from app.core.db import Database
from app.lookups import queries, service
from app.lookups.models import Lookup
from app.lookups.rules import WHATS, What
from app.staff.rules import Role
from app.web import words
from tests.support.loyalty import publish
from tests.support.people import regular
from tests.support.staffing import staffed_shop
from tests.support.times import NOW


def note(session: Session, staff_id: int, what: What, member_id: int | None = None) -> None:
    service.note(
        session,
        staff_id=staff_id,
        what=what,
        member_id=member_id,
        device="Firefox",
        is_full=True,
        now=NOW,
    )


def test_looks_are_found_by_person_and_by_member_and_page_backwards(db: Database) -> None:
    with db.transaction() as session:
        publish(session)
        shop = staffed_shop(session)
        yui, kei = shop.staff[Role.OWNER], shop.staff[Role.SUPPORT]
        hana, ken, mei = regular(session), regular(session), regular(session)
        for staff_id, member_id in ((yui, hana), (kei, hana), (kei, ken), (kei, mei)):
            note(session, staff_id, "page", member_id)
        note(session, yui, "list")
    with db.reading() as session:
        everything = queries.lookups(session)
        assert [line.member_id for line in everything] == [None, mei, ken, hana, hana]
        by_kei = queries.lookups(session, staff_id=kei)
        assert [line.member_id for line in by_kei] == [mei, ken, hana]
        assert {line.staff_name for line in by_kei} == {"Kei"}
        of_two = queries.lookups(session, member_ids=[hana, ken])
        assert [(line.staff_name, line.member_id) for line in of_two] == [
            ("Kei", ken), ("Kei", hana), ("Yui", hana),
        ]  # fmt: skip
        assert queries.lookups(session, member_ids=[]) == []
        first = queries.lookups(session, limit=2)
        rest = queries.lookups(session, before_id=first[-1].id)
        assert first + rest == everything


def test_every_kind_of_look_has_its_word() -> None:
    assert set(WHATS) == set(words.LOOKUPS)
    assert max(map(len, WHATS)) <= Lookup.__table__.c.what.type.length  # type: ignore[attr-defined]
