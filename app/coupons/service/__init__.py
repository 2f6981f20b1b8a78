"""Give coupons, redeem them, take a redemption back, let them expire.

Every limit is held by a conditional UPDATE or a unique row, never by a look beforehand."""

from app.coupons.service.ending import (
    expire_due,
    fold_holdings,
    reinstate,
    reinstate_all,
    revoke,
    revoke_all,
    was_given,
)
from app.coupons.service.gifting import (
    Offered,
    accept_gift,
    lapse_gifts,
    offer_gift,
    take_gift_back,
)
from app.coupons.service.giving import Given, Issued, LimitReached, issue, issue_to_all
from app.coupons.service.goodwill import Giver, QuotaReached, give_goodwill
from app.coupons.service.kinds import KindChanged, create_kind, revise_kind, set_active
from app.coupons.service.locking import lock_kinds
from app.coupons.service.reserving import HELD_FOR, release, release_due, reserve
from app.coupons.service.returning import rollback, rollback_all
from app.coupons.service.using import Redeemed, Use, redeem, redeem_all
from app.coupons.service.words import MOST_TRIES, WordRefused, claim_word, held_of_word

__all__ = [
    "HELD_FOR",
    "MOST_TRIES",
    "Given",
    "Giver",
    "Issued",
    "KindChanged",
    "LimitReached",
    "Offered",
    "QuotaReached",
    "Redeemed",
    "Use",
    "WordRefused",
    "accept_gift",
    "claim_word",
    "create_kind",
    "expire_due",
    "fold_holdings",
    "give_goodwill",
    "held_of_word",
    "issue",
    "issue_to_all",
    "lapse_gifts",
    "lock_kinds",
    "offer_gift",
    "redeem",
    "redeem_all",
    "reinstate",
    "reinstate_all",
    "release",
    "release_due",
    "reserve",
    "revise_kind",
    "revoke",
    "revoke_all",
    "rollback",
    "rollback_all",
    "set_active",
    "take_gift_back",
    "was_given",
]
