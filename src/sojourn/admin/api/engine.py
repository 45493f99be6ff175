"""The session manager as a whole: how many, what executes, cleaning up, and how the upkeep goes."""

from __future__ import annotations

from sojourn.admin.answers import CleanedUp, InUse, RealmCount, Running, Statistics, Upkeep
from sojourn.admin.api.sessions import VIEW
from sojourn.admin.inputs import CleanUp
from sojourn.admin.operation import Asked, Needs, operation
from sojourn.admin.shapes import Nothing
from sojourn.core.clock import iso


@operation("GET", "/statistics", needs=VIEW, answer=Statistics)
async def show_statistics(asked: Asked[Nothing, Nothing]) -> Statistics:
    """Count sessions by realm, kind and state, with the ceilings of the engine."""
    manager, visible = asked.plane.manager, {realm.name for realm in asked.realms}
    realms = [
        RealmCount(
            realm=realm.name,
            stateful=realm.stateful,
            anonymous=kinds.get("anonymous", 0),
            account=kinds.get("account", 0),
            external=kinds.get("external", 0),
        )
        for realm, kinds in (await manager.counts()).by_realm
        if realm.name in visible
    ]
    standing = asked.plane.rules.sessions.standalone.all()
    standalone = sum(one.realm_id in {realm.id for realm in asked.realms} for one in standing)
    totals = [(count.stateful, count.anonymous + count.account + count.external) for count in realms]
    return Statistics(
        realms=realms,
        stateful=sum(number for stateful, number in totals if stateful),
        stateless=sum(number for stateful, number in totals if not stateful),
        standalone=standalone,
        total=sum(number for _, number in totals) + standalone,
        in_use=len({running.session for running in _running(asked)}),
        max_stateful=manager.max_stateful_sessions_count,
        max_stateless=manager.max_stateless_sessions_count,
    )


@operation("GET", "/in-use", needs=VIEW, answer=InUse)
async def list_in_use(asked: Asked[Nothing, Nothing]) -> InUse:
    """List what executes now in the process that answers; other worker processes are not asked."""
    return InUse(executions=_running(asked))


@operation("POST", "/clean-up", needs=Needs(right="manage", everywhere=True), body=CleanUp, answer=CleanedUp)
async def clean_up(asked: Asked[Nothing, CleanUp]) -> CleanedUp:
    """Sweep now what is past its limits. The engine does so by itself every few seconds; this is for load tests."""
    body = asked.body
    finished = await asked.plane.manager.clean_up(wait=body.wait, timeout=body.timeout, actor=asked.acting.name)
    return CleanedUp(finished=finished)


@operation("GET", "/upkeep", needs=Needs(right="view", everywhere=True), answer=Upkeep)
async def show_upkeep(asked: Asked[Nothing, Nothing]) -> Upkeep:
    """Show how sweeping goes in this process, and what its watch over the session store sees."""
    rules = asked.plane.rules
    watch, sweeper = rules.watch, rules.upkeep.sweeper
    return Upkeep(
        holder=await rules.upkeep.holder(),
        swept=sweeper.handled,
        sweep_seconds=sweeper.lasted,
        backlog=sweeper.backlog,
        serving=watch.serving,
        causes=dict(watch.causes()),
        looked_at=iso(watch.looked_at) if watch.looked_at else None,
        store_counter=watch.counter,
        clock_offset=watch.time.offset,
        recoveries=watch.recoveries,
        replayed=watch.replayed,
    )


def _running(asked: Asked[Nothing, Nothing]) -> list[Running]:
    names = {realm.id: realm.name for realm in asked.realms}
    return [
        Running(
            session=running.sid,
            realm=names[running.realm],
            since=iso(running.since),
            worker=running.worker,
            what=running.what,
        )
        for running in asked.plane.manager.in_use()
        if running.realm in names
    ]
