"""The JSON that the control API shows; the shapes are described in the package's docstring."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

import orjson

from app.previews import flex_html
from app.simulator.clock import iso
from app.simulator.people import Entry, Json, Person, Request, RichMenu
from app.simulator.state import State


def moment(seconds: float) -> str:
    return iso(datetime.fromtimestamp(seconds, UTC))


def person(found: Person) -> Json:
    last = next((e for e in reversed(found.entries) if e.author != "system"), None)
    unread = sum(1 for e in found.entries if e.author == "bot" and e.n > found.seen_n)
    return {
        "userId": found.user_id,
        "displayName": found.display_name,
        "pictureUrl": found.picture_url,
        "language": found.language,
        "statusMessage": found.status_message,
        "following": found.is_following,
        "blocked": found.is_blocking,
        "deleted": found.is_deleted,
        "lastMessage": _summary(last.message()) if last else None,
        "lastAt": moment(last.at) if last else None,
        "unread": unread,
    }


def _summary(message: Json | None) -> str:
    if message is None:
        return ""
    for key in ("text", "altText", "title"):
        text = message.get(key)
        if isinstance(text, str) and text:
            return text.replace("\n", " ")[:60]
    return f"[{message.get('type')}]"


def entry(found: Entry, base: str) -> Json:
    message = found.message()
    text = found.text
    if message is not None and isinstance(message.get("text"), str):
        text = str(message["text"])
    if message is not None and found.author == "user" and _is_stored_media(message):
        message = {**message, "contentUrl": f"{base}/control/content/{found.id}"}
    html, css = drawn(orjson.dumps(_drawable(message))) if message is not None else (None, ())
    sender = found.sender
    if sender is None and message is not None and isinstance(message.get("sender"), dict):
        sender = message["sender"]  # type: ignore[assignment]  # isinstance says it is a dict
    return {
        "n": found.n,
        "id": found.id,
        "from": found.author,
        "at": moment(found.at),
        "kind": found.kind,
        "message": None if found.is_unsent else message,
        "text": None if found.is_unsent else text,
        "html": None if found.is_unsent else html,
        "css": css,
        "read": found.is_read,
        "unsent": found.is_unsent,
        "requestId": found.sent.request_id if found.sent else None,
        "sender": sender,
    }


def _is_stored_media(message: Json) -> bool:
    provider = message.get("contentProvider")
    is_line = isinstance(provider, dict) and provider.get("type") == "line"
    return is_line or message.get("type") == "file"


def _drawable(message: Json) -> Json:
    """A person's picture has no address of its own in a webhook; give it the stored one."""
    if message.get("type") in ("image", "video", "audio") and "originalContentUrl" not in message:
        provider = message.get("contentProvider")
        outside = provider.get("originalContentUrl") if isinstance(provider, dict) else None
        address = message.get("contentUrl") or outside
        return {**message, "originalContentUrl": address, "previewImageUrl": address}
    return message


@lru_cache(maxsize=2048)
def drawn(message: bytes) -> tuple[str, tuple[str, ...]]:
    """HTML and CSS rules of one message, kept because chats are read again and again."""
    rendered = flex_html.render(orjson.loads(message))
    return rendered.html, rendered.css


def conversation(state: State, found: Person, *, after: int, limit: int, base: str) -> Json:
    with state.lock:
        start = bisect_right(found.entries, after, key=lambda line: line.n)
        lines = found.entries[start:][-limit:]
        last = found.entries[-1] if found.entries else None
    return {
        "userId": found.user_id,
        "displayName": found.display_name,
        "messages": [entry(line, base) for line in lines],
        "last": last.n if last else 0,
        "richMenu": menu(state.menu_of(found), base),
        "quickReply": _quick_reply(last),
        "loading": found.loading_until > state.seconds(),
        "blocked": found.is_blocking,
        "following": found.is_following,
    }


def _quick_reply(last: Entry | None) -> object:
    message = last.message() if last is not None and last.author == "bot" else None
    quick = message.get("quickReply") if message else None
    return quick.get("items") if isinstance(quick, dict) else None


def menu(found: RichMenu | None, base: str) -> Json | None:
    if found is None:
        return None
    image = f"{base}/control/richmenus/{found.rich_menu_id}/image"
    return {"richMenuId": found.rich_menu_id, **found.body, "imageUrl": image}


def received(found: Entry) -> Json:
    sent = found.sent
    assert sent is not None  # only accepted requests are listed here
    return {
        "n": found.n,
        "id": found.id,
        "userId": found.user_id,
        "requestId": sent.request_id,
        "endpoint": sent.endpoint,
        "retryKey": sent.retry_key,
        "replyToken": sent.reply_token,
        "at": moment(found.at),
        "index": found.index,
        "message": found.message(),
    }


def request(found: Request) -> Json:
    return {
        "n": found.n,
        "at": moment(found.at),
        "method": found.method,
        "path": found.path,
        "status": found.status,
        "retryKey": found.retry_key,
        "requestId": found.request_id,
        "acceptedRequestId": found.accepted_request_id,
        "userId": found.user_id,
        "fault": found.fault,
        "ms": found.ms,
        "body": _json(found.body) if found.is_json else None,
    }


def _json(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def totals(state: State, webhooks: Sequence[str]) -> Json:
    with state.lock:
        people = list(state.people.values())
        return {
            "now": iso(state.now()),
            "users": len(people),
            "following": sum(p.is_following for p in people),
            "blocked": sum(p.is_blocking for p in people),
            "requests": state.last_request,
            "byStatus": {str(k): v for k, v in sorted(state.statuses.items())},
            "accepted": dict(state.accepted),
            "received": len(state.received),
            "skipped": state.skipped,
            "webhooks": {
                status: webhooks.count(status)
                for status in ("queued", "held", "dropped", "delivered", "failed")
            },
            "sms": len(state.sms),
            "retryKeys": len(state.retry_keys),
            "richMenus": len(state.menus),
            "aliases": dict(state.aliases),
            "defaultRichMenu": state.default_menu,
            "quota": {"limit": state.quota.limit, "used": state.quota.usage(state.now())},
        }
