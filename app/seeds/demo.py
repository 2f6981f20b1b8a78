"""`regulars demo`: the made-up brand, the LINE simulator and the whole product in one process.

Everything it keeps is under `./.demo/`. The history is written to a file of another name and
renamed when it is whole, so a demo that was interrupted begins anew."""

import errno
import logging
import os
import shutil
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, Final

import orjson
import sqlalchemy as sa
import structlog
import typer
import uvicorn
from pydantic import SecretStr
from sqlalchemy.orm import Session

from app.core import ids, logs, migrate
from app.core.clock import clock_from
from app.core.config import Settings
from app.core.db import Database
from app.core.errors import Invalid
from app.main import Product, create_app
from app.members.models import MEMBER, Member
from app.outbox import service as outbox
from app.richmenus import queries as menu_queries
from app.richmenus import service as menus
from app.richmenus.publishing import publish_menus
from app.richmenus.service import NotNow
from app.seeds import banner, brand, history, hooks, requests
from app.seeds.people import CAST, ROLES, SEEDED
from app.simulator import SimulatorConfig, create_simulator
from app.simulator.app import Simulator
from app.simulator.people import Person
from app.staff import service as staff
from app.web.headers import is_under
from app.web.webhook import Receive, Scope, Send

log = structlog.get_logger(__name__)

FOLDER: Final = Path(".demo")
HOST: Final = "127.0.0.1"
SIMULATOR: Final = "/simulator"
LOGIN_CHANNEL: Final = "2000000001"
LIFF_ID: Final = f"{LOGIN_CHANNEL}-Demo0001"
GOODBYE_SECONDS: Final = 3  # for open pages, which would hold the process up for ever


@dataclass(frozen=True, slots=True)
class Secrets:
    """Made once per demo folder; guard nothing but this machine."""

    secret_key: str
    channel_secret: str
    channel_token: str
    pos_token: str = ""


def run(*, port: int, members: int, fresh: bool) -> None:
    """Serve the demo until it is interrupted. Exits with 1 when the port is taken."""
    listener = _listener(port)
    if fresh:
        shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    with (FOLDER / "demo.log").open("a", encoding="utf-8") as journal:
        logs.set_up(stream=journal, level=logging.INFO)
        secrets = _prepared(members)
        _serve(listener, _settings(port, secrets), secrets)
        listener.close()


def _listener(port: int) -> socket.socket:
    """Taken before the long work, so that nobody waits for a port that is taken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        typer.echo(banner.port_taken(port), err=True)
        raise typer.Exit(1) from error
    return listener


def _settings(port: int, secrets: Secrets) -> Settings:
    """Nothing of a `.env` beside it, which may hold the keys of a real account."""
    base = f"http://{HOST}:{port}"
    return Settings(
        _env_file=None,
        line_channel_secret=SecretStr(secrets.channel_secret),
        line_channel_access_token=SecretStr(secrets.channel_token),
        line_api_base=f"{base}{SIMULATOR}/api",
        line_login_channel_id=LOGIN_CHANNEL,
        liff_id=LIFF_ID,
        database_url=f"sqlite:///{_database()}",
        brand_name=brand.NAME,
        public_base_url=base,
        secret_key=SecretStr(secrets.secret_key),
        regulars_demo=True,
        regulars_hooks_private=True,
        regulars_sms_url=f"{base}{SIMULATOR}/control/sms",
    )


# Seeding ------------------------------------------------------------------------------------------


def _database() -> Path:
    return FOLDER / "regulars.db"


def _prepared(members: int) -> Secrets:
    """The database of an earlier demo, brought up to date, or a new one."""
    kept = FOLDER / "secrets.json"
    if _database().exists() and kept.exists():
        migrate.upgrade(db := Database(f"sqlite:///{_database()}"))
        db.dispose()
        typer.echo(banner.taken_up())
        return Secrets(**orjson.loads(kept.read_bytes()))
    _forget(_database())
    return _seeded(kept, members)


def _seeded(kept: Path, members: int) -> Secrets:
    half = FOLDER / "half.db"
    _forget(half)
    now = clock_from(os.environ.get("REGULARS_CLOCK"))()
    db = Database(f"sqlite:///{half}")
    migrate.upgrade(db)
    show = banner.Bar(sys.stdout, members)
    told = history.write(
        db, members=members, now=now, on_progress=lambda step: show(step.share, step.sales)
    )
    with db.transaction() as session:
        token = staff.create_token(session, name="demo-pos", role="pos", now=now)
        secrets = Secrets(ids.secret_token(), ids.secret_token(), ids.secret_token(), token)
        hooks.write(session, key=secrets.secret_key, now=now)
        requests.write(session, now=now)
    db.dispose()
    kept.touch(mode=0o600)
    kept.write_bytes(orjson.dumps(asdict(secrets)))
    half.replace(_database())
    show.done(told.members, told.guests, told.sales)
    return secrets


def _forget(database: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        database.with_name(database.name + ending).unlink(missing_ok=True)


# Serving ------------------------------------------------------------------------------------------


class Demo:
    """The product, and the simulator under its own path, outside the product's middleware."""

    def __init__(self, product: Product, simulator: Simulator) -> None:
        self._product, self._simulator = product, simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_under(scope["path"], (SIMULATOR,)):
            inner = {**scope, "root_path": scope.get("root_path", "") + SIMULATOR}
            await self._simulator(inner, receive, send)
        else:
            await self._product(scope, receive, send)


