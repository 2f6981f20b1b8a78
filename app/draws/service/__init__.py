"""Promise a draw, enter it, freeze it, let the seed decide, hand the prizes over."""

from app.draws.service.drawing import decide, decide_due, freeze, freeze_due
from app.draws.service.entering import Entered, bought, enter, grant, refunded
from app.draws.service.handing import claim, deliver_due, forfeit_due
from app.draws.service.planning import TooGenerous, create

__all__ = [
    "Entered",
    "TooGenerous",
    "bought",
    "claim",
    "create",
    "decide",
    "decide_due",
    "deliver_due",
    "enter",
    "forfeit_due",
    "freeze",
    "freeze_due",
    "grant",
    "refunded",
]
