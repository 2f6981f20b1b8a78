"""/console/programme/thresholds: what other thresholds would make of the members, seen while they
are moved. `js/thresholds.js` does with the same steps in the page what `tiers.rules.cuts` does
here, so that dragging asks the server for nothing."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, QueryParams
from starlette.responses import RedirectResponse

from app.core import ids, money, text
from app.core.errors import Invalid, NotFound
from app.coupons import queries as coupons
from app.insights.queries import spread
from app.programmes import queries as programmes
from app.programmes.queries import NoProgramme
from app.programmes.rules import Terms, Tier
from app.revisions.service import Wish
from app.rulebooks import queries as books
from app.rulebooks import rules as book_rules
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.tiers.rules import cuts, words
from app.tiers.rules.cuts import STEP, Bucket, Cut
from app.web import pages
from app.web.console import programme_forms
from app.web.console.programme_drafts import keep
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/programme/thresholds", route_class=StaffRoute)
Reader = Annotated[Visitor, Depends(require(Permission.READ_NUMBERS))]
Writer = Annotated[Visitor, Depends(require(Permission.WRITE_PROGRAMME))]

WIDTH: Final = 640
HEIGHT: Final = 260
SIDE: Final = 14  # room left and right
TOP: Final = 46  # room for the names of the thresholds
BOTTOM: Final = 28  # room for the scale
BARS: Final = 40
SNAP: Final = 500  # NT$ that a dragged threshold moves by
SHARES: Final = (Fraction(5, 100), Fraction(15, 100), Fraction(40, 100))  # from the top
HIGHEST: Final = spread.MOST * STEP
NOTE: Final = "調整等級門檻"


@dataclass(frozen=True, slots=True)
class Handle:
    """A threshold: its tier, NT$, where it stands in the picture, who reaches it."""

    code: str
    name: str
    value: int
    before: int
    x: float
    share: str  # percent of all members


@dataclass(frozen=True, slots=True)
class Row:
    """What a tier would be: members, near ones, and what a year of it costs."""

    code: str
    name: str
    members: int
    before: int
    near: int
    points_cost: int
    gift_cost: int


@dataclass(frozen=True, slots=True)
class DesignView:
    handles: tuple[Handle, ...]
    bars: tuple[tuple[float, float, float, float, str], ...]  # x, y, width, height, words
    scale: tuple[tuple[float, str], ...]
    rows: tuple[Row, ...]
    tiers: tuple[str, ...]  # names, lowest first
    moves: tuple[tuple[str, tuple[int, ...]], ...]  # tier held, members by tier reached
    rises: int
    falls: int
    members: int
    below: int  # who spent less than a step and is in no bar
    data: str  # for the script
    window: str
    planned_for: datetime | None  # the terms are a version that begins only then
    also: bool  # tiers ask for more than money
    formula: str
    problems: Mapping[str, str]
    note: str


@router.get("")
def design(request: Request, visitor: Reader) -> Response:
    with request.app.state.db.reading() as session:
        terms, newest = _newest(session)
        view = _view(request, session, terms, request.query_params)
    return _page(request, visitor, view, newest)


def _page(
    request: Request,
    visitor: Visitor,
    view: DesignView,
    based_on: int,
    *,
    form_id: str = "",
    status: int = 200,
) -> Response:
    return pages.render(
        request,
        "console/thresholds.html",
        status,
        view=view,
        based_on=based_on,
        form_id=form_id or ids.random_code(20),
        may_write=visitor.may(Permission.WRITE_PROGRAMME),
        width=WIDTH,
        height=HEIGHT,
        top=TOP,
        base=HEIGHT - BOTTOM,
        step=STEP,
        highest=HIGHEST,
    )


def _newest(session: Session) -> tuple[Terms, int]:
    """The terms that a change would begin from. Raises NotFound."""
    newest = programmes.newest(session)
    try:
        return programmes.terms_of(session, newest), newest
    except NoProgramme as missing:
        raise NotFound("programme", newest) from missing


@router.post("")
async def save(request: Request, visitor: Writer) -> Response:
    form = await request.form()
    return await run_in_threadpool(_save, request, visitor, form)


def _save(request: Request, visitor: Visitor, form: FormData) -> Response:
    based_on = ids.id_typed(str(form.get("based_on", ""))) or 0
    form_id = str(form.get("form_id", ""))[:60]
    with request.app.state.db.transaction() as session:
        try:
            terms = programmes.terms_of(session, based_on)
        except NoProgramme as missing:
            raise NotFound("programme", based_on) from missing
        values, problems = _typed(terms, [], form)
        changed = with_thresholds(terms, values)
        note = " ".join(str(form.get("note", "")).split())
        if fault_of_note := programme_forms.note_fault(note):
            problems["note"] = fault_of_note
        if not problems:
            for fault in book_rules.faults(books.with_lists(session, changed)):
                problems.setdefault(_field(fault.path, changed), fault.reason)
        if problems:
            view = _view(request, session, terms, form, problems)
            return _page(request, visitor, view, based_on, form_id=form_id, status=422)
        # Thresholds put upon a planned version wait for its day: they do not bring it forward.
        starts_at = programmes.begins_later(session, based_on, at=request.app.state.clock())
        draft_id = keep(
            request,
            session,
            visitor,
            Wish(changed, note, starts_at),
            based_on=based_on,
            form_id=f"{visitor.staff_id}-{form_id}",
        )
    return RedirectResponse(f"/console/programme/drafts/{draft_id}?notice=saved", 303)


def _field(path: Sequence[str | int], terms: Terms) -> str:
    match path:
        case ("tiers", int(place), *_) if place < len(terms.tiers):
            return f"threshold-{terms.tiers[place].code}"
    return "other"


def _ladder(terms: Terms) -> list[Tier]:
    """The first tier and those that money can reach, lowest first."""
    above = (tier for tier in terms.tiers if tier.threshold and not tier.is_invite_only)
    return [terms.tiers[0], *above]


def movable(terms: Terms) -> list[Tier]:
    """Of them those whose threshold somebody sets: that of a tier for the top few is counted."""
    return [tier for tier in _ladder(terms)[1:] if tier.top_percent is None]


def with_thresholds(terms: Terms, values: Mapping[str, int]) -> Terms:
    return replace(
        terms,
        version=0,
        tiers=tuple(
            replace(tier, threshold=values[tier.code]) if tier.code in values else tier
            for tier in terms.tiers
        ),
    )


def _typed(
    terms: Terms, buckets: Sequence[Bucket], given: QueryParams | FormData
) -> tuple[dict[str, int], dict[str, str]]:
    """NT$ by tier, from what was typed or from the percent of members that shall reach it, and what
    is wrong by field. Untyped ones stay as they are."""
    values, problems = {}, {}
    by_share = given.get("by") == "share"
    for tier in movable(terms):
        field = f"threshold-{tier.code}"
        values[tier.code] = tier.threshold
        said, share = given.get(field), given.get(f"share-{tier.code}")
        if by_share and isinstance(share, str) and share.strip():
            found = _percent(share)
            if found is None:
                problems[f"share-{tier.code}"] = "請填 0 到 100 的百分比，例如 5"
            else:
                values[tier.code] = min(cuts.threshold_for(buckets, found), HIGHEST)
        elif isinstance(said, str):
            try:
                values[tier.code] = money.parse(said, field=field)
            except Invalid:
                problems[field] = "請填整數金額，例如 20000"
        value = values[tier.code]
        if not 0 < value <= HIGHEST or (value % STEP and value != tier.threshold):
            values[tier.code] = tier.threshold
            problems[field] = f"請填 NT${STEP} 的倍數，最高 {money.show(HIGHEST)}"
    return values, problems


def _percent(said: str) -> Fraction | None:
    try:
        typed = text.half_width(said).strip().removesuffix("%")
        found = Fraction(text.parse_decimal(typed, field="share")) / 100
    except Invalid:
        return None
    return found if 0 <= found <= 1 else None


def _view(
    request: Request,
    session: Session,
    terms: Terms,
    given: QueryParams | FormData,
    more: Mapping[str, str] | None = None,
) -> DesignView:
    found = spread.buckets(session, terms, now=request.app.state.clock())
    values, problems = _typed(terms, found, given)
    tiers = _ladder(terms)
    ladder = [(tier.code, values.get(tier.code, tier.threshold)) for tier in tiers]
    ladder.sort(key=lambda item: item[1])
    after = cuts.cut(found, ladder)
    before = cuts.cut(found, [(tier.code, tier.threshold) for tier in tiers])
    top = _top(found, [needed for _, needed in ladder])
    members = sum(bucket.members for bucket in found)
    rank = {tier.code: place for place, tier in enumerate(terms.tiers)}
    gifts = _gift_values(session)
    note = given.get("note")
    return DesignView(
        handles=tuple(
            _handle(tier, values[tier.code], ladder, after, top, members) for tier in movable(terms)
        ),
        bars=tuple(_bars(found, top)),
        scale=tuple(_scale(top)),
        rows=tuple(_row(tier, terms, after, before, gifts) for tier in tiers),
        tiers=tuple(tier.name for tier in tiers),
        moves=tuple(
            (tier.name, tuple(after.moves.get((tier.code, to.code), 0) for to in tiers))
            for tier in terms.tiers
        ),
        rises=sum(n for (held, to), n in after.moves.items() if rank[to] > rank.get(held, 0)),
        falls=sum(n for (held, to), n in after.moves.items() if rank[to] < rank.get(held, 0)),
        members=members,
        below=sum(bucket.members for bucket in found if bucket.step == 0),
        data=_data(found, tiers, values, terms, gifts, top),
        window=words.window(terms.tiering),
        planned_for=programmes.begins_later(session, terms.version, at=request.app.state.clock()),
        also=not terms.counts_only_spend,
        formula=f"點數：該等級會員{words.window(terms.tiering)}的消費 ÷ "
        f"NT${terms.earning.unit:,} × "
        f"{terms.earning.rate} 點 × 等級倍率 × 一點 NT${terms.points.value:g}。"
        "升等禮：比現在的門檻多出來的人數 × 券面額（打折券與兌換品不估）。",
        problems={**problems, **(more or {})},
        note=note if isinstance(note, str) else NOTE,
    )


def _gift_values(session: Session) -> dict[str, int]:
    """NT$ that an upgrade gift takes off at most; coupons without a fixed sum are not guessed."""
    return {
        kind.draft.code: kind.draft.value
        for kind in coupons.kinds(session)
        if kind.draft.type == "amount_off"
    }


def _row(tier: Tier, terms: Terms, after: Cut, before: Cut, gifts: Mapping[str, int]) -> Row:
    members, was = after.members.get(tier.code, 0), before.members.get(tier.code, 0)
    return Row(
        code=tier.code,
        name=tier.name,
        members=members,
        before=was,
        near=after.near.get(tier.code, 0),
        points_cost=points_cost(after.spend.get(tier.code, 0), tier, terms),
        gift_cost=max(0, members - was) * gifts.get(tier.gift or "", 0),
    )


def points_cost(spend: int, tier: Tier, terms: Terms) -> int:
    """NT$ of the points that so much spending of a tier's members earns, campaigns left out."""
    steps = spend // terms.earning.unit * terms.earning.rate * tier.percent // 100
    return round(steps * terms.points.value)


