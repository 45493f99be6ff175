"""What ``/metrics`` shows: read from the counters that the parts keep anyway, at the time of the question."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sojourn import __version__
from sojourn.engine.rules import Rules
from sojourn.http.application import Application
from sojourn.stores.base import Described


class EngineCollector(Collector):
    """The counters of one process."""

    def __init__(self, rules: Rules, application: Application) -> None:
        self._rules = rules
        self._application = application

    def collect(self) -> Iterator[Metric]:
        """All metrics as they are now."""
        yield GaugeMetricFamily("sojourn_up", "1 while the process serves.", value=1)
        version = GaugeMetricFamily("sojourn_build_info", "Version of the engine.", labels=["version"])
        version.add_metric([__version__], 1)
        yield version
        yield self._requests()
        yield self._logins()
        yield self._refusals()
        yield CounterMetricFamily(
            "sojourn_refusals_unwritten", "Refusals that are not in the audit log.", value=self._rules.audit.unwritten()
        )
        if isinstance(self._rules.store, Described):
            yield self._store(self._rules.store)

    def _requests(self) -> Metric:
        family = CounterMetricFamily("sojourn_http_requests", "Answers by status.", labels=["status"])
        for status, count in sorted(self._application.answered.items()):
            family.add_metric([str(status)], count)
        return family

    def _logins(self) -> Metric:
        family = CounterMetricFamily("sojourn_logins", "Logins at the login endpoint.", labels=["outcome"])
        for outcome, count in sorted(self._application.logins.items()):
            family.add_metric([outcome], count)
        return family

    def _refusals(self) -> Metric:
        family = CounterMetricFamily("sojourn_refusals", "Refused requests by cause.", labels=["cause"])
        for cause, count in sorted(self._rules.audit.refusals().items()):
            family.add_metric([cause], count)
        return family

    def _store(self, store: Described) -> Metric:
        family = CounterMetricFamily("sojourn_store_events", "Counters of the session store.", labels=["event"])
        for event, count in sorted(store.counters().items()):
            family.add_metric([event], count)
        return family
