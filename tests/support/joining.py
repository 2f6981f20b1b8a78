"""Ken walks through joining: the same steps for every test that needs a fresh member."""

import re
from dataclasses import replace
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.enrolments import service
from app.enrolments.notice import notice
from app.enrolments.rules import Consents, Joined, Profile
from app.members import queries
from app.members import service as members
from app.members.queries import Person
from app.outbox.models import OutboxRow
from tests.support.times import NOW

BRAND, KEY = "熟客商店", "a secret"
KEN, MEI, HANA = ("U" + digit * 32 for digit in "123")
PHONE = "0912-345-678"
ADULT = Profile(date(1990, 5, 6), name="王小明")


def friend(session: Session, line_user_id: str, now: datetime = NOW) -> Person:
    """Somebody who added the account."""
    members.meet(session, [line_user_id], now=now)
    person = person_of(session, line_user_id)
    members.befriend(session, member_id=person.id, recipient=line_user_id, at=now)
    return person_of(session, line_user_id)


def person_of(session: Session, line_user_id: str) -> Person:
    found = queries.person_by_line_id(session, line_user_id)
    assert found is not None
    return found


def last_code(session: Session) -> str:
    """The code of the newest SMS."""
    texts = session.scalars(
        sa.select(OutboxRow.payload).where(OutboxRow.channel == "sms").order_by(OutboxRow.id.desc())
    )
    found = re.search(r"[0-9]{6}", texts.first() or "")
    assert found is not None
    return found[0]


def agree(session: Session, member: Person, now: datetime = NOW, **consents: bool) -> None:
    ticked = replace(Consents(notice(BRAND).version, terms=True), **consents)  # type: ignore[arg-type]  # bools
    service.begin(
        session,
        member=member,
        consents=ticked,
        channel="liff",
        source=None,
        brand=BRAND,
        now=now,
    )


def prove_phone(session: Session, member: Person, phone: str = PHONE, now: datetime = NOW) -> None:
    service.ask_code(session, member=member, phone=phone, brand=BRAND, key=KEY, now=now)
    service.enter_code(session, member=member, code=last_code(session), key=KEY, now=now)


def join(
    session: Session,
    line_user_id: str = KEN,
    phone: str = PHONE,
    profile: Profile = ADULT,
    now: datetime = NOW,
    **consents: bool,
) -> Joined:
    """From friend to member in one call."""
    member = friend(session, line_user_id, now)
    agree(session, member, now, **consents)
    prove_phone(session, member, phone, now)
    return service.finish(session, member=member, profile=profile, key=KEY, now=now)
