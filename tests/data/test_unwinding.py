"""Taking changes back as pure rules: what nobody else changed since is back, everything else is a conflict with its reason."""

from collections import defaultdict
from collections.abc import Collection
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sojourn.core.json import Json
from sojourn.data.entries import Conflict, Entry, Unwound, same
from sojourn.data.port import Column, Table
from sojourn.data.unwinding import unwind

NAMES = ("iKey", "x", "y")


def table(*names: str) -> Table:
    columns = {name: Column(name, "integer") for name in (names or NAMES)}
    return Table("part", columns, "iKey")


class World:
    """A table and its log as they would be, in memory."""

    def __init__(self, rows: dict[int, dict[str, Json]] | None = None) -> None:
        self.rows: dict[int, dict[str, Json]] = {key: {"iKey": key, **row} for key, row in (rows or {}).items()}
        self.log: list[Entry] = []
        #: Numbers by who changed something, of undos by the name of their tag.
        self.of: defaultdict[str, set[int]] = defaultdict(set)
        self.table = table()

    def _append(self, who: str, entry: Entry) -> int:
        number = len(self.log) + 1
        self.log.append(entry._replace(number=number))
        self.of[who].add(number)
        return number

    def insert(self, who: str, key: int, undoes: int | None = None, **values: Json) -> int:
        assert key not in self.rows
        self.rows[key] = {"iKey": key, **values}
        return self._append(who, Entry(0, "INSERT", "part", key, None, dict(self.rows[key]), undoes))

    def update(self, who: str, key: int, undoes: int | None = None, **values: Json) -> int:
        row = self.rows[key]
        before = {name: row[name] for name, value in values.items() if row[name] != value}
        after = {name: values[name] for name in before}
        row.update(after)
        return self._append(who, Entry(0, "UPDATE", "part", key, before, after, undoes))

    def delete(self, who: str, key: int, undoes: int | None = None) -> int:
        return self._append(who, Entry(0, "DELETE", "part", key, self.rows.pop(key), None, undoes))

    def unwound(self, numbers: Collection[int], key: int, *, force: bool = False) -> Unwound:
        history = [one for one in self.log if one.key == key and one.number >= min(numbers)]
        return unwind(history, numbers, self.rows.get(key), self.table, force=force)

    def undo(self, numbers: Collection[int], tag: str = "undo", *, force: bool = False) -> list[Conflict]:
        """Take back, record by record, the newest first; the steps are checked against the rows as they are."""
        keys = dict.fromkeys(one.key for one in reversed(self.log) if one.number in numbers)
        conflicts: list[Conflict] = []
        for key in keys:
            assert isinstance(key, int)
            found = self.unwound(numbers, key, force=force)
            conflicts += found.conflicts
            for step in found.steps:
                values = {name: value for name, value in (step.after or {}).items() if name != "iKey"}
                if step.kind == "INSERT":
                    self.insert(tag, key, step.undoes, **values)
                elif step.kind == "DELETE":
                    assert self.rows[key] == step.before
                    self.delete(tag, key, step.undoes)
                else:
                    assert step.before == {name: self.rows[key][name] for name in step.before or {}}
                    self.update(tag, key, step.undoes, **values)
        return conflicts

    def state(self) -> dict[int, dict[str, Json]]:
        return {key: dict(row) for key, row in self.rows.items()}


def reasons(conflicts: Collection[Conflict]) -> list[tuple[int, str, str, int | None]]:
    return [(one.number, one.column, one.reason, one.by) for one in conflicts]


# --- one by one ---


def test_takes_back_what_was_made_changed_and_removed_under_one_tag() -> None:
    world = World({1: {"x": 1, "y": 1}})
    before = world.state()
    world.insert("a", 2, x=5, y=5)
    world.update("a", 2, x=6)
    world.delete("a", 2)
    world.update("a", 1, x=2)
    world.delete("a", 1)
    world.insert("a", 1, x=9, y=9)
    assert world.undo(world.of["a"]) == []
    assert world.state() == before


