"""What may be wrong in one clause with values that are taken once and with counters of tries."""

from __future__ import annotations

from tests.stores.mutation import Mutant

WAIT = "await __import__('asyncio').sleep(0)"

MEMORY = [
    Mutant("looks and takes", "ONE-1", "store.py", "one_time.look(name, now)", "one_time.take(name, now, 0) and 'x'"),
    Mutant("makes what it does not find", "ONE-2", "limited.py", "        if value is None:\n            return None", "        if value is None:\n            return Taken('', first=True, at=now)"),
    Mutant("keeps what is gone already", "ONE-4", "limited.py", "until <= now or ", "until < now or "),
    Mutant("takes one that was put over another", "ONE-5", "limited.py", "self._there(name, now) is not None:", "False:"),
    Mutant("puts over what is remembered", "ONE-5", "limited.py", "self._there(name, now) is not None:", "self.look(name, now) is not None:"),
    Mutant("lets the last one say how long is remembered", "ONE-6", "limited.py", "        if value.taken is not None:\n", "        if value.taken is not None:\n            self._values[name] = value._replace(until=now + remember)\n"),
    Mutant("remembers beyond the time", "ONE-7", "limited.py", "min(value.until, now + remember)", "now + remember"),
    Mutant("forgets nothing that was taken", "ONE-8", "limited.py", "            del self._values[name]\n        return Taken(value.text, first=True", "            self._values[name] = value._replace(taken=now)\n        return Taken(value.text, first=True"),
    Mutant("looks, waits, takes", "ONE-10", "store.py", "        return self._open().one_time.take(", f"        if self._open().one_time.look(name, now) is None:\n            return None\n        {WAIT}\n        self._open().one_time._values[name] = __import__('sojourn.stores.memory.limited', fromlist=['x'])._Value('1', now + 100)\n        return self._open().one_time.take("),
    Mutant("does not look at upper and lower case", "ONE-11 THR-10", "store.py", "self._open().one_time.put(name, ", "self._open().one_time.put(name.lower(), "),
    Mutant("sweeps what is remembered", "ONE-12", "limited.py", "if now >= value.until]", "if now >= value.until or value.taken]"),
    Mutant("counts tries, waits, writes", "THR-7", "store.py", "        return self._open().throttle.count(", f"        old = self._open().throttle._counters.get(name)\n        {WAIT}\n        self._open().throttle._counters.pop(name, None)\n        if old:\n            self._open().throttle._counters[name] = old\n        return self._open().throttle.count("),
    Mutant("admits one late", "THR-1", "limited.py", "now >= old.opens", "now > old.opens"),
    Mutant("gives back below 0", "THR-5", "limited.py", "        if old.tries > 1:", "        if True:"),
    Mutant("keeps the delay after a try was given back", "THR-4", "limited.py", "_Counter(old.tries - 1, 0, old.until)", "_Counter(old.tries - 1, old.opens, old.until)"),
    Mutant("is closed to values only", "CLO-1", "store.py", "self._open().throttle.reset(name)", "_ = name"),
]  # fmt: skip

SQLITE = [
    Mutant("takes the taken", "ONE-6 DUR-3 ONE-10", "once_take", " AND taken IS NULL", ""),
    Mutant("takes at the very instant", "ONE-3", "once_take_and_forget", ":now < until", ":now <= until"),
    Mutant("looks at the very instant", "ONE-3", "once_look", ":now < until", ":now <= until"),
    Mutant("does not put at the very instant", "ONE-3 ONE-8", "once_put", ":now >= once.until", ":now > once.until"),
    Mutant("shows the taken", "ONE-6", "once_look", " AND taken IS NULL", ""),
    Mutant("tells the time of the one who comes later", "ONE-6", "limited.py", "at=before[0][1]", "at=now"),
    Mutant("drops only what was not taken", "ONE-9", "once_drop", "name = :name", "name = :name AND taken IS NULL"),
    Mutant("puts what was taken as taken", "ONE-8", "once_put", ", taken = NULL", ""),
    Mutant("sweeps too early", "ONE-12", "once_sweep", "until <= :now", "until <= :now + 1"),
    Mutant("counts what is refused for a delay", "THR-2", "throttle_count", "opens, opens,\n", "opens, opens + 1,\n"),
    Mutant("takes the delay of the try before", "THR-1 THR-9", "throttle_count", ":last) - 1)", ":last) - 2)"),
    Mutant("refuses at the very instant", "THR-1", "throttle_count", ":now < until AND :now < opens, opens", ":now < until AND :now <= opens, opens"),
    Mutant("keeps a counter at the very instant", "THR-3", "throttle_count", "tries = iif(:now < until", "tries = iif(:now <= until"),
    Mutant("keeps a delay of what it forgot", "THR-3", "throttle_count", "iif(:now < until AND :now < opens", "iif(:now < opens"),
    Mutant("forgets what is only refused", "THR-3", "throttle_count", "until = excluded.until", "until = iif(:now >= opens, excluded.until, until)"),
    Mutant("waits for the next delay after the last", "THR-9", "throttle_count", ", :last) - 1)", ", :last + 1) - 1)"),
    Mutant("admits the next, counting the same", "THR-4", "throttle_give_back", "max(tries - 1, 0)", "tries"),
    Mutant("gives back and leaves the delay", "THR-4 DUR-4", "throttle_give_back", ", opens = 0", ""),
    Mutant("counts below 0", "THR-5", "throttle_give_back", "max(tries - 1, 0)", "tries - 1"),
    Mutant("resets what may be tried only", "THR-6", "throttle_reset", "name = :name", "name = :name AND opens = 0"),
    Mutant("needs a delay", "THR-8", "limited.py", "tuple(delays) or (0,)", "tuple(delays) or (1,)"),
    Mutant("sweeps what counts", "THR-11", "throttle_sweep", "until <= :now", "until <= :now + 1"),
]  # fmt: skip
