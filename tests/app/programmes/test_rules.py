from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.core.errors import Invalid
from app.programmes import rules
from app.programmes.rules import DEFAULT, Campaign, Earning, Tier

CAMPAIGN = Campaign(
    "anniversary",
    "週年慶",
    datetime(2026, 10, 1, tzinfo=UTC),
    datetime(2026, 11, 1, tzinfo=UTC),
    300,
)


def test_terms_survive_their_json_form() -> None:
    terms = replace(DEFAULT, earning=replace(DEFAULT.earning, campaigns=(CAMPAIGN,)), version=7)
    assert rules.from_document(rules.to_document(terms), version=7) == terms


def test_the_default_terms_have_no_contradiction() -> None:
    assert rules.check(DEFAULT) == []


def test_a_key_that_no_rule_reads_is_refused() -> None:
    document = rules.to_document(DEFAULT)
    document["earning"]["roundig"] = "up"
    with pytest.raises(Invalid) as refused:
        rules.from_document(document)
    assert refused.value.field == "earning.roundig"


BASIC = Tier("basic", "普卡", 0)


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        (replace(DEFAULT, tiers=()), "至少需要一個等級"),
        (replace(DEFAULT, tiers=(Tier("a", "A", 10),)), "第一個等級的門檻須為 0"),
        (replace(DEFAULT, tiers=(BASIC, Tier("b", "B", 9), Tier("c", "C", 9))), "遞增"),
        (replace(DEFAULT, tiers=(BASIC, Tier("basic", "B", 9))), "等級代碼重複"),
        (replace(DEFAULT, earning=Earning(unit=0)), "累點單位須大於 0"),
        (
            replace(DEFAULT, earning=Earning(campaigns=(replace(CAMPAIGN, percent=50),))),
            "活動倍率不可低於 100%",
        ),
    ],
)
def test_contradictions_are_named(terms: rules.Terms, reason: str) -> None:
    assert any(reason in fault for fault in rules.check(terms))


@pytest.mark.parametrize(
    ("path", "least", "most"),
    [
        ("earning.rate", 0, 10_000),
        ("earning.birthday_percent", 100, 10_000),
        ("points.pending_days", 0, 60),
        ("points.expiry_months", 1, 120),
        ("points.restore_min_days", 0, 366),
        ("tiering.window_months", 1, 120),
        ("tiering.validity_months", 1, 120),
        ("tiering.gift_months", 0, 120),
        ("tiering.grace_days", 0, 366),
        ("referral.inviter.points", 0, 1_000_000),
        ("referral.friend.points", 0, 1_000_000),
        ("referral.valid_days", 1, 366),
        ("referral.purchase_days", 1, 366),
        ("referral.wait_days", 0, 366),
        ("invoices.within_days", 1, 366),
        ("invoices.claim_days", 1, 366),
        ("return_window_days", 0, 366),
        ("tiers.1.percent", 100, 10_000),
    ],
)
def test_numbers_that_would_stop_a_sale_are_no_terms(path: str, least: int, most: int) -> None:
    """120,000 months would be a day that no calendar has."""
    steps = tuple(int(step) if step.isdigit() else step for step in path.split("."))

    def found(value: int) -> list[rules.Path]:
        document = rules.to_document(DEFAULT)
        *above, last = steps
        part: Any = document
        for step in above:
            part = part[step]
        part[last] = value
        return [place for place, _ in rules.faults(rules.from_document(document))]

    assert found(least) == found(most) == []
    assert found(least - 1) == found(most + 1) == [steps]


def test_a_dropped_tier_counts_as_the_lowest() -> None:
    assert DEFAULT.tier("diamond").code == "basic"
    assert DEFAULT.rank("gold") == 2