def test_leaves_the_value_that_somebody_else_has_written_since() -> None:
    world = World({1: {"x": 1, "y": 1}})
    first = world.update("a", 1, x=2, y=2)
    theirs = world.update("b", 1, x=3)
    assert reasons(world.undo({first})) == [(first, "x", "changed-since", theirs)]
    assert world.rows[1] == {"iKey": 1, "x": 3, "y": 1}


def test_goes_back_to_what_others_wrote_between_two_changes_of_the_tag() -> None:
    world = World({1: {"x": 1, "y": 1}})
    first = world.update("a", 1, x=2)
    theirs = world.update("b", 1, x=3)
    world.update("a", 1, x=4)
    assert reasons(world.undo(world.of["a"])) == [(first, "x", "changed-since", theirs)]
    assert world.rows[1]["x"] == 3


def test_a_value_that_others_changed_and_set_back_is_theirs() -> None:
    world = World({1: {"x": 1, "y": 1}})
    first = world.update("a", 1, x=2)
    world.update("b", 1, x=3)
    theirs = world.update("b", 1, x=2)
    assert reasons(world.undo({first})) == [(first, "x", "changed-since", theirs)]


def test_a_record_that_others_have_changed_is_not_removed() -> None:
    world = World()
    first = world.insert("a", 1, x=1, y=1)
    theirs = world.update("b", 1, y=2)
    assert reasons(world.undo({first})) == [(first, "y", "changed-since", theirs)]
    assert world.rows[1] == {"iKey": 1, "x": 1, "y": 2}


def test_a_record_that_others_have_made_anew_is_not_brought_back() -> None:
    world = World({1: {"x": 1, "y": 1}})
    first = world.delete("a", 1)
    theirs = world.insert("b", 1, x=7, y=7)
    assert reasons(world.undo({first})) == [(first, "", "there-again", theirs)]
    assert world.rows[1]["x"] == 7


def test_a_record_that_others_have_removed_stays_removed() -> None:
    world = World({1: {"x": 1, "y": 1}})
    changed = world.update("a", 1, x=2)
    made = world.insert("a", 2, x=2, y=2)
    theirs = [world.delete("b", 1), world.delete("b", 2)]
    found = reasons(world.undo(world.of["a"]))
    assert sorted(found) == [(changed, "x", "gone", theirs[0]), (made, "", "gone", theirs[1])]
    assert world.rows == {}


def test_an_update_under_a_removal_by_others_that_was_taken_back_is_taken_back_too() -> None:
    world = World({1: {"x": 1, "y": 1}})
    changed = world.update("a", 1, x=2)
    world.delete("b", 1)
    world.undo(world.of["b"], "undo of b")
    assert world.undo({changed}) == []
    assert world.rows[1]["x"] == 1


def test_finds_what_was_written_outside_the_log() -> None:
    world = World({1: {"x": 1, "y": 1}})
    numbers = {world.update("a", 1, x=2), world.insert("a", 2, x=2, y=2)}
    removed = world.delete("a", 2)
    made = world.insert("a", 3, x=3, y=3)
    world.rows[1]["x"] = 9
    world.rows[2] = {"iKey": 2, "x": 8, "y": 8}
    world.rows[3]["y"] = 7
    found = sorted(reasons(world.undo({*numbers, removed, made})))
    assert found == [
        (1, "x", "changed-outside", None),
        (2, "", "changed-since", removed),
        (removed, "", "there-again", None),
        (made, "y", "changed-outside", None),
    ]


def test_a_row_that_is_gone_without_a_trace_is_a_conflict() -> None:
    world = World({1: {"x": 1, "y": 1}})
    changed, made = world.update("a", 1, x=2), world.insert("a", 2, x=1, y=1)
    world.rows.clear()
    found = sorted(reasons(world.undo({changed, made})))
    assert found == [(changed, "x", "gone", None), (made, "", "gone", None)]


