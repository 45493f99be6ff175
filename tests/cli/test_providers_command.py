"""``sojourn providers`` on a project with a provider file."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Line

SECRET = "what the provider gave"
CORP = "issuer: https://idp.example\nclientId: shop\nrealms: [acme]\ntitle: Corp\n"


@pytest.fixture
def corp(line: Line) -> Line:
    folder = line.project / "providers"
    folder.mkdir()
    (folder / "corp.yaml").write_text(CORP)
    return line


def test_providers_are_listed_shown_and_switched(corp: Line) -> None:
    (listed,) = corp.json("providers", "list")
    assert (listed["name"], listed["enabled"], listed["secret"]) == ("corp", True, "missing")
    assert corp.json("providers", "disable", "corp")["enabled"] is False
    assert corp.json("providers", "show", "corp")["enabled"] is False
    assert corp.json("providers", "enable", "corp")["enabled"] is True
    assert corp.run("providers", "show", "other").exit_code == 1


def test_a_secret_is_read_from_standard_input_and_never_shown(corp: Line) -> None:
    done = corp.run("providers", "secret", "corp", "--password-stdin", stdin=SECRET + "\n")
    assert done.exit_code == 0
    assert corp.json("providers", "show", "corp")["secret"] == "kept"
    assert SECRET not in done.output + corp.run("providers", "show", "corp").output
    assert SECRET.encode() not in b"".join(path.read_bytes() for path in (corp.project / "var").iterdir())


def test_an_identity_is_linked_listed_and_unlinked(corp: Line) -> None:
    assert corp.json("providers", "link", "corp", "admin", "s-1")["subject"] == "s-1"
    (one,) = corp.json("providers", "identities", "admin")
    assert (one["issuer"], one["linkedBy"]) == ("https://idp.example", "host")
    assert corp.json("providers", "unlink", "admin", str(one["key"]))["sessionsEnded"] == 0
    assert corp.json("providers", "identities", "admin") == []
    assert corp.run("providers", "unlink", "admin", str(one["key"])).exit_code == 1


def test_a_provider_that_cannot_be_reached_is_said_in_one_line(corp: Line) -> None:
    corp.run("providers", "secret", "corp", "--password-stdin", stdin=SECRET)
    (corp.project / "providers" / "corp.yaml").write_text(CORP.replace("https://idp.example", "http://127.0.0.1:1"))
    corp.run("providers", "secret", "corp", "--password-stdin", stdin=SECRET)
    done = corp.run("providers", "test", "corp")
    assert done.exit_code == 1
    assert "127.0.0.1, a loopback address; it is not among the allowed ones" in done.output
