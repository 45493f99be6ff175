"""How sessions end, what looks after their store, and what an engine does by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sojourn.engine.activity import Activity
from sojourn.engine.assembly.ground import Ground
from sojourn.engine.ends.drops import Drops
from sojourn.engine.ends.ends import Ends
from sojourn.engine.ends.replay import Replay
from sojourn.engine.leases import Leases
from sojourn.engine.sweeper import Sweeper
from sojourn.engine.tokens.uses import TokenUses
from sojourn.engine.upkeep import Chore, Upkeep
from sojourn.engine.watch.watch import StoreWatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How sessions end, and what looks after the store."""

    ends: Ends
    watch: StoreWatch
    drops: Drops
    activity: Activity


def assemble_ending(ground: Ground) -> Ending:
    """Ends, drops, the watch over the store and the executions that an end breaks off."""
    db, store, log, journal, time = ground.db, ground.store, ground.audit, ground.journal, ground.time
    ends = Ends(store=store, journal=journal, audit=log, db=db, accounts=ground.accounts, clock=time)
    activity = Activity(time)
    ends.listen(activity.abort)
    return Ending(
        ends=ends,
        watch=StoreWatch(store=store, db=db, journal=journal, clock=time),
        drops=Drops(store=store, ends=ends, audit=log, db=db, clock=time),
        activity=activity,
    )


def assemble_upkeep(ground: Ground, ending: Ending, leases: Leases, chores: Sequence[Chore], uses: TokenUses) -> Upkeep:
    """What runs beside serving."""
    store, journal, time, watch = ground.store, ground.journal, ground.time, ending.watch
    replay = Replay(store=store, journal=journal, clock=time)
    return Upkeep(
        watch=watch,
        sweeper=Sweeper(store=store, journal=journal, store_time=watch.time, clock=time),
        drops=ending.drops,
        ends=ending.ends,
        leases=leases,
        chores=(replay.unfinished, *chores),
        db=ground.db,
        uses=uses,
        clock=time,
    )
