"""A film of a QR for Chromium's fake camera: uncompressed YUV4MPEG2, which needs no encoder.
https://wiki.multimedia.cx/index.php/YUV4MPEG2"""

from collections.abc import Sequence
from pathlib import Path

import segno

WIDTH, HEIGHT, FRAMES_PER_SECOND = 640, 480, 10
TABLE, PAPER, INK = 120, 235, 30  # brightness of the counter, the screen and the code
MODULE = 8  # pixels
QUIET = 4  # modules of paper around the code


def qr_film(path: Path, text: str, *, empty_frames: int = 5, frames: int = 20) -> Path:
    """First the bare counter, then the member's phone sliding in from the left."""
    grey = bytes([128]) * (WIDTH * HEIGHT // 2)  # both colour planes: no colour
    with path.open("wb") as film:
        film.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FRAMES_PER_SECOND}:1 Ip A1:1 C420\n".encode())
        for number in range(empty_frames + frames):
            seen = number - empty_frames
            picture = _counter() if seen < 0 else _phone(text, left=min(40 + seen * 12, 180))
            film.write(b"FRAME\n" + picture + grey)
    return path


def _counter() -> bytes:
    return bytes([TABLE]) * (WIDTH * HEIGHT)


def slip_film(path: Path, texts: Sequence[str], *, frames: int = 12) -> Path:
    """A paper slip whose codes pass before the camera one after the other."""
    grey = bytes([128]) * (WIDTH * HEIGHT // 2)
    with path.open("wb") as film:
        film.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FRAMES_PER_SECOND}:1 Ip A1:1 C420\n".encode())
        for text in texts:
            picture = _phone(text, left=120, top=20, module=6)
            for _ in range(frames):
                film.write(b"FRAME\n" + picture + grey)
    return path


def _phone(text: str, *, left: int, top: int = 70, module: int = MODULE) -> bytes:
    rows = _modules(text)
    dark, light = bytes([INK]) * module, bytes([PAPER]) * module
    lines = [b"".join(dark if is_dark else light for is_dark in row) for row in rows]
    if left + len(lines[0]) > WIDTH or top + module * len(lines) > HEIGHT:
        raise ValueError("the code does not fit into the picture")
    counter = bytes([TABLE])
    empty = counter * WIDTH
    picture = [empty] * top
    for line in lines:
        drawn = counter * left + line + counter * (WIDTH - left - len(line))
        picture += [drawn] * module
    picture += [empty] * (HEIGHT - len(picture))
    return b"".join(picture)


def _modules(text: str) -> list[list[bool]]:
    code = [[bool(module) for module in row] for row in segno.make(text, micro=False).matrix]
    blank = [False] * (len(code) + 2 * QUIET)
    framed = [[False] * QUIET + row + [False] * QUIET for row in code]
    return [blank] * QUIET + framed + [blank] * QUIET
