"""Who is among the top few, and the thresholds that follow. Amounts are NT$."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from app.programmes.rules import Terms, Tier


@dataclass(frozen=True, slots=True)
class Cut:
    """Of `ranked` members the last one among the top `percent` % spent `amount`."""

    code: str
    percent: int
    ranked: int
    amount: int


def places(ranked: int, percent: int) -> int:
    """How many are among the top: of 41 members at 5 % three, as a part of a place is one."""
    return -(-ranked * percent // 100)


def cut(tier: Tier, amounts: Collection[int]) -> Cut:
    """The plain computation, of what each member who bought spent. Who spent as much as the last
    one is in, too."""
    assert tier.top_percent is not None
    number = places(len(amounts), tier.top_percent)
    ordered = sorted(amounts, reverse=True)
    return Cut(tier.code, tier.top_percent, len(ordered), ordered[number - 1] if number else 0)


def by_percent(terms: Terms) -> tuple[Tier, ...]:
    """The tiers whose threshold is counted."""
    return tuple(tier for tier in terms.tiers if tier.top_percent is not None)


def frozen(terms: Terms, cuts: Mapping[str, Cut]) -> Terms:
    """The terms with these thresholds: never below a tier's floor, and always above the tier
    before, also where all the top members spent the same. Cuts by the code of their tier."""
    below, tiers = 0, []
    for tier in terms.tiers:
        if tier.top_percent is not None and tier.code in cuts:
            amount = max(cuts[tier.code].amount, tier.floor, below + 1)
            tier = replace(tier, threshold=amount)  # the tier as frozen
        if not tier.is_invite_only:
            below = max(below, tier.threshold)
        tiers.append(tier)
    return replace(terms, tiers=tuple(tiers))
