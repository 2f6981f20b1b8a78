"""/console/coupons: what kinds there are and how they do, making one, changing what it offers."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse

from app.core.clock import taipei_date
from app.core.errors import Conflict, Invalid, NotFound
from app.coupons import messages, queries, service
from app.coupons.queries import KindState
from app.coupons.rules import words
from app.insights.queries import kinds
from app.insights.queries.kinds import NOTHING, OddClerk, OfferVersion, Performance
from app.previews import flex_html
from app.programmes import queries as programmes
from app.programmes.queries import NoProgramme
from app.staff import queries as staff
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages, security
from app.web.console import charts, coupon_forms
from app.web.console.charts import Chart
from app.web.console.coupon_forms import STARTERS, TEMPLATES, Filled
from app.web.params import PathId
from app.web.security import StaffRoute, require
from flex_templates import coupons as template
from flex_templates.coupons import WalletView
from flex_templates.parts import Press

router = APIRouter(prefix="/console/coupons", route_class=StaffRoute)
Reader = Annotated[Visitor, Depends(require(Permission.READ_NUMBERS))]
Writer = Annotated[Visitor, Depends(require(Permission.WRITE_COUPONS))]

DAYS: Final = 30  # of the picture on a kind's page
LOOKED_BACK: Final = timedelta(days=7)  # for what looks odd


@dataclass(frozen=True, slots=True)
class Line:
    kind: KindState
    worth: str
    does: Performance


@dataclass(frozen=True, slots=True)
class KindView:
    kind: KindState
    does: Performance
    sentences: tuple[str, ...]
    days: Chart
    stores: list[tuple[str, int, int]]
    versions: list[OfferVersion]
    preview: str


@router.get("")
def listed(request: Request, _visitor: Reader) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        does = kinds.performances(session, now=now)
        lines = [
            Line(kind, _worth(kind), does.get(kind.kind_id, NOTHING))
            for kind in queries.kinds(session)
        ]
        odd: list[OddClerk] = kinds.odd_clerks(session, since=now - LOOKED_BACK, until=now)
    given = [line for line in lines if line.kind.is_active]
    stopped = [line for line in lines if not line.kind.is_active]
    return pages.render(
        request,
        "console/coupons.html",
        given=given[::-1],
        stopped=stopped[::-1],
        odd=odd,
        many=kinds.MANY_A_DAY,
        back=kinds.MANY_BACK,
        gifts=kinds.MANY_GIVEN,
    )


def _worth(kind: KindState) -> str:
    return words.worth(words.offer_of(kind.draft))


# Writing ------------------------------------------------------------------------------------------


@router.get("/new")
def new(
    request: Request, _visitor: Writer, template: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    if template not in STARTERS:
        return pages.render(request, "console/coupon_templates.html", templates=TEMPLATES)
    return _editor(request, coupon_forms.shown(STARTERS[template]), None)


@router.post("/drawn")
async def redraw(request: Request, _visitor: Writer) -> Response:
    """The part of the form that shows the coupon, asked for while somebody types."""
    form = await request.form()
    return await run_in_threadpool(_drawn, request, form)


def _drawn(request: Request, form: FormData) -> Response:
    with request.app.state.db.reading() as session:
        kept = _kept(session, form)
        filled = coupon_forms.read(
            form, STARTERS[_template(form)] if kept is None else kept.draft, is_new=kept is None
        )
        shown = _shown(request, session, filled)
    return pages.render(request, "console/coupon_drawn.html", shown=shown)


def _template(form: FormData) -> str:
    """Raises NotFound."""
    said = form.get("template")
    if said not in STARTERS:
        raise NotFound("coupon template", said)
    return str(said)


def _kept(session: Session, form: FormData) -> KindState | None:
    said = form.get("kept")
    return queries.newest_offer(session, said) if isinstance(said, str) and said else None


@router.post("")
async def create(request: Request, visitor: Writer) -> Response:
    form = await request.form()
    return await run_in_threadpool(_create, request, visitor, form)


def _create(request: Request, visitor: Visitor, form: FormData) -> Response:
    filled = coupon_forms.read(form, STARTERS[_template(form)], is_new=True)
    if filled.problems:
        return _editor(request, filled, None, 422)
    try:
        with request.app.state.db.transaction() as session:
            now = request.app.state.clock()
            kind_id = service.create_kind(session, draft=filled.draft, now=now)
            target, after = f"coupon_kind:{kind_id}", {"code": filled.draft.code}
            security.audit(request, session, visitor, "coupon_kind.created", target, after=after)
    except (Invalid, Conflict) as refused:
        return _editor(request, filled.with_problem(_said(refused)), None, 422)
    return RedirectResponse(f"/console/coupons/{kind_id}", 303)


@router.get("/{kind_id}")
def one(request: Request, _visitor: Reader, kind_id: PathId) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        kind = queries.kind_by_id(session, kind_id)
        shown = _shown(request, session, coupon_forms.shown(kind.draft))
        view = KindView(
            kind=kind,
            does=kinds.performances(session, now=now, kind_id=kind_id).get(kind_id, NOTHING),
            sentences=shown.sentences,
            days=_days(session, kind_id, now),
            stores=kinds.redeemed_by_store(session, kind_id),
            versions=kinds.versions(session, kind_id),
            preview=shown.preview,
        )
    return pages.render(request, "console/coupon.html", view=view)


def _days(session: Session, kind_id: int, now: datetime) -> Chart:
    today = taipei_date(now)
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    used = kinds.redeemed_by_day(session, kind_id, since=days[0])
    points = [(day, used.get(day, 0)) for day in days]
    return charts.bars(points, show=lambda number: f"{number:,} 張", name="核銷")


@router.get("/{kind_id}/edit")
def edit(request: Request, _visitor: Writer, kind_id: PathId) -> Response:
    with request.app.state.db.reading() as session:
        kind = queries.kind_by_id(session, kind_id)
    return _editor(request, coupon_forms.shown(kind.draft), kind)


@router.post("/{kind_id}/edit")
async def revise(request: Request, visitor: Writer, kind_id: PathId) -> Response:
    form = await request.form()
    return await run_in_threadpool(_revise, request, visitor, form, kind_id)


def _revise(request: Request, visitor: Visitor, form: FormData, kind_id: int) -> Response:
    """Who opened the form before somebody else changed the kind sees that first."""
    with request.app.state.db.reading() as session:
        kind: KindState = queries.kind_by_id(session, kind_id)
    filled = coupon_forms.read(form, kind.draft, is_new=False)
    if filled.problems:
        return _editor(request, filled, kind, 422)
    seen = form.get("version")
    if seen != kind.seal:
        return _stale(request, filled, kind_id)
    try:
        with request.app.state.db.transaction() as session:
            now = request.app.state.clock()
            if service.revise_kind(session, draft=filled.draft, now=now, seen=seen):
                after = {"code": kind.draft.code, "from": kind.version}
                target = f"coupon_kind:{kind_id}"
                security.audit(
                    request, session, visitor, "coupon_kind.revised", target, after=after
                )
    except service.KindChanged:
        return _stale(request, filled, kind_id)
    except (Invalid, Conflict) as refused:
        return _editor(request, filled.with_problem(_said(refused)), kind, 422)
    return RedirectResponse(f"/console/coupons/{kind_id}", 303)


def _stale(request: Request, filled: Filled, kind_id: int) -> Response:
    """What was typed, to be saved over the kind as it is now."""
    with request.app.state.db.reading() as session:
        kind: KindState = queries.kind_by_id(session, kind_id)
    stale = Invalid("version", "這張券剛被別人修改過，請確認內容後再儲存一次")
    return _editor(request, filled.with_problem(stale), kind, 409)


def _said(refused: Invalid | Conflict) -> Invalid:
    if isinstance(refused, Invalid):
        return refused
    what = "代碼" if refused.field == "code" else "活動代碼"
    return Invalid(refused.field, f"已經有優惠券用這個{what}，請換一個")


@router.post("/{kind_id}/pause")
def pause(request: Request, visitor: Writer, kind_id: PathId) -> Response:
    return _switch(request, visitor, kind_id, is_active=False)


@router.post("/{kind_id}/resume")
def resume(request: Request, visitor: Writer, kind_id: PathId) -> Response:
    return _switch(request, visitor, kind_id, is_active=True)


def _switch(request: Request, visitor: Visitor, kind_id: int, *, is_active: bool) -> Response:
    action = "coupon_kind.resumed" if is_active else "coupon_kind.paused"
    with request.app.state.db.transaction() as session:
        code = queries.kind_by_id(session, kind_id).draft.code
        if service.set_active(session, code=code, is_active=is_active):
            target = f"coupon_kind:{kind_id}"
            security.audit(request, session, visitor, action, target, after={"code": code})
    return RedirectResponse(f"/console/coupons/{kind_id}", 303)


def _editor(
    request: Request, filled: Filled, kind: KindState | None, status: int = 200
) -> Response:
    with request.app.state.db.reading() as session:
        now = request.app.state.clock()
        shown = _shown(request, session, filled)
        stores = {store.code: store.name for store in staff.open_stores(session)}
        tiers = _tiers(session, now)
    return pages.render(
        request,
        "console/coupon_draft.html",
        status,
        filled=filled,
        kind=kind,
        stores=stores,
        tiers=tiers,
        weekdays=words.DAYS,
        templates=TEMPLATES,
        shown=shown,
    )


def _tiers(session: Session, now: datetime) -> dict[str, str]:
    """Names by code; none before there is a programme: coupons can be made first."""
    try:
        return {tier.code: tier.name for tier in programmes.terms_at(session, now).tiers}
    except NoProgramme:
        return {}


@dataclass(frozen=True, slots=True)
class Shown:
    """A coupon as the member sees it (drawing, JSON), and its rules in sentences."""

    preview: str
    sentences: tuple[str, ...]


def _shown(request: Request, session: Session, filled: Filled) -> Shown:
    now = request.app.state.clock()
    draft = filled.draft
    view = messages.offered(draft, now=now)
    nowhere = Press("preview")
    message = template.wallet_message(
        WalletView((view,), 1, nowhere), request.app.state.settings.theme
    )
    drawn = flex_html.render(message, interactive=False)
    stores = {store.code: store.name for store in staff.open_stores(session)}
    tiers = _tiers(session, now)
    return Shown(
        orjson.dumps({"html": drawn.html, "css": list(drawn.css)}).decode(),
        words.explained(draft, stores=stores, tiers=tiers),
    )
