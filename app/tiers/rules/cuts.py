"""What other thresholds would make of the members there are."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

STEP: Final = 100  # NT$; thresholds of a design are multiples of it, so that its counts are exact


@dataclass(frozen=True, slots=True)
class Bucket:
    """Members who hold one tier and spent from `step` times STEP NT$ to less than the next step;
    `spend` is what they spent together, never below 0."""

    held: str
    step: int
    members: int
    spend: int


@dataclass(frozen=True, slots=True)
class Cut:
    """What thresholds make of the members: how many hold one tier and reach another, and by tier
    reached how many, what they spent, and who is not far below it (four fifths of the way)."""

    moves: Mapping[tuple[str, str], int]
    members: Mapping[str, int]
    spend: Mapping[str, int]
    near: Mapping[str, int]


def cut(buckets: Sequence[Bucket], ladder: Sequence[tuple[str, int]]) -> Cut:
    """`ladder`: tier codes with the NT$ that reach them, lowest first, from 0."""
    moves: Counter[tuple[str, str]] = Counter()
    members, spend, near = Counter[str](), Counter[str](), Counter[str]()
    for bucket in buckets:
        amount = bucket.step * STEP
        reached = next(code for code, needed in reversed(ladder) if amount >= needed)
        moves[bucket.held, reached] += bucket.members
        members[reached] += bucket.members
        spend[reached] += bucket.spend
        for code, needed in ladder:
            if needed * 4 <= amount * 5 and amount < needed:
                near[code] += bucket.members
    return Cut(moves, members, spend, near)


def threshold_for(buckets: Sequence[Bucket], share: Fraction, *, of: int = 500) -> int:
    """The least multiple of NT$ `of` that no more than this share of all members reach."""
    total = sum(bucket.members for bucket in buckets)
    above, best = 0, 0
    for step, members in sorted(_by_step(buckets).items(), reverse=True):
        above += members
        if above > share * total:
            best = (step + 1) * STEP
            break
    return max(of, -(-best // of) * of)


def _by_step(buckets: Sequence[Bucket]) -> dict[int, int]:
    found: Counter[int] = Counter()
    for bucket in buckets:
        found[bucket.step] += bucket.members
    return found
