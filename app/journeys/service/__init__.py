"""Write a journey, publish it, stop it; `entering` and `walking` do the rest."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.campaigns import service as letters
from app.core.clock import TAIPEI, taipei_date
from app.core.db import changed, table_of
from app.core.errors import DomainError, Invalid, NotFound
from app.coupons import queries as coupons
from app.hooks import queries as hooks
from app.journeys import queries, rules
from app.journeys.models import JOURNEYS, RUNS, VERSIONS
from app.journeys.queries import JourneyShown
from app.journeys.rules import Audience, Fault, Plan, Step
from app.outbox import service as outbox
from app.segments import queries as segments
from app.segments import service as segment_service
from app.tags import queries as tags
from app.timeline.models import Fact

OVER = "旅程已結束"
_FACTS = table_of(Fact)


class NotNow(DomainError):
    """The journey has gone on, or was stopped; `status` is what it is now."""

    def __init__(self, status: str) -> None:
        super().__init__(f"not while the journey is {status}")
        self.status = status


class Unfinished(DomainError):
    """What keeps the plan from starting."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(faults[0].reason)
        self.faults = faults


# Writing ------------------------------------------------------------------------------------------


def create(session: Session, *, name: str, plan: Plan, staff_id: int | None, now: datetime) -> int:
    """Keep a plan, however unfinished. Raises Invalid."""
    values = {
        "name": _named(name),
        "status": rules.DRAFT,
        "draft": rules.to_document(plan),
        "version": 0,
        "read_to": 0,
        "marked": 0,
        "seen": 0,
        "marked_at": now,
        "made_by": staff_id,
        "created_at": now,
        "changed_at": now,
    }
    journey_id: int = session.execute(
        sa.insert(JOURNEYS).returning(JOURNEYS.c.id), values
    ).scalar_one()
    return journey_id


def begin(session: Session, *, ready: str, staff_id: int | None, now: datetime) -> int:
    """A draft of a ready plan; its segments are made where nothing is called so yet. Raises
    NotFound."""
    if ready not in rules.READY:
        raise NotFound("ready journey", ready)
    chosen = rules.READY[ready]
    known = {segment.name: segment.id for segment in segments.segments(session)}
    who = chosen.plan.entry.who
    if who is not None and who.name not in known:
        assert who.tree is not None
        known[who.name] = segment_service.create(session, name=who.name, tree=who.tree, now=now)
    plan = rules.with_audiences(chosen.plan, lambda who: Audience(known[who.name], who.name))
    return create(session, name=chosen.name, plan=plan, staff_id=staff_id, now=now)


