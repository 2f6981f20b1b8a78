"""What a journey's letters name when they are pressed, and what members read about its gifts."""

import re
from typing import Final

from app.core import ids

POINTS: Final = "品牌贈點"
_REF: Final = re.compile(r"j([0-9]{1,19})-(s[1-9][0-9]{0,3})")


def ref_of(run_id: int, step: str) -> str:
    """Of the letter that a member got at a step; other letters have other names."""
    return f"j{run_id}-{step}"


def read_ref(ref: str) -> tuple[int, str] | None:
    """(run id, step); None for the letter of something else."""
    found = _REF.fullmatch(ref)
    run_id = ids.id_typed(found[1]) if found else None
    return None if found is None or run_id is None else (run_id, found[2])
