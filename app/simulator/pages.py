"""Serves the chat page, its scripts, the LIFF stand-in and previews of single messages.

Every address in the page is relative, so the same files work wherever the simulator is mounted.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.previews import flex_html, message_html
from app.simulator.state import State

_HERE = Path(__file__).parent
PREVIEW_LIMIT = 200_000  # bytes; LINE takes carousels of 50 kB at most
_PREVIEWS = ("app.previews", "static")  # how drawn messages look
_FRESH = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


class _Files(StaticFiles):
    """Files that browsers ask about each time, so that a new version is never half loaded."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        answer = super().file_response(full_path, stat_result, scope, status_code)
        answer.headers.update(_FRESH)
        return answer


def security_policy(liff_endpoint: str) -> str:
    """Write the page's CSP: code, styles and calls from here only, no inline anything.

    Pictures in messages come from any https address or from this machine; frames show our own
    pages and those at the LIFF endpoint, which may be on another port.
    """
    local = "http://127.0.0.1:* http://localhost:*"
    endpoint = urlsplit(liff_endpoint)
    frames = f" {endpoint.scheme}://{endpoint.netloc}" if endpoint.netloc else ""
    return "; ".join(
        (
            "default-src 'self'",
            f"img-src 'self' data: blob: https: {local}",
            f"media-src 'self' blob: https: {local}",
            f"frame-src 'self'{frames}",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'self'",
        )
    )


def routes(state: State) -> list[BaseRoute]:
    """Return what the simulator serves to browsers, relative to where it is mounted."""
    page_headers = {
        **_FRESH,
        "Content-Security-Policy": security_policy(state.config.liff_endpoint),
        "Referrer-Policy": "same-origin",
    }

    async def chat(_request: Request) -> Response:
        path = _HERE / "templates" / "chat.html"
        return FileResponse(path, media_type="text/html; charset=utf-8", headers=page_headers)

    return [
        Route("/", chat),
        Route("/liff-sdk.js", _liff_sdk),
        Route("/sticker/{number:int}.svg", _sticker),
        Route("/preview", _preview, methods=["POST"]),
        Mount("/static", _Files(directory=_HERE / "static", packages=[_PREVIEWS])),
    ]


async def _liff_sdk(_request: Request) -> Response:
    path = _HERE / "static" / "liff-sdk.js"
    headers = {**_FRESH, "Cross-Origin-Resource-Policy": "cross-origin"}
    return FileResponse(path, media_type="text/javascript; charset=utf-8", headers=headers)


async def _sticker(request: Request) -> Response:
    drawn = message_html.sticker_svg(str(request.path_params["number"]))
    headers = {"Content-Security-Policy": "default-src 'none'", "Cache-Control": "max-age=86400"}
    return Response(drawn, media_type="image/svg+xml", headers=headers)


async def _preview(request: Request) -> Response:
    """Draw the message in the body: `{"html": ..., "css": [rule, ...]}`."""
    body = await request.body()
    if len(body) > PREVIEW_LIMIT:
        return JSONResponse({"error": "the message is too large"}, status_code=413)
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError:
        return JSONResponse({"error": "the body is not JSON"}, status_code=400)
    if not isinstance(message, dict):
        return JSONResponse({"error": "a message is a JSON object"}, status_code=400)
    drawn = flex_html.render(message)
    return JSONResponse({"html": drawn.html, "css": list(drawn.css)})
