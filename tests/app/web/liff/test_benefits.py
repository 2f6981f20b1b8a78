"""Choosing a benefit on the page of the tiers."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from app.benefits import queries
from app.core.db import Database
from app.coupons import service as coupons
from app.coupons.rules import KindDraft
from app.programmes.rules import DEFAULT, Choice, Option
from app.tiers import service as tiers
from tests.support.joining import HANA, join, person_of
from tests.support.liff import Phone, phone
from tests.support.loyalty import publish
from tests.support.times import NOW

SEASON = Choice(
    "season",
    "季禮 <b>",
    "quarter",
    (Option("ship", "免運券", coupon="ship"), Option("points", "200 點", 200)),
)


@pytest.fixture
def hana(shop_db: Database) -> Iterator[Phone]:
    ladder = tuple(
        replace(tier, choices=(SEASON,) if tier.code == "gold" else ()) for tier in DEFAULT.tiers
    )
    with shop_db.transaction() as session:
        publish(session, replace(DEFAULT, tiers=ladder), starts_at=NOW - timedelta(days=40))
        draft = KindDraft("ship", "宅配免運", "free_shipping", valid_days=60)
        coupons.create_kind(session, draft=draft, now=NOW)
        member = join(session, HANA, now=NOW - timedelta(days=30))
        tiers.grant(
            session, member_id=member.member_id, tier_code="gold", ends_at=None,
            actor="test", note="測試", now=NOW - timedelta(days=1),
        )  # fmt: skip
    with phone(shop_db) as line:
        assert line.open(HANA).status == 200
        yield line


def test_a_benefit_is_chosen_once(shop_db: Database, hana: Phone) -> None:
    page = hana.view("tiers")
    assert "季禮 &lt;b&gt;" in page.text
    assert "/liff/benefits/season/ship" in page.text
    for _ in range(2):  # a double press
        done = hana.post("/liff/benefits/season/ship")
        assert done.header("x-go") == "/liff/tiers?saved"
    after = hana.view("tiers").text
    assert "本季已選「免運券」" in after
    assert "/liff/benefits/" not in after
    with shop_db.reading() as session:
        (claim,) = queries.claims_of(session, person_of(session, HANA).id)
    assert f"/liff/coupons/{claim.coupon_id}" in after
    refused = hana.post("/liff/benefits/season/points")
    assert refused.status == 409
    assert "這一期已經選過「免運券」，不能更改。" in refused.text


def test_what_is_not_offered_is_refused_in_words(hana: Phone) -> None:
    refused = hana.post("/liff/benefits/season/car")
    assert refused.status == 409
    assert "您目前的等級沒有這項權益。" in refused.text
    assert hana.view("why").status == 200
