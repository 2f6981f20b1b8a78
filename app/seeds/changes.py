"""A change of the programme that the marketer asked for and the owner has not decided on."""

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.programmes import queries as programmes
from app.revisions import service
from app.revisions.service import Person, Wish
from app.staff.models import Staff
from app.staff.rules import Role


def write(session: Session, *, now: datetime) -> None:
    """Gold gets cheaper, so that some rise."""
    author = session.scalars(sa.select(Staff.id).where(Staff.role == Role.MARKETER).limit(1)).one()
    newest = programmes.newest(session)
    terms = programmes.terms_of(session, newest)
    tiers = tuple(
        replace(tier, threshold=tier.threshold * 4 // 5) if tier.code == "gold" else tier
        for tier in terms.tiers
    )
    wish = Wish(replace(terms, tiers=tiers, version=0), "周年慶：降低金卡門檻")
    by = Person(author, Role.MARKETER)
    made = service.write(session, wish, based_on=newest, form_id="seed-anniversary", by=by, now=now)
    service.ask(session, draft_id=made, edition=1, by=by, now=now)
