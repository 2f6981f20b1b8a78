"""How the product logs: one JSON object a line on standard output, with the ids of the request or
event at work, without personal data.

Ids travel in structlog's context variables: `with bound(request_id=...)`. Whatever anybody logs,
also a library in its error message, goes through `without_personal_data` before it is written.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import IO, Any, cast

import orjson
import structlog
from structlog.types import EventDict, Processor, WrappedLogger

bound = structlog.contextvars.bound_contextvars

HIDDEN = "[hidden]"
# Facts about a person are never worth a log line: their row's id says who it is.
_PERSONAL = frozenset(
    {
        "address", "birthday", "body", "display_name", "email", "guardian_name", "guardian_phone",
        "line_user_id", "name", "number", "password", "payload", "phone", "picture_url",
        "recipient", "reply_token", "text", "token",
    }
)  # fmt: skip
_PATTERNS = (
    re.compile(r"\b[UCR][0-9a-f]{32}\b"),  # LINE user, group, room
    re.compile(r"(?<![\d.])(?:\+?886[- ]?|0)9\d{2}[- ]?\d{3}[- ]?\d{3}(?!\d)"),  # mobile phone
    re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"),  # e-mail
    re.compile(r"Bearer\s+[\w.~+/=-]+"),
    re.compile(r"\[parameters: .*?\](?=\n|$)", re.DOTALL),  # SQLAlchemy quotes the row
    re.compile(r"\bDETAIL: .*$", re.MULTILINE),  # PostgreSQL quotes the key
    re.compile(r"(?<=://)[^\s:/@]+:[^\s@]+(?=@)"),  # user and password of a URL
)


def scrubbed(text: str) -> str:
    """The text without LINE ids, phones, addresses, tokens and quoted rows."""
    for pattern in _PATTERNS:
        text = pattern.sub(HIDDEN, text)
    return text


def without_personal_data(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: HIDDEN if key in _PERSONAL else _clean(value) for key, value in event.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return scrubbed(value)
    if isinstance(value, Mapping):
        return without_personal_data(None, "", dict(value))
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean(item) for item in value]
    return value


def _json(event: EventDict, **_options: Any) -> str:
    return orjson.dumps(event, default=lambda value: scrubbed(str(value))).decode()


_ENRICH: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
_RENDER: list[Processor] = [
    structlog.processors.format_exc_info,
    without_personal_data,
    structlog.processors.JSONRenderer(serializer=_json),
]


def set_up(*, stream: IO[str] | None = None, level: int = logging.INFO) -> None:
    """Log as this module says, the product's own lines and those of every library."""
    out = stream or sys.stdout
    structlog.configure(
        processors=[*_ENRICH, *_RENDER],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=cast(Any, out)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_ENRICH, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_RENDER],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # These tell every step of what our own lines already say.
    for name in ("apscheduler", "alembic", "httpx", "uvicorn.access"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers[:] = []
        logging.getLogger(name).propagate = True
