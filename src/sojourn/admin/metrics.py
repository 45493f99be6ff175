"""What ``/metrics`` shows: read from the counters that the parts keep anyway, at the time of the question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sojourn import __version__
from sojourn.core.clock import SECOND
from sojourn.core.errors import SojournError
from sojourn.data.changes import Changes
from sojourn.engine.manager import Counts, SessionManager
from sojourn.engine.rules import Rules
from sojourn.http.application import Application
from sojourn.stores.base import Described

#: Why a session could not begin: audited under these causes.
_LIMITS = ("session.anonymous_limit", "session.ceiling")


class Measured(NamedTuple):
    """What has to be asked of the stores before the metrics are written."""

    #: None while the session store cannot be asked.
    counts: Counts | None
    in_use: int

    @classmethod
    async def now(cls, manager: SessionManager) -> Measured:
        """Ask."""
        try:
            counts = await manager.counts()
        except SojournError:
            counts = None
        return cls(counts, manager.in_use_sessions_count)


class EngineCollector(Collector):
    """The counters of one process, and the sessions of the store."""

    def __init__(self, rules: Rules, application: Application, changes: Changes, measured: Measured) -> None:
        self._rules = rules
        self._changes = changes
        self._application = application
        self._measured = measured

    def collect(self) -> Iterator[Metric]:
        """All metrics as they are now."""
        yield GaugeMetricFamily("sojourn_up", "1 while the process serves.", value=1)
        version = GaugeMetricFamily("sojourn_build_info", "Version of the engine.", labels=["version"])
        version.add_metric([__version__], 1)
        yield version
        audit, application = self._rules.audit, self._application
        yield _counter("sojourn_http_requests", "Answers by status.", "status", application.answered)
        yield _counter("sojourn_logins", "Logins at the login endpoint.", "outcome", application.logins)
        yield _counter("sojourn_refusals", "Refused requests by cause.", "cause", audit.refusals())
        yield CounterMetricFamily(
            "sojourn_refusals_unwritten", "Refusals that are not in the audit log.", value=audit.unwritten()
        )
        yield from self._audit()
        yield from self._sessions()
        yield from self._sweeping()
        yield from self._watching()
        yield from self._scripts()
        yield from self._logs()
        delay = self._rules.upkeep.delay.seconds
        yield _gauge("sojourn_engine_database_delay_seconds", "How late an acknowledged change of it is read.", delay)
        if isinstance(self._rules.store, Described):
            events = self._rules.store.counters()
            yield _counter("sojourn_store_events", "Counters of the session store.", "event", events)

    def _audit(self) -> Iterator[Metric]:
        audit, keeping = self._rules.audit, self._rules.audit_keeping
        yield _counter("sojourn_audit_events", "Events that this process gave to the audit log.", "kind", audit.events)
        yield CounterMetricFamily(
            "sojourn_audit_failures", "Events that could not be written; their acts were refused.", value=audit.failures
        )
        yield CounterMetricFamily(
            "sojourn_audit_deleted", "Events whose time was over, deleted by this process.", value=keeping.deleted
        )
        yield CounterMetricFamily(
            "sojourn_audit_addresses_erased",
            "Client addresses in events, erased by this process.",
            value=keeping.erased,
        )

    def _sessions(self) -> Iterator[Metric]:
        if self._measured.counts is not None:
            live = GaugeMetricFamily("sojourn_sessions", "Live sessions, of all processes.", labels=["realm", "kind"])
            for realm, kinds in self._measured.counts.by_realm:
                for kind in ("anonymous", "account", "external"):
                    live.add_metric([realm.name, kind], dict(kinds).get(kind, 0))
            yield live
        yield _gauge("sojourn_sessions_in_use", "Sessions that execute now.", self._measured.in_use)
        yield _counter(
            "sojourn_sessions_ended", "Sessions that this process ended.", "reason", self._rules.ends.counted
        )
        refused = self._rules.audit.refusals()
        limited = {cause: refused.get(cause, 0) for cause in _LIMITS}
        limited["session.limit"] = self._application.logins.get("limit", 0)
        yield _counter("sojourn_sessions_limited", "Sessions that could not begin at a limit.", "limit", limited)

    def _sweeping(self) -> Iterator[Metric]:
        sweeper, drops = self._rules.upkeep.sweeper, self._rules.drops
        yield CounterMetricFamily("sojourn_sessions_swept", "Sessions swept by this process.", value=sweeper.handled)
        yield _gauge("sojourn_sweep_seconds", "Length of the last round of sweeping.", sweeper.lasted)
        yield _gauge("sojourn_sweep_backlog", "1 while a round has more to sweep.", sweeper.backlog)
        yield _gauge("sojourn_sweep_lease", "1 in the process that sweeps for all.", self._rules.upkeep.lease.held)
        yield CounterMetricFamily("sojourn_sessions_dropped", "Sessions dropped with notice.", value=drops.dropped)

    def _scripts(self) -> Iterator[Metric]:
        counts = self._application.scripts.counts
        live = GaugeMetricFamily(
            "sojourn_script_environments", "JavaScript environments of this process.", labels=["runtime", "state"]
        )
        for (runtime, state), number in sorted(counts.live().items()):
            live.add_metric([runtime, state], number)
        yield live
        executed = CounterMetricFamily(
            "sojourn_script_executions", "Executions of scripts.", labels=["realm", "outcome"]
        )
        for (realm, outcome), number in sorted(counts.executions.items()):
            executed.add_metric([realm, outcome], number)
        yield executed
        seconds = CounterMetricFamily(
            "sojourn_script_seconds", "Time of these executions, host calls included.", labels=["realm"]
        )
        for realm, time in sorted(counts.seconds.items()):
            seconds.add_metric([realm], time)
        yield seconds
        yield _counter(
            "sojourn_script_environments_opened", "Environments that were started.", "runtime", counts.workers.opened
        )
        yield _counter(
            "sojourn_script_environments_discarded",
            "Environments that were given up.",
            "reason",
            counts.environments.discarded,
        )
        yield _counter(
            "sojourn_script_environments_refused",
            "Executions that found no room.",
            "limit",
            counts.ceilings.refused,
        )
        standing = len(self._rules.sessions.standalone.all())
        yield _gauge("sojourn_sessions_standalone", "Sessions of runners, alive now.", standing)

    def _logs(self) -> Iterator[Metric]:
        sealed, broken = self._changes.sealed, len(self._changes.sealer.broken)
        yield CounterMetricFamily("sojourn_changes_sealed", "Changes that this process has sealed.", value=sealed)
        yield _gauge("sojourn_change_logs_broken", "Change logs that are not what the engine knows of them.", broken)

    def _watching(self) -> Iterator[Metric]:
        watch = self._rules.watch
        yield _gauge("sojourn_store_serving", "1 while sessions may be opened.", watch.serving)
        yield _gauge("sojourn_store_mark", "Counter of the session store; it never goes down.", watch.counter)
        yield _gauge("sojourn_store_seen_seconds", "When the session store was seen last.", watch.looked_at / SECOND)
        yield _gauge("sojourn_store_clock_offset_seconds", "How far its clock is ahead.", watch.time.offset / SECOND)
        yield _gauge("sojourn_store_clock_error_seconds", "How wrong that may be.", watch.time.error / SECOND)
        yield CounterMetricFamily(
            "sojourn_store_recoveries", "How often the session store went back in time.", value=watch.recoveries
        )
        yield CounterMetricFamily(
            "sojourn_sessions_replayed", "Sessions that the end journal ended again.", value=watch.replayed
        )


def _counter(name: str, text: str, label: str, counted: Mapping[Any, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, number in sorted(counted.items()):
        family.add_metric([str(value)], number)
    return family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))
