"""Steps of an undo that the database has refused together, tried one by one."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from sojourn.data.entries import Conflict, Reason, Step
from sojourn.data.errors import BadValue, ConstraintFailed
from sojourn.data.port import Key


class OneByOne:
    """Does steps that were refused together one by one, again and again for as long as one of them works."""

    def __init__(self, connection: Connection, do: Callable[[list[Step]], list[Step]]) -> None:
        self._connection = connection
        self._do = do
        self._said: dict[int, Exception] = {}

    def run(self, steps: list[Step], refused: dict[int, Conflict]) -> list[Step] | None:
        """The steps as they were done. None, and nothing done, where some never worked: they are in ``refused`` then."""
        done: list[Step] = []
        around = self._connection.begin_nested()
        waiting = steps
        while waiting:
            left = self._round(waiting, done)
            if len(left) == len(waiting):
                break
            waiting = left
        if not waiting:
            around.commit()
            return done
        around.rollback()
        refused.update(_refusal(step, self._said[step.undoes]) for step in _first_of_each(waiting))
        return None

    def _round(self, waiting: list[Step], done: list[Step]) -> list[Step]:
        left: list[Step] = []
        stuck: set[tuple[str, Key]] = set()
        for step in waiting:
            record = (step.table.name, step.key)
            # What is done to a record later builds upon what is done to it first.
            if record in stuck:
                left.append(step)
                continue
            try:
                with self._connection.begin_nested():
                    done += self._do([step])
            except (ConstraintFailed, BadValue) as error:
                self._said[step.undoes] = error
                stuck.add(record)
                left.append(step)
        return left


def _refusal(step: Step, error: Exception) -> tuple[int, Conflict]:
    reason: Reason = "bad-value" if isinstance(error, BadValue) else "constraint"
    conflict = Conflict(number=step.undoes, table=step.table.name, key=step.key, reason=reason, text=str(error))
    return step.undoes, conflict


def _first_of_each(steps: list[Step]) -> list[Step]:
    found: dict[tuple[str, Key], Step] = {}
    for step in steps:
        found.setdefault((step.table.name, step.key), step)
    return list(found.values())
