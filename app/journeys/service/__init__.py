"""Plan and compose life-cycle messages."""

from app.journeys.service.composing import compose
from app.journeys.service.planning import plan, plan_one, triggers_due

__all__ = ["compose", "plan", "plan_one", "triggers_due"]
