"""我的發票: what was registered and what became of it, and the barcode by hand."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from app.invoices import messages, queries, service
from app.invoices.rules import slips
from app.invoices.rules.campaigns import InvoiceRefused
from app.invoices.rules.slips import NotAnInvoice
from app.programmes import queries as programmes
from app.web.liff import pages
from app.web.liff.guard import LiffRoute, Member

router = APIRouter(prefix="/liff", route_class=LiffRoute)


@router.get("/view/invoices")
def show(request: Request, member: Member) -> Response:
    return _page(request, member)


@router.post("/invoices")
def register(
    request: Request, member: Member, code: Annotated[str, Form(max_length=40)] = ""
) -> Response:
    """The nineteen characters under the barcode, for a sale that the till told of already."""
    try:
        slip = slips.read_barcode(code)
        with request.app.state.db.transaction() as session:
            service.claim(
                session,
                member_id=member.id,
                slip=slip,
                source="liff",
                theme=request.app.state.settings.theme,
                now=request.app.state.clock(),
            )
    except (InvoiceRefused, NotAnInvoice) as refused:
        return _page(request, member, typed=code, problem=messages.explain(refused))
    return _page(request, member)


def _page(request: Request, member: Member, *, typed: str = "", problem: str = "") -> Response:
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
        states=messages.STATES,
    )