def test_what_was_erased_cannot_be_taken_back_nor_what_it_may_cover() -> None:
    world = World({1: {"x": 1, "y": 1}})
    first = world.update("a", 1, x=2)
    second = world.update("a", 1, x=3)
    world.log[1] = world.log[1]._replace(before=None, after=None, erased=True)
    found = reasons(world.undo({first, second}))
    assert found == [(second, "", "erased", None), (first, "x", "changed-since", second)]
    assert world.rows[1]["x"] == 3


def test_columns_that_are_gone_are_told_and_the_rest_is_taken_back() -> None:
    world = World({1: {"x": 1, "y": 1}, 2: {"x": 1, "y": 1}})
    numbers = {world.update("a", 1, x=2, y=2), world.delete("a", 2)}
    del world.rows[1]["y"]
    world.table = table("iKey", "x")
    found = sorted(reasons(world.undo(numbers)))
    assert found == [(1, "y", "column-gone", None), (2, "y", "column-gone", None)]
    assert world.rows == {1: {"iKey": 1, "x": 1}, 2: {"iKey": 2, "x": 1}}


def test_a_column_that_was_added_since_does_not_stand_in_the_way() -> None:
    world = World()
    made = world.insert("a", 1, x=1, y=1)
    world.table = table("iKey", "x", "y", "z")
    world.rows[1]["z"] = 5
    assert world.undo({made}) == []
    assert world.log[-1].before == {"iKey": 1, "x": 1, "y": 1, "z": 5}


def test_the_column_of_the_version_follows_and_is_never_a_conflict() -> None:
    entries = [
        Entry(1, "UPDATE", "part", 1, {"x": 1, "iVersion": 3}, {"x": 2, "iVersion": 4}, None),
        Entry(2, "UPDATE", "part", 1, {"y": 1, "iVersion": 4}, {"y": 2, "iVersion": 5}, None),
    ]
    row: dict[str, Json] = {"iKey": 1, "x": 2, "y": 2, "iVersion": 5}
    found = unwind(entries, {1}, row, table(*NAMES, "iVersion"), version=6)
    assert found.conflicts == []
    assert [(step.before, step.after) for step in found.steps] == [({"x": 2, "iVersion": 5}, {"x": 1, "iVersion": 6})]


def test_a_generated_column_is_no_part_of_the_record() -> None:
    columns = {name: Column(name, "integer", generated=name == "z") for name in (*NAMES, "z")}
    made = Entry(1, "INSERT", "part", 1, None, {"iKey": 1, "x": 1, "y": 1}, None)
    removed = Entry(2, "DELETE", "part", 1, {"iKey": 1, "x": 1, "y": 1}, None, None)
    found = unwind([made, removed], {2}, None, Table("part", columns, "iKey"))
    assert [(step.kind, step.after) for step in found.steps] == [("INSERT", {"iKey": 1, "x": 1, "y": 1})]
    found = unwind([made], {1}, {"iKey": 1, "x": 1, "y": 1}, Table("part", columns, "iKey"))
    assert (found.conflicts, len(found.steps)) == ([], 1)


def test_what_was_taken_back_already_is_no_conflict() -> None:
    world = World({1: {"x": 1, "y": 1}})
    numbers = {world.update("a", 1, x=2), world.insert("a", 2, x=1, y=1)}
    world.undo(numbers)
    assert world.unwound(numbers, 1) == Unwound([], [], 1)
    assert world.unwound(numbers, 2) == Unwound([], [], 1)


def test_force_takes_back_what_others_have_written_since_and_says_so() -> None:
    world = World({1: {"x": 1, "y": 1}, 2: {"x": 1, "y": 1}})
    numbers = {world.update("a", 1, x=2), world.delete("a", 2), world.insert("a", 3, x=1, y=1)}
    world.update("b", 1, x=3)
    world.insert("b", 2, x=5, y=1)
    world.update("b", 3, y=3)
    found = world.undo(numbers, force=True)
    assert all(one.forced for one in found)
    assert len(found) == 3
    assert world.rows == {1: {"iKey": 1, "x": 1, "y": 1}, 2: {"iKey": 2, "x": 1, "y": 1}}


