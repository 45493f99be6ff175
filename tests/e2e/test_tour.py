"""What the demo prints is a script: these very bytes are run by sh and curl."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.process import EngineProcess, environment, running
from tests.patience import HANGS

START, END = "# The tour", "# End of the tour"


def tour_of(engine: EngineProcess) -> str:
    printed = engine.log.read_text()
    return printed[printed.index(START) : printed.index(END)]


@pytest.mark.skipif(shutil.which("curl") is None, reason="the tour needs curl")
def test_the_tour_prints_what_it_says(tmp_path: Path) -> None:
    with running(EngineProcess(tmp_path / "shop", tmp_path, "demo")) as engine:
        script = tour_of(engine)
        done = subprocess.run(
            ["sh", "-c", script], capture_output=True, text=True, timeout=HANGS, env=environment(tmp_path), check=False
        )
    promised = [line.removeprefix("#    ") for line in script.splitlines() if line.startswith("#    ")]
    assert len(promised) >= 6
    assert done.stdout.splitlines() == promised
    assert done.stderr == ""


def test_every_start_has_fresh_passwords_and_a_fresh_key(tmp_path: Path) -> None:
    engine = EngineProcess(tmp_path / "shop", tmp_path, "demo")
    scripts = []
    for _ in range(2):
        engine.log.write_bytes(b"")
        with running(engine):
            scripts.append(tour_of(engine))
    secrets = [{line for line in script.splitlines() if "sjk_" in line or '"password"' in line} for script in scripts]
    assert len(secrets[0]) == 3
    assert not secrets[0] & secrets[1]
