"""Reply, push, multicast, broadcast, narrowcast and their validation, quota and counts.

https://developers.line.biz/en/reference/messaging-api/#messages
"""

import re
from collections.abc import Callable, Sequence

from app.simulator import ids
from app.simulator.http import Answer, Call, Refused, answer, bad, json_of, not_found, refuse
from app.simulator.limits import JAPAN
from app.simulator.people import Json, Person, Sent
from app.simulator.state import State
from app.simulator.validate import (
    Refusal,
    Rules,
    check_messages,
    has_errors,
    invalid_property,
)

MAX_MULTICAST = 500
MAX_UNITS = 1000
_WITH_UNITS = ("push", "multicast")
_UNIT = re.compile(r"[a-zA-Z0-9_]{1,30}")
_DATE = re.compile(r"\d{8}")
_QUOTABLE = frozenset({"text", "textV2", "sticker", "image", "video", "template", "flex"})

Handler = Callable[[State, Call], Answer]


def reply(state: State, call: Call) -> Answer:
    body = json_of(call)
    token = body.get("replyToken")
    if not isinstance(token, str) or not token:
        found = "May not be empty" if not token else "Must be a string"
        raise bad(has_errors([(found, "replyToken")]))
    messages = _messages(state, call, body, "reply")
    with state.lock:
        if state.live_token(token) is None:
            raise bad(Refusal("Invalid reply token"))
        user_id = state.use_reply_token(token)
    call.user_id = user_id
    person = state.person(user_id or "")
    reached = [person] if person is not None and not _is_out_of_reach(person) else []
    sent = Sent(call.body, call.path, call.request_id, reply_token=token)
    return _accept(state, sent, messages, reached, skipped=1 - len(reached))


def push(state: State, call: Call) -> Answer:
    key = _retry_key(state, call)
    body = json_of(call)
    to = body.get("to")
    if to is None or to == "":
        raise bad(has_errors([("May not be empty", "to")]))
    if not isinstance(to, str) or not ids.CHAT_ID.fullmatch(to):
        raise bad(invalid_property("to"))
    call.user_id = to
    messages = _messages(state, call, body, "push")
    _check_units(body)
    person = state.person(to)
    if person is None:
        raise bad(Refusal("Failed to send messages"))
    reached = [person] if person.receives(state.seconds()) else []
    sent = Sent(call.body, call.path, call.request_id, key)
    return _accept_counted(state, body, sent, messages, reached, skipped=1 - len(reached))


def multicast(state: State, call: Call) -> Answer:
    key = _retry_key(state, call)
    body = json_of(call)
    to = body.get("to")
    if to is None:
        raise bad(has_errors([("May not be empty", "to")]))
    if not isinstance(to, list):
        raise bad(invalid_property("to"))
    if not 1 <= len(to) <= MAX_MULTICAST:
        raise bad(has_errors([(f"Size must be between 1 and {MAX_MULTICAST}", "to")]))
    people: dict[str, Person] = {}
    for index, user_id in enumerate(to):
        is_user = isinstance(user_id, str) and ids.USER_ID.fullmatch(user_id)
        person = state.person(user_id) if is_user else None
        if person is None:
            raise bad(invalid_property(f"to[{index}]"))
        people[person.user_id] = person
    messages = _messages(state, call, body, "multicast")
    _check_units(body)
    now = state.seconds()
    reached = [person for person in people.values() if person.receives(now)]
    sent = Sent(call.body, call.path, call.request_id, key)
    skipped = len(people) - len(reached)
    return _accept_counted(state, body, sent, messages, reached, skipped=skipped)


def broadcast(state: State, call: Call) -> Answer:
    return _to_everybody(state, call, "broadcast")


def narrowcast(state: State, call: Call) -> Answer:
    """To all friends; audiences and filters need what this simulator does not have."""
    return _to_everybody(state, call, "narrowcast")


def _to_everybody(state: State, call: Call, kind: str) -> Answer:
    key = _retry_key(state, call)
    body = json_of(call)
    if body.get("recipient") is not None or body.get("filter") is not None:
        raise Refused(refuse(403, "Access to this API is not available for your account"))
    messages = _messages(state, call, body, kind)
    with state.lock:
        reached = [p for p in state.people.values() if p.is_following and not p.is_deleted]
    sent = Sent(call.body, call.path, call.request_id, key)
    accepted = _accept_counted(state, body, sent, messages, reached, skipped=0)
    accepted.status = 202 if kind == "narrowcast" else 200
    return accepted


def narrowcast_progress(state: State, call: Call) -> Answer:
    if not call.query().get("requestId"):
        raise bad(Refusal("The value for the 'requestId' parameter is invalid"))
    wanted = call.query()["requestId"]
    reached = sum(1 for e in state.received if e.sent and e.sent.request_id == wanted)
    if not any(r.request_id == wanted and r.status == 202 for r in state.requests):
        raise not_found()
    now = state.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return answer(
        {
            "phase": "succeeded",
            "successCount": reached,
            "failureCount": 0,
            "targetCount": reached,
            "acceptedTime": now,
            "completedTime": now,
        }
    )


