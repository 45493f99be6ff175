"""``sojourn keys``: the signing keys of the realms, and the master key that seals them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sojourn.bootstrap import Engine
from sojourn.cli.engine import ACTOR, known_realm, wanted_realms, with_engine
from sojourn.cli.output import HERE, JsonOption, ProjectOption, note, refusals, reply, reply_rows
from sojourn.core.clock import iso
from sojourn.engine.keys.life import Listed
from sojourn.engine.realms import OPERATORS
from sojourn.model.realm import Realm

app = typer.Typer(help="Signing keys and the master key: list, rotate, revoke, rekey.", no_args_is_help=True)

_COLUMNS = ("kid", "realm", "state", "created", "activated", "due", "until")


@app.command("list")
@refusals
def list_(
    realm: Annotated[str | None, typer.Option("--realm", metavar="R", help="Only of this realm.")] = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """List the signing keys, those of operators (realm ~operators) too; private parts are never shown."""

    async def work(engine: Engine) -> list[dict[str, Any]]:
        places = [_place(engine, realm)] if realm else [*wanted_realms(engine, None), engine.rules.realms.operators]
        return [_described(key) for place in places for key in await engine.rules.key_life.list(place)]

    reply_rows(as_json, with_engine(project, work), _COLUMNS)


@app.command()
@refusals
def rotate(
    realm: Annotated[str, typer.Option("--realm", metavar="R", help="Realm of the keys.")],
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Use the next key once it has been published for an hour: at once, or a running engine does it then."""

    async def work(engine: Engine) -> dict[str, Any]:
        done = await engine.rules.key_life.rotate(_place(engine, realm), actor=ACTOR)
        due = iso(done.due) if done.due is not None else None
        return {"realm": realm, "active": done.active, "next": done.next, "changed": done.changed, "due": due}

    done = with_engine(project, work)
    text = (
        f"{done['active']} signs now" if done["changed"] else f"{done['next']} is published and signs at {done['due']}"
    )
    reply(as_json, done, text)


@app.command()
@refusals
def revoke(
    kid: Annotated[str, typer.Argument(metavar="KID", help="Id of the key, see `sojourn keys list`.")],
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Refuse a key from the next request on and end the sessions whose tokens it signed."""

    async def work(engine: Engine) -> dict[str, Any]:
        life = engine.rules.key_life
        done = await life.revoke(await life.realm_of(kid), kid, actor=ACTOR)
        return {"kid": kid, "realm": done.realm.name, "active": done.active, "sessionsEnded": done.sessions}

    done = with_engine(project, work)
    reply(as_json, done, f"key {kid} revoked, {done['sessionsEnded']} sessions ended")


@app.command()
@refusals
def rekey(
    remove_old: Annotated[
        bool, typer.Option("--remove-old", help="Remove the old key; backups made under it are lost then.")
    ] = False,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Change the master key: a new one, with everything sealed anew; a running engine goes on with it."""

    async def work(engine: Engine) -> dict[str, Any]:
        done = await engine.rules.seals.rekey(actor=ACTOR, keep_old=not remove_old)
        return {"sealed": done.sealed, "oldKey": str(done.old) if done.old else None}

    done = with_engine(project, work)
    if done["oldKey"]:
        note(f"the old key is kept in {done['oldKey']}: backups made before need it")
    reply(as_json, done, f"the master key is changed, {done['sealed']} values are sealed anew")


def _place(engine: Engine, name: str) -> Realm:
    return engine.rules.realms.operators if name == OPERATORS else known_realm(engine, name)


def _described(key: Listed) -> dict[str, Any]:
    instants = {"activated": key.activated, "retired": key.retired, "due": key.due, "until": key.until or None}
    return {
        "kid": key.kid,
        "realm": key.realm.name,
        "algorithm": key.algorithm,
        "state": key.state,
        "created": iso(key.created),
        **{name: iso(at) if at is not None else None for name, at in instants.items()},
    }
