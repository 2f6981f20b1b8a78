"""Each fact is one row an address, whatever runs at once; each row is one try's at a time."""

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import ids, sealing
from app.core.db import Database, table_of
from app.core.errors import NotFound
from app.hooks import queries, rules, service
from app.hooks.models import DELIVERIES, HOOKS
from app.hooks.rules import Answer, HookDraft
from app.hooks.service import Made, Try
from app.members.models import Member
from app.mergers.rules import FATES
from app.rights import service as rights
from app.timeline import service as timeline
from app.timeline.queries import SETTLED_AFTER
from tests.support.at_once import at_once
from tests.support.loyalty import publish
from tests.support.people import bought, coupon_for, number_of, regular
from tests.support.staffing import staffed_shop
from tests.support.times import NOW

KEY = "a secret key"
_MEMBERS = table_of(Member)
URL = "https://erp.example.tw/in"
SALES = ("purchase.recorded", "purchase.refunded")
HOUR = timedelta(hours=1)


def somebody(session: Session, **more: Any) -> int:
    return regular(session, joined_at=None, **more)


def hook(session: Session, *kinds: str, with_person: bool = False) -> Made:
    draft = HookDraft("ERP", URL, kinds or SALES, with_person)
    return _made(session, draft, ids.random_code())


def _made(session: Session, draft: HookDraft, form_id: str) -> Made:
    return service.create(
        session, draft=draft, form_id=form_id, key=KEY, allows_private=False, now=NOW
    )


def rotated(session: Session, made: Made, form_id: str = "rotate") -> str:
    new = service.rotate(session, hook_id=made.hook_id, form_id=form_id, key=KEY, now=NOW)
    return new.secret


def read(session: Session, hook_id: int) -> list[queries.DeliveryShown]:
    while service.read_on(session, hook_id=hook_id, now=NOW):
        pass
    return queries.deliveries(session, hook_id)


def told(
    session: Session, member_id: int, kind: str = "purchase.recorded", **facts: object
) -> None:
    timeline.record(session, member_id=member_id, kind=kind, at=NOW, facts=facts)


def tried(session: Session, status: int | None, *, now: object = NOW) -> list[Try]:
    """Everything that is due, answered so."""
    found = service.claim(session, lease="me", key=KEY, now=now)  # type: ignore[arg-type]  # a time
    answer = Answer(status) if status else Answer(trouble=rules.TIMED_OUT)
    service.record(session, lease="me", tries=[(one, answer) for one in found], now=now)  # type: ignore[arg-type]  # a time
    return found


def test_a_sale_is_told_with_the_till_s_own_id_and_the_member_number(session: Session) -> None:
    publish(session)
    made = hook(session)
    hana = regular(session)
    sale = bought(session, hana, 1_200, store_id=staffed_shop(session).store_id)
    (line,) = read(session, made.hook_id)
    sent = json.loads(line.body)
    assert sent["type"] == "purchase.recorded"
    assert sent["member"] == {"number": number_of(session, hana)}
    assert sent["data"]["purchase"] == sale
    assert sent["data"]["amount"] == 1_200
    assert sent["id"] == line.event_id


def test_a_coupon_is_told_with_its_code(session: Session) -> None:
    publish(session)
    made = hook(session, "coupon.issued")
    coupon_for(session, regular(session))
    (line,) = read(session, made.hook_id)
    data = json.loads(line.body)["data"]
    assert data["name"] == "NT$100 折價券"
    assert len(data["coupon"]) >= 8


def test_name_and_phone_go_along_only_where_the_owner_said_so(session: Session) -> None:
    plain, full = hook(session), hook(session, with_person=True)
    hana = somebody(session, name="陳小花", phone="+886912345678")
    told(session, hana, amount=1)
    (short,), (long,) = read(session, plain.hook_id), read(session, full.hook_id)
    assert "陳小花" not in short.body
    assert "912345678" not in short.body
    member = json.loads(long.body)["member"]
    assert (member["name"], member["phone"]) == ("陳小花", "+886912345678")


def test_only_what_happens_after_it_was_made_and_was_chosen_is_told(session: Session) -> None:
    hana = somebody(session)
    told(session, hana, amount=1)
    made = hook(session)
    told(session, hana, "tier.upgraded", to="gold")
    told(session, hana, amount=2)
    assert [json.loads(one.body)["data"]["amount"] for one in read(session, made.hook_id)] == [2]
    assert read(session, hook(session, "draw.won").hook_id) == []


