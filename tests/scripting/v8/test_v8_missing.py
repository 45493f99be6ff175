"""What is said when the extra is not installed."""

import sys
from pathlib import Path

import pytest

from sojourn.scripting.errors import RuntimeMissing
from sojourn.scripting.v8 import open_runtime

pytestmark = pytest.mark.anyio


async def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deno", None)
    with pytest.raises(RuntimeMissing, match=r"pip install 'sojourn\[v8\]'"):
        await open_runtime()


async def test_a_program_that_cannot_be_executed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "deno"
    program.write_text("")
    monkeypatch.setattr("deno.find_deno_bin", lambda: str(program))
    with pytest.raises(RuntimeMissing, match="is not executable"):
        await open_runtime()
