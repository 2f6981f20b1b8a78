"""What a person does in the LINE app, and the webhook events that follow from it."""

import base64
import hashlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from app.simulator import ids
from app.simulator.courier import Courier, Delivery
from app.simulator.people import Content, Entry, Json, Person
from app.simulator.state import State
from app.simulator.validate import Refusal, Rules, check_messages

_NO_TOKEN = frozenset({"unfollow", "unsend", "leave", "memberLeft", "delivery"})
_MEDIA_TYPES = {
    "image": "image/png",
    "video": "video/mp4",
    "audio": "audio/mp4",
    "file": "application/octet-stream",
}


class CannotDo(Exception):
    """The LINE app would not let a person do this; carries the status and the sentence."""

    def __init__(self, sentence: str, status: int = 409) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status


@dataclass(frozen=True, slots=True)
class Done:
    """The events that were made, and the delivery that carries them."""

    events: Sequence[Json] = ()
    delivery: Delivery | None = None
    message_id: str | None = None


class Chats:
    def __init__(self, state: State, courier: Courier) -> None:
        self._state = state
        self._courier = courier

    # Friendship --------------------------------------------------------------------------------

    def follow(self, person: Person) -> Done:
        self._needs_account(person)
        was_blocking = person.is_blocking
        with self._state.lock:
            person.is_following, person.is_blocking = True, False
        self._note(person, "follow", "解除封鎖" if was_blocking else "加入好友")
        self._state.hub.publish("user", userId=person.user_id)
        return self.send(person, {"type": "follow", "follow": {"isUnblocked": was_blocking}})

    def block(self, person: Person) -> Done:
        self._needs_account(person)
        with self._state.lock:
            person.is_following, person.is_blocking = False, True
        self._note(person, "block", "封鎖")
        self._state.hub.publish("user", userId=person.user_id)
        return self.send(person, {"type": "unfollow"})

    # Messages ----------------------------------------------------------------------------------

    def write(
        self,
        person: Person,
        message: Json,
        *,
        quoted: str | None = None,
        message_id: str | None = None,
    ) -> Done:
        """Send a message as the person: shape it as in a webhook, show it, deliver it."""
        self._may_write(person)
        message_id = message_id or self._state.message_ids.take()
        kind = message["type"]
        whole: Json = {**message, "id": message_id, "markAsReadToken": ids.read_token(message_id)}
        if kind in ("text", "sticker", "image", "video"):
            whole["quoteToken"] = ids.quote_token(message_id)
        if quoted and kind in ("text", "sticker"):
            whole["quotedMessageId"] = quoted
        self._show(person, message_id, whole)
        done = self.send(person, {"type": "message", "message": whole})
        return Done(done.events, done.delivery, message_id)

    def write_media(self, person: Person, kind: str, content_type: str, data: bytes) -> Done:
        """Send bytes as a picture, film, sound or file."""
        self._may_write(person)
        data = data or (plain_picture(person.user_id) if kind == "image" else b"simulated")
        message: Json = {"type": kind}
        if kind == "file":
            message |= {"fileName": "file.bin", "fileSize": len(data)}
        else:
            message["contentProvider"] = {"type": "line"}
        if kind in ("video", "audio"):
            message["duration"] = 3000
        message_id = self._state.message_ids.take()
        content = Content(person.user_id, kind, content_type or _MEDIA_TYPES[kind], data)
        self._state.contents[message_id] = content  # before the account can ask for it
        return self.write(person, message, message_id=message_id)

    def unsend(self, person: Person, message_id: str) -> Done:
        entry = self._state.entries.get(message_id)
        if entry is None or entry.user_id != person.user_id or entry.author != "user":
            raise CannotDo("no such message of this person", 404)
        with self._state.lock:
            entry.is_unsent = True
            if message_id in self._state.contents:
                self._state.contents[message_id].is_gone = True
        self._state.hub.publish("conversation", userId=person.user_id, n=entry.n)
        return self.send(person, {"type": "unsend", "unsend": {"messageId": message_id}})

    def postback(
        self, person: Person, data: str, params: Json | None = None, shown: str | None = None
    ) -> Done:
        self._may_write(person)
        if shown:
            self._show(person, self._state.message_ids.take(), {"type": "text", "text": shown})
        else:
            self._note(person, "postback", "")
        postback: Json = {"data": data}
        if params:
            postback["params"] = params
        return self.send(person, {"type": "postback", "postback": postback})

    def switch_menu(self, person: Person, alias: str, data: str) -> Done:
        """Tap a rich-menu tab: the menu changes at once, the account hears of it."""
        menu_id = self._state.aliases.get(alias)
        params: Json = {"newRichMenuAliasId": alias, "status": "SUCCESS"}
        if menu_id is None:
            params = {"status": "RICHMENU_ALIAS_ID_NOTFOUND"}
        elif menu_id not in self._state.menus:
            params = {"status": "RICHMENU_NOTFOUND"}
        else:
            person.rich_menu_id = menu_id
            self._state.hub.publish("menu", userId=person.user_id)
        return self.postback(person, data, params)

    def tap(self, person: Person, action: Json, params: Json | None) -> tuple[Done, Json]:
        """Do what the LINE app does for an action; also what the page must do itself."""
        kind = action.get("type")
        todo: Json = {"open": None, "copy": None, "fillIn": None, "inputOption": None}
        if kind == "message":
            return self.write(person, {"type": "text", "text": _words(action, "text")}), todo
        if kind == "postback":
            todo["inputOption"] = action.get("inputOption")
            todo["fillIn"] = action.get("fillInText")
            data = _words(action, "data")
            text = action.get("text")
            shown = action.get("displayText")
            if isinstance(text, str) and text:
                self.write(person, {"type": "text", "text": text})
            return self.postback(
                person, data, None, shown if isinstance(shown, str) else None
            ), todo
        if kind == "datetimepicker":
            mode = _words(action, "mode")
            chosen = (params or {}).get(mode)
            if not isinstance(chosen, str) or not chosen:
                raise CannotDo(f"params must hold {mode!r}", 400)
            return self.postback(person, _words(action, "data"), {mode: chosen}), todo
        if kind == "richmenuswitch":
            alias = _words(action, "richMenuAliasId")
            return self.switch_menu(person, alias, _words(action, "data")), todo
        if kind == "uri":
            todo["open"] = _words(action, "uri")
        elif kind == "clipboard":
            todo["copy"] = _words(action, "clipboardText")
        elif kind in ("camera", "cameraRoll", "location"):
            todo["pick"] = kind
        else:
            raise CannotDo(f"unknown action type {kind!r}", 400)
        return Done(), todo

    # LIFF --------------------------------------------------------------------------------------

    def send_from_liff(self, person: Person, messages: object) -> list[Done]:
        """liff.sendMessages(): shown as the person's; templates and Flex make no webhook."""
        self._may_write(person)
        checked = self._checked(messages)
        done = []
        for message in checked:
            if message["type"] in ("flex", "template"):
                self._show(person, self._state.message_ids.take(), message)
            else:
                done.append(self.write(person, _as_received(message)))
        return done

    def share(self, person: Person, messages: object, friends: Sequence[Person]) -> None:
        """liff.shareTargetPicker(): friends see the messages in this preview of their chats."""
        for friend in friends:
            for message in self._checked(messages):
                self._show(
                    friend,
                    self._state.message_ids.take(),
                    message,
                    author="friend",
                    sender={"name": person.display_name, "userId": person.user_id},
                )

    def _checked(self, messages: object) -> list[Json]:
        rules = Rules("liff", loopback=self._state.config.allow_http_loopback)
        refusal: Refusal | None = check_messages(messages, rules)
        if refusal is not None:
            raise CannotDo(str(refusal.body()), 400)
        assert isinstance(messages, list)
        return messages

    # Events ------------------------------------------------------------------------------------

    def send(self, person: Person, event: Json) -> Done:
        """Fill in the common fields of an event and hand it to the courier."""
        whole = self.complete(person, event)
        delivery = self._courier.submit([whole])
        return Done([whole], delivery)

    def complete(self, person: Person, event: Json) -> Json:
        now = self._state.seconds()
        stamp = int(now * 1000)
        whole: Json = {
            "mode": "active",
            "timestamp": stamp,
            "source": {"type": "user", "userId": person.user_id},
            "webhookEventId": ids.event_id(stamp),
            "deliveryContext": {"isRedelivery": False},
            **event,
        }
        needs_token = event.get("type") not in _NO_TOKEN and whole["mode"] == "active"
        if needs_token and "replyToken" not in event:
            whole["replyToken"] = ids.reply_token()
        self.register(whole, person.user_id)
        return whole

    def register(self, event: Json, user_id: str) -> None:
        """Make the reply token of an event known."""
        token, stamp = event.get("replyToken"), event.get("timestamp")
        if isinstance(token, str) and token:
            at = stamp / 1000 if isinstance(stamp, int) else self._state.seconds()
            self._state.add_reply_token(token, user_id, at)

    # Lines in the chat -------------------------------------------------------------------------

    def _show(
        self,
        person: Person,
        message_id: str,
        message: Json,
        *,
        author: str = "user",
        sender: Json | None = None,
    ) -> None:
        now = self._state.seconds()
        if author == "user":
            person.wrote_at = now
        with self._state.lock:
            n = self._state.next_entry()
            entry = Entry(n, message_id, person.user_id, author, now, given=message, sender=sender)
            self._state.add_entry(entry)

    def _note(self, person: Person, kind: str, text: str) -> None:
        now = self._state.seconds()
        with self._state.lock:
            n = self._state.next_entry()
            entry = Entry(n, f"note-{n}", person.user_id, "system", now, kind=kind, text=text)
            self._state.add_entry(entry)

    def _needs_account(self, person: Person) -> None:
        if person.is_deleted:
            raise CannotDo("this LINE account is gone")

    def _may_write(self, person: Person) -> None:
        self._needs_account(person)
        if person.is_blocking:
            raise CannotDo("this person has blocked the account")


def _words(node: Json, key: str) -> str:
    value = node.get(key)
    if not isinstance(value, str):
        raise CannotDo(f"the action has no {key}", 400)
    return value


def _as_received(message: Json) -> Json:
    """A message object as sent, turned into what a webhook would show of it."""
    kind = message["type"]
    if kind in ("image", "video", "audio"):
        provider: Json = {"type": "external"}
        for key in ("originalContentUrl", "previewImageUrl"):
            if key in message:
                provider[key] = message[key]
        return {"type": kind, "contentProvider": provider}
    if kind == "sticker":
        return {**message, "stickerResourceType": "STATIC"}
    return {k: v for k, v in message.items() if k not in ("quickReply", "sender")}


def decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise CannotDo("base64 is broken", 400) from error


def plain_picture(seed: str) -> bytes:
    """A 64 x 64 PNG of one colour that follows from the seed."""
    pixel = hashlib.blake2b(seed.encode(), digest_size=3).digest()
    rows = (b"\x00" + pixel * 64) * 64

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    packed = zlib.compress(rows)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts
