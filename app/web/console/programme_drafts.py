"""Changing the programme: the form, what it would do to members, and who approves it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse

from app.core import ids
from app.core.errors import Conflict, DomainError, Invalid, NotFound
from app.coupons import queries as coupons
from app.programmes import queries as programmes
from app.programmes.queries import NoProgramme, Version
from app.programmes.rules import ContradictoryTerms, Terms
from app.revisions import queries, service
from app.revisions.queries import Draft
from app.revisions.service import (
    DraftMoved,
    DraftOutdated,
    NotTheAuthor,
    Person,
    SecondPersonNeeded,
    Wish,
)
from app.rulebooks import queries as books
from app.rulebooks import rules as book_rules
from app.rulebooks.rules import Book, Crowd
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages, security
from app.web.console import programme_forms
from app.web.console.programme_forms import DOWNGRADES, EXPIRIES, WINDOWS, Filled
from app.web.params import PathId
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/programme", route_class=StaffRoute)
Writer = Annotated[Visitor, Depends(require(Permission.WRITE_PROGRAMME))]
Short = Annotated[str, Form(max_length=80)]
Edition = Annotated[int, Form(ge=1, le=ids.LARGEST)]

NOTICES: Final = {
    "saved": (True, "草稿已儲存，還沒有生效。"),
    "ask": (True, "已送出，等另一位同仁核准。"),
    "approve": (True, "已核准。"),
    "reject": (True, "已退回，會員制度沒有變動。"),
    "withdraw": (True, "草稿已收回，會員制度沒有變動。"),
    "renew": (True, "您的修改已放到最新的一版上，請再看一次。"),
    "clash": (False, "您和新的一版改了同一個地方，這裡保留您的值，請確認後再送出。"),
    "second": (False, "自己寫的修改要由另一位同仁核准。"),
    "author": (False, "只有寫這份草稿的人可以這樣做。"),
    "moved": (False, "這份草稿剛才有變動，請看過現在的內容再決定。"),
    "outdated": (False, "寫這份草稿之後，已經有新的一版會員制度，請先把修改放到最新的一版上。"),
    "contradictory": (False, "這份草稿現在互相矛盾，可能用到了停發的優惠券，請修改後再送出。"),
    "reason": (False, "請寫退回的原因，最多 200 個字。"),
}


DECIDED: Final = "這份草稿剛才已經有了決定，不能再儲存。需要的內容請先複製下來，再另寫一份。"


@dataclass(frozen=True, slots=True)
class Move:
    """So many members whose spend reaches one tier today and another by the draft."""

    old: str
    new: str
    members: int
    is_up: bool


@dataclass(frozen=True, slots=True)
class DraftView:
    draft: Draft
    compared_with: int  # the version that holds until the draft begins
    hastens: datetime | None  # the version it was written upon would begin only then
    changes: list[str]
    consequences: list[str]
    moves: tuple[Move, ...]
    is_outdated: bool
    is_mine: bool
    may_alone: bool
    replaced: tuple[Version, ...]  # plans that it would take the place of

    @property
    def may_approve(self) -> bool:
        if self.is_outdated:
            return False
        if self.is_mine:
            return self.may_alone and self.draft.is_under_way
        return self.draft.status == "waiting"


@router.get("/new")
def new(request: Request, _: Writer) -> Response:
    with request.app.state.db.reading() as session:
        newest = programmes.newest(session)
        try:
            terms = programmes.terms_of(session, newest)
        except NoProgramme as missing:
            raise NotFound("programme", newest) from missing
        now = request.app.state.clock()
        starts_at = programmes.begins_later(session, newest, at=now)
        filled = programme_forms.shown(terms, starts_at=starts_at)
        return _editor(request, session, filled, based_on=newest, draft=None)


def _editor(
    request: Request,
    session: Session,
    filled: Filled,
    *,
    based_on: int,
    draft: Draft | None,
    form_id: str = "",
    status: int = 200,
) -> Response:
    given = {kind.draft.code: kind.draft.name for kind in coupons.kinds(session) if kind.is_active}
    return pages.render(
        request,
        "console/programme_form.html",
        status,
        filled=filled,
        problems=filled.problems,
        typed=filled.typed,
        based_on=based_on,
        planned_for=programmes.begins_later(session, based_on, at=request.app.state.clock()),
        draft=draft,
        coupons=given,
        form_id=form_id or ids.random_code(20),
        expiries=EXPIRIES,
        windows=WINDOWS,
        downgrades=DOWNGRADES,
    )


@router.post("/drafts")
async def create(request: Request, visitor: Writer) -> Response:
    form = await request.form()
    return await run_in_threadpool(_create, request, visitor, form)


def _create(request: Request, visitor: Visitor, form: FormData) -> Response:
    now = request.app.state.clock()
    based_on = ids.id_typed(str(form.get("based_on", ""))) or 0
    form_id = f"{visitor.staff_id}-{form.get('form_id', '')}"[:80]
    with request.app.state.db.transaction() as session:
        try:
            kept = programmes.terms_of(session, based_on)
        except NoProgramme as missing:
            raise NotFound("programme", based_on) from missing
        filled = _read(session, form, kept, now)
        if filled.problems:
            return _editor(
                request,
                session,
                filled,
                based_on=based_on,
                draft=None,
                form_id=str(form.get("form_id", ""))[:60],
                status=422,
            )
        made = keep(request, session, visitor, wish_of(filled), based_on=based_on, form_id=form_id)
    return RedirectResponse(f"/console/programme/drafts/{made}?notice=saved", 303)


def keep(
    request: Request,
    session: Session,
    visitor: Visitor,
    wish: Wish,
    *,
    based_on: int,
    form_id: str,
) -> int:
    """Write a draft and say so in the log. Raises what `service.write` raises."""
    now = request.app.state.clock()
    known = queries.by_form(session, form_id)
    made = service.write(
        session, wish, based_on=based_on, form_id=form_id, by=person(visitor), now=now
    )
    if known is None:  # the same form again is the same draft
        _audit(request, session, visitor, "written", queries.draft(session, made))
    return made


def wish_of(filled: Filled) -> Wish:
    return Wish(filled.terms, filled.typed["note"], filled.starts_at)


def _read(session: Session, form: FormData, kept: Terms, now: datetime) -> Filled:
    filled = programme_forms.read(form, kept, now=now)
    return filled.with_faults(book_rules.faults(books.with_lists(session, filled.terms)))


def person(visitor: Visitor) -> Person:
    return Person(visitor.staff_id, visitor.role)


# One draft ----------------------------------------------------------------------------------------


@router.get("/drafts/{draft_id}")
def draft(
    request: Request,
    visitor: Writer,
    draft_id: PathId,
    notice: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    with request.app.state.db.reading() as session:
        view = _view(session, queries.draft(session, draft_id), visitor, request.app.state.clock())
    return pages.render(
        request, "console/programme_draft.html", view=view, notice=NOTICES.get(notice)
    )


def _view(session: Session, kept: Draft, visitor: Visitor, now: datetime) -> DraftView:
    by = person(visitor)
    newest = programmes.newest(session)
    starts_at = _starts_at(kept, now)
    old = _replaced(session, kept, now)
    changes = book_rules.differences(old, books.with_lists(session, kept.terms))
    consequences: list[str] = []
    moves: tuple[Move, ...] = ()
    if kept.is_under_way and changes:
        effects = books.effects(session, old.terms, kept.terms, now=now)
        consequences = book_rules.consequences(effects, old.terms, kept.terms)
        moves = _moves(effects.crowds, old.terms, kept.terms)
    return DraftView(
        draft=kept,
        compared_with=old.terms.version,
        hastens=programmes.begins_later(session, kept.based_on, at=starts_at),
        changes=changes,
        consequences=consequences,
        moves=moves,
        is_outdated=kept.is_under_way and newest != kept.based_on,
        is_mine=kept.author == visitor.staff_id,
        may_alone=service.needs_nobody(session, by, now=now),
        replaced=tuple(
            item
            for item in programmes.versions(session, now=now)
            if item.is_planned and item.starts_at > starts_at
        ),
    )


def _starts_at(kept: Draft, now: datetime) -> datetime:
    """When it began, or would begin if it was approved now."""
    at = kept.decided_at or now
    return max(at, kept.starts_at or at)


def _replaced(session: Session, kept: Draft, now: datetime) -> Book:
    """What a draft takes the place of: what holds when it begins. That is not the version that it
    was written upon where that one is planned for a later day."""
    try:
        terms = programmes.terms_among(session, _starts_at(kept, now), newest=kept.based_on)
    except NoProgramme:
        return books.book_of(session, kept.based_on)
    return books.with_lists(session, terms)


def _moves(crowds: tuple[Crowd, ...], old: Terms, new: Terms) -> tuple[Move, ...]:
    """By what the members' spend reaches, whatever tier they hold."""
    found: dict[tuple[str, str], int] = {}
    for crowd in crowds:
        if crowd.reached_before != crowd.reached_after:
            key = crowd.reached_before, crowd.reached_after
            found[key] = found.get(key, 0) + crowd.members
    return tuple(
        Move(
            old.tier(before).name,
            new.tier(after).name,
            members,
            new.rank(after) > new.rank(before),
        )
        for (before, after), members in sorted(found.items())
    )


