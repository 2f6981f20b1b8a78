"""/console/programme: what holds now in words and tables, what held before, and what a sale would
earn."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session

from app.core import ids
from app.core.clock import taipei_date
from app.core.errors import NotFound
from app.coupons import queries as coupons
from app.missions import queries as missions
from app.programmes import queries
from app.programmes.queries import NoProgramme, Version
from app.programmes.rules import Campaign, Reward, Terms
from app.revisions import queries as revisions
from app.revisions.queries import Draft
from app.rewards import queries as rewards
from app.rulebooks import queries as books
from app.rulebooks import rules as book_rules
from app.staff import queries as staff
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.stamps import queries as stamps
from app.tiers import queries as tiers
from app.tiers.rules import words as tier_words
from app.web import pages
from app.web.console import programme_tester
from app.web.console.programme_tester import Result
from app.web.security import NotAllowed, StaffRoute, require
from flex_templates.theme import CAMPHOR, METALS

router = APIRouter(prefix="/console/programme", route_class=StaffRoute)
Reader = Annotated[Visitor, Depends(require(Permission.READ_NUMBERS))]
Short = Annotated[str, Query(max_length=100)]

NOTICES: Final = {
    "begun": (True, "會員制度已經開始。"),
    "restored": (True, "已經換回那一版的內容。"),
    "asked": (True, "已送出，等另一位同仁核准。"),
    "contradictory": (False, "那一版的內容現在已經不能使用，可能用到了停發的優惠券。"),
    "moved": (False, "剛才有人發布了新的一版，請重新看過再做一次。"),
}
COMBINES: Final = {"max": "只取最高的倍率", "sum": "倍率相加", "product": "倍率相乘"}


@dataclass(frozen=True, slots=True)
class TierShown:
    """One column of the table of tiers."""

    code: str
    name: str
    colours: tuple[str, str]  # of its card: ground and ink
    goals: str
    renewal: str
    times: str
    gift: str
    benefits: tuple[str, ...]
    members: int


@dataclass(frozen=True, slots=True)
class Linked:
    """A list of the programme with a page of its own."""

    name: str
    url: str
    number: int
    unit: str


@dataclass(frozen=True, slots=True)
class VersionShown:
    version: Version
    by: str
    before: int | None  # the version it changed


@dataclass(frozen=True, slots=True)
class ProgrammeView:
    terms: Terms
    tiers: tuple[TierShown, ...]
    window: str
    length: str
    downgrade: str
    combine: str
    campaigns: tuple[Campaign, ...]
    expiry: str
    gifts: tuple[tuple[str, str], ...]
    referral: tuple[str, ...]
    linked: tuple[Linked, ...]
    versions: tuple[VersionShown, ...]
    planned: tuple[Version, ...]
    drafts: tuple[Draft, ...]
    decided: tuple[Draft, ...]


@router.get("")
def programme(request: Request, visitor: Reader, notice: Short = "") -> Response:
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        try:
            terms = queries.terms_at(session, now)
        except NoProgramme:
            return pages.render(request, "console/programme_none.html")
        view = _view(session, terms, now)
    return pages.render(
        request,
        "console/programme.html",
        view=view,
        notice=NOTICES.get(notice),
        form_id=ids.random_code(20),
        may_write=visitor.may(Permission.WRITE_PROGRAMME),
    )


def _view(session: Session, terms: Terms, now: datetime) -> ProgrammeView:
    names = {kind.draft.code: kind.draft.name for kind in coupons.kinds(session)}
    counts = tiers.counts(session)
    found = queries.versions(session, now=now)
    people = {f"staff:{person.id}": person.name for person in staff.staff_list(session)}
    return ProgrammeView(
        terms=terms,
        tiers=_tiers(terms, names, counts),
        window=tier_words.window(terms.tiering),
        length=tier_words.length(terms.tiering),
        downgrade=downgrade(terms),
        combine=COMBINES[terms.earning.combine],
        campaigns=tuple(item for item in terms.earning.campaigns if item.ends_at > now),
        expiry=expiry(terms),
        gifts=(
            ("入會禮", _named(terms.gifts.welcome, names)),
            ("生日禮", _named(terms.gifts.birthday, names)),
        ),
        referral=_referral(terms, names),
        linked=_linked(session, now),
        versions=tuple(
            VersionShown(
                item,
                people.get(item.actor, {"cli": "指令", "seed": "示範資料"}.get(item.actor, "系統")),
                found[place + 1].id if place + 1 < len(found) else None,
            )
            for place, item in enumerate(found)
        ),
        planned=tuple(item for item in reversed(found) if item.is_planned),
        drafts=tuple(revisions.drafts(session, statuses=revisions.UNDER_WAY)),
        decided=tuple(revisions.drafts(session, statuses=("rejected",), limit=5)),
    )


def _tiers(terms: Terms, names: dict[str, str], counts: dict[str, int]) -> tuple[TierShown, ...]:
    found = []
    for tier in terms.tiers:
        face = METALS.get(tier.colour, CAMPHOR.plain)
        renewal = "—" if not tier.goals else f"效期內消費滿 NT${tier.renewal_threshold:,}"
        found.append(
            TierShown(
                code=tier.code,
                name=tier.name,
                colours=(face.centre, face.ink),
                goals=tier_words.goals(tier, terms.tiering),
                renewal=renewal if tier.threshold else "—",
                times=f"{tier.percent / 100:g} 倍",
                gift=_named(tier.gift, names),
                benefits=tier.benefits,
                members=counts.get(tier.code, 0),
            )
        )
    return tuple(found)


def _named(code: str | None, names: dict[str, str]) -> str:
    return "沒有" if code is None else names.get(code, code)


def downgrade(terms: Terms) -> str:
    words = {"by_amount": "依這段期間的消費決定等級", "one_down": "降一級"}
    grace = f"，寬限 {terms.tiering.grace_days} 天" if terms.tiering.grace_days else ""
    return f"到期時未達續等門檻：{words[terms.tiering.downgrade]}{grace}"


def expiry(terms: Terms) -> str:
    months = terms.points.expiry_months
    return {
        "end_of_month": f"得到後 {months} 個月的月底到期",
        "end_of_next_year": "次年 12 月 31 日到期",
        "after_activity": f"最後一次消費後 {months} 個月到期",
        "never": "不會到期",
    }[terms.points.expiry]


def _referral(terms: Terms, names: dict[str, str]) -> tuple[str, ...]:
    def worth(reward: Reward) -> str:
        parts = [f"{reward.points:,} 點"] if reward.points else []
        parts += [_named(reward.coupon, names)] if reward.coupon else []
        return "、".join(parts) or "沒有"

    told = terms.referral
    if not told.is_open:
        return ()
    cap = "" if told.cap_per_month is None else f"，每月最多 {told.cap_per_month} 位"
    return (
        f"推薦人：{worth(told.inviter)}{cap}",
        f"好友：{worth(told.friend)}",
        f"好友入會 {told.purchase_days} 天內首次消費滿 NT${told.min_spend:,} 才算",
    )


def _linked(session: Session, now: datetime) -> tuple[Linked, ...]:
    given = [kind for kind in coupons.kinds(session) if kind.is_active]
    asked = [mission for mission in missions.missions(session) if mission.is_active]
    cards = [card for card in stamps.cards(session) if card.is_active]
    return (
        Linked("優惠券", "/console/coupons", len(given), "種發放中"),
        Linked("任務", "/console/missions", len(asked), "個進行中"),
        Linked("集點卡", "/console/stamps", len(cards), "張進行中"),
        Linked("兌換商品", "/console/rewards", len(rewards.catalogue(session, now=now)), "項"),
    )


# Two versions side by side ------------------------------------------------------------------------


@router.get("/compare")
def compare(request: Request, _: Reader, old: Short = "", new: Short = "") -> Response:
    """What changed between two versions; without any, between the last two."""
    now = request.app.state.clock()
    with request.app.state.db.reading() as session:
        known = queries.versions(session, now=now)
        if not known:
            raise NotFound("programme", 0)
        latest, before = known[0].id, known[min(1, len(known) - 1)].id
        first, second = (
            ids.id_typed(said) or other for said, other in ((old, before), (new, latest))
        )
        try:
            one, other = books.book_of(session, first), books.book_of(session, second)
        except NoProgramme as missing:
            raise NotFound("programme", first) from missing
        changes = book_rules.differences(one, other)
        effects = books.effects(session, one.terms, other.terms, now=now) if changes else None
    return pages.render(
        request,
        "console/programme_compare.html",
        versions=known,
        old=first,
        new=second,
        changes=changes,
        consequences=(book_rules.consequences(effects, one.terms, other.terms) if effects else []),
    )


# What a sale would earn ---------------------------------------------------------------------------


@router.get("/try")
def try_a_sale(request: Request, visitor: Reader, draft: Short = "") -> Response:
    """The form comes back with what was typed; nothing is recorded. A draft is shown to those who
    may write one."""
    now = request.app.state.clock()
    draft_id = ids.id_typed(draft)
    if draft_id is not None and not visitor.may(Permission.WRITE_PROGRAMME):
        raise NotAllowed(visitor)
    with request.app.state.db.reading() as session:
        try:
            newest = queries.terms_at(session, now)
        except NoProgramme as missing:
            raise NotFound("programme", 0) from missing
        given = None if draft_id is None else revisions.draft(session, draft_id)
        terms = newest if given is None else given.terms
        typed = programme_tester.fields(terms, today=taipei_date(now))
        asked = request.query_params
        if asked.get("amount") is not None:
            typed = {name: asked.get(name, "").strip()[:100] for name in typed}
        question, problems = programme_tester.read(typed, terms)
        result: Result | None = None
        if question is not None:
            if given is None:  # the terms of the day of the sale
                try:
                    terms = queries.terms_at(session, question.sold_at)
                except NoProgramme:
                    problems["day"] = "那一天還沒有會員制度"
            if not problems:
                result = programme_tester.answer(question, terms)
    return pages.render(
        request,
        "console/programme_try.html",
        terms=terms,
        typed=typed,
        problems=problems,
        result=result,
        draft=given,
        lines=programme_tester.LINES,
        campaigns=[
            item
            for item in terms.earning.campaigns
            if question is not None and item.starts_at <= question.sold_at < item.ends_at
        ],
    )
