"""The second factor: codes of an authenticator app, and codes on paper for who lost the phone.

`key` is SECRET_KEY: the app's secret is sealed with it, codes on paper are kept as its keyed hash.
"""

from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import ids, sealing, totp
from app.core.db import changed
from app.core.errors import DomainError, NotFound
from app.staff import rules
from app.staff.models import RecoveryCode, Staff

Way = Literal["app", "recovery"]


class WrongCode(DomainError):
    """Not the code of this half minute, or used before."""


class FactorUnreadable(DomainError):
    """The secret was sealed with another SECRET_KEY; somebody must reset the second factor."""


def offer_factor(session: Session, *, staff_id: int, key: str, now: datetime) -> None:
    """Make a secret that counts once its first code was typed, within `rules.OFFERED_FOR`. Raises
    NotFound when the second factor is on already."""
    sealed = sealing.seal(key, totp.new_secret(), about=_about(staff_id))
    offered = (
        sa.update(Staff)
        .where(Staff.id == staff_id, Staff.is_active, Staff.totp_secret.is_(None))
        .values(totp_offer=sealed, totp_offered_at=now)
    )
    if not changed(session, offered):
        raise NotFound("factor", staff_id)


def confirm_factor(
    session: Session, *, staff_id: int, typed: str, key: str, now: datetime
) -> list[str]:
    """Switch it on; return the recovery codes, which are shown this once. Raises WrongCode,
    FactorUnreadable, NotFound when nothing is offered."""
    offer = _offer(session, staff_id, now)
    if offer is None:
        raise NotFound("factor", staff_id)
    step = totp.step_of(_secret(key, offer, staff_id), rules.code_typed(typed), now=now)
    if step is None:
        raise WrongCode
    confirmed = (
        sa.update(Staff)
        .where(Staff.id == staff_id, Staff.totp_offer == offer, Staff.totp_secret.is_(None))
        .values(totp_secret=offer, totp_offer=None, totp_offered_at=None, totp_step=step)
    )
    if not changed(session, confirmed):
        raise NotFound("factor", staff_id)
    return new_recovery_codes(session, staff_id=staff_id, key=key)


def accept_code(session: Session, *, staff_id: int, typed: str, key: str, now: datetime) -> Way:
    """Use up a code of the app or one on paper; return which it was. Raises WrongCode, also for a
    code that was used before, FactorUnreadable."""
    plain = rules.code_typed(typed)
    if _use_recovery_code(session, staff_id, plain, key, now):
        return "recovery"
    sealed = session.scalar(
        sa.select(Staff.totp_secret).where(Staff.id == staff_id, Staff.is_active)
    )
    if sealed is None:
        raise WrongCode
    step = totp.step_of(_secret(key, sealed, staff_id), plain, now=now)
    if step is None or not _use_step(session, staff_id, sealed, step):
        raise WrongCode
    return "app"


def new_recovery_codes(session: Session, *, staff_id: int, key: str) -> list[str]:
    """Earlier ones stop. Return ten, which are shown this once. Raises NotFound without a second
    factor."""
    is_on = (Staff.id == staff_id, Staff.totp_secret.is_not(None))
    # Written although nothing changes: of two that do it at the same moment the second waits here,
    # and then finds the codes of the first.
    if not changed(session, sa.update(Staff).where(*is_on).values(totp_step=Staff.totp_step)):
        raise NotFound("factor", staff_id)
    _drop_codes(session, staff_id)
    codes = [rules.recovery_code() for _ in range(rules.RECOVERY_CODES)]
    session.execute(
        sa.insert(RecoveryCode),
        [{"staff_id": staff_id, "digest": _digest(key, staff_id, code)} for code in codes],
    )
    return codes


def drop_factor(session: Session, *, staff_id: int) -> None:
    """From now on the password alone opens. Raises NotFound without a second factor."""
    dropped = (
        sa.update(Staff)
        .where(Staff.id == staff_id, Staff.totp_secret.is_not(None))
        .values(totp_secret=None, totp_offer=None, totp_offered_at=None, totp_step=None)
    )
    if not changed(session, dropped):
        raise NotFound("factor", staff_id)
    _drop_codes(session, staff_id)


def _use_step(session: Session, staff_id: int, sealed: str, step: int) -> bool:
    """RFC 6238, section 5.2: the second use of a code must be refused."""
    used = (
        sa.update(Staff)
        .where(
            Staff.id == staff_id,
            Staff.totp_secret == sealed,
            sa.or_(Staff.totp_step.is_(None), Staff.totp_step < step),
        )
        .values(totp_step=step)
    )
    return bool(changed(session, used))


def _use_recovery_code(
    session: Session, staff_id: int, plain: str, key: str, now: datetime
) -> bool:
    used = (
        sa.update(RecoveryCode)
        .where(
            RecoveryCode.staff_id == staff_id,
            RecoveryCode.digest == _digest(key, staff_id, plain),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=now)
    )
    return bool(changed(session, used))


def _drop_codes(session: Session, staff_id: int) -> None:
    session.execute(sa.delete(RecoveryCode).where(RecoveryCode.staff_id == staff_id))


def _digest(key: str, staff_id: int, code: str) -> str:
    return ids.keyed_hash(key, f"recovery code of {staff_id}: {code}")


def _about(staff_id: int) -> str:
    return f"second factor of {staff_id}"


def _secret(key: str, sealed: str, staff_id: int) -> bytes:
    try:
        return sealing.opened(key, sealed, about=_about(staff_id))
    except sealing.SealBroken as broken:
        raise FactorUnreadable(staff_id) from broken


def _offer(session: Session, staff_id: int, now: datetime) -> str | None:
    """Sealed; None when nothing is offered any more."""
    return session.scalar(
        sa.select(Staff.totp_offer).where(
            Staff.id == staff_id, Staff.totp_offered_at > now - rules.OFFERED_FOR
        )
    )


def offered_secret(session: Session, *, staff_id: int, key: str, now: datetime) -> bytes | None:
    """What the page to switch it on shows; None when nothing is offered. Raises
    FactorUnreadable."""
    offer = _offer(session, staff_id, now)
    return None if offer is None else _secret(key, offer, staff_id)