@router.get("/drafts/{draft_id}/edit")
def edit(request: Request, visitor: Writer, draft_id: PathId) -> Response:
    with request.app.state.db.reading() as session:
        kept = queries.draft(session, draft_id)
        if kept.author != visitor.staff_id or not kept.is_under_way:
            return _back(draft_id, "author" if kept.author != visitor.staff_id else "moved")
        filled = programme_forms.shown(kept.terms, starts_at=kept.starts_at, note=kept.note)
        return _editor(request, session, filled, based_on=kept.based_on, draft=kept)


@router.post("/drafts/{draft_id}/edit")
async def save(request: Request, visitor: Writer, draft_id: PathId) -> Response:
    form = await request.form()
    return await run_in_threadpool(_save, request, visitor, draft_id, form)


def _save(request: Request, visitor: Visitor, draft_id: int, form: FormData) -> Response:
    now = request.app.state.clock()
    edition = ids.id_typed(str(form.get("edition", ""))) or 0
    try:
        with request.app.state.db.transaction() as session:
            kept = queries.draft(session, draft_id)
            filled = _read(session, form, kept.terms, now)
            if filled.problems:
                return _editor(
                    request, session, filled, based_on=kept.based_on, draft=kept, status=422
                )
            service.change(
                session,
                wish_of(filled),
                draft_id=draft_id,
                edition=edition,
                by=person(visitor),
                now=now,
            )
            _audit(request, session, visitor, "written", queries.draft(session, draft_id))
    except (DraftMoved, ContradictoryTerms) as error:
        return _unsaved(request, draft_id, filled, word_for(error))
    except DomainError as error:
        return _back(draft_id, word_for(error))
    return _back(draft_id, "saved")


