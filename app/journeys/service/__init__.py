"""Plan, compose, and keep to the caps of life-cycle messages."""

from app.journeys.service.composing import compose
from app.journeys.service.governor import give_back, take_day
from app.journeys.service.planning import plan, plan_one, triggers_due

__all__ = ["compose", "give_back", "plan", "plan_one", "take_day", "triggers_due"]