def test_force_can_be_taken_back_too() -> None:
    world = World({1: {"x": 1, "y": 1}})
    first = world.update("a", 1, x=2)
    world.update("b", 1, x=3)
    world.undo({first}, "forced", force=True)
    assert world.undo(world.of["forced"], "again") == []
    assert world.rows[1]["x"] == 3
    assert [one.reason for one in world.undo({first}, "third")] == ["changed-since"]


def test_what_force_has_covered_counts_still() -> None:
    world = World({1: {"x": 1, "y": 1}})
    older = world.update("b", 1, y=2)
    first, theirs = world.update("a", 1, x=2), world.update("b", 1, x=3)
    world.undo({first}, "forced", force=True)
    (forced,) = world.of["forced"]
    assert reasons(world.undo({older, theirs})) == [(theirs, "x", "changed-since", forced)]


def test_an_undo_that_is_selected_beside_other_changes_is_taken_back() -> None:
    world = World({1: {"x": 1, "y": 1}})
    mine = world.update("a", 1, y=2)
    theirs = world.update("b", 1, x=2)
    world.undo({theirs}, "undo of b")
    assert world.undo({mine} | world.of["undo of b"]) == []
    assert world.rows[1] == {"iKey": 1, "x": 2, "y": 1}


def test_force_makes_no_record_of_some_values_alone() -> None:
    world = World({1: {"x": 1, "y": 1}})
    first = world.update("a", 1, x=2)
    theirs = world.delete("b", 1)
    found = world.undo({first}, force=True)
    assert reasons(found) == [(first, "x", "gone", theirs)]
    assert not found[0].forced
    assert world.rows == {}


def test_a_change_that_is_refused_stays_and_covers_the_older_ones() -> None:
    world = World({1: {"x": 1, "y": 1}})
    first, second = world.update("a", 1, x=2), world.update("a", 1, x=3, y=3)
    refused = Conflict(number=second, table="part", key=1, reason="constraint")
    found = unwind(world.log, {first, second}, world.rows[1], world.table, refused={second: refused})
    assert found.steps == []
    assert reasons(found.conflicts) == [(second, "", "constraint", None), (first, "x", "changed-since", second)]


@pytest.mark.parametrize(
    ("left", "right", "wanted"),
    [
        (1, Decimal("1.0"), True),
        (0.1, Decimal("0.1"), True),
        (1, True, False),
        (True, True, True),
        (None, None, True),
        (None, 0, False),
        ("1", 1, False),
        ({"$bytes": "AA=="}, {"$bytes": "AA=="}, True),
        ([1], [True], False),
        ({"a": 1}, [1], False),
    ],
)
def test_values_are_the_same_by_what_they_are(left: Json, right: Json, wanted: object) -> None:
    assert same(left, right) is wanted
    assert same(right, left) is wanted


# --- whatever happens ---

_KEYS = st.integers(1, 3)
_ACTS = st.tuples(
    st.sampled_from("aaabc"),
    st.sampled_from(["insert", "update", "update", "update", "delete", "undo", "outside"]),
    _KEYS,
    st.sampled_from(["x", "y"]),
    st.integers(0, 3),
)
_UNTOUCHED = ("undo", "outside")


def play(world: World, acts: list[tuple[str, str, int, str, int]], *, without: Collection[str] = ()) -> None:
    for who, act, key, column, value in acts:
        row = world.rows.get(key)
        if act in without:
            continue
        if act == "insert" and row is None:
            world.insert(who, key, x=value, y=value)
        elif act == "update" and row is not None and row[column] != value:
            world.update(who, key, **{column: value})
        elif act == "delete" and row is not None:
            world.delete(who, key)
        elif act == "undo" and world.of[who]:
            world.undo(set(world.of[who]), f"undo by {who}", force=value == 0)
        elif act == "outside" and row is not None:
            row[column] = value + 10


