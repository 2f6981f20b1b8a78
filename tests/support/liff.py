"""The members' pages as LINE's in-app browser sees them; LINE's word is given by `KnownTokens`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.core.db import Database
from app.line.login import BadIdToken, LineUnreachable, Vouched
from app.web.headers import SecurityHeaders
from app.web.liff.site import add_liff_pages
from tests.support.joining import KEN
from tests.support.web import BASE, SAME_ORIGIN, Page, Watch, settings


@dataclass
class KnownTokens:
    """Vouches for `token of USER`, and counts how often it was asked."""

    asked: int = 0
    is_silent: bool = False

    async def verify(self, id_token: str) -> Vouched:
        self.asked += 1
        if self.is_silent:
            raise LineUnreachable("HTTP 503")
        if not id_token.startswith("token of U"):
            raise BadIdToken("IdToken expired.")
        return Vouched(id_token.removeprefix("token of "), "肯肯", None)


def liff_app(db: Database, watch: Watch, tokens: KnownTokens, **more: object) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.db, app.state.clock = db, watch
    app.state.settings = settings(liff_id="1234567890-AbcdEfgh", **more)
    app.add_middleware(SecurityHeaders)
    add_liff_pages(app, id_tokens=tokens)
    return app


@dataclass
class Phone:
    """Somebody's LINE, open on a page of ours."""

    http: TestClient
    watch: Watch
    tokens: KnownTokens
    form_token: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    def open(self, line_user_id: str = KEN) -> Page:
        body = {"id_token": f"token of {line_user_id}"}
        answer = self.http.post("/liff/session", json=body, headers=SAME_ORIGIN)
        if answer.status_code == 200:
            self.form_token = answer.json()["form_token"]
        return Page(answer)

    def get(self, url: str) -> Page:
        return Page(self.http.get(url, headers=self._headers()))

    def view(self, name: str) -> Page:
        return self.get(f"/liff/view/{name}")

    def post(self, url: str, fields: Mapping[str, Any] | None = None) -> Page:
        return Page(self.http.post(url, data=dict(fields or {}), headers=self._headers()))

    def _headers(self) -> Mapping[str, Any]:
        return SAME_ORIGIN | {"x-form-token": self.form_token} | self.extra


@contextmanager
def phone(db: Database, **more: object) -> Iterator[Phone]:
    watch, tokens = Watch(), KnownTokens()
    with TestClient(liff_app(db, watch, tokens, **more), base_url=BASE) as http:
        yield Phone(http, watch, tokens)
