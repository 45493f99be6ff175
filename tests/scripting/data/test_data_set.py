"""DataSets of scripts: types of fields, exactness, searches, errors, and what a DataSet is outside of its environment."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sojourn.scripting.prelude import LAZY, message
from sojourn.scripting.runtime import WriteGlobal
from sojourn.scripting.tables import BadTable, DataSetValue, unpack
from tests.scripting.conftest import Running

pytestmark = pytest.mark.anyio

#: ``made({name: type, …}, row, …)``, and the code of what a function throws.
HELP = """
function made(fields, ...rows) {
  const ds = new DataSet();
  for (const name in fields) ds.createField(name, fields[name]);
  ds.create();
  for (const row of rows) { ds.append(row); ds.post(); }
  return ds;
}
var code = (f) => { try { f(); return 'nothing'; } catch (e) { return e.code ?? e.name; } };
"""


async def told(js: Running, code: str) -> Any:
    """What a script says in JSON."""
    return json.loads(str(await js(f"{HELP}\nJSON.stringify((() => {{ {code} }})())")))


ALL = """made({s: 'memo', i: 'int64', n: 'double', d: 'decimal', b: 'boolean', y: 'date', h: 'time', t: 'datetime', x: 'blob',
  j: 'json'}, ['é\\0', 9007199254740993n, 0.1, '-0.10', true, '2024-02-29', '10:30', new Date(1.5e12),
  new Uint8Array([1, 2, 255]), {a: [1, null]}])"""


async def test_each_type_is_kept_exactly_and_read_in_each_way(js: Running) -> None:
    assert await told(
        js,
        f"""
        const ds = {ALL};
        const names = ds.getFieldNames();
        const read = (way) => names.map((name) => {{ try {{ return ds[way](name); }} catch (e) {{ return e.code; }} }});
        return [names.map((name) => ds.getFieldType(name)), read('str'), read('num'), read('bool'),
          [String(ds.val('i')), ds.val('n'), ds.val('d'), ds.val('y').getTime(), ds.val('t').getTime(),
           [...new Uint8Array(ds.val('x'))], ds.val('j'), String(ds.dbkey('i'))], ds];
        """,
    ) == [
        ["string", "integer", "number", "decimal", "boolean", "date", "time", "datetime", "bytes", "json"],
        ["é\0", "9007199254740993", "0.1", "-0.10", "true", "2024-02-29", "10:30:00", "2017-07-14T02:40:00.000Z", "AQL/",
         '{"a":[1,null]}'],
        ["dataset.bad_value", 9007199254740992, 0.1, -0.1, 1, 1709164800000, "dataset.bad_value", 1500000000000,
         "dataset.bad_value", "dataset.bad_value"],
        ["dataset.bad_value", True, True, True, True, *["dataset.bad_value"] * 5],
        ["9007199254740993", 0.1, -0.1, 1709164800000, 1500000000000, [1, 2, 255], {"a": [1, None]}, "9007199254740993"],
        [{"s": "é\0", "i": "9007199254740993", "n": 0.1, "d": -0.1, "b": True, "y": "2024-02-29", "h": "10:30:00",
          "t": "2017-07-14T02:40:00.000Z", "x": "AQL/", "j": {"a": [1, None]}}],
    ]  # fmt: skip


async def test_null_reads_as_nothing(js: Running) -> None:
    assert await told(
        js,
        """
        const ds = made({i: 'integer', t: 'datetime'}, [null, undefined]);
        const empty = made({i: 'integer'});
        return [ds.val('i'), ds.str('i'), ds.num('i'), ds.bool('i'), ds.date('t'), ds.dbkey('i'), ds.fieldIsNull('i'),
          empty.val('i'), empty.str('i'), empty.fieldIsNull('i'), empty.bookmark, empty.recordCount];
        """,
    ) == [None, "", 0, False, None, None, True, None, "", True, "", 0]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("string", "{}"), ("string", "true"), ("integer", "1.5"), ("integer", "2 ** 53"), ("integer", "2n ** 63n"),
        ("integer", "'1x'"), ("integer", "''"), ("integer", "true"), ("number", "NaN"), ("number", "'a'"), ("number", "1 / 0"),
        ("decimal", "'1,5'"), ("decimal", "NaN"), ("decimal", "'1e9999'"), ("boolean", "2"), ("boolean", "'yes'"),
        ("date", "'2023-02-29'"), ("date", "'22.11.2026'"), ("date", "5"), ("date", "new Date(NaN)"), ("time", "'25:00'"),
        ("time", "'10:61'"), ("datetime", "'soon'"), ("datetime", "0"), ("datetime", "'2026-13-01T00:00'"), ("bytes", "'AQ=='"),
        ("bytes", "{}"), ("json", "(() => 1)"),
    ],
)  # fmt: skip
async def test_what_does_not_fit_a_field_is_refused(js: Running, kind: str, value: str) -> None:
    assert await told(js, f"return code(() => made({{f: '{kind}'}}, [{value}]))") == "dataset.bad_value"


async def test_what_fits_in_another_spelling_is_taken(js: Running) -> None:
    assert await told(
        js,
        """
        const ds = made({i: 'integer', d: 'decimal', t: 'datetime', s: 'string', y: 'date'},
          [new DBKey(-5), 1e21, '2026-11-22T10:00:00+02:00', 7, new Date(0)], ['+12', -0.000001, '2026-11-22', 12n, null],
          [-9223372036854775808n, 5n, '2026-11-22T10:00', 'x', null]);
        return [ds.getRows('i').map(String), ds];
        """,
    ) == [
        ["-5", "12", "-9223372036854775808"],
        [
            {"i": -5, "d": 1e21, "t": "2026-11-22T08:00:00.000Z", "s": "7", "y": "1970-01-01"},
            {"i": 12, "d": -0.000001, "t": "2026-11-22T00:00:00.000Z", "s": "12", "y": None},
            {"i": "-9223372036854775808", "d": 5, "t": "2026-11-22T10:00:00.000Z", "s": "x", "y": None},
        ],
    ]


async def test_decimals_and_large_integers_are_ordered_and_added_exactly(js: Running) -> None:
    assert await told(
        js,
        """
        const ds = made({d: 'decimal', i: 'integer'}, ['10', 9007199254740991], ['9.999999999999999999999', 1],
          ['-1e-7', 9223372036854775807n], ['10.00', -1]);
        ds.setIndex('d', 'i');
        const order = ds.getRows().map((_, at) => { ds.first(); while (at-- > 0) ds.next(); return ds.str('d'); });
        const sum = made({i: 'integer'}, [9007199254740991], [9007199254740991]).sum('', 'i');
        return [order, ds.sum('', 'd').str('d'), sum.str('i'), ds.sum('d', 'i').recordCount, ds.find(['1e1'])];
        """,
    ) == [["-0.0000001", "9.999999999999999999999", "10", "10.00"], "29.999999899999999999999",
          "18014398509481982", 3, True]  # fmt: skip


async def test_names_of_fields(js: Running) -> None:
    assert await told(
        js,
        """
        const ds = made({iKey: 'integer', name: 'string', Name: 'string'}, [1, 'small', 'large']);
        return [ds.num('IKEY'), ds.str('name'), ds.str('Name'), code(() => ds.str('NAME')), ds.val(0), ds.str(2),
          code(() => ds.val(3)), code(() => ds.val('x')), ds.keyFieldName, code(() => ds.setField('x', 1, true)),
          code(() => ds.createField('y', 'string')), code(() => made({a: 'money'})), code(() => new DataSet().first()),
          code(() => { const d = new DataSet(); d.createField('a', 'string'); d.createField('a', 'string'); })];
        """,
    ) == [1, "small", "large", "dataset.no_field", 1, "large", "dataset.no_field", "dataset.no_field", "iKey", "nothing",
          "dataset.active", "dataset.bad_type", "dataset.inactive", "dataset.field_exists"]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("q = 1", ["a"]), ("q <> 1", ["b", "d"]), ("q != 1 OR q IS NULL", ["b", "c", "d"]), ("NOT q = 1", ["b", "d"]),
        ("q IS NOT NULL AND on", ["a"]), ("not on", ["b"]), ("on = true or d > 2.5", ["a", "d"]), ("[s] like '%a'", ["a"]),
        ('"s" LIKE \'_\' AND q IN (1, 3)', ["a", "d"]), ("q NOT IN (1, NULL)", []), ("q in (2, null)", ["b"]),
        ("d between 1 and 2", ["a", "b"]), ("day >= '2026-01-01'", ["b"]), ("s = 'it''s'", []), ("(q=1)or(q=2)", ["a", "b"]),
        ("q > -1 and d = 1.50", ["a"]), ("  ", ["a", "b", "c", "d"]), ("on = 1", ["a"]), ("q = null", []),
    ],
)  # fmt: skip
async def test_a_filter_lets_through_what_sql_would(js: Running, text: str, found: list[str]) -> None:
    assert (
        await told(
            js,
            f"""
            const ds = made({{s: 'string', q: 'integer', d: 'decimal', on: 'boolean', day: 'date'}},
              ['a', 1, '1.5', true, null], ['b', 2, 2, false, '2026-11-22'], ['c', null, null, null, '1999-12-31'],
              ['d', 3, '2.51', null, null]);
            ds.filter = {json.dumps(text)};
            ds.filtered = true;
            return ds.getRows('s');
            """,
        )
        == found
    )


@pytest.mark.parametrize(
    "text",
    ["q", "q =", "= 1", "q = 1 2", "(q = 1", "q = 'a", "q LIKE 1", "q BETWEEN 1", "q IN 1", "q IN ()", "x = 1", "q ! 1",
     "q = 1 AND", "NOT", "q IS 1", "q NOT 1", "q = -", "(" * 200 + "q = 1" + ")" * 200, "q = 'x'", "q = 1; q = 2"],
)  # fmt: skip
async def test_another_filter_is_refused_and_the_one_before_stays(js: Running, text: str) -> None:
    assert await told(
        js,
        f"""
        const ds = made({{q: 'integer'}}, [1], [2]);
        ds.filter = 'q > 1';
        ds.filtered = true;
        const thrown = code(() => {{ ds.filter = {json.dumps(text)}; }});
        return [thrown.startsWith('dataset.'), ds.filter, ds.getRows('q')];
        """,
    ) == [True, "q > 1", [2]]


async def test_rows_move_between_data_sets_by_the_names_of_their_fields(js: Running) -> None:
    assert await told(
        js,
        """
        const from = made({a: 'decimal', b: 'string', c: 'date'}, ['0.10', 'x', '2026-11-22'], ['2', 'y', null]);
        const to = made({c: 'datetime', a: 'string', z: 'integer'});
        to.append(from);
        to.append({z: 5}); to.copyRecord(from, 'a'); to.post();
        const part = new DataSet(); part.copyStructure(from, 'b;a');
        const copy = new DataSet(); from.setIndex('', 'b'); copy.copy(from); copy.copy(copy);
        return [to, part.getFieldNames(), part.recordCount, copy.getRows('b'), copy.modified, from.getRows('b')];
        """,
    ) == [
        [
            {"c": "2026-11-22T00:00:00.000Z", "a": "0.10", "z": None},
            {"c": None, "a": "2", "z": None},
            {"c": None, "a": None, "z": 5},
        ],
        ["b", "a"], 0, ["y", "x"], True, ["y", "x"],
    ]  # fmt: skip


async def test_everything_can_be_deleted_in_a_loop_and_is_fast(js: Running) -> None:
    code = """
      const ds = made({n: 'integer'});
      for (let i = 0; i < 5000; i++) ds.append([i]);
      for (ds.first(); !ds.eof;) ds.del();
      return [ds.recordCount, ds.bof, ds.eof, ds.modified, code(() => ds.del())];
    """
    assert await told(js, code) == [0, True, True, False, "dataset.no_row"]


async def test_a_script_cannot_change_what_the_class_works_with(js: Running) -> None:
    assert (
        await told(
            js,
            """
        let caught = 0;
        for (const name of ['0', '1', '2', '3', 'status', 'original']) {
          Object.defineProperty(Array.prototype, name, { set() { caught++; }, configurable: true });
          Object.defineProperty(Object.prototype, name, { set() { caught++; }, configurable: true });
        }
        Array.prototype.push = Array.prototype.sort = Array.prototype[Symbol.iterator] = () => { caught++; };
        String.prototype.toLowerCase = String.prototype.slice = Date.prototype.toISOString = () => { caught++; };
        const ds = new DataSet();
        ds.createField('N', 'integer'); ds.createField('T', 'datetime'); ds.create();
        ds.append(); ds.setField('n', 2); ds.setField('t', new Date(0)); ds.post();
        ds.append(); ds.setField('n', 1); ds.post();
        ds.setIndex('n'); ds.filter = 'n in (1, 2)'; ds.filtered = true;
        ds.edit(); ds.setField('n', 3); ds.post();
        return caught + ' ' + ds.num('n') + ' ' + ds.recordCount + ' ' + Object.isFrozen(DataSet.prototype);
        """,
        )
        == "0 2 1 true"
    )


async def test_a_data_set_crosses_the_border_with_what_waits(js: Running) -> None:
    handed = await js(
        f"{HELP}\nvar ds = {ALL}; ds.tableName = 'thing'; ds.append({{s: 'gone'}}); ds.post(); ds.del(); ds"
    )
    assert isinstance(handed, DataSetValue)
    assert [row["i"] for row in handed] == ["9007199254740993"]  # type: ignore[index, call-overload]
    await js.task(WriteGlobal("other", handed))
    assert await told(
        js,
        """
        return [other instanceof DataSet, other.tableName, JSON.stringify(other) === JSON.stringify(ds), other.str('i'),
          other.modified, other.fieldWasModified('s')];
        """,
    ) == [True, "thing", True, "9007199254740993", True, True]


async def test_rows_of_the_database_that_were_changed_cross_as_such(js: Running) -> None:
    packed = {"table": "t", "key": "k", "fields": [{"name": "k", "type": "integer"}, {"name": "s", "type": "string"}],
              "rows": [[1, "a"], [2, "b"], [3, "c"]], "changed": []}  # fmt: skip
    await js.task(WriteGlobal("ds", unpack(json.dumps(packed))))
    changed = await js("ds.edit(); ds.setField('s', 'x'); ds.post(); ds.last(); ds.del(); ds")
    assert isinstance(changed, DataSetValue)
    assert list(changed) == [{"k": 1, "s": "x"}, {"k": 2, "s": "b"}]
    assert json.loads(changed.packed)["changed"] == [[0, "modified", [1, "a"]], [2, "deleted", None]]
    await js.task(WriteGlobal("again", changed))
    assert await told(js, "again.rollBack(); return again.getRows('s')") == ["a", "b", "c"]


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}",
        '{"table":"","key":"","fields":[{"name":"a","type":"integer"}],"rows":[[1,2]],"changed":[]}',
        '{"table":"","key":"","fields":[{"name":"a","type":"thing"}],"rows":[],"changed":[]}',
        '{"table":"","key":"","fields":[],"rows":[[]],"changed":[[1,"deleted",null]]}',
        '{"table":"","key":"","fields":[],"rows":[[]],"changed":[[-1,"deleted",null]]}',
        '{"table":"","key":"","fields":[{"name":"a","type":"decimal"}],"rows":[["x"]],"changed":[]}',
        '{"table":"","key":"","fields":[{"name":"a","type":"json"}],"rows":[[{}]],"changed":[]}',
    ],
)  # fmt: skip
def test_a_text_of_another_shape_is_no_data_set(text: str) -> None:
    with pytest.raises(BadTable):
        unpack(text)


def test_its_files_are_no_part_of_a_fresh_scope() -> None:
    made = message([])
    assert not any(f"{name}.js" in str(file["file"]) for name in LAZY for file in (*made["core"], *made["parts"]))
