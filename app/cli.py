"""The `regulars` command: run the product, look after it, let people and tills in."""

import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from sqlalchemy.exc import OperationalError

from app.core.clock import clock_from, system
from app.core.config import Settings, settings
from app.core.db import Database
from app.core.errors import Conflict, DomainError, Invalid, NotFound

cli = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
store_cli = typer.Typer(no_args_is_help=True, help="The shops where people sell.")
draw_cli = typer.Typer(no_args_is_help=True, help="Draws that anybody can recompute.")
staff_cli = typer.Typer(no_args_is_help=True, help="People who may enter the console and the till.")
token_cli = typer.Typer(no_args_is_help=True, help="Bearer tokens for tills and shops.")
program_cli = typer.Typer(no_args_is_help=True, help="Points, tiers and coupons as one file.")
import_cli = typer.Typer(no_args_is_help=True, help="Files of sales.")
menu_cli = typer.Typer(no_args_is_help=True, help="Rich menus under the chat.")
cli.add_typer(store_cli, name="store")
cli.add_typer(staff_cli, name="staff")
cli.add_typer(draw_cli, name="draw")
cli.add_typer(token_cli, name="token")
cli.add_typer(import_cli, name="import")
cli.add_typer(program_cli, name="program")
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
    from app.insights import doctor as checks

    config = settings()
    try:
        now = clock_from(config.regulars_clock)()
    except ValueError:
        now = system()  # the doctor names the setting
    findings = checks.doctor(config, now=now)
    for finding in findings:
        typer.echo(finding.line())
    if any(finding.is_problem for finding in findings):
        raise typer.Exit(1)


@cli.command()
def rehearse(
    days: Annotated[int, typer.Option(min=1, max=400, help="how many days ahead")] = 90,
    drafts: Annotated[bool, typer.Option(help="start the drafts of journeys, too")] = False,
    member: Annotated[str, typer.Option(help="show what this phone or number would get")] = "",
    limit: Annotated[int, typer.Option(min=0, help="messages a month in LINE's plan")] = 0,
) -> None:
    """Run the days to come on a copy of the brand; nobody is sent anything. What would go out, to
    how many, and what would not."""
    import tempfile

    from app.jobs import rehearsal
    from app.jobs.rehearsal_words import lines
    from app.members import queries as people

    config = settings()
    db = Database(config.database_url)
    now = clock_from(config.regulars_clock)()
    member_id = None
    if member:
        with db.reading() as session:
            found = people.person_as_typed(session, member)
        if found is None:
            _stop(f"找不到這位會員：{member} / no such member")
        member_id = found.id
    with (
        tempfile.TemporaryDirectory(prefix="regulars-") as folder,
        typer.progressbar(length=days, label="排練 rehearsing", file=sys.stderr) as bar,
    ):
        outcome = rehearsal.rehearse(
            db,
            config,
            folder=Path(folder),
            days=days,
            now=now,
            with_drafts=drafts,
            member_id=member_id,
            told=lambda _day: bar.update(1),
        )
    for line in lines(outcome, limit=limit):
        print(line)


@cli.command()
def migrate() -> None:
    """Bring the database to this version's shape."""
    _migrated(settings())
    typer.echo("資料庫已是最新版本 / the database is up to date")


@store_cli.command("create")
def store_create(
    code: Annotated[str, typer.Option(help="short code, as tills send it: TPE01")],
    name: Annotated[str, typer.Option(help="name as members read it")],
    city: Annotated[str | None, typer.Option()] = None,
    address: Annotated[str | None, typer.Option()] = None,
    phone: Annotated[str | None, typer.Option()] = None,
    hours: Annotated[str | None, typer.Option(help="11:00–21:00")] = None,
) -> None:
    """Open a store."""
    from app.staff import service as staff

    with _migrated(settings()).transaction() as session:
        staff.create_store(
            session, code=code, name=name, city=city, address=address, phone=phone, hours=hours
        )
    typer.echo(f"已建立門市 {code} {name}")


@store_cli.command("list")
def store_list() -> None:
    """Show the open stores."""
    from app.staff import queries

    with _migrated(settings()).reading() as session:
        for store in queries.open_stores(session):
            typer.echo(f"{store.code}  {store.name}  {store.city or ''}".rstrip())


