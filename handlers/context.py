"""What a handler is given: the open transaction, the moment, who speaks, and the brand's links."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy.orm import Session

from app.cards.queries import Card
from app.members.queries import Person
from flex_templates import theme as themes
from flex_templates.parts import Link, Tap
from flex_templates.theme import Theme

_theme = lru_cache(maxsize=16)(themes.named)


@dataclass(frozen=True, slots=True)
class Brand:
    """What messages need of the settings."""

    name: str
    base_url: str  # PUBLIC_BASE_URL: pictures, pages
    liff_id: str
    secret_key: str
    theme_code: str = "camphor"
    basic_id: str = ""  # the account's @id, for links that open its chat

    @property
    def theme(self) -> Theme:
        return _theme(self.theme_code, brand=self.name)

    def page(self, path: str) -> Tap | None:
        """Open a members' page inside LINE; None when the brand has no LIFF app."""
        return Link(f"https://liff.line.me/{self.liff_id}/{path}") if self.liff_id else None


@dataclass(frozen=True, slots=True)
class Context:
    session: Session
    now: datetime
    member: Person
    brand: Brand
    card: Card | None = None  # read ahead with those of the batch, when nothing changed it since
