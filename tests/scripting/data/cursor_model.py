"""A DataSet of scripts in the plainest form: whatever it is asked, it sorts and filters all rows again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

FIELDS = ("k", "s", "q")
BROWSE, EDIT, INSERT = 1, 2, 3

Values = dict[str, Any]


class Refused(Exception):
    """What the DataSet throws; the code without ``dataset.``."""


class Row:
    """A row; what the database has of it is :attr:`stored`, None for a new one."""

    def __init__(self, number: int, values: Values, stored: Values | None) -> None:
        self.number = number
        self.values = values
        self.stored = stored
        self.deleted = False


FILTERS: dict[str, Callable[[Values], bool]] = {
    "": lambda _: True,
    "q > 1": lambda row: row["q"] is not None and row["q"] > 1,
    "s LIKE 'a%' OR q IS NULL": lambda row: (row["s"] or "").startswith("a") or row["q"] is None,
    "NOT q IN (1, 2)": lambda row: row["q"] is not None and row["q"] not in (1, 2),
    "q BETWEEN 1 AND 2 AND s <> 'b'": lambda row: (
        row["q"] is not None and 1 <= row["q"] <= 2 and row["s"] is not None and row["s"] != "b"
    ),
}


def before_all(value: Any) -> tuple[bool, Any]:
    """A key for sorting in which nothing comes first."""
    return (value is not None, value if value is not None else 0)


class Cursor:
    """The model; one method for each act."""

    def __init__(self, stored: Sequence[Values]) -> None:
        self.rows = [Row(number, dict(values), dict(values)) for number, values in enumerate(stored, 1)]
        self.last_number = len(self.rows)
        self.order: list[tuple[str, bool]] = []
        self.range: tuple[list[Any], list[Any]] | None = None
        self.filter, self.filtered = "", False
        self.mode, self.touched = BROWSE, False
        self.buffer: Values | None = None
        self.here: Row | None = None
        self.bof = self.eof = True
        self.first()

    # --- what is seen ---

    def view(self) -> list[Row]:
        rows = [row for row in self.rows if not row.deleted and self.passes(row)]
        for name, down in reversed(self.order):
            # Equal rows stay in the order of their numbers, in reverse too.
            rows.sort(key=lambda row, name=name: before_all(row.values[name]), reverse=down)  # type: ignore[misc]
        return rows

    def passes(self, row: Row) -> bool:
        if self.filtered and not FILTERS[self.filter](row.values):
            return False
        return self.range is None or (self.against(row, self.range[0]) >= 0 >= self.against(row, self.range[1]))

    def against(self, row: Row, key: Sequence[Any]) -> int:
        for (name, down), wanted in zip(self.order, key, strict=False):
            a, b = before_all(row.values[name]), before_all(wanted)
            if a != b:
                return (1 if a > b else -1) * (-1 if down else 1)
        return 0

    def seen(self) -> dict[str, Any]:
        """What a script sees of it."""
        view = self.view()
        current = self.buffer if self.mode != BROWSE else self.here.values if self.here else None
        return {
            "state": self.mode,
            "bof": self.bof,
            "eof": self.eof,
            "count": len(view),
            "current": [None if current is None else current[name] for name in FIELDS],
            "changed": [self.was_modified(name) for name in FIELDS],
            "rows": [[row.values[name] for name in FIELDS] for row in view],
            "modified": self.touched or any(map(self.waits, self.rows)),
        }

    def was_modified(self, name: str) -> bool:
        row = None if self.mode == INSERT else self.here
        current = self.buffer if self.mode != BROWSE else self.here.values if self.here else None
        if current is None:
            return False
        stored = row.stored if row is not None else None
        return bool(current[name] is not None if stored is None else current[name] != stored[name])

    def waits(self, row: Row) -> bool:
        return row.stored is None or row.deleted or row.values != row.stored

    # --- the cursor ---

    def leave(self) -> None:
        if self.mode != BROWSE:
            if self.touched:
                self.post()
            else:
                self.cancel()

    def go(self, row: Row) -> None:
        self.here, self.bof, self.eof = row, False, False

    def first(self) -> None:
        self.leave()
        view = self.view()
        self.here, self.bof, self.eof = (view[0] if view else None), True, not view

    def last(self) -> None:
        self.leave()
        view = self.view()
        self.here, self.bof, self.eof = (view[-1] if view else None), not view, True

    def next(self) -> None:
        self.leave()
        self._step(1)

    def prior(self) -> None:
        self.leave()
        self._step(-1)

    def _step(self, by: int) -> None:
        view = self.view()
        if not view:
            self.bof = self.eof = True
            return
        at = view.index(self.here) + by  # type: ignore[arg-type]
        if 0 <= at < len(view):
            self.go(view[at])
        else:
            self.bof, self.eof = by < 0, by > 0

    def look_again(self) -> None:
        """After another order, filter or range: on the same row, else on the first."""
        view = self.view()
        if self.here is not None and self.here in view:
            self.go(self.here)
        else:
            self.here, self.bof, self.eof = (view[0] if view else None), True, not view

    def settle(self, place: int) -> None:
        view = self.view()
        if view:
            self.go(view[min(place, len(view) - 1)])
        else:
            self.here, self.bof, self.eof = None, True, True

    def place_of(self, row: Row) -> int:
        """How many rows that are seen come before a row."""
        return sum(self._comes_before(other, row) for other in self.view() if other is not row)

    def _comes_before(self, a: Row, b: Row) -> bool:
        found = self.against(a, [b.values[name] for name, _ in self.order])
        return found < 0 or (found == 0 and a.number < b.number)

    # --- editing ---

    def append(self, values: Sequence[Any] | None = None) -> None:
        self.leave()
        self.mode, self.buffer, self.touched = INSERT, dict.fromkeys(FIELDS), False
        for name, value in zip(FIELDS, values or (), strict=False):
            self.buffer[name] = value
            self.touched = True

    def edit(self) -> None:
        if self.mode != BROWSE:
            return
        if self.here is None:
            self.append()
        else:
            self.mode, self.buffer = EDIT, dict(self.here.values)

    def set_field(self, name: str, value: Any) -> None:
        if self.mode == BROWSE:
            raise Refused("not_editing")
        if name == "k" and self.mode == EDIT and self.here.stored is not None and self.buffer["k"] != value:  # type: ignore[union-attr, index]
            raise Refused("key_changed")
        self.buffer[name] = value  # type: ignore[index]
        self.touched = True

    def post(self) -> None:
        if self.mode == BROWSE:
            raise Refused("not_editing")
        mode, values, row = self.mode, self.buffer, self.here
        self.cancel()
        if mode == INSERT:
            self.last_number += 1
            row = Row(self.last_number, values, None)  # type: ignore[arg-type]
            self.rows.append(row)
        else:
            row.values = values  # type: ignore[union-attr]
        self.settle_on(row)  # type: ignore[arg-type]

    def settle_on(self, row: Row) -> None:
        if row in self.view():
            self.go(row)
        else:
            self.settle(self.place_of(row))

    def cancel(self) -> None:
        self.mode, self.buffer, self.touched = BROWSE, None, False

    def delete(self) -> None:
        if self.mode == INSERT:
            self.cancel()
            return
        if self.here is None:
            raise Refused("no_row")
        self.cancel()
        place = self.view().index(self.here)
        if self.here.stored is None:
            self.rows.remove(self.here)
        self.here.deleted = True
        self.settle(place)

    # --- order, filter, search ---

    def set_index(self, order: Sequence[tuple[str, bool]]) -> None:
        self.leave()
        self.order, self.range = list(order), None
        self.look_again()

    def set_filter(self, text: str) -> None:
        self.leave()
        self.filter = text
        if self.filtered:
            self.look_again()

    def set_filtered(self, on: bool) -> None:  # noqa: FBT001 - an act of the test
        self.leave()
        self.filtered = on
        self.look_again()

    def set_range(self, start: list[Any], end: list[Any]) -> None:
        self.leave()
        self._check_search(start)
        self.range = (start, end)
        self.first()

    def reset_range(self) -> None:
        self.leave()
        self.range = None
        self.look_again()

    def _check_search(self, key: Sequence[Any]) -> None:
        if not self.order:
            raise Refused("no_index")
        if len(key) > len(self.order):
            raise Refused("bad_search")

    def find(self, key: list[Any]) -> bool:
        self.leave()
        self._check_search(key)
        return self._found(next((row for row in self.view() if self.against(row, key) == 0), None))

    def find_key(self, key: Any) -> bool:
        self.leave()
        return self._found(next((row for row in self.view() if row.values["k"] == key), None))

    def locate(self, name: str, value: Any) -> bool:
        self.leave()
        return self._found(next((row for row in self.view() if row.values[name] == value), None))

    def _found(self, row: Row | None) -> bool:
        if row is not None:
            self.go(row)
        return row is not None

    def go_to(self, number: int) -> None:
        self.leave()
        row = next((row for row in self.view() if row.number == number), None)
        if row is None:
            raise Refused("no_row")
        self.go(row)

    # --- what waits ---

    def cancel_updates(self, key: Any = None) -> None:
        self.cancel()
        for row in list(self.rows):
            if key is None or row.values["k"] == key:
                if row.stored is None:
                    self.rows.remove(row)
                    row.deleted = True
                else:
                    row.values, row.deleted = dict(row.stored), False
        self.look_again()

    def roll_back(self) -> None:
        self.cancel_updates()
        self.first()
