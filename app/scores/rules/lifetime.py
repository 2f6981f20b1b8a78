"""How often a member will still buy, and what for: the BG/NBD and Gamma-Gamma models in plain
Python.

P. Fader, B. Hardie, K. L. Lee, "“Counting Your Customers” the Easy Way: An Alternative to the
Pareto/NBD Model", Marketing Science 24 (2005); P. Fader, B. Hardie, "The Gamma-Gamma Model of
Monetary Value" (2013). Times are weeks. They say what members like this one do on average, not what
one person will do; they know no seasons, no prices and no campaigns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import exp, inf, lgamma, log, sqrt
from typing import Any, Final, Literal

HORIZON: Final = 52  # weeks that a lifetime value looks ahead
LEAST_BUYERS: Final = 200
LEAST_WEEKS: Final = 12
MOST_CORRELATED: Final = 0.3  # of how often and how much; above, Gamma-Gamma is to be doubted
MOST_REPEATS: Final = 500  # who comes more often is taken to come this often


@dataclass(frozen=True, slots=True)
class History:
    """`repeats` purchase days after the first, the last of them `last` weeks after it, `age` weeks
    in all; `number` members alike."""

    repeats: int
    last: float
    age: float
    number: int = 1


@dataclass(frozen=True, slots=True)
class Visits:
    """BG/NBD: purchases come by a Gamma(r, alpha) rate, and after each one a member is lost with a
    Beta(a, b) chance."""

    r: float
    alpha: float
    a: float
    b: float

    def log_likelihood(self, of: History) -> float:
        """Of one member."""
        r, alpha, a, b, x = self.r, self.alpha, self.a, self.b, of.repeats
        first = lgamma(r + x) - lgamma(r) + r * log(alpha)
        second = lgamma(a + b) + lgamma(b + x) - lgamma(b) - lgamma(a + b + x)
        alive = -(r + x) * log(alpha + of.age)
        if x == 0:
            return first + second + alive
        gone = log(a) - log(b + x - 1) - (r + x) * log(alpha + of.last)
        high = max(alive, gone)
        return first + second + high + log(exp(alive - high) + exp(gone - high))

    def alive(self, of: History) -> float:
        """The chance that they will buy again at all."""
        return 1 / (1 + self._gone(of))

    def _gone(self, of: History) -> float:
        if of.repeats == 0:
            return 0.0
        x = of.repeats
        odds = log(self.a) - log(self.b + x - 1)
        odds += (self.r + x) * (log(self.alpha + of.age) - log(self.alpha + of.last))
        return exp(min(odds, 700.0))

    def expected(self, of: History, weeks: float) -> float:
        """Purchase days to come in the next `weeks`."""
        if weeks <= 0:
            return 0.0
        r, alpha, a, b, x = self.r, self.alpha, self.a, self.b, of.repeats
        if abs(a - 1) < 1e-6:
            a += 2e-6  # the formula divides by a − 1; its limit is as near as that
        end = alpha + of.age + weeks
        lost = hypergeometric(r + x, b + x, a + b + x - 1, weeks / end)
        left = 1 - float(((alpha + of.age) / end) ** (r + x)) * lost
        return max(0.0, (a + b + x - 1) / (a - 1) * left / (1 + self._gone(of)))


def hypergeometric(a: float, b: float, c: float, z: float) -> float:
    """Gauss's 2F1 for 0 ≤ z < 1, by its series. Raises ValueError when that does not settle."""
    total = term = 1.0
    for n in range(100_000):
        term *= (a + n) * (b + n) / ((c + n) * (n + 1)) * z
        total += term
        if abs(term) <= 1e-13 * abs(total):
            return total
    raise ValueError(f"2F1({a}, {b}; {c}; {z}) does not settle")


@dataclass(frozen=True, slots=True)
class Spend:
    """Gamma-Gamma: what a purchase day of a member comes to, by their mean so far."""

    p: float
    q: float
    v: float

    def log_likelihood(self, repeats: int, mean: float) -> float:
        p, q, x, z = self.p, self.q, repeats, mean
        return (
            lgamma(p * x + q) - lgamma(p * x) - lgamma(q) + q * log(self.v)
            + (p * x - 1) * log(z) + p * x * log(x) - (p * x + q) * log(self.v + x * z)
        )  # fmt: skip

    def expected(self, repeats: int, mean: float) -> float:
        """NT$ of a purchase day to come. Without repeats: that of all members."""
        return self.p * (self.v + repeats * mean) / (self.p * repeats + self.q - 1)


