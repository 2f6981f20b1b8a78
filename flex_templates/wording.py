"""Numbers, dates and long texts as a member in Taiwan reads them."""

from datetime import date, datetime, timedelta, timezone

from flex_templates.limits import graphemes, utf16_length

TAIPEI = timezone(timedelta(hours=8), "Asia/Taipei")  # no daylight saving since 1979
NOTHING = "—"
JOIN = "\N{NO-BREAK SPACE}"  # keeps what belongs together on one line


def money(amount: int) -> str:
    """Show NT$ as `NT$1,240`; a negative amount carries its sign in front."""
    return f"NT${amount:,}" if amount >= 0 else f"-NT${-amount:,}"


def points(count: int) -> str:
    return f"{count:,} 點"


def signed(count: int) -> str:
    """Show a change of points as `+7` or `-12`."""
    return f"{count:+,}" if count else "0"


def day(value: date) -> str:
    return f"{value.year}/{value.month:02d}/{value.day:02d}"


def local(value: datetime) -> datetime:
    return value.astimezone(TAIPEI)


def moment(value: datetime) -> str:
    """Show an aware instant as Taipei date and minute."""
    here = local(value)
    return f"{day(here)} {here.hour:02d}:{here.minute:02d}"


def clock(value: datetime) -> str:
    """Show an aware instant as Taipei time to the second."""
    return f"{local(value):%H:%M:%S}"


def until(value: date | None) -> str:
    """Say how long something lasts; without an end it lasts for good."""
    return f"至{JOIN}{day(value)}" if value else "無使用期限"


def spaced(code: str, size: int = 4) -> str:
    """Cut a number or code into groups, easier to read aloud; an odd long one is shortened."""
    code = clip(filled(code), 24)
    return " ".join(code[at : at + size] for at in range(0, len(code), size))


def member_number(number: str) -> str:
    """Show a member number in the groups of the card page: `4854 101 971`."""
    if len(number) != 10:
        return spaced(number)
    return f"{number[:4]} {number[4:7]} {number[7:]}"


def percent(part: int, whole: int) -> int:
    """Return 0 to 100, rounded down, so that only a full bar looks full."""
    return max(0, min(100, part * 100 // whole)) if whole > 0 else 0


def clip(text: str, length: int) -> str:
    """Shorten to at most `length` characters as readers count them, ending in an ellipsis.

    Emoji made of many signs count more, so that the bytes stay within bounds too.
    """
    if len(text) <= length:
        return text
    clusters = graphemes(text)
    kept = text if len(clusters) <= length else "".join(clusters[: length - 1]) + "…"
    return clip_units(kept, 2 * length)


def clip_units(text: str, length: int) -> str:
    """Shorten to at most `length` UTF-16 units, never cutting a character in two."""
    if utf16_length(text) <= length:
        return text
    kept, left = [], length - 1
    for cluster in graphemes(text):
        left -= utf16_length(cluster)
        if left < 0:
            break
        kept.append(cluster)
    return "".join(kept) + "…"


def filled(text: str, instead: str = NOTHING) -> str:
    """Return the text, or something to show where there is none: LINE refuses empty texts."""
    return text if text.strip() else instead


def folds(percent_off: int) -> str:
    """Say a percentage off the way shops in Taiwan do: 10 is `9 折`, 15 is `85 折`."""
    left = max(0, min(100, 100 - percent_off))
    if left in (0, 100):
        return "免費" if left == 0 else "原價"
    tens, ones = divmod(left, 10)
    if ones == 0:
        return f"{tens} 折"
    return f"{left} 折" if tens else f"0.{ones} 折"


def missing(way: str, tier: str, by: date | None, *, verb: str = "升等") -> str:
    """Say `再消費 NT$1,240 即可升等金卡（至 2026/12/31）`; `way` is what is still to do."""
    end = f"（{until(by)}）" if by else ""
    return f"{clip(filled(way, '再次消費'), 80)} 即可{verb}{clip(filled(tier, '會員'), 20)}{end}"
