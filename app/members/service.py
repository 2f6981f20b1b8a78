"""What changes about a person: found on LINE, befriended, blocked, profile, consent, closing."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core import ids, text
from app.core.db import changed, insert_for, table_of
from app.core.errors import Conflict, DomainError
from app.core.prepared import Prepared, among
from app.members import models
from app.members.models import Consent, Member
from app.outbox import service as outbox
from app.timeline import service as timeline

PROFILE_LIFE = timedelta(days=30)
SEEN_WITHIN = timedelta(minutes=15)


def meet(session: Session, line_user_ids: Iterable[str], *, now: datetime) -> None:
    """Make sure each LINE user has a row; whoever is known stays as they are."""
    rows = [
        {
            "line_user_id": user_id,
            "status": models.GUEST,
            "is_friend": False,
            "created_at": now,
            "profile_due_at": now,
            "birthday_edits": 0,
            "marketing_ok": False,
            "is_test": False,
        }
        for user_id in sorted(set(line_user_ids))
    ]
    if rows:
        session.execute(insert_for(session, Member).on_conflict_do_nothing(), rows)


def befriend(session: Session, *, member_id: int, recipient: str, at: datetime) -> bool:
    """They added or unblocked the account. False when a newer follow or unfollow is known."""
    won = changed(
        session,
        sa.update(Member)
        .where(
            Member.id == member_id,
            sa.or_(Member.friendship_at.is_(None), Member.friendship_at <= at),
        )
        .values(
            is_friend=True,
            friendship_at=at,
            friended_at=sa.func.coalesce(Member.friended_at, at),
            unfriended_at=None,
            profile_due_at=at,
        ),
    )
    if not won:
        return False
    outbox.resume(session, recipient=recipient)
    timeline.record(session, member_id=member_id, kind="member.friended", at=at, facts={})
    return True


def unfriend(session: Session, *, member_id: int, recipient: str, at: datetime) -> bool:
    """They blocked the account: all sending stops now. False when a newer follow is known."""
    won = changed(
        session,
        sa.update(Member)
        .where(
            Member.id == member_id,
            sa.or_(Member.friendship_at.is_(None), Member.friendship_at < at),
        )
        .values(is_friend=False, friendship_at=at, unfriended_at=at, profile_due_at=None),
    )
    if not won:
        return False
    cancelled = outbox.stop(session, recipient=recipient, now=at)
    timeline.record(
        session,
        member_id=member_id,
        kind="member.unfriended",
        at=at,
        facts={"cancelled_messages": cancelled},
    )
    return True


def set_profile(
    session: Session,
    *,
    member_id: int,
    display_name: str | None,
    picture_url: str | None,
    language: str | None,
    now: datetime,
) -> None:
    changed(
        session,
        sa.update(Member)
        .where(Member.id == member_id)
        .values(
            display_name=None if display_name is None else display_name[:100],
            picture_url=None if picture_url is None else picture_url[:1000],
            language=None if language is None else language[:20],
            profile_due_at=None,
        ),
    )


def profile_unavailable(session: Session, *, member_id: int, retry_at: datetime | None) -> None:
    """LINE knows no profile (None: until they follow again), or did not answer (try later)."""
    changed(
        session,
        sa.update(Member).where(Member.id == member_id).values(profile_due_at=retry_at),
    )


def consent(
    session: Session,
    *,
    member_id: int,
    kind: str,
    version: str,
    is_given: bool,
    channel: str,
    now: datetime,
) -> None:
    """Keep the proof; a refusal of marketing also cancels what is queued.

    The member's row is locked first: whoever books a day of theirs at this instant is waited for,
    and finds the refusal when it looks (`attention.take_days`)."""
    if kind == "marketing":
        session.execute(
            sa.select(_MEMBERS.c.id).where(_MEMBERS.c.id == member_id).with_for_update()
        )
    session.execute(
        sa.insert(Consent),
        {
            "member_id": member_id,
            "kind": kind,
            "version": version,
            "is_given": is_given,
            "channel": channel,
            "at": now,
        },
    )
    if kind != "marketing":
        return
    changed(session, sa.update(Member).where(Member.id == member_id).values(marketing_ok=is_given))
    if not is_given:
        outbox.cancel_marketing(session, member_id=member_id)


_MEMBERS = table_of(Member)
_SEEN = Prepared(
    sa.update(_MEMBERS)
    .where(
        among(_MEMBERS.c.id, "members"),
        sa.or_(
            _MEMBERS.c.last_seen_at.is_(None),
            _MEMBERS.c.last_seen_at < sa.bindparam("b_old", type_=_MEMBERS.c.last_seen_at.type),
        ),
    )
    .values(last_seen_at=sa.bindparam("b_now"))
)


def seen(session: Session, member_ids: Sequence[int], *, now: datetime) -> None:
    """To the quarter of an hour: who taps again at once is not worth another write."""
    if member_ids:
        _SEEN.changed(
            session, {"members": list(member_ids), "b_now": now, "b_old": now - SEEN_WITHIN}
        )


class PhoneTaken(DomainError):
    """Another member has this phone."""


class BirthdayFixed(DomainError):
    """The member changed it once already; only staff may change it now."""


@dataclass(frozen=True, slots=True)
class Details:
    """What joining fills in; what is None stays as it was."""

    phone: str  # E.164
    birthday: date
    name: str | None = None
    guardian_name: str | None = None
    guardian_phone: str | None = None


def enrol(
    session: Session, *, member_id: int, details: Details, source: str | None, now: datetime
) -> bool:
    """Make a guest a member. False when they are one already. Raises PhoneTaken."""
    filled: dict[str, Any] = {
        "status": models.MEMBER,
        "phone": details.phone,
        "birthday": details.birthday,
        "birth_month": details.birthday.month,
        "birth_day": details.birthday.day,
        "name": sa.func.coalesce(_bound("name", details.name), Member.name),
        "guardian_name": details.guardian_name,
        "guardian_phone": details.guardian_phone,
        "joined_at": now,
        "join_source": source,
    }
    try:
        with session.begin_nested():
            won = changed(
                session,
                sa.update(Member)
                .where(Member.id == member_id, Member.status == models.GUEST)
                .values(filled),
            )
    except IntegrityError as error:
        raise PhoneTaken("phone") from error
    return bool(won)


def complete_store_member(
    session: Session, *, member_id: int, details: Details, now: datetime
) -> None:
    """Somebody the store knew came to LINE: fill in what the store did not know, keep the rest."""
    known: dict[str, Any] = {
        "status": models.MEMBER,
        "name": sa.func.coalesce(Member.name, _bound("name", details.name)),
        "joined_at": sa.func.coalesce(Member.joined_at, _bound("joined_at", now)),
        "guardian_name": sa.func.coalesce(
            _bound("guardian_name", details.guardian_name), Member.guardian_name
        ),
        "guardian_phone": sa.func.coalesce(
            _bound("guardian_phone", details.guardian_phone), Member.guardian_phone
        ),
        "closed_at": None,
    }
    changed(session, sa.update(Member).where(Member.id == member_id).values(known))
    changed(
        session,
        sa.update(Member)
        .where(Member.id == member_id, Member.birthday.is_(None))
        .values(
            birthday=details.birthday,
            birth_month=details.birthday.month,
            birth_day=details.birthday.day,
        ),
    )


def number(session: Session, *, member_id: int) -> str:
    """The member's number; the first call gives one."""
    for _ in range(_NUMBER_TRIES):
        fresh = text.make_member_number(
            f"{1 + int(ids.random_digits(1)) % 9}{ids.random_digits(8)}"
        )
        try:
            with session.begin_nested():
                changed(
                    session,
                    sa.update(Member)
                    .where(Member.id == member_id, Member.number.is_(None))
                    .values(number=fresh),
                )
        except IntegrityError:  # somebody has this very number: one in a billion
            continue
        return str(session.scalar(sa.select(Member.number).where(Member.id == member_id)))
    raise RuntimeError("no free member number was found")


