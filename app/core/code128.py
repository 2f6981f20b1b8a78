"""Code 128 barcodes, as every till scanner reads them (ISO/IEC 15417).

Sets B (printable ASCII) and C (pairs of digits); C is used where it is shorter.
"""

import re
from typing import Final

# Widths of bar, space, bar, space, bar, space for each symbol; the stop symbol has one bar more.
_WIDTHS: Final = (  # noqa: SIM905  # 107 quoted words would hide the table
    "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232"
    " 122132 122231 113222 123122 123221 223211 221132 221231 213212 223112 312131 311222 321122"
    " 321221 312212 322112 322211 212123 212321 232121 111323 131123 131321 112313 132113 132311"
    " 211313 231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131 213113"
    " 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 111422"
    " 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111"
    " 241112 134111 111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121"
    " 412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141 411131 211412"
    " 211214 211232 2331112"
).split()
_TO_C, _TO_B, _START_B, _START_C, _STOP = 99, 100, 104, 105, 106
_MODULUS: Final = 103
QUIET_ZONE: Final = 10  # modules of white on either side
# A run of digits is worth changing to set C from 4 at either end of the text, 6 inside it.
_RUNS: Final = re.compile(r"[0-9]+|[^0-9]+")


def symbols(text: str) -> list[int]:
    """Symbol values with start, check symbol and stop. Raises ValueError for other than ASCII."""
    if not text or not all(" " <= sign <= "~" for sign in text):
        raise ValueError("Code 128 here holds printable ASCII, at least one character")
    values = _encoded(text)
    check = values[0] + sum(place * value for place, value in enumerate(values))
    return [*values, check % _MODULUS, _STOP]


def _encoded(text: str) -> list[int]:
    values: list[int] = []
    for piece, is_paired in _pieces(text):
        if not values:
            values.append(_START_C if is_paired else _START_B)
        else:
            values.append(_TO_C if is_paired else _TO_B)
        if is_paired:
            values += [int(piece[at : at + 2]) for at in range(0, len(piece), 2)]
        else:
            values += [ord(sign) - 32 for sign in piece]
    return values


def _pieces(text: str) -> list[tuple[str, bool]]:
    """Cut into (characters, whether in pairs of digits), neighbours of one kind joined."""
    runs = _RUNS.findall(text)
    found: list[tuple[str, bool]] = []
    for index, run in enumerate(runs):
        is_outer = index in (0, len(runs) - 1)
        is_worth = run.isdigit() and (
            len(run) >= (4 if is_outer else 6) or (len(runs) == 1 and len(run) == 2)
        )
        odd = len(run) % 2 if is_worth else len(run)
        if odd:
            _append(found, run[:odd], is_paired=False)
        if is_worth:
            _append(found, run[odd:], is_paired=True)
    return found


def _append(found: list[tuple[str, bool]], piece: str, *, is_paired: bool) -> None:
    if found and found[-1][1] is is_paired:
        found[-1] = (found[-1][0] + piece, is_paired)
    else:
        found.append((piece, is_paired))


def bars(text: str) -> list[tuple[int, int]]:
    """Black bars as (first module, width in modules), without the quiet zone."""
    found, at = [], 0
    for symbol in symbols(text):
        for place, width in enumerate(map(int, _WIDTHS[symbol])):
            if place % 2 == 0:
                found.append((at, width))
            at += width
    return found


def width(text: str) -> int:
    """Modules from the first bar to the last, without the quiet zone."""
    start, last = bars(text)[-1]
    return start + last


def svg(text: str, *, height: int = 40) -> str:
    """An SVG drawing that fills its box, one unit a module, without any style."""
    total = width(text) + 2 * QUIET_ZONE
    path = "".join(f"M{QUIET_ZONE + at} 0h{wide}v{height}h-{wide}z" for at, wide in bars(text))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {height}" '
        f'preserveAspectRatio="none" shape-rendering="crispEdges" aria-hidden="true">'
        f'<path d="{path}"/></svg>'
    )
