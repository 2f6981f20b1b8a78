"""Who may become one member, for how long it can be undone, and what moves."""

from datetime import timedelta
from typing import Final, Literal

UNDO_FOR: Final = timedelta(days=30)

Fate = Literal["moves", "folded", "stays"]
# What becomes of the rows that name the absorbed member, by the column that does.
#   moves:  they are the other member's from now on, except what a unique key turns away
#   folded: totals, made anew for both from the rows that moved
#   stays:  history of the absorbed membership, or worth nothing after it
FATES: Final[dict[str, Fate]] = {
    "benefit_claims.member_id": "moves",  # a choice that both made stays with each
    "broadcast_recipients.member_id": "stays",  # what was decided for that membership
    "card_tokens.member_id": "stays",
    "closings.member_id": "stays",
    "consents.member_id": "moves",
    "coupon_gifts.friend_id": "moves",
    "coupon_gifts.giver_id": "moves",
    "coupon_holdings.member_id": "folded",
    "coupon_word_tries.member_id": "stays",
    "coupons.member_id": "moves",
    "draw_aliases.member_id": "stays",  # the list is published under that name
    "draw_entries.member_id": "stays",  # what they win goes to the member they became
    "draw_tallies.member_id": "stays",
    "draw_wins.member_id": "moves",
    "experiment_exposures.member_id": "moves",  # who was in it keeps their own arm
    "hook_deliveries.member_id": "stays",  # told of the membership of that day
    "invite_codes.member_id": "stays",
    "invite_shares.member_id": "moves",
    "invoice_claims.member_id": "moves",
    "invoice_photos.member_id": "stays",
    "join_steps.joined_id": "stays",
    "join_steps.member_id": "stays",
    "journey_runs.member_id": "stays",  # they leave; the other goes their own way
    "lifecycle_sends.member_id": "moves",
    "lookups.member_id": "stays",  # append-only: whose page was opened that day
    "marketing_days.member_id": "stays",
    "member_tags.member_id": "moves",
    "members.merged_into_id": "stays",  # the members noun itself points them on
    "mergers.absorbed_id": "stays",
    "mergers.kept_id": "stays",
    "mission_deeds.member_id": "moves",
    "mission_rewards.member_id": "stays",  # once per round: both may have won it
    "mission_rounds.member_id": "stays",
    "outbox.member_id": "moves",
    "outbox_readers.member_id": "stays",  # to whom LINE was asked to bring it
    "point_accounts.member_id": "folded",
    "point_corrections.member_id": "moves",
    "point_entries.member_id": "moves",
    "point_lots.member_id": "moves",
    "point_operations.member_id": "moves",
    "privacy_requests.member_id": "moves",
    "purchase_days.member_id": "folded",
    "purchase_totals.member_id": "folded",
    "purchases.member_id": "moves",
    "referrals.inviter_id": "moves",
    "referrals.member_id": "stays",  # who was a member before is nobody's new friend
    "reward_exchanges.member_id": "moves",
    "reward_holdings.member_id": "folded",
    "richmenu_wearers.member_id": "stays",  # the next look at who sees what takes it away
    "scores.member_id": "stays",  # the next night measures what the kept member has now
    "staff_memberships.member_id": "moves",
    "stamp_rewards.member_id": "moves",
    "tier_periods.member_id": "stays",
    "timeline.member_id": "moves",
    "topic_stops.member_id": "stays",  # copied as well: what either wants no more of
}
