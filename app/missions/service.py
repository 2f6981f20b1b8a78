"""Make missions, count what members do, and give the reward of a completed round once.

Progress is folded anew each time from what members did, so a refund lowers it by itself. The
member's account is held meanwhile; a unique row gives a round's reward once, a conditional UPDATE
keeps to the stock."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.core.clock import taipei_date
from app.core.db import changed, dump_json, insert_ignore, insert_or_ignore, switch
from app.core.errors import Conflict, Invalid, NotFound
from app.core.ids import digest
from app.missions import queries, rules
from app.missions.models import (
    MISSIONS,
    REWARDS,
    SOLD_OUT,
    VERSIONS,
    MissionDeed,
    MissionReward,
    MissionRound,
)
from app.missions.queries import Begun, Participant, Reward, Running
from app.missions.rules import MissionDraft, Period, Record
from app.points import service as points
from app.prizes import service as prizes
from app.prizes.service import GIVEN, Won
from app.tiers import queries as tiers
from app.timeline import service as timeline

# Making -------------------------------------------------------------------------------------------


def create(session: Session, *, draft: MissionDraft, now: datetime) -> int:
    """Raises Invalid naming the field, Conflict for a known code."""
    _check(draft)
    if queries.mission_by_code(session, draft.code) is not None:
        raise Conflict("code", draft.code)
    values = {
        "code": draft.code,
        "is_active": True,
        "reward_limit": draft.reward_limit,
        "given": 0,
        "created_at": now,
    }
    mission_id: int = session.execute(
        sa.insert(MISSIONS).returning(MISSIONS.c.id), values
    ).scalar_one()
    _add_version(session, mission_id, 1, draft, now)
    return mission_id


def revise(session: Session, *, draft: MissionDraft, now: datetime) -> bool:
    """Ask for something else under a known code in rounds that begin from now on; False when
    nothing differs. Rounds under way keep their version; a limit below what was given only stops
    further giving.

    Raises Invalid naming the field, NotFound for an unknown code."""
    _check(draft)
    newest = queries.mission_by_code(session, draft.code)
    if newest is None:
        raise NotFound("mission", draft.code)
    limit = None if draft.reward_limit is None else max(draft.reward_limit, newest.given)
    has_moved = changed(
        session,
        sa.update(MISSIONS)
        .where(MISSIONS.c.id == newest.id, MISSIONS.c.reward_limit.is_distinct_from(limit))
        .values(reward_limit=limit),
    )
    queries.forget_kept(session)
    if _document(newest.terms) == _document(draft):
        return bool(has_moved)
    _add_version(session, newest.id, newest.version + 1, draft, now)
    return True


def set_active(session: Session, *, code: str, is_active: bool) -> bool:
    """Begin or stop a mission; what was won stays. False when it was so already."""
    queries.forget_kept(session)
    return switch(session, MISSIONS, code=code, is_active=is_active)


def _check(draft: MissionDraft) -> None:
    for path, reason in rules.faults(draft):
        raise Invalid(".".join(str(step) for step in path), reason)


def _document(draft: MissionDraft) -> str:
    return dump_json(asdict(draft) | {"reward_limit": None})


def _add_version(
    session: Session, mission_id: int, version: int, draft: MissionDraft, now: datetime
) -> None:
    session.execute(
        sa.insert(VERSIONS),
        {
            "mission_id": mission_id,
            "version": version,
            "terms": asdict(draft) | {"reward_limit": None},
            "digest": digest(_document(draft)),
            "created_at": now,
        },
    )
    queries.forget_kept(session)


# What happens to members --------------------------------------------------------------------------


def bought(
    session: Session,
    *,
    member_id: int,
    purchase_id: int,
    amount: int,
    sold_on: date,
    tier: str,
    now: datetime,
) -> tuple[str, ...]:
    """A sale was written. Returns a note for each mission that it moved."""
    return _review(
        session, member_id, rules.BOUGHT, on=sold_on, tier=tier, sale=(purchase_id, amount), now=now
    )


def refunded(session: Session, *, member_id: int, sold_on: date, now: datetime) -> tuple[str, ...]:
    """Money of a sale went back: looks again at the rounds of the day it was made."""
    return _review(session, member_id, rules.BOUGHT, on=sold_on, now=now)


def profile_changed(session: Session, *, member_id: int, now: datetime) -> tuple[str, ...]:
    """Somebody joined, or filled in something about themselves."""
    steps = (step for mission in queries.running(session) for step in mission.terms.steps)
    if not any(step.kind == "profile" for step in steps):
        return ()
    points.lock(session, member_id=member_id, now=now)
    return _review(session, member_id, {"profile"}, on=taipei_date(now), now=now)


def note_deed(
    session: Session,
    *,
    member_id: int,
    kind: str,
    key: str,
    at: datetime,
    now: datetime,
    is_taken_back: bool = False,
) -> tuple[str, ...]:
    """Write down what a member did besides buying (or that it does not count after all), once per
    kind, key and Taipei day.

    Raises Invalid for a kind that no step counts."""
    if kind not in rules.DEEDS:
        raise Invalid("kind", "沒有任務計算這種行為")
    if not 1 <= len(key) <= 80:
        raise Invalid("key", "須為 1–80 個字")
    points.lock(session, member_id=member_id, now=now)
    day = taipei_date(at)
    sign = -1 if is_taken_back else 1
    values = {
        "member_id": member_id,
        "kind": kind,
        "key": key,
        "day": day,
        "amount": sign,
        "dedup_key": f"{member_id}:{kind}:{day}:{sign}:{key}",
        "at": at,
    }
    if not insert_ignore(session, MissionDeed, values):
        return ()
    return _review(session, member_id, {kind}, on=day, now=now)


@dataclass(frozen=True, slots=True)
class _Look:
    """One mission looked at for one member: the version that holds and the days that matter."""

    mission: Running
    version_id: int
    terms: MissionDraft
    period: Period
    around: Sequence[Period]
    begun: Mapping[str, Begun]
    rewards: Sequence[Reward]

    def reward_over(self, period: Period) -> Reward | None:
        return next((won for won in self.rewards if won.first <= period.first < won.until), None)


def _review(
    session: Session,
    member_id: int,
    kinds: Collection[str],
    *,
    on: date,
    now: datetime,
    tier: str | None = None,
    sale: tuple[int, int] | None = None,
) -> tuple[str, ...]:
    """Look at every mission that counts such things. The account must be held. `sale`: the
    (purchase, NT$) that was just written."""
    concerned = [
        mission
        for mission in queries.running(session)
        if any(step.kind in kinds for step in mission.terms.steps)
    ]
    if not concerned:
        return ()
    who = queries.participant(session, member_id)
    looks = _looks(session, who, concerned, on, tier)
    if not looks:
        return ()
    record = queries.record_of(
        session,
        who,
        (look.terms for look in looks),
        first=min(look.around[0].first for look in looks),
        until=max(look.around[-1].until for look in looks),
    )
    notes = (_advance(session, look, who, record, on, sale, now) for look in looks)
    return tuple(note for note in notes if note)


_LONGEST = timedelta(days=31 * (rules.MOST_STREAK + 1))


def _looks(
    session: Session, who: Participant, missions: Sequence[Running], on: date, tier: str | None
) -> list[_Look]:
    rounds = queries.rounds_of(session, who.id, since=on - _LONGEST, through=on + _LONGEST)
    rewards = queries.rewards_of(session, who.id)
    found = []
    for mission in missions:
        begun = {item.round: item for item in rounds if item.mission_id == mission.id}
        won = [item for item in rewards if item.mission_id == mission.id]
        look = _look(session, who, mission, on, begun, won)
        if look is None:
            continue
        is_in = look.period.key in begun or _is_for(session, who, look.terms, on, tier)
        if is_in:
            found.append(look)
    return found


def _look(
    session: Session,
    who: Participant,
    mission: Running,
    on: date,
    begun: Mapping[str, Begun],
    rewards: Sequence[Reward],
) -> _Look | None:
    version_id = _version(mission, on, begun, rewards)
    is_newest = version_id == mission.version_id
    terms = mission.terms if is_newest else queries.terms_of(session, version_id)
    period = rules.period_of(terms.window, on, joined_on=who.joined_on)
    if period is None:
        return None
    if not terms.repeats and any(not (won.first <= on < won.until) for won in rewards):
        return None  # done for good, in other days
    around = rules.neighbours(terms.window, period, terms.streak - 1, joined_on=who.joined_on)
    return _Look(mission, version_id, terms, period, around, begun, rewards)


def _version(
    mission: Running, on: date, begun: Mapping[str, Begun], rewards: Sequence[Reward]
) -> int:
    """Of the period under way, else of the streak that reaches up to it, else the newest."""
    for item in begun.values():
        if item.first <= on < item.until:
            return item.version_id
    before = [
        item
        for item in begun.values()
        if item.until <= on < item.until + (item.until - item.first)
        and not any(won.first <= item.first < won.until for won in rewards)
    ]
    return max(before, key=lambda item: item.until).version_id if before else mission.version_id


def _is_for(
    session: Session, who: Participant, terms: MissionDraft, on: date, tier: str | None
) -> bool:
    if terms.audience.tiers and tier is None:
        held = tiers.open_period(session, who.id)
        tier = "" if held is None else held.tier_code
    return who.is_member and rules.is_for(
        terms.audience,
        tier=tier or "",
        joined_on=who.joined_on,
        birth_month=who.birth_month,
        on=on,
    )


def _advance(
    session: Session,
    look: _Look,
    who: Participant,
    record: Record,
    on: date,
    sale: tuple[int, int] | None,
    now: datetime,
) -> str:
    """Begin, complete or reconsider one round; returns what to tell the member, or nothing."""
    steps = look.terms.steps
    here = rules.progress(steps, record, look.period)
    if here.has_begun and look.period.key not in look.begun:
        _begin(session, look, who, now)
    done = {period.key: rules.progress(steps, record, period).is_done for period in look.around}
    won = look.reward_over(look.period)
    if won is not None:
        return _reconsider(session, look, who, won, done, now)
    free = {key: is_done for key, is_done in done.items() if not _is_covered(look, key)}
    run = rules.full_run(look.around, free, look.period, look.terms.streak)
    if run:
        return _complete(session, look, who, run, now)
    if sale is not None:
        before = rules.progress(steps, record.without(sale[0], on, sale[1]), look.period)
        if before == here:
            return ""
    return f"任務「{look.terms.name}」{here.done:,}/{here.total:,}" if here.has_begun else ""


def _is_covered(look: _Look, key: str) -> bool:
    period = next(item for item in look.around if item.key == key)
    return look.reward_over(period) is not None


def _begin(session: Session, look: _Look, who: Participant, now: datetime) -> None:
    insert_ignore(
        session,
        MissionRound,
        {
            "mission_id": look.mission.id,
            "member_id": who.id,
            "version_id": look.version_id,
            "round": look.period.key,
            "first_on": look.period.first,
            "until_on": look.period.until,
            "begun_at": now,
        },
    )


def _complete(
    session: Session, look: _Look, who: Participant, run: Sequence[Period], now: datetime
) -> str:
    """Write the completed round down, which only one can, and give what is left to give."""
    reward = look.terms.reward
    reward_id = session.execute(
        insert_or_ignore(MissionReward, session.get_bind().dialect.name).returning(REWARDS.c.id),
        {
            "mission_id": look.mission.id,
            "member_id": who.id,
            "version_id": look.version_id,
            "round": run[-1].key,
            "first_on": run[0].first,
            "until_on": run[-1].until,
            "completed_at": now,
            "status": SOLD_OUT,
            "points": 0,
            "coupon_id": None,
            "fell_at": None,
            "taken_points": 0,
            "taken_coupon": False,
            "turn": 1,
        },
    ).scalar_one_or_none()
    if reward_id is None:
        return ""
    has_stock = _take_from_stock(session, look.mission.id)
    told = "獎勵已送完"
    if has_stock:
        given = prizes.give(
            session,
            member_id=who.id,
            won=_won(look, reward_id, turn=1),
            points=reward.points,
            coupon=reward.coupon,
            now=now,
        )
        changed(
            session,
            sa.update(REWARDS)
            .where(REWARDS.c.id == reward_id)
            .values(status=GIVEN, points=given.points, coupon_id=given.coupon_id),
        )
        points_won = f"{given.points:,} 點" if given.points else ""
        badge = f"徽章「{reward.badge}」" if reward.badge else ""
        words = "、".join(word for word in (points_won, given.coupon_name, badge) if word)
        told = f"獲得 {words}" if words else told
    timeline.record(
        session,
        member_id=who.id,
        kind="mission.completed",
        at=now,
        facts={"mission": look.mission.id, "name": look.terms.name, "round": run[-1].key},
    )
    return f"任務「{look.terms.name}」完成，{told}"


def _take_from_stock(session: Session, mission_id: int) -> bool:
    return bool(
        changed(
            session,
            sa.update(MISSIONS)
            .where(
                MISSIONS.c.id == mission_id,
                sa.or_(
                    MISSIONS.c.reward_limit.is_(None), MISSIONS.c.given < MISSIONS.c.reward_limit
                ),
            )
            .values(given=MISSIONS.c.given + 1),
        )
    )


def _won(look: _Look, reward_id: int, *, turn: int) -> Won:
    return Won(f"mission:{reward_id}:{turn}", f"任務「{look.terms.name}」", "mission", reward_id)


def _reconsider(
    session: Session,
    look: _Look,
    who: Participant,
    won: Reward,
    done: Mapping[str, bool],
    now: datetime,
) -> str:
    """A refund may take a completed round below its target, a later sale may lift it again."""
    covered = [period for period in look.around if won.first <= period.first < won.until]
    turned = prizes.reconsider(
        session,
        member_id=who.id,
        award=won,
        won=lambda turn: _won(look, won.id, turn=turn),
        is_reached=all(done[period.key] for period in covered),
        takes_back=look.terms.on_refund == "take_back",
        now=now,
    )
    if turned is None:
        return ""
    changed(session, sa.update(REWARDS).where(REWARDS.c.id == won.id).values(**turned.values))
    if turned.what == "given_again":
        return f"任務「{look.terms.name}」再次完成，獎勵已還給您"
    if turned.what == "taken_back":
        return f"任務「{look.terms.name}」未達目標，收回未使用的獎勵"
    return ""


# What a member sees -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """A running mission as one member stands in it. `run` of `streak` periods in a row are done.
    `won_at`: the reward of this round was given then."""

    mission_id: int
    terms: MissionDraft
    period: Period
    progress: rules.Progress
    run: int
    won_at: datetime | None
    is_sold_out: bool


def standings(session: Session, member_id: int, *, now: datetime) -> list[Standing]:
    """Missions that the member can take part in today, in the order in which they were made. Only
    reads."""
    today = taipei_date(now)
    running = queries.running(session)
    if not running:
        return []
    who = queries.participant(session, member_id)
    looks = _looks(session, who, running, today, None)
    if not looks:
        return []
    record = queries.record_of(
        session,
        who,
        (look.terms for look in looks),
        first=min(look.around[0].first for look in looks),
        until=max(look.around[-1].until for look in looks),
    )
    return [_standing(look, record) for look in looks]


def _standing(look: _Look, record: Record) -> Standing:
    steps, won = look.terms.steps, look.reward_over(look.period)
    done = [
        rules.progress(steps, record, period).is_done and not _is_covered(look, period.key)
        for period in look.around
        if period.first <= look.period.first
    ]
    earlier = 0
    for is_done in reversed(done[:-1]):
        if not is_done:
            break
        earlier += 1
    return Standing(
        mission_id=look.mission.id,
        terms=look.terms,
        period=look.period,
        progress=rules.progress(steps, record, look.period),
        run=look.terms.streak if won else earlier + int(done[-1]),
        won_at=None if won is None else won.completed_at,
        is_sold_out=look.mission.is_sold_out,
    )
