"""``sojourn scripts run`` and ``debug``: one script, as the command line asks for it."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from sojourn.bootstrap import Engine
from sojourn.cli.engine import known_account, known_realm, with_engine
from sojourn.cli.output import HERE, JsonOption, ProjectOption, note, refusals, reply
from sojourn.core.errors import SojournError
from sojourn.core.json import encode_text
from sojourn.scripting.alone import Errand, run_alone
from sojourn.scripting.errors import ScriptFailed
from sojourn.scripting.order import Trace
from sojourn.scripting.values import MAX_SAFE_INTEGER, UNDEFINED, Value

ScriptArgument = Annotated[
    str, typer.Argument(metavar="URI", help="The script: ufs:/…, vfs:/…, vfs:ikey?KEY, a key, or its file on disk.")
]
RealmOption = Annotated[str, typer.Option("--realm", metavar="R", help="Where it runs.")]
UserOption = Annotated[
    str | None, typer.Option("--user", metavar="U", help="Account that it acts for; default: nobody.")
]
ParamOption = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="K=V", help="A global variable that it finds, a text; repeatable."),
]

_MICRO = 1_000


class Ran:
    """One run and how it ended."""

    def __init__(self, trace: Trace, value: Value, error: SojournError | None) -> None:
        self.trace = trace
        self.value = value
        self.error = error
        self.took = trace.at()


def add_to(app: typer.Typer) -> None:
    """Add the commands to the others."""
    app.command()(run)
    app.command()(debug)


@refusals
def run(
    uri: ScriptArgument,
    realm: RealmOption,
    user: UserOption = None,
    param: ParamOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Run a script in a session of its own and print its value; what it logs goes to standard error."""
    ran = _ran(project, uri, realm, user, param or ())
    for line in ran.trace.log:
        note(f"{line.level}: {line.text}")
    if ran.error is not None:
        _fail(as_json, ran.error)
    value = plain(ran.value)
    reply(as_json, value, _shown(value))


@refusals
def debug(
    uri: ScriptArgument,
    realm: RealmOption,
    user: UserOption = None,
    param: ParamOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Run a script as run does, and show what it logged and which host functions it called, when and for how long."""
    ran = _ran(project, uri, realm, user, param or ())
    trace, error = ran.trace, ran.error
    document = {
        "value": plain(ran.value),
        "error": None if error is None else {"code": error.code, "message": error.message, "stack": _stack(error)},
        "took": ran.took / _MICRO,
        "hostCalls": trace.count,
        "calls": [
            {"at": one.at / _MICRO, "function": one.function, "took": one.took / _MICRO, "error": one.error or None}
            for one in trace.calls
        ],
        "log": [{"at": one.at / _MICRO, "level": one.level, "text": one.text} for one in trace.log],
    }
    reply(as_json, document, "\n".join(_lines(ran)))
    if error is not None:
        raise typer.Exit(1)


def plain(value: Value) -> Any:
    """``value`` as JSON has it: undefined becomes null, a date its ISO text, bytes base64, a large BigInt a text."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return _plain_number(value) if isinstance(value, int | float) else None if value == UNDEFINED else value


def _plain_number(value: float) -> Any:
    """NaN and the infinities have no JSON, and what is no safe integer is no number to most of its readers."""
    if isinstance(value, int):
        return value if abs(value) <= MAX_SAFE_INTEGER else str(value)
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"


def _of_disk(engine: Engine, text: str) -> str:
    """A file as the shell completes it, ``scripts/shop/total.js``, by its name for scripts; anything else as it is."""
    if ":" in text or text.startswith("/") or not Path(text).is_file():
        return text
    path = Path(text).resolve()
    roots = [root.resolve() for root in engine.rules.settings.script_roots]
    below = (path.relative_to(root) for root in roots if path.is_relative_to(root))
    return next((f"ufs:/{inside.as_posix()}" for inside in below), text)


def _ran(project: Path, uri: str, realm: str, user: str | None, params: Sequence[str]) -> Ran:
    named = [text.partition("=") for text in params]
    if any(not name or not sign for name, sign, _ in named):
        raise typer.BadParameter("a parameter is NAME=VALUE")
    parameters: dict[str, Value] = {name: value for name, _, value in named}

    async def work(engine: Engine) -> Ran:
        place = known_realm(engine, realm)
        account = await known_account(engine, place.config.directory, user) if user is not None else None
        if account is not None:
            account = await (await engine.rules.facts.current()).account(place, account.key)
        reference = int(uri) if uri.lstrip("-").isdecimal() else _of_disk(engine, uri)
        trace = Trace()
        try:
            value = await run_alone(engine.scripts, Errand(reference, place, account, parameters), trace)
        except ScriptFailed as error:
            return Ran(trace, None, error)
        return Ran(trace, value, None)

    return with_engine(project, work)


def _fail(as_json: bool, error: SojournError) -> NoReturn:
    """Say what was thrown, and below it where."""
    note(_with_stack(error))
    if as_json:
        reply(as_json, {"message": error.message, "code": error.code}, "")
    raise typer.Exit(1)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else encode_text(value)


def _stack(error: SojournError) -> str:
    return error.stack.rstrip() if isinstance(error, ScriptFailed) else ""


def _with_stack(error: SojournError) -> str:
    return f"{error.message}\n{_stack(error)}".rstrip()


def _lines(ran: Ran) -> Sequence[str]:
    """What happened, in order; a call stands where it began."""
    calls = ((one.at, f"{one.function} {one.took / _MICRO:.2f} ms {one.error}".rstrip()) for one in ran.trace.calls)
    logged = ((one.at, f"{one.level}: {one.text}") for one in ran.trace.log)
    lines = [f"{at / _MICRO:9.2f} ms  {text}" for at, text in sorted([*calls, *logged])]
    if ran.trace.count > len(ran.trace.calls):
        lines.append(f"{'':9}     … {ran.trace.count - len(ran.trace.calls)} more host calls")
    outcome = _with_stack(ran.error) if ran.error is not None else _shown(plain(ran.value))
    return [*lines, f"{ran.took / _MICRO:9.2f} ms  => {outcome}", f"{ran.trace.count} host calls"]
