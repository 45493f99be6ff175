"""``session.fields``: the GLOBAL data of the session, for scripts."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from sojourn.engine.security.declared import ANYONE
from sojourn.scripting.declare import BadArgument, HostClass, exposed, method
from sojourn.scripting.values import UNDEFINED, BigInt, Value, of_json

_ALSO = "with a token narrower than its session, where sessions share their fields: the scope `session.global`"


@exposed("SessionFields", instance="session.fields")
class SessionFields(HostClass):
    """The data of the session, by name: what pipelines call GLOBAL. Ours.

    They live in the engine, not in the script: every execution, every process and every pipeline of the session sees them,
    until the session ends. Each call is one atomic act and reads or writes only what it names, so that no write of another
    request is lost; what a script reads, computes and puts back is better done with :meth:`increment`, :meth:`append` or
    :meth:`putIf`.

    A value is what JSON holds. A ``Date`` is kept as its ISO text, a property that is ``undefined`` is left out. A whole
    number that a number of JavaScript cannot hold exactly comes back as a BigInt.

    Throws ``SessionEnded``, ``StaleSession``, ``FieldLimit`` for too much, ``BadOperand`` for an operation that does not
    fit the value, ``TransientSession`` where a request carries no session of its own.

    Example::

        session.fields.put({cart: {sku: 'A1'}});
        session.fields.increment('visits');
        session.fields.get('cart').sku; // => "A1"
    """

    @method("get(name: string, other?: any): any", ANYONE, also=_ALSO)
    async def read(self, name: str, other: Value = UNDEFINED) -> Value:
        """The value of a field as it is now; ``other``, else ``undefined``, where there is none."""
        found = await self.run.session.fields.get(name, _ABSENT)
        return other if found is _ABSENT else of_json(found)

    @method("getWithVersion(name: string): { value: any, version: number }", ANYONE, also=_ALSO)
    async def read_with_version(self, name: str) -> Value:
        """The value with its version, for :meth:`putIf`; version 0 and ``null`` where there is none."""
        found = await self.run.session.fields.get_with_version(name)
        return {"value": of_json(found.value), "version": found.version}

    @method("all(): Record<string, any>", ANYONE, also=_ALSO)
    async def every(self) -> Value:
        """Every field."""
        return {name: of_json(value) for name, value in (await self.run.session.fields.all()).items()}

    @method("put(values: Record<string, any>): number", ANYONE, also=_ALSO)
    async def write(self, values: dict[str, Any]) -> int:
        """Set fields, all or none; others stay as they are. Gives the version that they have now."""
        await self.run.recorded()
        return await self.run.session.fields.put_all({name: _kept(value, name) for name, value in values.items()})

    @method("putIf(name: string, value: any, version: number): number", ANYONE, also=_ALSO)
    async def write_if(self, name: str, value: Value, version: int) -> int:
        """Set a field only while it has ``version`` (0: while there is none), else throw ``FieldConflict``."""
        await self.run.recorded()
        return await self.run.session.fields.put_if(name, _kept(value, name), version=version)

    @method("delete(...names: string[]): number", ANYONE, also=_ALSO)
    async def remove(self, *names: Value) -> int:
        """Remove fields; absent ones are no error."""
        wanted = [name for name in names if isinstance(name, str)]
        if len(wanted) != len(names):
            raise BadArgument("names of fields are texts")
        await self.run.recorded()
        return await self.run.session.fields.delete(*wanted)

    @method("increment(name: string, by?: number): number", ANYONE, also=_ALSO)
    async def increment(self, name: str, by: float = 1) -> Value:
        """Add ``by``, 1 by default, and give the sum; an absent field counts as 0."""
        await self.run.recorded()
        exact = int(by) if math.isfinite(by) and by == int(by) else by
        return of_json(await self.run.session.fields.increment(name, exact))

    @method("append(name: string, item: any): number", ANYONE, also=_ALSO)
    async def append(self, name: str, item: Value) -> int:
        """Add ``item`` at the end of a list; an absent field counts as an empty one."""
        await self.run.recorded()
        return await self.run.session.fields.append(name, _kept(item, name))


_ABSENT = object()


def _kept(value: Any, place: str) -> Any:
    """``value`` as JSON keeps it; raises ``BadArgument`` for what it cannot say."""
    if isinstance(value, dict):
        kept = {name: item for name, item in value.items() if item != UNDEFINED}
        return {name: _kept(item, f"{place}.{name}") for name, item in kept.items()}
    if isinstance(value, list):
        return [None if item == UNDEFINED else _kept(item, f"{place}[{at}]") for at, item in enumerate(value)]
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, bytes):
        raise BadArgument(f"{place}: bytes cannot be kept in a field; encode them as text")
    if value == UNDEFINED:
        raise BadArgument(f"{place}: undefined cannot be kept in a field; delete removes one")
    return int(value) if isinstance(value, BigInt) else value
