"""How a letter will look on a member's phone, drawn by the server for the page's own script."""

from typing import Final

import orjson
from fastapi import Request
from sqlalchemy.orm import Session

from app.campaigns import messages
from app.campaigns.messages import Brand
from app.campaigns.rules import Letter, Person
from app.previews import flex_html

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
