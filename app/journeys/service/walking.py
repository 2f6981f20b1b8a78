"""Take those on who are due: step by step until something keeps them, or the end.

A batch is one transaction. The steps of a plan are gone through in an order in which nobody goes
back, so that each does its work once for all who stand there. Everything about a member is looked
at anew before each batch: who left, who bought, who blocked us."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.attention import rules as attention
from app.campaigns import rules as letters
from app.campaigns.messages import Brand
from app.campaigns.service import mailing as mailer
from app.campaigns.service.mailing import Awaiting, Mailing, nobody
from app.core.db import table_of
from app.core.errors import NotFound
from app.core.prepared import Prepared
from app.hooks import service as hooks
from app.hooks.rules import JOURNEY
from app.journeys import messages, queries, rules
from app.journeys.models import JOURNEYS, MARKS, RUNS
from app.journeys.queries import JourneyShown
from app.journeys.rules import Audience, Node, Plan
from app.members import models as members
from app.members.models import Member
from app.prizes import service as prizes
from app.prizes.service import Won
from app.purchases.models import PURCHASES
from app.segments import queries as segments
from app.segments.rules import EVERYBODY
from app.tags import service as tags
from app.timeline.models import Fact

KLASS: Final = "lifecycle"  # what the outbox and the governor call it: before what goes to many
PARTED: Final = "已不是會員"
BOUGHT: Final = "已經消費"
MATCHED: Final = "符合離開條件"
HELD_OUT: Final = "對照組"
NO_TAG: Final = "標籤已刪除"
NO_HOOK: Final = "Webhook 已刪除"
NIGHT: Final = f"{attention.NIGHT}，早上 9 點再送"
_MEMBERS, _FACTS = table_of(Member), table_of(Fact)

_READ = ("id", "version", "member_id", "round", "step", "due_at", "since", "entered_at")
_DUE = Prepared(
    sa.select(*(RUNS.c[name] for name in _READ))
    .join_from(RUNS, JOURNEYS, JOURNEYS.c.id == RUNS.c.journey_id)
    .where(
        RUNS.c.journey_id == sa.bindparam("journey"),
        RUNS.c.status == sa.literal_column(f"'{rules.GOING}'"),
        RUNS.c.due_at <= sa.bindparam("now", type_=RUNS.c.due_at.type),
        JOURNEYS.c.status == rules.RUNNING,
    )
    .order_by(RUNS.c.due_at, RUNS.c.id)
    .limit(sa.bindparam("limit"))
    .with_for_update(skip_locked=True, of=RUNS)
)
_MARK = Prepared(sa.insert(MARKS))
_MOVED_TO = ("status", "step", "due_at", "since", "awaits", "reason", "ended_at")
_MOVE = Prepared(
    sa.update(RUNS)
    .where(RUNS.c.id == sa.bindparam("r_id"))
    .values({name: sa.bindparam(f"r_{name}", type_=RUNS.c[name].type) for name in _MOVED_TO})
)


def walk(
    session: Session,
    journey: JourneyShown,
    *,
    brand: Brand,
    now: datetime,
    limit: int = 200,
    awaiting: Awaiting = nobody,
) -> int:
    """Take up to `limit` members on who are due; return how many. Of two at once each gets members
    of its own; a pause counts from the next call on."""
    due = _DUE.rows(session, {"journey": journey.id, "now": now, "limit": limit})
    by_version = sorted(due, key=lambda row: (row.version, row.member_id))
    for number, rows in groupby(by_version, key=lambda row: row.version):
        plan = queries.version(session, journey.id, number).plan
        walkers = [_walker(row) for row in rows]
        _Batch(session, journey, plan, brand, now, awaiting).walk(walkers)
        _record(session, journey.id, walkers, now)
    return len(due)


@dataclass(slots=True)
class _Walker:
    """A member's row while they are taken on. `is_new`: they have not come to a step yet."""

    id: int
    member_id: int
    round: int
    entered_at: datetime
    step: str | None
    due_at: datetime
    since: datetime | None
    is_new: bool
    status: str = rules.GOING
    awaits: str | None = None
    reason: str | None = None
    is_kept: bool = False  # by the step they are at
    marks: list[dict[str, Any]] = field(default_factory=list)

    def leave(self, status: str, reason: str | None = None) -> None:
        self.status, self.reason, self.step, self.since = status, reason, None, None

    def keep(self, until: datetime, reason: str | None = None, awaits: str | None = None) -> None:
        self.is_kept, self.due_at, self.reason, self.awaits = True, until, reason, awaits

    def go(
        self,
        node: Node,
        *,
        branch: int | None = None,
        skipped: str | None = None,
        coupon_id: int | None = None,
    ) -> None:
        """On to what comes after, with a mark of how the step was passed."""
        outcome = "done" if branch is None else str(branch)
        self.marks.append(
            {
                "step": node.step.code,
                "outcome": outcome if skipped is None else "skipped",
                "reason": skipped,
                "coupon_id": coupon_id,
            }
        )
        self.step, self.since = node.then[branch or 0], None
        if self.step is None:
            self.leave(rules.DONE)