@draw_cli.command("create")
def draw_create(
    file: Annotated[Path, typer.Argument(help="the draw as a YAML file", dir_okay=False)],
) -> None:
    """Promise a draw: from now on its terms and its seed cannot change."""
    from app.draws import document
    from app.draws import service as draws

    config = settings()
    draft = document.load(_text_of(file))
    with _migrated(config).transaction() as session:
        now = clock_from(config.regulars_clock)()
        draws.create(session, draft=draft, now=now, staff_id=None)
    typer.echo(f"已建立抽獎「{draft.name}」：{config.public_base_url}/draws/{draft.code}")


@draw_cli.command("list")
def draw_list() -> None:
    """Show every draw with the hash of its seed."""
    from app.draws import queries

    with _migrated(settings()).reading() as session:
        for draw in queries.draws(session):
            typer.echo(f"{draw.code}  {draw.name}  {draw.status}  {draw.commitment}")


@draw_cli.command("verify")
def draw_verify(
    what: Annotated[str, typer.Argument(help="a proof.json, or the code of a draw")],
) -> None:
    """Recompute a draw that is over. A file needs no database, so anybody can do it."""
    import json

    from app.draws import queries, rules

    file = Path(what)
    if file.suffix == ".json":
        try:
            proof = rules.proof_from_json(json.loads(_text_of(file)))
        except json.JSONDecodeError as error:
            _stop(f"不是 JSON：{error}")
    else:
        with _migrated(settings()).reading() as session:
            found = queries.proof(session, queries.draw_by_code(session, what).id)
        if found is None:
            _stop("還沒有開獎 / not drawn yet")
        proof = found
    try:
        rules.verify(proof)
    except rules.BadProof as fault:
        _stop(f"不相符：{fault.reason}")
    counted = len(proof.spins) if proof.kind == rules.WHEEL else len(proof.entrants)
    typer.echo(f"相符：{counted:,} 次參加，{len(proof.winners):,} 個順位，重算結果與公布的一致")


Login = Annotated[str, typer.Option(help="name to log in with")]
Password = Annotated[
    str, typer.Option(prompt=True, confirmation_prompt=True, hide_input=True, help="10 or more")
]


@staff_cli.command("create")
def staff_create(
    login: Login,
    name: Annotated[str, typer.Option(help="name shown to colleagues")],
    password: Password,
    role: Annotated[
        str, typer.Option(help="owner marketer analyst store_manager clerk support")
    ] = "clerk",
    store: Annotated[
        str | None, typer.Option(help="code of the one store they work in; left out: every one")
    ] = None,
) -> None:
    """Let somebody in."""
    from app.staff import queries
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
            store_id=None if store is None else queries.store_by_code(session, store).id,
        )
    typer.echo(f"已建立 {login}（{role}）")


@staff_cli.command("list")
def staff_list() -> None:
    """Show who may enter, and where."""
    from app.staff import queries

    with _migrated(settings()).reading() as session:
        for person in queries.staff_list(session):
            where = person.store_name or "全部門市"
            state = "" if person.is_active else "  已停用"
            typer.echo(f"{person.login}  {person.name}  {person.role}  {where}{state}")


@staff_cli.command("password")
def staff_password(login: Login, password: Password) -> None:
    """Set a new password and log them out everywhere."""
    from app.staff import queries
    from app.staff import service as staff

    config = settings()
    with _migrated(config).transaction() as session:
        staff.set_password(
            session,
            staff_id=queries.staff_by_login(session, login),
            password=password,
            now=clock_from(config.regulars_clock)(),
        )
    typer.echo(f"已更新 {login} 的密碼")


@staff_cli.command("reset-code")
def staff_reset_code(login: Login) -> None:
    """They lost the phone and the codes on paper: let the password alone open again."""
    from app.staff import queries
    from app.staff import service as staff

    config = settings()
    with _migrated(config).transaction() as session:
        now = clock_from(config.regulars_clock)()
        staff_id = queries.staff_by_login(session, login)
        staff.drop_factor(session, staff_id=staff_id)
        staff.end_sessions_of(session, staff_id=staff_id, now=now)
        staff.audit(
            session,
            staff_id=None,
            action="staff.second_off",
            object=f"staff:{staff_id}",
            after={"how": "cli"},
            now=now,
        )
    typer.echo(f"已重設 {login} 的兩步驟驗證，所有裝置都已登出")


