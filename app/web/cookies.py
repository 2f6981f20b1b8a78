"""The session cookie of staff, and the token that forms of the same session carry."""

from fastapi import Request, Response

from app.core import ids
from app.staff import rules


def name(request: Request) -> str:
    """`__Host-` makes the browser refuse the cookie from a subdomain or without https."""
    return "__Host-staff" if _is_secure(request) else "staff"


def set_session(request: Request, response: Response, token: str) -> None:
    response.set_cookie(
        name(request),
        token,
        max_age=int(rules.SESSION_LIFE.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=_is_secure(request),
    )


def drop_session(request: Request, response: Response) -> None:
    response.delete_cookie(
        name(request), path="/", httponly=True, samesite="lax", secure=_is_secure(request)
    )


def form_token(request: Request) -> str:
    """Made from the session's cookie, so nothing is stored; empty without a session."""
    token = request.cookies.get(name(request), "")
    return ids.keyed_hash(token, "form") if token else ""


def _is_secure(request: Request) -> bool:
    return bool(request.app.state.settings.cookies_are_secure)
