"""The table of jobs: name, when (crontab in Taipei time), what it does. The only list there is.

A job's work runs in short transactions of its own, so that nobody waits for it, and may be run
twice: every service it calls finds nothing left to do the second time."""

import threading
from collections.abc import Callable, Coroutine, Sized
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from app.campaigns.messages import Brand as Letterhead
from app.cards import service as cards
from app.core.config import Settings
from app.core.db import Database
from app.coupons import service as coupons
from app.cutoffs import queries as cutoff_queries
from app.cutoffs import service as cutoffs
from app.draws import queries as draw_queries
from app.draws import service as draws
from app.enrolments.service import joining
from app.firings import service as firings
from app.hooks import service as webhooks
from app.imports import service as imports
from app.insights import checks
from app.invoices import service as invoices
from app.jobs import broadcasts, experiments, hooks, journeys, menus, photos, profiles, scores
from app.jobs import imports as files
from app.lifecycle import service as lifecycle
from app.lifecycle.messages import Brand
from app.line.gateway import Gateway
from app.points import service as points
from app.referrals import service as referrals
from app.rewards import service as rewards
from app.richmenus.publishing import line_menus
from app.rights import service as rights
from app.staff import service as staff
from app.tags import service as tags
from app.tiers import service as tiers
from app.verifications import service as verifications
from app.visits import service as visits

COMPOSED_AT_ONCE = 200
CARD_CODES_KEPT = timedelta(days=8)  # a code scanned without network comes in later


@dataclass(frozen=True, slots=True)
class Desk:
    """What a job may use. `run` waits for a coroutine."""

    db: Database
    line: Gateway
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    config: Settings
    is_stopping: threading.Event

    @property
    def brand(self) -> Brand:
        return Brand(self.config.brand_name, self.config.brand_theme, self.config.liff_id)

    @property
    def letterhead(self) -> Letterhead:
        key = self.config.secret_key.get_secret_value()
        return Letterhead(self.config.theme, self.config.public_base_url.rstrip("/"), key)


@dataclass(frozen=True, slots=True)
class Job:
    """Either `cron` or `every`; what comes every few seconds leaves no row behind."""

    name: str
    does: str
    work: Callable[[Desk, datetime], Any]  # what it returns is kept as the firing's result
    cron: str | None = None
    every: timedelta | None = None


def _in_batches(desk: Desk, what: str, step: Callable[[Session], int | Sized]) -> dict[str, int]:
    """Repeat a step, each time in its own transaction, until it finds nothing more to do; say how
    many of `what` were done."""
    done = 0
    while not desk.is_stopping.is_set():
        with desk.db.transaction() as session:
            found = step(session)
        number = found if isinstance(found, int) else len(found)
        if not number:
            break
        done += number
    return {what: done} if done else {}


def _settle_points(desk: Desk, now: datetime) -> dict[str, int]:
    return _in_batches(desk, "accounts", partial(points.settle_due, now=now))


def _expire_coupons(desk: Desk, now: datetime) -> dict[str, int]:
    return _in_batches(desk, "coupons", partial(coupons.expire_due, now=now))


def _release_coupons(desk: Desk, now: datetime) -> dict[str, int]:
    return _in_batches(desk, "coupons", partial(coupons.release_due, now=now))


def _lapse_gifts(desk: Desk, now: datetime) -> dict[str, int]:
    return _in_batches(desk, "gifts", partial(coupons.lapse_gifts, now=now))


def _lapse_rewards(desk: Desk, now: datetime) -> dict[str, int]:
    return _in_batches(desk, "exchanges", partial(rewards.lapse_due, now=now))


def _count_cuts(desk: Desk, now: datetime) -> dict[str, int]:
    """Counted while reading: a million members are some seconds in which tills go on writing."""
    with desk.db.reading() as session:
        cuts = cutoff_queries.due(session, now=now)
    if cuts is None:
        return {}
    with desk.db.transaction() as session:
        version = cutoffs.publish(session, cuts, now=now)
    return {} if version is None else {"version": version}


def _review_tiers(desk: Desk, now: datetime) -> dict[str, int]:
    return _in_batches(desk, "members", partial(tiers.review_at_expiry, now=now))


