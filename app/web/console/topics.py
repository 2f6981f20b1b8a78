"""/console/topics: what marketing is about, and how many members want to hear no more of it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Request, Response
from starlette.responses import RedirectResponse

from app.attention import queries, rules, service
from app.core.errors import Invalid
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.web import pages, security
from app.web.security import StaffRoute, require

router = APIRouter(prefix="/console/topics", route_class=StaffRoute)
Marketer = Annotated[Visitor, Depends(require(Permission.REACH_MEMBERS))]
Name = Annotated[str, Form(max_length=100)]
About = Annotated[str, Form(max_length=200)]
Code = Annotated[str, Path(max_length=20)]


@router.get("")
def listed(request: Request, _visitor: Marketer) -> Response:
    return _list(request)


def _list(
    request: Request,
    *,
    problem: str = "",
    code: str = "",
    typed: tuple[str, str] = ("", ""),
    status: int = 200,
) -> Response:
    """`code` is the topic that could not be changed as `typed`; nothing: a new one."""
    with request.app.state.db.reading() as session:
        topics = queries.all_topics(session)
        stops = queries.stops(session)
    return pages.render(
        request,
        "console/topics.html",
        status,
        topics=topics,
        stops=stops,
        problem=problem,
        code=code,
        typed=typed,
        kept=rules.KEPT,
        most={"name": rules.TOPIC_NAME, "about": rules.TOPIC_ABOUT, "topics": rules.MOST_TOPICS},
    )


@router.post("")
def add(request: Request, visitor: Marketer, name: Name = "", about: About = "") -> Response:
    try:
        with request.app.state.db.transaction() as session:
            code = service.add_topic(session, name=name, about=about)
            security.audit(request, session, visitor, "topic.made", f"topic:{code}")
    except Invalid as wrong:
        return _list(request, problem=wrong.reason, typed=(name, about), status=422)
    return RedirectResponse("/console/topics", 303)


@router.post("/{code}")
def word(
    request: Request, visitor: Marketer, code: Code, name: Name = "", about: About = ""
) -> Response:
    try:
        with request.app.state.db.transaction() as session:
            before = queries.topic(session, code).name
            service.word_topic(session, code=code, name=name, about=about)
            target = f"topic:{code}"
            security.audit(request, session, visitor, "topic.worded", target, before=before)
    except Invalid as wrong:
        return _list(request, problem=wrong.reason, code=code, typed=(name, about), status=422)
    return RedirectResponse("/console/topics", 303)


@router.post("/{code}/offer")
def offer(
    request: Request,
    visitor: Marketer,
    code: Code,
    is_active: Annotated[bool, Form()] = False,
) -> Response:
    """Let letters be about it, or not any more."""
    try:
        with request.app.state.db.transaction() as session:
            service.offer_topic(session, code=code, is_active=is_active)
            action = "topic.offered" if is_active else "topic.given_up"
            security.audit(request, session, visitor, action, f"topic:{code}")
    except Invalid as wrong:
        return _list(request, problem=wrong.reason, code=code, status=422)
    return RedirectResponse("/console/topics", 303)
