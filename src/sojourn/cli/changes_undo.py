"""``sojourn changes undo`` and ``redo``: take back exactly what was changed, where nobody has changed it since."""

from __future__ import annotations

from typing import Annotated, Any, NoReturn, cast, get_args

import typer
from msgspec.structs import replace

from sojourn.bootstrap import Engine
from sojourn.cli.change_rows import (
    DatabaseOption,
    KeyOption,
    KindOption,
    SessionOption,
    SinceOption,
    TableOption,
    TagOption,
    Typed,
    UntilOption,
    UserOption,
    VersionOption,
    flat,
)
from sojourn.cli.engine import ACTOR, with_engine
from sojourn.cli.output import HERE, JsonOption, ProjectOption, note, refusals, reply, reply_rows
from sojourn.cli.users import MAIN, DirectoryOption
from sojourn.core.clock import iso
from sojourn.core.errors import Conflict
from sojourn.data import databases
from sojourn.data.selecting import Part, Selection
from sojourn.data.terms import Author
from sojourn.data.undo import Asker, Policy, Undone
from sojourn.data.undo_report import Report, SeveralAuthors, UndoConflicts
from sojourn.data.undo_report import described as told
from sojourn.model.session import ANONYMOUS_KEY

NumberOption = Annotated[
    list[int] | None, typer.Option("--number", metavar="N", help="The change with this number; repeatable.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done, and what conflicts.")]
AllOption = Annotated[bool, typer.Option("--all", help="Changes of several sessions and users too.")]
PolicyOption = Annotated[
    str,
    typer.Option(
        "--on-conflict",
        metavar="P",
        help="Where somebody has changed it since. abort: do nothing; skip: leave it; force: take it back all the same.",
    ),
]

_PARTS = ("session", "user", "realm", "changes", "first", "last")
_ACTS = ("kind", "table", "key", "before", "after", "undoes")
_CONFLICTS = ("number", "table", "key", "column", "reason", "by", "found", "wanted", "text")


