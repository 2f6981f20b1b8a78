"""Scores as they stand, and the night that made them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.scores import rules
from app.scores.models import RUNS, SCORES
from app.scores.rules import Basis, lifetime
from app.scores.rules.lifetime import Estimate

DONE = "done"


@dataclass(frozen=True, slots=True)
class Night:
    """What was measured on a day, and by what."""

    day: date
    basis: Basis
    estimate: Estimate
    counts: Mapping[str, Any]
    moves: Mapping[str, int]

    def members(self, what: str, code: str) -> int:
        return int(self.counts.get(what, {}).get(code, [0])[0])

    def share_of_sales(self, what: str, code: str) -> float | None:
        total = sum(found[1] for found in self.counts.get(what, {}).values())
        mine = self.counts.get(what, {}).get(code, [0, 0])[1]
        return mine / total if total else None

    @property
    def buyers(self) -> int:
        return int(sum(found[0] for found in self.counts.get("nes", {}).values()))


_NIGHT = sa.select(RUNS.c.day, RUNS.c.basis, RUNS.c.counts, RUNS.c.moves).where(
    RUNS.c.phase == DONE
)


def night(session: Session) -> Night | None:
    """The last one that is through."""
    row = session.execute(_NIGHT.order_by(RUNS.c.day.desc()).limit(1)).one_or_none()
    return None if row is None else _shown(row)


def nights(session: Session, *, since: date) -> list[Night]:
    """Oldest first."""
    rows = session.execute(_NIGHT.where(RUNS.c.day >= since).order_by(RUNS.c.day))
    return [_shown(row) for row in rows]


def _shown(row: Any) -> Night:
    basis = rules.basis_of(row.basis)
    return Night(row.day, basis, lifetime.estimate_of(basis.lifetime), row.counts, row.moves)


@dataclass(frozen=True, slots=True)
class ScoreShown:
    """A member's scores of the last night, as of `day`. `alive` is None where the lifetime value is
    the simple one."""

    day: date
    brand_cycle: int
    last_day: date
    days: int
    net: int
    year_days: int
    year_net: int
    r: int
    f: int
    m: int
    rfm: str
    cycle: int | None
    nes: str
    nes_since: date
    orders: int
    alive: int | None
    ltv: int

    @property
    def since(self) -> int:
        """Days since the last purchase, on the night's day."""
        return max(0, (self.day - self.last_day).days)

    @property
    def next_day(self) -> date:
        return rules.next_day(self.last_day, self.cycle or self.brand_cycle)

    @property
    def why(self) -> str:
        return rules.why(self.since, self.cycle, self.brand_cycle, self.nes)

    @property
    def group(self) -> str:
        return rules.GROUPS[self.rfm].name


_SCORE = sa.select(*(SCORES.c[name] for name in ScoreShown.__slots__[2:]))


def score(session: Session, member_id: int) -> ScoreShown | None:
    """None for who has no purchase left, or bought for the first time since the last night."""
    row = session.execute(
        _SCORE.where(SCORES.c.member_id == member_id, SCORES.c.nes.is_not(None))
    ).one_or_none()
    last = night(session)
    if row is None or last is None:
        return None
    return ScoreShown(last.day, last.basis.cycle, *row)


def broken(session: Session, *, limit: int = 20) -> list[str]:
    """Scores that contradict what they were counted from."""
    rows = session.scalars(
        sa.select(SCORES.c.member_id)
        .where(
            sa.or_(
                SCORES.c.days < 1,
                SCORES.c.first_day > SCORES.c.last_day,
                SCORES.c.year_days > SCORES.c.days,
                SCORES.c.year_net > SCORES.c.net,
                SCORES.c.repeat_net > SCORES.c.net,
                (SCORES.c.days < 2) != SCORES.c.cycle.is_(None),
            ),
            SCORES.c.nes.is_not(None),
        )
        .limit(limit)
    )
    return [f"scores of member {member_id}: they contradict themselves" for member_id in rows]


def months(found: Sequence[Night]) -> list[Night]:
    """The last night of each month, oldest first."""
    last = {(one.day.year, one.day.month): one for one in found}
    return [last[key] for key in sorted(last)]
