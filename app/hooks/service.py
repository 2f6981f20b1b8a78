"""Keep addresses, write down what they are owed, and what came of each try.

A fact becomes one row for each address that wants it, whatever runs at the same time, because
address and fact are a unique key. A row is tried by whoever holds its lease; a process that dies
leaves it to lapse, and the same body goes out again under the same id."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import ids, sealing
from app.core.db import changed, insert_ignore, insert_many_ignore, table_of
from app.core.errors import NotFound
from app.hooks import queries, rules
from app.hooks.models import DELIVERIES, HOOKS, Delivery, Hook
from app.hooks.queries import Reader
from app.hooks.rules import Answer, HookDraft
from app.members.models import Member
from app.timeline import queries as timeline
from app.timeline.models import Fact

FACTS_AT_ONCE: Final = 500
PER_HOOK: Final = 20  # tries a batch for one address: a slow one holds up no other
PROBES: Final = 1  # while nothing but failures came: all wait for the slowest of a batch
LEASE: Final = timedelta(seconds=60)  # longer than any try takes
_MEMBERS, _FACTS = table_of(Member), table_of(Fact)


# Addresses ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Made:
    hook_id: int
    secret: str  # shown once
    is_new: bool = field(default=True, compare=False)  # False: the form came before


def create(
    session: Session,
    *,
    draft: HookDraft,
    form_id: str,
    key: str,
    allows_private: bool,
    now: datetime,
) -> Made:
    """It is told of what becomes true from now on. The same form again is the same address with the
    same secret. Raises Invalid, NotFound."""
    wanted = rules.checked(draft, allows_private=allows_private)
    code = ids.digest(form_id)[:12]
    secret = _secret_of(key, code, form_id)
    newest = timeline.newest_id(session)
    values = {
        "code": code,
        "name": wanted.name,
        "url": wanted.url,
        "kinds": list(wanted.kinds),
        "with_person": wanted.with_person,
        "status": rules.ON,
        "secret": sealing.seal(key, secret.encode(), about=_about(code)),
        "read_to": newest,
        "marked": newest,
        "seen": newest,
        "marked_at": now,
        "created_at": now,
    }
    is_new = bool(insert_ignore(session, Hook, values))
    row = session.execute(
        sa.select(HOOKS.c.id, HOOKS.c.code, HOOKS.c.secret).where(HOOKS.c.code == code)
    ).one()
    if not _is_kept(row.secret, row.code, key, secret):  # it got another, or was removed, since
        raise NotFound("hook", row.id)
    return Made(row.id, secret, is_new)


def _secret_of(key: str, code: str, form_id: str) -> str:
    """The secret that this form makes: the second of two clicks is the one whose answer is seen,
    and must show the secret that the first one made."""
    return rules.new_secret(bytes.fromhex(ids.keyed_hash(key, f"{_about(code)}:{form_id}")))


def _is_kept(sealed: str | None, code: str, key: str, secret: str) -> bool:
    try:
        return sealing.opened(key, sealed or "", about=_about(code)) == secret.encode()
    except sealing.SealBroken:
        return False


def change(session: Session, *, hook_id: int, draft: HookDraft, allows_private: bool) -> None:
    """Raises Invalid, NotFound."""
    wanted = rules.checked(draft, allows_private=allows_private)
    before = session.scalar(
        sa.select(HOOKS.c.with_person).where(HOOKS.c.id == hook_id).with_for_update()
    )
    _update(
        session,
        hook_id,
        name=wanted.name,
        url=wanted.url,
        kinds=list(wanted.kinds),
        with_person=wanted.with_person,
    )
    if before and not wanted.with_person:
        _strip(session, hook_id)


def _strip(session: Session, hook_id: int) -> None:
    """What is kept of the past tells names no more either: a body may be sent again."""
    mine = sa.select(DELIVERIES.c.id, DELIVERIES.c.body).where(
        DELIVERIES.c.hook_id == hook_id, DELIVERIES.c.body != ""
    )
    stripped = (
        sa.update(DELIVERIES)
        .where(DELIVERIES.c.id == sa.bindparam("b_id"), DELIVERIES.c.body != "")
        .values(body=sa.bindparam("b_body"))
    )
    last = 0
    while rows := session.execute(
        mine.where(DELIVERIES.c.id > last).order_by(DELIVERIES.c.id).limit(FACTS_AT_ONCE)
    ).all():
        values = [{"b_id": row.id, "b_body": rules.without_person(row.body)} for row in rows]
        session.execute(stripped, values)
        last = rows[-1].id


def rotate(session: Session, *, hook_id: int, form_id: str, key: str, now: datetime) -> Made:
    """A new secret, shown once; the same form again brings the same. The one before goes on
    signing, too, for a day; one before that ends at once. Raises NotFound."""
    row = session.execute(
        sa.select(HOOKS.c.code, HOOKS.c.secret, HOOKS.c.old_secret)
        .where(HOOKS.c.id == hook_id, HOOKS.c.status != rules.REMOVED)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound("hook", hook_id)
    secret = _secret_of(key, row.code, form_id)
    if _is_kept(row.secret, row.code, key, secret):
        return Made(hook_id, secret, is_new=False)
    is_past = _is_kept(row.old_secret, row.code, key, secret)
    won = not is_past and changed(
        session,
        sa.update(HOOKS)
        .where(HOOKS.c.id == hook_id, HOOKS.c.secret == row.secret)
        .values(
            secret=sealing.seal(key, secret.encode(), about=_about(row.code)),
            old_secret=row.secret,
            old_until=now + rules.OLD_SECRET_FOR,
        ),
    )
    if not won:  # somebody else made one at the same moment, or since
        raise NotFound("hook", hook_id)
    return Made(hook_id, secret)


def pause(session: Session, *, hook_id: int) -> bool:
    """Nothing is sent until it goes on; what it is owed waits. False when it was paused before."""
    return _switch(session, hook_id, rules.ON, status=rules.PAUSED, reason=rules.BY_HAND)


def resume(session: Session, *, hook_id: int, now: datetime) -> bool:
    """What waited goes out now. False when it was not paused."""
    won = _switch(session, hook_id, rules.PAUSED, status=rules.ON, reason=None, failing_since=None)
    if won:
        changed(
            session,
            sa.update(DELIVERIES)
            .where(DELIVERIES.c.hook_id == hook_id, DELIVERIES.c.status == rules.WAITING)
            .values(due_at=now),
        )
    return won


def remove(session: Session, *, hook_id: int) -> None:
    """The secrets go at once, what it is still owed is not sent. Raises NotFound."""
    _update(session, hook_id, status=rules.REMOVED, secret="", old_secret=None)
    changed(
        session,
        sa.update(DELIVERIES)
        .where(DELIVERIES.c.hook_id == hook_id, DELIVERIES.c.status == rules.WAITING)
        .values(status=rules.CANCELLED),
    )


def _update(session: Session, hook_id: int, **values: object) -> None:
    there = sa.update(HOOKS).where(HOOKS.c.id == hook_id, HOOKS.c.status != rules.REMOVED)
    if not changed(session, there.values(**values)):
        raise NotFound("hook", hook_id)


def _switch(session: Session, hook_id: int, was: str, **values: object) -> bool:
    mine = sa.update(HOOKS).where(HOOKS.c.id == hook_id, HOOKS.c.status == was)
    return bool(changed(session, mine.values(**values)))


def _about(code: str) -> str:
    return f"hook:{code}"


# What they are owed -------------------------------------------------------------------------------


def read_on(session: Session, *, hook_id: int, now: datetime) -> bool:
    """Write down what a portion of the facts owes this address. True when there may be more."""
    reader = queries.reader(session, hook_id)
    if reader is None:
        return False
    portion = timeline.portion(session, reader.mark, now=now, limit=FACTS_AT_ONCE)
    if portion is None:
        return False
    mine = sa.update(HOOKS).where(
        HOOKS.c.id == hook_id,
        HOOKS.c.status != rules.REMOVED,
        HOOKS.c.seen == reader.mark.seen,
        HOOKS.c.read_to == reader.mark.read_to,
        HOOKS.c.with_person == reader.with_person,
    )
    if not changed(session, mine.values(**portion.remembered)):
        return False
    if reader.kinds:
        _owe(session, reader, portion.after, portion.until, now)
    return True


def has_news(session: Session, *, now: datetime) -> list[int]:
    """Ids of the addresses with facts to read."""
    return [
        reader.id
        for reader in queries.readers(session)
        if timeline.portion(session, reader.mark, now=now, limit=FACTS_AT_ONCE) is not None
    ]


def _owe(session: Session, reader: Reader, after: int, until: int, now: datetime) -> None:
    facts = session.execute(
        sa.select(_FACTS.c.id, _FACTS.c.member_id, _FACTS.c.kind, _FACTS.c.at, _FACTS.c.facts)
        .where(
            _FACTS.c.id > after,
            _FACTS.c.id <= until,
            _FACTS.c.kind.in_([kind for kind in reader.kinds if kind in rules.KINDS]),
        )
        .order_by(_FACTS.c.id)
    ).all()
    people = _people(session, {row.member_id for row in facts}, reader.with_person)
    named = _named(session, [row.facts for row in facts])
    rows = []
    for row in facts:
        if row.member_id not in people:
            continue
        event_id = f"evt_{reader.code}_{row.id}"
        told = rules.told(row.kind, row.facts) | named(row.facts)
        sent = rules.body(event_id, row.kind, row.at, people[row.member_id], told)
        rows.append(_row(reader.id, f"fact:{row.id}", event_id, row.kind, row.member_id, sent, now))
    insert_many_ignore(session, Delivery, rows)


def _people(
    session: Session, member_ids: Iterable[int], with_person: bool
) -> dict[int, dict[str, Any]]:
    """The member number; name, phone and e-mail only where the owner chose so. Test members are
    not there. Whoever is found is not wiped before this transaction ends: `wipe` would miss a body
    that is only being written."""
    columns = [_MEMBERS.c.number]
    if with_person:
        columns += [_MEMBERS.c[name] for name in rules.PERSONAL]
    rows = session.execute(
        sa.select(_MEMBERS.c.id, *columns)
        .where(_MEMBERS.c.id.in_(list(member_ids)), _MEMBERS.c.is_test.is_(False))
        .order_by(_MEMBERS.c.id)
        .with_for_update(read=True, key_share=True)
    )
    return {row.id: {column.name: getattr(row, column.name) for column in columns} for row in rows}


def _named(session: Session, facts: Sequence[Mapping[str, Any]]) -> Any:
    """A function from facts to the names other systems know their sale and their coupon by."""
    sales = queries.purchase_ids(session, [f["purchase_id"] for f in facts if f.get("purchase_id")])
    codes = queries.coupon_codes(session, [f["coupon_id"] for f in facts if f.get("coupon_id")])

    def named(of: Mapping[str, Any]) -> dict[str, str]:
        found = {"purchase": sales.get(of.get("purchase_id", 0))}
        found["coupon"] = codes.get(of.get("coupon_id", 0))
        return {name: value for name, value in found.items() if value is not None}

    return named


def _row(
    hook_id: int,
    key: str,
    event_id: str,
    kind: str,
    member_id: int | None,
    sent: str,
    now: datetime,
) -> dict[str, Any]:
    return {
        "hook_id": hook_id,
        "key": key,
        "event_id": event_id,
        "kind": kind,
        "member_id": member_id,
        "body": sent,
        "status": rules.WAITING,
        "attempts": 0,
        "due_at": now,
        "lease": None,
        "leased_until": None,
        "answer": None,
        "trouble": None,
        "tried_at": None,
        "created_at": now,
    }


def owe(
    session: Session,
    *,
    hook_id: int,
    kind: str,
    keys: Mapping[int, str],
    facts: Mapping[str, Any],
    now: datetime,
) -> None:
    """The same news of several members, by member the key that makes it one. Raises NotFound."""
    reader = queries.reader(session, hook_id)
    if reader is None:
        raise NotFound("hook", hook_id)
    people = _people(session, keys, reader.with_person)
    rows = []
    for member_id, key in keys.items():
        if member_id not in people:
            continue
        event_id = f"evt_{reader.code}_{key.replace(':', '_')}"
        sent = rules.body(event_id, kind, now, people[member_id], facts)
        rows.append(_row(hook_id, key, event_id, kind, member_id, sent, now))
    insert_many_ignore(session, Delivery, rows)


def test(session: Session, *, hook_id: int, form_id: str, now: datetime) -> None:
    """A harmless event of a member who is not there, once for each form. Raises NotFound."""
    reader = queries.reader(session, hook_id)
    if reader is None:
        raise NotFound("hook", hook_id)
    event_id = f"evt_{reader.code}_test_{ids.digest(form_id)[:16]}"
    sent = rules.body(event_id, rules.TEST, now, {"number": None}, {"message": "測試"})
    key = f"test:{ids.digest(form_id)[:32]}"
    rows = [_row(hook_id, key, event_id, rules.TEST, None, sent, now)]
    insert_many_ignore(session, Delivery, rows)


def again(session: Session, *, hook_id: int, delivery_id: int | None, now: datetime) -> int:
    """Send one once more, or all that failed; return how many. The body and the id stay."""
    query = sa.update(DELIVERIES).where(DELIVERIES.c.hook_id == hook_id, DELIVERIES.c.body != "")
    if delivery_id is None:
        query = query.where(DELIVERIES.c.status == rules.FAILED)
    else:
        ended = (rules.FAILED, rules.DELIVERED)
        query = query.where(DELIVERIES.c.id == delivery_id, DELIVERIES.c.status.in_(ended))
    return changed(session, query.values(status=rules.WAITING, attempts=0, due_at=now))


def forget_old(session: Session, *, now: datetime) -> int:
    """Rows of a month ago, whatever became of them."""
    return changed(session, sa.delete(DELIVERIES).where(DELIVERIES.c.created_at < now - rules.KEPT))


def wipe(session: Session, *, member_id: int) -> None:
    """Nothing more about this member is sent; of what was, no word is kept."""
    session.execute(sa.select(_MEMBERS.c.id).where(_MEMBERS.c.id == member_id).with_for_update())
    mine = sa.update(DELIVERIES).where(DELIVERIES.c.member_id == member_id)
    waiting = mine.where(DELIVERIES.c.status == rules.WAITING)
    changed(session, waiting.values(status=rules.CANCELLED, lease=None, leased_until=None))
    changed(session, mine.values(body=""))


# Tries --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Try:
    """One delivery in somebody's hands. `secrets` sign it."""

    id: int
    hook_id: int
    event_id: str
    url: str
    body: str
    failures: int
    secrets: tuple[str, ...]


