"""Writing a letter: the form's fields, and how it will look on a member's phone."""

from typing import Any, Final

import orjson
from fastapi import Request, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from app.campaigns import messages, rules
from app.campaigns.messages import Brand
from app.campaigns.rules import Letter, Person
from app.coupons import queries as coupons
from app.previews import flex_html
from app.tags import queries as tags
from app.web import pages

SAMPLE: Final = Person("陳怡君", "金卡", 1_250)  # the reader it is shown to


def brand(request: Request) -> Brand:
    config = request.app.state.settings
    key = config.secret_key.get_secret_value()
    return Brand(config.theme, config.public_base_url.rstrip("/"), key)


def drawing(request: Request, session: Session, letter: Letter) -> str:
    """The letter's HTML and rules, as JSON."""
    now = request.app.state.clock()
    message = messages.preview(session, letter, SAMPLE, brand(request), now=now)
    drawn = flex_html.render(message, interactive=False)
    return orjson.dumps({"html": drawn.html, "css": list(drawn.css)}).decode()


def drawn(request: Request, letter: Letter) -> Response:
    """The part of a letter's form that shows it."""
    with request.app.state.db.reading() as session:
        preview = drawing(request, session, letter)
    return pages.render(request, "console/broadcast_drawn.html", preview=preview)


def typed(form: FormData, name: str, most: int) -> str:
    """One letter more than `most` at most, so that what is too long is seen to be."""
    value = form.get(name)
    kept = value.replace("\r\n", "\n").strip() if isinstance(value, str) else ""
    return kept.replace("\x00", "")[: most + 1]


def read(form: FormData) -> Letter:
    return Letter(
        title=" ".join(typed(form, "title", rules.TITLE).split()),
        body=typed(form, "body", rules.BODY),
        coupon=typed(form, "coupon", 40),
        label=" ".join(typed(form, "label", rules.LABEL).split()),
        place=typed(form, "place", 10),
        url=typed(form, "url", rules.URL),
        tag=typed(form, "tag", 19),
    )


def choices(session: Session) -> dict[str, Any]:
    """What `console/letter_fields.html` lets choose from."""
    given = [kind.draft for kind in coupons.kinds(session) if kind.is_active]
    return {
        "coupons": {draft.code: draft.name for draft in given},
        "tags": tags.names(session),
        "places": rules.PLACES,
        "fields": rules.FIELDS,
        "most": {"title": rules.TITLE, "body": rules.BODY, "label": rules.LABEL},
    }
