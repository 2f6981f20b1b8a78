"""我的發票: what was registered and what became of it; by the camera, or the barcode by hand."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from starlette.responses import JSONResponse

from app.core.scanning import NotAPicture, codes_in
from app.invoices import messages, queries, service
from app.invoices.rules import slips
from app.invoices.rules.campaigns import InvoiceRefused
from app.invoices.rules.slips import Code, NotAnInvoice, Slip
from app.programmes import queries as programmes
from app.web.liff import pages
from app.web.liff.guard import LiffRoute, Member
from app.web.liff.pace import Pace

MOST_CODES: Final = 4  # of one slip: two, and room for what a camera saw besides
LONGEST_CODE: Final = 2_000
FRAME_LIMIT: Final = 1024 * 1024  # bytes
FRAME_PIXELS: Final = 4_000_000  # a page of ours sends them 1,280 wide
FRAMES_A_MINUTE: Final = 240  # of one member; the page takes a look every 0.2 seconds and waits


class FrameRoute(LiffRoute):
    limit = FRAME_LIMIT


router = APIRouter(prefix="/liff", route_class=LiffRoute)
frames = APIRouter(prefix="/liff", route_class=FrameRoute)


@dataclass(frozen=True, slots=True)
class Done:
    number: str
    status: str
    total: int
    points: int


@router.get("/view/invoices")
def show(request: Request, member: Member) -> Response:
    return _page(request, member)


@router.post("/invoices")
def register(
    request: Request,
    member: Member,
    code: Annotated[str, Form(max_length=40)] = "",
    qr: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """By the QR codes that were scanned, in any order; or by the nineteen characters under the
    barcode, for a sale that the till told of already."""
    try:
        slip = _slip(code, qr or [])
        with request.app.state.db.transaction() as session:
            done = service.claim(
                session,
                member_id=member.id,
                slip=slip,
                source="liff",
                theme=request.app.state.settings.theme,
                now=request.app.state.clock(),
            )
    except (InvoiceRefused, NotAnInvoice) as refused:
        return _page(request, member, typed=code, problem=messages.explain(refused))
    shown = Done(slip.number, done.status, done.total, done.points)
    return _page(request, member, done=shown)


def _slip(code: str, qr: list[str]) -> Slip:
    if not qr:
        return slips.read_barcode(code)
    if len(qr) > MOST_CODES or any(len(text) > LONGEST_CODE for text in qr):
        raise NotAnInvoice("foreign")
    return slips.read([Code(text) for text in qr])


async def body(request: Request) -> bytes:
    return await request.body()


@frames.post("/invoices/frame")
def frame(request: Request, member: Member, picture: Annotated[bytes, Depends(body)]) -> Response:
    """The QR codes in one picture of the camera, for phones whose browser cannot read them. Nothing
    is kept. 429 for more pictures than a camera takes."""
    if not _pace(request).allows(member.id, now=request.app.state.clock()):
        return JSONResponse({"codes": []}, 429, headers=pages.NO_STORE)
    try:
        found = [code.text for code in codes_in(picture, most_pixels=FRAME_PIXELS)]
    except NotAPicture:
        found = []
    return JSONResponse({"codes": found[:MOST_CODES]}, headers=pages.NO_STORE)


def _pace(request: Request) -> Pace:
    """One for the application."""
    state = request.app.state
    if not hasattr(state, "frame_pace"):
        state.frame_pace = Pace(FRAMES_A_MINUTE)
    pace: Pace = state.frame_pace
    return pace


def _page(
    request: Request,
    member: Member,
    *,
    typed: str = "",
    problem: str = "",
    done: Done | None = None,
) -> Response:
    with request.app.state.db.reading() as session:
        terms = programmes.terms_at(session, request.app.state.clock()).invoices
        claims = queries.claims_of(session, member.id)
    return pages.render(
        request,
        "invoices.html",
        422 if problem else 200,
        terms=terms,
        claims=claims,
        typed=typed,
        problem=problem,
        done=done,
        states=messages.STATES,
    )
