"""Writing a letter: its messages as fields of a form, the buttons that add, move and take away, and
how it will look on a member's phone.

Fields are `m0-kind`, `m0-title` … of messages and `q0-label` … of quick buttons, counted from 0."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from fastapi import Request, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from app.attention import queries as attention
from app.attention.rules import OFFERS
from app.campaigns import messages, pictures, queries, service
from app.campaigns.messages import Brand
from app.campaigns.rules import letters as rules
from app.campaigns.rules.letters import CARD, Letter, Part, Person, Quick
from app.core.errors import Invalid
from app.coupons import queries as coupons
from app.previews import flex_html, message_html
from app.tags import queries as tags
from app.web import pages
from flex_templates import limits

SAMPLE: Final = Person("陳怡君", "金卡", 1_250)  # the reader it is shown to
_MOST_READ: Final = rules.MESSAGES + 3  # of what a form may bring; more than five is said to be
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def brand(request: Request) -> Brand:
    config = request.app.state.settings
    key = config.secret_key.get_secret_value()
    return Brand(config.theme, config.public_base_url.rstrip("/"), key)


# How it looks -------------------------------------------------------------------------------------


def drawing(request: Request, session: Session, letter: Letter) -> str:
    """The letter's HTML and rules, as JSON."""
    now = request.app.state.clock()
    said = messages.preview(session, letter, SAMPLE, brand(request), now=now)
    drawn = [flex_html.render(message, interactive=False) for message in said]
    html = "".join(f'<div class="said">{one.html}</div>' for one in drawn)
    if said:
        html += message_html.quick_replies(said[-1], interactive=False)
    css = list(dict.fromkeys(rule for one in drawn for rule in one.css))
    return orjson.dumps({"html": html, "css": css}).decode()


def drawn(request: Request, letter: Letter) -> Response:
    """The part of a letter's form that shows it, and what is still wrong with it."""
    with request.app.state.db.reading() as session:
        preview = drawing(request, session, letter)
        wrong = list(problems(request, session, letter))
    return pages.render(
        request,
        "console/broadcast_drawn.html",
        preview=preview,
        lacking=[reason for _field, reason in wrong],
    )


def problems(request: Request, session: Session, letter: Letter) -> Iterator[tuple[str, str]]:
    """(field, what is wrong) for all that keeps it from going out: what we see ourselves, then what
    LINE would refuse in the finished messages."""
    found = list(service.faults(session, letter))
    yield from found
    if found:
        return
    shown = brand(request)
    parts = urlsplit(shown.base_url)
    is_served = parts.scheme == "https" or parts.hostname in _LOOPBACK
    if rules.pictures_of(letter) and not is_served:
        yield "parts", "圖片要從 https 網址提供：請系統管理人設定 PUBLIC_BASE_URL"
    # A trial on this machine is judged as it would be on the shop's own address.
    at_home = replace(shown, base_url=f"https://{parts.netloc}")
    now = request.app.state.clock()
    said = messages.preview(session, letter, SAMPLE, at_home, now=now)
    for problem in limits.check_request(said):
        number = problem.path.removeprefix("/messages/").partition("/")[0]
        if number.isdigit():
            yield f"m{number}-kind", f"第 {int(number) + 1} 則：LINE 不收（{problem.reason}）"
        else:
            yield "parts", f"LINE 不收這封信（{problem.reason}）"


def check(request: Request, session: Session, letter: Letter) -> None:
    """Raises Invalid with the first thing that keeps the letter from going out."""
    for field, reason in problems(request, session, letter):
        raise Invalid(field, reason)


# What was typed -----------------------------------------------------------------------------------


def typed(form: FormData, name: str, most: int) -> str:
    """One letter more than `most` at most, so that what is too long is seen to be."""
    value = form.get(name)
    kept = value.replace("\r\n", "\n").strip() if isinstance(value, str) else ""
    return kept.replace("\x00", "")[: most + 1]


def _line(form: FormData, name: str, most: int) -> str:
    return " ".join(typed(form, name, most).split())