_NUMBER_TRIES = 20
# Who somebody is on LINE: what moves when a membership moves to another LINE account.
_IDENTITY = (
    "line_user_id",
    "is_friend",
    "friended_at",
    "unfriended_at",
    "friendship_at",
    "display_name",
    "picture_url",
    "language",
    "profile_due_at",
    "last_seen_at",
)
_NOBODY: dict[str, Any] = dict.fromkeys(_IDENTITY) | {"is_friend": False}


def unbind(session: Session, *, member_id: int, line_user_id: str, now: datetime) -> int:
    """Take the LINE account from a membership; the LINE user is a guest again. Return the guest's
    id. Raises Conflict when the membership has another LINE account by now."""
    identity = _take_identity(session, member_id, line_user_id)
    insert = sa.insert(Member).values(
        status=models.GUEST, birthday_edits=0, marketing_ok=False, is_test=False, created_at=now
    )
    guest_id = session.scalars(insert.values(**identity).returning(Member.id)).one()
    timeline.record(session, member_id=member_id, kind="member.unbound", at=now, facts={})
    return guest_id


def bind(
    session: Session, *, guest_id: int, line_user_id: str, member_id: int, now: datetime
) -> None:
    """Give a guest's LINE account, with all that was kept about it, to a membership without one.

    Raises Conflict when either changed meanwhile.
    """
    identity = _take_identity(session, guest_id, line_user_id)
    won = changed(
        session,
        sa.update(Member)
        .where(Member.id == member_id, Member.line_user_id.is_(None))
        .values(**identity),
    )
    if not won:
        raise Conflict("member_id", member_id)
    changed(
        session,
        sa.update(Member)
        .where(Member.id == guest_id)
        .values(status=models.CLOSED, closed_at=now, marketing_ok=False),
    )
    changed(
        session,
        sa.update(Consent).where(Consent.member_id == guest_id).values(member_id=member_id),
    )
    timeline.hand_over(session, from_id=guest_id, to_id=member_id)
    outbox.hand_over(session, from_id=guest_id, to_id=member_id)