def _unsaved(request: Request, draft_id: int, filled: Filled, word: str) -> Response:
    """What was typed, to be looked at and saved over the draft as it is now; a draft that was
    decided meanwhile is not saved any more."""
    with request.app.state.db.reading() as session:
        kept = queries.draft(session, draft_id)
        sentence = NOTICES[word][1] if kept.is_under_way else DECIDED
        refused = replace(filled, problems={"other": sentence})
        return _editor(request, session, refused, based_on=kept.based_on, draft=kept, status=409)


@router.post("/drafts/{draft_id}/ask")
def ask(request: Request, visitor: Writer, draft_id: PathId, edition: Edition) -> Response:
    def work(session: Session) -> str:
        now = request.app.state.clock()
        service.ask(session, draft_id=draft_id, edition=edition, by=person(visitor), now=now)
        return "ask"

    return _step(request, visitor, draft_id, work, "asked")


@router.post("/drafts/{draft_id}/approve")
def approve(request: Request, visitor: Writer, draft_id: PathId, edition: Edition) -> Response:
    def work(session: Session) -> str:
        now = request.app.state.clock()
        service.approve(session, draft_id=draft_id, edition=edition, by=person(visitor), now=now)
        return "approve"

    return _step(request, visitor, draft_id, work, "approved")


