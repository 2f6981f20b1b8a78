"""`regulars doctor`: what is wrong in plain words, and how to mend it."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.core import migrate
from app.core.clock import clock_from
from app.core.config import Settings
from app.core.db import Database
from app.core.errors import Invalid
from app.coupons import queries as coupons
from app.firings import queries as firings
from app.firings.models import DONE, FAILED
from app.inbox import queries as inbox
from app.insights import checks
from app.journeys import queries as journeys
from app.lifecycle import queries as lifecycle
from app.outbox import queries as outbox
from app.programmes import queries as programmes
from app.programmes.queries import NoProgramme
from app.rewards import queries as rewards
from app.staff import queries as staff

LAGGING = timedelta(minutes=5)
CLOCK_STANDS = timedelta(minutes=15)
LEDGERS_OLD = timedelta(hours=30)
LEAST_DISK_BYTES = 500_000_000
LEAST_KEY_LENGTH = 24
SHOWN = 5
_SECRET = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Finding:
    is_problem: bool
    zh: str
    en: str
    mend: str = ""  # what to do, in both languages or as a command

    def line(self) -> str:
        mark = "✗" if self.is_problem else "✓"
        mend = f"\n    → {self.mend}" if self.mend else ""
        return f"{mark} {self.zh} / {self.en}{mend}"


def fine(zh: str, en: str) -> Finding:
    return Finding(False, zh, en)


def wrong(zh: str, en: str, mend: str) -> Finding:
    return Finding(True, zh, en, mend)


def doctor(settings: Settings, *, now: datetime) -> list[Finding]:
    """Look at settings, database, queues, clock and books, and change nothing. A broken database
    ends the round."""
    found = list(_settings(settings))
    try:
        db = Database(settings.database_url)
    except Invalid:
        found.append(
            wrong(
                "DATABASE_URL 看不懂",
                "DATABASE_URL is no address of a database",
                "例 sqlite:///regulars.db 或 postgresql+psycopg://user:password@host/regulars",
            )
        )
        return found
    found += [*_disk(db), *_content(db, now)]
    db.dispose()
    return found


def _content(db: Database, now: datetime) -> list[Finding]:
    found: list[Finding] = []
    try:
        found += _database(db)
        if any(finding.is_problem for finding in found[-1:]):
            return found
        with db.reading() as session:
            for look in _LOOKS:
                found += look(session, now)
    except SQLAlchemyError as error:
        found.append(
            wrong(
                f"無法讀取資料庫（{_reason(error)}）",
                "the database cannot be read",
                "檢查 DATABASE_URL 與資料庫是否啟動 / check DATABASE_URL, and that it runs",
            )
        )
    return found


def _reason(error: SQLAlchemyError) -> str:
    """The driver's own first line, which never holds the password."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(cause).strip().partition("\n")[0]


def _settings(settings: Settings) -> Iterator[Finding]:
    missing = settings.missing()
    if missing:
        names = ", ".join(missing)
        yield wrong(
            f"缺少設定 {names}",
            f"settings are missing: {names}",
            "寫在環境變數或 .env（見 .env.example）/ set them in the environment or .env",
        )
    else:
        yield fine("必要設定齊全", "all needed settings are there")
    secret = settings.line_channel_secret.get_secret_value()
    if settings.is_real_line and secret and not _SECRET.fullmatch(secret):
        yield wrong(
            "LINE_CHANNEL_SECRET 看起來不是 32 位英數字",
            "LINE_CHANNEL_SECRET does not look like 32 hex digits",
            "從 LINE Developers › Basic settings 複製 / copy it from Basic settings",
        )
    key = settings.secret_key.get_secret_value()
    if settings.is_real_line and key and len(key) < LEAST_KEY_LENGTH:
        yield wrong(
            "SECRET_KEY 太短，容易被猜到",
            "SECRET_KEY is short enough to be guessed",
            'python -c "import secrets; print(secrets.token_urlsafe(32))"',
        )
    yield from _addresses(settings)


