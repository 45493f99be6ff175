"""What is wrong with the scripts of a project: texts that are no JavaScript, modules that nobody finds.

Each file is parsed by the runtimes on which it can run, and nothing of it is executed: a function around it is made and
not called. ``require`` is looked for in the text, where its argument is a plain text.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final

from sojourn.config.problems import Problem
from sojourn.core.errors import SojournError
from sojourn.core.json import decode
from sojourn.engine.files.file import FOR_EDITORS, FileUnreadable
from sojourn.model.file_path import FilePath
from sojourn.model.realm import Realm
from sojourn.scripting.errors import EnvironmentLost, ModuleUnknown, RuntimeMissing, ScriptFailed
from sojourn.scripting.files import Source
from sojourn.scripting.modules import Modules
from sojourn.scripting.runtime import Limits, RuntimeName, Script, Worker
from sojourn.scripting.service import Scripts
from sojourn.scripting.values import Value
from sojourn.scripting.workers import Kind

#: Files that one check looks at, and folders deep.
MOST_FILES: Final = 20_000
_DEEPEST: Final = 32

_HEAD: Final = "(function (exports, require, module, __filename, __dirname) {"
_LIMITS: Final = Limits(cpu=10_000, wall=30_000)
_ENGINE: Final = "@nginstack/engine/"

# Comments, texts and templates are passed over as a whole, so that what stands in them is no call; a slash that does not
# begin a comment is a division or a regular expression, which nobody can tell without a parser: a call in one is found too.
_TOKENS: Final = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | (?<![\w$.])require\s*\(\s*(?P<quote>['"])(?P<name>[^'"\\\n]*)(?P=quote)\s*\)
      | '(?:[^'\\\n]|\\.)*' | "(?:[^"\\\n]|\\.)*" | `(?:[^`\\]|\\.)*`""",
    re.DOTALL | re.VERBOSE,
)


class _Nobody:
    """A host that does nothing for nobody."""

    async def call(self, function: str, args: Sequence[Value]) -> Value:
        """No function of the host is there while scripts are checked."""
        raise ModuleUnknown(f"{function} of {len(args)} arguments is not there while scripts are checked")


class _Parsers:
    """One worker of each runtime that is needed."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._workers: dict[RuntimeName, Worker] = {}

    async def parsed(self, runtime: RuntimeName, code: str, file: str) -> ScriptFailed | None:
        """What is wrong with a text as a part of a script; None when it can be run."""
        worker = self._workers.get(runtime)
        if worker is None or not worker.alive:
            worker = self._workers[runtime] = await self._scripts.workers.take(
                Kind(runtime, _LIMITS.memory, _LIMITS.message)
            )
        try:
            await worker.run(Script(code, file), _Nobody(), _LIMITS)
        except ScriptFailed as error:
            return error
        return None

    async def close(self) -> None:
        for worker in self._workers.values():
            await self._scripts.workers.close(worker)


async def check_scripts(scripts: Scripts) -> Sequence[Problem]:
    """Everything that is wrong with the files of ``ufs:`` and ``vfs:``, by file and line; raises ``RuntimeMissing``."""
    parsers, problems = _Parsers(scripts), set[Problem]()
    try:
        async for place in _files(scripts):
            owner = scripts.rules.files.owners.of(place)
            realms = [realm for realm in scripts.rules.realms.all() if owner in (realm.name, "shared")]
            problems.update([one async for one in _checked(scripts, parsers, place, realms)])
    finally:
        await parsers.close()
    return sorted(problems)


async def _files(scripts: Scripts) -> AsyncIterator[FilePath]:
    """All files that may be scripts or modules: those of the roots first, then those of the engine database."""
    seen = 0
    folders = [FilePath("ufs", ())]
    while folders and seen < MOST_FILES:
        folder = folders.pop()
        for name in await scripts.rules.files.ufs.names(folder):
            place = folder.child(name)
            seen += 1
            if place.name.endswith((".js", ".json")):
                if name not in FOR_EDITORS:
                    yield place
            elif len(place.names) < _DEEPEST:
                folders.append(place)
    for owner in ("shared", *(realm.name for realm in scripts.rules.realms.all())):
        for entry in await scripts.rules.files.vfs.list(owner):
            if entry.place.name.endswith((".js", ".json")):
                yield entry.place


async def _checked(
    scripts: Scripts, parsers: _Parsers, place: FilePath, realms: Sequence[Realm]
) -> AsyncIterator[Problem]:
    if not realms:
        yield Problem(place.uri, 0, "no realm of this project may use it", "warning")
        return
    try:
        source = await scripts.sources.at(place, realms[0])
    except FileUnreadable as error:
        yield Problem(place.uri, 0, error.message)
        return
    if source is None:
        return
    if place.name.endswith(".json"):
        for problem in _json(source):
            yield problem
        return
    faulty = False
    for runtime in dict.fromkeys(realm.config.runtime for realm in realms):
        found = await _parsed(parsers, runtime, source)
        faulty = faulty or found is not None
        if found is not None:
            yield found
    if not faulty:
        async for problem in _required(scripts, parsers, source, realms):
            yield problem


def _json(source: Source) -> Iterator[Problem]:
    try:
        decode(source.code)
    except SojournError as error:
        yield Problem(source.uri, 1, error.message)


async def _parsed(parsers: _Parsers, runtime: RuntimeName, source: Source) -> Problem | None:
    # A line of its own for the interpreter would be no comment inside of a function.
    code = "//" + source.code[2:] if source.code.startswith("#!") else source.code
    try:
        error = await parsers.parsed(runtime, f"{_HEAD}{code}\n}});0", source.uri)
    except (EnvironmentLost, RuntimeMissing) as lost:
        return Problem(source.uri, 0, f"it could not be parsed on {runtime}: {lost.message}")
    if error is None:
        return None
    return Problem(source.uri, min(_line(error, source.uri), source.code.count("\n") + 1), f"{error} ({runtime})")


def _line(error: ScriptFailed, uri: str) -> int:
    found = re.search(re.escape(uri) + r":(\d+)", error.stack)
    return int(found[1]) if found else 1


async def _required(
    scripts: Scripts, parsers: _Parsers, source: Source, realms: Sequence[Realm]
) -> AsyncIterator[Problem]:
    modules = Modules(scripts.sources)
    for line, name in required_names(source.code):
        if name.startswith(_ENGINE):
            if not await _built_in(parsers, realms[0].config.runtime, name):
                yield Problem(source.uri, line, f"require({name!r}): the engine has no such module")
            continue
        for realm in realms:
            try:
                await modules.load(name, source.uri, realm)
            except SojournError as error:
                yield Problem(source.uri, line, f"require({name!r}): {error.message}")
                break


def required_names(code: str) -> Iterator[tuple[int, str]]:
    """Line and name of each ``require`` with a plain text."""
    for found in _TOKENS.finditer(code):
        if found["name"] is not None:
            yield code.count("\n", 0, found.start()) + 1, found["name"]


async def _built_in(parsers: _Parsers, runtime: RuntimeName, name: str) -> bool:
    found = await parsers.parsed(runtime, f"require({name!r}); 1", "ufs:/check.js")
    return found is None
