"""What holds for every message: LINE's limits, readable notifications, Taiwan's wording."""

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import date, timedelta
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flex_templates import (
    benefits,
    card,
    coupons,
    gifts,
    greeting,
    help,
    joining,
    lifecycle,
    limits,
    member_code,
    membership,
    parts,
    points,
    purchases,
    stores,
    tiers,
)
from flex_templates.parts import Link, PickDate, Press, Say
from flex_templates.theme import CAMPHOR, THEMES, Theme
from tests.flex_templates import samples

MAINLAND = (
    "積分", "短信", "店鋪", "信息", "激活", "用戶", "默認", "質量", "視頻", "賬", "支付寶",
    "二維碼", "登錄", "鏈接", "點擊", "優惠卷", "屏幕", "網絡", "你",
)  # fmt: skip
HALF_WIDTH = re.compile(r"[\u4e00-\u9fff][,:;!?()]|[,:;!?()][\u4e00-\u9fff]")
EMOJI = re.compile("[\U0001f300-\U0001faff]")


def texts(node: Any) -> Iterator[str]:
    """Yield every word a member reads in a message."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name in ("text", "altText", "label", "displayText") and isinstance(value, str):
                yield value
            else:
                yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)


@pytest.mark.parametrize("brand", ["青禾選物", samples.LONG, " "])
@pytest.mark.parametrize("code", sorted(THEMES))
def test_line_would_take_every_sample(code: str, brand: str) -> None:
    theme = replace(THEMES[code], brand=brand)
    found = {**samples.plain(theme), **samples.extreme(theme)}

    assert [(name, limits.check(found[name])) for name in found if limits.check(found[name])] == []


@pytest.mark.parametrize("name", sorted(samples.plain(CAMPHOR)))
def test_it_is_worded_as_in_taiwan(name: str) -> None:
    words = list(texts(samples.plain(CAMPHOR)[name]))

    assert [word for word in words for term in MAINLAND if term in word] == []
    assert [word for word in words if HALF_WIDTH.search(word)] == []
    assert len(EMOJI.findall(words[0])) <= 1


@pytest.mark.parametrize("name", sorted(samples.plain(CAMPHOR)))
def test_its_notification_says_something(name: str) -> None:
    message = samples.plain(CAMPHOR)[name]

    alt: str = message.get("altText") or message["text"]

    assert len(alt) >= 6
    assert "\n" not in message.get("altText", "")


LETTERS = (
    "greeting_not_joined", "points_expiring", "coupon_expiring", "coupon_welcome_unused",
    "tier_expiring", "tier_near_upgrade", "welcome", "no_purchase", "first_purchase", "birthday",
    "birthday_reminder", "dormancy",
)  # fmt: skip


@pytest.mark.parametrize("name", LETTERS)
def test_a_letter_says_why_it_came_and_how_to_stop(name: str) -> None:
    words = list(texts(samples.plain(CAMPHOR)[name]))

    assert any(word.startswith("為什麼收到這則訊息") for word in words)
    assert parts.STOP_LABEL in words


def test_the_receipt_says_the_sentence_members_know() -> None:
    view = purchases.ReceiptView(790, 7, 128, "台北信義店", samples.NOON, samples.CARD)

    assert purchases.summary(view) == "本次消費 NT$790，獲得 7 點，目前 128 點"


def test_the_card_names_the_amount_and_date_to_the_next_tier() -> None:
    words = list(texts(card.message(samples.SILVER_CARD, CAMPHOR)))

    assert "再消費 NT$1,240 即可升等金卡（至\N{NO-BREAK SPACE}2026/12/31）" in words


def test_a_wallet_of_many_coupons_shows_the_way_to_the_rest() -> None:
    view = coupons.WalletView((samples.AMOUNT,) * 20, 20, samples.CARD, samples.PAGE)

    message = coupons.wallet_message(view, CAMPHOR)

    bubbles = message["contents"]["contents"]
    assert len(bubbles) == 12
    assert "9 張" in list(texts(bubbles[-1]))


def test_a_consent_starts_unticked_and_the_button_waits_for_the_required_one() -> None:
    given_none = tuple(replace(consent, is_given=False) for consent in samples.NOTICE.consents)

    before = joining.notice_message(replace(samples.NOTICE, consents=given_none), CAMPHOR)
    after = joining.notice_message(samples.NOTICE, CAMPHOR)

    assert "✓" not in list(texts(before))
    assert before["contents"]["footer"]["contents"][0]["backgroundColor"] == CAMPHOR.tint
    assert after["contents"]["footer"]["contents"][0]["backgroundColor"] == CAMPHOR.primary


@pytest.mark.parametrize(
    ("coupon", "says"),
    [
        (samples.AMOUNT, "NT$100"),
        (samples.PERCENT, "85 折"),
        (samples.GIFT, "贈品"),
        (samples.VOUCHER, "特價 NT$99"),
        (samples.BUNDLE, "買 2 送 1"),
        (samples.FREIGHT, "免運費"),
        (replace(samples.AMOUNT, headline="加一元多一件"), "加一元多一件"),
    ],
)
def test_a_coupon_says_what_it_gives(coupon: coupons.CouponView, says: str) -> None:
    assert coupons.worth(coupon) == says


def test_a_store_without_a_number_has_no_call_button() -> None:
    assert stores.phone_link(samples.STORES[2]) is None
    assert stores.phone_link(samples.STORES[1]) == Link("tel:0423205678")


# Any view at all: built from the types of its fields, so a new field is covered by itself.

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.just(samples.LONG)
COUNTS = st.integers(-samples.HUGE, samples.HUGE)
DATES = st.dates(date(1912, 1, 1), date(2100, 12, 31))
URLS = st.sampled_from([samples.BARCODE, "https://img.example/" + "a" * 1900])
LINKS = st.sampled_from([samples.PAGE, Link("https://liff.line.me/" + "a" * 900)])
TAPS: st.SearchStrategy[Any] = st.one_of(
    st.builds(Press, st.text("abc:1", min_size=1, max_size=300), st.just("會員卡")),
    st.just(samples.PAGE),
    st.builds(Say, st.just("會員卡")),
)
PICK = st.builds(
    lambda first, span: PickDate("pick", first, first + timedelta(span), first),
    st.dates(date(1912, 1, 1), date(2000, 1, 1)),
    st.integers(0, 30_000),
)


def values_of(kind: Any, name: str = "") -> st.SearchStrategy[Any]:
    """Return a strategy for a field of this type; views inside views are built the same way."""
    plain: dict[Any, st.SearchStrategy[Any]] = {
        str: URLS if name.endswith("_url") else TEXTS,
        int: COUNTS,
        bool: st.booleans(),
        date: DATES,
        type(samples.NOON): st.just(samples.NOON),
        parts.Tap: TAPS,
        Link: LINKS,
        PickDate: PICK,
        type(None): st.none(),
    }
    if kind in plain:
        return plain[kind]
    if get_origin(kind) is tuple and get_args(kind)[-1] is Ellipsis:
        return st.lists(values_of(get_args(kind)[0]), max_size=14).map(tuple)
    if get_origin(kind) is tuple:
        return st.tuples(*(values_of(item) for item in get_args(kind)))
    if isinstance(kind, UnionType):
        choices = [
            choice for choice in get_args(kind) if choice in plain or isinstance(choice, type)
        ]
        is_tap = Press in choices
        others = [choice for choice in choices if choice not in get_args(parts.Tap)]
        return st.one_of(*(values_of(choice) for choice in others), *([TAPS] if is_tap else []))
    if isinstance(kind, type):
        hints = get_type_hints(kind)
        return st.builds(
            kind, **{item.name: values_of(hints[item.name], item.name) for item in fields(kind)}
        )
    return st.sampled_from(get_args(kind))


TEMPLATES = (
    (card.CardView, card.message),
    (card.GuestCardView, card.guest_message),
    (greeting.GreetingView, greeting.message),
    (greeting.ReturningView, greeting.returning_message),
    (greeting.NotJoinedView, greeting.not_joined_message),
    (joining.NoticeView, joining.notice_message),
    (joining.PhoneView, joining.phone_message),
    (joining.CodeView, joining.code_message),
    (joining.NameView, joining.name_message),
    (joining.BirthdayView, joining.birthday_message),
    (joining.GuardianView, joining.guardian_message),
    (joining.DoneView, joining.done_message),
    (member_code.MemberCodeView, member_code.message),
    (points.PointsView, points.message),
    (points.PointsExpiringView, points.expiring_message),
    (coupons.WalletView, coupons.wallet_message),
    (coupons.ConfirmView, coupons.confirm_message),
    (coupons.RedeemedView, coupons.redeemed_message),
    (coupons.CouponExpiringView, coupons.expiring_message),
    (gifts.GiftView, gifts.gift_message),
    (gifts.ReceivedView, gifts.received_message),
    (tiers.LadderView, tiers.ladder_message),
    (benefits.BenefitsView, benefits.choices_message),
    (benefits.AskView, benefits.confirm_message),
    (benefits.ClaimedView, benefits.claimed_message),
    (tiers.TierChangedView, tiers.changed_message),
    (tiers.TierExpiringView, tiers.expiring_message),
    (tiers.NearUpgradeView, tiers.near_upgrade_message),
    (purchases.ReceiptView, purchases.receipt_message),
    (purchases.RefundView, purchases.refund_message),
    (purchases.ExchangeView, purchases.exchange_message),
    (purchases.HistoryView, purchases.history_message),
    (stores.StoresView, stores.message),
    (help.HelpView, help.message),
    (lifecycle.WelcomeView, lifecycle.welcome_message),
    (lifecycle.NoPurchaseView, lifecycle.no_purchase_message),
    (lifecycle.FirstPurchaseView, lifecycle.first_purchase_message),
    (lifecycle.BirthdayView, lifecycle.birthday_message),
    (lifecycle.DormancyView, lifecycle.dormancy_message),
    (membership.StoppedView, membership.stopped_message),
    (membership.ResumedView, membership.resumed_message),
    (membership.PausedView, membership.paused_message),
    (membership.ConfirmClosingView, membership.confirm_closing_message),
    (membership.ClosingView, membership.closing_message),
    (membership.ClosedView, membership.closed_message),
)


@pytest.mark.parametrize(("view", "draw"), TEMPLATES, ids=[view.__name__ for view, _ in TEMPLATES])
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
def test_line_would_take_any_view(view: Any, draw: Any, data: st.DataObject) -> None:
    theme: Theme = data.draw(st.sampled_from(list(THEMES.values())))

    assert limits.check(draw(data.draw(values_of(view)), theme)) == []
