"""Realm folders: merging, globals, and what comes with a realm."""

from pathlib import Path
from types import MappingProxyType

import pytest

from sojourn.config.project import load_project
from sojourn.core.clock import HOUR
from sojourn.model.realm import RealmConfig


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sojourn.toml").touch()
    return tmp_path


def put(folder: Path, name: str, text: str) -> None:
    path = folder / "realms" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_realm_without_files_has_the_defaults(folder: Path) -> None:
    (folder / "realms" / "main").mkdir(parents=True)
    realm = load_project(folder, {}).realms["main"]
    assert (realm.name, realm.config, realm.globals, realm.notes) == ("main", RealmConfig(), {}, ())


def test_21_35_files_merge_in_name_order_and_the_last_value_wins(folder: Path) -> None:
    put(folder, "main/0200 shop.json", '{"tokenLifetime": 60000, "hosts": ["b.example"]}')
    put(folder, "main/0100 base.json", '{"tokenLifetime": 70000, "hosts": ["a.example"], "directory": "staff"}')
    put(folder, "main/0150 more.json", '{"tokenLifetime": 80000}')
    config = load_project(folder, {}).realms["main"].config
    assert (config.token_lifetime, config.hosts, config.directory) == (60000, ("b.example",), "staff")


def test_null_is_the_default_again(folder: Path) -> None:
    put(folder, "main/1.json", '{"hosts": ["a.example"], "sessionIdle": 60000}')
    put(folder, "main/2.json", '{"hosts": null, "sessionIdle": null}')
    config = load_project(folder, {}).realms["main"].config
    assert (config.hosts, config.session_idle) == (None, None)


def test_files_of_other_kinds_and_hidden_files_are_not_read(folder: Path) -> None:
    put(folder, "main/realm.json", '{"directory": "staff"}')
    for name in ("README.md", ".realm.json", "realm.json~", "realm.yaml"):
        put(folder, f"main/{name}", "no JSON")
    put(folder, ".git/config", "")
    realms = load_project(folder, {}).realms
    assert {name: realm.config.directory for name, realm in realms.items()} == {"main": "staff"}


def test_globals_are_text_values_of_their_realm_and_cannot_be_changed(folder: Path) -> None:
    put(folder, "main/globals.json", '{"greeting": "Hello", "max.items-1": "10"}')
    put(folder, "other/realm.json", "{}")
    realms = load_project(folder, {}).realms
    assert realms["main"].globals == {"greeting": "Hello", "max.items-1": "10"}
    assert isinstance(realms["main"].globals, MappingProxyType)
    assert realms["other"].globals == {}


def test_a_global_of_exactly_the_greatest_length_is_taken(folder: Path) -> None:
    put(folder, "main/globals.json", f'{{"{"a" * 59}": "{"ä" * 10_000}"}}')
    assert load_project(folder, {}).realms["main"].globals == {"a" * 59: "ä" * 10_000}


def test_notes_of_a_realm_come_with_it_and_with_the_project(folder: Path) -> None:
    put(folder, "a/realm.json", '{"trustedHosts": []}')
    put(folder, "b/realm.json", "{}")
    project = load_project(folder, {})
    assert [str(note) for note in project.notes] == [
        "realms/a/realm.json:1: note: trustedHosts: not in effect in this version"
    ]
    assert project.realms["a"].notes == project.notes
    assert project.realms["b"].notes == ()


@pytest.mark.parametrize(
    "text",
    [
        '{"tokenLifetime": 60000, "maxTokenLifetime": 60000}',
        '{"sessionIdle": 60000, "sessionLifetime": 60000}',
        '{"sessionIdle": 0, "touchEvery": 86400000}',
        '{"sessionIdle": 60000, "touchEvery": 0}',
        '{"maxInactiveTime": 86400001, "maxLifeTime": 0}',
        '{"sessionTrackingEnabled": true}',
        '{"sidInQuery": true}',
        '{"environmentType": "stateful", "sessionTrackingEnabled": false, "sidInQuery": true}',
        '{"sessionLifetime": 60000}',
        '{"hosts": ["a.example", "127.0.0.1", "::1", "localhost"]}',
        '{"loginScope": "shop.user"}',
        '{"keepAtLogin": []}',
    ],
)
def test_what_only_looks_like_a_contradiction_is_allowed(folder: Path, text: str) -> None:
    put(folder, "main/realm.json", text)
    assert load_project(folder, {}).notes == ()


def test_two_tracking_realms_with_hosts_of_their_own_are_not_warned_about(folder: Path) -> None:
    put(folder, "a/realm.json", '{"sessionTrackingEnabled": true, "hosts": ["a.example"]}')
    put(folder, "b/realm.json", '{"sessionTrackingEnabled": true, "hosts": ["b.example"]}')
    (folder / "sojourn.toml").write_text('[server]\npublicUrl = "https://a.example"\n')
    assert load_project(folder, {}).notes == ()


def test_several_workers_are_fine_without_a_stateful_realm(folder: Path) -> None:
    put(folder, "main/realm.json", f'{{"sessionTrackingEnabled": true, "sessionIdle": {HOUR}}}')
    assert load_project(folder, {}, {"server.workers": "8"}).settings.server.workers == 8