def test_readers_at_the_same_moment_write_each_fact_down_once(db: Database) -> None:
    with db.transaction() as session:
        made = hook(session)
        hana = somebody(session)
        for amount in range(40):
            told(session, hana, amount=amount)

    def reads() -> None:
        with db.transaction() as session:
            service.read_on(session, hook_id=made.hook_id, now=NOW)

    assert at_once(*[reads] * 6) == [None] * 6
    with db.reading() as session:
        bodies = [one.body for one in queries.deliveries(session, made.hook_id, limit=100)]
    assert sorted(json.loads(body)["data"]["amount"] for body in bodies) == list(range(40))


def test_a_fact_whose_transaction_ends_late_is_told_too(postgres_db: Database) -> None:
    """On PostgreSQL a smaller id can become visible after a larger one was read."""
    with postgres_db.transaction() as session:
        made = hook(session)
        hana = somebody(session)
    with postgres_db.transaction() as slow:
        told(slow, hana, amount=1)
        slow.flush()
        with postgres_db.transaction() as session:
            told(session, hana, amount=2)
        with postgres_db.transaction() as session:
            assert len(read(session, made.hook_id)) == 1
    later = NOW + SETTLED_AFTER
    with postgres_db.transaction() as session:
        for at in (later, later + SETTLED_AFTER, later + 2 * SETTLED_AFTER):
            while service.read_on(session, hook_id=made.hook_id, now=at):
                pass
        lines = queries.deliveries(session, made.hook_id)
    assert sorted(json.loads(one.body)["data"]["amount"] for one in lines) == [1, 2]


def test_two_senders_at_the_same_moment_take_each_row_once(db: Database) -> None:
    with db.transaction() as session:
        made = hook(session)
        hana = somebody(session)
        for amount in range(15):
            told(session, hana, amount=amount)
        read(session, made.hook_id)

    def claims(lease: str) -> list[int]:
        with db.transaction() as session:
            found = service.claim(session, lease=lease, key=KEY, now=NOW)
        return [one.id for one in found]

    taken = at_once(*(lambda name=f"s{n}": claims(name) for n in range(4)))
    numbers = [one for found in taken for one in found]  # type: ignore[attr-defined]  # lists of ids
    assert len(numbers) == len(set(numbers))
    with db.transaction() as session:
        rest = service.claim(session, lease="late", key=KEY, now=NOW)
    assert len(numbers) + len(rest) == 15


def test_what_a_sender_that_died_held_goes_out_again_under_the_same_id(session: Session) -> None:
    made = hook(session)
    told(session, somebody(session), amount=1)
    read(session, made.hook_id)
    (first,) = service.claim(session, lease="dead", key=KEY, now=NOW)
    assert service.claim(session, lease="other", key=KEY, now=NOW + service.LEASE / 2) == []
    (again,) = service.claim(session, lease="other", key=KEY, now=NOW + service.LEASE)
    assert (again.event_id, again.body) == (first.event_id, first.body)
    service.record(session, lease="dead", tries=[(first, Answer(200))], now=NOW + service.LEASE)
    (line,) = queries.deliveries(session, made.hook_id)
    assert line.status == rules.WAITING  # the word of who lost the lease does not count


def test_failures_wait_longer_and_longer_and_then_for_a_person(session: Session) -> None:
    made = hook(session)
    told(session, somebody(session), amount=1)
    read(session, made.hook_id)
    at, waits = NOW, []
    for _ in range(len(rules.WAITS) + 1):
        (one,) = tried(session, 503, now=at)
        (line,) = queries.deliveries(session, made.hook_id)
        waits.append(line.due_at - at)
        at = max(at, line.due_at)
    assert line.status == rules.FAILED
    assert (line.attempts, line.answer) == (len(rules.WAITS) + 1, 503)
    assert tried(session, 200, now=at + timedelta(days=9)) == []
    assert service.again(session, hook_id=made.hook_id, delivery_id=line.id, now=at) == 1
    (again,) = tried(session, 204, now=at)
    assert again.body == one.body
    (line,) = queries.deliveries(session, made.hook_id)
    assert (line.status, line.answer, line.attempts) == (rules.DELIVERED, 204, 1)


def test_a_click_twice_sends_again_once(db: Database) -> None:
    with db.transaction() as session:
        made = hook(session)
        told(session, somebody(session), amount=1)
        read(session, made.hook_id)
        tried(session, 200)
        (line,) = queries.deliveries(session, made.hook_id)

    def click() -> int:
        with db.transaction() as session:
            return service.again(session, hook_id=made.hook_id, delivery_id=line.id, now=NOW)

    assert sorted(at_once(click, click, click)) == [0, 0, 1]  # type: ignore[type-var]  # numbers


