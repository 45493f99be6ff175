"""Mails on their way out: behind the answer, a bounded number at a time, and never lost in silence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from sojourn.core.errors import SojournError
from sojourn.core.json import Json
from sojourn.engine.audit.log import Audit, Kind
from sojourn.outbound.mail import Mail, MailPort

_log = logging.getLogger(__name__)

#: Mails that may wait; one more is not sent, which is audited.
MOST_WAITING = 256

#: Mails that are handed over at the same moment.
AT_ONCE = 4

#: Seconds before each further try when a server does not take a mail.
PAUSES = (5.0, 30.0)

#: Seconds that an engine waits for its mails when it closes.
PATIENCE = 10.0

#: Makes the mail once its turn has come; None when there is nothing to send after all.
Compose = Callable[[], Awaitable[Mail | None]]


class Mailer:
    """Sends mails in the background. What becomes of a mail changes no answer to any client."""

    def __init__(self, make_port: Callable[[], MailPort], audit: Audit, *, pauses: Sequence[float] = PAUSES) -> None:
        """``make_port`` is called with the first mail: most processes never send one."""
        self._make_port = make_port
        self._port: MailPort | None = None
        self._audit = audit
        self._pauses = pauses
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._under_way: set[asyncio.Task[None]] = set()
        self._closed = False

    async def post(self, kind: Kind, compose: Compose, *, realm: str, detail: dict[str, Json]) -> bool:
        """Send what ``compose`` makes, later; False when there is no room, and then that is audited.

        ``kind``, ``realm`` and ``detail`` are those of the event that tells of a mail that could not be sent.
        """
        if self._closed or len(self._under_way) >= MOST_WAITING:
            await self._failed(kind, realm, detail, "mail.no_room")
            return False
        task = asyncio.get_running_loop().create_task(self._deliver(kind, compose, realm, detail))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return True

    async def idle(self) -> None:
        """Wait until no mail is under way."""
        while self._under_way:
            await asyncio.wait(set(self._under_way))

    async def close(self) -> None:
        """Take no more mails, and give those under way a moment; what is left then is audited as not sent."""
        self._closed = True
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=PATIENCE)
        left = set(self._under_way)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    async def _deliver(self, kind: Kind, compose: Compose, realm: str, detail: dict[str, Json]) -> None:
        cause = "mail.interrupted"
        try:
            async with self._turns:
                mail = await compose()
                if mail is not None:
                    await self._send(mail)
            cause = ""
        except SojournError as error:
            cause = error.code
            _log.warning("a mail was not sent: %s", error.message)
        except Exception:  # noqa: BLE001 - a defect; whoever waits for this mail is told by the audit log
            cause = "mail.defect"
            _log.exception("a mail was not sent")
        finally:
            if cause:
                await self._failed(kind, realm, detail, cause)

    async def _send(self, mail: Mail) -> None:
        if self._port is None:
            self._port = self._make_port()
        for pause in self._pauses:
            try:
                await self._port.send(mail)
            except SojournError as error:
                _log.info("a mail is tried again in %s s: %s", pause, error.message)
                await asyncio.sleep(pause)
            else:
                return
        await self._port.send(mail)

    async def _failed(self, kind: Kind, realm: str, detail: dict[str, Json], cause: str) -> None:
        try:
            await self._audit.record(
                kind, realm=realm, outcome="failed", detail={**detail, "act": "mail", "cause": cause}
            )
        except SojournError as error:
            _log.error("a mail was not sent, and that could not be audited: %s, %s", cause, error.code)
