"""/console/experiments: two or more letters, or branches of a journey, tried on members by chance;
how it goes, and when it is over what may be concluded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse

from app.campaigns import queries as campaigns
from app.campaigns import rules as letters
from app.campaigns.service import NotNow as LetterNotNow
from app.core import ids
from app.core.clock import taipei_date, taipei_midnight
from app.core.errors import Invalid, NotFound
from app.core.text import half_width
from app.experiments import queries, rules, service
from app.experiments.queries import ExperimentShown
from app.experiments.rules import ArmPlan, Comparison, Design, Seen, Verdict
from app.experiments.service import NotNow
from app.journeys import queries as journeys
from app.journeys import rules as journey_rules
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages, security
from app.web.console import letters as letter_checks
from app.web.params import PathId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/experiments", route_class=StaffRoute)
Marketer = Annotated[Visitor, Depends(require(Permission.REACH_MEMBERS))]
STATES: Final = {
    rules.DRAFT: "草稿",
    rules.RUNNING: "進行中",
    rules.DONE: "已有結果",
    rules.STOPPED: "提早停止",
}
FIELDS: Final = ("name", "split", "hold_out", "days", "baseline", "effect", "stop")
DEFAULTS: Final = {
    "hold_out": "10", "days": "7", "baseline": "10", "effect": "3", "stop": rules.FIXED
}  # fmt: skip
DRAFTS: Final = 30
ENDS_AFTER: Final = 60  # days, of a journey's


@router.get("")
def listed(request: Request, _visitor: Marketer) -> Response:
    with request.app.state.db.reading() as session:
        found = queries.experiments(session)
    return pages.render(request, "console/experiments.html", found=found, states=STATES)


# Setting up ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Typed:
    """As typed; `chosen` are ids of broadcasts."""

    values: Mapping[str, str]
    chosen: tuple[str, ...] = ()
    problem: str = ""
    field: str = ""


@router.get("/new")
def new(request: Request, _visitor: Marketer) -> Response:
    return _form(request, Typed(DEFAULTS))


@router.post("")
async def create(request: Request, visitor: Marketer) -> Response:
    form = await request.form()
    return await run_in_threadpool(_create, request, visitor, form)


def _create(request: Request, visitor: Visitor, form: FormData) -> Response:
    typed = Typed(
        {name: str(form.get(name, ""))[:60] for name in FIELDS},
        tuple(str(one)[:20] for one in form.getlist("broadcast"))[:DRAFTS],
    )
    now = request.app.state.clock()
    try:
        with request.app.state.db.transaction() as session:
            design = _design(session, typed)
            found = service.create(session, design=design, staff_id=visitor.staff_id, now=now)
            security.audit(request, session, visitor, "experiment.saved", f"experiment:{found}")
    except Invalid as wrong:
        return _form(request, Typed(typed.values, typed.chosen, wrong.reason, wrong.field), 422)
    return RedirectResponse(f"/console/experiments/{found}", 303)


def _design(session: Session, typed: Typed) -> Design:
    """Raises Invalid, NotFound."""
    values = typed.values
    days = _number(values, "days", "觀察天數")
    design = Design(
        name=" ".join(values["name"].split()),
        kind=rules.BROADCAST,
        arms=(),
        hold_out=0,
        days=int(days),
        baseline=round(100 * _number(values, "baseline", "目前的購買率")),
        effect=round(100 * _number(values, "effect", "想看出的差別")),
        stop=values["stop"],
    )
    journey, _, step = values["split"].partition(":")
    if journey:
        journey_id = ids.id_typed(journey)
        if journey_id is None:
            raise Invalid("split", "請選擇旅程的分組步驟")
        return service.of_journey(
            session, replace(design, kind=rules.JOURNEY, journey=journey_id, step=step)
        )
    chosen = [ids.id_typed(one) for one in typed.chosen]
    hold_out = int(_number(values, "hold_out", "對照組"))
    if not 2 <= len(chosen) <= len(rules.CODES) or not 0 <= hold_out <= 50:
        field = "arms" if 0 <= hold_out <= 50 else "hold_out"
        raise Invalid(
            field,
            f"請選 2–{len(rules.CODES)} 封群發草稿" if field == "arms" else "對照組須為 0–50%",
        )
    shares = rules.shares(len(chosen), hold_out)
    arms = tuple(
        ArmPlan(code, campaigns.broadcast(session, one or 0).name, percent, one)
        for code, one, percent in zip(rules.CODES, chosen, shares, strict=False)
    )
    return replace(design, arms=arms, hold_out=hold_out)


def _number(values: Mapping[str, str], field: str, name: str) -> float:
    try:
        number = float(half_width(values[field]).replace("%", "").strip())
    except ValueError:
        raise Invalid(field, f"{name}：請填數字") from None
    if not 0 <= number <= 1_000:
        raise Invalid(field, f"{name}：數字超出範圍")
    return number


def _form(request: Request, typed: Typed, status: int = 200) -> Response:
    with request.app.state.db.reading() as session:
        drafts = [
            one for one in campaigns.broadcasts(session, limit=200) if one.status == letters.DRAFT
        ][:DRAFTS]
        splits = _splits(session)
    return pages.render(
        request,
        "console/experiment_form.html",
        status,
        typed=typed,
        drafts=drafts,
        splits=splits,
        stops=rules.STOPS,
    )


def _splits(session: Session) -> list[tuple[str, str]]:
    """Steps of running journeys that part members by chance."""
    found = []
    for journey in journeys.running(session):
        plan = journeys.version(session, journey.id, journey.version).plan
        for step in journey_rules.each(plan.steps):
            if step.kind == "split":
                words = f"{journey.name}：A 組 {step.percent}%、B 組 {100 - step.percent}%"
                found.append((f"{journey.id}:{step.code}", words))
    return found


# One experiment -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """An arm as it stands; `seen` once the result may be read."""

    code: str
    name: str
    percent: float
    members: int
    url: str
    seen: Seen | None


@dataclass(frozen=True, slots=True)
class ExperimentView:
    found: ExperimentShown
    rows: tuple[Row, ...]
    mismatch: bool
    needed: int
    successes: int | None
    verdict: Verdict | None
    comparisons: Sequence[Comparison]
    journey: str
    watched: tuple[tuple[str, int, int], ...]  # arm, blocks, refusals: seen from the beginning


@router.get("/{experiment_id}")
def one(request: Request, _visitor: Marketer, experiment_id: PathId) -> Response:
    return _page(request, experiment_id)


def _page(
    request: Request, experiment_id: int, *, problem: str = "", status: int = 200
) -> Response:
    now: datetime = request.app.state.clock()
    with request.app.state.db.reading() as session:
        found = queries.experiment(session, experiment_id)
        sizes = queries.sizes(session, experiment_id)
        is_running = found.status == rules.RUNNING  # afterwards the result has it
        watched = queries.watched(session, experiment_id) if is_running else []
        journey = ""
        if found.design.journey is not None:
            journey = journeys.journey(session, found.design.journey).name
    today = taipei_date(now)
    return pages.render(
        request,
        "console/experiment.html",
        status,
        view=_view(found, sizes, watched, journey),
        states=STATES,
        stops=rules.STOPS,
        problem=problem,
        today=f"{today}",
        ends_on=f"{today + timedelta(days=ENDS_AFTER)}",
        names={arm.code: f"{arm.code} 版" for arm in found.design.arms} | {"0": "對照組"},
    )


def _view(
    found: ExperimentShown,
    sizes: Mapping[str, int],
    watched: Sequence[tuple[str, int, int]],
    journey: str,
) -> ExperimentView:
    design, result = found.design, found.result
    rows = [
        Row(
            arm.code,
            arm.name,
            design.planned[arm.code],
            sizes.get(arm.code, 0),
            f"/console/broadcasts/{arm.broadcast}" if arm.broadcast else "",
            None if result is None else result.get(arm.code, Seen()),
        )
        for arm in design.arms
    ]
    if design.hold_out:
        nothing = None if result is None else result.get(rules.HOLD_OUT, Seen())
        members = sizes.get(rules.HOLD_OUT, 0)
        rows.append(Row(rules.HOLD_OUT, "什麼都不寄", design.hold_out, members, "", nothing))
    verdict = None
    comparisons: Sequence[Comparison] = ()
    if result is not None:
        verdict = rules.verdict(design, result, was_stopped=found.status == rules.STOPPED)
        comparisons = rules.compare(design, result) if not rules.spoilt_by(design, result) else ()
    return ExperimentView(
        found,
        tuple(rows),
        mismatch=bool(sizes) and rules.mismatch(design, sizes) < rules.MISMATCH,
        needed=design.needed,
        successes=design.successes if design.stop == rules.SEQUENTIAL else None,
        verdict=verdict,
        comparisons=comparisons,
        journey=journey,
        watched=tuple(watched),
    )


@router.post("/{experiment_id}/start")
def start(
    request: Request,
    visitor: Marketer,
    experiment_id: PathId,
    send_on: Annotated[str, Form(max_length=10)] = "",
    send_hour: Annotated[str, Form(max_length=2)] = "",
    ends_on: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    now = request.app.state.clock()
    try:
        send_at = _moment(send_on, send_hour) if send_on else now
        ends_at = taipei_midnight(_day(ends_on)) if ends_on else now
        with request.app.state.db.transaction() as session:
            _check_letters(request, session, experiment_id)
            service.start(
                session, experiment_id=experiment_id, send_at=send_at, ends_at=ends_at, now=now
            )
            security.audit(
                request, session, visitor, "experiment.started", f"experiment:{experiment_id}"
            )
    except Invalid as wrong:
        return _page(request, experiment_id, problem=wrong.reason, status=422)
    except LetterNotNow:
        words = "其中一封群發已經不是草稿，請重新建立實驗"
        return _page(request, experiment_id, problem=words, status=409)
    except NotNow:
        pass  # a second press; the page shows that it runs
    return RedirectResponse(f"/console/experiments/{experiment_id}", 303)


def _check_letters(request: Request, session: Session, experiment_id: int) -> None:
    """As each would be checked if it were sent alone. Raises Invalid, NotFound."""
    found = queries.experiment(session, experiment_id)
    if found.status != rules.DRAFT:
        return
    for arm in found.design.arms:
        if arm.broadcast is None:
            continue
        try:
            letter = campaigns.broadcast(session, arm.broadcast).letter
        except NotFound:
            raise Invalid("arms", "其中一封群發草稿已刪除，請重新建立實驗") from None
        try:
            letter_checks.check(request, session, letter)
        except Invalid as wrong:
            raise Invalid(wrong.field, f"{arm.code} 版：{wrong.reason}") from None


def _day(typed: str) -> date:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        raise Invalid("ends_on", "日期請選一天") from None


def _moment(day: str, hour: str) -> datetime:
    if not (hour.isascii() and hour.isdigit() and int(hour) < 24):
        raise Invalid("send_hour", "時間請選 0–23 點")
    return taipei_midnight(_day(day)) + timedelta(hours=int(hour))


@router.post("/{experiment_id}/{step}")
def step(request: Request, visitor: Marketer, experiment_id: PathId, step: str) -> Response:
    """Stop it, or throw a draft away."""
    if step not in ("stop", "remove"):
        raise NotFound("step", step)
    try:
        with request.app.state.db.transaction() as session:
            if step == "stop":
                now = request.app.state.clock()
                service.stop(session, experiment_id=experiment_id, now=now)
            else:
                service.remove(session, experiment_id=experiment_id)
            action = "experiment.stopped" if step == "stop" else "experiment.removed"
            security.audit(request, session, visitor, action, f"experiment:{experiment_id}")
    except NotNow:
        return RedirectResponse(f"/console/experiments/{experiment_id}", 303)
    where = "" if step == "remove" else f"/{experiment_id}"
    return RedirectResponse(f"/console/experiments{where}", 303)