def claim(session: Session, *, lease: str, key: str, now: datetime) -> list[Try]:
    """Take what is due under a lease that only this caller knows. The statement that takes asks
    once more: of two callers at once each gets rows of its own."""
    is_free = sa.and_(
        DELIVERIES.c.status == rules.WAITING,
        sa.or_(DELIVERIES.c.leased_until.is_(None), DELIVERIES.c.leased_until <= now),
    )
    signing = _signing(session, key, now)
    found: list[int] = []
    for hook_id, signer in signing.items():
        due = sa.select(DELIVERIES.c.id).where(
            DELIVERIES.c.hook_id == hook_id, DELIVERIES.c.due_at <= now, is_free
        )
        first = due.order_by(DELIVERIES.c.due_at, DELIVERIES.c.id).limit(signer.at_once)
        found += session.scalars(first.with_for_update(skip_locked=True))
    taken = session.scalars(
        sa.update(DELIVERIES)
        .where(DELIVERIES.c.id.in_(found), is_free)
        .values(lease=lease, leased_until=now + LEASE)
        .returning(DELIVERIES.c.id)
        .execution_options(synchronize_session=False)
    ).all()
    return _tries(session, taken, signing)


@dataclass(frozen=True, slots=True)
class _Signer:
    secrets: tuple[str, ...]
    at_once: int  # deliveries of one batch


