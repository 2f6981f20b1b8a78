"""Parameters of routes that several pages take, with their limits."""

from typing import Annotated

from fastapi import Form, Path, Query

from app.core import ids

PathId = Annotated[int, Path(ge=1, le=ids.LARGEST)]
FormId = Annotated[int, Form(ge=1, le=ids.LARGEST)]
QueryId = Annotated[int | None, Query(ge=1, le=ids.LARGEST)]
