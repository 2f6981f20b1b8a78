"""The pages of the till: identify a member, record what they paid, redeem a coupon, undo."""
