"""A brand's look: its name and every colour a message may use. No other module names a colour."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

PAPER = "#FFFFFF"


@dataclass(frozen=True, slots=True)
class TierColours:
    """The face of a tier's card: a gradient of three colours and two inks that read well on all."""

    start: str
    centre: str
    end: str
    ink: str
    quiet: str


@dataclass(frozen=True, slots=True)
class Theme:
    """What makes a message look like this brand.

    `primary` is the accent on white and the ground of main buttons; `tint` is its palest shade;
    `cover_*` is the gradient at the head of a letter; `tiers` maps a colour name to a card face.
    """

    code: str
    brand: str
    primary: str
    on_primary: str
    tint: str
    track: str
    cover_start: str
    cover_end: str
    on_cover: str
    cover_quiet: str
    plain: TierColours
    ink: str = "#1D2321"
    quiet: str = "#5F6865"
    line: str = "#E6E9E7"
    surface: str = "#F5F7F6"
    paper: str = PAPER
    alert: str = "#B3261E"
    alert_tint: str = "#FDF0EE"

    def tier(self, colour: str) -> TierColours:
        """Return the card face of this colour name; an unknown name gets the brand's plain face."""
        return METALS.get(colour, self.plain)

    def contrasts(self) -> Iterator[tuple[str, str]]:
        """Yield every pair of letter colour and ground that the templates use."""
        for ground in (self.paper, self.surface, self.tint):
            yield from ((letters, ground) for letters in (self.ink, self.quiet, self.primary))
        yield from ((self.alert, ground) for ground in (self.paper, self.surface, self.alert_tint))
        yield self.ink, self.alert_tint
        yield self.on_primary, self.primary
        for ground in (self.cover_start, self.cover_end):
            yield from ((letters, ground) for letters in (self.on_cover, self.cover_quiet))
        for face in (self.plain, *METALS.values()):
            for ground in (face.start, face.centre, face.end):
                yield from ((letters, ground) for letters in (face.ink, face.quiet))


METALS: dict[str, TierColours] = {
    "bronze": TierColours("#F0D9C8", "#DDB596", "#C99672", "#3A1F10", "#4A2A17"),
    "silver": TierColours("#F2F5F7", "#D5DCE2", "#B3BEC8", "#1B242C", "#36434E"),
    "gold": TierColours("#FAEBC4", "#E8CC86", "#CFA956", "#3B2B08", "#4F3A0D"),
    "platinum": TierColours("#4A5263", "#2D3340", "#171B23", "#F4F6F9", "#C9D0DB"),
    "black": TierColours("#3A322B", "#1D1815", "#0C0A09", "#F1DCB0", "#D6BE8E"),
}

CAMPHOR = Theme(
    code="camphor",
    brand="熟客",
    primary="#1E6B54",
    on_primary="#FFFFFF",
    tint="#EAF3EF",
    track="#DCE7E2",
    cover_start="#17513F",
    cover_end="#2A7A61",
    on_cover="#FFFFFF",
    cover_quiet="#EAF6F1",
    plain=TierColours("#2A7A61", "#1E6550", "#134537", "#FFFFFF", "#EAF6F1"),
)
CAMELLIA = Theme(
    code="camellia",
    brand="熟客",
    primary="#A62B47",
    on_primary="#FFFFFF",
    tint="#FBEEF0",
    track="#F0DDE1",
    cover_start="#7E1B33",
    cover_end="#B23A55",
    on_cover="#FFFFFF",
    cover_quiet="#FBE6EA",
    plain=TierColours("#B23A55", "#96283F", "#6A162B", "#FFFFFF", "#FBE6EA"),
)
INDIGO = Theme(
    code="indigo",
    brand="熟客",
    primary="#2B4A8B",
    on_primary="#FFFFFF",
    tint="#EDF1F9",
    track="#DCE3F0",
    cover_start="#1D3468",
    cover_end="#3A5CA3",
    on_cover="#FFFFFF",
    cover_quiet="#E3EAF8",
    plain=TierColours("#3A5CA3", "#2B4A8B", "#182C5C", "#FFFFFF", "#E3EAF8"),
)
ROAST = Theme(
    code="roast",
    brand="熟客",
    primary="#7A4A22",
    on_primary="#FFFFFF",
    tint="#F7F0E9",
    track="#EADFD3",
    cover_start="#4F2E14",
    cover_end="#8A5A2E",
    on_cover="#FFFFFF",
    cover_quiet="#F8EBDC",
    plain=TierColours("#8A5A2E", "#6C4220", "#432711", "#FFFFFF", "#F8EBDC"),
)

THEMES: dict[str, Theme] = {theme.code: theme for theme in (CAMPHOR, CAMELLIA, INDIGO, ROAST)}


def named(code: str, *, brand: str) -> Theme:
    """Return a ready-made theme under the brand's name; an unknown code gets the first theme."""
    return replace(THEMES.get(code, CAMPHOR), brand=brand or CAMPHOR.brand)


def contrast(first: str, second: str) -> float:
    """Return the WCAG contrast ratio of two colours, 1 to 21.

    https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio
    """
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
