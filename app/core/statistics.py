"""Shares and how sure they are. Pure arithmetic; a share of nobody is None, never zero."""

from math import sqrt
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
