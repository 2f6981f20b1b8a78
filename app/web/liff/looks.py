"""Views that mostly show: tiers and their benefits, of which some are chosen; purchases, stores,
the terms."""

from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi import Path as PathParam

from app.benefits import messages as benefit_messages
from app.benefits import queries as benefits
from app.benefits import service as benefit_service
from app.benefits.rules import BenefitRefused
from app.core.clock import taipei_date
from app.enrolments.notice import notice
from app.members.queries import Person
from app.points import queries as points
from app.programmes import queries as programmes
from app.purchases import queries as purchases
from app.purchases.queries import Bought, BoughtItem
from app.staff import queries as staff
from app.staff.queries import StoreShown
from app.tiers import queries as tiers
from app.tiers.rules import words
from app.web.liff import pages
from app.web.liff.guard import GoTo, LiffRoute, Looker, Member
from flex_templates import benefits as template

router = APIRouter(prefix="/liff", route_class=LiffRoute)

MAPS: Final = "https://www.google.com/maps/search/?api=1&query="
RECENT: Final = 50


@dataclass(frozen=True, slots=True)
class Sale:
    bought: Bought
    store: str
    items: list[BoughtItem]
    points: int  # less what refunds took back
    used: tuple[int, int]  # points that paid for it, and the NT$ they paid


@dataclass(frozen=True, slots=True)
class Shop:
    store: StoreShown
    map_url: str
    call_url: str


@router.get("/view/tiers")
def ladder(request: Request, member: Member) -> Response:
    return _ladder(request, member)


@router.post("/benefits/{choice}/{option}")
def choose(
    request: Request,
    member: Member,
    choice: Annotated[str, PathParam(max_length=40)],
    option: Annotated[str, PathParam(max_length=40)],
) -> Response:
    """Once a period: sent again it shows what was chosen."""
    now = request.app.state.clock()
    try:
        with request.app.state.db.transaction() as session:
            benefit_service.claim(
                session, member_id=member.id, choice=choice, option=option, now=now
            )
    except BenefitRefused as refused:
        return _ladder(request, member, benefit_messages.sentence(refused))
    raise GoTo("tiers?saved")


def _ladder(request: Request, member: Person, problem: str = "") -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        progress = tiers.progress(session, member.id, now=now)
        terms = programmes.terms_at(session, now)
        choices = benefits.choices(session, member.id, now=now)
    return pages.render(
        request,
        "tiers.html",
        409 if problem else 200,
        choices=choices,
        rule=template.rule,
        today=taipei_date(now),
        problem=problem,
        progress=progress,
        tiers=terms.tiers,
        tiering=terms.tiering,
        words=words,
    )


@router.get("/view/purchases")
def history(request: Request, member: Member) -> Response:
    with request.app.state.db.reading() as session:
        stores = {store.id: store.name for store in staff.open_stores(session)}
        bought = purchases.purchases_of(session, member.id, limit=RECENT)
        ids = [sale.id for sale in bought]
        items = purchases.items_of_all(session, ids)
        kept = points.kept_of_sales(session, ids)
        used = points.used_on_sales(session, member.id, ids)
    sales = [
        Sale(
            sale,
            stores.get(sale.store_id or 0, ""),
            items.get(sale.id, []),
            kept.get(sale.id, 0),
            used.get(sale.id, (0, 0)),
        )
        for sale in bought
    ]
    return pages.render(request, "purchases.html", sales=sales)


@router.get("/view/stores")
def stores(request: Request, _person: Looker) -> Response:
    """For guests, too."""
    with request.app.state.db.reading() as session:
        found = staff.open_stores(session)
    return pages.render(request, "stores.html", shops=[_shop(store) for store in found])


def _shop(store: StoreShown) -> Shop:
    place = " ".join(part for part in (store.name, store.address) if part)
    digits = "".join(sign for sign in store.phone or "" if sign in "+0123456789")
    return Shop(store, MAPS + quote(place, safe=""), f"tel:{digits}" if len(digits) > 2 else "")


@router.get("/view/terms")
def terms(request: Request, _person: Looker) -> Response:
    text = notice(request.app.state.settings.brand_name)
    return pages.render(request, "terms.html", notice=text)
