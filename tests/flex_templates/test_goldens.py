"""Every template against its picture in JSON. To accept a change, run
`python -m tests.flex_templates.golden` and read the difference."""

import json

import pytest

from flex_templates.theme import CAMPHOR
from tests.flex_templates import golden, samples

PLAIN = golden.messages()


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_the_template_draws_what_was_accepted(name: str) -> None:
    accepted = json.loads((golden.FOLDER / f"{name}.json").read_text("utf-8"))

    assert PLAIN[name] == accepted


def test_there_is_a_golden_for_every_template_and_no_other() -> None:
    assert {path.stem for path in golden.FOLDER.glob("*.json")} == set(PLAIN)


def test_drawing_twice_gives_the_same() -> None:
    assert samples.plain(CAMPHOR) == samples.plain(CAMPHOR)
