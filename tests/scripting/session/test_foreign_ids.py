"""A worker that puts other sessions into its packets acts as the session of its run all the same."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sojourn.scripting.dispatch import Dispatcher
from tests.patience import HANGS
from tests.scripting.session.conftest import Desk, Open
from tests.scripting.test_hostile_worker import Impostor

pytestmark = pytest.mark.anyio


async def _asked(impostor: Impostor, calls: list[dict[str, Any]]) -> list[Any]:
    """What the server answers to calls of a worker, values and names of errors."""
    answers: list[Any] = []

    async def act(at: Impostor) -> None:
        for number, call in enumerate(calls, 1):
            await at.say({"op": "call", "q": number, "a": [], **call})
            answer = await at.receive()
            answers.append(answer["v"] if "v" in answer else answer["e"]["code"])
        await at.say({"op": "done", "v": 1})

    async with asyncio.timeout(HANGS):
        assert await impostor.against(act) == 1
    return answers


async def test_a_worker_acts_as_the_session_of_its_run_whatever_it_sends(annas: Desk, open_desk: Open) -> None:
    ben = await open_desk()
    mine, other = await annas("Session.id"), await ben("Session.id")
    assert mine != other
    impostor = Impostor()
    impostor.host = Dispatcher(annas.run)  # type: ignore[assignment]
    foreign = {"session": other, "sid": other, "id": other, "realm": "shop", "userKey": 1, "$": ["session", other]}
    calls = [
        {"n": "Session.id", "a": []},
        {"n": "Session.id", "a": [other], **foreign},
        {"n": "Session.userName", "a": [{"session": other}], **foreign},
        {"n": "Session.trackingId=", "a": ["mine", other], **foreign},
        {"n": "Session.trackingId", "a": [other]},
        *({"n": name} for name in ("Session.run", "Session.__init__", "Session.__class__", "run", "", "Session._run")),
    ]
    try:
        answers = await _asked(impostor, calls)
    finally:
        await impostor.worker.close()
        impostor.end.close()
    assert answers[:5] == [mine, mine, "anna", None, "mine"] or answers[:5] == [
        *(mine, mine, "anna", {"$": ["undefined"]}, "mine")
    ]
    assert set(answers[5:]) == {"script.no_such_function"}
    assert await ben("Session.trackingId") != "mine"
    assert await ben("Session.userName") != "anna"