@router.post("/drafts/{draft_id}/reject")
def reject(
    request: Request,
    visitor: Writer,
    draft_id: PathId,
    edition: Edition,
    reason: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    def work(session: Session) -> str:
        now, by = request.app.state.clock(), person(visitor)
        service.reject(session, draft_id=draft_id, edition=edition, reason=reason, by=by, now=now)
        return "reject"

    return _step(request, visitor, draft_id, work, "rejected")


@router.post("/drafts/{draft_id}/withdraw")
def withdraw(request: Request, visitor: Writer, draft_id: PathId, edition: Edition) -> Response:
    def work(session: Session) -> str:
        now = request.app.state.clock()
        service.withdraw(session, draft_id=draft_id, edition=edition, by=person(visitor), now=now)
        return "withdraw"

    return _step(request, visitor, draft_id, work, "withdrawn")


@router.post("/drafts/{draft_id}/renew")
def renew(request: Request, visitor: Writer, draft_id: PathId, edition: Edition) -> Response:
    def work(session: Session) -> str:
        now, by = request.app.state.clock(), person(visitor)
        clashes = service.renew(session, draft_id=draft_id, edition=edition, by=by, now=now)
        return "clash" if clashes else "renew"

    return _step(request, visitor, draft_id, work, "renewed")


def _step(
    request: Request, visitor: Visitor, draft_id: int, work: Callable[[Session], str], action: str
) -> Response:
    """One step of a draft with its line in the log, or the sentence that says why not."""
    try:
        with request.app.state.db.transaction() as session:
            notice = work(session)
            _audit(request, session, visitor, action, queries.draft(session, draft_id))
    except DomainError as error:
        return _back(draft_id, word_for(error))
    return _back(draft_id, notice)


@router.post("/versions/{version}/restore")
def restore(request: Request, visitor: Writer, version: PathId, form_id: Short = "") -> Response:
    """Back to an earlier version: asked for, or in force at once where nobody else is needed."""
    now = request.app.state.clock()
    try:
        form_id = f"{visitor.staff_id}-{form_id}"[:80]
        with request.app.state.db.transaction() as session:
            known = queries.by_form(session, form_id)
            draft_id = service.restore(
                session,
                version=version,
                note=f"換回第 {version} 版",
                form_id=form_id,
                by=person(visitor),
                now=now,
            )
            kept = queries.draft(session, draft_id)
            if known is None:  # the same form again is the same draft
                action = "approved" if kept.status == "approved" else "asked"
                _audit(request, session, visitor, action, kept)
    except NoProgramme as missing:
        raise NotFound("programme", version) from missing
    except (ContradictoryTerms, DraftMoved, DraftOutdated) as error:
        word = "contradictory" if isinstance(error, ContradictoryTerms) else "moved"
        return RedirectResponse(f"/console/programme?notice={word}", 303)
    if kept.status == "approved":
        return RedirectResponse("/console/programme?notice=restored", 303)
    return RedirectResponse(f"/console/programme/drafts/{draft_id}?notice=ask", 303)


def _back(draft_id: int, notice: str) -> Response:
    return RedirectResponse(f"/console/programme/drafts/{draft_id}?notice={notice}", 303)


def word_for(error: DomainError) -> str:
    """The notice that says it; what is none of them goes on as an error. Raises DomainError."""
    match error:
        case SecondPersonNeeded():
            return "second"
        case NotTheAuthor():
            return "author"
        case DraftMoved() | Conflict():
            return "moved"
        case DraftOutdated():
            return "outdated"
        case ContradictoryTerms():
            return "contradictory"
        case Invalid(field="reason"):
            return "reason"
    raise error


def _audit(request: Request, session: Session, visitor: Visitor, action: str, kept: Draft) -> None:
    """With the version it changes and every change in words: `銀卡 升等門檻：… → …`."""
    old = _replaced(session, kept, request.app.state.clock())
    changes = book_rules.differences(old, books.with_lists(session, kept.terms))
    after = {"version": kept.version, "changes": changes[:50], "note": kept.note}
    security.audit(
        request,
        session,
        visitor,
        f"programme.{action}",
        f"programme_draft:{kept.id}",
        before={"version": old.terms.version},
        after=after | ({"reason": kept.reason} if kept.reason else {}),
    )
