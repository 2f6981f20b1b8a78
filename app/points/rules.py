"""Earning, expiry, spending order, revocation and debt as arithmetic on whole points."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, Literal

from app.core.clock import taipei_date, taipei_midnight
from app.core.errors import DomainError
from app.programmes.rules import Combine, Earning, PointTerms, Redemption, add_months


class NotEnoughPoints(DomainError):
    """`balance` usable points (negative while there is debt) do not cover `asked`."""

    def __init__(self, balance: int, asked: int) -> None:
        super().__init__(f"{asked} points asked, {balance} usable")
        self.balance, self.asked = balance, asked


class PaymentRefused(DomainError):
    """Points may not pay like this. `reason` is off, minimum, step, share or worth; `facts` fill
    in the sentence."""

    def __init__(self, reason: str, **facts: int) -> None:
        super().__init__(f"points cannot pay: {reason} {facts}")
        self.reason, self.facts = reason, facts


# Earning ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Factor:
    """A multiplier with the reason a member reads; 150 percent = one and a half times."""

    name: str
    percent: int


@dataclass(frozen=True, slots=True)
class Formula:
    """How one sale earned. Kept with the operation, so a refund computes with the same numbers."""

    unit: int  # NT$
    rate: int  # points a unit
    factors: tuple[Factor, ...] = ()
    combine: Combine = "max"
    cap: int | None = None  # points the sale may earn at most

    def multiplier(self) -> Fraction:
        return combined([factor.percent for factor in self.factors], self.combine)


@dataclass(frozen=True, slots=True)
class Earned:
    base: int
    bonus: int
    total: int  # base + bonus, less what a cap cut off


def combined(percents: Sequence[int], how: Combine) -> Fraction:
    """`max` takes the best, `sum` adds what each gives above 1, `product` multiplies."""
    shares = [Fraction(percent, 100) for percent in percents]
    if how == "max":
        return max(shares, default=Fraction(1))
    if how == "sum":
        return 1 + sum((share - 1 for share in shares), Fraction(0))
    product = Fraction(1)
    for share in shares:
        product *= share
    return product


def formula_for(
    earning: Earning,
    *,
    tier: tuple[str, int],
    is_birthday_month: bool,
    sold_at: datetime,
    room_today: int | None = None,
) -> Formula:
    """`tier` is its name and percent; `room_today` what a cap per day leaves (None: no cap)."""
    factors = [Factor(*tier)]
    if is_birthday_month:
        factors.append(Factor("生日月", earning.birthday_percent))
    factors.extend(
        Factor(campaign.name, campaign.percent)
        for campaign in earning.campaigns
        if campaign.starts_at <= sold_at < campaign.ends_at
    )
    caps = [cap for cap in (earning.cap_per_sale, room_today) if cap is not None]
    return Formula(
        unit=earning.unit,
        rate=earning.rate,
        factors=tuple(factor for factor in factors if factor.percent != 100),
        combine=earning.combine,
        cap=min(caps, default=None),
    )


def earned(amount: int, formula: Formula) -> Earned:
    """Points for NT$ `amount`: floored once for the sale, the bonus floored once more."""
    base = amount // formula.unit * formula.rate
    above = formula.multiplier() - 1
    bonus = base * above.numerator // above.denominator
    total = base + bonus if formula.cap is None else min(base + bonus, formula.cap)
    return Earned(base=base, bonus=bonus, total=total)


def to_revoke(formula: Formula, *, remaining: int, kept: int) -> int:
    """Points to take back when NT$ `remaining` of the base is left and `kept` points still stand.

    Computing from what remains makes partial refunds add up to exactly what was earned."""
    return max(0, kept - earned(remaining, formula).total)


def formula_to_facts(formula: Formula) -> dict[str, Any]:
    return {
        "unit": formula.unit,
        "rate": formula.rate,
        "factors": [[factor.name, factor.percent] for factor in formula.factors],
        "combine": formula.combine,
        "cap": formula.cap,
    }


def formula_from_facts(facts: dict[str, Any]) -> Formula:
    return Formula(
        unit=facts["unit"],
        rate=facts["rate"],
        factors=tuple(Factor(name, percent) for name, percent in facts["factors"]),
        combine=facts["combine"],
        cap=facts["cap"],
    )


# Paying ----------------------------------------------------------------------------------------


def worth(redemption: Redemption, points: int) -> int:
    """NT$ that so many points pay; what does not fill a step pays nothing."""
    return max(0, points) // redemption.step * redemption.pays


def payable(redemption: Redemption, *, balance: int, amount: int) -> int:
    """The most points that may pay for a sale of NT$ `amount` (after discounts and coupons)."""
    if not redemption.is_on:
        return 0
    steps = min(
        max(0, balance) // redemption.step,
        amount * redemption.max_percent // 100 // redemption.pays,
    )
    points = steps * redemption.step
    return points if points >= redemption.minimum else 0


def check_payment(redemption: Redemption, *, points: int, amount: int) -> int:
    """NT$ that `points` take off a sale of NT$ `amount`. Whether the member has them is asked when
    they are spent. Raises PaymentRefused."""
    if not redemption.is_on:
        raise PaymentRefused("off")
    if points < max(1, redemption.minimum):
        raise PaymentRefused("minimum", minimum=max(1, redemption.minimum))
    if points % redemption.step:
        raise PaymentRefused("step", step=redemption.step)
    most = payable(redemption, balance=points, amount=amount)
    if points > most:
        raise PaymentRefused("share", most=most, percent=redemption.max_percent)
    return worth(redemption, points)


def to_restore(points: int, restored: int, *, amount: int, refunded: int) -> int:
    """Points of a payment to give back once NT$ `refunded` of the NT$ `amount` paid went back.

    Computing from all that went back makes partial refunds add up to exactly what was used."""
    due = points if refunded == amount else points * refunded // amount
    return max(0, due - restored)


# Dates -----------------------------------------------------------------------------------------


def usable_from(terms: PointTerms, earned_at: datetime) -> datetime:
    """Earned on 1 May with 7 days: usable from 8 May 00:00. With 0 days: at once."""
    if terms.pending_days == 0:
        return earned_at
    return taipei_midnight(taipei_date(earned_at) + timedelta(days=terms.pending_days))


def expires_at(terms: PointTerms, at: datetime) -> datetime | None:
    """The first instant at which points earned (or last moved) at `at` are gone."""
    day = taipei_date(at)
    match terms.expiry:
        case "never":
            return None
        case "end_of_month":
            return taipei_midnight(add_months(day.replace(day=1), terms.expiry_months + 1))
        case "end_of_next_year":
            return taipei_midnight(date(day.year + 2, 1, 1))
        case "after_activity":
            last = add_months(day, terms.expiry_months)
            return taipei_midnight(last + timedelta(days=1))


def restored_until(terms: PointTerms, expiry: datetime | None, now: datetime) -> datetime | None:
    """Points given back keep their end date, but live at least `restore_min_days` more days."""
    least = taipei_midnight(taipei_date(now) + timedelta(days=terms.restore_min_days + 1))
    return None if expiry is None else max(expiry, least)


# Lots ------------------------------------------------------------------------------------------

FAR = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Lot:
    id: int
    remaining: int
    earned_at: datetime
    usable_from: datetime
    expires_at: datetime | None
    is_active: bool

    @property
    def spending_order(self) -> tuple[datetime, datetime, int]:
        """Earliest expiry first, then earliest earned; without expiry last."""
        return self.expires_at or FAR, self.earned_at, self.id


@dataclass(frozen=True, slots=True)
class Take:
    lot_id: int
    points: int


@dataclass(frozen=True, slots=True)
class Change:
    """What time does to a lot: `points` become usable, repay debt, or are gone."""

    kind: Literal["activate", "repay", "expire"]
    lot_id: int
    points: int
    at: datetime
    was_active: bool = True  # expiry only: usable points went, not pending ones


@dataclass(frozen=True, slots=True)
class Standing:
    """What a member may read. `balance` is usable points less debt."""

    balance: int
    pending: int
    debt: int
    next_expiry_points: int
    next_expiry_at: datetime | None  # first instant at which they are gone
    next_change_at: datetime | None


def due_changes(lots: Iterable[Lot], debt: int, now: datetime) -> list[Change]:
    """Everything that became due up to `now`, in the order in which it did.

    A lot whose pending time outlasts its life expires unused. At one instant expiries come first.
    What becomes usable repays debt before anything else."""
    left = {lot.id: lot for lot in lots}
    moments = [
        *((lot.expires_at, 0, lot.id) for lot in left.values() if lot.expires_at is not None),
        *((lot.usable_from, 1, lot.id) for lot in left.values() if not lot.is_active),
    ]
    changes: list[Change] = []
    for at, step, lot_id in sorted(moment for moment in moments if moment[0] <= now):
        lot = left[lot_id]
        if lot.remaining == 0:
            continue
        if step == 0:
            changes.append(Change("expire", lot_id, lot.remaining, at, was_active=lot.is_active))
            left[lot_id] = replace(lot, remaining=0)
            continue
        changes.append(Change("activate", lot_id, lot.remaining, at))
        repaid = min(debt, lot.remaining)
        if repaid:
            changes.append(Change("repay", lot_id, repaid, at))
        debt -= repaid
        left[lot_id] = replace(lot, is_active=True, remaining=lot.remaining - repaid)
    return changes


def changed_by(lots: Iterable[Lot], changes: Iterable[Change]) -> list[Lot]:
    left = {lot.id: lot for lot in lots}
    for change in changes:
        lot = left[change.lot_id]
        if change.kind == "activate":
            left[lot.id] = replace(lot, is_active=True)
        else:
            left[lot.id] = replace(lot, remaining=lot.remaining - change.points)
    return list(left.values())


def folded(lots: Iterable[Lot], debt: int) -> Standing:
    """The standing of an account whose due changes were applied."""
    held = [lot for lot in lots if lot.remaining > 0]
    usable = [lot for lot in held if lot.is_active]
    expiries = [lot.expires_at for lot in usable if lot.expires_at is not None]
    first = min(expiries, default=None)
    moments = [
        moment
        for lot in held
        for moment in (lot.expires_at, None if lot.is_active else lot.usable_from)
        if moment is not None
    ]
    return Standing(
        balance=sum(lot.remaining for lot in usable) - debt,
        pending=sum(lot.remaining for lot in held if not lot.is_active),
        debt=debt,
        next_expiry_points=sum(lot.remaining for lot in usable if lot.expires_at == first)
        if first
        else 0,
        next_expiry_at=first,
        next_change_at=min(moments, default=None),
    )


def standing_at(lots: Sequence[Lot], debt: int, now: datetime) -> Standing:
    """The standing at `now` of an account that was not settled yet."""
    changes = due_changes(lots, debt, now)
    repaid = sum(change.points for change in changes if change.kind == "repay")
    return folded(changed_by(lots, changes), debt - repaid)


def spend(lots: Iterable[Lot], points: int, debt: int = 0) -> list[Take]:
    """From which usable lots `points` come. Raises NotEnoughPoints, also while there is debt."""
    usable = sorted((lot for lot in lots if lot.is_active), key=lambda lot: lot.spending_order)
    balance = sum(lot.remaining for lot in usable) - debt
    if debt > 0 or balance < points:
        raise NotEnoughPoints(balance, points)
    return _taken(usable, points)


def take_back(lots: Iterable[Lot], lot_id: int, points: int) -> tuple[list[Take], int]:
    """Revoke from the lot itself (usable or pending), then from usable lots in spending order.
    The second value is the shortfall, which becomes debt."""
    held = list(lots)
    own = [lot for lot in held if lot.id == lot_id]
    others = sorted(
        (lot for lot in held if lot.is_active and lot.id != lot_id),
        key=lambda lot: lot.spending_order,
    )
    takes = _taken([*own, *others], points)
    return takes, points - sum(take.points for take in takes)


def _taken(lots: Iterable[Lot], points: int) -> list[Take]:
    takes = []
    for lot in lots:
        part = min(points, lot.remaining)
        if part:
            takes.append(Take(lot.id, part))
        points -= part
    return takes
