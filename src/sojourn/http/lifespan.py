"""The lifespan protocol for applications whose engine is opened and closed by somebody else."""

from __future__ import annotations

from sojourn.http.wire import Receive, Send


async def answer_lifespan(receive: Receive, send: Send) -> None:
    """Acknowledge start-up and shutdown."""
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return
