"""Experiments of the demonstration: one that is over, one that runs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from sqlalchemy.orm import Session

from app.campaigns import service as campaigns
from app.campaigns.rules.letters import of_card
from app.core.clock import taipei_date, taipei_midnight
from app.experiments import queries, rules, service
from app.experiments.rules import ArmPlan, Design
from app.seeds import letters

MORNING: Final = timedelta(hours=11)
HOLD_OUT: Final = 10


@dataclass(frozen=True, slots=True)
class Tried:
    """`days` ago; each version is a name and a title."""

    name: str
    versions: tuple[tuple[str, str], ...]
    body: str
    label: str
    days: int
    baseline: int  # hundredths of a percent
    effect: int


TRIED: Final = (
    Tried(
        "中秋禮盒：直接說或問一句",
        (("直接說", "中秋禮盒開放預訂"), ("問一句", "今年中秋，想送誰一盒茶？")),
        "{姓名}您好：\n今年的禮盒有三種茶，門市可以試喝，也可以先預訂。",
        "看門市",
        days=24,
        baseline=1_500,
        effect=500,
    ),
    Tried(
        "新茶具：先說價格或先說故事",
        (("先說價格", "新茶具 NT$680 起"), ("先說故事", "一把壺，從土到手要四十天")),
        "{姓名}您好：\n鶯歌的新茶具到店了，歡迎來摸摸看。",
        "看最近的門市",
        days=3,
        baseline=1_500,
        effect=500,
    ),
)


def write(session: Session, *, rng: Random, now: datetime) -> None:
    """After everybody's purchases; nobody is sent anything now."""
    for tried in TRIED:
        at = taipei_midnight(taipei_date(now) - timedelta(days=tried.days)) + MORNING
        experiment_id = _started(session, tried, at)
        for _ in tried.versions:
            letters.go_out(session, at, rng, clicked=0.2)
        while service.note(session, queries.experiment(session, experiment_id), now=at):
            pass
        service.end_due(session, queries.experiment(session, experiment_id), now=now)


def _started(session: Session, tried: Tried, at: datetime) -> int:
    shares = rules.shares(len(tried.versions), HOLD_OUT)
    arms = []
    for code, (name, title), percent in zip(rules.CODES, tried.versions, shares, strict=False):
        broadcast_id = campaigns.create(
            session,
            name=f"{tried.name[:20]}（{name}）",
            segment_id=None,
            letter=of_card(title, tried.body, label=tried.label, place="stores"),
            staff_id=None,
            now=at,
        )
        arms.append(ArmPlan(code, name, percent, broadcast_id))
    design = Design(
        name=tried.name,
        kind=rules.BROADCAST,
        arms=tuple(arms),
        hold_out=HOLD_OUT,
        days=7,
        baseline=tried.baseline,
        effect=tried.effect,
        stop=rules.FIXED,
    )
    found = service.create(session, design=design, staff_id=None, now=at)
    service.start(session, experiment_id=found, send_at=at, ends_at=at + timedelta(days=10), now=at)
    return found
