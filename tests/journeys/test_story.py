"""Whole stories, told only through LINE's protocol, REST and pages, with the real processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.product import House, house, words_of
from tests.support.shop import Joined, find_action, join, open_shop, pos_token, tap_label, till


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[House]:
    with house(tmp_path, database_url) as running:
        open_shop(running)
        yield running


def show(place: House, member: Joined, word: str, contains: str) -> str:
    """Say a word; return all that the answer says."""
    after = place.line.last_n(member.user)
    place.line.say(member.user, word)
    return words_of(place.line.awaits(member.user, contains, after=after)["message"])


@pytest.mark.slow
def test_from_a_friend_to_a_regular_and_back(place: House) -> None:
    """join → card → purchase → points → upgrade → coupon → redeem → refund"""
    line = place.line
    hana = join(place, "小花", "0912345678")
    card = show(place, hana, "會員卡", "普卡")
    assert "0 點" in card
    with till(place, pos_token(place)) as pos:
        after = line.last_n(hana.user)
        sale = {
            "external_id": "S-1",
            "member": {"number": hana.number},
            "store": "S01",
            "amount": 790,
        }
        answer = pos.post("/purchases", json=sale)
        assert answer.status_code == 201, answer.text
        assert answer.json()["points"] == {
            "earned": 7,
            "redeemed": 0,
            "discount": 0,
            "pending": 7,
            "balance": 0,
        }
        assert answer.json()["tier"] == {"code": "basic", "name": "普卡"}
        again = pos.post("/purchases", json=sale)
        assert (again.status_code, again.json()) == (200, answer.json())
        other = pos.post("/purchases", json=sale | {"amount": 791})
        assert other.status_code == 409
        receipt = line.awaits(hana.user, "NT$790", after=after)
        assert "7 點" in words_of(receipt["message"])

        after = line.last_n(hana.user)
        big = pos.post("/purchases", json=sale | {"external_id": "S-2", "amount": 5_000})
        assert big.json()["tier"] == {"code": "silver", "name": "銀卡"}
        assert big.json()["points"]["earned"] == 50  # still at the old rate
        line.awaits(hana.user, "銀卡", after=after)

        wallet = show(place, hana, "優惠券", "銀卡升等禮")
        assert "入會禮" in wallet
        found = pos.get("/members/lookup", params={"phone": "0912-345-678"}).json()
        assert {coupon["name"] for coupon in found["coupons"]} == {"入會禮 NT$100", "銀卡升等禮"}
        gift = next(c for c in found["coupons"] if c["name"] == "銀卡升等禮")
        used = pos.post(
            "/purchases",
            json=sale
            | {
                "external_id": "S-3",
                "amount": 200,
                "coupon": gift["code"],
                "coupon_discount": 100,
            },
        )
        assert used.status_code == 201, used.text
        twice = pos.post(
            "/purchases",
            json=sale | {"external_id": "S-4", "coupon": gift["code"], "coupon_discount": 100},
        )
        assert twice.status_code == 409

        after = line.last_n(hana.user)
        refund = {"external_id": "R-1", "amount": 5_000}
        back = pos.post("/purchases/S-2/refunds", json=refund)
        assert back.status_code == 201, back.text
        assert back.json()["points"]["revoked"] == 50
        assert back.json()["tier"] == {"code": "basic", "name": "普卡"}
        assert pos.post("/purchases/S-2/refunds", json=refund).json() == back.json()
        line.awaits(hana.user, "NT$5,000", after=after)
        too_much = pos.post("/purchases/S-2/refunds", json=refund | {"external_id": "R-2"})
        assert too_much.status_code == 409
    assert "普卡" in show(place, hana, "會員卡", "普卡")


@pytest.mark.slow
def test_a_coupon_is_used_by_the_clerk_on_the_members_phone(place: House) -> None:
    line = place.line
    ken = join(place, "小健", "0922333444")
    after = line.last_n(ken.user)
    line.say(ken.user, "優惠券")
    wallet = line.awaits(ken.user, "入會禮", after=after)["message"]
    after = line.last_n(ken.user)
    tap_label(place, ken.user, wallet, "使用")
    confirm = line.awaits(ken.user, "由店員操作", after=after)["message"]
    action = find_action(confirm, "確認核銷")
    after = line.last_n(ken.user)
    for _ in range(2):  # a double press
        line.post(f"/control/users/{ken.user}/action", {"action": action, "wait": True})
    line.awaits(ken.user, "已使用", after=after)
    assert "沒有" in show(place, ken, "優惠券", "沒有")


@pytest.mark.slow
def test_whoever_blocks_gets_nothing_and_is_welcomed_back(place: House) -> None:
    line = place.line
    mei = join(place, "小美", "0933444555")
    line.block(mei.user)
    with till(place, pos_token(place)) as pos:
        answer = pos.post(
            "/purchases",
            json={"external_id": "S-9", "member": {"number": mei.number}, "amount": 500},
        )
        assert answer.status_code == 201
    before = line.last_n(mei.user)
    line.follow(mei.user)
    line.awaits(mei.user, "歡迎", after=before)
    assert "NT$500" not in "".join(
        words_of(entry["message"]) for entry in line.received(mei.user, after=before)
    )
    assert "NT$500" in show(place, mei, "消費紀錄", "NT$500")


@pytest.mark.slow
def test_a_guest_who_asks_for_a_card_is_invited(place: House) -> None:
    line = place.line
    guest = line.person("路人")
    line.say(guest, "會員卡")  # never added the account: writing to it is enough
    line.awaits(guest, "加入會員")
    line.say(guest, "哈囉")
    line.awaits(guest, "說明")
