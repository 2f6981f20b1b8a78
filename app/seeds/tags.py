"""Tags of the demonstration, put on by what members bought."""

from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from app.seeds import brand
from app.segments import compiling
from app.segments import queries as segments
from app.segments.rules import Condition, Group
from app.tags import service

WORN: Final = {
    "送禮客": Condition("bought", days=365, any_of=(brand.GIFT,)),
    "愛喝紅茶": Condition("bought", days=365, any_of=("TEA-004", "TEA-007")),
}


def write(session: Session, *, now: datetime) -> None:
    for name, condition in WORN.items():
        members = compiling.members(Group("all", (condition,)), now=now)
        service.put(
            session,
            tag_id=service.make(session, name=name, now=now),
            member_ids=segments.ids(session, members),
            source="segment",
            now=now,
        )
