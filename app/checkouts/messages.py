"""What a member is told seconds after the till."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.core.clock import TAIPEI, taipei_date
from app.core.text import show_date
from app.coupons.rules import last_day
from app.coupons.service import Issued
from app.line.taps import ShowCard, ShowCoupons, ShowPurchases
from app.points.rules import Earned, Formula, Standing
from app.programmes.rules import Tier
from app.tiers import rules as tier_rules
from app.tiers.rules import Progress, words
from flex_templates import purchases, tiers
from flex_templates.parts import Press, say
from flex_templates.purchases import CouponTaken, ExchangeView, Reason, ReceiptView, RefundView
from flex_templates.theme import CAMPHOR, Theme
from flex_templates.tiers import TierChangedView

CARD = Press(ShowCard().pack(), says="會員卡")
HISTORY = Press(ShowPurchases().pack(), says="消費紀錄")


def reasons(earned: Earned, formula: Formula) -> tuple[Reason, ...]:
    """Why so many points: the base, and what multiplied it."""
    found = [Reason(f"每 NT${formula.unit} 得 {formula.rate} 點", earned.base)]
    if earned.bonus and formula.factors:
        names = "、".join(f"{factor.name} ×{factor.percent / 100:g}" for factor in formula.factors)
        found.append(Reason(names, earned.bonus))
    cut = earned.base + earned.bonus - earned.total
    if cut:
        found.append(Reason("已達累點上限", -cut))
    return tuple(found)


def receipt(
    *,
    amount: int,
    earned: Earned,
    formula: Formula,
    standing: Standing,
    usable_from: datetime,
    sold_at: datetime,
    store: str,
    way: Progress,
    now: datetime,
    coupons: tuple[tuple[str, int], ...] = (),
    points_used: int = 0,
    points_worth: int = 0,
    invoice_number: str = "",
    notes: tuple[str, ...] = (),
    theme: Theme = CAMPHOR,
) -> dict[str, Any]:
    view = ReceiptView(
        amount=amount,
        earned=earned.total,
        balance=standing.balance,
        pending=standing.pending,
        usable_from=taipei_date(usable_from) if usable_from > now else None,
        store=store,
        at=sold_at.astimezone(TAIPEI),
        card=CARD,
        reasons=reasons(earned, formula),
        coupons=tuple(CouponTaken(name, off) for name, off in coupons),
        points_used=points_used,
        points_worth=points_worth,
        invoice_number=invoice_number,
        notes=notes,
        tier=way.tier.name,
        next_tier="" if way.next_tier is None else way.next_tier.name,
        way=words.way_up(way),
        progress=way.percent,
        history=HISTORY,
    )
    return purchases.receipt_message(view, theme)


def refund(
    *,
    amount: int,
    revoked: int,
    standing: Standing,
    at: datetime,
    store: str,
    net: int,
    restored: int = 0,
    coupon_returned: str = "",
    notes: tuple[str, ...] = (),
    theme: Theme = CAMPHOR,
) -> dict[str, Any]:
    view = RefundView(
        amount=amount,
        revoked=revoked,
        restored=restored,
        balance=standing.balance,
        store=store,
        at=at.astimezone(TAIPEI),
        card=CARD,
        net=net,
        coupon_returned=coupon_returned,
        notes=notes,
    )
    return purchases.refund_message(view, theme)


def exchange(
    *,
    facts: Mapping[str, Any],
    at: datetime,
    store: str,
    moved: tuple[str, ...] = (),
    theme: Theme = CAMPHOR,
) -> dict[str, Any]:
    """`facts` as the till is answered; `moved` are sentences about the tier."""
    told, points = facts["exchange"], facts["points"]
    view = ExchangeView(
        back=told["back"],
        amount=told["amount"],
        revoked=points["revoked"],
        restored=points["restored"],
        earned=points["earned"],
        balance=points["balance"],
        pending=points["pending"],
        store=store,
        at=at.astimezone(TAIPEI),
        card=CARD,
        coupons=tuple(CouponTaken(one["name"], one["discount"]) for one in facts["coupons"]),
        points_used=points["redeemed"],
        points_worth=points["discount"],
        coupon_returned="、".join(facts["coupons_returned"]),
        notes=(*moved, *facts["notes"]),
        history=HISTORY,
    )
    return purchases.exchange_message(view, theme)


def goodwill(issued: Issued) -> dict[str, Any]:
    """What a member reads who was given a coupon to make up for something."""
    until = ""
    if issued.expires_at is not None:
        until = f"，可以用到 {show_date(last_day(issued.expires_at))}"
    words = f"這次給您添麻煩了，我們送您一張「{issued.kind_name}」{until}。"
    return say(words, (("優惠券", Press(ShowCoupons().pack(), says="優惠券")),))


def upgraded(
    *, name: str, tier: Tier, previous: str, ends_at: datetime | None, theme: Theme = CAMPHOR
) -> dict[str, Any]:
    view = TierChangedView(
        change="upgraded",
        name=name,
        tier=tier.name,
        colour=tier.colour,
        until=None if ends_at is None else tier_rules.last_day(ends_at),
        benefits=tier.benefits,
        card=CARD,
        previous=previous,
    )
    return tiers.changed_message(view, theme)
