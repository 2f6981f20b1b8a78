"""Profiles, the account itself, chat helpers, content, webhook settings, LINE Login tokens."""

from app.simulator import ids, tokens
from app.simulator.http import Answer, Call, Refused, answer, bad, json_of, not_found, refuse
from app.simulator.people import Content, Json, Person
from app.simulator.state import State
from app.simulator.validate import Refusal, has_errors
from app.simulator.values import https_url

MAX_WEBHOOK_URL = 500
_WRONG_READ_MARK = (
    "Invalid markAsReadToken. Tokens must be used by the bot that received them via Webhook."
)


def profile(state: State, call: Call) -> Answer:
    call.user_id = call.parts[0]
    if not ids.USER_ID.fullmatch(call.parts[0]):
        raise bad(Refusal("The value for the 'userId' parameter is invalid"))
    person = state.person(call.parts[0])
    if person is None or not _shows_profile(person):
        raise not_found()
    return answer(_profile(person))


def _shows_profile(person: Person) -> bool:
    if person.is_blocking or person.is_deleted:
        return False
    return person.is_following or person.wrote_at is not None


def _profile(person: Person) -> Json:
    shown: Json = {"userId": person.user_id, "displayName": person.display_name}
    if person.picture_url:
        shown["pictureUrl"] = person.picture_url
    if person.status_message:
        shown["statusMessage"] = person.status_message
    if person.language:
        shown["language"] = person.language
    return shown


def bot(state: State, call: Call) -> Answer:
    return answer(ids.bot_of(state.config))


def followers(state: State, call: Call) -> Answer:
    if not state.config.is_verified:
        raise Refused(refuse(403, "Access to this API is not available for your account"))
    query = call.query()
    try:
        limit, start = int(query.get("limit", "300")), int(query.get("start", "0"))
    except ValueError as error:
        raise bad(Refusal("Invalid start param")) from error
    if not 1 <= limit <= 1000:
        raise bad(Refusal("The value for the 'limit' parameter is invalid"))
    friends = [p.user_id for p in list(state.people.values()) if p.is_following]
    page: Json = {"userIds": friends[start : start + limit]}
    if start + limit < len(friends):
        page["next"] = str(start + limit)
    return answer(page)


# Chat helpers ----------------------------------------------------------------------------------


def start_loading(state: State, call: Call) -> Answer:
    body = json_of(call)
    chat, seconds = body.get("chatId"), body.get("loadingSeconds", 20)
    if not isinstance(chat, str) or not ids.USER_ID.fullmatch(chat):
        raise bad(has_errors([("May not be empty" if not chat else "Invalid chatId", "chatId")]))
    found = []
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 5 <= seconds <= 60:
        found.append(("Must be between 5 and 60", "loadingSeconds"))
    if not isinstance(seconds, int) or seconds % 5:
        found.append(("must be a multiple of five", "loadingSeconds"))
    if found:
        raise bad(has_errors(found))
    call.user_id = chat
    person = state.person(chat)
    if person is not None and isinstance(seconds, int):
        person.loading_until = state.seconds() + seconds
        state.hub.publish("loading", userId=chat)
    return answer({}, 202)


def mark_as_read(state: State, call: Call) -> Answer:
    token = json_of(call).get("markAsReadToken")
    entry = state.entries.get(ids.token_message(token)) if isinstance(token, str) else None
    if entry is None or entry.author != "user" or token != ids.read_token(entry.id):
        raise bad(Refusal(_WRONG_READ_MARK))
    for earlier in state.people[entry.user_id].entries:
        if earlier.author == "user" and earlier.n <= entry.n:
            earlier.is_read = True
    state.hub.publish("conversation", userId=entry.user_id, n=entry.n)
    return answer({})


def link_token(state: State, call: Call) -> Answer:
    if not ids.USER_ID.fullmatch(call.parts[0]) or state.person(call.parts[0]) is None:
        raise bad(Refusal("The value for the 'userId' parameter is invalid"))
    token = ids.opaque()
    state.link_tokens[token] = call.parts[0]
    return answer({"linkToken": token})


# Content ---------------------------------------------------------------------------------------


def content(state: State, call: Call) -> Answer:
    found = _content(state, call)
    return Answer(200, found.data, found.content_type.encode())


def preview(state: State, call: Call) -> Answer:
    found = _content(state, call)
    if found.kind not in ("image", "video"):
        raise bad(Refusal("The message has no preview"))
    return Answer(200, found.data, found.content_type.encode())


def transcoding(state: State, call: Call) -> Answer:
    if _content(state, call).kind not in ("video", "audio"):
        raise bad(Refusal("The message is neither video nor audio"))
    return answer({"status": "succeeded"})


def _content(state: State, call: Call) -> Content:
    found = state.contents.get(call.parts[0])
    if found is None:
        raise not_found("not found")
    if found.is_gone:
        raise Refused(refuse(410, "The content is gone"))
    return found


# Webhook settings ------------------------------------------------------------------------------


def get_webhook(state: State, call: Call) -> Answer:
    if not state.webhook_url:
        raise not_found()
    return answer({"endpoint": state.webhook_url, "active": True})


def set_webhook(state: State, call: Call) -> Answer:
    endpoint = json_of(call).get("endpoint")
    loopback = state.config.allow_http_loopback
    if https_url(endpoint, loopback=loopback, limit=MAX_WEBHOOK_URL) or not endpoint:
        raise bad(has_errors([("Invalid webhook endpoint URL", "endpoint")]))
    state.webhook_url = str(endpoint)
    return answer({})


def test_target(state: State, call: Call) -> str:
    """The address a webhook test goes to."""
    endpoint = json_of(call).get("endpoint") if call.body else None
    return endpoint if isinstance(endpoint, str) and endpoint else state.webhook_url


# LINE Login ------------------------------------------------------------------------------------


def verify(state: State, call: Call) -> Answer:
    form = call.form()
    for needed in ("id_token", "client_id"):
        if not form.get(needed):
            return _login_refusal(f"{needed} is required")
    try:
        claims = tokens.verify_id_token(
            state, form["id_token"], form["client_id"], form.get("nonce"), form.get("user_id")
        )
    except tokens.TokenRefused as error:
        return _login_refusal(str(error))
    return answer(claims)


def verify_access(state: State, call: Call) -> Answer:
    token = call.query().get("access_token", "")
    if token == state.config.channel_access_token:
        return answer({"client_id": "channel", "expires_in": 2_592_000, "scope": "P CM"})
    owner = tokens.owner(state, token)
    if owner is None:
        return _login_refusal("access token expired")
    return answer(
        {
            "client_id": state.config.login_channel_id,
            "expires_in": owner[1],
            "scope": "profile openid",
        }
    )


def login_profile(state: State, call: Call) -> Answer:
    return answer(_profile(_logged_in(state, call)))


def friendship(state: State, call: Call) -> Answer:
    return answer({"friendFlag": _logged_in(state, call).is_following})


def _logged_in(state: State, call: Call) -> Person:
    token = (call.header(b"authorization") or "").removeprefix("Bearer ").strip()
    owner = tokens.owner(state, token)
    if owner is None:
        raise Refused(refuse(401, "The access token expired"))
    return owner[0]


def _login_refusal(description: str) -> Answer:
    return answer({"error": "invalid_request", "error_description": description}, 400)