@staff_cli.command("link")
def staff_link(
    login: Login, member: Annotated[str, typer.Option(help="their own member number")]
) -> None:
    """Say whose membership it is: staff earn points like everybody, but invite nobody."""
    from app.core import text
    from app.core.errors import NotFound
    from app.members import queries as members
    from app.referrals import service as referrals
    from app.staff import queries

    config = settings()
    with _migrated(config).transaction() as session:
        found = members.person_by_number(session, text.parse_member_number(member))
        if found is None:
            raise NotFound("member", member)
        staff_id = queries.staff_by_login(session, login)
        now = clock_from(config.regulars_clock)()
        referrals.link_staff(session, staff_id=staff_id, member_id=found.id, now=now)
    typer.echo(f"{login} 的會員編號為 {text.show_member_number(found.number or '')}")


@staff_cli.command("deactivate")
def staff_deactivate(login: Login) -> None:
    """They left: log them out and keep them out."""
    from app.staff import queries
    from app.staff import service as staff

    config = settings()
    with _migrated(config).transaction() as session:
        staff.deactivate(
            session,
            staff_id=queries.staff_by_login(session, login),
            now=clock_from(config.regulars_clock)(),
        )
    typer.echo(f"已停用 {login}")


@token_cli.command("create")
def token_create(
    name: Annotated[str, typer.Option(help="which till or shop it is for")],
    role: Annotated[str, typer.Option(help="pos or read")] = "pos",
) -> None:
    """Print a new bearer token; it is shown only now."""
    from app.staff import service as staff

    config = settings()
    with _migrated(config).transaction() as session:
        token = staff.create_token(
            session, name=name, role=role, now=clock_from(config.regulars_clock)()
        )
    typer.echo(token)


@token_cli.command("list")
def token_list() -> None:
    """Show the tokens by number, name and how they begin."""
    from app.staff import queries

    with _migrated(settings()).reading() as session:
        for token in queries.tokens(session):
            state = "" if token.revoked_at is None else "  已停用"
            typer.echo(f"{token.id}  {token.name}  {token.role}  {token.prefix}…{state}")


@token_cli.command("revoke")
def token_revoke(number: Annotated[int, typer.Argument(help="from `token list`")]) -> None:
    """Stop a token; it opens nothing after five seconds."""
    from app.staff import service as staff

    config = settings()
    with _migrated(config).transaction() as session:
        staff.revoke_token(session, token_id=number, now=clock_from(config.regulars_clock)())
    typer.echo(f"已停用權杖 {number}")


Book = Annotated[
    Path, typer.Argument(help="YAML as `program export` prints it", exists=True, dir_okay=False)
]


@import_cli.command("sales")
def import_sales(
    file: Annotated[Path, typer.Argument(help="CSV with a heading; at least date and amount")],
    column: Annotated[
        list[str] | None, typer.Option(help="field=heading where the guess is wrong: phone=電話")
    ] = None,
    store: Annotated[str | None, typer.Option(help="code, for rows that name none")] = None,
    keep_strangers: Annotated[
        bool, typer.Option(help="record sales whose member is not found, without points")
    ] = False,
    tell: Annotated[bool, typer.Option(help="send members their receipts")] = False,
    dry_run: Annotated[bool, typer.Option(help="only say what would happen")] = False,
    refused: Annotated[
        Path | None, typer.Option(help="write the rows that were refused to this file")
    ] = None,
) -> None:
    """Record the sales of a file, each once however often it is brought; exit 1 when some were
    refused."""
    from app.jobs import imports

    config = settings()
    try:
        content = file.read_bytes()
    except OSError as error:
        _stop(f"無法讀取 {file}：{error.strerror}")
    wish = imports.Wish(
        name=file.name,
        content=content,
        columns=dict(entry.partition("=")[::2] for entry in column or ()),
        store=store,
        keeps_strangers=keep_strangers,
        tells=tell,
        is_rehearsal=dry_run,
    )
    done = imports.run(_migrated(config), wish, now=clock_from(config.regulars_clock)())
    for fault in done.faults[:20]:
        typer.echo(f"第 {fault.line} 列：{fault.reason}", err=True)
    verb = "可以寫入" if dry_run else "已寫入"
    typer.echo(
        f"{verb} {done.file.created:,} 筆，合計 NT${done.file.amount:,}，"
        f"{done.file.points:,} 點；重複 {done.file.repeated:,} 筆，"
        f"有問題 {done.file.refused:,} 筆"
    )
    if refused is not None and done.faults:
        refused.write_text(done.refused_rows, encoding="utf-8")
    if done.faults:
        raise typer.Exit(1)