def _walker(row: Any) -> _Walker:
    return _Walker(
        row.id,
        row.member_id,
        row.round,
        row.entered_at,
        row.step,
        row.due_at,
        row.since,
        is_new=row.step is None,
    )


def _record(session: Session, journey_id: int, walkers: Sequence[_Walker], now: datetime) -> None:
    passed = [
        {"run_id": walker.id, "journey_id": journey_id, "at": now, "pressed_at": None, **mark}
        for walker in walkers
        for mark in walker.marks
    ]
    _MARK.many(session, passed)
    _MOVE.many(
        session,
        [
            {
                "r_id": walker.id,
                **{f"r_{name}": getattr(walker, name) for name in _MOVED_TO[:-1]},
                "r_ended_at": None if walker.status == rules.GOING else now,
            }
            for walker in walkers
        ],
    )


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some members of one version, taken on together."""

    session: Session
    journey: JourneyShown
    plan: Plan
    brand: Brand
    now: datetime
    awaiting: Awaiting

    def walk(self, walkers: Sequence[_Walker]) -> None:
        self._begin(walkers)
        self._part(walkers)
        for code, node in rules.nodes(self.plan).items():
            here = [walker for walker in walkers if walker.step == code and not walker.is_kept]
            if here:
                _DO[node.step.kind](self, node, here)

    def _begin(self, walkers: Sequence[_Walker]) -> None:
        for walker in walkers:
            if not walker.is_new:
                continue
            member_id = walker.member_id
            is_out = rules.is_held_out(self.plan, self.journey.id, member_id)
            if is_out or attention.is_held_out(member_id):
                walker.leave(rules.CONTROL, HELD_OUT)
            else:
                walker.step = rules.first(self.plan)

    def _part(self, walkers: Sequence[_Walker]) -> None:
        """Let those leave who have no business here any more."""
        going = [walker for walker in walkers if walker.status == rules.GOING]
        gone = self._gone(going)
        bought = self._bought(going) if self.plan.stops_on_purchase else frozenset()
        matched = self._which(self.plan.leave, going) if self.plan.leave else frozenset()
        for walker in going:
            if walker.member_id in gone:
                walker.leave(rules.LEFT, PARTED)
            elif walker.id in bought:
                walker.leave(rules.LEFT, BOUGHT)
            elif walker.member_id in matched:
                walker.leave(rules.LEFT, MATCHED)

    def _gone(self, walkers: Sequence[_Walker]) -> frozenset[int]:
        found = self.session.scalars(
            sa.select(_MEMBERS.c.id).where(
                _MEMBERS.c.id.in_([walker.member_id for walker in walkers]),
                _MEMBERS.c.status != members.MEMBER,
            )
        )
        return frozenset(found)

    def _bought(self, walkers: Sequence[_Walker]) -> frozenset[int]:
        """Runs whose member bought, and was entered in the books, after they entered."""
        found = self.session.scalars(
            sa.select(RUNS.c.id)
            .distinct()
            .join_from(
                RUNS,
                PURCHASES,
                sa.and_(
                    PURCHASES.c.member_id == RUNS.c.member_id,
                    PURCHASES.c.sold_at > RUNS.c.entered_at,
                    PURCHASES.c.created_at > RUNS.c.entered_at,
                    PURCHASES.c.amount > PURCHASES.c.refunded,
                ),
            )
            .where(RUNS.c.id.in_([walker.id for walker in walkers]))
        )
        return frozenset(found)

    def _which(self, who: Audience, walkers: Sequence[_Walker]) -> frozenset[int]:
        tree = EVERYBODY if who.tree is None else who.tree
        asked = [walker.member_id for walker in walkers]
        return frozenset(segments.which(self.session, tree, asked, now=self.now))

    # Steps that give ------------------------------------------------------------------------------

    def letter(self, node: Node, here: Sequence[_Walker]) -> None:
        if attention.is_quiet(self.now):
            for walker in here:
                walker.since = walker.since or self.now
                walker.keep(attention.quiet_until(self.now), NIGHT)
            return
        for round_, those in _rounds(here):
            self._mail(node, round_, {walker.member_id: walker for walker in those})

    def _mail(self, node: Node, round_: int, here: Mapping[int, _Walker]) -> None:
        for walker in here.values():
            walker.since = walker.since or self.now
        code = node.step.code
        mailing = Mailing(
            node.step.letter,
            queries.kind_of(self.journey.id),
            KLASS,
            queries.key_prefix(self.journey.id, round_, code),
            ref=lambda member_id: messages.ref_of(here[member_id].id, code),
            last=lambda member_id: (here[member_id].since or self.now) + rules.HELD_FOR,
        )
        verdicts = mailer.send(
            self.session,
            mailing,
            sorted(here),
            brand=self.brand,
            now=self.now,
            awaiting=self.awaiting,
        )
        for member_id, verdict in verdicts.items():
            if verdict.status == letters.HELD:
                assert verdict.due_at is not None
                here[member_id].keep(verdict.due_at, verdict.reason)
            elif verdict.status == letters.QUEUED:
                here[member_id].go(node, coupon_id=verdict.coupon_id)
            else:
                here[member_id].go(node, skipped=verdict.reason)

    def coupon(self, node: Node, here: Sequence[_Walker]) -> None:
        for round_, those in _rounds(here):
            given = mailer.give(
                self.session,
                node.step.coupon,
                [walker.member_id for walker in those],
                source=queries.kind_of(self.journey.id),
                prefix=queries.key_prefix(self.journey.id, round_, node.step.code),
                now=self.now,
            )
            for walker in those:
                issued = given.to.get(walker.member_id)
                if issued is None:
                    walker.go(node, skipped=given.refused[walker.member_id])
                else:
                    walker.go(node, coupon_id=issued.coupon_id)

    def points(self, node: Node, here: Sequence[_Walker]) -> None:
        for walker in here:
            prefix = queries.key_prefix(self.journey.id, walker.round, node.step.code)
            prizes.give(
                self.session,
                member_id=walker.member_id,
                won=Won(f"{prefix}{walker.member_id}", messages.POINTS, queries.KIND, walker.id),
                points=node.step.points,
                coupon=None,
                now=self.now,
            )
            walker.go(node)

    def tag(self, node: Node, here: Sequence[_Walker]) -> None:
        step, asked = node.step, [walker.member_id for walker in here]
        gone = None
        try:
            if step.takes_off:
                for member_id in asked:
                    tags.take_off(self.session, tag_id=int(step.tag), member_id=member_id)
            else:
                tags.put(
                    self.session,
                    tag_id=int(step.tag),
                    member_ids=asked,
                    source="journey",
                    source_id=self.journey.id,
                    now=self.now,
                )
        except NotFound:
            gone = NO_TAG
        for walker in here:
            walker.go(node, skipped=gone)

    def hook(self, node: Node, here: Sequence[_Walker]) -> None:
        code = node.step.code
        gone = None
        try:
            hooks.owe(
                self.session,
                hook_id=int(node.step.hook),
                kind=JOURNEY,
                keys={one.member_id: f"journey:{one.id}:{code}" for one in here},
                facts={"journey": self.journey.name, "step": code},
                now=self.now,
            )
        except NotFound:
            gone = NO_HOOK
        for walker in here:
            walker.go(node, skipped=gone)

    # Steps that wait, and steps that part ---------------------------------------------------------

    def wait(self, node: Node, here: Sequence[_Walker]) -> None:
        for walker in here:
            walker.since = walker.since or self.now
            end = rules.wait_ends(node.step, walker.since)
            if end <= self.now:
                walker.go(node)
            else:
                walker.keep(end)

    def until(self, node: Node, here: Sequence[_Walker]) -> None:
        for walker in here:
            walker.since = walker.since or max(self.now, walker.entered_at)
        did = self._did(node.step.fact, here)
        for walker in here:
            assert walker.since is not None
            end = walker.since + timedelta(days=node.step.days)
            if walker.id in did:
                walker.go(node, branch=0)
            elif end <= self.now:
                walker.go(node, branch=1)
            else:
                walker.keep(end, awaits=node.step.fact)

    def _did(self, fact: str, here: Sequence[_Walker]) -> frozenset[int]:
        """Runs whose member did it after they began to wait."""
        since = {walker.member_id: walker.since for walker in here}
        rows = self.session.execute(
            sa.select(_FACTS.c.member_id, sa.func.max(_FACTS.c.at))
            .where(
                _FACTS.c.member_id.in_(list(since)),
                _FACTS.c.kind == fact,
                _FACTS.c.at > min(at for at in since.values() if at is not None),
            )
            .group_by(_FACTS.c.member_id)
        )
        last: dict[int, datetime] = dict(tuple(row) for row in rows)
        return frozenset(
            walker.id
            for walker in here
            if walker.since is not None
            and walker.member_id in last
            and last[walker.member_id] > walker.since
        )

    def check(self, node: Node, here: Sequence[_Walker]) -> None:
        assert node.step.who is not None  # a plan without one is not published
        chosen = self._which(node.step.who, here)
        for walker in here:
            walker.go(node, branch=0 if walker.member_id in chosen else 1)

    def split(self, node: Node, here: Sequence[_Walker]) -> None:
        for walker in here:
            is_first = rules.is_first_branch(node.step, self.journey.id, walker.member_id)
            walker.go(node, branch=0 if is_first else 1)


_DO: Final[Mapping[str, Callable[[_Batch, Node, Sequence[_Walker]], None]]] = {
    "letter": _Batch.letter,
    "coupon": _Batch.coupon,
    "points": _Batch.points,
    "tag": _Batch.tag,
    "hook": _Batch.hook,
    "wait": _Batch.wait,
    "until": _Batch.until,
    "check": _Batch.check,
    "split": _Batch.split,
}


def _rounds(here: Sequence[_Walker]) -> list[tuple[int, list[_Walker]]]:
    """Members by the how manyeth time this is for them: it is part of the key of what they get."""
    ordered = sorted(here, key=lambda walker: (walker.round, walker.member_id))
    return [(round_, list(those)) for round_, those in groupby(ordered, key=lambda w: w.round)]
