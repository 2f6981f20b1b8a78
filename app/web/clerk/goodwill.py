"""/clerk/serve/{pass}/goodwill: a coupon to make up for something, within the clerk's quota."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.checkouts import service as checkouts
from app.core import ids, text
from app.core.errors import DomainError
from app.coupons import queries as coupons
from app.coupons.queries import HeldCoupon, KindState
from app.coupons.rules import words as coupon_words
from app.coupons.service import Giver
from app.members import queries as members
from app.programmes import queries as programmes
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages, security
from app.web.clerk import refusals
from app.web.clerk.passes import Pass
from app.web.clerk.serve import pass_of
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/clerk/serve/{sealed}/goodwill", route_class=StaffRoute)
Server = Annotated[Visitor, Depends(require(Permission.SERVE, needs_store=True))]
Key = Annotated[str, Form(max_length=40)]


@dataclass(frozen=True, slots=True)
class Choice:
    code: str
    name: str
    worth: str


@dataclass(frozen=True, slots=True)
class GoodwillView:
    """`left`: what the clerk may still give today and this month, None without limit."""

    sealed: str
    name: str  # masked
    choices: tuple[Choice, ...]
    left: tuple[int | None, int | None]
    form_id: str
    kind: str = ""
    reason: str = ""
    given: HeldCoupon | None = None
    error: str = ""

    @property
    def may_give(self) -> bool:
        return bool(self.choices) and all(left is None or left > 0 for left in self.left)


@router.get("")
def goodwill_page(
    request: Request,
    visitor: Server,
    sealed: str,
    given: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    found = pass_of(request, visitor, sealed)
    if isinstance(found, Response):
        return found
    return _page(request, visitor, sealed, found, given=given)


@router.post("")
def give(
    request: Request,
    visitor: Server,
    sealed: str,
    kind: Key = "",
    form_id: Key = "",
    reason: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    given = pass_of(request, visitor, sealed)
    if isinstance(given, Response):
        return given
    key = f"{visitor.staff_id}-{form_id}"

    def work(session: Session) -> None:
        _give(request, session, visitor, given, kind, key, reason)

    try:
        request.app.state.db.carried_out(work)
    except DomainError as error:
        sentence = refusals.sentence(error)
        return _page(
            request, visitor, sealed, given, kind=kind, reason=reason, key=form_id, error=sentence
        )
    return RedirectResponse(f"/clerk/serve/{sealed}/goodwill?given={key}", 303)


def _give(
    request: Request,
    session: Session,
    visitor: Visitor,
    given: Pass,
    kind: str,
    key: str,
    reason: str,
) -> None:
    """Raises DomainError."""
    now = request.app.state.clock()
    quota = programmes.terms_at(session, now).goodwill.quota(visitor.role)
    issued = checkouts.give_goodwill(
        session,
        kind_code=kind,
        member_id=given.member_id,
        by=Giver(visitor.staff_id, visitor.store_id, quota),
        reason=reason,
        form_id=key,
        now=now,
    )
    if issued is not None:
        # Why is noted with the coupon, where it goes when the member does.
        after = {"kind": kind, "member": given.member_id}
        target = f"coupon:{issued.coupon_id}"
        security.audit(request, session, visitor, "coupon.goodwill", target, after=after)


def _page(
    request: Request,
    visitor: Visitor,
    sealed: str,
    given_pass: Pass,
    *,
    given: str = "",
    kind: str = "",
    reason: str = "",
    key: str = "",
    error: str = "",
) -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        name = members.person(session, given_pass.member_id).called
        quota = programmes.terms_at(session, now).goodwill.quota(visitor.role)
        spent = coupons.goodwill_given(session, visitor.staff_id, now=now)
        living_id = members.living_id(session, given_pass.member_id)
        done = coupons.goodwill_of(session, given, member_id=living_id) if given else None
        choices = tuple(map(_choice, coupons.goodwill_kinds(session)))
    left = tuple(
        None if most is None else max(0, most - used)
        for most, used in zip(quota, spent, strict=True)
    )
    view = GoodwillView(
        sealed=sealed,
        name=text.mask_name(name) if name else "會員",
        choices=choices,
        left=(left[0], left[1]),
        form_id=key or ids.random_code(),
        kind=kind,
        reason=reason,
        given=done,
        error=error,
    )
    return pages.render(request, "clerk/goodwill.html", 409 if error else 200, view=view)


def _choice(kind: KindState) -> Choice:
    draft = kind.draft
    return Choice(draft.code, draft.name, coupon_words.worth(coupon_words.offer_of(draft)))
