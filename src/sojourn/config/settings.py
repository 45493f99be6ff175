"""The settings of ``sojourn.toml``: one Struct a section, one field a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import platformdirs
from msgspec import Meta
from msgspec.structs import force_setattr

from sojourn.config.addresses import Listen, StoreUrl, bracketed, parse_listen, parse_origin, parse_store_url

Port = Annotated[int, Meta(ge=1, le=65_535)]
Text = Annotated[str, Meta(max_length=1_000)]

#: Hosts that stand for "every address of this machine"; nobody can be sent there.
_ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - named, not bound


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A table of ``sojourn.toml``."""


class ServerSettings(Section, frozen=True, kw_only=True):
    """The application listener."""

    host: Annotated[Text, Meta(description="Host name or IP address that the application listener is bound to.")] = (
        "127.0.0.1"
    )
    port: Annotated[Port, Meta(description="Its port.")] = 8420
    workers: Annotated[
        int, Meta(ge=1, le=256, description="Processes that serve; more than 1 only without stateful realms.")
    ] = 1
    #: As browsers write it: no trailing slash, no default port.
    public_url: Annotated[
        Text,
        Meta(
            description="The origin by which clients know the engine; only its host is answered. "
            "Default: `http://` with host and port of the listener."
        ),
    ] = ""
    trusted_proxies: Annotated[
        tuple[Text, ...], Meta(description="IP networks of the proxies whose forwarding headers count.")
    ] = ()

    def __post_init__(self) -> None:
        """A public URL that is not given follows host and port."""
        if not self.public_url:
            host = "127.0.0.1" if self.host in _ANY_ADDRESS else bracketed(self.host)
            force_setattr(self, "public_url", parse_origin(f"http://{host}:{self.port}"))


class AdminSettings(Section, frozen=True, kw_only=True):
    """The admin listener: admin API, console, metrics, health with causes."""

    listen: Annotated[Text, Meta(description="`http://HOST:PORT` that the admin listener is bound to.")] = (
        "http://127.0.0.1:8421"
    )
    #: As browsers write it: no trailing slash, no default port.
    public_url: Annotated[
        Text,
        Meta(
            description="The origin by which operators know it, a host name of its own: behind a proxy with HTTPS. Only its "
            "host is answered; `server.trustedProxies` hold here too. Default: `listen`."
        ),
    ] = ""

    def __post_init__(self) -> None:
        """A public URL that is not given is that of the listener."""
        if not self.public_url:
            force_setattr(self, "public_url", self.listen)

    @property
    def address(self) -> Listen:
        """Host and port."""
        return parse_listen(self.listen)


class StoreSettings(Section, frozen=True, kw_only=True):
    """Where data are kept; files are relative to the project folder."""

    session: Annotated[Text, Meta(description="Sessions and their fields: `sqlite:///FILE` or `memory://`.")] = (
        "sqlite:///var/state.db"
    )
    engine: Annotated[
        Text, Meta(description="Accounts, grants, keys, audit: `sqlite:///FILE` or `postgresql://…`.")
    ] = "sqlite:///var/engine.db"
    application: Annotated[
        Text,
        Meta(
            description="The database `main` of scripts, pipelines and Python: `sqlite:///FILE` or `postgresql://…`; never "
            "the file of another store."
        ),
    ] = "sqlite:///var/app.db"


class DatabaseSettings(Section, frozen=True, kw_only=True):
    """One more database of the application, known by its NAME: 1-30 of `a-z 0-9 _`, a letter first, not `main`."""

    url: Annotated[Text, Meta(description="`sqlite:///FILE` or `postgresql://…`, as `stores.application`.")] = ""


class SessionSettings(Section, frozen=True, kw_only=True):
    """How many sessions there may be."""

    max_stateful: Annotated[
        int, Meta(ge=0, description="Live sessions of all stateful realms together; 0 is no ceiling.")
    ] = 10_000
    max_stateless: Annotated[
        int, Meta(ge=0, description="Live sessions of all stateless realms together; 0 is no ceiling.")
    ] = 1_000_000
    anonymous_share: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            description="Per cent of a ceiling that anonymous sessions may take; they are also the first to go when "
            "a logged-in user needs the room.",
        ),
    ] = 20
    anonymous_per_address: Annotated[
        int,
        Meta(
            ge=0,
            description="Live anonymous sessions of one realm from one address block (/24 of IPv4, /64 of IPv6); one "
            "more ends the idlest of them. 0 is no quota; this machine's own addresses have none.",
        ),
    ] = 20


class KeySettings(Section, frozen=True, kw_only=True):
    """Keys."""

    master_key_file: Annotated[
        Text,
        Meta(
            description="File of the master key, mode 0600, outside the project; from the project folder when relative. "
            "Default: `<user config folder>/sojourn/<installation id>.key`."
        ),
    ] = ""


