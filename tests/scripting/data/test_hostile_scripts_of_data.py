"""What scripts say that no database takes: a code of ours for each, and everything goes on."""

from __future__ import annotations

import pytest

from tests.scripting.data.conftest import Players

pytestmark = pytest.mark.anyio


async def test_options_and_selections_beyond_all_measure(player: Players) -> None:
    anna = await player()
    assert await anna(
        """
        const log = new TransactionLog();
        const many = Array.from({length: 70_000}, (_, i) => i);
        return [database.query('SELECT 1 AS a', [], {timeout: Infinity}).num('a'),
          database.query('SELECT 1 AS a', [], {timeout: 1e300}).num('a'),
          code(() => database.query('SELECT 1 AS a', [], {timeout: NaN})),
          code(() => log.query({version: many})), code(() => log.query({recordKey: many})),
          code(() => log.undoLog({version: many})), code(() => log.undoLog({userKey: many, version: 1})),
          code(() => log.query({version: 2n ** 70n})), code(() => database.updateLogs({version: 2n ** 70n}, {freshTrack: true})),
          code(() => database.insertLog('MINE', {classKey: 2n ** 70n})), code(() => database.insertLog('MINE', {key: 'a\\0'})),
          database.query('SELECT count(*) AS n FROM "iLog"').num('n') >= 0];
        """
    ) == [
        1, 1, "script.bad_argument", *["database.too_many_numbers"] * 4, "database.bad_value", "database.bad_value",
        "database.bad_note", "database.bad_note", True,
    ]  # fmt: skip