def _move_referrals(desk: Desk, now: datetime) -> dict[str, int]:
    paid = partial(referrals.pay_due, theme=desk.brand.theme, now=now)
    return {
        **_in_batches(desk, "rewarded", paid),
        **_in_batches(desk, "lapsed", partial(referrals.lapse_due, now=now)),
    }


def _run_draws(desk: Desk, now: datetime) -> dict[str, int]:
    """Nearly every minute there is nothing to do, and one look says so."""
    with desk.db.reading() as session:
        if not draw_queries.has_work(session, now=now):
            return {}
    theme = desk.brand.theme
    steps: dict[str, Callable[[Session], int]] = {
        "frozen": partial(draws.freeze_due, now=now),
        "drawn": partial(draws.decide_due, theme=theme, now=now),
        "delivered": partial(draws.deliver_due, now=now),
        "forfeited": partial(draws.forfeit_due, theme=theme, now=now),
    }
    found: dict[str, int] = {}
    for name, step in steps.items():
        found |= _in_batches(desk, name, step)
    return found


def _plan_lifecycle(desk: Desk, now: datetime) -> dict[str, int]:
    """One transaction a trigger: none of them makes the till wait for the others."""
    found: dict[str, int] = {}
    for trigger in lifecycle.triggers_due(now=now):
        if desk.is_stopping.is_set():
            break
        with desk.db.transaction() as session:
            added = lifecycle.plan_one(session, trigger, now=now)
        if added:
            found[trigger.rule.code] = found.get(trigger.rule.code, 0) + added
    return found


def _compose_lifecycle(desk: Desk, now: datetime) -> dict[str, int]:
    step = partial(lifecycle.compose, brand=desk.brand, now=now, limit=COMPOSED_AT_ONCE)
    return _in_batches(desk, "decided", step)


def _wipe_closed(desk: Desk, now: datetime) -> dict[str, int]:
    key = desk.config.secret_key.get_secret_value()
    return _in_batches(desk, "members", partial(rights.wipe_due, key=key, now=now))


def _forget(desk: Desk, now: datetime) -> dict[str, int]:
    steps: dict[str, Callable[[Session], int]] = {
        "card_codes": partial(cards.forget_expired, before=now - CARD_CODES_KEPT),
        "visits": partial(visits.forget_old, now=now),
        "verifications": partial(verifications.forget_old, now=now),
        "joinings": partial(joining.forget_old, now=now),
        "staff_sessions": partial(staff.forget_old, now=now),
        "staff_links": partial(staff.forget_links, now=now),
        "invoice_photos": partial(invoices.forget_old, now=now),
        "files_of_sales": partial(imports.forget, now=now),
        "invitations": partial(referrals.forget_old, now=now),
        "phone_hashes": partial(rights.forget_old, now=now),
        "tags": partial(tags.forget_old, now=now),
        "firings": partial(firings.forget_old, now=now),
        "webhooks": partial(webhooks.forget_old, now=now),
    }
    found: dict[str, int] = {}
    for name, step in steps.items():
        with desk.db.transaction() as session:
            found[name] = step(session)
    return {name: number for name, number in found.items() if number}


def _check_ledgers(desk: Desk, now: datetime) -> dict[str, list[str]]:
    _settle_points(desk, now)  # after an outage what is overdue is late, not wrong
    with desk.db.reading() as session:
        return {"broken": checks.broken_invariants(session, now=now)}


def _fetch_profiles(desk: Desk, now: datetime) -> int:
    return profiles.fetch(desk.db, desk.line, desk.run, now=now)


def _read_photos(desk: Desk, now: datetime) -> int:
    return photos.read(desk.db, desk.line, desk.run, theme=desk.brand.theme, now=now)


def _bring_files(desk: Desk, now: datetime) -> int:
    return files.advance(desk.db, is_stopping=desk.is_stopping.is_set, now=now)


def _send_broadcasts(desk: Desk, now: datetime) -> int:
    stopping = desk.is_stopping.is_set
    return broadcasts.advance(desk.db, brand=desk.letterhead, is_stopping=stopping, now=now)


def _take_journeys_on(desk: Desk, now: datetime) -> int:
    stopping = desk.is_stopping.is_set
    return journeys.advance(desk.db, brand=desk.letterhead, is_stopping=stopping, now=now)


def _place_menus(desk: Desk, now: datetime) -> int:
    if not menus.has_work(desk.db, now=now):
        return 0
    line, is_stopping = line_menus(desk.config), desk.is_stopping.is_set
    return menus.advance(desk.db, line, desk.config, is_stopping=is_stopping, now=now)


