"""Who may call: a bearer token, checked against the database, remembered for a moment."""

import threading
import time

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from app.core import ids
from app.core.db import Database
from app.staff import queries
from app.staff.queries import Machine
from app.staff.rules import SCOPES, Scope
from app.web.api.problems import Problem

REMEMBERED_SECONDS = 5.0  # a revoked token works at most this long
MOST_REMEMBERED = 1_000


class Tokens:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[str, tuple[Machine, float]] = {}
        self._lock = threading.Lock()

    async def caller(self, request: Request) -> Machine:
        """Raises Problem 401."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise Problem(401, "send Authorization: Bearer <token>")
        digest, now = ids.digest(token.strip()), time.monotonic()
        known = self._known.get(digest)
        if known is not None and now - known[1] < REMEMBERED_SECONDS:
            return known[0]
        machine = await run_in_threadpool(self._look_up, token.strip())
        if machine is None:
            raise Problem(401, "the token is unknown or revoked")
        with self._lock:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[digest] = (machine, now)
        return machine

    def _look_up(self, token: str) -> Machine | None:
        with self._db.reading() as session:
            return queries.machine(session, token)


class Allowed:
    """A dependency: the caller's role must have this scope. Raises Problem 401 or 403."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, request: Request) -> Machine:
        tokens: Tokens = request.app.state.tokens
        machine = await tokens.caller(request)
        if self.scope not in SCOPES.get(machine.role, frozenset()):
            raise Problem(403, f"the token's role {machine.role!r} may not do this")
        return machine
