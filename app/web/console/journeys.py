"""/console/journeys: journeys, how they go and what came of them; starting and stopping one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.attention import rules as attention
from app.campaigns import rules as letter_rules
from app.campaigns.rules import Uplift
from app.core.errors import Invalid, NotFound
from app.coupons import queries as coupons
from app.hooks import queries as hooks
from app.journeys import queries, rules, service
from app.journeys.queries import Counts, JourneyShown, Outcome, Version
from app.journeys.rules import Fault, Plan
from app.journeys.service import NotNow, Unfinished
from app.members import queries as people
from app.outbox import queries as outbox
from app.segments import queries as segments
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.tags import queries as tags
from app.web import pages, security, words
from app.web.console import letters, looks
from app.web.console.privacy import mask_for
from app.web.params import PathId, QueryId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/journeys", route_class=StaffRoute)
Marketer = Annotated[Visitor, Depends(require(Permission.REACH_MEMBERS))]

PEOPLE: Final = 50
STATES: Final = {
    rules.DRAFT: "草稿",
    rules.RUNNING: "進行中",
    rules.PAUSED: "已暫停",
    rules.ENDED: "已結束",
}
RUN_STATES: Final = words.RUN_STATES


@router.get("")
def listed(request: Request, _visitor: Marketer) -> Response:
    with request.app.state.db.reading() as session:
        found = queries.journeys(session)
        inside = queries.inside(session)
    return pages.render(
        request,
        "console/journeys.html",
        found=[(item, rules.entry_words(item.draft.entry)) for item in found],
        inside=inside,
        states=STATES,
        ready=rules.READY,
    )


@router.post("")
def create(
    request: Request,
    visitor: Marketer,
    ready: Annotated[str, Form(max_length=30)] = "",
) -> Response:
    """An empty plan, or a ready one to begin with."""
    now, staff_id = request.app.state.clock(), visitor.staff_id
    with request.app.state.db.transaction() as session:
        if ready:
            journey_id = service.begin(session, ready=ready, staff_id=staff_id, now=now)
        else:
            journey_id = service.create(
                session, name="新的旅程", plan=Plan(), staff_id=staff_id, now=now
            )
        security.audit(request, session, visitor, "journey.saved", f"journey:{journey_id}")
    return RedirectResponse(f"/console/journeys/{journey_id}{'' if ready else '/settings'}", 303)


# One journey --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JourneyView:
    """`counts` and `outcome` are None before anybody could enter. `old` are steps of earlier
    versions that the plan has no more, at which members still stand."""

    found: JourneyShown
    entry: str
    faults: Sequence[Fault]
    is_changed: bool  # since it was published
    has_other_segments: bool  # nothing else of it was changed
    counts: Counts | None
    outcome: Outcome | None
    uplift: Uplift | None
    old: Mapping[str, int]
    versions: Sequence[Version]
    is_used_up: bool

    def fault_of(self, step: str) -> str:
        return next((fault.reason for fault in self.faults if fault.step == step), "")


@router.get("/{journey_id}")
def one(request: Request, _visitor: Marketer, journey_id: PathId) -> Response:
    return page(request, journey_id)


def page(request: Request, journey_id: int, *, problem: str = "", status: int = 200) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        found = queries.journey(session, journey_id)
        versions = queries.versions(session, journey_id)
        faults = service.faults(session, found.draft)
        counts = outcome = None
        if versions:
            counts = queries.counts(session, journey_id)
            outcome = queries.outcome(session, journey_id)
        has_changes = service.has_changes(session, found)
        names = _names(session)
        is_used_up = outbox.used_up_until(session, now=now) is not None
    kept = {step.code for step in rules.each(found.draft.steps)}
    view = JourneyView(
        found=found,
        entry=rules.entry_words(found.draft.entry),
        faults=faults,
        is_changed=bool(versions) and has_changes,
        has_other_segments=bool(versions)
        and rules.bare(found.draft) == rules.bare(versions[0].plan),
        counts=counts,
        outcome=outcome,
        uplift=letter_rules.uplift(outcome.treated, outcome.control) if outcome else None,
        old={} if counts is None else {c: n for c, n in counts.at_step.items() if c not in kept},
        versions=versions,
        is_used_up=is_used_up,
    )
    return pages.render(
        request,
        "console/journey.html",
        status,
        view=view,
        states=STATES,
        run_states=RUN_STATES,
        kinds=rules.KINDS,
        says={step.code: rules.words(step, names) for step in rules.each(found.draft.steps)},
        least=letter_rules.LEAST_ARM,
        everywhere=attention.HOLD_OUT_PERCENT,
        problem=problem,
    )


def _names(session: Session) -> Mapping[str, Mapping[str, str]]:
    kinds = coupons.kinds(session)
    return {
        "coupon": {kind.draft.code: kind.draft.name for kind in kinds},
        "tag": tags.names(session),
        "hook": hooks.names(session),
    }


@router.get("/{journey_id}/size")
def size(request: Request, _visitor: Marketer, journey_id: PathId) -> Response:
    """How many are in the entry's segment now; asked for after the page is there."""
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        who = queries.journey(session, journey_id).draft.entry.who
        if who is None:
            raise NotFound("segment of journey", journey_id)
        found = segments.size(session, segments.segment(session, who.segment_id).tree, now=now)
    return pages.render(request, "console/segment_size.html", size=found)