def _addresses(settings: Settings) -> Iterator[Finding]:
    if settings.is_real_line and not settings.public_base_url.startswith("https://"):
        yield wrong(
            "PUBLIC_BASE_URL 不是 https,LINE 收不到圖片也開不了頁面",
            "PUBLIC_BASE_URL is not https: LINE shows no pictures and opens no pages",
            "改為對外的 https 網址 / set the public https address",
        )
    if settings.is_real_line and not settings.liff_id:
        yield fine(
            "未設定 LIFF_ID:入會改在對話中進行",
            "no LIFF_ID: people join step by step in the chat",
        )
    if settings.liff_id and not settings.line_login_channel_id:
        yield wrong(
            "有 LIFF_ID 但沒有 LINE_LOGIN_CHANNEL_ID,會員頁面無法確認身分",
            "LIFF_ID without LINE_LOGIN_CHANNEL_ID: pages cannot tell who is looking",
            "填入 LINE Login channel ID / set the id of the LINE Login channel",
        )
    if not settings.regulars_sms_url:
        yield wrong(
            "沒有簡訊服務，無法驗證手機",
            "no SMS provider: phones cannot be verified",
            "設定 REGULARS_SMS_URL / set REGULARS_SMS_URL",
        )
    try:
        clock_from(settings.regulars_clock)
    except ValueError:
        yield wrong(
            "REGULARS_CLOCK 的時間看不懂",
            "REGULARS_CLOCK is no instant",
            "例 2026-02-28T23:59:00+08:00,正式環境請留空 / leave it empty in production",
        )
        return
    if settings.regulars_clock and settings.is_real_line:
        yield wrong(
            "正式環境的時鐘被 REGULARS_CLOCK 移動了",
            "REGULARS_CLOCK moves the clock of a real account",
            "清空 REGULARS_CLOCK / unset REGULARS_CLOCK",
        )


def _disk(db: Database) -> Iterator[Finding]:
    if not db.is_sqlite or db.url.database in (None, "", ":memory:"):
        return
    folder = Path(str(db.url.database)).resolve().parent
    if folder.exists() and shutil.disk_usage(folder).free < LEAST_DISK_BYTES:
        yield wrong(
            "磁碟空間不足 500 MB",
            "less than 500 MB of disk are free",
            f"清出 {folder} 所在磁碟的空間 / free space there",
        )


def _database(db: Database) -> list[Finding]:
    """The last one says whether anything else can be looked at."""
    if _is_absent(db):
        return [
            wrong(
                "還沒有資料庫",
                "there is no database yet",
                "regulars migrate（regulars serve 也會建立 / regulars serve makes it, too）",
            )
        ]
    if not migrate.is_current(db):
        return [
            wrong(
                "資料庫不是這個版本的結構", "the database is of another version", "regulars migrate"
            )
        ]
    return [fine("資料庫可用且為最新版本", "the database answers and is up to date")]


def _is_absent(db: Database) -> bool:
    """Connecting to an SQLite file that is not there would make an empty one."""
    name = db.url.database
    return db.is_sqlite and name not in (None, "", ":memory:") and not Path(str(name)).exists()


def _inbox(session: Session, now: datetime) -> Iterator[Finding]:
    state = inbox.state(session)
    oldest = state.oldest_received_at
    if oldest is not None and now - oldest > LAGGING:
        yield wrong(
            f"{state.waiting} 則收到的事件還沒處理，最久 {_minutes(now - oldest)} 分鐘",
            f"{state.waiting} events wait, the oldest for {_minutes(now - oldest)} minutes",
            "確認 worker 在執行 / see that a worker runs: regulars worker",
        )
    if state.parked:
        yield wrong(
            f"{state.parked} 則事件處理失敗",
            f"{state.parked} events failed for good",
            "/console/delivery",
        )
    if not state.parked and (oldest is None or now - oldest <= LAGGING):
        yield fine("收到的事件都已處理", "all received events are handled")


def _outbox(session: Session, now: datetime) -> Iterator[Finding]:
    state = outbox.state(session, since=now - timedelta(days=1), now=now)
    oldest = state.oldest_due_at
    if outbox.used_up_until(session, now=now) is not None:
        yield wrong(
            "本月的訊息則數已用完",
            "the month's messages are used up",
            "在 LINE 官方帳號管理後台升級方案 / buy a larger plan in LINE Official Account Manager",
        )
    elif oldest is not None and now - oldest > LAGGING:
        yield wrong(
            f"{state.waiting} 則訊息還沒送出，最久 {_minutes(now - oldest)} 分鐘",
            f"{state.waiting} messages wait, the oldest for {_minutes(now - oldest)} minutes",
            "確認 worker 在執行、LINE 可連線 / see that a worker runs and reaches LINE",
        )
    else:
        yield fine(f"過去一天送出 {state.sent_since} 則訊息", f"{state.sent_since} sent in a day")
    if state.parked:
        reason = next((row.reason for row in outbox.parked_rows(session, limit=1)), "") or ""
        mend = "檢查 LINE_CHANNEL_ACCESS_TOKEN / check it; " if "401" in reason else ""
        yield wrong(
            f"{state.parked} 則訊息送不出去",
            f"{state.parked} messages could not be sent",
            f"{mend}/console/delivery",
        )


