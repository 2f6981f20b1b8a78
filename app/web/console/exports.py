"""Lists as files for a spreadsheet: streamed a portion at a time, safe to open, written down."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from fastapi import Request, Response
from starlette.responses import StreamingResponse

from app.staff.queries import Visitor
from app.web import security

PORTION: Final = (
    1_000  # rows read at a time, so that no transaction stays open while somebody loads
)
_BOM: Final = "\ufeff"  # without it Excel takes the file for the code page of its machine
# A cell that begins so is computed by Excel and its like, whoever wrote it.
_COMPUTED: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Row = Sequence[object]


def file(
    request: Request,
    visitor: Visitor,
    *,
    name: str,
    head: Row,
    portions: Iterable[Iterable[Row]],
    filters: dict[str, object],
) -> Response:
    """The list `name` as it is filtered. Who fetched it is in the audit log before the first line
    leaves the house."""
    with request.app.state.db.transaction() as session:
        after = {key: value for key, value in filters.items() if value not in (None, "")}
        security.audit(request, session, visitor, "list.exported", name, after=after or None)
    return StreamingResponse(
        lines(head, portions),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def lines(head: Row, portions: Iterable[Iterable[Row]]) -> Iterator[str]:
    yield _BOM + _written([head])
    for portion in portions:
        yield _written(portion)


def _written(rows: Iterable[Row]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([map(cell, row) for row in rows])
    return out.getvalue()


def cell(value: object) -> object:
    """As it is written. A text that a spreadsheet would compute gets an apostrophe in front, which
    shows it as it is; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_COMPUTED):
        return "'" + value
    return value