class _Server(uvicorn.Server):
    """Says when it listens, and lets the simulator go before the product."""

    def __init__(
        self, config: uvicorn.Config, *, on_start: Callable[[], None], simulator: Simulator
    ) -> None:
        super().__init__(config)
        self._on_start, self._simulator = on_start, simulator

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._on_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets=sockets)
        self._simulator.close()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        typer.echo(banner.goodbye())
        super().handle_exit(sig, frame)


def _serve(listener: socket.socket, config: Settings, secrets: Secrets) -> None:
    product = create_app(config)
    simulator = create_simulator(_simulated(config))
    _remind(simulator, product.state.db)

    def on_start() -> None:
        typer.echo(banner.welcome(config.public_base_url, secrets.pos_token))
        threading.Thread(
            target=_publish_menus, args=(config, simulator), name="menus", daemon=True
        ).start()

    server = _Server(
        uvicorn.Config(
            Demo(product, simulator),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GOODBYE_SECONDS,
        ),
        on_start=on_start,
        simulator=simulator,
    )
    with suppress(KeyboardInterrupt):  # uvicorn raises it again after the clean end
        server.run(sockets=[listener])


def _simulated(config: Settings) -> SimulatorConfig:
    return SimulatorConfig(
        channel_secret=config.line_channel_secret.get_secret_value(),
        channel_access_token=config.line_channel_access_token.get_secret_value(),
        webhook_url=f"{config.public_base_url}/line/webhook",
        bot_name=brand.NAME,
        basic_id=brand.BASIC_ID,
        login_channel_id=LOGIN_CHANNEL,
        liff_id=LIFF_ID,
        liff_endpoint=f"{config.public_base_url}/liff",
        clock=clock_from(config.regulars_clock),
        webhook_timeout=10.0,  # one process does everything, also what takes long at the start
        redelivery_attempts=3,
    )


def _remind(simulator: Simulator, db: Database) -> None:
    """LINE remembers its people; the simulator begins with none. The cast is listed first, who came
    in an earlier demo next, the thousands of the seed are found by searching."""
    people = simulator.state.people
    for role in ROLES:
        people[role.line_user_id] = Person(
            role.line_user_id, role.display_name, status_message=role.words
        )
    for row in _on_line(db):
        person = people.setdefault(
            row.line_user_id, Person(row.line_user_id, row.display_name or "LINE 使用者")
        )
        person.is_following = row.is_friend
        person.is_blocking = row.unfriended_at is not None and not row.is_friend
        person.is_listed = not row.line_user_id.startswith(SEEDED)


def _on_line(db: Database) -> Sequence[Any]:
    columns = (
        Member.line_user_id,
        Member.display_name,
        Member.is_friend,
        Member.unfriended_at,
        Member.status,
    )
    with db.reading() as session:
        return session.execute(
            sa.select(*columns).where(Member.line_user_id.is_not(None)).order_by(Member.id)
        ).all()


def _publish_again(session: Session, now: datetime) -> None:
    """Menus for some members, which the job puts in place while the demo runs."""
    for menu in menu_queries.menus(session):
        if not menu.is_own and menu.live is not None:
            with suppress(Invalid, NotNow):
                menus.begin(session, menu_id=menu.id, staff_id=None, now=now)
    menus.tell_again(session)


def _publish_menus(config: Settings, simulator: Simulator) -> None:
    """Publish, then give each member their menu, as LINE would still know."""
    db, now = Database(config.database_url), clock_from(config.regulars_clock)()
    try:
        published = publish_menus(db, config, now=now)
    except Exception:
        log.exception("menus_not_published")
        typer.echo(banner.no_menus(FOLDER / "demo.log"), err=True)
        return
    joined = {row.line_user_id for row in _on_line(db) if row.status == MEMBER}
    with db.transaction() as session:
        outbox.retry_menus(session, now=now)
    people: dict[str, Any] = simulator.state.people
    for line_user_id in joined & people.keys():
        people[line_user_id].rich_menu_id = published["member"]
        if line_user_id.startswith(CAST):
            simulator.state.hub.publish("menu", userId=line_user_id)
    with db.transaction() as session:
        _publish_again(session, now)
    db.dispose()