def _clock(session: Session, now: datetime) -> Iterator[Finding]:
    newest = firings.latest_of_each(session)
    if not newest:
        yield wrong(
            "定時工作從未執行過",
            "no timed job ever ran",
            "執行 regulars serve 或 regulars clock / run one of them",
        )
        return
    last = max(firing.started_at for firing in newest)
    if now - last > CLOCK_STANDS:
        yield wrong(
            f"定時工作停了 {_minutes(now - last)} 分鐘",
            f"no timed job ran for {_minutes(now - last)} minutes",
            "確認 regulars serve 或 regulars clock 在執行 / see that one of them runs",
        )
    failed = [firing.job for firing in newest if firing.status == FAILED]
    if failed:
        names = ", ".join(failed)
        yield wrong(
            f"定時工作失敗：{names}",
            f"timed jobs failed: {names}",
            "原因在 job_runs.error 與日誌 / the reason is in job_runs.error and the log",
        )
    late = lifecycle.overdue(session, before=now - timedelta(hours=1))
    if late:
        yield wrong(
            f"{late} 則生命週期訊息過了時間還沒寫好",
            f"{late} life-cycle messages are late",
            "確認 regulars clock 在執行 / see that the clock runs",
        )
    standing = journeys.overdue(session, before=now - timedelta(hours=1))
    if standing:
        yield wrong(
            f"旅程裡有 {standing} 位會員該往下走而沒有走",
            f"{standing} members of journeys should have been taken on",
            "確認 clock 在執行、LINE 還有則數 / see that the clock runs, and the quota",
        )
    if not failed and not late and not standing and now - last <= CLOCK_STANDS:
        yield fine("定時工作正常", "the timed jobs run")


def _ledgers(session: Session, now: datetime) -> Iterator[Finding]:
    """The nightly result, not a fresh check: that takes long over years of entries."""
    last = firings.latest(session, checks.JOB, status=DONE)
    if last is None or last.finished_at is None:
        return
    broken = (last.result or {}).get("broken", [])
    for sentence in broken[:SHOWN]:
        yield wrong(
            "帳目不一致",
            sentence,
            "保留資料庫備份並回報 / keep a backup and report it",
        )
    if broken:
        return
    if now - last.finished_at > LEDGERS_OLD:
        yield wrong(
            "超過一天沒有核對帳目",
            "the books were not checked for more than a day",
            "確認 regulars clock 在執行 / see that the clock runs",
        )
    else:
        yield fine("點數、等級、優惠券與消費帳目相符", "all books add up")


def _programme(session: Session, now: datetime) -> Iterator[Finding]:
    try:
        terms = programmes.terms_at(session, now)
    except NoProgramme:
        yield wrong(
            "還沒有會員制度，無法累點也沒有等級",
            "no programme is in force: no points, no tiers",
            "/console/setup/tiers，或 / or: "
            "regulars program export --starter > p.yaml && regulars program apply p.yaml",
        )
        return
    known = {kind.draft.code for kind in coupons.kinds(session) if kind.is_active}
    wanted = [terms.gifts.welcome, terms.gifts.birthday, *(tier.gift for tier in terms.tiers)]
    wanted += [reward.draft.coupon for reward in rewards.catalogue(session, now=now)]
    lost = sorted({code for code in wanted if code is not None} - known)
    if lost:
        names = ", ".join(lost)
        yield wrong(
            f"會員制度送出或兌換用的優惠券不存在或已停用：{names}",
            f"the programme gives or exchanges coupons that do not exist: {names}",
            "建立這些優惠券，或修改會員制度 / create them, or change the programme",
        )
    else:
        yield fine(f"會員制度第 {terms.version} 版生效中", f"programme {terms.version} in force")


def _staff(session: Session, _now: datetime) -> Iterator[Finding]:
    owners = [person for person in staff.staff_list(session, roles=["owner"]) if person.is_active]
    if not owners:
        yield wrong(
            "沒有任何負責人帳號，進不了後台",
            "there is no owner: nobody can enter the console",
            "regulars staff create --login … --name … --role owner",
        )


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)


_LOOKS: tuple[Callable[[Session, datetime], Iterator[Finding]], ...] = (
    _programme,
    _staff,
    _inbox,
    _outbox,
    _clock,
    _ledgers,
)