def test_days_of_nothing_but_failures_pause_it_and_what_is_owed_waits(session: Session) -> None:
    made, hana = hook(session), somebody(session)
    told(session, hana, amount=1)
    read(session, made.hook_id)
    at = NOW
    while (found := queries.hook(session, made.hook_id)) and found.status == rules.ON:
        told(session, hana, amount=2)
        read(session, made.hook_id)
        tried(session, None, now=at)
        at += 6 * HOUR
        assert at < NOW + timedelta(days=4)
    assert found is not None
    assert found.reason == rules.FAILING
    assert at - NOW >= rules.PAUSED_AFTER
    told(session, hana, amount=3)
    assert len(read(session, made.hook_id)) > 3
    assert tried(session, 200, now=at) == []
    assert service.resume(session, hook_id=made.hook_id, now=at)
    assert not service.resume(session, hook_id=made.hook_id, now=at)
    assert tried(session, 200, now=at)
    after = queries.hook(session, made.hook_id)
    assert after is not None
    assert after.failing_since is None


def test_one_success_clears_its_name(session: Session) -> None:
    made, hana = hook(session), somebody(session)
    told(session, hana, amount=1)
    read(session, made.hook_id)
    tried(session, 500)
    told(session, hana, amount=2)
    read(session, made.hook_id)
    tried(session, 200, now=NOW + HOUR)
    found = queries.hook(session, made.hook_id)
    assert found is not None
    assert found.failing_since is None


def test_an_address_that_says_it_is_gone_is_paused_at_once(session: Session) -> None:
    made = hook(session)
    told(session, somebody(session), amount=1)
    read(session, made.hook_id)
    tried(session, 410)
    found = queries.hook(session, made.hook_id)
    assert found is not None
    assert (found.status, found.reason) == (rules.PAUSED, rules.GONE)


def test_a_slow_address_leaves_room_for_the_others(session: Session) -> None:
    slow, other, hana = hook(session), hook(session), somebody(session)
    for amount in range(3 * service.PER_HOOK):
        told(session, hana, amount=amount)
    read(session, slow.hook_id)
    read(session, other.hook_id)
    claimed = service.claim(session, lease="x", key=KEY, now=NOW)
    by_hook = [one.hook_id for one in claimed]
    assert by_hook.count(slow.hook_id) == by_hook.count(other.hook_id) == service.PER_HOOK


def test_the_secret_is_kept_sealed_and_the_one_before_signs_for_a_day(session: Session) -> None:
    made = hook(session)
    kept = session.execute(sa.select(HOOKS.c.secret)).scalar_one()
    assert made.secret not in kept
    new = rotated(session, made)
    assert new != made.secret
    told(session, somebody(session), amount=1)
    read(session, made.hook_id)
    (one,) = service.claim(session, lease="a", key=KEY, now=NOW)
    assert one.secrets == (new, made.secret)
    (one,) = service.claim(session, lease="b", key=KEY, now=NOW + rules.OLD_SECRET_FOR)
    assert one.secrets == (new,)


def test_a_removed_address_is_told_nothing_more(session: Session) -> None:
    made, hana = hook(session), somebody(session)
    told(session, hana, amount=1)
    read(session, made.hook_id)
    service.remove(session, hook_id=made.hook_id)
    assert tried(session, 200) == []
    assert queries.hook(session, made.hook_id) is None
    with pytest.raises(NotFound):
        service.remove(session, hook_id=made.hook_id)
    (line,) = queries.deliveries(session, made.hook_id)
    assert line.status == rules.CANCELLED


def test_of_a_wiped_member_no_word_is_kept_and_nothing_more_is_sent(session: Session) -> None:
    publish(session)
    made = hook(session, with_person=True)
    hana = regular(session, name="陳小花")
    told(session, hana, amount=1)
    read(session, made.hook_id)
    ends = rights.close(session, member_id=hana, channel="liff", now=NOW)
    rights.wipe_due(session, key=KEY, now=ends)
    rows = session.execute(sa.select(DELIVERIES.c.body, DELIVERIES.c.status)).all()
    assert {tuple(row) for row in rows} == {("", rules.CANCELLED)}
    assert tried(session, 200, now=ends) == []
    assert FATES["hook_deliveries.member_id"] == "stays"


def test_a_test_is_sent_once_a_form(session: Session) -> None:
    made = hook(session)
    for form_id in ("one", "one", "two"):
        service.test(session, hook_id=made.hook_id, form_id=form_id, now=NOW)
    assert [one.kind for one in queries.deliveries(session, made.hook_id)] == ["test", "test"]