# The picture --------------------------------------------------------------------------------------


def _top(found: Sequence[Bucket], thresholds: Sequence[int]) -> int:
    """NT$ at the right edge: above the highest threshold, and above nearly everybody."""
    spenders = sorted(
        ((bucket.step, bucket.members) for bucket in found if bucket.step), reverse=True
    )
    total, above, highest = sum(members for _, members in spenders), 0, 0
    for step, members in spenders:
        above += members
        if above * 200 >= total:
            highest = (step + 1) * STEP
            break
    wanted = max(highest, max(thresholds, default=0) * 5 // 4, 1_000)
    size: int = 10 ** (len(str(wanted)) - 1)
    return -(-wanted // size) * size


def place(value: int, top: int) -> float:
    """Where NT$ stand in the picture: small sums, where most members are, get more room."""
    share = math.sqrt(min(max(value, 0), top) / top)
    return round(SIDE + (WIDTH - 2 * SIDE) * share, 1)


def _bars(found: Sequence[Bucket], top: int) -> list[tuple[float, float, float, float, str]]:
    counts = [0] * BARS
    for bucket in found:
        if bucket.step:
            share = math.sqrt(min(bucket.step * STEP, top) / top)
            counts[min(int(share * BARS), BARS - 1)] += bucket.members
    most, room, slot = max(*counts, 1), HEIGHT - BOTTOM - TOP, (WIDTH - 2 * SIDE) / BARS
    bars = []
    for at, members in enumerate(counts):
        tall = round(members / most * room, 1)
        low, high = (round(top * (edge / BARS) ** 2) for edge in (at, at + 1))
        said = f"{money.show(low)} – {money.show(high)}：{members:,} 人"
        bars.append(
            (round(SIDE + slot * at + 0.5, 1), HEIGHT - BOTTOM - tall, slot - 1, tall, said)
        )
    return bars


def _scale(top: int) -> list[tuple[float, str]]:
    marks = [0, *(top * part * part // 16 for part in (1, 2, 3, 4))]
    return [(place(mark, top), f"{mark:,}") for mark in marks]


def _handle(
    tier: Tier, value: int, ladder: Sequence[tuple[str, int]], after: Cut, top: int, members: int
) -> Handle:
    reached = sum(after.members.get(code, 0) for code, needed in ladder if needed >= value)
    share = f"{reached * 100 / members:.1f}" if members else "0.0"
    return Handle(tier.code, tier.name, value, tier.threshold, place(value, top), share)


def _data(
    found: Sequence[Bucket],
    tiers: Sequence[Tier],
    values: Mapping[str, int],
    terms: Terms,
    gifts: Mapping[str, int],
    top: int,
) -> str:
    """Everything that the script counts with: rows are tier held, step, members, NT$."""
    rank = {tier.code: number for number, tier in enumerate(terms.tiers)}
    return json.dumps(
        {
            "step": STEP,
            "snap": SNAP,
            "top": top,
            "highest": HIGHEST,
            "width": WIDTH,
            "side": SIDE,
            "unit": terms.earning.unit,
            "rate": terms.earning.rate,
            "value": terms.points.value,
            "held": [tier.code for tier in terms.tiers],
            "tiers": [
                {
                    "code": tier.code,
                    "rank": rank[tier.code],
                    "threshold": tier.threshold,
                    "moves": tier.code in values,
                    "percent": tier.percent,
                    "gift": gifts.get(tier.gift or "", 0),
                }
                for tier in tiers
            ],
            "buckets": [
                [rank.get(bucket.held, 0), bucket.step, bucket.members, bucket.spend]
                for bucket in sorted(found, key=lambda item: item.step)
            ],
        },
        separators=(",", ":"),
    )
