"""Set an experiment up, start it, write down who met which arm, and end it when it may be read.

Letters: the arms are drafts of broadcasts to the same people. Starting plans them all for the same
moment, each for its share of the members by a hash of the member and the experiment. Journeys: the
arms are the branches of a split, which parts members by a hash already."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.attention import rules as attention
from app.campaigns import queries as campaign_queries
from app.campaigns import rules as letters
from app.campaigns import service as campaigns
from app.campaigns.models import BROADCASTS, RECIPIENTS
from app.campaigns.rules.shares import PLACES_OF_ALL, Share
from app.core.db import changed, insert_many_ignore
from app.core.errors import DomainError, Invalid
from app.experiments import queries, rules
from app.experiments.models import EXPERIMENTS, EXPOSURES, Exposure
from app.experiments.queries import ExperimentShown
from app.experiments.rules import ArmPlan, Design, Seen
from app.journeys import queries as journeys
from app.journeys import rules as journey_rules
from app.journeys.models import MARKS, RUNS

AT_ONCE: Final = 5_000
LISTED: Final = (letters.SENDING, letters.PAUSED, letters.DONE, letters.CANCELLED)


class NotNow(DomainError):
    """It is no draft any more, or is over; `status` is what it is now."""

    def __init__(self, status: str) -> None:
        super().__init__(f"not while the experiment is {status}")
        self.status = status


def create(session: Session, *, design: Design, staff_id: int | None, now: datetime) -> int:
    """Keep a draft. Raises Invalid with the first thing that is wrong, NotFound."""
    _check(session, design)
    values = {
        "name": design.name,
        "status": rules.DRAFT,
        "design": design.document(),
        "is_listed": False,
        "made_by": staff_id,
        "created_at": now,
    }
    found: int = session.execute(
        sa.insert(EXPERIMENTS).returning(EXPERIMENTS.c.id), values
    ).scalar_one()
    return found


def remove(session: Session, *, experiment_id: int) -> None:
    """Throw a draft away; the letters stay. Raises NotFound, NotNow."""
    gone = sa.delete(EXPERIMENTS).where(
        EXPERIMENTS.c.id == experiment_id, EXPERIMENTS.c.status == rules.DRAFT
    )
    if not changed(session, gone):
        raise NotNow(queries.experiment(session, experiment_id).status)


def _check(session: Session, design: Design) -> None:
    for field, reason in rules.faults(design):
        raise Invalid(field, reason)
    if design.kind == rules.JOURNEY:
        _check_journey(session, design)
    else:
        _check_broadcasts(session, design)


def _check_broadcasts(session: Session, design: Design) -> None:
    ids = [arm.broadcast for arm in design.arms]
    if None in ids or len(set(ids)) != len(ids):
        raise Invalid("arms", "每個版本請選一封不同的群發草稿")
    found = [campaign_queries.broadcast(session, one) for one in ids if one is not None]
    if any(one.status != letters.DRAFT for one in found):
        raise Invalid("arms", "版本必須是還沒排程的群發草稿")
    if len({(one.segment_id, one.unpressed_of) for one in found}) != 1:
        raise Invalid("arms", "各版本要寄給同一群人，請先把草稿的對象改成一樣")
    if len({one.letter.topic for one in found}) != 1:
        raise Invalid("arms", "各版本的訊息主題要一樣：關掉主題的人不會收到，兩邊就不能比")


def _check_journey(session: Session, design: Design) -> None:
    if design.journey is None:
        raise Invalid("journey", "請選擇旅程")
    journey = journeys.journey(session, design.journey)
    if journey.status != journey_rules.RUNNING:
        raise Invalid("journey", "請選擇進行中的旅程")
    plan = journeys.version(session, journey.id, journey.version).plan
    step = journey_rules.find(plan, design.step or "")
    if step is None or step.kind != "split":
        raise Invalid("step", "這個旅程沒有「隨機分成兩組」的步驟")
    if of_journey(session, design) != design:
        raise Invalid("journey", "旅程在這份草稿之後改過，請重新建立實驗")


def of_journey(session: Session, design: Design) -> Design:
    """With the arms and the hold-out that the journey's plan has. The hold-out can be compared only
    where nothing comes before the split."""
    assert design.journey is not None
    journey = journeys.journey(session, design.journey)
    plan = journeys.version(session, journey.id, journey.version).plan
    step = journey_rules.find(plan, design.step or "")
    if step is None:
        raise Invalid("step", "這個旅程沒有「隨機分成兩組」的步驟")
    is_first = journey_rules.first(plan) == step.code
    arms = (ArmPlan("A", "A 組", step.percent), ArmPlan("B", "B 組", 100 - step.percent))
    hold_out = plan.hold_out if is_first else 0
    return replace(design, arms=arms, hold_out=hold_out, version=journey.version)


# Starting and ending ------------------------------------------------------------------------------


def start(
    session: Session, *, experiment_id: int, send_at: datetime, ends_at: datetime, now: datetime
) -> None:
    """From now on nothing of its design changes. Letters go out at `send_at`; it is read at
    `ends_at` at the latest. Raises Invalid, NotFound, NotNow."""
    found = queries.experiment(session, experiment_id)
    if found.status != rules.DRAFT:
        raise NotNow(found.status)
    first = max(send_at, now)
    if found.design.kind == rules.BROADCAST:
        ends_at = first + timedelta(days=found.design.days) + letters.HELD_FOR
    if not first + timedelta(days=found.design.days) <= ends_at <= first + rules.LONGEST:
        raise Invalid(
            "ends_at", f"結束日期須在 {found.design.days} 天後到 {rules.LONGEST.days} 天內"
        )
    moved = (
        sa.update(EXPERIMENTS)
        .where(EXPERIMENTS.c.id == experiment_id, EXPERIMENTS.c.status == rules.DRAFT)
        .values(status=rules.RUNNING, started_at=now, ends_at=ends_at)
    )
    if not changed(session, moved):
        raise NotNow(queries.experiment(session, experiment_id).status)
    _check(session, found.design)  # now that nobody else starts it
    for broadcast_id, share in places(found):
        campaigns.plan(session, broadcast_id=broadcast_id, send_at=send_at, now=now, share=share)


def places(found: ExperimentShown) -> Iterator[tuple[int, Share]]:
    """Each arm's broadcast and its share of the members; the first one's list has the hold-out on
    it as those who get nothing."""
    low, salt = 0, f"experiment:{found.id}"
    hold_out = 100 * found.design.hold_out
    for place, arm in enumerate(found.design.arms):
        if arm.broadcast is None:
            continue
        high = low + 100 * arm.percent
        controls = hold_out if place == 0 else 0
        yield arm.broadcast, Share(salt, low, high, PLACES_OF_ALL - controls)
        low = high


def stop(session: Session, *, experiment_id: int, now: datetime) -> None:
    """End it before its time: its letters are not called back. Raises NotFound, NotNow."""
    _end(session, queries.experiment(session, experiment_id), rules.STOPPED, None, now)


def _end(
    session: Session, found: ExperimentShown, status: str, before: datetime | None, now: datetime
) -> None:
    result = queries.seen(session, found.id, before=before)
    result = {arm: _with_letters(session, found.design, arm, seen) for arm, seen in result.items()}
    ended = (
        sa.update(EXPERIMENTS)
        .where(EXPERIMENTS.c.id == found.id, EXPERIMENTS.c.status == rules.RUNNING)
        .values(
            status=status,
            ended_at=now,
            result={arm: seen.document() for arm, seen in result.items()},
        )
    )
    if not changed(session, ended):
        raise NotNow(queries.experiment(session, found.id).status)


def _is_of_older_version(session: Session, design: Design) -> bool:
    if design.journey is None or design.version is None:
        return False
    return journeys.journey(session, design.journey).version != design.version


def _with_letters(session: Session, design: Design, code: str, seen: Seen) -> Seen:
    """With how far its letter has gone out. Who was dropped was to get none; chance alone makes
    them as many in the other arms."""
    broadcast_id = next((arm.broadcast for arm in design.arms if arm.code == code), None)
    if broadcast_id is None:
        return seen
    counts = campaign_queries.counts(session, broadcast_id)
    status = campaign_queries.broadcast(session, broadcast_id).status
    return replace(
        seen,
        letters=counts.by_status.get(letters.QUEUED, 0) + counts.open,
        sent=counts.sent,
        was_cancelled=status == letters.CANCELLED,
    )


def end_due(session: Session, found: ExperimentShown, *, now: datetime) -> bool:
    """End it if it is over (`ending`)."""
    over = ending(session, found, now=now)
    if over is not None:
        _end(session, found, over.status, over.before, now)
    return over is not None


@dataclass(frozen=True, slots=True)
class Ending:
    """`before`: of those whose days were over then; None: of all."""

    status: str
    before: datetime | None


def ending(session: Session, found: ExperimentShown, *, now: datetime) -> Ending | None:
    """How it ends now, if it may be read; None while it goes on. Writes nothing.

    Whose days are not over are left out, except by the sequential rule, which counts who bought so
    far. A journey that was published anew ends it early: who comes from then on meets other
    arms."""
    assert found.ends_at is not None
    design = found.design
    if _is_of_older_version(session, design):
        return Ending(rules.STOPPED, None)
    if design.stop == rules.SEQUENTIAL:
        so_far = queries.seen(session, found.id, before=None)
        buyers = {arm: seen.buyers for arm, seen in so_far.items()}
        if rules.leader(design, buyers) is None and now < found.ends_at:
            return None
        return Ending(rules.DONE, None)
    last = queries.last_until(session, found.id) if found.is_listed else None
    ends_at = found.ends_at if last is None else min(found.ends_at, last)
    ripe = queries.ripe(session, found.id, now=now)
    if not rules.is_due(design, ripe, is_complete=found.is_listed, ends_at=ends_at, now=now):
        return None
    return Ending(rules.DONE, now)


# Who met which arm --------------------------------------------------------------------------------


def note(session: Session, found: ExperimentShown, *, now: datetime) -> int:
    """Write down a portion of those who came to an arm since; return how many rows were looked at.
    A member is in an experiment once, with the arm they met first."""
    if found.design.kind == rules.JOURNEY:
        return _note_journey(session, found)
    return _note_broadcasts(session, found, now)


def _note_broadcasts(session: Session, found: ExperimentShown, now: datetime) -> int:
    """Everybody on the frozen lists counts, whether the letter reached them or not: nothing but
    chance tells the arms apart then. The brand's own hold-out is in no arm, nor is who turned the
    letters' topic off."""
    if found.is_listed:
        return 0
    rows = session.execute(
        sa.select(BROADCASTS.c.id, BROADCASTS.c.status, BROADCASTS.c.started_at).where(
            BROADCASTS.c.id.in_([arm.broadcast for arm in found.design.arms])
        )
    ).all()
    lists = {row.id: row for row in rows}
    is_complete = len(lists) == len(found.design.arms) and all(
        row.status in LISTED and row.started_at is not None for row in rows
    )
    if not is_complete:
        return 0
    begun = max(row.started_at for row in rows)
    until = begun + timedelta(days=found.design.days)
    shares = dict(places(found))
    for arm in found.design.arms:
        assert arm.broadcast is not None
        new = _new_on_list(session, found.id, arm.broadcast)
        if new:
            share = shares[arm.broadcast]
            _expose(
                session,
                [
                    _exposure(
                        found.id, member_id, _arm_of(share, arm.code, member_id), begun, until
                    )
                    for member_id in new
                ],
            )
            return len(new)
    changed(
        session, sa.update(EXPERIMENTS).where(EXPERIMENTS.c.id == found.id).values(is_listed=True)
    )
    return 0


