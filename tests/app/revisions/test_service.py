"""A change of the programme from its draft to its day."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import Database
from app.core.errors import Conflict, Invalid
from app.programmes import queries as programmes
from app.programmes import service as programme_service
from app.programmes.models import Programme
from app.programmes.rules import DEFAULT, Changes, ContradictoryTerms, Gifts, Terms
from app.programmes.service import ProgrammeMoved
from app.revisions import queries, service
from app.revisions.service import (
    DraftMoved,
    DraftOutdated,
    NotTheAuthor,
    Person,
    SecondPersonNeeded,
    Wish,
)
from app.rulebooks import service as rulebooks
from app.rulebooks import starters as books
from app.staff.models import Staff
from app.staff.rules import Role
from tests.support.at_once import at_once
from tests.support.loyalty import publish
from tests.support.staffing import Shop, staffed_shop
from tests.support.times import NOW

STARTED = NOW - timedelta(days=3650)


def double(terms: Terms = DEFAULT) -> Terms:
    return replace(terms, earning=replace(terms.earning, rate=terms.earning.rate * 2))


@pytest.fixture
def brand(db: Database) -> Shop:
    with db.transaction() as session:
        rulebooks.apply(session, books.STARTER, starts_at=STARTED, actor="test", now=STARTED)
        return staffed_shop(session)


def of(brand: Shop, role: Role) -> Person:
    return Person(brand.staff[role], role)


def drafted(
    session: Session,
    brand: Shop,
    terms: Terms | None = None,
    *,
    starts_at: datetime | None = None,
    form_id: str = "form-1",
    is_asked: bool = True,
) -> int:
    author = of(brand, Role.MARKETER)
    wish = Wish(double() if terms is None else terms, "點數加倍", starts_at)
    newest = programmes.newest(session)
    made = service.write(session, wish, based_on=newest, form_id=form_id, by=author, now=NOW)
    if is_asked:
        service.ask(session, draft_id=made, edition=1, by=author, now=NOW)
    return made


def approved(session: Session, brand: Shop, draft_id: int, edition: int = 1) -> int:
    owner = of(brand, Role.OWNER)
    return service.approve(session, draft_id=draft_id, edition=edition, by=owner, now=NOW)[0]


def rate(session: Session, instant: datetime = NOW) -> int:
    return programmes.terms_at(session, instant).earning.rate


def test_what_a_second_person_approved_holds(db: Database, brand: Shop) -> None:
    with db.transaction() as session:
        draft_id = drafted(session, brand)
        assert rate(session) == 1
        version = approved(session, brand, draft_id)
    with db.reading() as session:
        assert rate(session) == 2
        kept = queries.draft(session, draft_id)
        assert (kept.status, kept.version, kept.decided_by_name) == ("approved", version, "Yui")
        newest = programmes.versions(session, now=NOW)[0]
        assert (newest.id, newest.note, newest.is_in_force) == (version, "點數加倍", True)


def test_the_author_does_not_approve(db: Database, brand: Shop) -> None:
    with db.transaction() as session:
        draft_id = drafted(session, brand)
        with pytest.raises(SecondPersonNeeded):
            service.approve(
                session, draft_id=draft_id, edition=1, by=of(brand, Role.MARKETER), now=NOW
            )
        assert rate(session) == 1


def test_an_author_approves_where_the_programme_lets_one_person(db: Database, brand: Shop) -> None:
    with db.transaction() as session:
        publish(session, replace(DEFAULT, changes=Changes(second_person=False)), starts_at=NOW)
        draft_id = drafted(session, brand, is_asked=False)
        service.approve(session, draft_id=draft_id, edition=1, by=of(brand, Role.MARKETER), now=NOW)
        assert rate(session) == 2


def test_an_owner_with_nobody_to_ask_approves_alone(db: Database, brand: Shop) -> None:
    owner = of(brand, Role.OWNER)
    with db.transaction() as session:
        assert not service.needs_nobody(session, owner, now=NOW)
        session.execute(
            sa.update(Staff).where(Staff.id == brand.staff[Role.MARKETER]).values(is_active=False)
        )
        assert service.needs_nobody(session, owner, now=NOW)


def test_a_marketer_alone_is_not_enough(db: Database, brand: Shop) -> None:
    with db.transaction() as session:
        session.execute(
            sa.update(Staff).where(Staff.id == brand.staff[Role.OWNER]).values(is_active=False)
        )
        assert not service.needs_nobody(session, of(brand, Role.MARKETER), now=NOW)


def test_it_waits_for_its_day(db: Database, brand: Shop) -> None:
    day = NOW + timedelta(days=3)
    with db.transaction() as session:
        approved(session, brand, drafted(session, brand, starts_at=day))
    with db.reading() as session:
        assert rate(session) == 1
        assert rate(session, day - timedelta(microseconds=1)) == 1
        assert rate(session, day) == 2
        assert programmes.versions(session, now=NOW)[0].is_planned


def test_a_day_that_passed_before_the_approval_is_now(db: Database, brand: Shop) -> None:
    past = NOW - timedelta(days=3)
    with db.transaction() as session:
        approved(session, brand, drafted(session, brand, starts_at=past))
        assert rate(session) == 2
        assert rate(session, past) == 1  # nothing that was sold is judged anew


def test_what_was_planned_for_later_does_not_undo_a_newer_change(db: Database, brand: Shop) -> None:
    later = NOW + timedelta(days=30)
    with db.transaction() as session:
        approved(session, brand, drafted(session, brand, starts_at=later))
        terms = programmes.terms_of(session, programmes.newest(session))
        approved(session, brand, drafted(session, brand, double(terms), form_id="form-2"))
    with db.reading() as session:
        assert rate(session) == 4
        assert rate(session, later) == 4


def test_what_was_planned_for_later_does_not_undo_an_applied_file(
    db: Database, brand: Shop
) -> None:
    later = NOW + timedelta(days=30)
    with db.transaction() as session:
        approved(session, brand, drafted(session, brand, starts_at=later))
        changed = replace(books.STARTER, terms=double(double()))
        done = rulebooks.apply(session, changed, starts_at=NOW, actor="cli", now=NOW)
    with db.reading() as session:
        assert rate(session) == 4
        assert rate(session, later) == 4
        assert programmes.terms_at(session, NOW).version == done.version


def test_a_draft_of_an_older_version_is_not_approved(db: Database, brand: Shop) -> None:
    with db.transaction() as session:
        first = drafted(session, brand)
        second = drafted(session, brand, form_id="form-2")
        approved(session, brand, first)
        with pytest.raises(DraftOutdated):
            approved(session, brand, second)


def test_an_outdated_draft_is_put_upon_the_newest_version(db: Database, brand: Shop) -> None:
    by = of(brand, Role.MARKETER)
    with db.transaction() as session:
        mine = drafted(session, brand)
        other = replace(DEFAULT, points=replace(DEFAULT.points, pending_days=3))
        approved(session, brand, drafted(session, brand, other, form_id="form-2"))
        clashes = service.renew(session, draft_id=mine, edition=1, by=by, now=NOW)
        assert clashes == ()
        with pytest.raises(DraftMoved):  # who read the older edition asks for another
            approved(session, brand, mine)
        service.ask(session, draft_id=mine, edition=2, by=by, now=NOW)
        approved(session, brand, mine, edition=2)
    with db.reading() as session:
        terms = programmes.terms_at(session, NOW)
        assert (terms.earning.rate, terms.points.pending_days) == (2, 3)


def test_tiers_that_contradict_when_joined_stay_as_the_author_has_them(
    db: Database, brand: Shop
) -> None:
    """Otherwise a way back to other tiers could neither be approved nor be mended."""
    by, tiers = of(brand, Role.MARKETER), DEFAULT.tiers
    bronze = replace(tiers[1], code="bronze", threshold=8_000)
    pearl = replace(tiers[1], code="pearl", threshold=8_000)
    with db.transaction() as session:
        wanted = replace(double(), tiers=(*tiers[:2], bronze, *tiers[2:]))
        mine = drafted(session, brand, wanted)
        other = replace(
            DEFAULT,
            points=replace(DEFAULT.points, pending_days=3),
            tiers=(*tiers[:2], pearl, *tiers[2:]),
        )
        approved(session, brand, drafted(session, brand, other, form_id="form-2"))
        clashes = service.renew(session, draft_id=mine, edition=1, by=by, now=NOW)
        assert clashes == ("tiers",)
        service.ask(session, draft_id=mine, edition=2, by=by, now=NOW)
        approved(session, brand, mine, edition=2)
        held = programmes.terms_at(session, NOW)
    assert held.tiers == wanted.tiers
    assert (held.earning.rate, held.points.pending_days) == (2, 3)


def test_what_changed_since_it_was_read_is_not_approved(db: Database, brand: Shop) -> None:
    by = of(brand, Role.MARKETER)
    with db.transaction() as session:
        draft_id = drafted(session, brand)
        wish = Wish(double(double()), "四倍")
        service.change(session, wish, draft_id=draft_id, edition=1, by=by, now=NOW)
        service.ask(session, draft_id=draft_id, edition=2, by=by, now=NOW)
        with pytest.raises(DraftMoved):
            approved(session, brand, draft_id, edition=1)
        assert rate(session) == 1


def test_one_that_was_not_asked_for_is_not_approved(db: Database, brand: Shop) -> None:
    with db.transaction() as session, pytest.raises(DraftMoved):
        approved(session, brand, drafted(session, brand, is_asked=False))


@pytest.mark.parametrize("verb", ["ask", "withdraw"])
def test_only_the_author_goes_on_with_it(db: Database, brand: Shop, verb: str) -> None:
    step: Callable[..., None] = getattr(service, verb)
    with db.transaction() as session:
        draft_id = drafted(session, brand, is_asked=False)
        with pytest.raises(NotTheAuthor):
            step(session, draft_id=draft_id, edition=1, by=of(brand, Role.OWNER), now=NOW)


def test_a_rejected_one_is_over(db: Database, brand: Shop) -> None:
    owner = of(brand, Role.OWNER)
    with db.transaction() as session:
        draft_id = drafted(session, brand)
        with pytest.raises(Invalid):
            service.reject(session, draft_id=draft_id, edition=1, reason=" ", by=owner, now=NOW)
        service.reject(session, draft_id=draft_id, edition=1, reason="太多", by=owner, now=NOW)
        with pytest.raises(DraftMoved):
            approved(session, brand, draft_id)
        assert queries.waiting_count(session) == 0


def test_the_same_form_makes_one_draft(db: Database, brand: Shop) -> None:
    with db.transaction() as session:
        assert drafted(session, brand, is_asked=False) == drafted(session, brand, is_asked=False)
        with pytest.raises(Conflict):
            service.write(
                session,
                Wish(double(), "x"),
                based_on=1,
                form_id="form-1",
                by=of(brand, Role.OWNER),
                now=NOW,
            )


@pytest.mark.parametrize(
    "terms",
    [replace(DEFAULT, tiers=()), replace(DEFAULT, gifts=Gifts(birthday="no_such_coupon"))],
)
def test_what_contradicts_itself_is_no_draft(db: Database, brand: Shop, terms: Terms) -> None:
    with db.transaction() as session, pytest.raises(ContradictoryTerms):
        drafted(session, brand, terms)


@pytest.mark.parametrize("note", ["", "  ", "長" * 201, "a\x07b"])
def test_it_says_why(db: Database, brand: Shop, note: str) -> None:
    by = of(brand, Role.MARKETER)
    with db.transaction() as session, pytest.raises(Invalid) as refused:
        service.write(session, Wish(double(), note), based_on=1, form_id="f", by=by, now=NOW)
    assert refused.value.field == "note"


def test_going_back_asks_in_one_step(db: Database, brand: Shop) -> None:
    by = of(brand, Role.MARKETER)
    with db.transaction() as session:
        first = programmes.newest(session)
        approved(session, brand, drafted(session, brand))
        for _ in range(2):  # the form sent twice
            back = service.restore(
                session, version=first, note="退回", form_id="form-9", by=by, now=NOW
            )
        assert queries.draft(session, back).status == "waiting"
        approved(session, brand, back)
        assert rate(session) == 1


def test_going_back_alone_holds_at_once(db: Database, brand: Shop) -> None:
    owner = of(brand, Role.OWNER)
    with db.transaction() as session:
        first = programmes.newest(session)
        approved(session, brand, drafted(session, brand))
        session.execute(
            sa.update(Staff).where(Staff.id == brand.staff[Role.MARKETER]).values(is_active=False)
        )
        service.restore(session, version=first, note="退回", form_id="f", by=owner, now=NOW)
        assert rate(session) == 1


# At the same moment -------------------------------------------------------------------------------


def test_two_approvals_publish_once(db: Database, brand: Shop) -> None:
    with db.transaction() as session:
        draft_id = drafted(session, brand)
        before = programmes.newest(session)

    def approve() -> int:
        with db.transaction() as session:
            return approved(session, brand, draft_id)

    found = at_once(approve, approve)
    assert sorted(type(item).__name__ for item in found) in (
        ["DraftMoved", "int"],
        ["DraftOutdated", "int"],  # it read the newest version after the other had published
    )
    with db.reading() as session:
        published = session.scalar(
            sa.select(sa.func.count()).select_from(Programme).where(Programme.id > before)
        )
        assert published == 1


def test_of_two_drafts_of_one_version_one_is_published(db: Database, brand: Shop) -> None:
    with db.transaction() as session:
        first = drafted(session, brand)
        second = drafted(session, brand, double(double()), form_id="form-2")

    def approve(draft_id: int) -> Callable[[], int]:
        def work() -> int:
            with db.transaction() as session:
                return approved(session, brand, draft_id)

        return work

    found = at_once(approve(first), approve(second))
    assert sorted(type(item).__name__ for item in found) == ["DraftOutdated", "int"]
    with db.reading() as session:
        statuses = {queries.draft(session, item).status for item in (first, second)}
        assert statuses == {"approved", "waiting"}


def test_a_file_applied_meanwhile_is_not_undone(db: Database, brand: Shop) -> None:
    with db.transaction() as session:
        draft_id = drafted(session, brand)

    def approve() -> int:
        with db.transaction() as session:
            return approved(session, brand, draft_id)

    def apply() -> int:
        with db.transaction() as session:
            terms = replace(DEFAULT, return_window_days=7)
            return programme_service.publish(session, terms, starts_at=NOW, actor="cli", now=NOW)

    found = at_once(approve, apply)
    with db.reading() as session:
        versions = programmes.versions(session, now=NOW)
        follows = session.scalars(sa.select(Programme.follows).order_by(Programme.id)).all()
    refused = [item for item in found if isinstance(item, DraftOutdated | ProgrammeMoved)]
    assert len(versions) == 3 - len(refused)  # the first one, and each that was not refused
    assert len(set(follows)) == len(follows)
    # Whoever was second either was refused or made their version after having seen the first.
    if not refused:
        assert found[0] < found[1]  # type: ignore[operator]  # versions


def test_an_approval_and_a_withdrawal_do_not_both_win(db: Database, brand: Shop) -> None:
    with db.transaction() as session:
        draft_id = drafted(session, brand)

    def approve() -> int:
        with db.transaction() as session:
            return approved(session, brand, draft_id)

    def withdraw() -> str:
        with db.transaction() as session:
            by = of(brand, Role.MARKETER)
            service.withdraw(session, draft_id=draft_id, edition=1, by=by, now=NOW)
            return "withdrawn"

    found = at_once(approve, withdraw)
    assert sum(isinstance(item, DraftMoved) for item in found) == 1
    with db.reading() as session:
        is_published = rate(session) == 2
        assert is_published == (queries.draft(session, draft_id).status == "approved")
