"""DataSets of scripts against a model that keeps no cursor, index or list of changes but works everything out anew."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from sojourn.scripting.runtime import WriteGlobal
from sojourn.scripting.tables import DataSetValue, unpack
from tests.scripting.conftest import Running
from tests.scripting.data.cursor_model import BROWSE, FIELDS, FILTERS, Cursor, Refused, Values

pytestmark = pytest.mark.anyio

#: Performs acts on the global ``ds``: a list of what was given or thrown, and of what was seen after each.
DRIVER = """
(function (acts) {
  const names = ['k', 's', 'q'];
  const perform = {
    append: (values) => ds.append(values), setField: (name, value) => ds.setField(name, value),
    filter: (text) => { ds.filter = text; }, filtered: (on) => { ds.filtered = on; },
    setIndex: (up, down) => ds.setIndex(up, down), goTo: (number) => ds.gotoBookmark(number),
  };
  const seen = () => ({
    state: ds.state, bof: ds.bof, eof: ds.eof, count: ds.recordCount, current: names.map((name) => ds.getField(name)),
    changed: names.map((name) => ds.fieldWasModified(name)), rows: ds.getRows().map((row) => names.map((name) => row[name])),
    modified: ds.modified,
  });
  return JSON.stringify(acts.map(([act, ...args]) => {
    let told;
    try {
      told = perform[act] ? perform[act](...args) : ds[act](...args);
    } catch (error) {
      told = error.code.slice(8);
    }
    return [told ?? null, seen()];
  }));
})
"""

TEXTS = (None, "", "a", "ab", "b", "ü")
NUMBERS = (None, 0, 1, 2, 3)
PLAIN = ("first", "last", "next", "prior", "edit", "edit", "post", "cancel", "del", "resetRange", "rollBack", "append")
OTHERS = ("append", "setField", "setIndex", "filter", "filtered", "setRange", "find", "findKey", "locate", "goTo")
#: Acts of one example.
ACTS = 60


def one_value(random: Random, name: str) -> Any:
    """A value for a field."""
    return random.choice({"k": range(1, 10), "s": TEXTS, "q": NUMBERS}[name])


def one_act(random: Random, cursor: Cursor) -> tuple[Any, ...]:
    """An act with its arguments; what fits what the cursor is doing, more often than not."""
    if cursor.mode != BROWSE and random.random() < 0.5:
        return random.choice([("setField", *one_setting(random)), ("post",)])
    name = random.choice((*PLAIN, *OTHERS, *OTHERS, "cancelUpdates"))
    if name == "cancelUpdates":
        return (name, random.randint(1, 9)) if random.random() < 0.8 else (name,)
    made: dict[str, tuple[Any, ...]] = {
        "append": ([one_value(random, field) for field in FIELDS],),
        "setField": one_setting(random),
        "setIndex": ([(field, random.random() < 0.5) for field in random.sample(FIELDS, random.randint(0, 2))],),
        "filter": (random.choice(list(FILTERS)),),
        "filtered": (random.random() < 0.5,),
        "setRange": (one_key(random, cursor), one_key(random, cursor)),
        "find": (one_key(random, cursor),),
        "findKey": (random.randint(1, 9),),
        "locate": one_setting(random),
        "goTo": (str(random.randint(1, 12)),),
    }
    return (name, *made.get(name, ()))


def one_setting(random: Random) -> tuple[str, Any]:
    """A field and a value."""
    name = random.choice(FIELDS)
    return name, one_value(random, name)


def one_key(random: Random, cursor: Cursor) -> list[Any]:
    """Values for the first fields of the index."""
    names = [name for name, _ in cursor.order][: random.randint(1, 2)] or ["k"]
    return [one_value(random, name) for name in names]


METHODS = {
    "del": "delete", "setField": "set_field", "filter": "set_filter", "filtered": "set_filtered", "resetRange": "reset_range",
    "findKey": "find_key", "cancelUpdates": "cancel_updates", "rollBack": "roll_back", "setRange": "set_range", "setIndex": "set_index", "goTo": "go_to",
}  # fmt: skip


def of_script(act: tuple[Any, ...]) -> list[Any]:
    """An act as the driver takes it."""
    if act[0] != "setIndex":
        return list(act)
    return ["setIndex", ";".join(name for name, _ in act[1]), ", ".join(name for name, down in act[1] if down)]


def of_model(cursor: Cursor, act: tuple[Any, ...]) -> list[Any]:
    """What the model says of an act."""
    name, *args = act
    if name == "goTo":
        args = [int(args[0])]
    told: Any
    try:
        told = getattr(cursor, METHODS.get(name, name))(*args)
    except Refused as refused:
        told = str(refused)
    return [told, cursor.seen()]


def stored(found: list[Values]) -> DataSetValue:
    """Rows as a query gives them."""
    packed = {
        "table": "t",
        "key": "k",
        "fields": [{"name": "k", "type": "integer"}, {"name": "s", "type": "string"}, {"name": "q", "type": "integer"}],
        "rows": [[row[name] for name in FIELDS] for row in found],
        "changed": [],
    }
    return unpack(json.dumps(packed))


async def play(js: Running, seed: int) -> None:
    """One example."""
    random = Random(seed)
    begun = [
        {"k": at, "s": one_value(random, "s"), "q": one_value(random, "q")} for at in range(1, random.randint(1, 7))
    ]
    cursor = Cursor(begun)
    script, expected = [], []
    for _ in range(ACTS):
        act = one_act(random, cursor)
        script.append(of_script(act))
        expected.append(of_model(cursor, act))
    await js.task(WriteGlobal("ds", stored(begun)))
    told = json.loads(str(await js(f"{DRIVER}({json.dumps(script)})")))
    for place, (known, seen) in enumerate(zip(expected, told, strict=True)):
        assert seen == known, f"seed {seed} after {script[: place + 1]}"


async def test_whatever_is_done_the_cursor_and_rows_are_those_of_the_model(js: Running) -> None:
    for seed in range(60):
        await play(js, seed)


@pytest.mark.soak
async def test_the_same_for_long(js: Running) -> None:
    for seed in range(60, 3_000):
        await play(js, seed)
