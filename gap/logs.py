"""Logs as structured lines, with what names a person taken out."""

from __future__ import annotations

import re
import sys
import traceback
from pathlib import Path
from typing import Any

import structlog

# A NIR with or without its key, however spaced; Corsica included.
_NIR = re.compile(r"\b[1-478]\s?\d{2}\s?\d{2}\s?(?:\d{2}|2[AB])\s?\d{3}\s?\d{3}(?:\s?\d{2})?\b")


def redact(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Last line of defence: nothing should log an identifier, and if something does it leaves as «[NIR]»."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _NIR.sub("[NIR]", value)
    if isinstance(request := event.get("request"), str):
        # «GET /recherche?q=…»: what was searched for is somebody's name.
        event["request"] = request.partition("?")[0]
    return event


def name_the_fault(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """An exception as its type and its frames. Its message may repeat a value of a row: it is left out, wherever a
    library puts it (beside the exception, or in the text of the record)."""
    given = [event.pop("exc_info", None), event.pop("exception", None)]
    error = next((found for one in given if (found := _raised(one)) is not None), None)
    for name in ("error", "reason"):
        if error is not None or isinstance(event.get(name), BaseException):
            event.pop(name, None)
    # How Celery tells of a task: a text made of the exception, and what it is made of.
    told = getattr(event.get("_record"), "data", None)
    if isinstance(told, dict) and "exc" in told:
        event["event"] = f"Task {told.get('name')}[{told.get('id')}] {told.get('description')}"
    if error is not None:
        frames = traceback.extract_tb(error.__traceback__)[-8:]
        event["fault"] = type(error).__name__
        event["frames"] = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return event


def _raised(given: Any) -> BaseException | None:
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return given[1] if isinstance(given[1], BaseException) else None
    return sys.exc_info()[1] if given else None


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso"),
    name_the_fault,
    redact,
]

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "lines": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
            "foreign_pre_chain": _SHARED,
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        name: {"level": "INFO"}
        for name in ("gap", "accounts", "debtors", "admissions", "teleservices", "billing", "worklists")
    }
    # Django mails each fault to the administrators, with what was sent: names, in clear, through a mail server.
    | {"django": {"handlers": []}}
    # zeep logs whole messages at DEBUG, and urllib3 the paths it calls.
    | {"zeep": {"level": "ERROR"}, "urllib3": {"level": "ERROR"}},
}


def configure_structlog() -> None:
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