def _follow_menus(desk: Desk, now: datetime) -> int:
    found = menus.follow(desk.db, now=now)
    if menus.has_leftovers(desk.db, now=now):
        found += menus.clear(desk.db, line_menus(desk.config), now=now)
    return found


def _review_menus(desk: Desk, now: datetime) -> int:
    return menus.hourly(desk.db, now=now)


def _advance_experiments(desk: Desk, now: datetime) -> dict[str, int]:
    return experiments.advance(desk.db, is_stopping=desk.is_stopping.is_set, now=now)


def _measure_scores(desk: Desk, now: datetime) -> dict[str, int]:
    return scores.advance(desk.db, is_stopping=desk.is_stopping.is_set, now=now)


def _tell_hooks(desk: Desk, now: datetime) -> int:
    return hooks.tell(
        desk.db,
        key=desk.config.secret_key.get_secret_value(),
        allows_private=desk.config.regulars_hooks_private,
        is_stopping=desk.is_stopping.is_set,
        now=now,
    )


def _settle_invoices(desk: Desk, now: datetime) -> dict[str, int]:
    return _in_batches(desk, "invoices", partial(invoices.settle_due, now=now))


LEDGER_CHECK = checks.JOB
JOBS: tuple[Job, ...] = (
    Job("points", "點數生效與到期入帳", _settle_points, cron="1 * * * *"),
    Job("coupons", "優惠券到期", _expire_coupons, cron="2 * * * *"),
    Job("gifts", "沒人收下的優惠券禮物", _lapse_gifts, cron="* * * * *"),
    Job("reservations", "放開網路訂單沒用的優惠券", _release_coupons, cron="* * * * *"),
    Job("rewards", "逾期未領的兌換", _lapse_rewards, cron="15 2 * * *"),
    Job("cuts", "每期重新計算前百分比等級的門檻", _count_cuts, every=timedelta(minutes=1)),
    Job("tiers", "等級到期的續等與調整", _review_tiers, cron="1 * * * *"),
    Job("referrals", "好友推薦獎勵發放與逾期", _move_referrals, cron="3 * * * *"),
    Job("draws", "抽獎截止、開獎與發獎", _run_draws, cron="* * * * *"),
    Job("triggers", "找出該收到生命週期訊息的會員", _plan_lifecycle, cron="5 * * * *"),
    Job("compose", "寫好到時間的生命週期訊息", _compose_lifecycle, cron="* * * * *"),
    Job("profiles", "向 LINE 取得好友名稱與頭像", _fetch_profiles, every=timedelta(seconds=3)),
    Job("photos", "讀取會員傳來的發票照片", _read_photos, every=timedelta(seconds=2)),
    Job("imports", "試算與匯入消費檔", _bring_files, every=timedelta(seconds=2)),
    Job("broadcasts", "凍結群發名單並寫好每一封", _send_broadcasts, every=timedelta(seconds=2)),
    Job("journeys", "讓會員進入旅程並走到下一步", _take_journeys_on, every=timedelta(seconds=5)),
    Job("hooks", "把發生的事送到 webhook 位址", _tell_hooks, every=timedelta(seconds=2)),
    Job("menus", "發布圖文選單，替會員換上", _place_menus, every=timedelta(seconds=2)),
    Job("menu-turns", "入會、換等級的會員該換的選單", _follow_menus, every=timedelta(minutes=1)),
    Job("menu-review", "分眾與檔期的選單該給誰", _review_menus, cron="6 * * * *"),
    Job("invoices", "發票比對與保留期滿", _settle_invoices, cron="4 * * * *"),
    Job("wipes", "清除一週前刪除的會員資料", _wipe_closed, cron="10 * * * *"),
    Job("forgetting", "清除過期的會員碼、驗證碼與登入", _forget, cron="20 * * * *"),
    Job(
        "experiments",
        "記下誰看到哪個版本，時間到了結束實驗",
        _advance_experiments,
        cron="* * * * *",
    ),
    Job("scores", "每晚計算 RFM、NES 與顧客價值", _measure_scores, cron="15 3 * * *"),
    Job(LEDGER_CHECK, "每晚核對點數、等級、優惠券與消費帳", _check_ledgers, cron="30 4 * * *"),
)
