"""Which tier sums reach, what follows a period that ended, and how far the next tier is."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from app.programmes.rules import Measure, Terms, Tier
from app.tiers.rules.windows import first_day, last_day, last_day_counted


@dataclass(frozen=True, slots=True)
class Sums:
    """What purchases of some days come to: NT$ that count, how many purchases were not wholly given
    back, points that they earned and kept, and NT$ of the largest of them."""

    spend: int = 0
    visits: int = 0
    points: int = 0
    single: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.spend + other.spend,
            self.visits + other.visits,
            self.points + other.points,
            max(self.single, other.single),
        )

    def of(self, measure: Measure) -> int:
        found: int = getattr(self, measure)
        return found


NOTHING = Sums()
DaySums = tuple[date, Sums]


def total(sums: Iterable[Sums]) -> Sums:
    return sum(sums, NOTHING)


def _reaches(tier: Tier, goals: Sequence[tuple[Measure, int]], sums: Sums) -> bool:
    if not goals:
        return False
    met = (sums.of(measure) >= needed for measure, needed in goals)
    return all(met) if tier.match == "all" else any(met)


def earned_tier(terms: Terms, sums: Sums) -> Tier:
    """The highest tier that the sums reach; invitations are not bought."""
    return [
        tier
        for tier in terms.tiers
        if tier == terms.tiers[0] or (not tier.is_invite_only and _reaches(tier, tier.goals, sums))
    ][-1]


def next_tier(terms: Terms, code: str) -> Tier | None:
    """The next tier that purchases can reach; None at the top."""
    higher = terms.tiers[terms.rank(code) + 1 :]
    return next((tier for tier in higher if not tier.is_invite_only), None)


def best_window(
    days: Sequence[DaySums],
    terms: Terms,
    *,
    since: date,
    until: date,
    first_of: Callable[[date], date],
) -> tuple[date, Sums]:
    """Of the windows that end on `since`, or on a later day of `days` up to `until`, the one that
    reaches the highest tier, and then the one with the most NT$: (its last day, its sums). A late
    sale counts in windows that ended since. `first_of` gives the first day of a window."""
    ends = sorted({since, *(day for day, _ in days if since <= day <= until)})
    # Of windows that begin on one day (a year's) the longest holds the others.
    longest = {first_of(end): end for end in ends}
    windows = [
        (end, total(sums for day, sums in days if first <= day <= end))
        for first, end in longest.items()
    ]
    return max(
        windows,
        key=lambda found: (
            terms.rank(earned_tier(terms, found[1]).code),
            found[1].spend,
            -found[0].toordinal(),
        ),
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows a period that ended: the tier, and whether it was renewed."""

    tier: Tier
    is_renewed: bool


def at_expiry(terms: Terms, code: str, sums: Sums) -> Outcome:
    """`sums` are of the purchases that count for renewal."""
    tier, rank = terms.tier(code), terms.rank(code)
    if rank == 0 or (not tier.is_invite_only and _reaches(tier, tier.renewal_goals, sums)):
        return Outcome(tier, is_renewed=True)
    lower = [item for item in terms.tiers[:rank] if not item.is_invite_only]
    if terms.tiering.downgrade == "one_down":
        return Outcome(lower[-1], is_renewed=False)
    earned = earned_tier(terms, sums)
    return Outcome(earned if earned in lower else lower[-1], is_renewed=False)


@dataclass(frozen=True, slots=True)
class Missing:
    """How much of one goal is still to do, and how far it is, in whole percent."""

    measure: Measure
    amount: int
    percent: int


@dataclass(frozen=True, slots=True)
class Counted:
    """What the window that ends with a day comes to, and the first day that adds to it."""

    sums: Sums
    first_day: date | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a member is, counted from `since`; the amounts hold to `until` (None: for good);
    `percent` is 0–100. `missing` names what leads to the next tier, `to_keep` what renews this one
    (nothing where renewal is certain, not asked for, or was not looked at)."""

    tier: Tier
    tier_until: date | None
    next_tier: Tier | None
    since: date
    until: date | None
    percent: int
    sums: Sums
    in_period: Sums | None
    missing: tuple[Missing, ...]
    to_keep: tuple[Missing, ...]

    @property
    def spent(self) -> int:
        """NT$ of the window, never shown below 0."""
        return max(0, self.sums.spend)

    @property
    def to_next(self) -> int:
        """NT$ to the next tier, at least 1 while it is not reached; 0 where money is no goal."""
        return _dollars(self.missing)

    @property
    def to_renew(self) -> int:
        """NT$ still missing inside the period; 0 when renewed or without an end."""
        return _dollars(self.to_keep)


def progress(
    terms: Terms,
    counted: Counted,
    *,
    code: str,
    today: date,
    joined_on: date,
    period_ends_at: datetime | None = None,
    in_period: Sums | None = None,
) -> Progress:
    """`counted` of the window that ends today, `in_period` what counts for renewal (None: renewal
    is not looked at)."""
    tier, goal = terms.tier(code), next_tier(terms, code)
    missing = () if goal is None else _missing(goal, goal.goals, counted.sums)
    return Progress(
        tier=tier,
        tier_until=None if period_ends_at is None else last_day(period_ends_at),
        next_tier=goal,
        since=first_day(terms.tiering, today, joined_on),
        until=last_day_counted(terms.tiering, counted.first_day or today, joined_on),
        percent=100 if goal is None else percent(goal, missing),
        sums=counted.sums,
        in_period=in_period,
        missing=missing,
        to_keep=() if period_ends_at is None else _to_keep(tier, in_period),
    )


def _to_keep(tier: Tier, sums: Sums | None) -> tuple[Missing, ...]:
    if sums is None or tier.is_invite_only or _reaches(tier, tier.renewal_goals, sums):
        return ()
    return _missing(tier, tier.renewal_goals, sums)


def _missing(tier: Tier, goals: Sequence[tuple[Measure, int]], sums: Sums) -> tuple[Missing, ...]:
    """Of duties only those not done. A member who has done enough without a purchase since (new
    terms, an import) rises with the next one, which is then what is missing."""
    steps = [(measure, needed, max(0, sums.of(measure))) for measure, needed in goals]
    if tier.match == "all":
        steps = [step for step in steps if step[2] < step[1]] or steps
    return tuple(
        Missing(
            measure,
            needed if measure == "single" else max(1, needed - done),
            min(99, done * 100 // max(1, needed)),
        )
        for measure, needed, done in steps
    )


def _dollars(missing: Sequence[Missing]) -> int:
    return next((item.amount for item in missing if item.measure == "spend"), 0)


def percent(tier: Tier, missing: Sequence[Missing]) -> int:
    """Of several ways the nearest; of several duties the farthest."""
    shares = [item.percent for item in missing]
    if not shares:
        return 99
    return min(shares) if tier.match == "all" else max(shares)
