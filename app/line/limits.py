"""Numbers that LINE sets. https://developers.line.biz/en/reference/messaging-api/#rate-limits"""

MESSAGES_PER_REQUEST = 5
MULTICAST_RECIPIENTS = 500
POSTBACK_DATA_LENGTH = 300
REPLY_TOKEN_SECONDS = 60
# A little less than LINE's minute: the request still has to travel.
REPLY_TOKEN_SAFE_SECONDS = 55
RETRY_KEY_HOURS = 24

PER_SECOND = {
    "reply": 2000,
    "push": 2000,
    "multicast": 200,
    "menu": 2000,
    "profile": 2000,
    "loading": 100,
    "sms": 50,
}
