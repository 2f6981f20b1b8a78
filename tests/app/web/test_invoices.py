"""Invoices that wait for a person, on the console, and members' own list."""

from dataclasses import replace

import sqlalchemy as sa

from app.core.db import Database
from app.invoices import queries, service
from app.invoices.models import InvoiceClaim
from app.invoices.rules.slips import Code, read
from app.points import queries as points
from app.programmes.rules import DEFAULT, InvoiceTerms
from app.staff.rules import Role
from tests.support import loyalty, slips
from tests.support.people import regular
from tests.support.staffing import Shop
from tests.support.times import NOW
from tests.support.web import Browser


def registered(db: Database, *, status: str = "review") -> tuple[int, int]:
    """(claim, member)"""
    terms = replace(DEFAULT, invoices=InvoiceTerms(is_on=True, sellers=(slips.SELLER,)))
    with db.transaction() as session:
        loyalty.publish(session, terms, starts_at=NOW)
        member = regular(session)
        slip = read([Code(text) for text in slips.codes("AB12345678", 1_000)])
        done = service.claim(session, member_id=member, slip=slip, source="chat", now=NOW)
        session.execute(sa.update(InvoiceClaim).values(status=status))
        return done.claim_id, member


def test_the_list_filters_and_shows_what_may_be_decided(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    visitor.log_in(Role.OWNER)
    assert "沒有發票" in visitor.get("/console/invoices").text
    claim, _ = registered(sqlite_db)
    page = visitor.get("/console/invoices?status=review").text
    assert "AB-12345678" in page
    assert f"/console/invoices/{claim}/approve" in page
    assert "AB-12345678" not in visitor.get("/console/invoices?status=matched").text


def test_confirming_is_done_once(sqlite_db: Database, visitor: Browser, shop: Shop) -> None:
    claim, _ = registered(sqlite_db)
    visitor.log_in(Role.SUPPORT)
    assert visitor.post(f"/console/invoices/{claim}/approve").location.endswith("done=approved")
    assert visitor.post(f"/console/invoices/{claim}/approve").location.endswith("done=late")
    with sqlite_db.reading() as session:
        assert queries.claim(session, claim).status == "accepted"


def test_sending_back_needs_a_reason_and_takes_the_points(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    claim, member = registered(sqlite_db)
    visitor.log_in(Role.OWNER)
    answer = visitor.post(f"/console/invoices/{claim}/reject", {"reason": " "})
    assert answer.location.endswith("done=reason")
    answer = visitor.post(f"/console/invoices/{claim}/reject", {"reason": "作廢發票"})
    assert answer.location.endswith("done=rejected")
    assert "作廢發票" in visitor.get("/console/invoices").text
    with sqlite_db.reading() as session:
        assert points.standing(session, member, now=NOW).pending == 0
    assert visitor.post("/console/invoices/999/approve").status == 404


def test_an_analyst_sees_no_name_and_decides_nothing(
    sqlite_db: Database, visitor: Browser, shop: Shop
) -> None:
    claim, _ = registered(sqlite_db)
    visitor.log_in(Role.ANALYST)
    page = visitor.get("/console/invoices").text
    assert "AB-12345678" in page
    assert "王小明" not in page
    assert "approve" not in page
    assert visitor.post(f"/console/invoices/{claim}/approve").status == 403