def _signing(session: Session, key: str, now: datetime) -> dict[int, _Signer]:
    """The addresses that are on, by id. One whose secret does not open is paused: the others go
    on. Before any delivery is locked, as `remove` and `record` do it."""
    names = ("id", "code", "secret", "old_secret", "old_until", "failing_since")
    rows = session.execute(
        sa.select(*(HOOKS.c[name] for name in names))
        .where(HOOKS.c.status == rules.ON)
        .order_by(HOOKS.c.id)
    ).all()
    found = {}
    for row in rows:
        try:
            opened = _secrets(row, key, now)
        except sealing.SealBroken:
            _switch(session, row.id, rules.ON, status=rules.PAUSED, reason=rules.SEALED)
            continue
        found[row.id] = _Signer(opened, PER_HOOK if row.failing_since is None else PROBES)
    return found


def _tries(session: Session, taken: Sequence[int], signing: Mapping[int, _Signer]) -> list[Try]:
    rows = session.execute(
        sa.select(
            DELIVERIES.c.id,
            DELIVERIES.c.hook_id,
            DELIVERIES.c.event_id,
            DELIVERIES.c.body,
            DELIVERIES.c.attempts,
            HOOKS.c.url,
        )
        .join(HOOKS, HOOKS.c.id == DELIVERIES.c.hook_id)
        .where(DELIVERIES.c.id.in_(taken))
        .order_by(DELIVERIES.c.id)
    )
    return [
        Try(
            row.id,
            row.hook_id,
            row.event_id,
            row.url,
            row.body,
            row.attempts,
            signing[row.hook_id].secrets,
        )
        for row in rows
    ]