def _take_identity(session: Session, member_id: int, line_user_id: str) -> dict[str, Any]:
    columns = (getattr(Member, name) for name in _IDENTITY)
    row = session.execute(
        sa.select(*columns).where(Member.id == member_id, Member.line_user_id == line_user_id)
    ).one_or_none()
    won = row is not None and changed(
        session,
        sa.update(Member)
        .where(Member.id == member_id, Member.line_user_id == line_user_id)
        .values(**_NOBODY),
    )
    if row is None or not won:
        raise Conflict("line_user_id", line_user_id)
    return dict(row._mapping)


def absorb(session: Session, *, kept_id: int, absorbed_id: int, now: datetime) -> bool:
    """Close a membership that turned out to be another's, with those merged into it before. False
    unless both are members."""
    kept = table_of(Member).alias("kept")
    is_member = sa.exists().where(kept.c.id == kept_id, kept.c.status == models.MEMBER)
    won = changed(
        session,
        sa.update(Member)
        .where(Member.id == absorbed_id, Member.status == models.MEMBER, is_member)
        .values(status=models.CLOSED, closed_at=now, merged_into_id=kept_id),
    )
    if won:
        changed(
            session,
            sa.update(Member)
            .where(Member.merged_into_id == absorbed_id)
            .values(merged_into_id=kept_id),
        )
    return bool(won)


def release(session: Session, *, kept_id: int, absorbed_id: int, with_ids: Sequence[int]) -> bool:
    """Make a member of an absorbed membership again, with those that were merged into it before.
    False when the kept one is no member any more, or was itself merged since."""
    kept = table_of(Member).alias("kept")
    is_member = sa.exists().where(kept.c.id == kept_id, kept.c.status == models.MEMBER)
    won = changed(
        session,
        sa.update(Member)
        .where(Member.id == absorbed_id, Member.merged_into_id == kept_id, is_member)
        .values(status=models.MEMBER, closed_at=None, merged_into_id=None),
    )
    if won:
        changed(
            session,
            sa.update(Member).where(Member.id.in_(with_ids)).values(merged_into_id=absorbed_id),
        )
    return bool(won)


def give_contact(session: Session, *, from_id: int, to_id: int, line: bool, phone: bool) -> None:
    """Move the LINE account and the phone of one row to another that has none."""
    giver = session.execute(
        sa.select(Member.line_user_id, Member.phone).where(Member.id == from_id)
    ).one()
    if line and giver.line_user_id is not None:
        identity = _take_identity(session, from_id, giver.line_user_id)
        changed(session, sa.update(Member).where(Member.id == to_id).values(**identity))
    if phone and giver.phone is not None:
        changed(session, sa.update(Member).where(Member.id == from_id).values(phone=None))
        changed(session, sa.update(Member).where(Member.id == to_id).values(phone=giver.phone))


def _bound(column: str, value: Any) -> sa.BindParameter[Any]:
    return sa.bindparam(None, value, type_=table_of(Member).c[column].type)


BIRTHDAY_EDITS = 1  # by the member; after that staff must do it
GENDERS = ("male", "female", "undisclosed")


@dataclass(frozen=True, slots=True)
class Correction:
    """What a member says of themselves now; every field replaces what was there."""

    name: str | None
    gender: str | None
    email: str | None
    city: str | None
    birthday: date | None = None  # None: as it was


def correct(session: Session, *, member_id: int, correction: Correction, now: datetime) -> None:
    """Raises BirthdayFixed when the birthday was changed before; nothing is changed then."""
    said = asdict(correction)
    birthday = said.pop("birthday")
    if birthday is not None:
        _change_birthday(session, member_id, birthday)
    changed(session, sa.update(Member).where(Member.id == member_id).values(**said))
    timeline.record(
        session,
        member_id=member_id,
        kind="member.corrected",
        at=now,
        facts={"has_birthday": birthday is not None},
    )


def _change_birthday(session: Session, member_id: int, birthday: date) -> None:
    """Filling in a missing birthday is no change, and the same birthday is none either."""
    won = changed(
        session,
        sa.update(Member)
        .where(
            Member.id == member_id,
            sa.or_(
                Member.birthday.is_(None),
                Member.birthday == birthday,
                Member.birthday_edits < BIRTHDAY_EDITS,
            ),
        )
        .values(
            birthday=birthday,
            birth_month=birthday.month,
            birth_day=birthday.day,
            birthday_edits=Member.birthday_edits
            + sa.case((sa.or_(Member.birthday.is_(None), Member.birthday == birthday), 0), else_=1),
        ),
    )
    if not won:
        raise BirthdayFixed("birthday")
