"""Give some members one letter at once: each a day, a coupon and a message, or the reason why
not. A handful of statements for all of them.

The reasons are a marketer's words. Everything about a member is judged here and now."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from app.attention import queries as topics
from app.attention import rules as attention
from app.attention import service as governor
from app.campaigns import messages, queries, rules
from app.campaigns.messages import Brand, Material, To
from app.campaigns.queries import Reader
from app.campaigns.rules import letters
from app.campaigns.rules.letters import Letter, Person
from app.core.clock import taipei_date, taipei_midnight
from app.core.errors import NotFound
from app.coupons import service as coupons
from app.coupons.service import Given, Issued, LimitReached
from app.members import models as members
from app.outbox import service as outbox
from flex_templates.parts import Message

BLOCKED: Final = "已封鎖或不再是好友"
REFUSED: Final = "已停止接收行銷訊息"
PARTED: Final = "已不是會員"
CAPPED: Final = f"{attention.CAPPED}，延至 {{day:%m/%d}}"
AWAITING: Final = "當天有更重要的訊息，延至 {day:%m/%d}"
NO_DAY_LEFT: Final = f"{attention.CAPPED}，三天內已無可發送的日子"
NO_COUPON: Final = {
    "total": "優惠券已發完或停止發放",
    "per_member": "已領過這種優惠券",
    "ended": "優惠券已過期",
}
COUPON_GONE: Final = "優惠券已停止發放"


# Of these members: who is to have something that matters more before that instant.
Awaiting = Callable[[Session, Sequence[int], datetime], Collection[int]]


def nobody(_session: Session, _member_ids: Sequence[int], _until: datetime) -> Collection[int]:
    return ()


@dataclass(frozen=True, slots=True)
class Mailing:
    """What is sent, and by what name.

    `kind` and `klass` are what the outbox calls the messages; `prefix` with a member's id is the
    key of everything they get through it: once. `ref` says what a press of the button names, and
    `last` until when a day may be waited for, both by member. `is_shared`: `ref` is the same for
    all, so that a letter that is the same for all goes to many in one request."""

    letter: Letter
    kind: str
    klass: str
    prefix: str
    ref: Callable[[int], str]
    last: Callable[[int], datetime]
    is_shared: bool = False

    @property
    def goes_to_many(self) -> bool:
        return self.is_shared and letters.is_same_for_all(self.letter)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of it for one member."""

    status: str  # queued, held or dropped
    reason: str | None = None
    due_at: datetime | None = None  # of what is held
    coupon_id: int | None = None


class _BlockedMeanwhile(Exception):
    """Somebody blocked us between the look at them and the message."""


def send(
    session: Session,
    mailing: Mailing,
    member_ids: Sequence[int],
    *,
    brand: Brand,
    now: datetime,
    awaiting: Awaiting = nobody,
) -> Mapping[int, Verdict]:
    """By member. Who is `awaiting` something today that matters more gets the letter another day.
    Not for the night: the caller knows what its members wait for until the morning.

    Give the members in order of their ids, so that two who send at once book days in the same order
    and never wait for each other."""
    batch = _Batch(session, mailing, brand, now, awaiting)
    for _ in range(3):
        # Days, coupons and messages of all, or of none: who blocked us is seen next time.
        with suppress(_BlockedMeanwhile), session.begin_nested():
            return batch.write(member_ids)
    raise RuntimeError(f"messages of {mailing.prefix} were queued before")


