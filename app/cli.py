"""The `regulars` command: run the product, look after it, let people and tills in."""

import signal
import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from app.core.config import Settings, settings
from app.core.db import Database

cli = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
staff_cli = typer.Typer(no_args_is_help=True, help="People who may enter the console and the till.")
token_cli = typer.Typer(no_args_is_help=True, help="Bearer tokens for tills and shops.")
menu_cli = typer.Typer(no_args_is_help=True, help="Rich menus under the chat.")
cli.add_typer(staff_cli, name="staff")
cli.add_typer(token_cli, name="token")
cli.add_typer(menu_cli, name="richmenu")

Port = Annotated[int, typer.Option(help="TCP port")]
Host = Annotated[str, typer.Option(help="address to listen on")]


@cli.command()
def serve(port: Port = 8000, host: Host = "127.0.0.1") -> None:
    """Web, worker and clock in one process; migrates first."""
    _web(port, host, frozenset({"web", "worker", "clock"}))


@cli.command()
def web(port: Port = 8000, host: Host = "127.0.0.1") -> None:
    """Only the HTTP side; run `worker` and `clock` beside it (PostgreSQL)."""
    _web(port, host, frozenset({"web"}))


@cli.command()
def worker() -> None:
    """Handle the inbox and send the outbox."""
    _loops(frozenset({"worker"}))


@cli.command()
def clock() -> None:
    """Run the timed jobs; of several clocks one leads."""
    _loops(frozenset({"clock"}))


@cli.command()
def demo(
    port: Port = 8000,
    members: Annotated[int, typer.Option(help="how many members the brand has")] = 3000,
    fresh: Annotated[bool, typer.Option(help="forget an earlier demo")] = False,
) -> None:
    """A seeded brand, the LINE simulator and everything running on this machine."""
    from app.seeds import demo as seeded

    seeded.run(port=port, members=members, fresh=fresh)


@cli.command()
def doctor() -> None:
    """Say in plain words what is wrong and how to mend it; exit 1 when something is."""
    from app.core.clock import clock_from
    from app.insights import doctor as checks

    config = settings()
    db = Database(config.database_url)
    findings = checks.doctor(db, config, now=clock_from(config.regulars_clock)())
    for finding in findings:
        typer.echo(finding.line())
    if any(finding.is_problem for finding in findings):
        raise typer.Exit(1)


@cli.command()
def migrate() -> None:
    """Bring the database to this version's shape."""
    _migrated(settings())
    typer.echo("資料庫已是最新版本 / the database is up to date")


@staff_cli.command("create")
def staff_create(
    login: Annotated[str, typer.Option(help="name to log in with")],
    name: Annotated[str, typer.Option(help="name shown to colleagues")],
    role: Annotated[
        str, typer.Option(help="owner marketer analyst store_manager clerk support")
    ] = "clerk",
    password: Annotated[str, typer.Option(prompt=True, hide_input=True)] = "",
) -> None:
    """Let somebody in."""
    from app.core.clock import clock_from
    from app.staff import service as staff

    config = settings()
    with _migrated(config).transaction() as session:
        staff.create(
            session,
            login=login,
            name=name,
            role=role,
            password=password,
            now=clock_from(config.regulars_clock)(),
        )
    typer.echo(f"已建立 {login}({role})")


@token_cli.command("create")
def token_create(
    name: Annotated[str, typer.Option(help="which till or shop it is for")],
    role: Annotated[str, typer.Option(help="pos or read")] = "pos",
) -> None:
    """Print a new bearer token; it is shown only now."""
    from app.core.clock import clock_from
    from app.staff import service as staff

    config = settings()
    with _migrated(config).transaction() as session:
        token = staff.create_token(
            session, name=name, role=role, now=clock_from(config.regulars_clock)()
        )
    typer.echo(token)


@menu_cli.command("publish")
def richmenu_publish() -> None:
    """Draw the guest and member menus and put them on LINE."""
    from app.richmenus.publishing import publish_menus

    for alias, rich_menu_id in publish_menus(settings()).items():
        typer.echo(f"{alias}: {rich_menu_id}")


def _web(port: int, host: str, roles: frozenset[str]) -> None:
    import uvicorn

    from app.core import logs
    from app.main import create_app

    config = _complete(settings())
    logs.set_up()
    _migrated(config).dispose()
    uvicorn.run(
        create_app(config, roles=roles),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=20,
    )


def _loops(roles: frozenset[str]) -> None:
    from app.core import logs
    from app.runtime import Parts, Runtime

    config = _complete(settings())
    logs.set_up()
    _migrated(config).dispose()
    runtime = Runtime(Parts.from_settings(config), roles)
    stopped = threading.Event()

    def stop(_signal: int, _frame: Any) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    runtime.start()
    stopped.wait()
    runtime.stop()


def _complete(config: Settings) -> Settings:
    missing = config.missing()
    if missing:
        names = "、".join(missing)
        typer.echo(f"無法啟動:缺少設定 {names} / cannot start: set {', '.join(missing)}", err=True)
        raise typer.Exit(2)
    return config


def _migrated(config: Settings) -> Database:
    from app.core import migrate as migrations

    db = Database(config.database_url)
    if db.is_sqlite and db.url.database:
        Path(db.url.database).parent.mkdir(parents=True, exist_ok=True)
    migrations.upgrade(db)
    return db


def main() -> None:
    cli()


if __name__ == "__main__":
    main()