@program_cli.command("export")
def program_export(
    version: Annotated[int | None, typer.Option(help="an earlier version, to go back to")] = None,
    starter: Annotated[bool, typer.Option(help="an example to start from")] = False,
) -> None:
    """Print the whole programme, terms and coupons, as YAML with a comment on every key."""
    from app.rulebooks import document, queries, rules, starters

    config = settings()
    now = clock_from(config.regulars_clock)()
    book: rules.Book | None = starters.STARTER
    if not starter:
        with _migrated(config).reading() as session:
            if version is None:
                book = queries.book_at(session, now)
            else:
                book = queries.book_of(session, version)
    if book is None:
        _stop("還沒有會員制度，請用 --starter / no programme yet: use --starter")
    typer.echo(document.dump(book), nl=False)


@program_cli.command("check")
def program_check(file: Book) -> None:
    """Find contradictions, with line and reason; exit 2 when there are any."""
    _book(file)
    typer.echo("沒有矛盾 / no contradiction")


@program_cli.command("diff")
def program_diff(file: Book) -> None:
    """Say what would change, and for how many members, without changing anything."""
    _show_changes(_migrated(settings()), _book(file))


@program_cli.command("apply")
def program_apply(
    file: Book,
    note: Annotated[str, typer.Option(help="why it changes")] = "",
    dry_run: Annotated[bool, typer.Option(help="only say what would happen")] = False,
) -> None:
    """Put it in force from now on, also in place of what was planned for later. Members keep the
    tiers, coupons and points they have."""
    from app.programmes.service import ProgrammeMoved
    from app.rulebooks import service

    config = settings()
    book, db = _book(file), _migrated(config)
    _show_changes(db, book)
    if dry_run:
        return
    now = clock_from(config.regulars_clock)()
    try:
        with db.transaction() as session:
            applied = service.apply(session, book, starts_at=now, actor="cli", now=now, note=note)
    except ProgrammeMoved:
        _stop("剛才有人發布了另一版，請再看一次 diff / another version came in between")
    if applied.version is not None:
        typer.echo(f"會員制度第 {applied.version} 版已生效")


