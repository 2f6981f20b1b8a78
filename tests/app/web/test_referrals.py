"""The review queue: who sees it, who decides, and that it is written down."""

import re
from dataclasses import replace

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.programmes.rules import DEFAULT
from app.referrals.models import REFERRALS
from app.staff.models import AuditEntry
from app.staff.rules import Role
from tests.app.referrals.test_service import bring, inviter, users
from tests.support.loyalty import publish
from tests.support.staffing import Shop
from tests.support.times import NOW
from tests.support.web import Browser


@pytest.fixture
def burst(sqlite_db: Database, shop: Shop) -> list[int]:
    """Three friends of one inviter, the last of them one too many for a day."""
    with sqlite_db.transaction() as session:
        terms = replace(DEFAULT, referral=replace(DEFAULT.referral, burst_joins=2))
        publish(session, terms, starts_at=NOW)
        hana = inviter(session)
        for user in users(900, 3):
            bring(session, hana, user)
        return list(session.scalars(sa.select(REFERRALS.c.id).order_by(REFERRALS.c.id)))


def test_the_funnel_and_the_queue(visitor: Browser, burst: list[int]) -> None:
    visitor.log_in(Role.MARKETER)
    page = visitor.get("/console/referrals").text
    assert "待審核（1）" in page
    assert "林小花" in page
    assert re.findall(r'class="figure">(\d+)<', page) == ["3", "3", "0", "0"]
    assert "還沒有好友推薦" in visitor.get("/console/referrals?status=rewarded").text


@pytest.mark.parametrize(
    ("role", "sees", "status"),
    [(Role.ANALYST, "—", 403), (Role.STORE_MANAGER, "林○花", 403), (Role.SUPPORT, "林小花", 403)],
)
def test_who_may_look_may_not_always_decide(
    visitor: Browser, burst: list[int], role: Role, sees: str, status: int
) -> None:
    visitor.log_in(role)
    page = visitor.get("/console/referrals").text
    assert sees in page or sees == "—"
    assert ("林小花" in page) == (sees == "林小花")
    assert "核准</button>" not in page
    assert visitor.post(f"/console/referrals/{burst[2]}/approve").status == status


def test_a_decision_is_made_once_and_noted(
    visitor: Browser, burst: list[int], sqlite_db: Database
) -> None:
    visitor.log_in(Role.MARKETER)
    url = f"/console/referrals/{burst[2]}"
    assert visitor.post(f"{url}/reject", {"reason": " "}).location.endswith("done=reason")
    assert visitor.post(f"{url}/reject", {"reason": "同一支手機"}).location.endswith("rejected")
    assert visitor.post(f"{url}/reject", {"reason": "again"}).location.endswith("done=late")
    assert visitor.post(f"{url}/approve").location.endswith("done=late")
    assert "同一支手機" in visitor.get("/console/referrals").text
    with sqlite_db.reading() as session:
        noted = session.execute(
            sa.select(AuditEntry.action, AuditEntry.object, AuditEntry.after).where(
                AuditEntry.action.like("referral.%")
            )
        ).all()
    assert [tuple(row) for row in noted] == [
        ("referral.rejected", f"referral:{burst[2]}", {"reason": "同一支手機"})
    ]


def test_an_approved_one_leaves_the_queue(visitor: Browser, burst: list[int]) -> None:
    visitor.log_in(Role.OWNER)
    assert visitor.post(f"/console/referrals/{burst[2]}/approve").location.endswith("approved")
    assert "待審核（0）" in visitor.get("/console/referrals?done=approved").text
