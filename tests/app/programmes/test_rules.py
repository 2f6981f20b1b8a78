from dataclasses import replace
from datetime import UTC, datetime

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


def test_a_dropped_tier_counts_as_the_lowest() -> None:
    assert DEFAULT.tier("diamond").code == "basic"
    assert DEFAULT.rank("gold") == 2