def _secrets(row: Any, key: str, now: datetime) -> tuple[str, ...]:
    """The one before only where it opens. Raises SealBroken."""
    found = [sealing.opened(key, row.secret, about=_about(row.code)).decode()]
    if row.old_secret is not None and row.old_until is not None and now < row.old_until:
        with suppress(sealing.SealBroken):
            found.append(sealing.opened(key, row.old_secret, about=_about(row.code)).decode())
    return tuple(found)


def record(
    session: Session, *, lease: str, tries: Sequence[tuple[Try, Answer]], now: datetime
) -> None:
    """What came of the tries of one claim. One whose lease went to somebody else is left alone."""
    hook_ids = sorted({tried.hook_id for tried, _ in tries})
    # First the addresses, then what they are owed, as `remove` and `resume` do it: the other way
    # round each would wait for the other.
    session.execute(
        sa.select(HOOKS.c.id).where(HOOKS.c.id.in_(hook_ids)).order_by(HOOKS.c.id).with_for_update()
    )
    for tried, answer in tries:
        _record(session, lease, tried, answer, now)
    for hook_id in hook_ids:
        _judge(session, hook_id, [a for tried, a in tries if tried.hook_id == hook_id], now)


def _record(session: Session, lease: str, tried: Try, answer: Answer, now: datetime) -> None:
    values: dict[str, Any] = {
        "attempts": tried.failures + 1,
        "answer": answer.status,
        "trouble": answer.trouble,
        "tried_at": now,
        "lease": None,
        "leased_until": None,
    }
    if answer.is_good:
        values["status"] = rules.DELIVERED
    else:
        due_at = rules.try_again_at(tried.event_id, tried.failures + 1, now=now)
        values |= {"status": rules.FAILED} if due_at is None else {"due_at": due_at}
    changed(
        session,
        sa.update(DELIVERIES)
        .where(
            DELIVERIES.c.id == tried.id,
            DELIVERIES.c.lease == lease,
            DELIVERIES.c.status == rules.WAITING,
        )
        .values(**values),
    )


def _judge(session: Session, hook_id: int, answers: Sequence[Answer], now: datetime) -> None:
    """A success clears its name; nothing but failures for days pause it, and a 410 at once."""
    here = sa.update(HOOKS).where(HOOKS.c.id == hook_id)
    if any(answer.is_good for answer in answers):
        changed(session, here.values(failing_since=None))
        return
    changed(session, here.where(HOOKS.c.failing_since.is_(None)).values(failing_since=now))
    since = session.scalar(sa.select(HOOKS.c.failing_since).where(HOOKS.c.id == hook_id))
    is_gone = any(answer.status == rules.GONE_FOR_GOOD for answer in answers)
    if is_gone or rules.is_to_pause(since, now=now):
        reason = rules.GONE if is_gone else rules.FAILING
        _switch(session, hook_id, rules.ON, status=rules.PAUSED, reason=reason)
