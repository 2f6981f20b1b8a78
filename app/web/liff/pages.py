"""The Jinja environment of the members' pages, their static files, and the drawings in them."""

from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import segno
from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.core import code128, money, text
from app.web.pages import show_day, show_moment, show_time
from flex_templates import theme as themes
from flex_templates.theme import METALS, Theme

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
LINE_SDK: Final = "https://static.line-scdn.net/liff/edge/2/sdk.js"
STAND_IN_SDK: Final = "/simulator/liff-sdk.js"
NO_STORE: Final = {"cache-control": "no-store"}


def render(request: Request, template: str, status: int = 200, **context: Any) -> Response:
    """A view: what the shell puts into its frame. Never kept by the browser."""
    known = {"brand": request.app.state.settings.brand_name, "now": request.app.state.clock()}
    body = environment().get_template(template).render(known | context)
    return HTMLResponse(body, status, headers=NO_STORE)


def shell(request: Request) -> Response:
    """The page around every view: the same for everybody, so it holds nothing about anybody."""
    settings = request.app.state.settings
    body = (
        environment()
        .get_template("shell.html")
        .render(
            brand=settings.brand_name,
            liff_id=settings.liff_id,
            sdk=LINE_SDK if settings.is_real_line else STAND_IN_SDK,
            theme=_theme(request),
        )
    )
    return HTMLResponse(body, headers={"cache-control": "no-cache"})


def theme_css(request: Request) -> Response:
    """The brand's colours, the same that its messages in the chat have."""
    theme = _theme(request)
    names = {
        "accent": theme.primary,
        "accent-dark": theme.cover_start,
        "on-accent": theme.on_primary,
        "tint": theme.tint,
        "track": theme.track,
        "cover-start": theme.cover_start,
        "cover-end": theme.cover_end,
        "on-cover": theme.on_cover,
        "ink": theme.ink,
        "quiet": theme.quiet,
        "line": theme.line,
        "ground": theme.surface,
        "paper": theme.paper,
        "alert": theme.alert,
        "alert-tint": theme.alert_tint,
    }
    faces = {"plain": theme.plain} | METALS
    rules = [":root{" + "".join(f"--{name}:{value};" for name, value in names.items()) + "}"]
    rules += [
        f".face-{name}{{background:linear-gradient(135deg,{face.start},{face.centre} 50%,"
        f"{face.end});color:{face.ink}}}"
        for name, face in faces.items()
    ]
    body = "\n".join(rules)
    return Response(body, media_type="text/css", headers={"cache-control": "no-cache"})


def _theme(request: Request) -> Theme:
    settings = request.app.state.settings
    return themes.named(settings.brand_theme, brand=settings.brand_name)


@lru_cache
def environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {
        "money": money.show,
        "number": lambda value: f"{value:,}",
        "signed": lambda value: f"{value:+,}",
        "day": show_day,
        "time": show_time,
        "moment": show_moment,
        "phone": text.show_phone,
        "mask_phone": text.mask_phone,
        "member_number": text.show_member_number,
        "invoice": text.show_invoice_number,
        "spaced": lambda code: " ".join(code[at : at + 4] for at in range(0, len(code), 4)),
    }
    env.globals |= {"asset": asset}
    return env


def qr(content: str) -> str:
    """A QR drawing that fills its box, dark squares only; its ground must be white."""
    matrix = segno.make(content, micro=False, error="m").matrix
    path = "".join(
        f"M{x} {y}h1v1h-1z"
        for y, line in enumerate(matrix, 4)
        for x, is_dark in enumerate(line, 4)
        if is_dark
    )
    size = len(matrix) + 8  # the quiet zone is four modules wide
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" '
        f'shape-rendering="crispEdges" role="img" aria-label="QR code"><path d="{path}"/></svg>'
    )


def barcode(content: str) -> str:
    return code128.svg(content)


# Static files ------------------------------------------------------------------------------------


def asset(path: str) -> str:
    """One version covers every file, so that modules import each other by relative names."""
    return f"/liff/static/{version()}/{path}"


@lru_cache
def version() -> str:
    fingerprint = sha256()
    for file in sorted(STATIC.rglob("*")):
        if file.is_file():
            fingerprint.update(file.relative_to(STATIC).as_posix().encode() + b"\0")
            fingerprint.update(file.read_bytes())
    return fingerprint.hexdigest()[:12]


class Static(StaticFiles):
    """`/liff/static/{version}/…`; another version still gives the file, but not for keeping."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)

    def get_path(self, scope: Scope) -> str:
        return super().get_path(scope).partition("/")[2]

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        is_current = f"/static/{version()}/" in scope["path"]
        response.headers["cache-control"] = (
            "public, max-age=31536000, immutable" if is_current else "no-cache"
        )
        return response
