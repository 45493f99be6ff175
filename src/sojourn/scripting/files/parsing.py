"""Whether a changed script is JavaScript at all, before it takes the place of a version that ran."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from sojourn.core.errors import SojournError
from sojourn.engine.files.file import JSON
from sojourn.model.realm import Realm
from sojourn.scripting.dispatch import NoSuchFunction
from sojourn.scripting.errors import ScriptFailed, ScriptTimeout
from sojourn.scripting.files.sources import Source
from sojourn.scripting.runtime import Limits, Script
from sojourn.scripting.values import Value
from sojourn.scripting.workers import Kind, Workers

_LIMITS: Final = Limits(cpu=5_000, wall=10_000)


class _Nobody:
    """A host without functions: nothing of a script runs while it is parsed."""

    async def call(self, function: str, args: Sequence[Value]) -> Value:
        """There is none."""
        raise NoSuchFunction(f"{function} of {len(args)} arguments is not there while a script is parsed")


class Parsing:
    """Parses texts with the runtime of the realm that wants to run them, in a worker that is thrown away."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    async def wrong(self, source: Source, realm: Realm) -> str:
        """What is wrong with a text as JavaScript, or JSON; empty for nothing, and where no worker is there to tell."""
        if source.mime == JSON:
            return _wrong_json(source.code)
        kind = Kind(realm.config.runtime, _LIMITS.memory, _LIMITS.message)
        # A function is made of the text and not called. Where a text ends it early and goes on, that runs for nobody: the
        # worker has no host, and is thrown away.
        code = "//" + source.code[2:] if source.code.startswith("#!") else source.code
        task = Script(f"void new Function({json.dumps(code)})", "sojourn:parse")
        try:
            worker = await self._workers.take(kind)
        except SojournError:
            return ""
        try:
            await worker.run(task, _Nobody(), _LIMITS)
        except ScriptTimeout:
            return ""
        except ScriptFailed as error:
            return f"{error.name}: {error.text}" if error.name == "SyntaxError" else ""
        except SojournError:
            return ""
        finally:
            await self._workers.close(worker)
        return ""


def _wrong_json(text: str) -> str:
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"SyntaxError: {error}"
    return ""