def test_after_a_month_rows_go(session: Session) -> None:
    made = hook(session)
    service.test(session, hook_id=made.hook_id, form_id="x", now=NOW)
    assert service.forget_old(session, now=NOW + rules.KEPT) == 0
    assert service.forget_old(session, now=NOW + rules.KEPT + HOUR) == 1


def test_a_secret_that_does_not_open_pauses_its_address_and_the_others_go_on(
    session: Session,
) -> None:
    lost, good, hana = hook(session), hook(session), somebody(session)
    session.execute(sa.update(HOOKS).where(HOOKS.c.id == lost.hook_id).values(secret="AAAA"))
    told(session, hana, amount=1)
    for made in (lost, good):
        read(session, made.hook_id)
    assert [one.hook_id for one in tried(session, 200)] == [good.hook_id]
    found = queries.hook(session, lost.hook_id)
    assert found is not None
    assert (found.status, found.reason) == (rules.PAUSED, rules.SEALED)
    new = rotated(session, lost)
    service.resume(session, hook_id=lost.hook_id, now=NOW)
    (one,) = tried(session, 200)
    assert (one.hook_id, one.secrets) == (lost.hook_id, (new,))  # the lost one signs nothing


def test_a_test_member_is_not_told_of(session: Session) -> None:
    made = hook(session)
    told(session, somebody(session, is_test=True), amount=1)
    told(session, somebody(session), amount=2)
    assert [json.loads(one.body)["data"]["amount"] for one in read(session, made.hook_id)] == [2]
    tester = somebody(session, is_test=True)
    service.owe(
        session, hook_id=made.hook_id, kind=rules.JOURNEY, keys={tester: "j"}, facts={}, now=NOW
    )
    assert len(queries.deliveries(session, made.hook_id)) == 1


def test_when_names_go_no_more_kept_bodies_lose_them_too(session: Session) -> None:
    made = hook(session, with_person=True)
    hana = somebody(session, name="陳小花", phone="+886912345678")
    told(session, hana, amount=1)
    read(session, made.hook_id)
    tried(session, 200)
    told(session, hana, amount=2)
    full = read(session, made.hook_id)
    assert all("陳小花" in one.body for one in full)
    draft = HookDraft("ERP", URL, SALES, with_person=False)
    service.change(session, hook_id=made.hook_id, draft=draft, allows_private=False)
    for before, after in zip(full, queries.deliveries(session, made.hook_id), strict=True):
        was, now = json.loads(before.body), json.loads(after.body)
        assert now == was | {"member": {"number": was["member"]["number"]}}


def test_who_reads_while_names_are_taken_away_writes_none_down(db: Database) -> None:
    with db.transaction() as session:
        made = hook(session, with_person=True)
        hana = somebody(session, name="陳小花")
        for amount in range(9):
            told(session, hana, amount=amount)

    def reads() -> None:
        with db.transaction() as session:
            service.read_on(session, hook_id=made.hook_id, now=NOW)

    def takes_away() -> None:
        with db.transaction() as session:
            draft = HookDraft("ERP", URL, SALES, with_person=False)
            service.change(session, hook_id=made.hook_id, draft=draft, allows_private=False)

    assert at_once(reads, takes_away, reads) == [None] * 3
    with db.transaction() as session:
        lines = read(session, made.hook_id)
    assert len(lines) == 9
    assert not any("陳小花" in one.body for one in lines)


def test_what_came_of_tries_and_a_removal_do_not_wait_for_each_other(
    postgres_db: Database,
) -> None:
    """The removal holds the address when the answers come, and then wants its deliveries."""
    with postgres_db.transaction() as session:
        made = hook(session)
        told(session, somebody(session), amount=1)
        read(session, made.hook_id)
        claimed = service.claim(session, lease="me", key=KEY, now=NOW)
    is_held, may_go_on = threading.Event(), threading.Event()

    def removes() -> None:
        with postgres_db.transaction() as session:
            session.execute(sa.update(HOOKS).values(name="ERP"))
            is_held.set()
            may_go_on.wait(10)
            service.remove(session, hook_id=made.hook_id)

    def records() -> None:
        is_held.wait(10)
        with postgres_db.transaction() as session:
            tries = [(one, Answer(500)) for one in claimed]
            watch = threading.Thread(target=let_go_when_waiting)
            watch.start()
            service.record(session, lease="me", tries=tries, now=NOW)
            watch.join()

    def let_go_when_waiting() -> None:
        any(_is_waiting(postgres_db) for _ in range(10_000))
        may_go_on.set()

    assert at_once(removes, records) == [None, None]
    with postgres_db.reading() as session:
        (line,) = queries.deliveries(session, made.hook_id)
    assert line.status == rules.CANCELLED


