"""The Jinja environment of the staff pages: templates get frozen views and escape everything."""

from datetime import date, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app import previews
from app.core import money, text
from app.core.clock import TAIPEI, taipei_date
from app.web import cookies, words

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
PREVIEWS: Final = Path(previews.__file__).with_name("static")  # how drawn messages look
WEEKDAYS: Final = "一二三四五六日"


def render(request: Request, template: str, status: int = 200, /, **context: Any) -> Response:
    """Every template also knows `visitor`, `form_token`, `brand`, `path` and `now`."""
    return HTMLResponse(rendered(request, template, **context), status)


def rendered(request: Request, template: str, /, **context: Any) -> str:
    return environment().get_template(template).render(_common(request) | context)


def _common(request: Request) -> dict[str, Any]:
    state = request.app.state
    return {
        "visitor": getattr(request.state, "visitor", None),
        "form_token": cookies.form_token(request),
        "brand": state.settings.brand_name,
        "path": request.url.path,
        "now": state.clock(),
        "is_demo": state.settings.regulars_demo,
    }


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
        "day": show_day,
        "last_day": show_last_day,
        "time": show_time,
        "moment": show_moment,
        "lasting": show_lasting,
        "phone": text.show_phone,
        "member_number": text.show_member_number,
        "invoice": text.show_invoice_number,
    }
    env.globals |= {"asset": asset, "with_query": with_query, "words": words, "taipei": show_moment}
    return env


def with_query(url: str, **query: object) -> str:
    """The URL with its query; what is None or empty is left out, a list
    is said value by value."""
    pairs = {key: value for key, value in query.items() if value not in (None, "", (), [])}
    return f"{url}?{urlencode(pairs, doseq=True)}" if pairs else url


# Times, as read in Taipei ------------------------------------------------------------------------


def show_day(value: date | datetime) -> str:
    """`2026/07/04`."""
    return text.show_date(taipei_date(value) if isinstance(value, datetime) else value)


def show_last_day(value: datetime) -> str:
    """The last day before an instant from which something is no longer valid."""
    return show_day(value - timedelta(seconds=1))


def show_time(value: datetime) -> str:
    """`12:00`."""
    return f"{value.astimezone(TAIPEI):%H:%M}"


def show_moment(value: datetime) -> str:
    """`2026/07/04 12:00`."""
    return f"{show_day(value)} {show_time(value)}"


def show_lasting(value: timedelta) -> str:
    """A duration in its largest unit: `12 秒`, `5 分鐘`, `3 小時`, `2 天`."""
    seconds = max(int(value.total_seconds()), 0)
    for size, unit in ((86_400, "天"), (3_600, "小時"), (60, "分鐘")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} 秒"


# Static files ------------------------------------------------------------------------------------


def asset(path: str) -> str:
    """The address of a static file. The version in it covers every file, so that modules import
    each other by relative names and browsers keep them for good."""
    return f"/static/{version()}/{path}"


@lru_cache
def version() -> str:
    fingerprint = sha256()
    for folder in (STATIC, PREVIEWS):
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                fingerprint.update(file.relative_to(folder).as_posix().encode() + b"\0")
                fingerprint.update(file.read_bytes())
    return fingerprint.hexdigest()[:12]


class Static(StaticFiles):
    """`/static/{version}/…`; an old version still gives the file, but not for keeping."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC, packages=[("app.previews", "static")])

    def get_path(self, scope: Scope) -> str:
        return super().get_path(scope).partition("/")[2]

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        is_current = f"/static/{version()}/" in scope["path"]
        response.headers["cache-control"] = (
            "public, max-age=31536000, immutable" if is_current else "no-cache"
        )
        return response
