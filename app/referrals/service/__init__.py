"""Invite, be invited, join, buy, be rewarded: one verb each, in the order in which it happens."""

from app.referrals.service.inviting import bind, forget_old, give_code, link_staff, share
from app.referrals.service.progressing import bought, exchanged, joined, lapse_due, refunded
from app.referrals.service.rewarding import approve, pay_due, reject

__all__ = [
    "approve",
    "bind",
    "bought",
    "exchanged",
    "forget_old",
    "give_code",
    "joined",
    "lapse_due",
    "link_staff",
    "pay_due",
    "refunded",
    "reject",
    "share",
]
