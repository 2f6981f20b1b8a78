"""What a till is promised: once each, the same answer again, clear refusals."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.coupons import service as coupons
from app.coupons.models import Coupon
from app.coupons.rules import Conditions, KindDraft
from app.members import queries as members
from app.members.models import Member
from app.outbox.models import OutboxRow
from app.points import queries as points
from app.purchases.models import Purchase
from app.staff import queries as staff
from app.staff import service as staff_service
from app.tiers.models import TierPeriod
from flex_templates import theme as themes
from tests.support.api import Api, open_api, statuses
from tests.support.joining import last_code
from tests.support.people import card_code, grant_points
from tests.support.times import NOW


@pytest.fixture
def api(db: Database) -> Api:
    return open_api(db)


def test_a_sale_is_answered_with_points_and_tier(api: Api) -> None:
    answer = api.post("/purchases", api.sale())
    assert answer.status_code == 201, answer.text
    assert answer.json() == {
        "purchase": {
            "external_id": "S-1",
            "member_number": api.number,
            "store": "S01",
            "sold_at": NOW.isoformat(),
            "amount": 790,
            "refunded": 0,
            "invoice_number": None,
        },
        "coupons": [],
        "item_discounts": [],
        "points": {"earned": 7, "redeemed": 0, "discount": 0, "pending": 7, "balance": 0},
        "tier": {"code": "basic", "name": "普卡"},
        "notes": [],
    }


def with_points(api: Api, number: int = 300) -> dict[str, Any]:
    """The rotating code of a member who has so many points, as a till sends it."""
    with api.db.transaction() as session:
        member = members.person_by_line_id(session, api.line_user_id)
        assert member is not None
        grant_points(session, member.id, number)
        return {"card": card_code(session, member.id)}


def balance(api: Api) -> int:
    answer = api.get("/members/lookup", line_user_id=api.line_user_id)
    return int(answer.json()["points"]["balance"])


def test_points_pay_a_sale_and_come_back_with_its_refund(api: Api) -> None:
    body = api.sale(amount=690, member=with_points(api), points={"redeem": 100, "discount": 100})
    answer = api.post("/purchases", body)
    assert answer.status_code == 201, answer.text
    told = {"earned": 6, "redeemed": 100, "discount": 100, "pending": 6, "balance": 200}
    assert answer.json()["points"] == told
    again = api.post("/purchases", body)
    assert (again.status_code, again.content) == (200, answer.content)
    other = api.post("/purchases", body | {"amount": 691})
    assert other.status_code == 409
    back = api.post("/purchases/S-1/refunds", {"external_id": "R-1", "amount": 345})
    told = {"revoked": 3, "restored": 50, "pending": 3, "balance": 250}
    assert back.json()["points"] == told
    assert balance(api) == 250


def test_a_card_code_is_looked_up_often_and_used_once(api: Api) -> None:
    card = with_points(api)["card"]
    for _ in range(2):
        found = api.get("/members/lookup", card=card).json()
        assert found["points"]["redemption"] == {
            "step": 1, "pays": 1, "minimum": 10, "max_percent": 50,
        }  # fmt: skip
    assert api.post("/purchases", api.sale("S-1", member={"card": card})).status_code == 201
    used = api.post("/purchases", api.sale("S-2", member={"card": card}))
    assert used.status_code == 409
    assert used.json()["errors"] == [{"field": "member.card", "reason": "used"}]
    assert api.get("/members/lookup", card=card).status_code == 409


def test_a_refused_sale_leaves_the_card_code_usable(api: Api) -> None:
    member = with_points(api)
    body = api.sale(amount=100, member=member)
    refused = api.post("/purchases", body | {"points": {"redeem": 300}})
    assert refused.status_code == 409
    assert refused.json()["errors"] == [
        {"field": "points.redeem", "reason": "at most 200 points on this sale (50 % of it)"}
    ]
    assert api.post("/purchases", body | {"points": {"redeem": 100}}).status_code == 201


@pytest.mark.parametrize(
    ("points", "status", "field", "reason"),
    [
        ({"redeem": 5}, 409, "points.redeem", "at least 10 points"),
        ({"redeem": 301}, 409, "points.redeem", "the member has 300 usable points"),
        ({"redeem": 100, "discount": 99}, 409, "points.redeem", "these points are worth NT$100"),
        ({"redeem": 0}, 422, "points.redeem", None),
        ({"redeem": -1}, 422, "points.redeem", None),
        ({"redeem": "many"}, 422, "points.redeem", None),
        ({}, 422, "points.redeem", None),
        ({"redeem": 100, "pay": 1}, 422, "points.pay", None),
    ],
)
def test_points_that_cannot_pay_name_the_field(
    api: Api, points: dict[str, Any], status: int, field: str, reason: str | None
) -> None:
    answer = api.post("/purchases", api.sale(member=with_points(api), points=points))
    assert answer.status_code == status
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert reason in (None, error["reason"])
    assert balance(api) == 300


def test_a_number_alone_cannot_spend_points(api: Api) -> None:
    with_points(api)
    for member in ({"number": api.number}, {"line_user_id": api.line_user_id}, None):
        answer = api.post("/purchases", api.sale(member=member, points={"redeem": 100}))
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "points"
    assert balance(api) == 300


def test_a_code_by_sms_stands_in_for_the_card(api: Api) -> None:
    with_points(api)
    with api.db.transaction() as session:
        session.execute(
            sa.update(Member)
            .where(Member.line_user_id == api.line_user_id)
            .values(phone="+886912345678")
        )
    phone = {"phone": "0912-345-678"}
    assert api.post("/members/codes", {"phone": "0922333444"}).status_code == 404
    assert api.post("/members/codes", {"phone": "02-1234"}).json()["errors"][0]["field"] == "phone"
    assert api.post("/members/codes", phone).status_code == 202
    soon = api.post("/members/codes", phone)
    assert (soon.status_code, soon.headers["retry-after"]) == (429, "60")
    wrong = api.post("/members/codes/check", phone | {"code": "000000"})
    assert wrong.json()["errors"] == [{"field": "code", "reason": "wrong, 4 tries left"}]
    with api.db.reading() as session:
        code = last_code(session)
    card = api.post("/members/codes/check", phone | {"code": code}).json()["card"]
    body = api.sale(amount=690, member={"card": card}, points={"redeem": 100})
    assert api.post("/purchases", body).json()["points"]["redeemed"] == 100
    used = api.post("/members/codes/check", phone | {"code": code})
    assert (used.status_code, used.json()["detail"]) == (409, "the code was used")
    for _ in range(5):
        last = api.post("/members/codes/check", phone | {"code": "000000"})
    assert last.status_code in (409, 429)
    assert api.get("/members/codes", token=api.reader).status_code == 405
    assert api.post("/members/codes", phone, token=api.reader).status_code == 403


def test_guessing_a_code_is_stopped(api: Api) -> None:
    with api.db.transaction() as session:
        session.execute(sa.update(Member).values(phone="+886912345678"))
    phone = {"phone": "0912345678"}
    api.post("/members/codes", phone)
    tries = [
        api.post("/members/codes/check", phone | {"code": "00000x".replace("x", str(turn))})
        for turn in range(6)
    ]
    assert [answer.status_code for answer in tries] == [409] * 5 + [429]
    with api.db.reading() as session:
        right = {"code": last_code(session)}
    assert api.post("/members/codes/check", phone | right).status_code == 429


def test_one_card_code_at_two_tills_at_once_spends_once(api: Api) -> None:
    member = with_points(api)
    bodies = [
        api.sale(f"S-{turn}", amount=690, member=member, points={"redeem": 200})
        for turn in range(6)
    ]
    answers = api.at_once(
        *(lambda client, body=body: client.post("/purchases", json=body) for body in bodies)
    )
    assert statuses(answers) == [201] + [409] * 5
    assert balance(api) == 100


def test_what_a_member_gets_carries_the_name_of_the_brand(api: Api) -> None:
    shop = replace(api, theme=themes.named("indigo", brand="茶屋"))
    shop.post("/purchases", api.sale(amount=5_000))
    shop.post("/purchases/S-1/refunds", {"external_id": "R-1", "amount": 5_000})
    with api.db.reading() as session:
        rows = session.execute(sa.select(OutboxRow.kind, OutboxRow.payload).order_by(OutboxRow.id))
        sent = dict(rows.all())
    assert list(sent) == ["receipt", "tier.upgraded", "refund"]  # in the order they are read
    assert all("茶屋" in payload and "熟客" not in payload for payload in sent.values())
    assert "信義門市" in sent["refund"]  # the store that sold it, where the till names none


def test_the_same_call_again_gives_the_same_body(api: Api) -> None:
    first = api.post("/purchases", api.sale())
    again = api.post("/purchases", api.sale())
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content


def test_another_sale_under_the_same_id_is_a_conflict(api: Api) -> None:
    api.post("/purchases", api.sale())
    answer = api.post("/purchases", api.sale(amount=791))
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == "external_id"


def test_one_invoice_belongs_to_one_sale(api: Api) -> None:
    api.post("/purchases", api.sale(invoice_number="AB-12345678"))
    answer = api.post("/purchases", api.sale("S-2", invoice_number="ab12345678"))
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["field"] == "invoice_number"


def test_the_same_sale_posted_20_times_at_once_counts_once(api: Api) -> None:
    answers = api.at_once(
        *[lambda client: client.post("/purchases", json=api.sale()) for _ in range(20)]
    )
    assert statuses(answers) == [200] * 19 + [201]
    assert len({answer.content for answer in answers}) == 1
    with api.db.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Purchase)) == 1
        assert points.unbalanced(session) == []


def test_two_sales_at_once_that_both_cross_a_threshold_lift_once(api: Api) -> None:
    answers = api.at_once(
        *[
            lambda client, n=n: client.post("/purchases", json=api.sale(f"S-{n}", amount=5_000))
            for n in range(2)
        ]
    )
    assert statuses(answers) == [201, 201]
    with api.db.reading() as session:
        lifted = sa.select(sa.func.count()).where(TierPeriod.tier_code == "silver")
        assert session.scalar(lifted) == 1
        gifts = sa.select(sa.func.count()).where(Coupon.source == "upgrade:silver")
        assert session.scalar(gifts) == 1


def test_one_bad_call_in_a_batch_harms_nobody(api: Api) -> None:
    calls = [api.sale(f"S-{n}") for n in range(6)]
    calls[3]["member"] = {"number": "0000000000"}
    answers = api.at_once(
        *[lambda client, body=body: client.post("/purchases", json=body) for body in calls]
    )
    assert statuses(answers) == [201] * 5 + [422]


def test_refunds_in_parts_add_up_and_never_exceed_the_sale(api: Api) -> None:
    api.post("/purchases", api.sale(amount=990))
    revoked = 0
    for part in range(3):
        body = {"external_id": f"R-{part}", "amount": 330}
        answer = api.post("/purchases/S-1/refunds", body)
        assert answer.status_code == 201, answer.text
        revoked += answer.json()["points"]["revoked"]
        assert api.post("/purchases/S-1/refunds", body).json() == answer.json()
    assert revoked == 9
    answer = api.post("/purchases/S-1/refunds", {"external_id": "R-9", "amount": 1})
    assert answer.status_code == 409
    assert answer.json()["errors"] == [{"field": "amount", "reason": "at most 0"}]
    assert api.get("/purchases/S-1").json()["purchase"]["refunded"] == 990


@pytest.mark.parametrize(
    ("amount", "discount", "status", "field"),
    [
        (700, 100, 201, None),
        (400, 100, 201, None),  # 500 before the coupon: its minimum, exactly
        (399, 100, 409, "coupon"),
        (700, 99, 409, "coupon_discount"),
        (700, 0, 409, "coupon_discount"),
    ],
)
def test_a_coupon_is_judged_on_the_amount_before_it(
    session_api: Api, amount: int, discount: int, status: int, field: str | None
) -> None:
    draft = KindDraft("off", "滿 500 折 100", "amount_off", 100, min_spend=500, valid_days=9)
    with session_api.db.transaction() as session:
        coupons.create_kind(session, draft=draft, now=NOW)
        person = members.person_by_number(session, session_api.number)
        assert person is not None
        issued = coupons.issue(
            session, kind_code="off", member_id=person.id, source="test", dedup_key="k", now=NOW
        )
    assert issued is not None
    body = session_api.sale(amount=amount, coupon=issued.code, coupon_discount=discount)
    answer = session_api.post("/purchases", body)
    assert answer.status_code == status, answer.text
    if field is not None:
        assert answer.json()["errors"][0]["field"] == field
        assert session_api.get("/purchases/S-1").status_code == 404


def test_a_refund_of_an_unknown_sale_is_404(api: Api) -> None:
    answer = api.post("/purchases/nothing/refunds", {"external_id": "R", "amount": 1})
    assert answer.status_code == 404


def test_a_sale_without_a_member_is_kept(api: Api) -> None:
    sale = api.sale()
    del sale["member"]
    answer = api.post("/purchases", sale)
    assert answer.status_code == 201
    assert answer.json()["tier"] is None


@pytest.mark.parametrize("key", ["number", "line_user_id"])
def test_a_member_is_looked_up(api: Api, key: str) -> None:
    value = api.number if key == "number" else api.line_user_id
    answer = api.get("/members/lookup", **{key: value}, token=api.reader)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["name"] == "王○明"
    assert found["tier"]["code"] == "basic"
    assert found["progress"]["next_tier"] == {"code": "silver", "name": "銀卡"}
    assert found["progress"]["to_next"] == 5_000


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({}, 422),
        ({"number": "1", "phone": "0912345678"}, 422),
        ({"number": "9999999999"}, 404),
        ({"phone": "02-2345-6789"}, 422),
        ({"phone": "0900000000"}, 404),
        ({"line_user_id": "nobody"}, 404),
        ({"number": "1\x00"}, 422),
    ],
)
def test_a_look_up_that_finds_nobody_says_why(
    api: Api, params: dict[str, str], status: int
) -> None:
    assert api.get("/members/lookup", **params).status_code == status


def swapped(api: Api, **sale: object) -> Any:
    body = {"external_id": "X-1", "back": {"amount": 790}, "sale": {"amount": 1_280} | sale}
    return api.post("/purchases/S-1/exchanges", body)


def test_an_exchange_is_one_call_and_may_be_repeated(api: Api) -> None:
    api.post("/purchases", api.sale(amount=790))
    first = swapped(api, items=[{"sku": "K-2", "name": "羊毛毯", "unit_price": 1_280}])
    assert first.status_code == 201, first.text
    told = first.json()
    assert told["exchange"]["to_pay"] == 490
    assert told["points"]["earned"] == 12
    again = swapped(api, items=[{"sku": "K-2", "name": "羊毛毯", "unit_price": 1_280}])
    assert (again.status_code, again.content) == (200, first.content)
    assert swapped(api, items=[]).status_code == 409
    assert api.get("/purchases/X-1").json()["purchase"]["amount"] == 1_280
    assert api.get("/purchases/S-1").json()["purchase"]["refunded"] == 790


@pytest.mark.parametrize(
    ("sale", "status", "field"),
    [
        ({"amount": -1}, 422, "sale.amount"),
        ({"points": {"redeem": 100}}, 422, "sale.points"),
        ({"store": "nowhere"}, 422, "store"),
        ({"coupons": [{"code": "NOSUCHCODE22", "discount": 0}]}, 409, "coupon"),
        ({"invoice_number": "A1"}, 422, "sale.invoice_number"),
    ],
)
def test_an_exchange_that_is_refused_changes_nothing(
    api: Api, sale: dict[str, object], status: int, field: str
) -> None:
    api.post("/purchases", api.sale(amount=790))
    answer = swapped(api, **sale)
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert api.get("/purchases/S-1").json()["purchase"]["refunded"] == 0


def test_the_exchange_of_an_unknown_sale_is_not_found(api: Api) -> None:
    assert swapped(api).status_code == 404


PATHS = [
    ("POST", "/purchases"),
    ("POST", "/purchases/batch"),
    ("POST", "/purchases/S-1/refunds"),
    ("POST", "/purchases/S-1/exchanges"),
    ("GET", "/purchases/S-1"),
    ("GET", "/members/lookup?number=1"),
    ("POST", "/members/codes"),
    ("POST", "/members/codes/check"),
    ("POST", "/coupons/quote"),
    ("POST", "/coupons/reservations"),
    ("DELETE", "/coupons/reservations/S-1"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize("token", ["", "wrong", "rg_wrong", "\x7f"])
def test_without_a_living_token_nothing_opens(api: Api, method: str, path: str, token: str) -> None:
    [answer] = api.at_once(
        lambda client: client.request(method, path, json={} if method == "POST" else None),
        token=token,
    )
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_every_route_asks_for_a_token(api: Api) -> None:
    from app.web.api.app import create_api  # noqa: PLC0415  # only its routes are looked at

    document = create_api(api.db, lambda: NOW).openapi()
    routes = {
        (method.upper(), path.replace("{external_id}", "S-1"))
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert routes == {(method, path.split("?")[0]) for method, path in PATHS}


def test_a_reading_token_writes_nothing(api: Api) -> None:
    assert api.post("/purchases", api.sale(), token=api.reader).status_code == 403
    assert api.get("/purchases/S-1", token=api.reader).status_code == 403


def test_a_revoked_token_opens_nothing(api: Api) -> None:
    with api.db.transaction() as session:
        [shown] = [token for token in staff.tokens(session) if token.role == "pos"]
        staff_service.revoke_token(session, token_id=shown.id, now=NOW)
    assert api.post("/purchases", api.sale()).status_code == 401


def bad(**fields: Any) -> dict[str, Any]:
    return fields


HOSTILE_FIELDS: list[tuple[dict[str, Any], str]] = [
    (bad(amount=-1), "amount"),
    (bad(amount=10**9), "amount"),
    (bad(amount=10**30), "amount"),
    (bad(amount=1.5), "amount"),
    (bad(amount="many"), "amount"),
    (bad(amount=None), "amount"),
    (bad(amount=[]), "amount"),
    (bad(external_id=""), "external_id"),
    (bad(external_id=" "), "external_id"),
    (bad(external_id="x" * 81), "external_id"),
    (bad(external_id="a\x00b"), "external_id"),
    (bad(external_id="a b"), "external_id"),
    (bad(external_id="'; DROP TABLE members; --"), "external_id"),
    (bad(external_id=7), "external_id"),
    (bad(external_id=None), "external_id"),
    (bad(external_id={"$ne": 1}), "external_id"),
    (bad(member={}), "member"),
    (bad(member={"number": "1", "phone": "0912345678"}), "member"),
    (bad(member={"number": "abc"}), "member.number"),
    (bad(member={"number": "9" * 10}), "member"),
    (bad(member={"phone": "02-2345-6789"}), "member.phone"),
    (bad(member={"phone": "\x00"}), "member.phone"),
    (bad(member={"phone": "0912"}), "member.phone"),
    (bad(member={"line_user_id": "Uxyz"}), "member.line_user_id"),
    (bad(member={"line_user_id": "U" + "f" * 32}), "member"),
    (bad(member="somebody"), "member"),
    (bad(member=[1]), "member"),
    (bad(store="NOWHERE"), "store"),
    (bad(store=""), "store"),
    (bad(store="a\x00"), "store"),
    (bad(store=5), "store"),
    (bad(sold_at="yesterday"), "sold_at"),
    (bad(sold_at="2026-07-04T12:00:00"), "sold_at"),
    (bad(sold_at="2026-02-30T12:00:00+08:00"), "sold_at"),
    (bad(sold_at="9999-01-01T00:00:00Z"), "sold_at"),
    (bad(sold_at="0001-01-01T00:00:00Z"), "sold_at"),
    (bad(sold_at="2026-07-09T12:00:00+08:00"), "sold_at"),
    (bad(sold_at=10**18), "sold_at"),
    (bad(sold_at=[]), "sold_at"),
    (bad(items={}), "items"),
    (bad(items=[1]), "items[0]"),
    (bad(items=[{"quantity": 0}]), "items[0].quantity"),
    (bad(items=[{"quantity": -1}]), "items[0].quantity"),
    (bad(items=[{"quantity": 10**12}]), "items[0].quantity"),
    (bad(items=[{"unit_price": 10**12}]), "items[0].unit_price"),
    (bad(items=[{"name": "x" * 201}]), "items[0].name"),
    (bad(items=[{"name": "\x00"}]), "items[0].name"),
    (bad(items=[{"sku": "s" * 65}]), "items[0].sku"),
    (bad(items=[{"colour": "red"}]), "items[0].colour"),
    (bad(items=[{}] * 501), "items"),
    (bad(invoice_number="12345678AB"), "invoice_number"),
    (bad(invoice_number="AB1234567"), "invoice_number"),
    (bad(invoice_number="ＡＢ12345678"), "invoice_number"),
    (bad(coupon="no such!"), "coupon"),
    (bad(coupon="x" * 21), "coupon"),
    (bad(points=999), "points"),
    (bad(__proto__={}), "__proto__"),
]


@pytest.mark.parametrize(("fields", "field"), HOSTILE_FIELDS)
def test_a_bad_field_is_named_and_nothing_is_written(
    session_api: Api, fields: dict[str, Any], field: str
) -> None:
    answer = session_api.post("/purchases", session_api.sale("H-1") | fields)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert field in [error["field"] for error in answer.json()["errors"]], answer.text
    with session_api.db.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Purchase)) == 0


@pytest.fixture
def session_api(sqlite_db: Database) -> Api:
    return open_api(sqlite_db)


JSON = {"content-type": "application/json"}
RAW: list[tuple[bytes, dict[str, str], int]] = [
    (b"", JSON, 400),
    (b"{", JSON, 400),
    (b"\xff\xfe", JSON, 400),
    (b"[" * 100_000, JSON, 400),
    (b'{"amount": ' + b"9" * 5000 + b"}", JSON, 400),
    (b"null", JSON, 422),
    (b"[]", JSON, 422),
    (b'"text"', JSON, 422),
    (b'{"external_id": "\\ud800", "amount": 1}', JSON, 422),
    (b'{"external_id": "a", "amount": NaN}', JSON, 422),
    (b'{"external_id": "a", "amount": Infinity}', JSON, 422),
    (b"{}", {"content-type": "text/plain"}, 415),
    (b"{}", {"content-type": "application/x-www-form-urlencoded"}, 415),
    (b"{}", {}, 415),
    (b"x" * (1024 * 1024 + 1), JSON, 413),
]


@pytest.mark.parametrize(("body", "headers", "status"), RAW)
def test_a_broken_body_is_refused_without_harm(
    session_api: Api, body: bytes, headers: dict[str, str], status: int
) -> None:
    [answer] = session_api.at_once(
        lambda client: client.post("/purchases", content=body, headers=headers)
    )
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/purchases", 405),
        ("DELETE", "/purchases/S-1", 405),
        ("GET", "/nothing", 404),
        ("GET", "/purchases/%00", 422),
        ("GET", "/purchases/a%20b", 422),
        ("GET", "/purchases/" + "x" * 81, 422),
        ("GET", "/purchases/unknown", 404),
    ],
)
def test_a_wrong_path_is_a_problem_document(
    session_api: Api, method: str, path: str, status: int
) -> None:
    [answer] = session_api.at_once(lambda client: client.request(method, path))
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_that_hides_its_length_is_measured(session_api: Api) -> None:
    async def endless() -> Any:
        for _ in range(20):
            yield b"x" * 100_000

    [answer] = session_api.at_once(
        lambda client: client.post("/purchases", content=endless(), headers=JSON)
    )
    assert answer.status_code == 413


# Several coupons on one sale ---------------------------------------------------------------------

TEA = {"sku": "T-1", "name": "烏龍", "category": "tea", "quantity": 3, "unit_price": 200}
CUP = {"sku": "C-1", "name": "茶杯", "category": "cup", "quantity": 1, "unit_price": 400}
FREIGHT = {"name": "運費", "category": "shipping", "quantity": 1, "unit_price": 80}


def coupon(api: Api, code: str, **draft: Any) -> str:
    values: dict[str, Any] = {"value": 100, "valid_days": 30, "stacking": "stackable"} | draft
    with api.db.transaction() as session:
        member = members.person_by_line_id(session, api.line_user_id)
        assert member is not None
        kind = KindDraft(code, code, values.pop("type", "amount_off"), **values)
        coupons.create_kind(session, draft=kind, now=NOW)
        issued = coupons.issue(
            session, kind_code=code, member_id=member.id, source="staff", dedup_key=code, now=NOW
        )
        assert issued is not None
        return issued.code


def states(api: Api) -> list[str]:
    with api.db.reading() as session:
        query = sa.select(Coupon.status).where(Coupon.source == "staff").order_by(Coupon.id)
        return list(session.scalars(query))


def test_several_coupons_are_taken_off_in_one_order_and_split_over_the_items(api: Api) -> None:
    tenth = coupon(api, "tenth", type="percent_off", value=10)
    free = coupon(
        api, "free", type="buy_x_get_y", value=1, buys=2, conditions=Conditions(skus=("T-1",))
    )
    hundred = coupon(api, "hundred")
    used = [
        {"code": tenth.lower(), "discount": 70},
        {"code": hundred, "discount": 100},
        {"code": free, "discount": 200},
    ]
    body = api.sale(amount=630, items=[TEA, CUP], coupons=used)
    answer = api.post("/purchases", body)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert [(one["code"], one["discount"]) for one in told["coupons"]] == [
        (free, 200),
        (hundred, 100),
        (tenth, 70),
    ]
    # of the 600 for tea 200 are free; 100 and then 70 are shared by 400 each
    assert told["item_discounts"] == [200 + 50 + 35, 50 + 35]
    again = api.post("/purchases", body)
    assert (again.status_code, again.content) == (200, answer.content)
    assert states(api) == ["redeemed"] * 3
    half = api.post("/purchases/S-1/refunds", {"external_id": "R-1", "amount": 315})
    assert half.status_code == 201
    assert states(api) == ["redeemed"] * 3  # a part keeps them used
    rest = api.post("/purchases/S-1/refunds", {"external_id": "R-2", "amount": 315})
    assert rest.status_code == 201
    assert states(api) == ["issued"] * 3


def test_one_wrong_part_among_several_records_nothing(api: Api) -> None:
    tenth = coupon(api, "tenth", type="percent_off", value=10)
    hundred = coupon(api, "hundred")
    used = [{"code": hundred, "discount": 100}, {"code": tenth, "discount": 100}]
    answer = api.post("/purchases", api.sale(amount=800, coupons=used))
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["field"] == "coupon_discount"
    assert f"takes NT$90 off (coupon {tenth})" in answer.json()["detail"]
    assert states(api) == ["issued"] * 2
    both = api.post("/purchases", api.sale(coupon=hundred, coupons=[{"code": tenth}]))
    assert both.status_code == 422


def test_a_free_delivery_takes_off_the_freight_line(api: Api) -> None:
    free = coupon(api, "free", type="free_shipping", value=0, min_spend=1_000)
    body = api.sale(
        amount=1_000, items=[TEA, CUP, FREIGHT], coupons=[{"code": free, "discount": 80}]
    )
    answer = api.post("/purchases", body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["item_discounts"] == [0, 0, 80]


def test_a_quote_says_each_part_and_why_others_cannot_be_added(api: Api) -> None:
    hundred = coupon(api, "hundred")
    tenth = coupon(api, "tenth", type="percent_off", value=10)
    alone = coupon(api, "alone", stacking="exclusive")
    dear = coupon(api, "dear", min_spend=5_000)
    body = {
        "member": {"line_user_id": api.line_user_id},
        "amount": 1_000,
        "items": [TEA, CUP],
        "coupons": [hundred],
    }
    told = api.post("/coupons/quote", body, token=api.reader)
    assert told.status_code == 200, told.text
    answer = told.json()
    assert (answer["discount"], answer["to_pay"]) == (100, 900)
    others = {one["code"]: (one["adds"], one["why_not"]) for one in answer["others"]}
    assert others[tenth] == (90, None)
    assert others[alone] == (None, "exclusive")
    assert others[dear] == (None, "min_spend")
    assert set(states(api)) == {"issued"}
    refused = api.post("/coupons/quote", body | {"coupons": [hundred, alone]})
    assert refused.status_code == 409
    assert api.post("/coupons/quote", body | {"coupons": ["NOTHING99"]}).status_code == 409


def test_a_quote_prices_what_its_own_order_holds(api: Api) -> None:
    held = coupon(api, "held")
    member = {"line_user_id": api.line_user_id}
    hold = {"external_id": "WEB-1", "member": member, "coupons": [held]}
    assert api.post("/coupons/reservations", hold).status_code == 200
    body = {"member": member, "amount": 1_000, "coupons": [held]}
    assert api.post("/coupons/quote", body).status_code == 409
    told = api.post("/coupons/quote", body | {"external_id": "WEB-1"})
    assert (told.status_code, told.json()["discount"]) == (200, 100)


def test_a_quote_finds_a_coupon_among_very_many(api: Api) -> None:
    for number in range(50):
        coupon(api, f"soon{number}", valid_days=1)
    last = coupon(api, "last", valid_days=90)
    body = {"member": {"line_user_id": api.line_user_id}, "amount": 1_000, "coupons": [last]}
    told = api.post("/coupons/quote", body)
    assert (told.status_code, told.json()["discount"]) == (200, 100)


def test_a_quote_prices_a_word_and_gives_nothing_for_it(api: Api) -> None:
    hundred = coupon(api, "hundred", word="SUMMER100", per_member_limit=2)
    body = {
        "member": {"line_user_id": api.line_user_id},
        "amount": 1_000,
        "coupons": ["summer100", hundred],
    }
    told = api.post("/coupons/quote", body).json()
    assert sorted(one["code"] for one in told["coupons"]) == sorted(["SUMMER100", hundred])
    assert told["discount"] == 200
    assert states(api) == ["issued"]


def test_a_word_everybody_knows_is_good_once_a_member(api: Api) -> None:
    with api.db.transaction() as session:
        kind = KindDraft("summer", "夏日", "amount_off", 100, valid_days=30, word="SUMMER100")
        coupons.create_kind(session, draft=kind, now=NOW)
    used = [{"code": "summer100", "discount": 100}]
    first = api.post("/purchases", api.sale(amount=690, coupons=used))
    assert first.status_code == 201, first.text
    assert len(first.json()["coupons"][0]["code"]) == 12  # the coupon that was given for it
    repeated = api.post("/purchases", api.sale(amount=690, coupons=used))
    assert repeated.content == first.content
    second = api.post("/purchases", api.sale("S-2", amount=690, coupons=used))
    assert second.status_code == 409
    assert second.json()["errors"][0]["reason"] == "word_per_member"
    unknown = api.sale("S-3", coupons=[{"code": "WINTER100", "discount": 100}])
    assert api.post("/purchases", unknown).status_code == 409


def test_a_shop_on_the_web_holds_coupons_for_its_order(api: Api) -> None:
    code = coupon(api, "web")
    wanted = {
        "external_id": "WEB-1",
        "member": {"line_user_id": api.line_user_id},
        "coupons": [code],
    }
    for _ in range(2):
        held = api.post("/coupons/reservations", wanted)
        assert held.status_code == 200, held.text
    assert held.json()["until"] == (NOW + timedelta(minutes=15)).isoformat()
    used = [{"code": code, "discount": 100}]
    at_the_till = api.post("/purchases", api.sale("TILL-1", amount=690, coupons=used))
    assert at_the_till.status_code == 409
    assert at_the_till.json()["errors"] == [{"field": "coupon", "reason": "reserved"}]
    other = api.post("/coupons/reservations", wanted | {"external_id": "WEB-2"})
    assert other.status_code == 409
    done = api.post("/purchases", api.sale("WEB-1", amount=690, coupons=used))
    assert done.status_code == 201, done.text
    gone = api.at_once(lambda client: client.delete("/coupons/reservations/WEB-1"))[0]
    assert (gone.status_code, gone.json()) == (200, {"released": 0})
    assert states(api) == ["redeemed"]


def test_an_order_given_up_lets_its_coupons_go(api: Api) -> None:
    code = coupon(api, "web")
    wanted = {"external_id": "WEB-1", "member": {"number": api.number}, "coupons": [code]}
    assert api.post("/coupons/reservations", wanted).status_code == 200
    assert states(api) == ["reserved"]
    gone = api.at_once(lambda client: client.delete("/coupons/reservations/WEB-1"))[0]
    assert gone.json() == {"released": 1}
    assert states(api) == ["issued"]
    refused = api.post("/coupons/reservations", wanted, token=api.reader)
    assert refused.status_code == 403
