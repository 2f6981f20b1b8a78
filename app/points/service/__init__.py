"""Every verb that moves points. Each takes an external id: the same call again gives the same
answer, the same id with other content is refused (Conflict)."""

from app.points.service.books import Cause, Posted, lock
from app.points.service.correcting import (
    AlreadyDecided,
    Correction,
    Person,
    SecondPersonNeeded,
    approve,
    correct,
    reject,
)
from app.points.service.giving import AdjustmentTooLarge, adjust, award, bring_forward, earn
from app.points.service.merging import fold
from app.points.service.revoking import revoke, withdraw
from app.points.service.settling import settle_due
from app.points.service.spending import redeem, restore

__all__ = [
    "AdjustmentTooLarge",
    "AlreadyDecided",
    "Cause",
    "Correction",
    "Person",
    "Posted",
    "SecondPersonNeeded",
    "adjust",
    "approve",
    "award",
    "bring_forward",
    "correct",
    "earn",
    "fold",
    "lock",
    "redeem",
    "reject",
    "restore",
    "revoke",
    "settle_due",
    "withdraw",
]
