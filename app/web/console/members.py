"""/console/members: the list, and everything held about one member."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session

from app.attention import queries as topics
from app.checkouts import messages as checkout_messages
from app.core import ids
from app.core.db import Database
from app.explanations import queries as explanations
from app.insights.queries import portrait, roster
from app.insights.queries.portrait import (
    Agreed,
    Bought,
    CouponHeld,
    Profile,
    Spent,
    TierHeld,
)
from app.insights.queries.roster import Listed, Wanted
from app.journeys import queries as journeys
from app.journeys.queries import RunOfMember
from app.mergers import queries as mergers
from app.mergers.queries import MergerShown
from app.outbox import queries as outbox
from app.outbox.queries import Sending
from app.points import queries as points
from app.points.queries import Movement
from app.points.rules import Earned, Standing, formula_from_facts
from app.programmes import queries as programmes
from app.scores import queries as scores
from app.scores.queries import ScoreShown
from app.segments import compiling
from app.segments import queries as segments
from app.staff.queries import Visitor
from app.staff.rules import Permission
from app.tags import queries as tags
from app.tags.queries import TagWorn
from app.timeline import queries as timeline
from app.timeline.queries import TimelineEntry
from app.web import pages, words
from app.web.console import corrections, exports, facts, looks
from app.web.console.facts import Moment
from app.web.console.privacy import Mask, mask_for
from app.web.params import PathId, QueryId
from app.web.security import NotAllowed, StaffRoute, require
from flex_templates.purchases import Reason

router = APIRouter(prefix="/console/members", route_class=StaffRoute)
Reader = Annotated[Visitor, Depends(require(Permission.READ_MEMBERS))]
Words = Annotated[str, Query(max_length=100)]
Code = Annotated[str, Query(max_length=40)]
STATUSES = ("member", "guest", "closed")


@dataclass(frozen=True, slots=True)
class Line:
    """A member in the list, as much of them as the reader may see."""

    id: int
    number: str | None
    name: str
    display_name: str
    phone: str
    status: str
    is_friend: bool
    tier: str
    balance: int
    joined_at: datetime | None


@dataclass(frozen=True, slots=True)
class ListView:
    lines: tuple[Line, ...]
    words: str
    status: str
    tier: str
    tiers: dict[str, str]
    segment: str
    segments: dict[str, str]
    next_url: str | None
    first_url: str
    file_url: str
    is_first: bool
    may_search_names: bool

    @property
    def is_filtered(self) -> bool:
        return bool(self.words or self.status or self.tier or self.segment)


@dataclass(frozen=True, slots=True)
class Asked:
    """The list as the address asks for it."""

    q: Words = ""
    status: Code = ""
    tier: Code = ""
    segment: Code = ""

    def query(self, **more: object) -> dict[str, object]:
        named = {"q": self.q, "status": self.status, "tier": self.tier, "segment": self.segment}
        return named | more


@router.get("")
def members(
    request: Request, visitor: Reader, asked: Annotated[Asked, Depends()], before: QueryId = None
) -> Response:
    mask, now = mask_for(visitor), request.app.state.clock()
    with request.app.state.db.reading() as session:
        tiers = portrait.tier_names(session, now=now)
        wanted = _wanted(session, visitor, asked, now)
        page = roster.members(session, wanted, before_id=before)
        chosen = segments.segments(session) if visitor.may(Permission.REACH_MEMBERS) else []
    looks.note(
        request,
        visitor,
        "search" if asked.q.strip() else "list",
        member_id=page.rows[0].id if len(page.rows) == 1 else None,
        source="members",
        people=len(page.rows),
    )
    older, here = page.next_before, "/console/members"
    view = ListView(
        lines=tuple(line(row, mask, tiers) for row in page.rows),
        words=asked.q,
        status=wanted.status,
        tier=asked.tier,
        tiers=tiers,
        segment=asked.segment if wanted.among is not None else "",
        segments={str(one.id): one.name for one in chosen},
        next_url=None if older is None else pages.with_query(here, **asked.query(before=older)),
        first_url=pages.with_query(here, **asked.query()),
        file_url=pages.with_query(f"{here}/list.csv", **asked.query()),
        is_first=before is None,
        may_search_names=mask.may_search_names,
    )
    return pages.render(request, "console/members.html", view=view)


def _wanted(session: Session, visitor: Visitor, asked: Asked, now: datetime) -> Wanted:
    """Raises NotAllowed: a list that only looks as if it were a segment misleads."""
    sees = mask_for(visitor).may_search_names
    if asked.segment and not visitor.may(Permission.REACH_MEMBERS):
        raise NotAllowed(visitor)
    segment_id, among = ids.id_typed(asked.segment), None
    if segment_id is not None:
        among = compiling.members(segments.segment(session, segment_id).tree, now=now)
    return Wanted(
        words=asked.q,
        status=asked.status if asked.status in STATUSES else "",
        tier=asked.tier,
        by_name=sees,
        by_phone=sees,
        among=among,
    )


@router.get("/list.csv")
def file(request: Request, visitor: Reader, asked: Annotated[Asked, Depends()]) -> Response:
    """The whole list. For who sees no names it has no columns for them."""
    db, now = request.app.state.db, request.app.state.clock()
    mask = mask_for(visitor)
    with db.reading() as session:
        tiers = portrait.tier_names(session, now=now)
        wanted = _wanted(session, visitor, asked, now)
        people = roster.count(session, wanted)
        chosen = None
        if wanted.among is not None:  # looked for once, not again for each portion
            chosen = sorted(session.scalars(wanted.among), reverse=True)
    looks.note(request, visitor, "file", source="members", people=people)

    def portions() -> Iterator[list[list[object]]]:
        found = _whole(db, wanted) if chosen is None else _among(db, wanted, chosen)
        for rows in found:
            yield [_cells(line(row, mask, tiers), mask) for row in rows]

    personal = ["姓名", "LINE 名稱", "手機"] if mask.may_search_names else []
    return exports.file(
        request,
        visitor,
        name="members",
        head=["會員編號", *personal, "等級", "點數", "狀態", "可傳訊", "入會日"],
        portions=portions(),
        filters=asked.query(q=bool(asked.q.strip()) or None),  # a word can be a name or a phone
    )


def _whole(db: Database, wanted: Wanted) -> Iterator[Sequence[Listed]]:
    before: int | None = None
    while True:
        with db.reading() as session:
            page = roster.members(session, wanted, before_id=before, limit=exports.PORTION)
        yield page.rows
        before = page.next_before
        if before is None:
            return


def _among(db: Database, wanted: Wanted, chosen: Sequence[int]) -> Iterator[Sequence[Listed]]:
    for at in range(0, len(chosen), exports.PORTION):
        few = replace(wanted, among=chosen[at : at + exports.PORTION])
        with db.reading() as session:
            rows = roster.members(session, few, limit=exports.PORTION).rows
        yield rows


def _cells(one: Line, mask: Mask) -> list[object]:
    personal = [one.name, one.display_name, one.phone] if mask.may_search_names else []
    return [
        one.number,
        *personal,
        one.tier,
        one.balance,
        words.of(words.MEMBER_STATUSES, one.status),
        "是" if one.is_friend else "否",
        None if one.joined_at is None else pages.show_day(one.joined_at),
    ]


def line(row: Listed, mask: Mask, tiers: dict[str, str]) -> Line:
    """As much of a member as the reader may see."""
    return Line(
        id=row.id,
        number=row.number,
        name=mask.name(row.name),
        display_name=mask.name(row.display_name),
        phone=mask.phone(row.phone),
        status=row.status,
        is_friend=row.is_friend,
        tier=tiers.get(row.tier_code or "", row.tier_code or ""),
        balance=row.balance,
        joined_at=row.joined_at,
    )


@dataclass(frozen=True, slots=True)
class Explained:
    """A movement of points and what its number is made of."""

    movement: Movement
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class MemberView:
    id: int
    number: str | None
    status: str
    name: str
    display_name: str
    contact: tuple[tuple[str, str], ...]  # label, value
    profile: Profile  # for what is not personal: dates, source, flags
    tier: TierHeld | None
    tiers: tuple[TierHeld, ...]
    points: Standing
    movements: tuple[Explained, ...]
    coupons: tuple[CouponHeld, ...]
    usable_coupons: int
    purchases: tuple[Bought, ...]
    spent: Spent
    score: ScoreShown | None
    consents: tuple[Agreed, ...]
    declined: tuple[tuple[str, datetime], ...]  # topics that are turned off, and since when
    messages: tuple[Sending, ...]
    tags: tuple[TagWorn, ...]
    known_tags: tuple[str, ...]
    journeys: tuple[RunOfMember, ...]
    mergers: tuple[MergerShown, ...]
    moments: tuple[Moment, ...]
    older_url: str | None
    correcting: "Correcting | None"  # None: the visitor may not


@dataclass(frozen=True, slots=True)
class Correcting:
    """The form to correct the points; above `limit` a second person decides (None: no limit)."""

    form_id: str
    limit: int | None
    notice: tuple[bool, str] | None


JOURNEYS_SHOWN = 10
TIMELINE_PAGE = 30


@router.get("/{member_id}")
def member(
    request: Request,
    visitor: Reader,
    member_id: PathId,
    before: QueryId = None,
    notice: Code = "",
) -> Response:
    mask, now = mask_for(visitor), request.app.state.clock()
    with request.app.state.db.reading() as session:
        view = _member_view(
            session,
            member_id,
            mask=mask,
            before=before,
            home=visitor.home_store_id,
            correcting=_correcting(session, visitor, notice, now),
            now=now,
        )
    looks.note(request, visitor, "page", member_id=member_id)
    return pages.render(request, "console/member.html", view=view)


@router.get("/{member_id}/why")
def why(request: Request, visitor: Reader, member_id: PathId) -> Response:
    """Each number of the member with all that made it, as the member sees it."""
    with request.app.state.db.reading() as session:
        profile = portrait.profile(session, member_id)
        figures = explanations.everything(session, member_id, now=request.app.state.clock())
    looks.note(request, visitor, "why", member_id=member_id)
    name = mask_for(visitor).name(profile.name or profile.display_name)
    return pages.render(
        request, "console/why.html", figures=figures, member_id=member_id, name=name
    )


def _member_view(
    session: Session,
    member_id: int,
    *,
    mask: Mask,
    before: int | None,
    home: int | None,
    correcting: Correcting | None,
    now: datetime,
) -> MemberView:
    """`home` is the one store whose sales the reader sees; None for all."""
    profile = portrait.profile(session, member_id)
    names = portrait.tier_names(session, now=now)
    tiers = tuple(portrait.tiers_held(session, member_id, now=now))
    coupons = tuple(portrait.coupons(session, member_id))
    entries = timeline.entries_of(session, member_id, before_id=before, limit=TIMELINE_PAGE + 1)
    has_older = len(entries) > TIMELINE_PAGE
    entries = entries[:TIMELINE_PAGE]
    older = f"/console/members/{member_id}?before={entries[-1].id}#timeline" if has_older else None
    return MemberView(
        id=profile.id,
        number=profile.number,
        status=profile.status,
        name=mask.name(profile.name),
        display_name=mask.name(profile.display_name),
        contact=_contact(profile, mask),
        profile=profile,
        tier=next((tier for tier in tiers if tier.is_open), None),
        tiers=tiers,
        points=points.standing(session, member_id, now=now),
        movements=tuple(_explained(session, member_id)),
        coupons=coupons,
        usable_coupons=sum(_is_usable(coupon, now) for coupon in coupons),
        purchases=tuple(portrait.purchases(session, member_id, store_id=home)),
        spent=portrait.spent(session, member_id, now=now),
        score=scores.score(session, member_id),
        consents=tuple(portrait.consents(session, member_id)),
        declined=_declined(session, member_id),
        messages=tuple(outbox.sendings_to(session, member_id, limit=20)),
        tags=tuple(tags.worn_by(session, member_id, now=now)),
        known_tags=tuple(tag.name for tag in tags.tags(session)),
        journeys=tuple(journeys.runs_of(session, member_id, limit=JOURNEYS_SHOWN)),
        mergers=tuple(mergers.mergers_of(session, member_id)),
        moments=tuple(facts.moment(entry, tiers=names) for entry in _seen(session, entries, home)),
        older_url=older,
        correcting=correcting if profile.status == "member" else None,
    )


def _declined(session: Session, member_id: int) -> tuple[tuple[str, datetime], ...]:
    stopped = topics.stopped_by(session, member_id)
    names = {topic.code: topic.name for topic in topics.all_topics(session)}
    return tuple((names.get(code, code), at) for code, at in sorted(stopped.items()))


def _seen(
    session: Session, entries: Sequence[TimelineEntry], home: int | None
) -> list[TimelineEntry]:
    """Without the sales and refunds of other stores."""
    if home is None:
        return list(entries)
    sales = {
        entry.id: entry.facts.get("purchase_id")
        for entry in entries
        if entry.kind.startswith("purchase.")
    }
    here = portrait.sold_in(session, [one for one in sales.values() if one], home)
    return [entry for entry in entries if entry.id not in sales or sales[entry.id] in here]


def _correcting(
    session: Session, visitor: Visitor, notice: str, now: datetime
) -> Correcting | None:
    if not visitor.may(Permission.ADJUST_POINTS):
        return None
    limit = programmes.terms_at(session, now).adjustments.limit(visitor.role)
    return Correcting(ids.random_code(), limit, corrections.NOTICES.get(notice))


def _explained(session: Session, member_id: int) -> list[Explained]:
    history = points.history(session, member_id, limit=portrait.LIST_LIMIT)
    return [Explained(movement, _reasons(movement)) for movement in history]


def _reasons(movement: Movement) -> tuple[Reason, ...]:
    """Only earned points carry their formula."""
    facts = movement.facts
    if movement.kind != "earn" or not {"formula", "base", "bonus"} <= facts.keys():
        return ()
    earned = Earned(facts["base"], facts["bonus"], movement.points)
    return checkout_messages.reasons(earned, formula_from_facts(facts["formula"]))


def _is_usable(coupon: CouponHeld, now: datetime) -> bool:
    lives = coupon.expires_at is None or now < coupon.expires_at
    return coupon.status == "issued" and lives


def _contact(profile: Profile, mask: Mask) -> tuple[tuple[str, str], ...]:
    place = f"{profile.city or ''}{profile.district or ''}"
    return (
        ("手機", mask.phone(profile.phone)),
        ("生日", mask.secret(_birthday(profile))),
        ("Email", mask.secret(profile.email)),
        ("居住地", mask.secret(place)),
    )


def _birthday(profile: Profile) -> str | None:
    if profile.birthday is not None:
        return pages.show_day(profile.birthday)
    if profile.birth_month is None:
        return None
    return f"{profile.birth_month} 月" + (f" {profile.birth_day} 日" if profile.birth_day else "")
