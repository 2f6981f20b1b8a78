"""Send a code to a phone, check what was typed, spend the proof. Knows nothing of members, so the
answers cannot tell whether a phone is known."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import ids
from app.core.clock import taipei_date, taipei_midnight
from app.core.db import changed, insert_ignore
from app.core.errors import DomainError
from app.outbox import service as outbox
from app.verifications import messages, rules
from app.verifications.models import Verification, VerificationGate
from app.verifications.rules import Expired, Wrong


class SentTooRecently(DomainError):
    def __init__(self, again_at: datetime) -> None:
        super().__init__(f"the next code may be sent at {again_at.isoformat()}")
        self.again_at = again_at


class SentTooOften(DomainError):
    """The day's codes are used up, for the phone or for the LINE user."""

    def __init__(self, again_at: datetime) -> None:
        super().__init__(f"no more codes before {again_at.isoformat()}")
        self.again_at = again_at


class TriedTooOften(DomainError):
    def __init__(self, until: datetime) -> None:
        super().__init__(f"locked until {until.isoformat()}")
        self.until = until


class NotVerified(DomainError):
    """The phone was not proven, the proof is too old, or it was spent."""


@dataclass(frozen=True, slots=True)
class Sent:
    id: int
    expires_at: datetime
    again_at: datetime


@dataclass(frozen=True, slots=True)
class Passed:
    """The phone is proven; `id` is spent with `use`."""

    id: int


def send_code(
    session: Session,
    *,
    phone: str,
    line_user_id: str | None,
    purpose: str,
    brand: str,
    key: str,
    now: datetime,
) -> Sent:
    """Queue an SMS with a new code; only the newest code of a person counts.

    Raises SentTooRecently, SentTooOften, TriedTooOften.
    """
    phone_hash = ids.keyed_hash(key, phone)
    with session.begin_nested():  # a refusal by the second gate gives the first one back
        for gate in _gates(phone_hash, line_user_id):
            _pass_to_send(session, gate, now)
    code = ids.random_digits(rules.CODE_LENGTH)
    sent_id = session.scalars(
        sa.insert(Verification)
        .values(
            phone_hash=phone_hash,
            line_user_id=line_user_id,
            purpose=purpose,
            code_digest=_code_digest(key, phone, purpose, code),
            sent_at=now,
            expires_at=now + rules.CODE_LIFE,
        )
        .returning(Verification.id)
    ).one()
    text = messages.code(brand, code)
    # Not the row's id: SQLite gives it again once old codes are forgotten.
    outbox.sms(session, phone=phone, text=text, dedup_key=f"otp:{ids.retry_key()}", now=now)
    return Sent(sent_id, now + rules.CODE_LIFE, now + rules.RESEND_AFTER)


def check_code(
    session: Session,
    *,
    phone: str,
    line_user_id: str | None,
    purpose: str,
    code: str,
    key: str,
    now: datetime,
) -> Passed | Wrong | Expired:
    """Compare a typed code with the newest one sent to this phone for this person.

    A wrong code is an answer and not an error, because its count must be committed.
    Raises TriedTooOften, having counted nothing.
    """
    phone_hash = ids.keyed_hash(key, phone)
    sent = _newest(session, phone_hash, line_user_id, purpose)
    if sent is None or sent.expires_at <= now:
        return Expired()
    is_right = hmac.compare_digest(sent.code_digest, _code_digest(key, phone, purpose, code))
    if sent.verified_at is not None:  # the same form sent twice
        return Passed(sent.id) if is_right else Expired()
    wrong = _take_a_try(session, _phone_gate(phone_hash), now)
    if not is_right:
        return Wrong(rules.WRONG_TRIES - wrong)
    won = changed(
        session,
        sa.update(Verification)
        .where(
            Verification.id == sent.id,
            Verification.verified_at.is_(None),
            Verification.expires_at > now,
        )
        .values(verified_at=now),
    )
    _forgive(session, _phone_gate(phone_hash))
    return Passed(sent.id) if won or _was_verified(session, sent.id) else Expired()


def use(
    session: Session,
    *,
    verification_id: int,
    phone: str,
    line_user_id: str | None,
    purpose: str,
    key: str,
    now: datetime,
) -> None:
    """Spend a passed check, once. Raises NotVerified."""
    won = changed(
        session,
        sa.update(Verification)
        .where(
            Verification.id == verification_id,
            Verification.phone_hash == ids.keyed_hash(key, phone),
            Verification.purpose == purpose,
            Verification.line_user_id.is_not_distinct_from(line_user_id),
            Verification.verified_at > now - rules.PROOF_LIFE,
            Verification.used_at.is_(None),
        )
        .values(used_at=now),
    )
    if not won:
        raise NotVerified("phone")


