"""Verifying the change log: walk the chain from its beginning and compare every change with what was sealed.

It streams: a step reads a bounded piece, so that a log of millions neither fills the memory nor holds a snapshot. What
is written, erased or sealed meanwhile is met further on in the chain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, func, select

from sojourn.core.clock import iso
from sojourn.data import schema
from sojourn.data.chain import ALL, COVERED, ChainKeys, Seal, as_seal, covered, taken_apart
from sojourn.data.sealing import Values, committed, newest

#: Rows and seals that one step looks at, about.
STEP = 1_000

#: Findings that are named; more are counted.
MOST = 1_000

#: What can be wrong: with a change; with a value of it, which is not the one that was written; with a seal; with a seal
#: that is not there; with the end, which the engine knows to have been further; with the whole, which is another log than
#: the one that the engine knows.
Fault = Literal["changed", "removed", "inserted", "value", "seal", "gap", "cut", "unknown"]

_change, _seal = schema.change, schema.seal
_NEXT = ALL.order_by(_seal.c.place).limit(1)
_ROWS = covered("salt", "commitment", *Values._fields).order_by(_change.c.number)
_WIDTH = len(COVERED)


class Finding(NamedTuple):
    """Something that is not as it was written."""

    fault: Fault
    #: Number of a change, or place of a seal.
    number: int
    text: str


class Unsealed(NamedTuple):
    """The changes that no seal covers yet."""

    changes: int
    first: int
    last: int
    #: Milliseconds since 1970.
    oldest: int


class Verified(NamedTuple):
    """What a walk along a chain has shown."""

    #: Changes that were compared.
    changes: int
    #: The last seal; place 0 when there is none.
    head: Seal
    #: Changes up to this number were removed because they were old; 0 for none.
    removed: int
    #: Changes without the values that were erased.
    erased: int
    #: None when all is sealed.
    unsealed: Unsealed | None
    #: The first :data:`MOST` of them.
    findings: Sequence[Finding]
    #: How many there are.
    faults: int

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.faults


class Verification:
    """One walk. ``heads`` are the seals that the engine has noted elsewhere: HMAC by place."""

    def __init__(self, keys: ChainKeys, heads: Mapping[int, bytes]) -> None:
        self._keys = keys
        self._heads = heads
        self._found: list[Finding] = []
        self._faults = 0
        #: Changes that are not what was sealed first; a later seal may say that values were erased.
        self._suspects: dict[int, bytes] = {}
        self._begun = False
        self._before = keys.beginning
        self._removed = 0
        self._changes = self._erased = 0
        #: The seal whose changes are being compared, what is still expected of it, and how far the rows were read.
        self._seal: Seal | None = None
        self._expected: dict[int, bytes] = {}
        self._read = -(1 << 63)
        #: Whether old changes were removed meanwhile, so that it has to be done again.
        self.outdated = False
        #: What the last step found out; None before.
        self.result: Verified | None = None

    def step(self, connection: Connection) -> bool:
        """Go on for a piece; whether there is more. Each step may have a snapshot of its own."""
        if not self._begun:
            self._begin(connection)
        budget = STEP
        while budget > 0:
            if self._seal is None and not self._next(connection):
                self._end(connection)
                return False
            budget -= self._compare(connection, budget)
        return True

    def _tell(self, fault: Fault, number: int, text: str) -> None:
        self._faults += 1
        if len(self._found) < MOST:
            self._found.append(Finding(fault, number, text))

    def _begin(self, connection: Connection) -> None:
        self._begun = True
        self._removed = newest(connection, self._keys).removed
        row = connection.execute(_NEXT).one_or_none()
        if row is None:
            return
        first = as_seal(row)
        if first.place > 1:
            # What came before was removed; the newest seal says up to where.
            self._before, self._read = first, first.last
            if first.last != self._removed:
                self._tell("gap", first.place - 1, f"the seals before {first.place} are gone")
        if not self._heads:
            self._tell("unknown", first.place, "the engine knows no log of this database, and here is one")

    def _next(self, connection: Connection) -> bool:
        """Take the next seal; False at the end of the chain."""
        row = connection.execute(_NEXT.where(_seal.c.place > self._before.place)).one_or_none()
        if row is None:
            return False
        seal, before = as_seal(row), self._before
        expected = dict(taken_apart(seal.entries))
        if seal.place != before.place + 1:
            # Of the changes that those covered nothing can be said.
            self._read = max(self._read, min(expected, default=seal.last) - 1)
            self._tell("gap", before.place + 1, f"the seals {before.place + 1} to {seal.place - 1} are gone")
        elif not self._keys.fits(before, seal) or seal.last < before.last or seal.removed < before.removed:
            self._tell("seal", seal.place, f"seal {seal.place} was changed, or not made by this engine")
        if self._heads.get(seal.place, seal.mac) != seal.mac:
            self._tell("unknown", seal.place, f"the engine has noted another seal {seal.place}")
        self._seal, self._expected = seal, expected
        return True

    def _compare(self, connection: Connection, most: int) -> int:
        """Compare some changes of the seal at hand; how much that was."""
        seal = self._seal
        assert seal is not None
        if seal.last <= self._removed:
            self._read = max(self._read, seal.last)
            self._settle(connection, seal, {})
            return 1
        rows = connection.execute(
            _ROWS.where(_change.c.number > self._read, _change.c.number <= seal.last).limit(most)
        ).all()
        for row in rows:
            self._check(row)
        if len(rows) < most:
            self._read = seal.last
            self._settle(connection, seal, self._expected)
        else:
            self._read = rows[-1][0]
        return len(rows) + 1

    def _check(self, row: Sequence[Any]) -> None:
        number: int = row[0]
        self._changes += 1
        entry, known = self._keys.entry(row[:_WIDTH]), self._expected.pop(number, None)
        if known is None:
            self._tell("inserted", number, f"change {number} was added after the changes around it were sealed")
        elif entry != known:
            self._suspects[number] = entry
        if row[_WIDTH] is None:
            self._erased += 1
        if not committed(row[_WIDTH:]):
            self._tell("value", number, f"a value of change {number} is not the one that was written")

    def _settle(self, connection: Connection, seal: Seal, missing: Mapping[int, bytes]) -> None:
        """Finish a seal: what is missing of it, and what it says of changes before it."""
        for number in missing:
            if number > self._removed:
                self._tell("removed", number, f"change {number} was removed")
        rewritten = {number: entry for number, entry in taken_apart(seal.rewritten) if number > self._removed}
        if rewritten:
            rows = connection.execute(covered().where(_change.c.number.in_(rewritten))).all()
            for row in rows:
                entry = self._keys.entry(row)
                if entry == rewritten[row[0]]:
                    self._suspects.pop(row[0], None)
                else:
                    # Perhaps a later seal took more away; else it was changed, or has its values back.
                    self._suspects[row[0]] = entry
        self._before, self._seal = seal, None

    def _end(self, connection: Connection) -> None:
        for number in self._suspects:
            self._tell("changed", number, f"change {number} was changed after it was sealed")
        head = self._before
        for place in self._heads:
            if place > head.place:
                self._tell("cut", place, f"the engine knows of seal {place}, and the log ends with seal {head.place}")
        self.outdated = newest(connection, self._keys).removed != self._removed
        self.result = Verified(
            changes=self._changes,
            head=head,
            removed=self._removed,
            erased=self._erased,
            unsealed=_unsealed(connection, head),
            findings=self._found,
            faults=self._faults,
        )


def verdict(done: Verified) -> dict[str, Any]:
    """What a verification has shown, as command line and admin API tell it."""
    waiting = done.unsealed
    return {
        "sound": done.sound,
        "changes": done.changes,
        "seals": done.head.place,
        "sealedUpTo": done.head.last,
        "head": done.head.mac.hex(),
        "removedUpTo": done.removed,
        "erased": done.erased,
        "unsealed": None
        if waiting is None
        else {"changes": waiting.changes, "first": waiting.first, "last": waiting.last, "oldest": iso(waiting.oldest)},
        "findings": [found._asdict() for found in done.findings],
        "faults": done.faults,
    }


def _unsealed(connection: Connection, head: Seal) -> Unsealed | None:
    number = _change.c.number
    wanted = select(func.count(), func.min(number), func.max(number), func.min(_change.c.at)).where(number > head.last)
    count, first, last, oldest = connection.execute(wanted).one()
    return Unsealed(count, first, last, oldest) if count else None
