"""/console/journeys/{id}: the forms that change a plan: its settings, and one step at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse

from app.campaigns.rules import letters as letter_rules
from app.campaigns.rules.letters import Letter
from app.core import ids
from app.core.errors import Invalid, NotFound
from app.hooks import queries as hooks
from app.journeys import queries, rules, service
from app.journeys.queries import JourneyShown
from app.journeys.rules import Audience, Entry, Fault, Place, Plan, Step
from app.journeys.service import NotNow
from app.segments import queries as segments
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages, security
from app.web.console import letters
from app.web.params import PathId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/journeys/{journey_id}", route_class=StaffRoute)
Marketer = Annotated[Visitor, Depends(require(Permission.REACH_MEMBERS))]

_MOST_TYPED: Final = 6  # digits; more is too much whatever it is for
ONCE: Final = "once"  # of `again`
FIRST_LETTER: Final = letter_rules.added(Letter(), letter_rules.CARD)
Code = Annotated[str, Query(max_length=5)]


# Settings -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Settings:
    """The form as it stands."""

    found: JourneyShown
    name: str
    plan: Plan
    problems: Mapping[str, str] = field(default_factory=dict)


@router.get("/settings")
def settings(request: Request, _visitor: Marketer, journey_id: PathId) -> Response:
    with request.app.state.db.reading() as session:
        found = queries.journey(session, journey_id)
    return _settings(request, Settings(found, found.name, found.draft))


def _settings(request: Request, form: Settings, status: int = 200) -> Response:
    with request.app.state.db.reading() as session:
        groups = {str(group.id): group.name for group in segments.segments(session)}
    return pages.render(
        request,
        "console/journey_settings.html",
        status,
        form=form,
        groups=groups,
        facts=rules.FACTS,
        most_hold_out=rules.MOST_HOLD_OUT,
        most_days=rules.MOST_DAYS,
    )


@router.post("/settings")
async def save_settings(request: Request, visitor: Marketer, journey_id: PathId) -> Response:
    form = await request.form()
    return await run_in_threadpool(_save_settings, request, visitor, journey_id, form)


def _save_settings(request: Request, visitor: Visitor, journey_id: int, form: FormData) -> Response:
    with request.app.state.db.reading() as session:
        found = queries.journey(session, journey_id)
        typed = _typed_plan(session, form)
    name = " ".join(letters.typed(form, "name", rules.NAME).split())
    wrong = {fault.field: fault.reason for fault in rules.faults(typed) if not fault.step}
    wrong.pop("steps", None)  # they are said elsewhere
    try:
        if wrong:
            raise Invalid(*next(iter(wrong.items())))
        with request.app.state.db.transaction() as session:
            service.redraft(
                session,
                journey_id=journey_id,
                edit=lambda plan: replace(typed, steps=plan.steps, used=plan.used),
                name=name,
                now=request.app.state.clock(),
            )
            security.audit(request, session, visitor, "journey.saved", f"journey:{journey_id}")
    except Invalid as invalid:
        problems = {**wrong, invalid.field: invalid.reason}
        return _settings(request, Settings(found, name, typed, problems), 422)
    except NotNow:
        pass  # it is over; the page says so
    return RedirectResponse(f"/console/journeys/{journey_id}", 303)


def _typed_plan(session: Session, form: FormData) -> Plan:
    """Without steps."""
    fact = letters.typed(form, "fact", 40)
    again = letters.typed(form, "again", _MOST_TYPED)
    entry = Entry(
        fact,
        _audience(session, form, "who"),
        _number(form, "hour", 11),
        None if again in ("", ONCE) else _whole(again),
    )
    return Plan(
        entry,
        hold_out=_number(form, "hold_out"),
        goal_days=_number(form, "goal_days"),
        stops_on_purchase=form.get("stops_on_purchase") == "yes",
        leave=_audience(session, form, "leave"),
    )


def _audience(session: Session, form: FormData, name: str) -> Audience | None:
    """One that is gone stays chosen, and is said to be gone when the plan is to start."""
    segment_id = ids.id_typed(letters.typed(form, name, 19))
    if segment_id is None:
        return None
    try:
        return Audience(segment_id, segments.segment(session, segment_id).name)
    except NotFound:
        return Audience(segment_id)


def _number(form: FormData, name: str, otherwise: int = -1) -> int:
    typed = letters.typed(form, name, _MOST_TYPED)
    return _whole(typed) if typed else otherwise


def _whole(typed: str) -> int:
    """-1 for what is no number: it is out of every range."""
    is_number = typed.isascii() and typed.isdigit() and len(typed) <= _MOST_TYPED
    return int(typed) if is_number else -1


# Steps --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StepForm:
    """`place` is where a new one goes; None for one that is there."""

    found: JourneyShown
    step: Step
    place: Place | None
    problems: Mapping[str, str] = field(default_factory=dict)


@router.get("/steps/new")
def new_step(
    request: Request,
    _visitor: Marketer,
    journey_id: PathId,
    kind: Annotated[str, Query(max_length=10)],
    after: Code = "",
    inside: Code = "",
    branch: Annotated[int, Query(ge=0, le=1)] = 0,
) -> Response:
    if kind not in rules.KINDS:
        raise NotFound("kind", kind)
    with request.app.state.db.reading() as session:
        found = queries.journey(session, journey_id)
    step = _blank(kind, rules.new_code(found.draft))
    return _step_page(request, StepForm(found, step, Place(after, inside, branch)))


def _blank(kind: Any, code: str) -> Step:
    branches: tuple[tuple[Step, ...], ...] = ((), ()) if rules.KINDS[kind].branches else ()
    days = {"wait": 3, "until": 14}.get(kind, 0)
    hour = 11 if kind == "wait" else None
    fact = "purchase.recorded" if kind == "until" else ""
    return Step(code, kind, letter=FIRST_LETTER, days=days, hour=hour, fact=fact, branches=branches)


@router.post("/steps")
async def add_step(request: Request, visitor: Marketer, journey_id: PathId) -> Response:
    form = await request.form()
    uploaded = await letters.uploads(form)
    return await run_in_threadpool(_save_step, request, visitor, journey_id, form, uploaded, None)


@router.post("/steps/look")
async def look(request: Request, _visitor: Marketer, journey_id: PathId) -> Response:
    """The part of a letter's form that shows it, asked for while somebody types."""
    form = await request.form()
    return await run_in_threadpool(letters.drawn, request, letters.read(form))


