"""What happens after each kind of try."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.line.gateway import Failure, SendError
from app.outbox import rules
from app.outbox.rules import Step, Tried
from tests.support.times import NOW

LATER = NOW + timedelta(seconds=60)


def tried(channel: str, *, attempts: int = 1, klass: str = "service", age: int = 0) -> Tried:
    until = NOW + timedelta(seconds=30) if channel == "reply" else None
    first = NOW - timedelta(hours=age)
    return Tried(channel, klass, "card", attempts, first, until, first, is_first=attempts == 1)


@pytest.mark.parametrize(
    ("channel", "failure", "step"),
    [
        ("push", Failure.PERMANENT, Step.PARK),
        ("push", Failure.RATE, Step.AGAIN),
        ("push", Failure.QUOTA, Step.AGAIN),
        ("push", Failure.UNKNOWN, Step.AGAIN),
        ("sms", Failure.PERMANENT, Step.PARK),
        ("sms", Failure.UNKNOWN, Step.AGAIN),
        ("menu", Failure.PERMANENT, Step.PARK),
        ("menu", Failure.UNKNOWN, Step.AGAIN),
        ("reply", Failure.PERMANENT, Step.PARK),
        ("reply", Failure.RATE, Step.AGAIN),
        ("reply", Failure.UNKNOWN, Step.AGAIN),
    ],
)
def test_after_a_failure(channel: str, failure: Failure, step: Step) -> None:
    error = SendError(failure, "HTTP something")
    assert rules.after_failure(tried(channel), error, now=NOW, jitter=0.5).step is step


DEAD_TOKEN = SendError(Failure.PERMANENT, "HTTP 400: Invalid reply token")


def test_a_token_dead_at_the_first_try_becomes_a_push_when_that_is_worth_it() -> None:
    verdict = rules.after_failure(tried("reply"), DEAD_TOKEN, now=NOW, jitter=0)
    assert verdict.step is Step.PUSH
    verdict = rules.after_failure(tried("reply", klass="reply"), DEAD_TOKEN, now=NOW, jitter=0)
    assert verdict.step is Step.DROP


def test_a_token_dead_after_a_try_without_an_answer_was_used_by_that_try() -> None:
    verdict = rules.after_failure(tried("reply", attempts=2), DEAD_TOKEN, now=NOW, jitter=0)
    assert verdict.step is Step.SENT


def test_a_reply_whose_outcome_is_unknown_never_becomes_a_push() -> None:
    verdict = rules.before_sending(tried("reply", attempts=2), now=LATER)
    assert verdict is not None
    assert verdict.step is Step.PARK


def test_a_reply_too_late_for_its_token_is_not_tried() -> None:
    assert rules.before_sending(tried("reply"), now=NOW) is None
    verdict = rules.before_sending(tried("reply"), now=LATER)
    assert verdict is not None
    assert verdict.step is Step.PUSH


def test_an_undecided_push_waits_for_a_person_before_line_forgets_its_key() -> None:
    assert rules.before_sending(tried("push", age=22), now=NOW) is None
    verdict = rules.before_sending(tried("push", age=23), now=NOW)
    assert verdict is not None
    assert verdict.step is Step.PARK


def test_waits_grow_and_are_spread() -> None:
    waits = [rules.backoff(n, jitter=0.5).total_seconds() for n in range(1, 20)]
    assert waits == sorted(waits)
    assert waits[0] == 1
    assert max(waits) == 600
    assert rules.backoff(3, jitter=0) < rules.backoff(3, jitter=0.99)


@pytest.mark.parametrize(
    ("now", "returns"),
    [
        (datetime(2026, 7, 4, 4, tzinfo=UTC), datetime(2026, 7, 31, 16, tzinfo=UTC)),
        (datetime(2026, 7, 31, 15, 59, tzinfo=UTC), datetime(2026, 7, 31, 16, tzinfo=UTC)),
        (datetime(2026, 7, 31, 16, tzinfo=UTC), datetime(2026, 8, 31, 16, tzinfo=UTC)),
        (datetime(2026, 12, 9, tzinfo=UTC), datetime(2026, 12, 31, 16, tzinfo=UTC)),
        (datetime(2028, 2, 29, tzinfo=UTC), datetime(2028, 2, 29, 16, tzinfo=UTC)),
    ],
)
def test_the_months_messages_come_back_on_the_first(now: datetime, returns: datetime) -> None:
    assert rules.quota_returns(now) == returns


@pytest.mark.parametrize("failure", Failure)
def test_what_goes_to_many_begins_anew_only_when_line_took_nothing(failure: Failure) -> None:
    error = SendError(failure, "no")
    took_nothing = failure in (Failure.RATE, Failure.QUOTA)
    first = rules.after_failure(tried("multicast"), error, now=NOW, jitter=0)
    assert (first.step is Step.ANEW) is took_nothing
    later = rules.after_failure(tried("multicast", attempts=2), error, now=NOW, jitter=0)
    assert later.step is not Step.ANEW


def test_what_is_refused_for_a_day_is_given_up() -> None:
    def verdict(attempts: int, hours: int) -> rules.Verdict | None:
        row = replace(
            tried("multicast", attempts=attempts), created_at=NOW - timedelta(hours=hours)
        )
        return rules.before_sending(row, now=NOW)

    parked = verdict(24, 23)
    assert parked is not None
    assert parked.step is Step.PARK
    assert verdict(24, 22) is None
    assert verdict(1, 99) is None  # sent again by hand
