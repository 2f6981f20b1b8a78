"""What LINE refuses in the body of a send request, in LINE's words and with LINE's paths.

Two families of errors exist. Plain fields: `The request body has N error(s)` with paths such as
`messages[0].text`. Parts that LINE reads later (Flex, templates, quick replies, imagemaps, textV2):
`A message (messages[0]) in the request body is invalid` with paths inside that message.
https://developers.line.biz/en/reference/messaging-api/#message-objects
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from app.simulator import values
from app.simulator.counting import is_over_utf16
from app.simulator.validate_actions import QUICK_REPLY, Problem, check_action
from app.simulator.validate_flex import BUBBLE_BYTES, check_flex
from app.simulator.validate_templates import check_template
from app.simulator.values import INVALID, text_within

Node = dict[str, object]
MAX_MESSAGES = 5
MAX_QUICK_REPLIES = 13
TEXT_LIMIT = 5000
ALT_TEXT_LIMIT = 1500

_TOKEN_KINDS = frozenset({"reply", "push"})  # where quoteToken and mentions are allowed
_TRACKING = re.compile(r"[a-zA-Z0-9\-.=,+*()%$&;:@{}!?<>\[\]]{1,100}")
_TAG = re.compile(r"[a-zA-Z0-9_]{1,30}")
_KEY = re.compile(r"[a-zA-Z0-9_]{1,20}")
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True, slots=True)
class Refusal:
    """LINE's error body of a 400."""

    message: str
    details: tuple[Problem, ...] = ()

    def body(self) -> dict[str, object]:
        answer: dict[str, object] = {"message": self.message}
        if self.details:
            answer["details"] = [{"message": m, "property": p} for m, p in self.details]
        return answer


def invalid_property(name: str) -> Refusal:
    return Refusal(f"The property, '{name}', in the request body is invalid (line: -, column: -)")


def has_errors(problems: list[Problem]) -> Refusal:
    return Refusal(f"The request body has {len(problems)} error(s)", tuple(problems))


@dataclass(frozen=True, slots=True)
class Rules:
    """How a request is looked at: the kind of send, and whether loopback http is let through."""

    kind: str = "push"
    loopback: bool = False
    body_bytes: int = 1 << 30
    """Size of the whole request, which saves weighing Flex parts of a small one."""


def check_messages(messages: object, rules: Rules) -> Refusal | None:
    """Look at the `messages` of a send or validate request; None when LINE would take them."""
    if messages is None:
        return has_errors([("May not be empty", "messages")])
    if not isinstance(messages, list):
        return invalid_property("messages")
    if not 1 <= len(messages) <= MAX_MESSAGES:
        return has_errors([(f"Size must be between 1 and {MAX_MESSAGES}", "messages")])
    plain: list[Problem] = []
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            return invalid_property(f"messages[{index}]")
        _plain_problems(message, f"messages[{index}]", plain, rules)
    if plain:
        return has_errors(plain)
    for index, message in enumerate(messages):
        deep = _deep_problems(message, rules)
        if deep:
            where = f"A message (messages[{index}]) in the request body is invalid"
            return Refusal(where, tuple(deep))
    return None


def _plain_problems(message: Node, path: str, found: list[Problem], rules: Rules) -> None:
    kind = message.get("type")
    check = _PLAIN.get(kind) if isinstance(kind, str) else None
    if check is None:
        found.append((f"Must be one of the following values: [{_TYPES}]", f"{path}.type"))
        return
    check(message, path, found, rules)
    if "sender" in message:
        _sender(message["sender"], f"{path}.sender", found, rules)
    if message.get("quoteToken") is not None:
        _quote(message, path, found, rules)


def _deep_problems(message: Node, rules: Rules) -> list[Problem]:
    kind = message["type"]
    found: list[Problem] = []
    if kind == "flex":
        is_small = rules.body_bytes <= BUBBLE_BYTES
        found = check_flex(message.get("contents"), loopback=rules.loopback, is_small=is_small)
    elif kind == "template":
        found = check_template(message.get("template"), loopback=rules.loopback)
    elif kind == "textV2":
        _substitutions(message, found, rules)
    elif kind == "imagemap":
        _imagemap(message, found, rules)
    if message.get("quickReply") is not None:
        _quick_reply(message["quickReply"], found, rules)
    return found


# Plain fields ----------------------------------------------------------------------------------


def _length(
    message: Node, key: str, path: str, found: list[Problem], limit: int, needed: bool = True
) -> None:
    value = message.get(key)
    if value is None or value == "":
        if needed:
            found.append(("May not be empty", f"{path}.{key}"))
    elif not isinstance(value, str):
        found.append((INVALID, f"{path}.{key}"))
    elif is_over_utf16(value, limit):
        found.append((f"Length must be between 0 and {limit}", f"{path}.{key}"))


def _url(message: Node, key: str, path: str, found: list[Problem], rules: Rules) -> None:
    value = message.get(key)
    if value is None or value == "":
        found.append(("May not be empty", f"{path}.{key}"))
    elif wrong := values.https_url(value, loopback=rules.loopback):
        found.append((wrong, f"{path}.{key}"))