def validate(kind: str) -> Handler:
    """The validate endpoint of one kind of send: nothing is sent or counted."""

    def handle(state: State, call: Call) -> Answer:
        _messages(state, call, json_of(call), kind)
        return answer({})

    return handle


def quota(state: State, call: Call) -> Answer:
    limit = state.quota.limit
    return answer({"type": "none"} if limit is None else {"type": "limited", "value": limit})


def consumption(state: State, call: Call) -> Answer:
    return answer({"totalUsage": state.quota.usage(state.now())})


def delivered(state: State, call: Call) -> Answer:
    """How many messages of a kind were sent on a day."""
    day = call.query().get("date", "")
    if not _DATE.fullmatch(day):
        raise bad(Refusal("The value for the 'date' parameter is invalid"))
    if day > state.now().astimezone(JAPAN).strftime("%Y%m%d"):
        return answer({"status": "unready"})
    return answer({"status": "ready", "success": state.daily[call.parts[0], day]})


def units_used(state: State, call: Call) -> Answer:
    return answer({"numOfCustomAggregationUnits": len(_units_now(state))})


def unit_names(state: State, call: Call) -> Answer:
    return answer({"customAggregationUnits": sorted(_units_now(state))[:100]})


# Steps -----------------------------------------------------------------------------------------


def _messages(state: State, call: Call, body: Json, kind: str) -> Sequence[object]:
    silent = body.get("notificationDisabled")
    if silent is not None and not isinstance(silent, bool):
        raise bad(invalid_property("notificationDisabled"))
    rules = Rules(kind, loopback=state.config.allow_http_loopback, body_bytes=len(call.body))
    messages = body.get("messages")
    refusal = check_messages(messages, rules)
    if refusal is not None:
        raise bad(refusal)
    assert isinstance(messages, list)
    return messages


def _retry_key(state: State, call: Call) -> str | None:
    """The retry key, when there is one.

    Raises:
        Refused: 409 when a request with this key was accepted in the last 24 hours.
    """
    key = call.header(b"x-line-retry-key")
    if key is None:
        return None
    key = key.lower()
    found = state.accepted_before(key)
    if found is None:
        return key
    raise Refused(_already_accepted(*found))


def _already_accepted(request_id: str, sent: list[Json] | None) -> Answer:
    body: Json = {"message": "The retry key is already accepted"}
    if sent is not None:
        body["sentMessages"] = sent
    given = answer(body, 409)
    given.headers.append((b"x-line-accepted-request-id", request_id.encode()))
    given.accepted_request_id = request_id
    return given


def _is_out_of_reach(person: Person) -> bool:
    return person.is_blocking or person.is_deleted


def _accept_counted(
    state: State,
    body: Json,
    sent: Sent,
    messages: Sequence[object],
    reached: Sequence[Person],
    *,
    skipped: int,
) -> Answer:
    """Accept a send that the quota counts, once per retry key."""
    with state.lock:
        if sent.retry_key is not None:  # another thread may have been first
            found = state.accepted_before(sent.retry_key)
            if found is not None:
                raise Refused(_already_accepted(*found))
        now = state.now()
        if not state.quota.is_enough(len(reached), now):
            raise Refused(refuse(429, "You have reached your monthly limit."))
        state.quota.spend(len(reached), now)
        _remember_unit(state, sent, body)
        return _accept(state, sent, messages, reached, skipped=skipped)


def _accept(
    state: State,
    sent: Sent,
    messages: Sequence[object],
    reached: Sequence[Person],
    *,
    skipped: int,
) -> Answer:
    message_ids = state.deliver(reached, sent, len(messages))
    state.count_accepted(sent.kind, len(reached), skipped)
    told: list[Json] | None = None
    if sent.kind in ("reply", "push"):
        # A blocked person's messages have ids too; nobody can tell from the answer.
        message_ids = message_ids or [state.message_ids.take() for _ in messages]
        told = [_sent_message(m, i) for m, i in zip(messages, message_ids, strict=True)]
    if sent.retry_key is not None:
        state.remember_key(sent.retry_key, sent.request_id, told)
    return answer({} if told is None else {"sentMessages": told})


def _sent_message(message: object, message_id: str) -> Json:
    told: Json = {"id": message_id}
    if isinstance(message, dict) and message.get("type") in _QUOTABLE:
        told["quoteToken"] = ids.quote_token(message_id)
    return told


def _check_units(body: Json) -> None:
    units = body.get("customAggregationUnits")
    if units is None:
        return
    if not isinstance(units, list):
        raise bad(invalid_property("customAggregationUnits"))
    if len(units) > 1:
        wrong = [("Size must be between 0 and 1", "customAggregationUnits")]
        raise bad(has_errors(wrong))
    for unit in units:
        if not isinstance(unit, str) or not _UNIT.fullmatch(unit):
            raise bad(invalid_property("customAggregationUnits[0]"))


def _units_now(state: State) -> set[str]:
    return state.units.setdefault(state.now().astimezone(JAPAN).strftime("%Y%m"), set())


def _remember_unit(state: State, sent: Sent, body: Json) -> None:
    units = body.get("customAggregationUnits")
    if sent.kind in _WITH_UNITS and isinstance(units, list):
        known = _units_now(state)
        known.update(unit for unit in units[: max(0, MAX_UNITS - len(known))])
