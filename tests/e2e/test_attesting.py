"""``sojourn attest`` as it is typed, against a fresh demo."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Shop
from tests.e2e.process import EngineProcess, running
from tests.e2e.process import sojourn as cli
from tests.patience import HANGS


@pytest.mark.alone  # the times of answers are compared, and tries come faster than they are admitted
def test_a_fresh_demo_passes(tmp_path: Path) -> None:
    with running(EngineProcess(tmp_path / "shop", tmp_path, "demo")) as engine:
        done = cli(tmp_path, "attest", engine.url, "--project", str(engine.folder), "--json", timeout=HANGS)
        told = json.loads(done.stdout)
        assert [one for one in told["findings"] if one["outcome"] == "fail"] == [], engine.log.read_text()[-2_000:]
        assert done.returncode == 0, done.stderr
        assert (told["failed"], told["notApplicable"]) == (0, 2)
        assert told["passed"] == len(told["findings"]) - 2 > 35
        listed = cli(tmp_path, "audit", "list", "--kind", "ATTEST", "--project", str(engine.folder), "--json")
        ended, started = json.loads(listed.stdout)
        assert (ended["detail"]["passed"], started["actor"]) == (told["passed"], "host")


def test_only_ones_own_engine_is_attested_without_a_token(shop: Shop, tmp_path: Path) -> None:
    refused = cli(tmp_path, "attest", "https://shop.example.com", "--project", str(shop.folder), "--json")
    assert (refused.returncode, json.loads(refused.stdout)["code"]) == (1, "attest.no_token")
    wrong = cli(tmp_path, "attest", "http://127.0.0.1:1/path", "--project", str(shop.folder), "--json")
    assert (wrong.returncode, json.loads(wrong.stdout)["code"]) == (1, "attest.url")
    silent = cli(tmp_path, "attest", "http://127.0.0.1:1", "--project", str(shop.folder), "--json")
    assert (silent.returncode, json.loads(silent.stdout)["code"]) == (1, "attest.no_answer")
