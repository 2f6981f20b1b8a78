"""One box finds members, sales and coupons, and each look is answered by an index."""

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core import text
from app.core.clock import taipei_date
from app.core.db import Database, table_of
from app.coupons.models import Coupon
from app.insights.queries import finder
from app.insights.queries.finder import Found
from app.insights.queries.roster import NEWEST, named
from app.invoices.models import InvoiceClaim
from app.members.models import Member
from app.purchases.models import Purchase
from tests.support.loyalty import publish
from tests.support.people import bought, coupon_for, number_of, regular
from tests.support.staffing import Shop, staffed_shop
from tests.support.times import NOW

TODAY = taipei_date(NOW)


@pytest.fixture
def shop(session: Session) -> Shop:
    publish(session)
    return staffed_shop(session)


def find(session: Session, words: str, store_id: int | None = None) -> Found:
    return finder.find(session, words, store_id=store_id, now=NOW)


@pytest.mark.parametrize(
    "typed",
    ["陳小花", "陳小", "小花", "hana", "0912-345-678", "+886 912 345 678", "０９１２３４５６７８"],
)
def test_a_member_is_found_by_what_people_know_of_them(
    session: Session, shop: Shop, typed: str
) -> None:
    hana = regular(session, name="陳小花", display_name="Hana 🌿", phone="+886912345678")
    regular(session, name="林大樹", display_name="Ken")
    assert [one.id for one in find(session, typed).members] == [hana]


def test_a_member_number_and_a_sale_s_number_are_found(session: Session, shop: Shop) -> None:
    hana = regular(session)
    sale = bought(session, hana, 500, store_id=shop.store_id)
    assert [one.id for one in find(session, number_of(session, hana)).members] == [hana]
    (found,) = find(session, f" {sale} ").sales
    assert (found.external_id, found.member_id, found.amount) == (sale, hana, 500)


@pytest.mark.parametrize("typed", ["AB12345678", "ab-12345678", "ＡＢ－１２３４５６７８"])
def test_an_invoice_is_found_in_any_spelling_and_any_period(
    session: Session, shop: Shop, typed: str
) -> None:
    sale = bought(session, None, 500, store_id=shop.store_id)
    for period in ("11508", "11302"):
        session.execute(
            sa.update(Purchase)
            .where(Purchase.external_id == sale)
            .values(invoice_number="AB12345678", invoice_period=period)
        )
        assert [one.external_id for one in find(session, typed).sales] == [sale]


def test_a_coupon_is_found_by_its_code_as_it_is_read_aloud(session: Session, shop: Shop) -> None:
    hana = regular(session)
    coupon_for(session, hana)
    code = session.scalars(sa.select(Coupon.code)).one()
    (found,) = find(session, f"{code[:4]}-{code[4:]}".lower()).coupons
    assert (found.code, found.member_id, found.name) == (code, hana, "NT$100 折價券")


def test_who_works_in_one_store_finds_its_sales_only(session: Session, shop: Shop) -> None:
    here = bought(session, None, 1, store_id=shop.store_id)
    there = bought(session, None, 2, store_id=shop.other_store_id)
    assert len(find(session, here, shop.store_id).sales) == 1
    assert find(session, there, shop.store_id).sales == ()


def test_a_registered_invoice_is_found_by_who_sees_every_store(
    session: Session, shop: Shop
) -> None:
    row = {"number": "AB12345678", "member_id": regular(session)}
    row |= {"status": "pending", "source": "liff", "total": 500, "seller": "", "random_code": ""}
    days = {"sold_on": TODAY, "claimed_on": TODAY, "hold_until": TODAY, "claimed_at": NOW}
    period = text.invoice_period(TODAY)
    session.execute(sa.insert(InvoiceClaim).values(row | days | {"period": period}))
    assert len(find(session, "AB12345678").claims) == 1
    assert find(session, "AB12345678", shop.store_id).claims == ()


@pytest.mark.parametrize(
    "typed", ["", "  ", "%", "_", "'", "\U0010ffff", "🌿", "x" * 100, "台" * 50]
)
def test_odd_words_find_nothing_and_break_nothing(session: Session, shop: Shop, typed: str) -> None:
    regular(session, name="陳小花", display_name="Hana")
    assert find(session, typed).number == 0


def test_among_many_a_name_is_found_by_its_beginning_and_no_look_reads_them_all(
    db: Database,
) -> None:
    many = NEWEST + 5_000
    row = {"status": "member", "is_friend": True, "birthday_edits": 0, "marketing_ok": True}
    row |= {"is_test": False, "created_at": NOW, "display_name": None}
    with db.transaction() as session:
        rows = [row | {"name": f"林{n:06d}"} for n in range(many)]
        rows[0]["name"] = rows[-1]["name"] = "陳小花"
        session.connection().execute(sa.insert(table_of(Member)), rows)
    with db.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(sa.text("ANALYZE"))
    with db.reading() as session:
        assert len(find(session, "陳小").members) == 2
        assert len(find(session, "小花").members) == 1  # of the newest only
        query = sa.select(Member.id).where(named("陳小")).order_by(Member.id.desc()).limit(51)
        plan = explained(session, query, is_sqlite=db.is_sqlite)
    assert "ix_members_name" in plan
    assert "ix_members_display_name" in plan
    assert "SCAN" not in plan
    assert "Seq Scan" not in plan


def explained(session: Session, query: sa.Select[int], *, is_sqlite: bool) -> str:
    words = str(query.compile(session.get_bind(), compile_kwargs={"literal_binds": True})).replace(
        "%", "%%" if not is_sqlite else "%"
    )
    if is_sqlite:
        rows = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {words}")
        return "\n".join(str(row[3]) for row in rows)
    session.execute(sa.text("SET LOCAL enable_seqscan = off"))  # a small table is read whole
    rows = session.connection().exec_driver_sql(f"EXPLAIN {words}")
    return "\n".join(str(row[0]) for row in rows)
