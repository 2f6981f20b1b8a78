"""Shares and how sure they are. Pure arithmetic; a share of nobody is None, never zero."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, comb, erfc, exp, lgamma, log, sqrt
from statistics import NormalDist
from typing import Final

Z95: Final = 1.959963984540054  # the normal distribution's 97.5 % point


def share(successes: int, of: int) -> float | None:
    return successes / of if of else None


def wilson(successes: int, of: int, *, z: float = Z95) -> tuple[float, float]:
    """The Wilson score interval of a share: 0 ≤ low ≤ successes / of ≤ high ≤ 1.

    Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    Raises ValueError unless 0 ≤ successes ≤ of and of > 0."""
    if not 0 <= successes <= of or of == 0:
        raise ValueError(f"{successes} of {of} is no share")
    p, square = successes / of, z * z
    centre = p + square / (2 * of)
    reach = z * sqrt(p * (1 - p) / of + square / (4 * of * of))
    scale = 1 + square / of
    # At none and at all the sums give the bound only up to rounding.
    low = 0.0 if successes == 0 else max(0.0, (centre - reach) / scale)
    high = 1.0 if successes == of else min(1.0, (centre + reach) / scale)
    return low, high


def difference(
    successes: int, of: int, other_successes: int, other_of: int, *, z: float = Z95
) -> tuple[float, float]:
    """The interval of the difference of two independent shares (first less other), by Newcombe's
    hybrid score method ("Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17, 1998, method 10). Raises ValueError as `wilson` does."""
    low, high = wilson(successes, of, z=z)
    other_low, other_high = wilson(other_successes, other_of, z=z)
    p, q = successes / of, other_successes / other_of
    below = sqrt((p - low) ** 2 + (other_high - q) ** 2)
    above = sqrt((high - p) ** 2 + (q - other_low) ** 2)
    return p - q - below, p - q + above


# Tests --------------------------------------------------------------------------------------------


def normal_tail(z: float) -> float:
    """P(Z > z) of a standard normal."""
    return erfc(z / sqrt(2)) / 2


def normal_point(p: float) -> float:
    """The point below which lies p of a standard normal, 0 < p < 1."""
    return NormalDist().inv_cdf(p)


def two_shares(successes: int, of: int, other_successes: int, other_of: int) -> float:
    """The two-sided p-value of two independent shares being the same: z with the pooled share, or
    Fisher's exact test where any expected count is below 5. 1.0 when nobody, or everybody, did."""
    done, total = successes + other_successes, of + other_of
    if done in (0, total):
        return 1.0
    if min(of, other_of) * min(done, total - done) < 5 * total:
        return fisher(successes, of, other_successes, other_of)
    p = done / total
    z = (successes / of - other_successes / other_of) / sqrt(p * (1 - p) * (1 / of + 1 / other_of))
    return min(1.0, 2 * normal_tail(abs(z)))


def fisher(successes: int, of: int, other_successes: int, other_of: int) -> float:
    """Fisher's exact test, two-sided: the chance of all tables with the same sums that are no
    likelier than this one (R. A. Fisher, "Statistical Methods for Research Workers", § 21.02)."""
    done, total = successes + other_successes, of + other_of
    all_ways = comb(total, done)

    def ways(x: int) -> int:
        return comb(of, x) * comb(other_of, done - x)

    seen = ways(successes)
    low, high = max(0, done - other_of), min(of, done)
    rare = sum(found for x in range(low, high + 1) if (found := ways(x)) <= seen)
    return rare / all_ways


@dataclass(frozen=True, slots=True)
class Sample:
    """So many values, their mean and their variance (over n − 1)."""

    count: int
    mean: float
    variance: float


def sample_of(count: int, total: float, squares: float) -> Sample:
    """From the sum of the values and that of their squares; `count` at least 2."""
    mean = total / count
    return Sample(count, mean, max(0.0, (squares - count * mean * mean) / (count - 1)))


@dataclass(frozen=True, slots=True)
class Difference:
    """Of two means, first less other, with its 95 % interval. `t` and `freedom` as Welch has it."""

    mean: float
    low: float
    high: float
    t: float
    freedom: float
    p: float


def welch(one: Sample, other: Sample) -> Difference | None:
    """B. L. Welch, "The generalization of Student's problem when several different population
    variances are involved", Biometrika 34 (1947). None when neither varies."""
    first, second = one.variance / one.count, other.variance / other.count
    error = sqrt(first + second)
    if error == 0:
        return None
    freedom = (first + second) ** 2 / (first**2 / (one.count - 1) + second**2 / (other.count - 1))
    mean = one.mean - other.mean
    t = mean / error
    reach = student_point(freedom) * error
    return Difference(
        mean, mean - reach, mean + reach, t, freedom, 2 * student_tail(abs(t), freedom)
    )


def student_tail(t: float, freedom: float) -> float:
    """P(T > t) of Student's t for t ≥ 0."""
    return _beta_share(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2


def student_point(freedom: float, tail: float = 0.025) -> float:
    """The t beyond which lies `tail`."""
    low, high = 0.0, 1e4
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if student_tail(middle, freedom) > tail else (low, middle)
    return low


def chi_square(seen: Sequence[int], planned: Sequence[float]) -> float:
    """The p-value of counts whose shares were to be as `planned` (any scale): goodness of fit.
    1.0 of nothing, or of one kind alone."""
    total, whole = sum(seen), sum(planned)
    if not total or len(seen) < 2:
        return 1.0
    expected = [total * share / whole for share in planned]
    squares = sum((s - e) ** 2 / e for s, e in zip(seen, expected, strict=True))
    return chi_square_tail(squares, len(seen) - 1)


def chi_square_tail(x: float, freedom: int) -> float:
    """P(X > x)."""
    return _gamma_tail(freedom / 2, x / 2)


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrected for there being several, in the same order (S. Holm, "A simple sequentially
    rejective multiple test procedure", 1979)."""
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    found, most = [0.0] * len(p_values), 0.0
    for place, at in enumerate(order):
        most = max(most, min(1.0, (len(p_values) - place) * p_values[at]))
        found[at] = most
    return found


# Sizes --------------------------------------------------------------------------------------------


def needed(share: float, more: float, *, risk: float = 0.05, power: float = 0.8) -> int:
    """Members an arm, so that a share that becomes `more` (a difference, not a multiple) is found
    with chance `power`, two-sided at `risk`. Raises ValueError where no share would be left."""
    if not 0 < share < 1 or not 0 < share + more < 1 or more == 0:
        raise ValueError(f"{share} and {more} more are no shares")
    after = share + more
    alone = normal_point(1 - risk / 2) * sqrt(2 * share * (1 - share))
    both = normal_point(power) * sqrt(share * (1 - share) + after * (1 - after))
    return ceil((alone + both) ** 2 / more**2)


SEQUENTIAL_SIDES: Final = 2.25  # × √N: ahead by so many of N successes, either arm has won


def ahead(successes: int) -> int:
    """By how many successes one of two equal arms must lead, of `successes` in all at most, to have
    won (E. Miller, "Simple Sequential A/B Testing", 2015; two-sided)."""
    return ceil(SEQUENTIAL_SIDES * sqrt(successes))


def crossing(successes: int, lead: int, chance: float) -> float:
    """The chance that one arm leads by `lead` before there are more than `successes`, when each
    success is its own with `chance`: the first passage of a random walk."""
    total = 0.0
    for n in range(lead, successes + 1, 2):
        up = (n + lead) // 2
        logs = lgamma(n + 1) - lgamma(up + 1) - lgamma(n - up + 1)
        logs += up * log(chance) + (n - up) * log(1 - chance)
        total += lead / n * exp(logs)
    return min(1.0, total)


@lru_cache(maxsize=64)
def needed_successes(share: float, more: float, *, power: float = 0.8) -> int:
    """Successes of two equal arms together at which to give up, so that a share that becomes `more`
    leads far enough before with chance `power`. Raises ValueError as `needed` does, and when more
    than a million would be needed."""
    if not 0 < share < 1 or not 0 < share + more < 1 or more == 0:
        raise ValueError(f"{share} and {more} more are no shares")
    chance = max(share, share + more) / (2 * share + more)
    high = 16
    while crossing(high, ahead(high), chance) < power:
        high *= 2
        if high > 1_000_000:
            raise ValueError(f"{more} more of {share} is too little to be found one by one")
    low = high // 2
    while low + 1 < high:
        middle = (low + high) // 2
        enough = crossing(middle, ahead(middle), chance) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


# Functions ----------------------------------------------------------------------------------------


def _gamma_tail(a: float, x: float) -> float:
    """The upper regularised incomplete gamma function, by its series or its continued fraction."""
    if x <= 0:
        return 1.0
    front = exp(-x + a * log(x) - lgamma(a))
    if x < a + 1:
        total = term = 1 / a
        n = a
        while abs(term) > 1e-16 * abs(total):
            n += 1
            term *= x / n
            total += term
        return max(0.0, 1 - total * front)
    b = x + 1 - a
    c, d = 1e300, 1 / b
    found = d
    for i in range(1, 10_000):
        part = -i * (i - a)
        b += 2
        d = 1 / (part * d + b or _TINY)
        c = b + part / c or _TINY
        found *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return front * found


_TINY: Final = 1e-300


def _beta_share(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, by Lentz's continued fraction."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_share(b, a, 1 - x)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(1 - x)) / a
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or _TINY)
    found = d
    for m in range(1, 10_000):
        for part in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + part * d or _TINY)
            c = 1 + part / c or _TINY
            found *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return front * found
