"""What to do with a request to LINE after each try. Pure decisions; the sender carries them out."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from app.core.clock import taipei_date, taipei_midnight
from app.line.gateway import Failure, SendError
from app.line.limits import RETRY_KEY_HOURS

LEASE = timedelta(seconds=60)
# After this an undecided push could no longer be repeated without doubling: the key is forgotten.
GIVE_UP = timedelta(hours=RETRY_KEY_HOURS - 1)
MAX_SMS_ATTEMPTS = 3
QUOTA_PAUSE = timedelta(hours=1)
# Of a request that LINE took nothing of: as often as the hours of `GIVE_UP` let the month be asked.
MOST_REFUSALS = GIVE_UP // QUOTA_PAUSE
COUNTED = ("push", "multicast")  # what the month's messages are made of; with a retry key
PASSING = "reply"  # the class of an answer that can be asked for again


class Step(StrEnum):
    SENT = "sent"
    AGAIN = "again"
    ANEW = "anew"  # LINE took nothing of it: as if it had never been tried
    PUSH = "push"  # the reply token died unused: send it as a push
    DROP = "drop"
    PARK = "park"


@dataclass(frozen=True, slots=True)
class Verdict:
    step: Step
    reason: str | None = None
    after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Tried:
    """A row as it was claimed. `attempts` counts the try it was claimed for; `is_first`: of no
    earlier one it is unknown whether LINE took it."""

    channel: str
    klass: str
    kind: str
    attempts: int
    first_tried_at: datetime
    reply_until: datetime | None
    created_at: datetime
    is_first: bool


def before_sending(row: Tried, *, now: datetime) -> Verdict | None:
    """A verdict that needs no request, or None to go ahead."""
    if row.channel == "reply" and row.reply_until is not None and now >= row.reply_until:
        if row.attempts > 1:
            return Verdict(Step.PARK, "the reply's outcome is unknown and its token has died")
        return reply_died(row.klass)
    if row.channel in COUNTED and now - row.first_tried_at >= GIVE_UP:
        return Verdict(Step.PARK, "undecided for a day: LINE would no longer know the retry key")
    if _is_refused_for_long(row, now=now):
        return Verdict(Step.PARK, "refused for a day: too fast, or the month is used up")
    return None


def _is_refused_for_long(row: Tried, *, now: datetime) -> bool:
    """What goes to many begins anew after each refusal; it does not so for ever."""
    return (
        row.channel == "multicast"
        and row.attempts > MOST_REFUSALS
        and now - row.created_at >= GIVE_UP
    )


def quota_returns(now: datetime) -> datetime:
    """When the next month's messages begin to count, in Taiwan's time."""
    today = taipei_date(now)
    following = date(today.year + today.month // 12, today.month % 12 + 1, 1)
    return taipei_midnight(following)


def reply_died(klass: str) -> Verdict:
    """What a member asked for a moment ago and can ask again is not worth a counted message."""
    if klass != PASSING:
        return Verdict(Step.PUSH)
    return Verdict(Step.DROP, "the reply token died before it could be used")


def after_failure(row: Tried, error: SendError, *, now: datetime, jitter: float) -> Verdict:
    """`jitter` lies in [0, 1)."""
    if row.channel == "reply":
        return _after_reply_failure(row, error, jitter=jitter)
    if error.failure is Failure.PERMANENT:
        return Verdict(Step.PARK, error.reason)
    if row.channel == "sms" and row.attempts >= MAX_SMS_ATTEMPTS:
        return Verdict(Step.PARK, error.reason)
    is_untaken = error.failure in (Failure.QUOTA, Failure.RATE) and row.is_first
    step = Step.ANEW if is_untaken and row.channel == "multicast" else Step.AGAIN
    if error.failure is Failure.QUOTA:
        return Verdict(step, error.reason, QUOTA_PAUSE)
    return Verdict(step, error.reason, backoff(row.attempts, jitter=jitter))


def _after_reply_failure(row: Tried, error: SendError, *, jitter: float) -> Verdict:
    if error.failure is Failure.PERMANENT:
        if "reply token" not in error.reason:
            return Verdict(Step.PARK, error.reason)
        if row.attempts > 1:
            # An earlier try without an answer: the token is used up because LINE took that one.
            return Verdict(Step.SENT, "accepted by an earlier try whose answer was lost")
        return reply_died(row.klass)
    return Verdict(Step.AGAIN, error.reason, timedelta(seconds=0.2 + jitter * row.attempts))


def backoff(attempts: int, *, jitter: float) -> timedelta:
    """About 1, 2, 4 … seconds, at most ten minutes, spread so that nobody marches in step."""
    seconds = min(2.0 ** (attempts - 1), 600.0)
    return timedelta(seconds=seconds * (0.75 + jitter / 2))