def test_a_member_is_not_wiped_between_the_look_and_the_body(postgres_db: Database) -> None:
    with postgres_db.transaction() as session:
        made = hook(session, with_person=True)
        hana = somebody(session, name="陳小花")
        told(session, hana, amount=1)
    with postgres_db.transaction() as wiping:
        service.wipe(wiping, member_id=hana)

        def reads() -> None:
            with postgres_db.transaction() as session:
                service.read_on(session, hook_id=made.hook_id, now=NOW)

        reader = threading.Thread(target=reads)
        reader.start()
        is_waiting = any(_is_waiting(postgres_db) for _ in range(10_000))
        wiping.execute(sa.update(_MEMBERS).where(_MEMBERS.c.id == hana).values(name=None))
    reader.join()
    assert is_waiting
    with postgres_db.reading() as session:
        (line,) = queries.deliveries(session, made.hook_id)
    assert "陳小花" not in line.body


def _is_waiting(db: Database) -> bool:
    """Whether somebody waits for a lock that somebody else holds."""
    query = sa.text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with db.reading() as session:
        return bool(session.scalar(query))


def test_an_address_that_fails_is_probed_and_holds_the_others_up_no_longer(
    session: Session,
) -> None:
    made, hana = hook(session), somebody(session)
    for amount in range(3 * service.PER_HOOK):
        told(session, hana, amount=amount)
    read(session, made.hook_id)
    assert len(tried(session, None)) == service.PER_HOOK
    assert len(tried(session, 200)) == service.PROBES
    assert len(tried(session, 200)) == service.PER_HOOK


def test_the_same_form_makes_one_address_and_shows_the_same_secret(db: Database) -> None:
    draft = HookDraft("ERP", URL, SALES)

    def make() -> Made:
        with db.transaction() as session:
            return _made(session, draft, "one form")

    first, *others = at_once(make, make, make)
    assert isinstance(first, Made)
    assert others == [first, first]
    with db.reading() as session:
        assert len(queries.hooks(session)) == 1


def test_the_same_form_changes_the_secret_once_and_the_one_before_signs_on(db: Database) -> None:
    with db.transaction() as session:
        made = hook(session)
        told(session, somebody(session), amount=1)
        read(session, made.hook_id)

    def click() -> str:
        with db.transaction() as session:
            return rotated(session, made)

    new, *others = at_once(click, click, click)
    assert others == [new, new]
    with db.transaction() as session:
        (one,) = service.claim(session, lease="a", key=KEY, now=NOW)
        assert one.secrets == (new, made.secret)
        assert rotated(session, made, "another form") not in (new, made.secret)


def test_a_form_of_long_ago_brings_no_old_secret_back(session: Session) -> None:
    made = hook(session)
    old, new = rotated(session, made, "one"), rotated(session, made, "two")
    with pytest.raises(NotFound):
        rotated(session, made, "one")
    (row,) = session.execute(sa.select(HOOKS.c.secret, HOOKS.c.code)).all()
    kept = sealing.opened(KEY, row.secret, about=f"hook:{row.code}").decode()
    assert kept == new != old


def test_what_an_address_is_owed_is_counted_without_reading_what_was_delivered(
    session: Session,
) -> None:
    made, hana = hook(session), somebody(session)
    for amount in range(4):
        told(session, hana, amount=amount)
    read(session, made.hook_id)
    statuses = ["waiting", "failed", "failed", "delivered"]
    for line, status in zip(queries.deliveries(session, made.hook_id), statuses, strict=True):
        tried_at = None if status == "waiting" else NOW + line.id * HOUR
        session.execute(
            sa.update(DELIVERIES)
            .where(DELIVERIES.c.id == line.id)
            .values(status=status, tried_at=tried_at)
        )
    last = session.scalar(sa.select(sa.func.max(DELIVERIES.c.tried_at)))
    nothing = hook(session)
    shown, empty = queries.hooks(session)
    assert (shown.waiting, shown.failed, shown.last_at) == (1, 2, last)
    assert (empty.id, empty.waiting, empty.failed, empty.last_at) == (nothing.hook_id, 0, 0, None)
    words = str(queries._COUNTS.compile(session.get_bind()))  # its plan counts
    plan = " ".join(str(row[3]) for row in session.execute(sa.text(f"EXPLAIN QUERY PLAN {words}")))
    for index in ("due_at", "failed", "tried_at"):
        assert f"INDEX ix_hook_deliveries_{index} " in plan
