"""A store that cannot count tries or keep values for one caller serves no logins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sojourn.bootstrap import Engine, install
from sojourn.config.project import load_project
from sojourn.core.errors import StoreUnavailable
from sojourn.engine.watch.powers import check_powers
from sojourn.stores.memory import MemoryStore


class Forgetful:
    """Only what :class:`~sojourn.stores.limited.OneTime` asks for."""

    async def put(self) -> None:
        """Nobody gets so far."""

    look = take = drop = put


def test_what_is_wanting_is_named() -> None:
    store: Any = Forgetful()
    with pytest.raises(StoreUnavailable, match="keeps counters of tries, and this one does not"):
        check_powers(store)
    store = object()
    with pytest.raises(StoreUnavailable, match="one caller can take and counters of tries"):
        check_powers(store)
    check_powers(MemoryStore())


@pytest.mark.anyio
async def test_no_engine_starts_on_such_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)

    async def opened(*_: object) -> object:
        return Forgetful()

    monkeypatch.setattr("sojourn.bootstrap.engine.open_store", opened)
    (tmp_path / "sojourn.toml").write_text("")
    await install(load_project(tmp_path, {}).settings)
    with pytest.raises(StoreUnavailable, match="counters of tries"):
        async with Engine.open(load_project(tmp_path, {})):
            pytest.fail("it started")
