"""Where settings come from, and what follows from them."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from sojourn.config.addresses import Listen, StoreUrl
from sojourn.config.problems import ConfigError
from sojourn.config.project import Project, load_project
from sojourn.config.settings import ServerSettings, Settings

NOTHING: Mapping[str, str] = MappingProxyType({})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "realms" / "main").mkdir(parents=True)
    (tmp_path / "sojourn.toml").touch()
    return tmp_path


def load(
    folder: Path, toml: str = "", environ: Mapping[str, str] = NOTHING, options: Mapping[str, str] = NOTHING
) -> Project:
    (folder / "sojourn.toml").write_text(toml)
    return load_project(folder, environ, options)


def refused(
    folder: Path, toml: str = "", environ: Mapping[str, str] = NOTHING, options: Mapping[str, str] = NOTHING
) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(folder, toml, environ, options)
    return [str(problem) for problem in error.value.problems]


def test_an_empty_file_gives_the_defaults(folder: Path) -> None:
    project = load(folder)
    assert project.settings == Settings(project=folder)
    assert project.settings.server == ServerSettings(
        host="127.0.0.1", port=8420, workers=1, public_url="http://127.0.0.1:8420", trusted_proxies=()
    )
    assert project.settings.admin.address == Listen("127.0.0.1", 8421)
    assert project.settings.session_store == StoreUrl("sqlite", folder / "var" / "state.db")
    assert project.settings.engine_store == StoreUrl("sqlite", folder / "var" / "engine.db")
    assert (project.settings.log.level, project.settings.log.format) == ("info", "json")
    assert project.notes == ()


def test_an_option_beats_the_environment_and_the_environment_beats_the_file(folder: Path) -> None:
    toml = '[server]\nport = 1001\n[log]\nlevel = "error"\n[admin]\nlisten = "http://127.0.0.1:1004"\n'
    environ = {"SOJOURN_SERVER_PORT": "1002", "SOJOURN_LOG_LEVEL": "debug"}
    settings = load(folder, toml, environ, {"server.port": "1003"}).settings
    assert (settings.server.port, settings.log.level, settings.admin.address.port) == (1003, "debug", 1004)
    assert load(folder, toml, environ).settings.server.port == 1002
    assert load(folder, toml).settings.server.port == 1001


def test_a_bad_value_is_reported_even_where_a_stronger_place_has_a_good_one(folder: Path) -> None:
    lines = refused(
        folder,
        '[server]\nport = "a"\nhost = "a b"\n',
        {"SOJOURN_PORT": "b"},
        {"server.port": "1003", "server.host": "c"},
    )
    assert lines == [
        "environment:0: SOJOURN_PORT: expected a whole number, got a text",
        "sojourn.toml:2: server.port: expected a whole number, got a text",
        "sojourn.toml:3: server.host: 'a b' is neither an IP address nor a host name",
    ]


def test_the_environment_spells_every_kind_of_value(folder: Path) -> None:
    environ = {
        "SOJOURN_SERVER_WORKERS": "4",
        "SOJOURN_SERVER_PUBLICURL": "https://Shop.Example:443/",
        "SOJOURN_SERVER_TRUSTEDPROXIES": "10.0.0.0/8, ::1",
        "SOJOURN_KEYS_MASTERKEYFILE": "/somewhere/else.key",
        "PATH": "/bin",
    }
    settings = load(folder, "", environ).settings
    assert settings.server.workers == 4
    assert settings.server.public_url == "https://shop.example"
    assert settings.server.trusted_proxies == ("10.0.0.0/8", "::1/128")
    assert settings.master_key_path("any") == Path("/somewhere/else.key")


def test_host_and_port_have_short_names_in_the_environment(folder: Path) -> None:
    server = load(folder, "", {"SOJOURN_HOST": "::1", "SOJOURN_PORT": "9000"}).settings.server
    assert (server.host, server.port, server.public_url) == ("::1", 9000, "http://[::1]:9000")


def test_the_short_and_the_long_name_must_agree(folder: Path) -> None:
    environ = {"SOJOURN_PORT": "9000", "SOJOURN_SERVER_PORT": "9001"}
    assert refused(folder, "", environ) == ["environment:0: SOJOURN_SERVER_PORT: differs from SOJOURN_PORT"]
    assert load(folder, "", {"SOJOURN_PORT": "9000", "SOJOURN_SERVER_PORT": "9000"}).settings.server.port == 9000


def test_bad_values_of_environment_and_command_line_name_the_variable_and_the_option(folder: Path) -> None:
    environ = {"SOJOURN_SERVER_TRUSTEDPROXIES": "10.0.0.0/8,x", "SOJOURN_LOG_FORMAT": "xml"}
    assert refused(folder, "", environ, {"server.port": "0", "server.prt": "1"}) == [
        "command line:0: server.port: expected a whole number >= 1",
        "command line:0: unknown setting 'server.prt', did you mean 'server.port'?",
        "environment:0: SOJOURN_LOG_FORMAT: 'xml' is none of 'json', 'text'; the nearest valid one is 'text'",
        "environment:0: SOJOURN_SERVER_TRUSTEDPROXIES[1]: 'x' is not an IP network like 10.0.0.0/8",
    ]


def test_an_unknown_variable_of_ours_is_a_note(folder: Path) -> None:
    notes = load(folder, "", {"SOJOURN_SERVER_PUBLIC_URL": "https://shop.example"}).notes
    assert [str(note) for note in notes] == [
        "environment:0: note: SOJOURN_SERVER_PUBLIC_URL: unknown variable, did you mean 'SOJOURN_SERVER_PUBLICURL'?"
    ]


@pytest.mark.parametrize(
    ("host", "port", "url"),
    [
        ("127.0.0.1", "8420", "http://127.0.0.1:8420"),
        ("0.0.0.0", "9000", "http://127.0.0.1:9000"),
        ("::", "80", "http://127.0.0.1"),
        ("::1", "9000", "http://[::1]:9000"),
        ("Shop.example", "9000", "http://shop.example:9000"),
    ],
)
def test_a_public_url_that_is_not_given_follows_host_and_port(folder: Path, host: str, port: str, url: str) -> None:
    assert load(folder, "", {}, {"server.host": host, "server.port": port}).settings.server.public_url == url


def test_a_public_url_that_is_given_stays_when_the_port_changes(folder: Path) -> None:
    toml = '[server]\npublicUrl = "https://shop.example"\n'
    assert load(folder, toml, {}, {"server.port": "9000"}).settings.server.public_url == "https://shop.example"


def test_without_a_file_name_the_master_key_is_in_the_users_config_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    monkeypatch.setenv("HOME", str(folder))
    path = load(folder).settings.master_key_path("installation-id")
    assert path.name == "installation-id.key"
    assert path.parent.name == "sojourn"
    assert path.is_relative_to(folder)


def test_a_key_file_may_be_named_from_the_home_folder_and_from_the_project(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/nobody")
    keys = load(folder, '[keys]\nmasterKeyFile = "~/sojourn.key"\n').settings
    assert keys.master_key_path("x") == Path("/home/nobody/sojourn.key")
    keys = load(folder, '[keys]\nmasterKeyFile = "../sojourn.key"\n').settings
    assert keys.master_key_path("x").resolve() == folder.parent.resolve() / "sojourn.key"


def test_a_link_does_not_bring_the_master_key_into_the_project(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "link"
    outside.symlink_to(folder)
    message = "keys.masterKeyFile: the master key must lie outside the project folder and its backups"
    toml = f'[keys]\nmasterKeyFile = "{outside}/master.key"\n'
    assert refused(folder, toml) == [f"sojourn.toml:2: {message}"]


def test_the_session_store_may_be_memory(folder: Path) -> None:
    assert load(folder, '[stores]\nsession = "memory://"\n').settings.session_store == StoreUrl("memory", None)


def test_a_relative_project_folder_becomes_absolute(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert load_project(Path(folder.name), {}).settings.project == folder


def test_databases_have_names(folder: Path) -> None:
    toml = '[databases.reports]\nurl = "sqlite:///var/reports.db"\n[databases.old_one]\nurl = "postgresql://db/old"\n'
    project = load(folder, toml, {"SOJOURN_DATABASES_OLD_ONE_URL": "postgresql://u:p@db/old"})
    assert project.settings.database_urls == {
        "main": "sqlite:///var/app.db",
        "reports": "sqlite:///var/reports.db",
        "old_one": "postgresql://u:p@db/old",
    }
    assert (
        load(folder, options={"databases.more.url": "sqlite:///m.db"}).settings.databases["more"].url
        == "sqlite:///m.db"
    )
    (note,) = load(folder, "", {"SOJOURN_DATABASES_MAIN_URL": "sqlite:///x.db"}).notes
    assert "SOJOURN_DATABASES_MAIN_URL: unknown variable" in str(note)


def test_two_databases_never_share_a_file(folder: Path) -> None:
    (problem,) = refused(folder, '[databases.reports]\nurl = "sqlite:///var/../var/app.db"\n')
    assert (
        problem
        == "sojourn.toml:2: databases.reports.url: stores.application is in the same file; each needs one of its own"
    )
