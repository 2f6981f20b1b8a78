"""An invoice counts once: whoever is first, whatever comes first, slip or till."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.checkouts import service as checkouts
from app.core.db import Database
from app.core.errors import Conflict
from app.insights import checks
from app.invoices import queries, service
from app.invoices.models import InvoiceClaim, InvoicePhoto
from app.invoices.rules.campaigns import InvoiceRefused
from app.invoices.rules.slips import Code, Slip, read, read_barcode
from app.invoices.service import Claimed, NotReviewable
from app.jobs import photos
from app.line.gateway import Failure, SendError
from app.missions import service as missions
from app.missions.rules import MissionDraft, Step, Window
from app.missions.rules import Reward as Prize
from app.outbox.models import OutboxRow
from app.points import queries as points
from app.points import service as point_service
from app.programmes.rules import DEFAULT, InvoiceTerms
from app.purchases import queries as purchases
from app.purchases.rules import PurchaseOrder
from flex_templates.theme import CAMPHOR
from tests.support import loyalty, people, slips
from tests.support.fake_line import FakeLine
from tests.support.times import NOW

DAY = timedelta(days=1)
OPEN = replace(DEFAULT, invoices=InvoiceTerms(is_on=True, sellers=(slips.SELLER,)))
_ids = count(1)


@pytest.fixture
def shop(db: Database) -> Database:
    with db.transaction() as session:
        loyalty.publish(session, OPEN)
        loyalty.new_store(session)
    return db


def slip_of(number: str = "AB12345678", total: int = 1_000) -> Slip:
    return read([Code(text) for text in slips.codes(number, total)])


def claim(session: Session, member_id: int, slip: Slip | None = None) -> Claimed:
    return service.claim(
        session, member_id=member_id, slip=slip or slip_of(), source="chat", now=NOW
    )


def sell(
    session: Session,
    *,
    total: int = 1_000,
    number: str = "AB12345678",
    member_id: int | None = None,
    key: str | None = None,
) -> dict[str, object]:
    """The till tells of the sale."""
    order = PurchaseOrder(
        key or f"pos-{next(_ids)}",
        total,
        NOW,
        member_id=member_id,
        invoice_number=number,
        invoice_period="11508",
    )
    return checkouts.record_purchase(session, order=order, now=NOW).facts


def status_of(session: Session, member_id: int) -> str:
    (found,) = queries.claims_of(session, member_id)
    return found.status


def refusal(session: Session, member_id: int, slip: Slip | None = None) -> str:
    with pytest.raises(InvoiceRefused) as refused, session.begin_nested():
        claim(session, member_id, slip)
    return refused.value.reason


def test_a_slip_counts_and_its_points_wait(shop: Database) -> None:
    with shop.transaction() as session:
        member = people.regular(session)
        done = claim(session, member)
        assert (done.status, done.points) == ("pending", 10)
        standing = points.standing(session, member, now=NOW)
        assert (standing.balance, standing.pending) == (0, 10)
        assert points.standing(session, member, now=NOW + 13 * DAY).balance == 0
        assert points.standing(session, member, now=NOW + 14 * DAY).balance == 10
        (sale,) = purchases.purchases_of(session, member)
        assert (sale.channel, sale.amount) == ("invoice", 1_000)
        service.settle_due(session, now=NOW + 14 * DAY)
        assert status_of(session, member) == "accepted"


def test_it_counts_once_for_one_member_and_never_for_two(shop: Database) -> None:
    with shop.transaction() as session:
        one, other = people.regular(session), people.regular(session)
        claim(session, one)
        assert refusal(session, one) == "already"
        assert refusal(session, other) == "taken"
        again = replace(slip_of(), period="12308")  # the same letters, eight years later
        assert claim(session, other, again).status == "pending"


def test_a_till_that_tells_afterwards_confirms_it(shop: Database) -> None:
    with shop.transaction() as session:
        member = people.regular(session)
        claim(session, member)
        facts = sell(session, key="pos-late")
        assert facts["purchase"]["external_id"] == "pos-late"  # type: ignore[index]  # a JSON object
        assert sell(session, key="pos-late") == facts
        (sale,) = purchases.purchases_of(session, member)
        assert (sale.external_id, sale.channel) == ("pos-late", "pos")
        assert points.standing(session, member, now=NOW + 7 * DAY).balance == 10
        assert service.settle_due(session, now=NOW) == 1
        assert status_of(session, member) == "matched"
        assert checks.broken_invariants(session, now=NOW) == []


def test_a_till_that_tells_otherwise_wins_and_a_person_decides(shop: Database) -> None:
    with shop.transaction() as session:
        member = people.regular(session)
        done = claim(session, member, slip_of(total=9_000))
        sell(session, total=90)
        service.settle_due(session, now=NOW)
        assert status_of(session, member) == "review"
        assert queries.review_count(session) == 1
        service.reject(session, claim_id=done.claim_id, staff_id=_clerk(session), reason="金額不符",
                       now=NOW)  # fmt: skip
        standing = points.standing(session, member, now=NOW)
        assert (standing.balance, standing.pending) == (0, 0)
        with pytest.raises(NotReviewable):
            service.approve(session, claim_id=done.claim_id, staff_id=1, now=NOW)
        assert checks.broken_invariants(session, now=NOW) == []


def _clerk(session: Session) -> int:
    return loyalty.new_clerk(session, 1)


def test_a_sale_for_nobody_is_claimed_by_slip_or_barcode(shop: Database) -> None:
    with shop.transaction() as session:
        member, other = people.regular(session), people.regular(session)
        sell(session)
        done = claim(session, member, read_barcode("11508AB123456781234"))
        assert (done.status, done.points, done.total) == ("matched", 10, 1_000)
        assert refusal(session, other) == "taken"
        (sale,) = purchases.purchases_of(session, member)
        assert sale.channel == "pos"
        assert checks.broken_invariants(session, now=NOW) == []


def test_what_the_till_counted_is_not_counted_again(shop: Database) -> None:
    with shop.transaction() as session:
        member, other = people.regular(session), people.regular(session)
        sell(session, member_id=member)
        assert refusal(session, member) == "counted"
        assert refusal(session, other) == "taken"


def test_amounts_that_differ_are_told(shop: Database) -> None:
    with shop.transaction() as session:
        member = people.regular(session)
        sell(session, total=900)
        assert refusal(session, member) == "differs"


def test_a_barcode_alone_needs_the_tills_word(shop: Database) -> None:
    with shop.transaction() as session:
        member = people.regular(session)
        assert refusal(session, member, read_barcode("11508AB123456781234")) == "needs_qr"


def test_five_a_day(shop: Database) -> None:
    with shop.transaction() as session:
        member = people.regular(session)
        for number in range(5):
            claim(session, member, slip_of(f"AB0000000{number}"))
        assert refusal(session, member, slip_of("AB00000009")) == "cap_day"


def test_petrol_by_the_decimal_is_one_line(shop: Database) -> None:
    with shop.transaction() as session:
        member = people.regular(session)
        texts = slips.codes("AB12345678", 767, items="九五無鉛:24.35:31.5:紙巾:1:0")
        claim(session, member, read([Code(text) for text in texts]))
        (sale,) = purchases.purchases_of(session, member)
        items = purchases.items_of_all(session, [sale.id])[sale.id]
        assert [(item.name, item.quantity, item.unit_price) for item in items] == [
            ("九五無鉛", 1, 767),
            ("紙巾", 1, 0),
        ]


def test_a_mission_counts_invoices_until_one_is_rejected(shop: Database) -> None:
    with shop.transaction() as session:
        missions.create(
            session,
            draft=MissionDraft(
                "slips",
                "發票達人",
                (Step("invoices", 2),),
                window=Window("month", starts_on=NOW.date().replace(day=1)),
                reward=Prize(30),
            ),
            now=NOW,
        )
        member = people.regular(session)

        def counted() -> int:
            (standing,) = missions.standings(session, member, now=NOW)
            return standing.progress.done

        done = claim(session, member, slip_of("AB00000001"))
        assert counted() == 1
        service.reject(
            session, claim_id=done.claim_id, staff_id=_clerk(session), reason="作廢", now=NOW
        )
        assert counted() == 0
        for number in (2, 3):
            claim(session, member, slip_of(f"AB0000000{number}"))
        assert points.standing(session, member, now=NOW).balance == 30


def test_the_nightly_check_finds_a_claim_that_went_astray(shop: Database) -> None:
    with shop.transaction() as session:
        member, other = people.regular(session), people.regular(session)
        claim(session, member)
        assert queries.broken(session) == []
        session.execute(sa.update(InvoiceClaim).values(member_id=other))
        assert len(queries.broken(session)) == 1
        session.execute(sa.update(InvoiceClaim).values(member_id=member, status="rejected"))
        assert len(queries.broken(session)) == 1


# Photos -------------------------------------------------------------------------------------------


def send_photo(db: Database, member_id: int, message_id: str, *, token: str | None = "t") -> None:
    with db.transaction() as session:
        service.keep_photo(
            session,
            member_id=member_id,
            message_id=message_id,
            reply_token=token,
            received_at=NOW,
            now=NOW,
        )


def look(db: Database, line: FakeLine) -> int:
    return photos.read(db, line, asyncio.run, theme=CAMPHOR, now=NOW)


def told(db: Database) -> list[str]:
    with db.reading() as session:
        rows = session.scalars(sa.select(OutboxRow.payload).order_by(OutboxRow.id))
        return [str(payload) for payload in rows]


def member_of(db: Database) -> int:
    with db.transaction() as session:
        return people.regular(session)


@pytest.mark.parametrize("tilt", [0, 12, 90])
def test_a_photo_of_both_codes_is_registered_and_told_by_its_receipt(
    shop: Database, tilt: float
) -> None:
    member = member_of(shop)
    picture = slips.photo(*slips.codes("AB12345678", 1_000), tilt=tilt)
    line = FakeLine(contents={"m1": picture})
    send_photo(shop, member, "m1")
    send_photo(shop, member, "m1")  # delivered twice
    assert look(shop, line) == 1
    assert look(shop, line) == 0
    (receipt,) = told(shop)
    assert "AB-12345678" in receipt or "AB12345678" in receipt
    with shop.reading() as session:
        assert points.standing(session, member, now=NOW).pending == 10


def test_the_other_code_may_come_in_a_second_photo(shop: Database) -> None:
    member = member_of(shop)
    left, right = slips.codes("AB12345678", 1_000)
    line = FakeLine(contents={"right": slips.photo(right), "left": slips.photo(left)})
    send_photo(shop, member, "right")
    look(shop, line)
    assert "左邊的 QR Code" in told(shop)[0]
    send_photo(shop, member, "left")
    look(shop, line)
    with shop.reading() as session:
        (sale,) = purchases.purchases_of(session, member)
        assert len(purchases.items_of_all(session, [sale.id])[sale.id]) == 2


def test_no_invoice_no_picture_and_a_second_time_are_answered(shop: Database) -> None:
    member = member_of(shop)
    slip = slips.photo(*slips.codes("AB12345678", 1_000))
    line = FakeLine(
        contents={
            "web": slips.photo("https://example.com"),
            "text": b"no picture at all",
            "gone": None,
            "one": slip,
            "two": slip,
        }
    )
    for name in line.contents:
        send_photo(shop, member, name)
    assert look(shop, line) == 5
    answers = "".join(told(shop))
    assert answers.count("找不到電子發票的條碼") == 2
    assert answers.count("照片讀取失敗") == 1
    assert answers.count("已經登錄過了") == 1


def test_line_in_trouble_is_asked_again_and_not_for_ever(shop: Database) -> None:
    member = member_of(shop)
    line = FakeLine(contents={"m1": SendError(Failure.UNKNOWN, "time-out")})
    send_photo(shop, member, "m1", token=None)
    for attempt in range(service.MOST_ATTEMPTS):
        assert photos.read(shop, line, asyncio.run, theme=CAMPHOR,
                           now=NOW + attempt * service.AGAIN_AFTER) == 1  # fmt: skip
    with shop.reading() as session:
        assert session.scalars(sa.select(InvoicePhoto.status)).all() == ["failed"]
    assert "照片讀取失敗" in told(shop)[0]


# Races --------------------------------------------------------------------------------------------


def at_once(*works: Callable[[], object]) -> Counter[str]:
    barrier, ended = threading.Barrier(len(works)), Counter[str]()

    def one(work: Callable[[], object]) -> None:
        barrier.wait()
        try:
            work()
        except InvoiceRefused as refused:
            ended[refused.reason] += 1
        except Conflict:
            ended["conflict"] += 1
        else:
            ended["done"] += 1

    threads = [threading.Thread(target=one, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended


def in_own(db: Database, work: Callable[[Session], object]) -> Callable[[], None]:
    def run() -> None:
        with db.transaction() as session:
            work(session)

    return run


def test_of_two_members_with_one_invoice_one_gets_it(shop: Database) -> None:
    with shop.transaction() as session:
        found = [people.regular(session) for _ in range(6)]
    works = [in_own(shop, lambda session, who=who: claim(session, who)) for who in found]  # type: ignore[misc]  # a default binds
    ended = at_once(*works)
    assert ended["done"] == 1
    assert ended["taken"] == 5
    with shop.reading() as session:
        assert sum(points.standing(session, who, now=NOW).pending for who in found) == 10


def test_till_and_member_at_the_same_moment_count_one_sale(shop: Database) -> None:
    for number in range(6):
        code = f"CD0000000{number}"
        with shop.transaction() as session:
            member = people.regular(session)
        ended = at_once(
            in_own(shop, lambda session, m=member, c=code: claim(session, m, slip_of(c))),  # type: ignore[misc]
            in_own(shop, lambda session, c=code: sell(session, number=c)),  # type: ignore[misc]
        )
        assert ended["done"] == 2, ended
        with shop.reading() as session:
            assert len(purchases.purchases_of(session, member)) == 1
            point_standing = points.standing(session, member, now=NOW)
            assert point_standing.pending == 10
    with shop.transaction() as session:
        point_service.settle_due(session, now=NOW)
        assert checks.broken_invariants(session, now=NOW) == []