Model = Literal["bgnbd", "simple"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """How a night's lifetime values came about. `simple`: too little history for the models; each
    member's mean day × `yearly` purchase days a year, for one year. `correlation` is that of how
    often with how much."""

    model: Model
    buyers: int
    weeks: int
    yearly: float = 0.0
    visits: Visits | None = None
    spend: Spend | None = None
    correlation: float | None = None

    def document(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def is_doubtful(self) -> bool:
        return self.correlation is not None and abs(self.correlation) > MOST_CORRELATED


def estimate_of(document: Mapping[str, Any]) -> Estimate:
    values = dict(document)
    if values["visits"] is not None:
        values["visits"] = Visits(**values["visits"])
    if values["spend"] is not None:
        values["spend"] = Spend(**values["spend"])
    return Estimate(**values)


def value(
    orders: Sequence[float], spend: float, *, margin: float = 1.0, discount: float = 0.0
) -> float:
    """Of purchase days to come by the end of each month, one after the other: NT$ × margin, each
    month's less the monthly `discount`."""
    months = [after - before for before, after in pairwise((0.0, *orders))]
    return margin * spend * sum(
        month / (1 + discount) ** number for number, month in enumerate(months, start=1)
    )  # fmt: skip


# Fitting ------------------------------------------------------------------------------------------


def fit_visits(histories: Sequence[History]) -> Visits:
    """The likeliest BG/NBD."""

    def badness(logs: Sequence[float]) -> float:
        model = Visits(*map(exp, logs))
        return -_visits_likelihood(model, histories)

    starts = ((0.0, 1.0, 0.0, 1.0), (-1.0, 1.5, -0.3, 1.0))
    best = min((minimum(badness, start) for start in starts), key=badness)
    return Visits(*map(exp, best))


def _visits_likelihood(model: Visits, histories: Sequence[History]) -> float:
    """As `Visits.log_likelihood`, with what depends on `repeats` alone worked out once each."""
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    fixed: dict[int, tuple[float, float]] = {}
    total = 0.0
    for of in histories:
        x = of.repeats
        if x not in fixed:
            beta = lgamma(a + b) + lgamma(b + x) - lgamma(b) - lgamma(a + b + x)
            known = lgamma(r + x) - lgamma(r) + r * log(alpha) + beta
            fixed[x] = known, log(a / (b + x - 1)) if x else 0.0
        known, odds = fixed[x]
        alive = -(r + x) * log(alpha + of.age)
        if x:
            gone = odds - (r + x) * log(alpha + of.last)
            high = max(alive, gone)
            alive = high + log(exp(alive - high) + exp(gone - high))
        total += of.number * (known + alive)
    return total


def fit_spend(means: Sequence[tuple[int, float]]) -> Spend:
    """The likeliest Gamma-Gamma of members as (repeats, mean NT$ of these). q > 1, so that the
    mean of all is finite."""
    middle = sum(mean for _, mean in means) / len(means)

    def model(logs: Sequence[float]) -> Spend:
        p, q, v = logs
        return Spend(exp(p), 1 + exp(q), exp(v) * middle)

    def badness(logs: Sequence[float]) -> float:
        found = model(logs)
        return -sum(found.log_likelihood(repeats, mean) for repeats, mean in means)

    return model(minimum(badness, (1.0, 0.7, 0.0)))


def minimum(of: Callable[[Sequence[float]], float], start: Sequence[float]) -> tuple[float, ...]:
    """Where `of` is least, by the simplex method of Nelder and Mead (1965). Logs of parameters are
    kept within ±20, where nothing overflows."""

    def measured(at: Sequence[float]) -> tuple[float, tuple[float, ...]]:
        point = tuple(at)
        return (inf if any(abs(x) > 20 for x in point) else of(point)), point

    corners = [measured(start)]
    for axis in range(len(start)):
        corners.append(measured([x + (0.5 if n == axis else 0) for n, x in enumerate(start)]))
    for _ in range(400):
        corners.sort()
        (least, best), (most, worst) = corners[0], corners[-1]
        if abs(most - least) <= 1e-7 * (abs(least) + 1e-9):
            break
        others = [at for _, at in corners[:-1]]
        centre = [sum(axis) / len(others) for axis in zip(*others, strict=True)]

        def towards(
            step: float, middle: Sequence[float] = centre, away: Sequence[float] = worst
        ) -> tuple[float, tuple[float, ...]]:
            return measured([m + step * (m - w) for m, w in zip(middle, away, strict=True)])

        tried = towards(1.0)
        if tried[0] < least:
            corners[-1] = min(tried, towards(2.0))
        elif tried[0] < corners[-2][0]:
            corners[-1] = tried
        else:
            nearer = towards(0.5 if tried[0] < most else -0.5)
            if nearer[0] < min(tried[0], most):
                corners[-1] = nearer
            else:
                shrunk = [
                    measured([(x + b) / 2 for x, b in zip(at, best, strict=True)])
                    for _, at in corners[1:]
                ]
                corners = [corners[0], *shrunk]
    return min(corners)[1]


def correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Pearson's; None when either side never varies."""
    count = len(pairs)
    if count < 2:
        return None
    mean_x = sum(x for x, _ in pairs) / count
    mean_y = sum(y for _, y in pairs) / count
    both = sum((x - mean_x) * (y - mean_y) for x, y in pairs)
    spread = sum((x - mean_x) ** 2 for x, _ in pairs) * sum((y - mean_y) ** 2 for _, y in pairs)
    return both / sqrt(spread) if spread > 0 else None
