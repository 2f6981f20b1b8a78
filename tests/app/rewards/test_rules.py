"""Rewards as values: who may exchange when, and which drafts cannot be."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.core.errors import Invalid
from app.rewards import rules
from app.rewards.rules import RewardDraft, RewardRefused
from tests.support.times import NOW

TOTE = RewardDraft("tote", "帆布袋", 300, "gift_tote")
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("changes", "is_active", "tier", "reason"),
    [
        ({}, False, "gold", "inactive"),
        ({"starts_at": NOW + timedelta(seconds=1)}, True, "gold", "not_yet"),
        ({"ends_at": NOW}, True, "gold", "ended"),
        ({"tiers": ("gold",)}, True, "silver", "tier"),
        ({"starts_at": NOW}, True, "gold", None),
        ({"ends_at": NOW + timedelta(seconds=1)}, True, "gold", None),
        ({"tiers": ("silver", "gold")}, True, "gold", None),
        ({}, True, "", None),
    ],
)
def test_who_may_exchange_when(
    changes: dict[str, object], is_active: bool, tier: str, reason: str | None
) -> None:
    draft = replace(TOTE, **changes)  # type: ignore[arg-type]  # a test's shorthand
    if reason is None:
        rules.check(draft, is_active=is_active, tier=tier, now=NOW)
        return
    with pytest.raises(RewardRefused) as refused:
        rules.check(draft, is_active=is_active, tier=tier, now=NOW)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"code": "Tote!"}, "code"),
        ({"name": " "}, "name"),
        ({"name": "長" * 41}, "name"),
        ({"icon": "三個字"}, "icon"),
        ({"description": "長" * 501}, "description"),
        ({"points": 0}, "points"),
        ({"colour": "red"}, "colour"),
        ({"stock": -1}, "stock"),
        ({"per_member_limit": -1}, "per_member_limit"),
        ({"starts_at": NOW, "ends_at": NOW}, "ends_at"),
        ({"pickup_days": 366}, "pickup_days"),
        ({"cancel_hours": -1}, "cancel_hours"),
        ({"unclaimed": "kept"}, "unclaimed"),
    ],
)
def test_a_draft_that_cannot_be_names_the_field(changes: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.check_draft(replace(TOTE, **changes))  # type: ignore[arg-type]  # a test's shorthand
    assert refused.value.field == field


def test_what_is_fetched_within_days_lives_to_the_end_of_the_last() -> None:
    """NOW is 12:00 in Taipei; the day after the last begins at 16:00 UTC of the last."""
    until = rules.pickup_until(replace(TOTE, pickup_days=7), NOW)
    assert until == NOW + 7 * DAY + timedelta(hours=12)


@pytest.mark.parametrize(
    ("kind", "value", "price"), [("gift", 0, 0), ("amount_off", 100, 0), ("fixed_price", 199, 199)]
)
def test_only_a_fixed_price_is_paid_besides_the_points(kind: str, value: int, price: int) -> None:
    assert rules.price(kind, value) == price