def start() -> World:
    return World({1: {"x": 0, "y": 0}, 2: {"x": 0, "y": 0}})


@given(st.lists(_ACTS, max_size=14))
@settings(max_examples=80, deadline=None)
def test_taking_the_undo_back_gives_the_starting_state(acts: list[tuple[str, str, int, str, int]]) -> None:
    world = start()
    play(world, acts)
    before = world.state()
    world.undo(set(world.of["a"]), "undo")
    undone = world.state()
    assert world.undo(set(world.of["undo"]), "redo") == []
    assert world.state() == before
    assert world.undo(set(world.of["redo"]), "again") == []
    assert world.state() == undone


@given(st.lists(_ACTS, max_size=14))
@settings(max_examples=80, deadline=None)
def test_a_second_undo_finds_only_the_conflicts_of_the_first(acts: list[tuple[str, str, int, str, int]]) -> None:
    world = start()
    play(world, acts)
    numbers = set(world.of["a"])
    first = {(one.number, one.column) for one in world.undo(numbers, "undo")}
    state = world.state()
    second = {(one.number, one.column) for one in world.undo(numbers, "second")}
    assert world.state() == state
    assert {number for number, _ in second} == {number for number, _ in first}


@given(st.lists(_ACTS, max_size=14))
@settings(max_examples=120, deadline=None)
def test_what_nobody_else_changed_since_is_back_and_nothing_else_is_touched(
    acts: list[tuple[str, str, int, str, int]],
) -> None:
    world = start()
    play(world, acts, without=_UNTOUCHED)
    before, log, mine = world.state(), list(world.log), set(world.of["a"])
    conflicts = world.undo(mine, "undo")
    listed = {one.number for one in conflicts}
    for key in (1, 2, 3):
        history = [one for one in log if one.key == key]
        own = [one for one in history if one.number in mine]
        others = [one for one in history if one.number not in mine]
        if not own:
            assert world.rows.get(key) == before.get(key)
            continue
        if not others or others[-1].number < own[0].number:
            # Nobody else touched the record since the first change: all of it is back.
            assert not listed & {one.number for one in own}
            assert world.rows.get(key) == _row_before(history, own[0].number, key)
            continue
        for column in ("x", "y"):
            _check_value(world.rows.get(key), history, mine, listed, column)


def _check_value(
    row: dict[str, Json] | None, history: list[Entry], mine: set[int], listed: set[int], column: str
) -> None:
    """The truth of one value, told by its writes in their order."""
    writes = [one for one in history if column in (one.before or one.after or {})]
    tail: list[Entry] = []
    while writes and writes[-1].number in mine:
        tail.append(writes.pop())
    # Whatever others have written over is listed.
    assert {one.number for one in writes if one.number in mine} <= listed
    last = writes[-1].after if writes else None
    if row is not None and last is not None and all(one.kind == "UPDATE" for one in tail):
        assert row[column] == last[column]


def _row_before(history: list[Entry], number: int, key: int) -> dict[str, Json] | None:
    row = start().rows.get(key)
    for one in history:
        if one.number >= number:
            break
        row = {**(row or {}), **(one.after or {})} if one.kind == "UPDATE" else one.after
    return row


@given(st.lists(_ACTS, max_size=10))
@settings(max_examples=60, deadline=None)
def test_a_selection_in_windows_gives_what_it_gives_as_a_whole(acts: list[tuple[str, str, int, str, int]]) -> None:
    """A selection that is worked on in windows gives what it gives as a whole."""
    whole, windows = start(), start()
    play(whole, acts)
    play(windows, acts)
    numbers = sorted(whole.of["a"], reverse=True)
    whole.undo(set(numbers), "undo")
    for number in numbers:
        windows.undo({number}, "undo")
    assert whole.state() == windows.state()