def _text(message: Node, path: str, found: list[Problem], rules: Rules) -> None:
    text = message.get("text")
    if not isinstance(text, str) or not text or 2 * len(text) > TEXT_LIMIT:
        _length(message, "text", path, found, TEXT_LIMIT)
    emojis = message.get("emojis")
    if emojis is not None:
        _emojis(emojis, text, f"{path}.emojis", found)


def _emojis(emojis: object, text: object, path: str, found: list[Problem]) -> None:
    if not isinstance(emojis, list):
        found.append((INVALID, path))
        return
    if len(emojis) > 20:
        found.append(("Size must be between 0 and 20", path))
    units = text.encode("utf-16-le", "surrogatepass") if isinstance(text, str) else b""
    for index, emoji in enumerate(emojis):
        at = f"{path}[{index}]"
        if not isinstance(emoji, dict):
            found.append((INVALID, at))
            continue
        for key in ("productId", "emojiId"):
            _length(emoji, key, at, found, 100)
        place = emoji.get("index")
        is_dollar = isinstance(place, int) and units[2 * place : 2 * place + 2] == b"$\x00"
        if not is_dollar:
            found.append((INVALID, f"{at}.index"))


def _text_v2(message: Node, path: str, found: list[Problem], rules: Rules) -> None:
    _length(message, "text", path, found, TEXT_LIMIT)


def _sticker(message: Node, path: str, found: list[Problem], rules: Rules) -> None:
    for key in ("packageId", "stickerId"):
        value = message.get(key)
        _length(message, key, path, found, 20)
        if isinstance(value, str) and value and not value.isdecimal():
            found.append((INVALID, f"{path}.{key}"))


def _image(message: Node, path: str, found: list[Problem], rules: Rules) -> None:
    _url(message, "originalContentUrl", path, found, rules)
    _url(message, "previewImageUrl", path, found, rules)


def _video(message: Node, path: str, found: list[Problem], rules: Rules) -> None:
    _image(message, path, found, rules)
    tracking = message.get("trackingId")
    if tracking is not None and not (isinstance(tracking, str) and _TRACKING.fullmatch(tracking)):
        found.append((INVALID, f"{path}.trackingId"))


def _audio(message: Node, path: str, found: list[Problem], rules: Rules) -> None:
    _url(message, "originalContentUrl", path, found, rules)
    duration = message.get("duration")
    if values.whole_number(duration) or duration == 0:
        wrong = "May not be empty" if duration is None else "Must be greater than or equal to 1"
        found.append((wrong, f"{path}.duration"))


def _location(message: Node, path: str, found: list[Problem], rules: Rules) -> None:
    _length(message, "title", path, found, 100)
    _length(message, "address", path, found, 100)
    for key, most in (("latitude", 90), ("longitude", 180)):
        value = message.get(key)
        if value is None:
            found.append(("May not be empty", f"{path}.{key}"))
        elif isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > most:
            found.append((INVALID, f"{path}.{key}"))


def _coupon(message: Node, path: str, found: list[Problem], rules: Rules) -> None:
    _length(message, "couponId", path, found, 100)
    tag = message.get("deliveryTag")
    if tag is not None and not (isinstance(tag, str) and _TAG.fullmatch(tag)):
        found.append((INVALID, f"{path}.deliveryTag"))


def _alt_text(message: Node, path: str, found: list[Problem], rules: Rules) -> None:
    _length(message, "altText", path, found, ALT_TEXT_LIMIT)


def _imagemap_plain(message: Node, path: str, found: list[Problem], rules: Rules) -> None:
    _alt_text(message, path, found, rules)
    _url(message, "baseUrl", path, found, rules)


def _sender(sender: object, path: str, found: list[Problem], rules: Rules) -> None:
    if sender is None:
        return
    if not isinstance(sender, dict):
        found.append((INVALID, path))
        return
    _length(sender, "name", path, found, 20, needed=False)
    name = sender.get("name")
    if isinstance(name, str) and "line" in name.lower():
        found.append(("Contains a word that can't be used", f"{path}.name"))
    if sender.get("iconUrl") is not None:
        _url(sender, "iconUrl", path, found, rules)


def _quote(message: Node, path: str, found: list[Problem], rules: Rules) -> None:
    if message["type"] not in ("text", "textV2", "sticker") or rules.kind not in _TOKEN_KINDS:
        found.append((INVALID, f"{path}.quoteToken"))


_PLAIN: dict[str, Callable[[Node, str, list[Problem], Rules], None]] = {
    "text": _text,
    "textV2": _text_v2,
    "sticker": _sticker,
    "image": _image,
    "video": _video,
    "audio": _audio,
    "location": _location,
    "imagemap": _imagemap_plain,
    "template": _alt_text,
    "flex": _alt_text,
    "coupon": _coupon,
}
_TYPES = ", ".join(_PLAIN)


# Parts that are read later ---------------------------------------------------------------------


