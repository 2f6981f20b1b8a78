"""The rules of points, purchases and coupons as simply as they can be written: lists, loops and no
database. What the product says is held against it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from app.core.clock import TAIPEI

DAY = timedelta(days=1)
PENDING_DAYS, LIFE_MONTHS, UNIT = 7, 2, 100
RESTORED_DAYS, ROLLED_BACK_DAYS = 14, 3
FAR = datetime(9999, 1, 1, tzinfo=TAIPEI)


def day_of(at: datetime) -> date:
    return at.astimezone(TAIPEI).date()


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), TAIPEI)


def end_of_life(at: datetime) -> datetime:
    """The end of the month `LIFE_MONTHS` after."""
    month = day_of(at).replace(day=1)
    for _ in range(LIFE_MONTHS + 1):
        month = (month + 32 * DAY).replace(day=1)
    return midnight(month)


@dataclass
class Lot:
    left: int
    earned_at: datetime
    usable_from: datetime
    expires_at: datetime
    number: int  # as they came
    is_active: bool = False
    lapsed: int = 0

    @property
    def order(self) -> tuple[datetime, datetime, int]:
        return self.expires_at, self.earned_at, self.number


@dataclass
class Spent:
    """A payment: from which lots, in the order taken, and how much came back."""

    takes: list[tuple[Lot, int]]
    restored: int = 0

    @property
    def points(self) -> int:
        return sum(points for _, points in self.takes)


@dataclass
class Coupon:
    code: str
    expires_at: datetime
    percent: int = 0  # 0: an amount
    is_used: bool = False


def taken_off(amount: int, coupons: Sequence[Coupon], treat: int) -> list[tuple[Coupon, int]]:
    """Amounts first, then percents of what is left."""
    left, found = amount, []
    for coupon in sorted(coupons, key=lambda coupon: (coupon.percent, coupon.code)):
        off = left * coupon.percent // 100 if coupon.percent else min(treat, left)
        left -= off
        found.append((coupon, off))
    return found


@dataclass
class Sale:
    key: str
    at: datetime
    paid: int
    percent: int  # of the tier held at its time
    lot: Lot | None
    rest: int
    points_off: Spent | None = None
    coupons: list[Coupon] = field(default_factory=list)
    lapsed_counted: int = 0
    revoked: int = 0

    def earns(self, amount: int) -> int:
        base = amount // UNIT
        return base + base * (self.percent - 100) // 100


@dataclass
class Account:
    lots: list[Lot] = field(default_factory=list)
    debt: int = 0
    sales: list[Sale] = field(default_factory=list)
    payments: list[Spent] = field(default_factory=list)
    coupons: list[Coupon] = field(default_factory=list)

    @property
    def balance(self) -> int:
        return sum(lot.left for lot in self.lots if lot.is_active) - self.debt

    @property
    def pending(self) -> int:
        return sum(lot.left for lot in self.lots if not lot.is_active)

    def spent_since(self, first: date) -> int:
        return sum(sale.rest for sale in self.sales if day_of(sale.at) >= first)

    def tick(self, now: datetime) -> None:
        """One thing after another, in the order in which time brings them; of one instant the ends
        come first."""
        while True:
            due = [(lot.expires_at, 0, lot) for lot in self.lots if lot.left]
            due += [
                (lot.usable_from, 1, lot) for lot in self.lots if lot.left and not lot.is_active
            ]
            due = [item for item in due if item[0] <= now]
            if not due:
                return
            _, is_start, lot = min(due, key=lambda item: (item[0], item[1], item[2].number))
            if is_start:
                lot.is_active = True
                self._repay(lot)
            else:
                lot.lapsed, lot.left = lot.lapsed + lot.left, 0

    def _repay(self, lot: Lot) -> None:
        points = min(self.debt, lot.left)
        lot.left, self.debt = lot.left - points, self.debt - points

    def _repay_from_all(self) -> None:
        for lot in sorted((lot for lot in self.lots if lot.is_active), key=lambda lot: lot.order):
            self._repay(lot)

    def add(
        self, points: int, at: datetime, usable_from: datetime, expires_at: datetime, number: int
    ) -> Lot:
        lot = Lot(points, at, usable_from, expires_at, number)
        self.lots.append(lot)
        return lot

    def _take(self, lots: list[Lot], points: int) -> list[tuple[Lot, int]]:
        takes = []
        for lot in lots:
            part = min(points, lot.left)
            if part:
                takes.append((lot, part))
                lot.left, points = lot.left - part, points - part
        return takes

    def spend(self, points: int) -> Spent | None:
        """All or nothing, and nothing while something is owed."""
        if self.debt or self.balance < points:
            return None
        usable = sorted((lot for lot in self.lots if lot.is_active), key=lambda lot: lot.order)
        spent = Spent(self._take(usable, points))
        self.payments.append(spent)
        return spent

    def restore(self, spent: Spent, points: int, now: datetime, number: int) -> None:
        """The last taken comes back first; what is (nearly) over lives two more weeks."""
        skip, left = spent.restored, points
        for lot, taken in reversed(spent.takes):
            skipped = min(skip, taken)
            part = min(left, taken - skipped)
            skip, left = skip - skipped, left - part
            until = max(lot.expires_at, midnight(day_of(now) + (RESTORED_DAYS + 1) * DAY))
            if part and until == lot.expires_at:
                lot.left += part
            elif part:
                child = self.add(part, lot.earned_at, now, until, number)
                child.is_active = True
        spent.restored += points
        self._repay_from_all()

    def refund(self, sale: Sale, amount: int, now: datetime, number: int) -> None:
        sale.rest -= amount
        if sale.points_off is not None:
            gone = sale.paid - sale.rest
            whole = sale.points_off.points
            due = whole if sale.rest == 0 else whole * gone // sale.paid
            if due > sale.points_off.restored:
                self.restore(sale.points_off, due - sale.points_off.restored, now, number)
        self._revoke(sale)
        if sale.rest == 0:
            for coupon in sale.coupons:
                coupon.is_used = False
                least = midnight(day_of(now + ROLLED_BACK_DAYS * DAY) + DAY)
                coupon.expires_at = max(coupon.expires_at, least)
            sale.coupons = []

    def _revoke(self, sale: Sale) -> None:
        points = sale.earns(sale.paid) - sale.revoked - sale.earns(sale.rest)
        sale.revoked += points
        if sale.lot is None:
            return
        lapsed = min(points, sale.lot.lapsed - sale.lapsed_counted)
        sale.lapsed_counted += lapsed
        others = [lot for lot in self.lots if lot.is_active and lot is not sale.lot]
        order = [sale.lot, *sorted(others, key=lambda lot: lot.order)]
        taken = self._take(order, points - lapsed)
        self.debt += points - lapsed - sum(part for _, part in taken)

    def join(self, other: "Account") -> None:
        """Everything of the other is this one's."""
        self.lots += other.lots
        self.debt += other.debt
        self.sales += other.sales
        self.payments += other.payments
        self.coupons += other.coupons
        self._repay_from_all()
