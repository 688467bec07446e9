"""Structured logs: one JSON object a line, with every personal number and token masked, in tracebacks too.

Source: the reliability rules 4.1 ("Logs").
"""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import Any

from shared.observability.traces import current_trace_id

_NUMBER = re.compile(
    r"(?:(?<![^\W_])|(?<=%[0-9A-Fa-f]{2}))(?<!\d\.)"  # after no letter or digit, but after an escape of an address
    r"(?:18|19|20)?\d{2}[01]\d[0-9]\d[-+ ]?[0-9PpTtFf]\d{3}(?![^\W_])"
)
_TOKEN = re.compile(r"\b(?:eyJ[\w-]+\.[\w-]+\.[\w-]+|gAAAAA[\w=-]{20,})")
_PASSWORD = re.compile(r"(?<=://)([^:/@\s]+):[^@\s]+(?=@)")

_KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def masked(text: str) -> str:
    """A text without personal numbers, tokens, sealed values and passwords in addresses."""
    return _PASSWORD.sub(r"\1:…", _TOKEN.sub("[token]", _NUMBER.sub("[personal number]", text)))


class JsonFormatter(logging.Formatter):
    """One JSON object for each record: time, level, logger, message, trace, what was bound to it, and the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one masked line."""
        shown: dict[str, Any] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if trace_id := current_trace_id():
            shown["trace_id"] = trace_id
        shown |= {name: value for name, value in vars(record).items() if name not in _KNOWN}
        if record.exc_info:
            shown["traceback"] = self.formatException(record.exc_info)
        return json.dumps(_all_masked(shown), ensure_ascii=False, default=str)


def _all_masked(value: Any) -> Any:
    """Every text of a value masked as it is, before JSON writes a line end as two characters, and numbers too."""
    if isinstance(value, dict):
        return {masked(str(name)): _all_masked(one) for name, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_all_masked(one) for one in value]
    shown = masked(str(value))
    return shown if isinstance(value, str) or shown != str(value) else value


def set_up_logs(level: str) -> None:
    """Send every log of the process to standard error in that form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("celery.worker.strategy", "celery.app.trace", "kombu", "amqp", "zeep"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
