"""What the commands about changes have in common: which changes are meant, and how they are shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, NamedTuple, cast, get_args

import typer

from sojourn.bootstrap import Engine
from sojourn.cli.engine import known_account, known_realm
from sojourn.cli.instants import instant
from sojourn.core.json import encode_text
from sojourn.data.port import Key
from sojourn.data.reading import ChangeLog, described
from sojourn.data.selecting import Selection
from sojourn.model.change import Change, ChangeKind

_SOME_TIME = "An instant, or so long ago: 2026-11-21T22:40:00Z, 90m, 7d …"
DatabaseOption = Annotated[str, typer.Option("--database", metavar="D", help="Name of the database in the project.")]
TagOption = Annotated[str, typer.Option("--tag", metavar="T", help="With this trackingId.")]
UserOption = Annotated[
    str | None, typer.Option("--user", metavar="U", help="By this account: its name, mail address or key.")
]
SessionOption = Annotated[str | None, typer.Option("--session", metavar="ID", help="In this session.")]
RealmOption = Annotated[str | None, typer.Option("--realm", metavar="R", help="In sessions of this realm.")]
TableOption = Annotated[str, typer.Option("--table", metavar="T", help="In this table.")]
KeyOption = Annotated[
    list[str] | None, typer.Option("--key", metavar="K", help="Of the record with this key; repeatable, with --table.")
]
KindOption = Annotated[
    list[str] | None, typer.Option("--kind", metavar="K", help="INSERT, UPDATE, DELETE, DDL …; repeatable.")
]
VersionOption = Annotated[list[int] | None, typer.Option("--version", metavar="N", help="Of this version; repeatable.")]
SinceOption = Annotated[str | None, typer.Option("--since", metavar="TIME", help=f"Not before. {_SOME_TIME}")]
UntilOption = Annotated[str | None, typer.Option("--until", metavar="TIME", help=f"Before. {_SOME_TIME}")]
LimitOption = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1_000_000, help="At most so many.")]

_PAGE = 500

#: Characters of a key with its sign, at most: what is longer is no number of ours.
_DIGITS = 20


async def every(
    engine: Engine, log: ChangeLog, selection: Selection, realm: str | None, *, oldest_first: bool = False
) -> AsyncIterator[dict[str, Any]]:
    """Every change that is selected, read a page at a time."""
    realms = frozenset({known_realm(engine, realm).id}) if realm else None
    after: int | None = None
    while True:
        page = await log.page(selection, realms=realms, after=after, limit=_PAGE, oldest_first=oldest_first)
        for change in page.changes:
            yield told(engine, change)
        if page.next is None:
            return
        after = page.next


def told(engine: Engine, change: Change) -> dict[str, Any]:
    """``change`` as it is shown, with the name of its realm."""
    realm = engine.rules.realms.by_id(change.realm)
    return described(change, realm.name if realm else change.realm)


class Typed(NamedTuple):
    """Which changes are meant, as it was typed."""

    tag: str
    user: str | None
    session: str | None
    table: str
    key: list[str] | None
    kind: list[str] | None
    version: list[int] | None
    since: str | None
    until: str | None

    async def selection(self, engine: Engine, directory: str) -> Selection:
        """The same for the log; a user is of that directory."""
        now = engine.rules.clock.now()
        return Selection(
            tag=self.tag,
            users=await user_keys(engine, directory, self.user),
            sessions=(self.session,) if self.session else (),
            table=self.table,
            keys=keys_of(self.key, self.table),
            kinds=kinds_of(self.kind),
            versions=tuple(self.version or ()),
            since=instant(self.since, now),
            until=instant(self.until, now),
        )


async def user_keys(engine: Engine, directory: str, user: str | None) -> tuple[int, ...]:
    """The key of the account; one that was deleted has nothing but its key."""
    if user is None:
        return ()
    account = await engine.rules.users.find(directory, user)
    if account is None and user.isdecimal() and len(user) <= _DIGITS:
        return (int(user),)
    return ((account or await known_account(engine, directory, user)).key,)


def keys_of(texts: list[str] | None, table: str) -> tuple[Key, ...]:
    """Keys of records; what looks like an integer is one, and a text too where the table has texts."""
    if texts and not table:
        raise typer.BadParameter("--key goes with --table")
    found: list[Key] = []
    for text in texts or ():
        found.append(text)
        if text.removeprefix("-").isdecimal() and len(text) <= _DIGITS:
            found.append(int(text))
    return tuple(found)


def kinds_of(kinds: list[str] | None) -> tuple[ChangeKind, ...]:
    """Kinds of changes as they were typed."""
    known = get_args(ChangeKind)
    for kind in kinds or ():
        if kind not in known:
            raise typer.BadParameter(f"a kind is one of {', '.join(known)}")
    return tuple(cast("list[ChangeKind]", kinds or []))


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """``row`` for a table, with what records held as text."""
    return {name: encode_text(value) if isinstance(value, dict) else value for name, value in row.items()}