def _arm_of(share: Share, code: str, member_id: int) -> str:
    return rules.HOLD_OUT if share.is_control(member_id) else code


def _new_on_list(session: Session, experiment_id: int, broadcast_id: int) -> list[int]:
    """Of one list, those not written down yet."""
    known = sa.exists().where(
        EXPOSURES.c.experiment_id == experiment_id, EXPOSURES.c.member_id == RECIPIENTS.c.member_id
    )
    found: list[int] = []
    after = 0
    while not found:
        ids = session.scalars(
            sa.select(RECIPIENTS.c.member_id)
            .where(
                RECIPIENTS.c.broadcast_id == broadcast_id,
                RECIPIENTS.c.member_id > after,
                RECIPIENTS.c.status != letters.DECLINED,
                ~known,
            )
            .order_by(RECIPIENTS.c.member_id)
            .limit(AT_ONCE)
        ).all()
        if not ids:
            return []
        after = ids[-1]
        found = [member_id for member_id in ids if not attention.is_held_out(member_id)]
    return found


def _note_journey(session: Session, found: ExperimentShown) -> int:
    design = found.design
    assert design.journey is not None
    assert found.started_at is not None
    journey_id, step = design.journey, design.step
    days = timedelta(days=design.days)

    def unknown(member: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        known = sa.exists().where(
            EXPOSURES.c.experiment_id == found.id, EXPOSURES.c.member_id == member
        )
        return ~known

    parted = session.execute(
        sa.select(RUNS.c.member_id, MARKS.c.outcome, MARKS.c.at)
        .join_from(MARKS, RUNS, RUNS.c.id == MARKS.c.run_id)
        .where(
            MARKS.c.journey_id == journey_id,
            MARKS.c.step == step,
            MARKS.c.at >= found.started_at,
            MARKS.c.outcome.in_(("0", "1")),
            unknown(RUNS.c.member_id),
        )
        .order_by(MARKS.c.at)
        .limit(AT_ONCE)
    ).all()
    rows = [
        _exposure(found.id, row.member_id, rules.CODES[int(row.outcome)], row.at, row.at + days)
        for row in parted
    ]
    after = 0
    while design.hold_out:
        control = session.execute(
            sa.select(RUNS.c.id, RUNS.c.member_id, RUNS.c.ended_at)
            .where(
                RUNS.c.journey_id == journey_id,
                RUNS.c.id > after,
                RUNS.c.status == journey_rules.CONTROL,
                RUNS.c.ended_at >= found.started_at,  # when they would have come to the split
                unknown(RUNS.c.member_id),
            )
            .order_by(RUNS.c.id)
            .limit(AT_ONCE)
        ).all()
        held = [
            _exposure(found.id, row.member_id, rules.HOLD_OUT, row.ended_at, row.ended_at + days)
            for row in control
            if not attention.is_held_out(row.member_id)  # the brand's own are in no arm
        ]
        rows += held
        if held or not control:
            break
        after = control[-1].id
    _expose(session, rows)
    return len(rows)


def _exposure(
    experiment_id: int, member_id: int, arm: str, at: datetime, until: datetime
) -> dict[str, Any]:
    return {
        "experiment_id": experiment_id,
        "member_id": member_id,
        "arm": arm,
        "at": at,
        "until": until,
    }


def _expose(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    insert_many_ignore(session, Exposure, rows)
