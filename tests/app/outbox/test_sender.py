"""Queued is sent: once, in order, with the outcome on the row."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.line.buckets import Buckets
from app.line.gateway import Accepted, Failure, SendError
from app.line.limits import PER_SECOND
from app.outbox import queries, service
from app.outbox.models import OutboxRow
from app.outbox.rules import LEASE, Step, Verdict
from app.outbox.sender import Sender
from tests.support.fake_line import FakeLine, FakeSms
from tests.support.times import NOW

HANA = "U" + "a" * 32
UNKNOWN = SendError(Failure.UNKNOWN, "TimeoutError")


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def push(db: Database, words: str, *, to: str = HANA, key: str | None = None) -> bool:
    with db.transaction() as session:
        return service.push(
            session,
            member_id=1,
            recipient=to,
            messages=[text(words)],
            kind="receipt",
            klass="service",
            dedup_key=key,
            now=NOW,
        )


def reply(db: Database, words: str, *, is_lasting: bool = False) -> None:
    with db.transaction() as session:
        row = service.reply_row(
            member_id=1,
            recipient=HANA,
            reply_token="token",
            received_at=NOW,
            messages=[text(words)],
            kind="card",
            now=NOW,
            is_lasting=is_lasting,
        )
        service.reply_all(session, [row])


def send(db: Database, line: FakeLine, *, at: datetime = NOW, sms: FakeSms | None = None) -> int:
    clock: Callable[[], datetime] = lambda: at  # noqa: E731  # a clock that stands still
    sender = Sender(db, line, sms or FakeSms(), clock, Buckets(PER_SECOND, lambda: 0.0))
    return asyncio.run(sender.send_once())


def rows(db: Database) -> list[tuple[str, str, int]]:
    """(channel, status, attempts) of each row."""
    with db.reading() as session:
        found = session.execute(
            sa.select(OutboxRow.channel, OutboxRow.status, OutboxRow.attempts).order_by(
                OutboxRow.id
            )
        )
        return [tuple(row) for row in found]  # type: ignore[misc]  # three columns


def test_one_persons_messages_go_in_order(db: Database) -> None:
    line = FakeLine()
    for word in ("one", "two", "three"):
        push(db, word)
    assert send(db, line) == 3
    assert line.sent() == ["one", "two", "three"]
    assert send(db, line) == 0
    with db.reading() as session:
        assert queries.state(session, since=NOW, now=NOW).sent_since == 3


def test_a_message_is_kept_as_text_and_sent_as_its_bytes(db: Database) -> None:
    line, words = FakeLine(), '熟客 🍵 "x"'
    reply(db, words)
    push(db, words)
    with db.reading() as session:
        kept = session.scalars(sa.select(OutboxRow.payload)).all()
        kind = "typeof(payload)" if db.is_sqlite else "pg_typeof(payload)::text"
        kinds = session.scalars(sa.text(f"SELECT DISTINCT {kind} FROM outbox")).all()
    assert [orjson.loads(payload) for payload in kept] == [[text(words)]] * 2
    assert kinds == ["text"]
    assert send(db, line) == 2
    assert line.sent() == [words] * 2


def test_a_dedup_key_queues_once(db: Database) -> None:
    assert push(db, "one", key="k")
    assert not push(db, "two", key="k")
    line = FakeLine()
    send(db, line)
    assert line.sent() == ["one"]


def test_a_timeout_is_repeated_with_the_same_key(db: Database) -> None:
    line = FakeLine(answers=[UNKNOWN, Accepted("r0", is_repeat=True)])
    push(db, "one")
    send(db, line)
    assert send(db, line) == 0  # it backs off
    send(db, line, at=NOW + timedelta(seconds=10))
    keys = {key for _, _, key in line.calls}
    assert len(line.calls) == 2
    assert len(keys) == 1
    assert rows(db) == [("push", "sent", 2)]


def test_a_refused_message_waits_for_a_person(db: Database) -> None:
    line = FakeLine(answers=[SendError(Failure.PERMANENT, "HTTP 400")])
    push(db, "one")
    send(db, line)
    with db.reading() as session:
        [parked] = queries.parked_rows(session)
    with db.transaction() as session:
        assert service.retry(session, parked.id, now=NOW)
        assert not service.retry(session, parked.id, now=NOW)
    send(db, line)
    assert rows(db) == [("push", "sent", 1)]


def test_a_month_used_up_is_remembered_until_line_takes_one_again(db: Database) -> None:
    line = FakeLine([SendError(Failure.QUOTA, "You have reached your monthly limit.")])
    push(db, "one")
    send(db, line)
    with db.reading() as session:
        until = datetime(2026, 7, 31, 16, tzinfo=UTC)  # August begins in Taipei
        assert queries.used_up_until(session, now=NOW) == until
        assert queries.used_up_until(session, now=until) is None
    reply(db, "free")
    send(db, line)  # a reply is not counted
    with db.reading() as session:
        assert queries.used_up_until(session, now=NOW) == until
    assert send(db, line, at=NOW + timedelta(hours=1)) == 1
    with db.reading() as session:
        assert queries.used_up_until(session, now=NOW) is None
        assert queries.pushed_since(session, NOW) == 1


def test_a_dead_senders_rows_are_taken_with_the_same_key(db: Database) -> None:
    push(db, "one")
    with db.transaction() as session:
        [dead] = service.claim(session, lease="dead", now=NOW)
    line = FakeLine()
    assert send(db, line) == 0
    assert send(db, line, at=NOW + LEASE) == 1
    assert line.calls == [("push", HANA, dead.retry_key)]


def test_a_result_that_comes_after_the_lease_was_lost_changes_nothing(db: Database) -> None:
    push(db, "one")
    with db.transaction() as session:
        [mine] = service.claim(session, lease="mine", now=NOW)
    with db.transaction() as session:
        assert len(service.claim(session, lease="other", now=NOW + LEASE)) == 1
    result = service.Result(mine.id, Verdict(Step.PARK, "late"))
    with db.transaction() as session:
        service.record(session, [result], lease="mine", now=NOW + LEASE)
    assert rows(db) == [("push", "sending", 2)]


def test_a_reply_uses_its_token_while_it_lives(db: Database) -> None:
    line = FakeLine()
    reply(db, "card")
    send(db, line)
    assert line.calls == [("reply", "token", "")]


def test_a_reply_too_late_is_pushed_when_worth_it_and_dropped_otherwise(db: Database) -> None:
    line = FakeLine()
    reply(db, "joined", is_lasting=True)
    reply(db, "help")
    send(db, line, at=NOW + timedelta(minutes=2))
    send(db, line, at=NOW + timedelta(minutes=2))
    assert line.sent() == ["joined"]
    assert [row[:2] for row in rows(db)] == [("push", "sent"), ("reply", "cancelled")]


def test_a_reply_without_an_answer_is_tried_on_the_same_token_and_never_doubled(
    db: Database,
) -> None:
    dead = SendError(Failure.PERMANENT, "HTTP 400: Invalid reply token")
    line = FakeLine(answers=[UNKNOWN, dead])
    reply(db, "joined", is_lasting=True)
    send(db, line)
    send(db, line, at=NOW + timedelta(seconds=5))
    assert send(db, line, at=NOW + timedelta(hours=1)) == 0
    assert [kind for kind, _, _ in line.calls] == ["reply", "reply"]
    assert rows(db) == [("reply", "sent", 2)]


def test_blocking_stops_all_and_coming_back_lets_new_ones_through(db: Database) -> None:
    line = FakeLine()
    push(db, "before")
    with db.transaction() as session:
        assert service.stop(session, recipient=HANA, now=NOW) == 1
    assert not push(db, "while")
    assert send(db, line) == 0
    with db.transaction() as session:
        service.resume(session, recipient=HANA)
    assert push(db, "after")
    send(db, line)
    assert line.sent() == ["after"]


def test_refusing_marketing_cancels_only_marketing(db: Database) -> None:
    with db.transaction() as session:
        for klass in ("service", "lifecycle", "promotion", "expiry"):
            service.push(
                session,
                member_id=1,
                recipient=HANA,
                messages=[text(klass)],
                kind=klass,
                klass=klass,
                dedup_key=None,
                now=NOW,
            )
        assert service.cancel_marketing(session, member_id=1) == 2
    line = FakeLine()
    send(db, line)
    assert sorted(line.sent()) == ["expiry", "service"]


def test_a_one_time_code_is_given_up_after_a_few_tries(db: Database) -> None:
    with db.transaction() as session:
        service.sms(session, phone="+886912345678", text="123456", dedup_key="otp:1", now=NOW)
    sms = FakeSms(answers=[UNKNOWN, UNKNOWN, UNKNOWN])
    for minute in range(4):
        send(db, FakeLine(), at=NOW + timedelta(minutes=minute), sms=sms)
    assert rows(db) == [("sms", "parked", 3)]


def test_a_menu_is_found_by_its_alias_and_missing_ones_are_told(db: Database) -> None:
    with db.transaction() as session:
        for menu in ("guest", "gone"):
            service.link_menu(
                session, member_id=1, recipient=HANA, menu=menu, dedup_key=menu, now=NOW
            )
    line = FakeLine(menus={"guest": "richmenu-1"})
    send(db, line)
    assert line.calls == [("menu", HANA, "richmenu-1")]
    assert sorted(row[1] for row in rows(db)) == ["parked", "sent"]


def test_who_came_before_the_menus_were_published_gets_theirs_afterwards(db: Database) -> None:
    with db.transaction() as session:
        service.link_menu(
            session, member_id=1, recipient=HANA, menu="guest", dedup_key="g", now=NOW
        )
    line = FakeLine()
    sender = Sender(db, line, FakeSms(), lambda: NOW, Buckets(PER_SECOND, lambda: 0.0))
    asyncio.run(sender.send_once())
    with db.transaction() as session:
        assert service.retry_menus(session, now=NOW) == 1
        assert service.retry_menus(session, now=NOW) == 0
    line.menus["guest"] = "richmenu-1"
    asyncio.run(sender.send_once())
    with db.transaction() as session:
        service.link_menu(
            session, member_id=1, recipient=HANA, menu="guest", dedup_key="again", now=NOW
        )
    line.menus["guest"] = "richmenu-2"  # published anew
    asyncio.run(sender.send_once())
    assert line.calls == [("menu", HANA, "richmenu-1"), ("menu", HANA, "richmenu-2")]


@pytest.mark.parametrize("count", [0, 6])
def test_a_request_holds_one_to_five_messages(count: int) -> None:
    with pytest.raises(ValueError, match="one to 5"):
        service.payload_of([text("x")] * count)