def redraft(
    session: Session,
    *,
    journey_id: int,
    edit: Callable[[Plan], Plan],
    now: datetime,
    name: str | None = None,
) -> Plan:
    """Change the plan by `edit`, and the name; two people at once change it one after the other.
    Who is on the way is not touched. Raises NotFound, Invalid, NotNow when it is over."""
    row = session.execute(
        sa.select(JOURNEYS.c.status, JOURNEYS.c.draft)
        .where(JOURNEYS.c.id == journey_id)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound("journey", journey_id)
    if row.status == rules.ENDED:
        raise NotNow(row.status)
    plan = edit(rules.from_document(row.draft))
    values: dict[str, Any] = {"draft": rules.to_document(plan), "changed_at": now}
    if name is not None:
        values["name"] = _named(name)
    changed(session, sa.update(JOURNEYS).where(JOURNEYS.c.id == journey_id).values(values))
    return plan


def restore(session: Session, *, journey_id: int, number: int, now: datetime) -> None:
    """Write on from a version that was published. Raises NotFound, NotNow."""
    plan = queries.version(session, journey_id, number).plan
    redraft(session, journey_id=journey_id, edit=lambda draft: rules.instead(draft, plan), now=now)


def remove(session: Session, *, journey_id: int) -> None:
    """Throw away what was never published. Raises NotFound, NotNow."""
    gone = sa.delete(JOURNEYS).where(
        JOURNEYS.c.id == journey_id, JOURNEYS.c.status == rules.DRAFT, JOURNEYS.c.version == 0
    )
    if not changed(session, gone):
        raise NotNow(queries.journey(session, journey_id).status)


def _named(name: str) -> str:
    named = " ".join(name.split())
    if not 1 <= len(named) <= rules.NAME:
        raise Invalid("name", f"名稱須為 1–{rules.NAME} 個字")
    return named


# Publishing ---------------------------------------------------------------------------------------


def faults(session: Session, plan: Plan) -> list[Fault]:
    """Everything that keeps it from starting, as things are now."""
    found = list(rules.faults(plan))
    known_tags = tags.names(session)
    for step in rules.each(plan.steps):
        found += _missing(session, step, known_tags)
    for field, who in (("who", plan.entry.who), ("leave", plan.leave)):
        if who is not None and not _is_there(session, who):
            found.append(Fault("", field, "這個分眾已刪除，請另選"))
    first: dict[tuple[str, str], Fault] = {}
    for fault in found:
        first.setdefault((fault.step, fault.field), fault)
    return list(first.values())


def _missing(session: Session, step: Step, known_tags: dict[str, str]) -> Iterator[Fault]:
    """What the step names that is not there any more."""
    if step.kind == "letter":
        try:
            letters.check(session, step.letter)
        except Invalid as wrong:
            yield Fault(step.code, wrong.field, wrong.reason)
    if step.kind == "coupon" and step.coupon:
        kind = coupons.newest_offer(session, step.coupon)
        if kind is None or not kind.is_active:
            yield Fault(step.code, "coupon", "這種優惠券已停止發放，請另選")
    if step.kind == "tag" and step.tag and step.tag not in known_tags:
        yield Fault(step.code, "tag", "這個標籤已刪除，請另選")
    if step.kind == "hook" and step.hook and step.hook not in hooks.names(session):
        yield Fault(step.code, "hook", "這個 Webhook 已刪除，請另選")
    if step.kind == "check" and step.who is not None and not _is_there(session, step.who):
        yield Fault(step.code, "who", "這個分眾已刪除，請另選")


def _is_there(session: Session, who: Audience) -> bool:
    try:
        return segments.segment(session, who.segment_id).is_active
    except NotFound:
        return False


def publish(session: Session, *, journey_id: int, staff_id: int | None, now: datetime) -> int:
    """Let members in by the plan as it is written now; return the version's number. The segments'
    conditions are copied. Who is on the way goes on by the version they entered with. What is
    paused stays so.

    Raises NotFound, Unfinished, NotNow when it is over."""
    found = queries.journey(session, journey_id)
    wrong = faults(session, found.draft)
    if wrong:
        raise Unfinished(wrong)
    plan = as_published(session, found.draft)
    number = found.version + 1
    values = {} if _goes_on(session, found, plan) else _started(session, plan, now)
    status = rules.PAUSED if found.status == rules.PAUSED else rules.RUNNING
    published = (
        sa.update(JOURNEYS)
        .where(
            JOURNEYS.c.id == journey_id,
            JOURNEYS.c.version == found.version,
            JOURNEYS.c.status != rules.ENDED,
        )
        .values(status=status, version=number, **values)
    )
    if not changed(session, published):
        raise NotNow(queries.journey(session, journey_id).status)
    session.execute(
        sa.insert(VERSIONS),
        {
            "journey_id": journey_id,
            "number": number,
            "plan": rules.to_document(plan),
            "published_by": staff_id,
            "published_at": now,
        },
    )
    return number


def _goes_on(session: Session, found: JourneyShown, plan: Plan) -> bool:
    """It runs, and lets in by the same as before."""
    if found.status != rules.RUNNING:
        return False
    before = queries.version(session, found.id, found.version).plan.entry
    return (before.fact, before.hour) == (plan.entry.fact, plan.entry.hour)


def has_changes(session: Session, found: JourneyShown) -> bool:
    """Publishing it now would let members in by something else: it was never published, its plan
    was changed, or the conditions of its segments."""
    if not found.version:
        return True
    published = queries.version(session, found.id, found.version).plan
    current = as_published(session, found.draft)
    return rules.bare(current, with_conditions=True) != rules.bare(published, with_conditions=True)


def as_published(session: Session, plan: Plan) -> Plan:
    """With the names and conditions that its segments have now. Raises NotFound."""

    def copied(who: Audience) -> Audience:
        segment = segments.segment(session, who.segment_id)
        return Audience(segment.id, segment.name, segment.tree)

    return rules.with_audiences(plan, copied)


def _started(session: Session, plan: Plan, now: datetime) -> dict[str, Any]:
    """What happens from now on counts; a segment is asked the next time that its hour comes."""
    newest = session.scalar(sa.select(sa.func.max(_FACTS.c.id))) or 0
    is_late = now.astimezone(TAIPEI).hour >= plan.entry.hour
    return {
        "read_to": newest,
        "marked": newest,
        "seen": newest,
        "marked_at": now,
        "asked_on": f"{taipei_date(now)}" if is_late else None,
    }


# Stopping -----------------------------------------------------------------------------------------


def pause(session: Session, *, journey_id: int, now: datetime) -> None:
    """Nobody enters and nobody goes on. Raises NotFound, NotNow."""
    _move(session, journey_id, (rules.RUNNING,), status=rules.PAUSED)


def resume(session: Session, *, journey_id: int, now: datetime) -> None:
    """Go on with everybody inside. What happened meanwhile lets nobody in: it is old news."""
    found = queries.journey(session, journey_id)
    values = {}
    if found.version:
        plan = queries.version(session, journey_id, found.version).plan
        values = _started(session, plan, now)
    _move(session, journey_id, (rules.PAUSED,), status=rules.RUNNING, **values)
    # What they wait for may have happened meanwhile.
    waiting = sa.update(RUNS).where(
        RUNS.c.journey_id == journey_id, RUNS.c.status == rules.GOING, RUNS.c.awaits.is_not(None)
    )
    changed(session, waiting.values(due_at=now))


def end(session: Session, *, journey_id: int, now: datetime) -> int:
    """For good; return how many were still on the way and leave. What was not given to LINE yet is
    called back. Raises NotFound, NotNow."""
    _move(session, journey_id, (rules.RUNNING, rules.PAUSED), status=rules.ENDED)
    outbox.withdraw_kind(session, kind=queries.kind_of(journey_id), reason="the journey was ended")
    leaving = (
        sa.update(RUNS)
        .where(RUNS.c.journey_id == journey_id, RUNS.c.status == rules.GOING)
        .values(status=rules.LEFT, step=None, awaits=None, reason=OVER, ended_at=now)
    )
    return changed(session, leaving)


def _move(session: Session, journey_id: int, while_: tuple[str, ...], **values: object) -> None:
    moved = (
        sa.update(JOURNEYS)
        .where(JOURNEYS.c.id == journey_id, JOURNEYS.c.status.in_(while_))
        .values(**values)
    )
    if not changed(session, moved):
        raise NotNow(queries.journey(session, journey_id).status)
