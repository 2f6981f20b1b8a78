"""/b/{token}: a letter's link. It counts the reader once and sends them on."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response
from starlette.responses import RedirectResponse

from app.campaigns import messages
from app.core.errors import NotFound
from app.journeys.service import pressing
from app.web.security import MaybeVisitor, StaffRoute

router = APIRouter(prefix="/b", route_class=StaffRoute)
Token = Annotated[str, Path(max_length=80)]
# Programs that look at a link before a person does; what they fetch is no reader's press.
NOT_READERS: Final = ("bot", "crawl", "spider", "preview", "externalhit", "line-poker", "curl")


@router.get("/{token}")
def follow(request: Request, _: MaybeVisitor, token: Token) -> Response:
    state = request.app.state
    key = state.settings.secret_key.get_secret_value()
    named = messages.read_token(key, token)
    if named is None:
        raise NotFound("letter", token)
    ref, member_id, number = named
    with state.db.reading() as session:
        address = pressing.letter_of(session, ref).url(number)
    if not address:
        raise NotFound("letter", token)
    if _is_reader(request):
        with state.db.transaction() as session:
            pressing.pressed(session, ref, member_id=member_id, now=state.clock())
    return RedirectResponse(address, 302, headers={"Cache-Control": "no-store"})


def _is_reader(request: Request) -> bool:
    agent = request.headers.get("user-agent", "").lower()
    is_ahead = "prefetch" in request.headers.get("sec-purpose", "")
    return request.method == "GET" and not is_ahead and not any(n in agent for n in NOT_READERS)
