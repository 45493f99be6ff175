"""How the engine logs: one line an event on standard error, as JSON or as text."""

from __future__ import annotations

import logging
import sys

from sojourn.config.settings import LogSettings
from sojourn.core.clock import iso
from sojourn.core.json import encode_text


class JsonLines(logging.Formatter):
    """One JSON object a line; no value can forge another line."""

    def __init__(self, node: str) -> None:
        super().__init__()
        self._node = node

    def format(self, record: logging.LogRecord) -> str:
        """The line of ``record``."""
        line = {
            "time": iso(int(record.created * 1000)),
            "level": record.levelname,
            "logger": record.name,
            "node": self._node,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return encode_text(line)


class TextLines(logging.Formatter):
    """A line for people; control characters of foreign values are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of ``record``."""
        message = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in record.getMessage())
        text = f"{iso(int(record.created * 1000))} {record.levelname:<7} {message}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def set_up_logging(settings: LogSettings, node: str | None) -> None:
    """Send the log of this process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(node or "") if settings.format == "json" else TextLines())
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)
    # What they tell at INFO, our own log tells already.
    for talkative in ("uvicorn", "alembic"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