def _quick_reply(node: object, found: list[Problem], rules: Rules) -> None:
    items = node.get("items") if isinstance(node, dict) else None
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_QUICK_REPLIES:
        found.append((f"size must be between 1 and {MAX_QUICK_REPLIES}", "quickReply/items"))
        return
    for index, item in enumerate(items):
        path = f"quickReply/items/{index}"
        if not isinstance(item, dict):
            found.append((INVALID, path))
            continue
        if item.get("type", "action") != "action":
            found.append((INVALID, f"{path}/type"))
        if item.get("imageUrl") is not None:
            wrong = values.https_url(item["imageUrl"], loopback=rules.loopback)
            if wrong:
                found.append((wrong, f"{path}/imageUrl"))
        check_action(item.get("action"), f"{path}/action", QUICK_REPLY, found)


def _substitutions(message: Node, found: list[Problem], rules: Rules) -> None:
    given = message.get("substitution")
    if given is not None and not isinstance(given, dict):
        found.append((INVALID, "substitution"))
        return
    known: Node = given or {}
    if len(known) > 100:
        found.append(("size must be between 0 and 100", "substitution"))
    _keys_in_text(str(message["text"]), known, found)
    emoji = 0
    for key, value in known.items():
        path = f"substitution/{key}"
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(value, dict) or kind != "emoji":
            # Mentions work in groups only, and this simulator has one-on-one chats only.
            found.append((INVALID, f"{path}/type" if isinstance(value, dict) else path))
            continue
        emoji += 1
        for name in ("productId", "emojiId"):
            wrong = text_within(value.get(name), 100, graphemes=False, needed=True)
            if wrong:
                found.append((wrong, f"{path}/{name}"))
    if emoji > 20:
        found.append(("size must be between 0 and 20", "substitution"))


def _keys_in_text(text: str, known: Node, found: list[Problem]) -> None:
    """Every `{key}` must be well-formed and substituted; `{{` and `}}` stand for braces."""
    for match in _BRACES.finditer(text):
        token, key = match.group(0), match.group(1)
        if token in ("{{", "}}"):
            continue
        if key is None or not _KEY.fullmatch(key):
            wrong = (
                f"The key '{key if key is not None else token}' enclosed in '{{}}' does not match "
                "the pattern '^[a-zA-Z0-9_]{1,20}$'."
            )
            found.append((wrong, "text"))
        elif key not in known:
            found.append((f"The key '{key}' is not found in 'substitution'.", "text"))


def _imagemap(message: Node, found: list[Problem], rules: Rules) -> None:
    size = message.get("baseSize")
    if not isinstance(size, dict) or size.get("width") != 1040:
        found.append((INVALID, "baseSize/width"))
    elif values.whole_number(size.get("height")) or not size.get("height"):
        found.append((INVALID, "baseSize/height"))
    actions = message.get("actions")
    video = message.get("video")
    least = 0 if video is not None else 1
    if not isinstance(actions, list) or not least <= len(actions) <= 50:
        found.append((f"size must be between {least} and 50", "actions"))
        return
    for index, action in enumerate(actions):
        _imagemap_action(action, f"actions/{index}", found)
    if video is not None:
        _imagemap_video(video, found, rules)


def _imagemap_action(action: object, path: str, found: list[Problem]) -> None:
    if not isinstance(action, dict):
        found.append((INVALID, path))
        return
    kind = action.get("type")
    if kind == "uri":
        wrong, key = values.action_url(action.get("linkUri")), "linkUri"
    elif kind == "message":
        wrong, key = text_within(action.get("text"), 400, graphemes=False, needed=True), "text"
    elif kind == "clipboard":
        key = "clipboardText"
        wrong = text_within(action.get(key), 1000, graphemes=False, needed=True)
    else:
        wrong, key = INVALID, "type"
    if wrong:
        found.append((wrong, f"{path}/{key}"))
    if wrong := text_within(action.get("label"), 100, graphemes=False, needed=False):
        found.append((wrong, f"{path}/label"))
    _area(action.get("area"), f"{path}/area", found)


def _area(area: object, path: str, found: list[Problem]) -> None:
    if not isinstance(area, dict):
        found.append(("must be specified", path))
        return
    found += [
        (INVALID, f"{path}/{key}")
        for key in ("x", "y", "width", "height")
        if values.whole_number(area.get(key))
    ]


def _imagemap_video(video: object, found: list[Problem], rules: Rules) -> None:
    if not isinstance(video, dict):
        found.append((INVALID, "video"))
        return
    for key in ("originalContentUrl", "previewImageUrl"):
        wrong = values.https_url(video.get(key), loopback=rules.loopback)
        if wrong:
            found.append((wrong, f"video/{key}"))
    _area(video.get("area"), "video/area", found)
    link = video.get("externalLink")
    if link is None:
        return
    wrong = values.action_url(link.get("linkUri")) if isinstance(link, dict) else INVALID
    if wrong:
        found.append((wrong, "video/externalLink/linkUri"))
    elif isinstance(link, dict):
        label = text_within(link.get("label"), 30, graphemes=False, needed=True)
        if label:
            found.append((label, "video/externalLink/label"))
