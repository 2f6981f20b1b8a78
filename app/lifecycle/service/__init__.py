"""Plan and compose life-cycle messages."""

from app.lifecycle.service.composing import compose
from app.lifecycle.service.planning import plan, plan_one, triggers_due

__all__ = ["compose", "plan", "plan_one", "triggers_due"]