class LogSettings(Section, frozen=True, kw_only=True):
    """The log on standard error."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="The least that is written.")] = (
        "info"
    )
    format: Annotated[Literal["json", "text"], Meta(description="One JSON object a line, or text for people.")] = "json"


class MailSettings(Section, frozen=True, kw_only=True):
    """Mails to users: codes for a new password, news of a changed one."""

    smtp: Annotated[
        Text,
        Meta(
            description="`smtps://HOST[:PORT]`, or `smtp://HOST[:PORT]` with STARTTLS; user and password come from "
            "`credentialFile`. Empty: mails are written into `outbox`."
        ),
    ] = ""
    credential_file: Annotated[
        Text, Meta(description="File of mode 0600 with `user:password` in its first line, outside the project.")
    ] = ""
    sender: Annotated[Text, Meta(description="Address in From.")] = "sojourn@localhost"
    outbox: Annotated[Text, Meta(description="Folder into which mails are written, one file each.")] = "var/outbox"


class AuditSettings(Section, frozen=True, kw_only=True):
    """How long the audit log is kept."""

    keep: Annotated[int, Meta(ge=1, description="Days until an event is deleted.")] = 365
    keep_addresses: Annotated[int, Meta(ge=1, description="Days until the client address of an event is erased.")] = 90


class ChangeSettings(Section, frozen=True, kw_only=True):
    """How long the change log is kept."""

    keep: Annotated[int, Meta(ge=0, description="Days until a change is removed from the log; at 0 never.")] = 0
    keep_values: Annotated[
        int, Meta(ge=0, description="Days until what the records held is erased from it (the rest stays); at 0 never.")
    ] = 0


class AttestSettings(Section, frozen=True, kw_only=True):
    """`sojourn attest`."""

    enabled: Annotated[bool, Meta(description="Whether the engine makes a realm for `sojourn attest` when asked.")] = (
        False
    )


class ScriptSettings(Section, frozen=True, kw_only=True):
    """Scripts and their environments."""

    roots: Annotated[
        tuple[Text, ...],
        Meta(description="Folders of `ufs:` in the order of search, the first wins; relative to the project folder."),
    ] = ("scripts",)
    max_environments: Annotated[
        int,
        Meta(
            ge=1,
            description="JavaScript environments of this node, all realms and both runtimes together; several worker "
            "processes share them equally.",
        ),
    ] = 300
    max_environments_v8: Annotated[int, Meta(ge=1, description="Of these, environments of the runtime v8.")] = 20
    anonymous_share: Annotated[
        int, Meta(ge=1, le=100, description="Per cent of the environments that anonymous sessions may take.")
    ] = 20
    warm_ije: Annotated[int, Meta(ge=0, le=64, description="Environments of `ije` that are kept ready.")] = 2
    warm_v8: Annotated[
        int, Meta(ge=0, le=16, description="Environments of `v8` that are kept ready once a realm uses it.")
    ] = 1


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of one project."""

    #: The project folder, absolute.
    project: Path
    server: ServerSettings = ServerSettings()
    admin: AdminSettings = AdminSettings()
    stores: StoreSettings = StoreSettings()
    sessions: SessionSettings = SessionSettings()
    keys: KeySettings = KeySettings()
    log: LogSettings = LogSettings()
    mail: MailSettings = MailSettings()
    audit: AuditSettings = AuditSettings()
    changes: ChangeSettings = ChangeSettings()
    attest: AttestSettings = AttestSettings()
    scripts: ScriptSettings = ScriptSettings()
    #: By name, all but ``main``.
    databases: dict[str, DatabaseSettings] = {}

    def master_key_path(self, installation: str) -> Path:
        """The file of the master key of the installation with that id."""
        if self.keys.master_key_file:
            return key_file(self.keys.master_key_file, self.project)
        return platformdirs.user_config_path("sojourn", appauthor=False) / f"{installation}.key"

    @property
    def session_store(self) -> StoreUrl:
        """The URL of the session store, taken apart."""
        return parse_store_url("session", self.stores.session, self.project)

    @property
    def database_urls(self) -> Mapping[str, str]:
        """The URLs of the databases of the application by name, ``main`` first."""
        return {MAIN_DATABASE: self.stores.application, **{name: its.url for name, its in self.databases.items()}}

    @property
    def script_roots(self) -> Sequence[Path]:
        """The folders of ``ufs:``, the first wins."""
        return [self.project / root for root in self.scripts.roots]

    @property
    def engine_store(self) -> StoreUrl:
        """The URL of the engine database, taken apart."""
        return parse_store_url("engine", self.stores.engine, self.project)


SECTIONS: dict[str, type[Section]] = {
    "server": ServerSettings,
    "admin": AdminSettings,
    "stores": StoreSettings,
    "sessions": SessionSettings,
    "keys": KeySettings,
    "log": LogSettings,
    "mail": MailSettings,
    "audit": AuditSettings,
    "changes": ChangeSettings,
    "attest": AttestSettings,
    "scripts": ScriptSettings,
}

#: Sections of which there may be several, each with a name of its own: ``[databases.reports]``.
NAMED_SECTIONS: dict[str, type[Section]] = {"databases": DatabaseSettings}

#: The database of ``stores.application``.
MAIN_DATABASE = "main"


def key_file(name: str, project: Path) -> Path:
    """The absolute path of a key file named in the settings; ``~`` is the user's home, relative means to ``project``."""
    path = Path(name)
    if path.parts[:1] == ("~",):
        path = Path.home().joinpath(*path.parts[1:])
    return (project / path).absolute()


def environment_name(setting: str) -> str:
    """The environment variable of a setting: ``server.publicUrl`` -> ``SOJOURN_SERVER_PUBLICURL``."""
    return f"SOJOURN_{setting.replace('.', '_')}".upper()
