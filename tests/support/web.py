"""The staff pages as a browser sees them, without the rest of the product."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.core.config import Settings
from app.core.db import Database
from app.staff.rules import Role
from app.web.site import add_staff_pages
from tests.support.staffing import LOGINS, PASSWORD
from tests.support.times import NOW

BASE = "http://testserver"
SAME_ORIGIN = {"sec-fetch-site": "same-origin"}


@dataclass
class Watch:
    """A clock that stands still until a test moves it."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **spans: float) -> None:
        self.now += timedelta(**spans)


def settings(**more: object) -> Settings:
    values: dict[str, object] = {
        "secret_key": SecretStr("test-secret-key"),
        "public_base_url": BASE,
        "brand_name": "小日子選物",
    }
    return Settings.model_validate(values | more)


def staff_app(db: Database, watch: Watch, **more: object) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.db, app.state.clock, app.state.settings = db, watch, settings(**more)
    add_staff_pages(app)
    return app


@dataclass
class Browser:
    """A test client that behaves like a browser on our own pages."""

    http: TestClient
    watch: Watch = field(default_factory=Watch)

    def get(self, url: str, **headers: str) -> "Page":
        return Page(self.http.get(url, headers=headers, follow_redirects=False))

    def post(
        self, url: str, fields: Mapping[str, str | list[str]] | None = None, **headers: str
    ) -> "Page":
        """A form sent by a page of ours, with the session's token."""
        form = {"form_token": self.form_token(), **(fields or {})}
        return Page(
            self.http.post(url, data=form, headers=SAME_ORIGIN | headers, follow_redirects=False)
        )

    def form_token(self) -> str:
        page = self.http.get("/console/login", follow_redirects=True).text
        found = re.search(r'name="form_token" value="([0-9a-f]+)"', page)
        return found[1] if found else ""

    def log_in(self, role: Role, *, area: str = "/console", password: str = PASSWORD) -> "Page":
        fields = {"login": LOGINS[role], "password": password}
        return Page(
            self.http.post(
                f"{area}/login", data=fields, headers=SAME_ORIGIN, follow_redirects=False
            )
        )


@dataclass(frozen=True)
class Page:
    response: object

    @property
    def status(self) -> int:
        return int(self.response.status_code)  # type: ignore[attr-defined]  # httpx2 or httpx

    @property
    def text(self) -> str:
        return str(self.response.text)  # type: ignore[attr-defined]  # httpx2 or httpx

    @property
    def location(self) -> str:
        return str(self.response.headers.get("location", ""))  # type: ignore[attr-defined]

    def header(self, name: str) -> str:
        return str(self.response.headers.get(name, ""))  # type: ignore[attr-defined]


@contextmanager
def browser(db: Database, **more: object) -> Iterator[Browser]:
    watch = Watch()
    with TestClient(staff_app(db, watch, **more), base_url=BASE) as http:
        yield Browser(http, watch)