@router.get("/steps/{code}")
def one_step(request: Request, _visitor: Marketer, journey_id: PathId, code: str) -> Response:
    with request.app.state.db.reading() as session:
        found = queries.journey(session, journey_id)
    step = rules.find(found.draft, code)
    if step is None:
        raise NotFound("step", code)
    return _step_page(request, StepForm(found, step, None))


@router.post("/steps/{code}")
async def save_step(request: Request, visitor: Marketer, journey_id: PathId, code: str) -> Response:
    form = await request.form()
    uploaded = await letters.uploads(form)
    return await run_in_threadpool(_save_step, request, visitor, journey_id, form, uploaded, code)


def _save_step(
    request: Request,
    visitor: Visitor,
    journey_id: int,
    form: FormData,
    uploaded: Mapping[int, bytes],
    code: str | None,
) -> Response:
    with request.app.state.db.reading() as session:
        found = queries.journey(session, journey_id)
        kept = None if code is None else rules.find(found.draft, code)
        if code is not None and kept is None:
            raise NotFound("step", code)
        step = _typed_step(session, form, kept, rules.new_code(found.draft))
    place = _place(form) if kept is None else None
    if step.kind == "letter":
        letter, wrong = letters.with_pictures(request, step.letter, uploaded, visitor.staff_id)
        rearranged = letters.rearranged(form, letter)
        step = replace(step, letter=letter if rearranged is None else rearranged)
        if rearranged is not None or wrong:
            again = StepForm(found, step, place, wrong)
            return _step_page(request, again, 422 if wrong else 200)
    with request.app.state.db.reading() as session:
        wrong = _problems(request, session, step)
    if wrong and form.get("then") != "keep":
        return _step_page(request, StepForm(found, step, place, wrong), 422)

    def edit(plan: Plan) -> Plan:
        if place is None and rules.find(plan, step.code) is not None:
            return rules.change(plan, step)
        # A new one; or somebody deleted it while it was written, and it is not to be lost.
        new = replace(step, code=rules.new_code(plan))
        return rules.put(plan, new, place or Place(after=step.code))

    _redraft(request, visitor, journey_id, edit)
    return RedirectResponse(f"/console/journeys/{journey_id}#plan", 303)


