"""``sojourn providers``: identity providers, and who somebody there is here."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sojourn.bootstrap import Engine
from sojourn.cli.engine import known_account, with_engine
from sojourn.cli.output import HERE, JsonOption, ProjectOption, read_password, refusals, reply, reply_record, reply_rows
from sojourn.core.clock import iso
from sojourn.engine.providers.external import ExternalIdentity
from sojourn.engine.providers.providers import Provider
from sojourn.engine.security.actors import HOST

app = typer.Typer(help="Identity providers: list, show, test, enable, disable, secret; links.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the provider's file, without .yaml.")]
UserArgument = Annotated[str, typer.Argument(metavar="USER", help="Name or mail address of the account.")]
DirectoryOption = Annotated[str, typer.Option("--directory", metavar="D", help="Directory of the account.")]


@app.command("list")
@refusals
def list_(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """List the providers of the project."""

    async def work(engine: Engine) -> list[dict[str, Any]]:
        return [_described(one) for one in await engine.rules.providers.all()]

    reply_rows(as_json, with_engine(project, work), ("name", "issuer", "realms", "enabled", "secret"))


@app.command()
@refusals
def show(name: NameArgument, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Show one provider; its client secret is never shown."""

    async def work(engine: Engine) -> dict[str, Any]:
        return _described(await engine.rules.providers.get(name))

    reply_record(as_json, with_engine(project, work))


@app.command()
@refusals
def enable(name: NameArgument, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Let people log in through a provider."""
    _set_enabled(name, project, as_json, enabled=True)


@app.command()
@refusals
def disable(name: NameArgument, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Refuse logins through a provider, and the sessions that were logged in through it."""
    _set_enabled(name, project, as_json, enabled=False)


@app.command("test")
@refusals
def test_(name: NameArgument, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Ask a provider for its metadata and keys, and look for the client secret."""

    async def work(engine: Engine) -> dict[str, Any]:
        report = await engine.rules.providers.test(name)
        return {
            "issuer": report.metadata.issuer,
            "authorizationEndpoint": report.metadata.authorization,
            "tokenEndpoint": report.metadata.token,
            "endSessionEndpoint": report.metadata.end_session,
            "namesIssuer": report.metadata.names_issuer,
            "keys": report.keys,
        }

    reply_record(as_json, with_engine(project, work))


@app.command()
@refusals
def secret(
    name: NameArgument,
    from_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the secret from standard input.")] = False,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Keep the client secret that the provider gave, sealed under the master key."""
    given = read_password(from_stdin)

    async def work(engine: Engine) -> None:
        await engine.rules.providers.set_secret(name, given, HOST)

    with_engine(project, work)
    reply(as_json, {"name": name}, f"the client secret for {name} is kept")


@app.command()
@refusals
def identities(
    user: UserArgument, directory: DirectoryOption = "main", project: ProjectOption = HERE, as_json: JsonOption = False
) -> None:
    """List the identities of an account at providers."""

    async def work(engine: Engine) -> list[dict[str, Any]]:
        account = await known_account(engine, directory, user)
        return [_identity(one) for one in await engine.rules.federation.external.of(account.key)]

    reply_rows(as_json, with_engine(project, work), ("key", "issuer", "subject", "linkedBy", "created"))


@app.command()
@refusals
def link(
    name: NameArgument,
    user: UserArgument,
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="`sub` of the user at the provider.")],
    directory: DirectoryOption = "main",
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Say who somebody at a provider is here."""

    async def work(engine: Engine) -> dict[str, Any]:
        provider = await engine.rules.providers.get(name)
        account = await known_account(engine, directory, user)
        external = engine.rules.federation.external
        return _identity(await external.link(account, provider.config.issuer, subject, HOST))

    reply_record(as_json, with_engine(project, work))


@app.command()
@refusals
def unlink(
    user: UserArgument,
    key: Annotated[int, typer.Argument(metavar="KEY", help="Key of the identity, see `sojourn providers identities`.")],
    directory: DirectoryOption = "main",
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Take an identity away from an account and end the sessions that it opened."""

    async def work(engine: Engine) -> dict[str, Any]:
        account = await known_account(engine, directory, user)
        federation = engine.rules.federation
        gone = await federation.external.unlink(account, key, HOST)
        providers = await federation.providers.all()
        ended = await federation.sessions.end_of(providers, gone, "", actor=HOST.name, rule="identity unlinked")
        return {**_identity(gone), "sessionsEnded": ended}

    reply_record(as_json, with_engine(project, work))


def _set_enabled(name: str, project: Any, as_json: bool, *, enabled: bool) -> None:
    async def work(engine: Engine) -> dict[str, Any]:
        return _described(await engine.rules.providers.set_enabled(name, enabled=enabled, actor=HOST))

    done = with_engine(project, work)
    reply(as_json, done, f"provider {name} is {'enabled' if enabled else 'disabled'}")


def _described(provider: Provider) -> dict[str, Any]:
    config = provider.config
    return {
        "name": provider.name,
        "key": provider.key,
        "title": provider.title,
        "issuer": config.issuer,
        "clientId": config.client_id,
        "realms": list(config.realms),
        "enabled": provider.enabled,
        "secret": "none needed" if config.client_authentication == "none" else _has(provider),
        "scopes": list(config.scopes),
        "createUsers": config.create_users,
        "emailAuthority": list(config.email_authority),
    }


def _has(provider: Provider) -> str:
    return "kept" if provider.has_secret else "missing"


def _identity(one: ExternalIdentity) -> dict[str, Any]:
    return {
        "key": one.key,
        "issuer": one.issuer,
        "subject": one.subject,
        "linkedBy": one.linked_by,
        "created": iso(one.created),
    }
