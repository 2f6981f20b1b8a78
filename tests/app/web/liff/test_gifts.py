"""A coupon for a friend on the members' pages: the card, the friend's view, taking it back."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from app.core.db import Database
from app.coupons import queries, service
from app.coupons.rules import KindDraft
from flex_templates import limits
from tests.support.joining import HANA, KEN, MEI, join, person_of
from tests.support.liff import Phone, phone
from tests.support.product import words_of
from tests.support.shop import actions
from tests.support.times import NOW


@pytest.fixture
def phones(shop_db: Database) -> Iterator[dict[str, Phone]]:
    """Hana and Mei, members, and Ken, who is not; Hana holds a coupon that may be given."""
    with shop_db.transaction() as session:
        join(session, HANA, phone="0911222333")
        join(session, MEI, phone="0911222444")
        draft = KindDraft("tea", "茶品券", "gift", valid_days=30, giving="once", terms="冷熱不拘。")
        service.create_kind(session, draft=draft, now=NOW)
        own = KindDraft("mine", "會員券", "amount_off", 100, valid_days=30)
        service.create_kind(session, draft=own, now=NOW)
        for code in ("tea", "mine"):
            service.issue(
                session, kind_code=code, member_id=person_of(session, HANA).id,
                source="test", dedup_key=code, now=NOW,
            )  # fmt: skip
    with ExitStack() as stack:
        found = {who: stack.enter_context(phone(shop_db)) for who in (HANA, KEN, MEI)}
        for who, line in found.items():
            assert line.open(who).status == 200
        yield found


def coupon_of(db: Database, who: str, name: str = "茶品券") -> int:
    with db.reading() as session:
        held = queries.coupons_of(session, person_of(session, who).id)
    return next(coupon.id for coupon in held if coupon.name == name)


def share(line: Phone, coupon: int) -> dict[str, object]:
    answer = line.post(f"/liff/coupons/{coupon}/gift").response
    found: dict[str, object] = answer.json()  # type: ignore[attr-defined]  # httpx
    return found


def token_of(shared: dict[str, object]) -> str:
    card: dict[str, Any] = shared["messages"][0]  # type: ignore[index]  # a list
    assert limits.check(card) == []
    assert [action["type"] for action in actions(card)] == ["uri"]  # all that may be shared
    found = re.search(r"/gift/([\w-]+)$", actions(card)[0]["uri"])
    assert found is not None
    return found[1]


def test_a_friend_who_is_a_member_takes_it(shop_db: Database, phones: dict[str, Phone]) -> None:
    hana, mei, coupon = phones[HANA], phones[MEI], coupon_of(shop_db, HANA)
    assert "送給朋友" in hana.view(f"coupons/{coupon}").text
    shared = share(hana, coupon)
    assert shared["is_new"] is True
    token = token_of(shared)
    said = words_of(shared["messages"][0])  # type: ignore[index]  # a list
    assert "王○明" in said
    with shop_db.reading() as session:
        code = queries.coupon(session, coupon).code
    assert code not in str(shared)  # whoever only sees the card cannot use it
    aside = hana.view(f"coupons/{coupon}").text
    assert "正在送給朋友" in aside
    assert code not in aside.replace(" ", "")
    assert "等朋友收下" in hana.view("coupons").text
    page = mei.view(f"gift/{token}").text
    assert "王○明 的一點心意" in page
    assert code not in page
    for _ in range(2):  # a double press
        assert "您已收下" in mei.post(f"/liff/gift/{token}/accept").text
    assert coupon_of(shop_db, MEI) == coupon
    history = mei.view(f"coupons/{coupon}").text
    assert "收下朋友送的券" in history
    assert "發出" not in history  # what was before is the giver's
    assert "送出的優惠券（1）" in hana.view("coupons").text
    assert hana.view(f"coupons/{coupon}").status == 404
    assert "僅限本人使用" in mei.view(f"coupons/{coupon}").text
    refused = mei.post(f"/liff/coupons/{coupon}/gift")
    assert refused.status == 409
    assert "不能再轉送" in refused.response.json()["error"]  # type: ignore[attr-defined]  # httpx


def test_a_new_friend_joins_first(shop_db: Database, phones: dict[str, Phone]) -> None:
    token = token_of(share(phones[HANA], coupon_of(shop_db, HANA)))
    page = phones[KEN].view(f"gift/{token}").text
    assert "加入會員並收下" in page
    assert "/accept" not in page
    assert phones[KEN].post(f"/liff/gift/{token}/accept").header("x-go") == "/liff/join"
    with shop_db.transaction() as session:
        join(session, KEN, phone="0911222555")
    assert "收下優惠券" in phones[KEN].view(f"gift/{token}").text
    assert "您已收下" in phones[KEN].post(f"/liff/gift/{token}/accept").text


def test_a_gift_taken_back_cannot_be_taken(shop_db: Database, phones: dict[str, Phone]) -> None:
    hana, coupon = phones[HANA], coupon_of(shop_db, HANA)
    token = token_of(share(hana, coupon))
    assert share(hana, coupon)["is_new"] is False
    back = hana.post(f"/liff/coupons/{coupon}/gift/back")
    assert back.header("x-go") == f"/liff/coupons/{coupon}"
    gone = phones[MEI].view(f"gift/{token}")
    assert gone.status == 409
    assert "找不到這份禮物" in gone.text  # the second card made its link dead
    token = token_of(share(hana, coupon))
    hana.post(f"/liff/coupons/{coupon}/gift/back")
    assert "已經收回" in phones[MEI].view(f"gift/{token}").text
    assert "已經收回" in phones[MEI].post(f"/liff/gift/{token}/accept").text


def test_who_comes_second_is_told(shop_db: Database, phones: dict[str, Phone]) -> None:
    with shop_db.transaction() as session:
        join(session, KEN, phone="0911222555")
    coupon = coupon_of(shop_db, HANA)
    token = token_of(share(phones[HANA], coupon))
    phones[KEN].post(f"/liff/gift/{token}/accept")
    late = phones[MEI].post(f"/liff/gift/{token}/accept")
    assert (late.status, "已經有人收下" in late.text) == (409, True)
    assert "自己送出的禮物" not in phones[MEI].view(f"gift/{token}").text
    kept = phones[HANA].post(f"/liff/coupons/{coupon}/gift/back")
    assert kept.status == 409
    assert "已經被收下" in kept.text


def test_what_is_for_its_holder_only_is_said_plainly(
    shop_db: Database, phones: dict[str, Phone]
) -> None:
    mine = coupon_of(shop_db, HANA, "會員券")
    page = phones[HANA].view(f"coupons/{mine}").text
    assert "僅限本人使用" in page
    assert "送給朋友" not in page
    refused = phones[HANA].post(f"/liff/coupons/{mine}/gift")
    assert (refused.status, "僅限本人使用，不能送人" in str(refused.response.json())) == (409, True)  # type: ignore[attr-defined]  # httpx
    assert phones[MEI].post(f"/liff/coupons/{mine}/gift").status == 404
    assert "找不到這份禮物" in phones[MEI].view("gift/nothing").text