def read(form: FormData) -> Letter:
    numbers = [number for number in range(_MOST_READ) if f"m{number}-kind" in form]
    buttons = [number for number in range(rules.QUICK) if f"q{number}-label" in form]
    return Letter(
        tuple(_part(form, f"m{number}-") for number in numbers),
        tuple(_quick(form, f"q{number}-") for number in buttons),
        typed(form, "tag", 19),
        typed(form, "topic", 20) or OFFERS,
    )


def _part(form: FormData, at: str) -> Part:
    return Part(
        kind=typed(form, f"{at}kind", 10),
        title=_line(form, f"{at}title", rules.TITLE),
        body=typed(form, f"{at}body", rules.BODY),
        coupon=typed(form, f"{at}coupon", 40),
        label=_line(form, f"{at}label", rules.LABEL),
        place=typed(form, f"{at}place", 10),
        url=typed(form, f"{at}url", rules.URL),
        picture=typed(form, f"{at}picture", 64),
        video=typed(form, f"{at}video", rules.URL),
    )


def _quick(form: FormData, at: str) -> Quick:
    return Quick(
        _line(form, f"{at}label", rules.LABEL),
        typed(form, f"{at}place", 10) or CARD,
        typed(form, f"{at}url", rules.URL),
    )


async def uploads(form: FormData) -> dict[int, bytes]:
    """By message, the picture that came with the form."""
    found = {}
    for number in range(_MOST_READ):
        file = form.get(f"m{number}-file")
        if isinstance(file, UploadFile) and file.filename:
            found[number] = await file.read(pictures.MOST_UPLOADED + 1)
    await form.close()
    return found


def with_pictures(
    request: Request, letter: Letter, uploaded: Mapping[int, bytes], staff_id: int | None
) -> tuple[Letter, dict[str, str]]:
    """The letter with what was uploaded, and what is wrong with the rest, by field. The pictures
    are kept at once, so that none has to be chosen twice."""
    parts, wrong = list(letter.parts), {}
    for number, content in uploaded.items():
        if number >= len(parts):
            continue
        try:
            with request.app.state.db.transaction() as session:
                digest = service.keep_picture(
                    session, content, staff_id=staff_id, now=request.app.state.clock()
                )
        except Invalid as fault:
            wrong[f"m{number}-picture"] = f"第 {number + 1} 則：{fault.reason}"
        else:
            parts[number] = replace(parts[number], picture=digest)
    return replace(letter, parts=tuple(parts)), wrong


def rearranged(form: FormData, letter: Letter) -> Letter | None:
    """As the pressed button says: `add:text`, `up:1`, `down:0`, `drop:2`, `quick`, `unquick:0`,
    `upload`. None when it was a button of another kind; orders nobody gave do nothing."""
    order, _, what = typed(form, "do", 20).partition(":")
    number = int(what) if what.isascii() and what.isdigit() else -1
    match order:
        case "":
            return None
        case "add":
            return rules.added(letter, what)
        case "up":
            return rules.moved(letter, number, -1)
        case "down":
            return rules.moved(letter, number, 1)
        case "drop" if number >= 0:
            return rules.without(letter, number)
        case "quick" if len(letter.quick) < rules.QUICK:
            return replace(letter, quick=(*letter.quick, Quick()))
        case "unquick" if number >= 0:
            left = letter.quick[:number] + letter.quick[number + 1 :]
            return replace(letter, quick=left)
    return letter


def choices(session: Session) -> dict[str, Any]:
    """What `console/letter_fields.html` lets choose from."""
    given = [kind.draft for kind in coupons.kinds(session) if kind.is_active]
    return {
        "coupons": {draft.code: draft.name for draft in given},
        "tags": tags.names(session),
        "topics": {topic.code: topic.name for topic in attention.topics(session)},
        "part_kinds": rules.KINDS,
        "places": rules.PLACES,
        "fields": rules.FIELDS,
        "most": {
            "title": rules.TITLE,
            "body": rules.BODY,
            "label": rules.LABEL,
            "messages": rules.MESSAGES,
            "quick": rules.QUICK,
        },
    }


def shown(session: Session, letter: Letter) -> dict[str, str]:
    """By digest, where the browser finds the letter's pictures, small."""
    found = queries.pictures(session, rules.pictures_of(letter))
    return {digest: messages.picture_urls("", picture)[1] for digest, picture in found.items()}