def forget_old(session: Session, *, now: datetime, keep: timedelta = timedelta(days=2)) -> int:
    """Delete codes and counters that limit nothing any more."""
    old = now - keep
    session.execute(
        sa.delete(VerificationGate).where(
            VerificationGate.next_send_at < old,
            sa.or_(VerificationGate.locked_until.is_(None), VerificationGate.locked_until < old),
        )
    )
    return changed(session, sa.delete(Verification).where(Verification.expires_at < old))


def _code_digest(key: str, phone: str, purpose: str, code: str) -> str:
    return ids.keyed_hash(key, f"{purpose}:{phone}:{code}")


def _phone_gate(phone_hash: str) -> str:
    return f"phone:{phone_hash}"


def _gates(phone_hash: str, line_user_id: str | None) -> list[str]:
    """Always in this order, so that two requests cannot wait for each other."""
    gates = [_phone_gate(phone_hash)]
    if line_user_id is not None:
        gates.insert(0, f"line:{line_user_id}")
    return gates


def _pass_to_send(session: Session, gate: str, now: datetime) -> None:
    today = taipei_date(now)
    insert_ignore(
        session,
        VerificationGate,
        {"key": gate, "day": today, "sent": 0, "next_send_at": now, "wrong": 0},
    )
    is_today = VerificationGate.day == today
    won = changed(
        session,
        sa.update(VerificationGate)
        .where(
            VerificationGate.key == gate,
            VerificationGate.next_send_at <= now,
            sa.or_(sa.not_(is_today), VerificationGate.sent < rules.SENDS_PER_DAY),
            _is_open(now),
        )
        .values(
            day=today,
            sent=sa.case((is_today, VerificationGate.sent + 1), else_=1),
            next_send_at=now + rules.RESEND_AFTER,
        ),
    )
    if not won:
        raise _send_refusal(session, gate, now)


def _send_refusal(session: Session, gate: str, now: datetime) -> DomainError:
    row = session.execute(
        sa.select(VerificationGate).where(VerificationGate.key == gate),
        execution_options={"populate_existing": True},
    ).scalar_one()
    if row.locked_until is not None and row.locked_until > now:
        return TriedTooOften(row.locked_until)
    today = taipei_date(now)
    if row.day == today and row.sent >= rules.SENDS_PER_DAY:
        return SentTooOften(taipei_midnight(today + timedelta(days=1)))
    return SentTooRecently(row.next_send_at)


def _is_open(now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(VerificationGate.locked_until.is_(None), VerificationGate.locked_until <= now)


def _take_a_try(session: Session, gate: str, now: datetime) -> int:
    """Count a try before it is judged, so that fifty at once are not fifty tries.

    Return how many are used up. The last one locks; being right unlocks again (`_forgive`).
    """
    used = sa.case(
        (VerificationGate.wrong >= rules.WRONG_TRIES, 1), else_=VerificationGate.wrong + 1
    )
    lock = sa.case(
        (used >= rules.WRONG_TRIES, sa.bindparam("lock", now + rules.LOCK, type_=_LOCK_TYPE)),
        else_=sa.null(),
    )
    won = changed(
        session,
        sa.update(VerificationGate)
        .where(VerificationGate.key == gate, _is_open(now))
        .values(wrong=used, locked_until=lock),
    )
    row = session.execute(
        sa.select(VerificationGate.wrong, VerificationGate.locked_until).where(
            VerificationGate.key == gate
        )
    ).one()
    if not won:
        raise TriedTooOften(row.locked_until)
    return int(row.wrong)


_LOCK_TYPE = VerificationGate.__table__.c.locked_until.type


def _forgive(session: Session, gate: str) -> None:
    session.execute(
        sa.update(VerificationGate)
        .where(VerificationGate.key == gate)
        .values(wrong=0, locked_until=None)
    )


def _newest(
    session: Session, phone_hash: str, line_user_id: str | None, purpose: str
) -> Verification | None:
    return session.scalars(
        sa.select(Verification)
        .where(
            Verification.phone_hash == phone_hash,
            Verification.purpose == purpose,
            Verification.line_user_id.is_not_distinct_from(line_user_id),
        )
        .order_by(Verification.id.desc())
        .limit(1),
        execution_options={"populate_existing": True},
    ).one_or_none()


def _was_verified(session: Session, verification_id: int) -> bool:
    return (
        session.scalar(
            sa.select(Verification.verified_at.is_not(None)).where(
                Verification.id == verification_id
            )
        )
        or False
    )
