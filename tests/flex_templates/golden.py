"""Writes the goldens anew: `python -m tests.flex_templates.golden`."""

import json
from dataclasses import replace
from pathlib import Path

from flex_templates.parts import Message
from flex_templates.theme import CAMPHOR
from tests.flex_templates import samples

FOLDER = Path(__file__).with_name("golden")
THEME = replace(CAMPHOR, brand="青禾選物")


def messages() -> dict[str, Message]:
    return samples.plain(THEME)


def write() -> None:
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.json"):
        old.unlink()
    for name, message in messages().items():
        shown = json.dumps(message, ensure_ascii=False, indent=1) + "\n"
        (FOLDER / f"{name}.json").write_text(shown, "utf-8")


if __name__ == "__main__":
    write()
