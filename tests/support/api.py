"""The REST API in one process, with a shop behind it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from app.core.db import Database
from app.coupons import service as coupons
from app.members import queries as members
from app.staff import service as staff
from app.web.api.app import create_api
from flex_templates.theme import CAMPHOR, Theme
from tests.support.loyalty import new_member, new_store, publish
from tests.support.shop import KINDS
from tests.support.times import NOW

Call = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]


@dataclass(frozen=True)
class Api:
    db: Database
    token: str
    reader: str
    number: str
    line_user_id: str
    theme: Theme = CAMPHOR

    def at_once(self, *calls: Call, token: str | None = None) -> list[httpx.Response]:
        """Run all calls together against a fresh application; return their answers."""

        async def run() -> list[httpx.Response]:
            api = create_api(self.db, lambda: NOW, self.theme)
            bearer = self.token if token is None else token
            headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
            transport = httpx.ASGITransport(app=api, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://test", headers=headers
            ) as client:
                found = await asyncio.gather(*(call(client) for call in calls))
            await api.state.writer.close()
            return list(found)

        return asyncio.run(run())

    def post(self, path: str, body: Any, **options: Any) -> httpx.Response:
        return self.at_once(lambda client: client.post(path, json=body), **options)[0]

    def get(self, path: str, *, token: str | None = None, **params: Any) -> httpx.Response:
        return self.at_once(lambda client: client.get(path, params=params), token=token)[0]

    def sale(self, external_id: str = "S-1", **fields: Any) -> dict[str, Any]:
        return {
            "external_id": external_id,
            "member": {"number": self.number},
            "store": "S01",
            "amount": 790,
        } | fields


def open_api(db: Database) -> Api:
    with db.transaction() as session:
        publish(session)
        new_store(session, "S01", "信義門市")
        for draft in KINDS:
            coupons.create_kind(session, draft=draft, now=NOW)
        member_id = new_member(session, name="王小明")
        token = staff.create_token(session, name="till", role="pos", now=NOW)
        reader = staff.create_token(session, name="report", role="read", now=NOW)
    with db.reading() as session:
        person = members.person(session, member_id)
    return Api(db, token, reader, person.number or "", person.line_user_id or "")


def statuses(answers: Sequence[httpx.Response]) -> list[int]:
    return sorted(answer.status_code for answer in answers)