def give(
    session: Session,
    coupon: str,
    member_ids: Sequence[int],
    *,
    source: str,
    prefix: str,
    now: datetime,
) -> Given:
    """A coupon of this kind to each, in order, as far as its limits go; `refused` says why not in a
    marketer's words. `prefix` with a member's id is the key of it: once."""
    try:
        given = coupons.issue_to_all(
            session,
            kind_code=coupon,
            member_ids=member_ids,
            source=source,
            dedup_prefix=prefix,
            now=now,
        )
    except LimitReached as reached:
        given = Given({}, dict.fromkeys(member_ids, reached.limit))
    except NotFound:
        given = Given({}, dict.fromkeys(member_ids, "gone"))
    reasons = {id_: NO_COUPON.get(limit, COUPON_GONE) for id_, limit in given.refused.items()}
    return Given(given.to, reasons)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some members, decided together."""

    session: Session
    mailing: Mailing
    brand: Brand
    now: datetime
    awaiting: Awaiting

    def write(self, due: Sequence[int]) -> dict[int, Verdict]:
        """Raises _BlockedMeanwhile."""
        people = queries.readers(self.session, due)
        verdicts = {
            member_id: Verdict(rules.DROPPED, reason)
            for member_id in due
            if (reason := _refusal(people[member_id])) is not None
        }
        using = messages.material(self.session, self.mailing.letter, now=self.now)
        free = self._with_a_day([id_ for id_ in due if id_ not in verdicts], verdicts)
        free = self._who_is_still_there(free, verdicts)
        free = self._who_wants_it(free, using, verdicts)
        given = self._with_a_coupon(free, verdicts)
        readers = [people[id_] for id_ in free if id_ not in verdicts]
        self._queue(readers, given, using)
        for reader in readers:
            issued = given.get(reader.id)
            coupon_id = None if issued is None else issued.coupon_id
            verdicts[reader.id] = Verdict(rules.QUEUED, coupon_id=coupon_id)
        return verdicts

    def _with_a_day(self, asked: Sequence[int], verdicts: dict[int, Verdict]) -> list[int]:
        """Who may have marketing today; the others get a verdict: another day soon, or none."""
        today = taipei_date(self.now)
        awaiting = self.awaiting(self.session, asked, taipei_midnight(today + attention.DAY))
        asked_today = [member_id for member_id in asked if member_id not in awaiting]
        free = governor.take_days(
            self.session, member_ids=asked_today, day=today, what_prefix=self.mailing.prefix
        )
        for member_id in asked:
            if member_id in free:
                continue
            day = governor.next_day(self.session, member_id=member_id, today=today)
            if day is None or attention.send_time(day) > self.mailing.last(member_id):
                verdicts[member_id] = Verdict(rules.DROPPED, NO_DAY_LEFT)
            else:
                due_at = attention.send_time(day)
                reason = (AWAITING if member_id in awaiting else CAPPED).format(day=day)
                verdicts[member_id] = Verdict(rules.HELD, reason, due_at)
        return [member_id for member_id in asked if member_id in free]

    def _who_is_still_there(self, free: Sequence[int], verdicts: dict[int, Verdict]) -> list[int]:
        """Those who have not refused marketing since they were looked at. Looked at after the days
        are booked: whoever refuses from then on waits until this is written, and calls it back
        (`members.consent`)."""
        people = queries.readers(self.session, free)
        gone = {id_: reason for id_ in free if (reason := _refusal(people[id_])) is not None}
        for member_id, reason in gone.items():
            verdicts[member_id] = Verdict(rules.DROPPED, reason)
        if gone:
            self._give_back(sorted(gone))
        return [member_id for member_id in free if member_id not in gone]

    def _who_wants_it(
        self, free: Sequence[int], using: Material, verdicts: dict[int, Verdict]
    ) -> list[int]:
        """Those who have not turned the letter's topic off; the others keep their day. Looked at
        after the days are booked: whoever turns it off from then on waits until this is written,
        and calls it back (`attention.stop_topic`)."""
        topic = self.mailing.letter.topic
        declined = topics.declined(self.session, free, topic)
        if not declined:
            return list(free)
        reason = attention.declined(using.topic[1] if using.topic else topic)
        for member_id in declined:
            verdicts[member_id] = Verdict(rules.DROPPED, reason)
        self._give_back(sorted(declined))
        return [member_id for member_id in free if member_id not in declined]

    def _give_back(self, member_ids: Sequence[int]) -> None:
        governor.give_all_back(
            self.session,
            member_ids=member_ids,
            day=taipei_date(self.now),
            what_prefix=self.mailing.prefix,
        )

    def _with_a_coupon(
        self, asked: Sequence[int], verdicts: dict[int, Verdict]
    ) -> Mapping[int, Issued]:
        """Give the letter's coupon. Who cannot have it gets no letter about it, and keeps the
        day."""
        if not self.mailing.letter.coupon:
            return {}
        given = give(
            self.session,
            self.mailing.letter.coupon,
            asked,
            source=self.mailing.kind,
            prefix=self.mailing.prefix,
            now=self.now,
        )
        for member_id, reason in given.refused.items():
            verdicts[member_id] = Verdict(rules.DROPPED, reason)
        self._give_back(list(given.refused))
        return given.to

    def _queue(
        self, readers: Sequence[Reader], given: Mapping[int, Issued], using: Material
    ) -> None:
        """Raises _BlockedMeanwhile."""
        if self.mailing.goes_to_many and len(readers) > 1:
            queued = self._queue_for_many(readers, using)
        else:
            queued = self._queue_for_each(readers, given, using)
        if queued < len(readers):
            raise _BlockedMeanwhile

    def _queue_for_many(self, readers: Sequence[Reader], using: Material) -> int:
        letter = self.mailing.letter
        to = To(self.mailing.ref(readers[0].id), 0, Person())
        return outbox.multicast(
            self.session,
            [outbox.Reader(reader.id, reader.line_user_id or "") for reader in readers],
            messages.compose(letter, to, self.brand, using=using, issued=None),
            kind=self.mailing.kind,
            klass=self.mailing.klass,
            topic=letter.topic,
            now=self.now,
        )

    def _queue_for_each(
        self, readers: Sequence[Reader], given: Mapping[int, Issued], using: Material
    ) -> int:
        pushes = [
            outbox.Push(
                member_id=reader.id,
                recipient=reader.line_user_id or "",
                messages=self._letter(reader, using, given.get(reader.id)),
                dedup_key=f"{self.mailing.prefix}{reader.id}",
            )
            for reader in readers
        ]
        return outbox.push_all(
            self.session,
            pushes,
            kind=self.mailing.kind,
            klass=self.mailing.klass,
            topic=self.mailing.letter.topic,
            now=self.now,
        )

    def _letter(self, reader: Reader, using: Material, issued: Issued | None) -> list[Message]:
        letter = self.mailing.letter
        said = messages.person(
            self.session, letter, member_id=reader.id, name=reader.name, now=self.now
        )
        to = To(self.mailing.ref(reader.id), reader.id, said)
        return messages.compose(letter, to, self.brand, using=using, issued=issued)


def _refusal(to: Reader) -> str | None:
    if to.status != members.MEMBER:
        return PARTED
    if not to.is_friend or to.line_user_id is None or to.has_blocked:
        return BLOCKED
    return None if to.marketing_ok else REFUSED