# Starting and stopping ----------------------------------------------------------------------------


@router.post("/{journey_id}/publish")
def publish(request: Request, visitor: Marketer, journey_id: PathId) -> Response:
    try:
        with request.app.state.db.transaction() as session:
            number = service.publish(
                session,
                journey_id=journey_id,
                staff_id=visitor.staff_id,
                now=request.app.state.clock(),
            )
            for step in rules.each(queries.version(session, journey_id, number).plan.steps):
                if step.kind == "letter":
                    letters.check(request, session, step.letter)
            target, after = f"journey:{journey_id}", {"version": number}
            security.audit(request, session, visitor, "journey.published", target, after=after)
    except Unfinished as wrong:
        return page(request, journey_id, problem=wrong.faults[0].reason, status=422)
    except Invalid as wrong:
        return page(request, journey_id, problem=wrong.reason, status=422)
    except NotNow:
        pass  # it was published or stopped meanwhile; the page shows it
    return RedirectResponse(f"/console/journeys/{journey_id}", 303)


_STEPS: Final = {
    "pause": (service.pause, "journey.paused"),
    "resume": (service.resume, "journey.resumed"),
    "end": (service.end, "journey.ended"),
}


@router.post("/{journey_id}/state/{verb}")
def change(request: Request, visitor: Marketer, journey_id: PathId, verb: str) -> Response:
    if verb not in _STEPS:
        raise NotFound("verb", verb)
    do, action = _STEPS[verb]
    try:
        with request.app.state.db.transaction() as session:
            do(session, journey_id=journey_id, now=request.app.state.clock())
            security.audit(request, session, visitor, action, f"journey:{journey_id}")
    except NotNow:
        pass  # pressed twice, or somebody else was faster
    return RedirectResponse(f"/console/journeys/{journey_id}", 303)


@router.post("/{journey_id}/restore")
def restore(
    request: Request,
    visitor: Marketer,
    journey_id: PathId,
    number: Annotated[int, Form(ge=1, le=1_000_000)],
) -> Response:
    try:
        with request.app.state.db.transaction() as session:
            now = request.app.state.clock()
            service.restore(session, journey_id=journey_id, number=number, now=now)
            security.audit(request, session, visitor, "journey.saved", f"journey:{journey_id}")
    except NotNow:
        pass
    return RedirectResponse(f"/console/journeys/{journey_id}", 303)


@router.post("/{journey_id}/remove")
def remove(request: Request, visitor: Marketer, journey_id: PathId) -> Response:
    try:
        with request.app.state.db.transaction() as session:
            service.remove(session, journey_id=journey_id)
            security.audit(request, session, visitor, "journey.removed", f"journey:{journey_id}")
    except NotNow:
        return RedirectResponse(f"/console/journeys/{journey_id}", 303)
    return RedirectResponse("/console/journeys", 303)


# Who is in it -------------------------------------------------------------------------------------


@router.get("/{journey_id}/people")
def inside(
    request: Request,
    visitor: Marketer,
    journey_id: PathId,
    status: Annotated[str, Query(max_length=10)] = rules.GOING,
    step: Annotated[str, Query(max_length=5)] = "",
    before: QueryId = None,
) -> Response:
    if status not in RUN_STATES:
        raise NotFound("status", status)
    mask = mask_for(visitor)
    with request.app.state.db.reading() as session:
        found = queries.journey(session, journey_id)
        rows = queries.runs(
            session,
            journey_id,
            status=status,
            step=step or None,
            before=before,
            limit=PEOPLE + 1,
        )
        called = people.names(session, [row.member_id for row in rows])
        names = _names(session)
        numbers = {row.version for row in rows}
        plans = {number: queries.version(session, journey_id, number).plan for number in numbers}
    shown = rows[:PEOPLE]
    looks.note(request, visitor, "list", source=f"journey:{journey_id}", people=len(shown))
    says = {
        (number, inner.code): rules.words(inner, names)
        for number, plan in plans.items()
        for inner in rules.each(plan.steps)
    }
    return pages.render(
        request,
        "console/journey_people.html",
        found=found,
        status=status,
        step=step,
        states=RUN_STATES,
        rows=[(row, mask.name(called.get(row.member_id, ""))) for row in shown],
        says=says,
        more=rows[PEOPLE - 1].id if len(rows) > PEOPLE else None,
    )
