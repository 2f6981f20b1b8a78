"""What LINE's documentation forbids in a message, checked on the plain dict before sending.

Stricter than LINE where LINE is silent: an unknown property is a problem, because it is a
typing error of ours.
Source: https://developers.line.biz/en/reference/messaging-api/#message-objects
"""

from flex_templates.limits.actions import check_action
from flex_templates.limits.messages import (
    MAX_ALT_TEXT,
    MAX_MESSAGES,
    MAX_QUICK_REPLIES,
    check,
    check_request,
)
from flex_templates.limits.values import Problem, graphemes, utf16_length

__all__ = [
    "MAX_ALT_TEXT",
    "MAX_MESSAGES",
    "MAX_QUICK_REPLIES",
    "Problem",
    "check",
    "check_action",
    "check_request",
    "graphemes",
    "utf16_length",
]