def _text_of(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        _stop(f"{file}：讀不到，或不是 UTF-8 文字檔 / cannot be read: {error}")


def _book(file: Path) -> Any:
    from app.rulebooks import document

    try:
        return document.load(file.read_text("utf-8"))
    except document.BadBook as bad:
        for fault in bad.faults:
            line = "" if fault.line is None else f"第 {fault.line} 行 "
            typer.echo(f"{file}：{line}{fault.where}：{fault.reason}", err=True)
    except UnicodeDecodeError:
        typer.echo(f"{file}：不是 UTF-8 文字檔 / not UTF-8", err=True)
    raise typer.Exit(2)


def _show_changes(db: Database, book: Any) -> None:
    from app.rulebooks import queries, rules

    now = clock_from(settings().regulars_clock)()
    with db.reading() as session:
        old = queries.book_at(session, now)
        book = queries.as_applied(session, book, now=now)
        changes = rules.differences(old, book)
        consequences: list[str] = []
        if old is not None and changes:
            effects = queries.effects(session, old.terms, book.terms, now=now)
            consequences = rules.consequences(effects, old.terms, book.terms)
    for line in changes or ["沒有變更 / nothing changes"]:
        typer.echo(line)
    for line in consequences:
        typer.echo(f"→ {line}")


@menu_cli.command("publish")
def richmenu_publish() -> None:
    """Draw the guest and member menus and put them on LINE."""
    from app.line.gateway import SendError
    from app.outbox import service as outbox
    from app.richmenus.publishing import publish_menus

    config = _complete(settings())
    db, now = _migrated(config), clock_from(config.regulars_clock)()
    try:
        published = publish_menus(db, config, now=now)
    except SendError as error:
        _stop(f"連不上 LINE 或被拒絕：{error.reason} / LINE refused or does not answer")
    for alias, rich_menu_id in published.items():
        typer.echo(f"{alias}: {rich_menu_id}")
    with db.transaction() as session:
        waited = outbox.retry_menus(session, now=now)
    if waited:
        typer.echo(f"{waited:,} 人將換上選單 / {waited:,} people get theirs now")


def _web(port: int, host: str, roles: frozenset[str]) -> None:
    import uvicorn

    from app.core import garbage, logs
    from app.main import create_app

    config = _complete(settings())
    _migrated(config).dispose()
    logs.set_up()
    product = create_app(config, roles=roles)
    garbage.search_rarely()
    uvicorn.run(
        product,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,  # read inside, where LINE's door need not pay for it
        timeout_graceful_shutdown=20,
    )


def _loops(roles: frozenset[str]) -> None:
    from app.core import garbage, logs
    from app.runtime import Parts, Runtime

    config = _complete(settings())
    _migrated(config).dispose()
    logs.set_up()
    runtime = Runtime(Parts.from_settings(config), roles)
    garbage.search_rarely()
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
        _stop(f"無法啟動：缺少設定 {names} / cannot start: set {', '.join(missing)}")
    try:
        clock_from(config.regulars_clock)
    except ValueError as error:
        _stop(f"REGULARS_CLOCK 的時間看不懂 / REGULARS_CLOCK is no instant: {error}")
    return config


def _migrated(config: Settings) -> Database:
    from app.core import migrate as migrations

    db = Database(config.database_url)
    if db.is_sqlite and db.url.database:
        Path(db.url.database).parent.mkdir(parents=True, exist_ok=True)
    migrations.upgrade(db)
    return db


_WORDS: Final = {
    "login": "帳號要 2 到 50 個字元，不能有空白",
    "password": "密碼要 10 到 200 個字元",
    "role": "沒有這個角色",
    "name": "姓名或名稱要 1 到 50 個字元",
    "DATABASE_URL": "DATABASE_URL 看不懂",
    "code": "門市代碼要 1 到 20 個英數字",
}
_THINGS: Final = {
    "login": "帳號",
    "code": "門市代碼",
    "token": "可停用的權杖",
    "staff": "帳號",
    "factor": "已開啟的兩步驟驗證",
}


def _sentence(error: DomainError) -> str:
    from app.staff.service import LastOwner

    match error:
        case LastOwner():
            return "這是最後一位負責人，請先建立另一位 / this is the last owner: make another first"
        case Invalid(field=field, reason=reason):
            return f"{_WORDS.get(field, field)} / {field} {reason}"
        case Conflict(field=field, key=key):
            return f"{_THINGS.get(field, field)} {key} 已經有人使用 / {field} {key} is taken"
        case NotFound(what="store", key=key):
            return f"找不到代碼是 {key} 的門市 / no open store has the code {key}"
        case NotFound(what=what, key=key):
            return f"找不到{_THINGS.get(what, what)} {key} / no such {what}: {key}"
    return str(error)


def _stop(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise SystemExit(2)


def main(arguments: Sequence[str] | None = None) -> None:
    """What a person can mend is one sentence; anything else keeps its traceback."""
    try:
        cli(sys.argv[1:] if arguments is None else list(arguments))
    except DomainError as error:
        _stop(_sentence(error))
    except OperationalError as error:
        reason = str(error.orig).strip().partition("\n")[0]
        _stop(f"連不上資料庫：{reason} / the database does not answer")


if __name__ == "__main__":
    main()
