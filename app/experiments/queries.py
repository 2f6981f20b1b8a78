"""Experiments as they stand, and what their arms did."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.db import table_of
from app.core.errors import NotFound
from app.experiments import rules
from app.experiments.models import EXPERIMENTS, EXPOSURES
from app.experiments.rules import Design, Seen
from app.members.models import Consent
from app.purchases.models import PURCHASES
from app.timeline.models import Fact

_FACTS, _CONSENTS = table_of(Fact), table_of(Consent)


@dataclass(frozen=True, slots=True)
class ExperimentShown:
    """`result` by arm once it is over."""

    id: int
    name: str
    status: str
    design: Design
    is_listed: bool
    result: Mapping[str, Seen] | None
    created_at: datetime
    started_at: datetime | None
    ends_at: datetime | None
    ended_at: datetime | None


_SHOWN = sa.select(*(EXPERIMENTS.c[name] for name in ExperimentShown.__slots__))


def experiments(session: Session) -> list[ExperimentShown]:
    """Newest first; a brand has a few dozen."""
    return [_shown(row) for row in session.execute(_SHOWN.order_by(EXPERIMENTS.c.id.desc()))]


def experiment(session: Session, experiment_id: int) -> ExperimentShown:
    """Raises NotFound."""
    row = session.execute(_SHOWN.where(EXPERIMENTS.c.id == experiment_id)).one_or_none()
    if row is None:
        raise NotFound("experiment", experiment_id)
    return _shown(row)


def running(session: Session) -> list[ExperimentShown]:
    query = _SHOWN.where(EXPERIMENTS.c.status == rules.RUNNING).order_by(EXPERIMENTS.c.id)
    return [_shown(row) for row in session.execute(query)]


def _shown(row: Any) -> ExperimentShown:
    values = dict(row._mapping)
    values["design"] = rules.design_of(values["design"])
    if values["result"] is not None:
        values["result"] = rules.result_of(values["result"])
    return ExperimentShown(**values)


def sizes(session: Session, experiment_id: int) -> dict[str, int]:
    """Members by arm; nothing of what they did."""
    rows = session.execute(
        sa.select(EXPOSURES.c.arm, sa.func.count())
        .where(EXPOSURES.c.experiment_id == experiment_id)
        .group_by(EXPOSURES.c.arm)
    )
    return {row[0]: row[1] for row in rows}


def ripe(session: Session, experiment_id: int, *, now: datetime) -> dict[str, int]:
    """Members by arm whose days are over."""
    rows = session.execute(
        sa.select(EXPOSURES.c.arm, sa.func.count())
        .where(EXPOSURES.c.experiment_id == experiment_id, EXPOSURES.c.until <= now)
        .group_by(EXPOSURES.c.arm)
    )
    return {row[0]: row[1] for row in rows}


def last_until(session: Session, experiment_id: int) -> datetime | None:
    """When the days of the last who came are over."""
    mine = EXPOSURES.c.experiment_id == experiment_id
    found: datetime | None = session.scalar(sa.select(sa.func.max(EXPOSURES.c.until)).where(mine))
    return found


def seen(session: Session, experiment_id: int, *, before: datetime | None) -> dict[str, Seen]:
    """What each arm did in its members' days. `before`: only of those whose days were over then;
    None: of all."""
    mine = EXPOSURES.c.experiment_id == experiment_id
    if before is not None:
        mine = sa.and_(mine, EXPOSURES.c.until <= before)
    net = sa.func.sum(PURCHASES.c.amount - PURCHASES.c.refunded)
    spent = (
        sa.select(EXPOSURES.c.id, net.label("net"))
        .join_from(
            EXPOSURES,
            PURCHASES,
            sa.and_(
                PURCHASES.c.member_id == EXPOSURES.c.member_id,
                PURCHASES.c.sold_at >= EXPOSURES.c.at,
                PURCHASES.c.sold_at < EXPOSURES.c.until,
            ),
        )
        .where(mine)
        .group_by(EXPOSURES.c.id)
        .having(net > 0)
        .subquery()
    )
    number = sa.cast(spent.c.net, sa.Float)
    rows = session.execute(
        sa.select(
            EXPOSURES.c.arm,
            sa.func.count(),
            sa.func.count(spent.c.id),
            sa.func.coalesce(sa.func.sum(spent.c.net), 0),
            sa.func.coalesce(sa.func.sum(number * number), 0.0),
        )
        .select_from(EXPOSURES)
        .outerjoin(spent, spent.c.id == EXPOSURES.c.id)
        .where(mine)
        .group_by(EXPOSURES.c.arm)
    ).all()
    blocks, refusals = _blocks(session, mine), _refusals(session, mine)
    return {
        arm: Seen(
            members, buyers, int(net), float(squares), blocks.get(arm, 0), refusals.get(arm, 0)
        )
        for arm, members, buyers, net, squares in rows
    }


def watched(session: Session, experiment_id: int) -> list[tuple[str, int, int]]:
    """(arm, members who blocked us, who refused marketing), by arm, for those to whom it happened;
    nothing of what they bought."""
    mine = EXPOSURES.c.experiment_id == experiment_id
    blocks, refusals = _blocks(session, mine), _refusals(session, mine)
    return [(arm, blocks.get(arm, 0), refusals.get(arm, 0)) for arm in sorted({*blocks, *refusals})]


def _blocks(session: Session, mine: sa.ColumnElement[bool]) -> dict[str, int]:
    return _happened(session, mine, _FACTS, _FACTS.c.kind == "member.unfriended")


def _refusals(session: Session, mine: sa.ColumnElement[bool]) -> dict[str, int]:
    refused = sa.and_(_CONSENTS.c.kind == "marketing", _CONSENTS.c.is_given.is_(False))
    return _happened(session, mine, _CONSENTS, refused)


def _happened(
    session: Session, mine: sa.ColumnElement[bool], table: sa.Table, what: sa.ColumnElement[bool]
) -> dict[str, int]:
    """Members by arm to whom something happened in their days."""
    rows = session.execute(
        sa.select(EXPOSURES.c.arm, sa.func.count(EXPOSURES.c.member_id.distinct()))
        .join_from(
            EXPOSURES,
            table,
            sa.and_(
                table.c.member_id == EXPOSURES.c.member_id,
                table.c.at >= EXPOSURES.c.at,
                table.c.at < EXPOSURES.c.until,
            ),
        )
        .where(mine, what)
        .group_by(EXPOSURES.c.arm)
    )
    return {row[0]: row[1] for row in rows}