def _problems(request: Request, session: Session, step: Step) -> dict[str, str]:
    """What is wrong with one step, by field."""
    if step.kind == "letter":
        said = list(letters.problems(request, session, step.letter))
        return dict(reversed(said))
    alone = Plan(Entry("member.joined"), (step,))
    found: list[Fault] = [f for f in service.faults(session, alone) if f.step == step.code]
    return {fault.field: fault.reason for fault in reversed(found)}


def _place(form: FormData) -> Place:
    return Place(
        letters.typed(form, "after", 5),
        letters.typed(form, "inside", 5),
        1 if form.get("branch") == "1" else 0,
    )


def _typed_step(session: Session, form: FormData, kept: Step | None, code: str) -> Step:
    """Raises NotFound for a kind that does not exist."""
    if kept is None:
        kind = letters.typed(form, "kind", 10)
        if kind not in rules.KINDS:
            raise NotFound("kind", kind)
        kept = _blank(kind, code)
    hour = letters.typed(form, "hour", _MOST_TYPED)
    values: dict[str, Any] = {
        "letter": {"letter": letters.read(form)},
        "coupon": {"coupon": letters.typed(form, "coupon", 40)},
        "points": {"points": _number(form, "points")},
        "tag": {"tag": letters.typed(form, "tag", 19), "takes_off": form.get("does") == "off"},
        "hook": {"hook": letters.typed(form, "hook", 19)},
        "wait": {"days": _number(form, "days", 0), "hour": _whole(hour) if hour else None},
        "until": {"fact": letters.typed(form, "fact", 40), "days": _number(form, "days")},
        "check": {"who": _audience(session, form, "who")},
        "split": {"percent": _number(form, "percent")},
    }
    return replace(kept, **values[kept.kind])


def _step_page(request: Request, form: StepForm, status: int = 200) -> Response:
    with request.app.state.db.reading() as session:
        groups = {str(group.id): group.name for group in segments.segments(session)}
        choices = letters.choices(session)
        known_hooks = hooks.names(session)
        preview, lacking, art = "", [], {}
        if form.step.kind == "letter":
            preview = letters.drawing(request, session, form.step.letter)
            said = letters.problems(request, session, form.step.letter)
            lacking = [reason for _, reason in said]
            art = letters.shown(session, form.step.letter)
    return pages.render(
        request,
        "console/journey_step.html",
        status,
        hooks=known_hooks,
        form=form,
        kind=rules.KINDS[form.step.kind],
        groups=groups,
        facts=rules.FACTS,
        preview=preview,
        lacking=lacking,
        art=art,
        most_days=rules.MOST_DAYS,
        most_points=rules.MOST_POINTS,
        **choices,
    )


# Order --------------------------------------------------------------------------------------------

_ORDER: Final = {
    "up": lambda plan, code: rules.move(plan, code, -1),
    "down": lambda plan, code: rules.move(plan, code, 1),
    "drop": rules.drop,
}


@router.post("/steps/{code}/{verb}")
def reorder(
    request: Request, visitor: Marketer, journey_id: PathId, code: str, verb: str
) -> Response:
    if verb not in _ORDER:
        raise NotFound("verb", verb)
    _redraft(request, visitor, journey_id, lambda plan: _ORDER[verb](plan, code))
    return RedirectResponse(f"/console/journeys/{journey_id}#plan", 303)


def _redraft(request: Request, visitor: Visitor, journey_id: int, edit: Any) -> None:
    try:
        with request.app.state.db.transaction() as session:
            now = request.app.state.clock()
            service.redraft(session, journey_id=journey_id, edit=edit, now=now)
            security.audit(request, session, visitor, "journey.saved", f"journey:{journey_id}")
    except NotNow:
        pass  # it is over; the page says so
