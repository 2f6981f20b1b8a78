"""Showing that somebody is the member: the rotating code, shown for a minute and good for one
redemption, or a code sent to the member's phone and read out at the till."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.cards.models import CardToken
from app.cards.rules import PREFIX, TOKEN_LENGTH, TOKEN_LIFE
from app.core import ids
from app.core.db import changed, table_of
from app.core.errors import DomainError, NotFound
from app.members import queries as members
from app.verifications import service as verifications
from app.verifications.rules import TILL, Expired, Wrong
from app.verifications.service import Passed, Sent

_TOKENS = table_of(CardToken)


class TokenDead(DomainError):
    """`reason` is unknown, expired or used."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"card token {reason}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Token:
    text: str  # what the QR holds
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Shown:
    """A code that is alive: whose it is and until when."""

    token_id: int
    member_id: int
    expires_at: datetime


def issue_token(session: Session, *, member_id: int, now: datetime) -> Token:
    text = PREFIX + ids.random_code(TOKEN_LENGTH)
    expires_at = now + TOKEN_LIFE
    session.execute(
        sa.insert(_TOKENS),
        {
            "digest": ids.digest(text),
            "member_id": member_id,
            "issued_at": now,
            "expires_at": expires_at,
        },
    )
    return Token(text, expires_at)


def shown(session: Session, *, text: str, now: datetime) -> Shown:
    """Whose code this is. Looking does not use it up. Raises TokenDead."""
    row = session.execute(
        sa.select(_TOKENS.c.id, _TOKENS.c.member_id, _TOKENS.c.expires_at, _TOKENS.c.used_at).where(
            _TOKENS.c.digest == ids.digest(text.strip())
        )
    ).one_or_none()
    if row is None:
        raise TokenDead("unknown")
    if row.used_at is not None:
        raise TokenDead("used")
    if row.expires_at <= now:
        raise TokenDead("expired")
    return Shown(row.id, row.member_id, row.expires_at)


@dataclass(frozen=True, slots=True)
class Late:
    """A code that was scanned without network and comes in when it is dead."""

    token_id: int
    member_id: int
    issued_at: datetime
    expires_at: datetime


def late(session: Session, *, text: str) -> Late:
    """Whose code this was and when it lived. Raises TokenDead when it is unknown (by now)."""
    row = session.execute(
        sa.select(
            _TOKENS.c.id, _TOKENS.c.member_id, _TOKENS.c.issued_at, _TOKENS.c.expires_at
        ).where(_TOKENS.c.digest == ids.digest(text.strip()))
    ).one_or_none()
    if row is None:
        raise TokenDead("unknown")
    return Late(*tuple(row))


def use_late(session: Session, *, token_id: int, purpose: str, now: datetime) -> None:
    """Use a code up after its life. Raises TokenDead when it was used: by then, or since."""
    won = changed(
        session,
        sa.update(_TOKENS)
        .where(_TOKENS.c.id == token_id, _TOKENS.c.used_at.is_(None))
        .values(used_at=now, purpose=purpose),
    )
    if not won:
        raise TokenDead("used")


def use_token(session: Session, *, text: str, purpose: str, now: datetime) -> int:
    """Use the code up and return the member's id: of two scans exactly one gets it.

    Raises TokenDead."""
    found = shown(session, text=text, now=now)
    won = changed(
        session,
        sa.update(_TOKENS)
        .where(
            _TOKENS.c.id == found.token_id,
            _TOKENS.c.used_at.is_(None),
            _TOKENS.c.expires_at > now,
        )
        .values(used_at=now, purpose=purpose),
    )
    if not won:
        raise TokenDead("used")
    return found.member_id


def forget_expired(session: Session, *, before: datetime) -> int:
    return changed(session, sa.delete(_TOKENS).where(_TOKENS.c.expires_at < before))


def send_code(session: Session, *, member_id: int, brand: str, key: str, now: datetime) -> Sent:
    """SMS a code to the member's phone. Raises NotFound without a phone, and what
    `verifications.send_code` raises."""
    return verifications.send_code(
        session,
        phone=_phone(session, member_id),
        line_user_id=None,
        purpose=TILL,
        brand=brand,
        key=key,
        now=now,
    )


def check_code(
    session: Session, *, member_id: int, code: str, key: str, now: datetime
) -> Passed | Wrong | Expired:
    """Compare what was read out with the code sent, and spend it: good for one identification. A
    wrong one is an answer, so that its count is committed. Raises TriedTooOften, NotVerified when
    it was spent, NotFound."""
    phone = _phone(session, member_id)
    checked = verifications.check_code(
        session, phone=phone, line_user_id=None, purpose=TILL, code=code, key=key, now=now
    )
    if isinstance(checked, Passed):
        verifications.use(
            session,
            verification_id=checked.id,
            phone=phone,
            line_user_id=None,
            purpose=TILL,
            key=key,
            now=now,
        )
    return checked


def _phone(session: Session, member_id: int) -> str:
    phone = members.person(session, member_id).phone
    if phone is None:
        raise NotFound("phone", member_id)
    return phone
