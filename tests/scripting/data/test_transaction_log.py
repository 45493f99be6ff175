"""``TransactionLog`` and ``DBTracker`` of scripts, on both runtimes and both databases."""

from __future__ import annotations

import pytest

from tests.scripting.data.conftest import Players

pytestmark = pytest.mark.anyio

#: ``add(n)``: adds products, ``change(name)``: renames the first; ``names()``: theirs; under a tag of this script's own.
HELP = """
const TransactionLog = require('@nginstack/engine/lib/database/TransactionLog');
const DBTracker = require('@nginstack/engine/lib/database/DBTracker.js');
const log = new TransactionLog();
const mine = () => database.query('SELECT * FROM product WHERE "iKey" BETWEEN ? AND ? ORDER BY "iKey"', [K, K + 9]);
const names = () => mine().getRows('name');
function add(n) {
  const ds = mine();
  const from = K + ds.recordCount;
  for (let i = 0; i < n; i++) { ds.append({iKey: from + i, name: 'p' + (from + i - K)}); ds.post(); }
  return ds.applyUpdates();
}
function change(name) { const ds = mine(); ds.edit(); ds.setField('name', name); ds.post(); return ds.applyUpdates(); }
"""


async def test_21_20_rows_of_a_tag_are_undone_through_the_log(player: Players) -> None:
    anna = await player()
    assert await anna(
        f"""{HELP}
        const first = add(2);
        session.trackingId = 'tag ' + K;
        const second = change('bad'), third = add(1);
        const logs = log.query({{version: [second, third]}});
        const told = [logs.getRows('iTag').every((tag) => tag === session.trackingId), logs.getRows('iType')];
        const undone = log.undoLog({{logs}});
        told.push(undone > third, names(), database.getVersion() === undone, log.undoLog({{logs}}));
        const again = log.redoLog({{tag: session.trackingId}});
        told.push(again > undone, names(), log.undoLog({{version: [second, third]}}) > again, names());
        session.trackingId = '';
        return told;
        """
    ) == [
        True, ["UPDATE", "INSERT"],
        True, ["p0", "p1"], True, 0,
        True, ["bad", "p1", "p2"], True, ["p0", "p1"],
    ]  # fmt: skip


async def test_changes_are_asked_for_by_time_record_user_table_and_type(player: Players) -> None:
    anna = await player()
    assert await anna(
        f"""{HELP}
        const start = new Date(Date.now() - 60000), version = add(2);
        change('other');
        const count = (options) => log.query(options).recordCount;
        const key = {{recordKey: K, tableClass: 'product'}};
        return [count({{version}}), count(key), count({{...key, logType: 'UPDATE'}}), count({{...key, userKey: session.userKey}}),
          count({{...key, startDate: start}}), count({{...key, startDate: start, endDate: start}}),
          count({{...key, startDate: start, startTime: '00:00:00', endDate: new Date(), endTime: '23:59:59'}}) > 0,
          count({{recordKey: [K, K + 1], tableClass: 'product'}}), count({{...key, userKey: [-5]}})];
        """
    ) == [2, 2, 1, 2, 2, 0, True, 3, 0]  # fmt: skip


async def test_what_makes_no_sense_is_refused(player: Players) -> None:
    anna, nobody = await player(), await player("")
    assert await anna(
        f"""{HELP}
        return [code(() => log.query({{}})), code(() => log.query({{userKey: 1}})), code(() => log.undoLog({{}})),
          code(() => log.undoLog({{logs: [1]}})), code(() => log.query({{version: 'x'}})),
          code(() => log.query({{recordKey: 1, startTime: '10:00:00'}})), code(() => log.query({{version: 1, sourceDatabase: 5}})),
          code(() => log.undoLog({{tag: 'x', onConflict: 'hope'}}))];
        """
    ) == [
        "database.nothing_selected", "database.nothing_selected", "database.nothing_selected",
        "TypeError", "script.bad_argument", "script.bad_argument", "TypeError", "script.bad_argument",
    ]  # fmt: skip
    assert await nobody(f"{HELP} return code(() => log.undoLog({{tag: 'x'}}));") == "database.login_required"


async def test_conflicts_and_the_changes_of_others(player: Players) -> None:
    anna, ben = await player(), await player("ben")
    assert await anna(
        f"""{HELP}
        session.trackingId = 'mine ' + K;
        add(1);
        session.trackingId = '';
        change('since');
        const tag = 'mine ' + K;
        const told = [code(() => log.undoLog({{tag}})), names(), code(() => log.undoLog({{tag, onConflict: 'force'}})),
          log.undoLog({{tag, onConflict: 'skip'}})];
        try {{ log.undoLog({{tag}}); }} catch (e) {{ told.push(e.count); }}
        return told;
        """
    ) == ["database.undo_conflicts", ["since"], "auth.insufficient_scope", 0, 1]
    version = await anna(f"{HELP} return add(1);")
    assert await ben(f"{HELP} return code(() => log.undoLog({{version: {version}}}));") == "auth.insufficient_scope"


async def test_a_tracker_takes_back_what_was_changed_under_it(player: Players) -> None:
    anna = await player()
    assert await anna(
        f"""{HELP}
        add(1);
        const tracker = new DBTracker({{poolId: 7}});
        const told = [tracker.active, tracker.maxActiveTime, tracker.autoUndo, tracker.poolId];
        tracker.start();
        told.push(tracker.active, database.trackingId === tracker.id);
        add(2);
        told.push(names().length, new DBTracker({{id: tracker.id}}).active, tracker.undoChanges() > 0, names().length);
        tracker.autoUndo = true;
        add(1);
        tracker.finish();
        told.push(tracker.active, database.trackingId, names().length, code(() => tracker.finish()),
          DBTracker.finishAbandoned(), code(() => {{ tracker.maxActiveTime = 'x'; }}));
        return told;
        """
    ) == [
        False, 172_800_000, False, 7, True, True, 3, True, True, 1,
        False, "", 1, "tracker.inactive", 0, "script.bad_argument",
    ]  # fmt: skip
