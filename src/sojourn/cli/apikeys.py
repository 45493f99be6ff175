"""``sojourn apikeys``: which applications may call the pipelines."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sojourn.bootstrap import Engine
from sojourn.cli.engine import ACTOR, PipelineUnknown, known_realm, wanted_realms, with_engine
from sojourn.cli.output import HERE, JsonOption, ProjectOption, refusals, reply, reply_rows
from sojourn.engine.keys.apikeys import ApiKey

app = typer.Typer(help="Gateway keys of the pipelines: add, list, revoke.", no_args_is_help=True)

RealmOption = Annotated[str, typer.Option("--realm", metavar="R", help="Realm of the key.")]


@app.command()
@refusals
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the application.")],
    realm: RealmOption,
    pipeline: Annotated[
        list[str] | None, typer.Option("--pipeline", metavar="P", help="Only this pipeline; repeatable. Default: all.")
    ] = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Make a key and print it, once."""

    async def work(engine: Engine) -> str:
        place = known_realm(engine, realm)
        known = {plan.name for plan in engine.deployment.plans() if plan.realm == realm}
        for wanted in pipeline or []:
            if wanted not in known:
                raise PipelineUnknown(f"there is no pipeline {wanted!r} in realm {realm!r}")
        return (await engine.rules.api_keys.add(name, place, pipeline or (), actor=ACTOR)).text

    text = with_engine(project, work)
    reply(as_json, {"name": name, "key": text}, text)


@app.command("list")
@refusals
def list_(
    realm: Annotated[str | None, typer.Option("--realm", metavar="R", help="Only of this realm.")] = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """List the live keys, without their secrets."""

    async def work(engine: Engine) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for place in wanted_realms(engine, realm):
            rows += [_described(key, place.name) for key in await engine.rules.api_keys.list(place)]
        return rows

    reply_rows(as_json, with_engine(project, work), ("name", "realm", "pipelines"))


@app.command()
@refusals
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the application.")],
    realm: RealmOption,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Refuse a key from the next request on."""

    async def work(engine: Engine) -> dict[str, Any]:
        place = known_realm(engine, realm)
        return _described(await engine.rules.api_keys.revoke(place, name, actor=ACTOR), place.name)

    reply(as_json, with_engine(project, work), f"key {name} revoked")


def _described(key: ApiKey, realm: str) -> dict[str, Any]:
    return {"key": key.key, "name": key.name, "realm": realm, "pipelines": sorted(key.pipelines)}