@refusals
def undo(
    tag: TagOption = "",
    user: UserOption = None,
    session: SessionOption = None,
    table: TableOption = "",
    key: KeyOption = None,
    kind: KindOption = None,
    version: VersionOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    number: NumberOption = None,
    everyone: AllOption = False,
    on_conflict: PolicyOption = "abort",
    dry_run: DryRunOption = False,
    database: DatabaseOption = databases.MAIN,
    directory: DirectoryOption = MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Take changes back: what nobody has changed since; --dry-run shows it first.

    It is one transaction under a tag of its own, and can itself be taken back. Changes of the schema are told, not undone.
    """
    policy = _policy(on_conflict)
    typed = Typed(tag, user, session, table, key, kind, version, since, until)

    async def work(engine: Engine) -> Done:
        meant = await typed.selection(engine, directory)
        selection = replace(meant, numbers=tuple(number) if number else None, everyone=everyone)
        return await _done(engine, database, selection, policy, redo=False, dry_run=dry_run)

    _answer(with_engine(project, work), "taken back", as_json)


@refusals
def redo(
    tag: TagOption = "",
    version: VersionOption = None,
    number: NumberOption = None,
    everyone: AllOption = False,
    on_conflict: PolicyOption = "abort",
    dry_run: DryRunOption = False,
    database: DatabaseOption = databases.MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Make changes anew that were taken back, named by what they were: their tag, versions or numbers."""
    policy = _policy(on_conflict)

    async def work(engine: Engine) -> Done:
        numbers = tuple(number) if number else None
        selection = Selection(tag=tag, versions=tuple(version or ()), numbers=numbers, everyone=everyone)
        return await _done(engine, database, selection, policy, redo=True, dry_run=dry_run)

    _answer(with_engine(project, work), "made anew", as_json)


class Done:
    """What came of it, with the names of realms."""

    def __init__(self, engine: Engine, found: Report | Undone | SeveralAuthors | UndoConflicts) -> None:
        realms = {realm.id: realm.name for realm in engine.rules.realms.all()}
        self.error = found if isinstance(found, SeveralAuthors | UndoConflicts) else None
        self.undone = found if isinstance(found, Undone) else None
        self.parts: list[Part] = []
        document: dict[str, Any] = {}
        if isinstance(found, SeveralAuthors):
            self.parts = found.parts
        else:
            report = found if isinstance(found, Report) else found.report
            document, self.parts = told(report), report.parts
        document["parts"] = [_part(part, realms) for part in self.parts]
        if self.undone is not None:
            document |= {"version": self.undone.version, "tag": self.undone.tag}
        self.document = document


async def _done(
    engine: Engine, database: str, selection: Selection, policy: Policy, *, redo: bool, dry_run: bool
) -> Done:
    who = Asker(author=Author(user_key=ANONYMOUS_KEY, user_name=ACTOR), host=True)
    undoing = await engine.changes.undo(database, who)
    try:
        if dry_run:
            plan = await undoing.plan(selection, redo=redo, force=policy == "force")
            return Done(engine, plan.report)
        act = undoing.redo if redo else undoing.undo
        return Done(engine, await act(selection, policy))
    except (SeveralAuthors, UndoConflicts) as conflict:
        return Done(engine, conflict)


def _answer(done: Done, what: str, as_json: bool) -> None:
    document = done.document
    if done.error is not None:
        _refuse(done, done.error, as_json)
    if as_json:
        reply(True, document, "")
        return
    _show(done)
    if not done.parts:
        note("there are no such changes")
    elif done.undone is None:
        print(f"would be {what}: {_sum(document, what)}")
    elif document["version"]:
        print(f"{what}: {_sum(document, what)}; version {document['version']}, tag {document['tag']}")
    else:
        print(f"nothing {what}: {_sum(document, what)}")


def _refuse(done: Done, error: Conflict, as_json: bool) -> NoReturn:
    if as_json:
        reply(True, {"message": error.message, "code": error.code, **done.document}, "")
    else:
        _show(done)
    note(error.message)
    if isinstance(error, SeveralAuthors):
        note("name one with --session ID or --user U, or all of them with --all")
    raise typer.Exit(1)


def _show(done: Done) -> None:
    document = done.document
    if done.parts:
        reply_rows(False, document["parts"], _PARTS)
    if done.undone is None and document.get("acts"):
        print()
        reply_rows(False, [flat(act) for act in document["acts"]], _ACTS)
    if document.get("conflicts"):
        print("\nconflicts:")
        reply_rows(False, [flat(conflict) for conflict in document["conflicts"]], _CONFLICTS)
    for left in document.get("left", ()):
        note(f"{left['changes']} changes of kind {left['kind']} are not undone")
    if len(done.parts) > 1 and done.undone is None and done.error is None:
        note("these are changes of several sessions or users: name one of them, or say --all")


def _sum(document: dict[str, Any], what: str) -> str:
    acts = ", ".join(f"{one['acts']} {one['kind']} of {one['table']}" for one in document["tallies"]) or "0"
    conflicts = _counted(len(document["conflicts"]), "conflict")
    return f"{acts} for {_counted(document['changes'], 'change')}, {document['already']} already {what}, {conflicts}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _part(part: Part, realms: dict[str, str]) -> dict[str, Any]:
    return {
        "session": part.session or None,
        "user": part.user_name or None,
        "userKey": part.user_key,
        "realm": realms.get(part.realm, part.realm) or None,
        "changes": part.changes,
        "first": iso(part.first),
        "last": iso(part.last),
    }


def _policy(text: str) -> Policy:
    if text not in get_args(Policy):
        raise typer.BadParameter(f"--on-conflict is one of {', '.join(get_args(Policy))}")
    return cast("Policy", text)


def add_to(app: typer.Typer) -> None:
    """The commands of this module."""
    for command in (undo, redo):
        app.command()(command)
