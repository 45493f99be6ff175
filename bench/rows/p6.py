"""P6: many clients change one session; not one update may be lost."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator

from bench import peers, project
from bench.client import call
from bench.harness import Figure, generate, refuse_errors
from bench.load import Job, Load
from bench.row import Bench, Goal, Outcome, Row
from bench.server import Server
from bench.wire import OWN_PAGE, request

CLIENTS = 32
ROUNDS = 100
#: Milliseconds of work between the read and the write.
WORK = (0, 2)
PROCESSES = (1, 2)


def run(bench: Bench) -> Outcome:
    """Count what is missing over all cases."""
    lost, notes = [], []
    for name, store in STORES.items():
        with store() as url:
            for processes in PROCESSES:
                missing, said = _cases(bench, url, processes)
                lost += missing
                notes += [f"{name}, {note}" for note in said]
    total = Figure(sum(lost), min(lost), max(lost), len(lost))
    return Outcome(figures={"lost": total}, notes=tuple(notes))


def _cases(bench: Bench, url: str, processes: int) -> tuple[list[float], list[str]]:
    lost, notes = [], []
    with contextlib.ExitStack() as stack:
        apps = [project.asgi_app(bench, "contended", realm="web", store=url) for _ in range(processes)]
        servers = [stack.enter_context(app) for app in apps]
        for work, case in itertools.product(WORK, (_increments, _puts)):
            began = time.perf_counter()
            missing = case(servers, work)
            seconds = time.perf_counter() - began
            lost.append(float(missing))
            name = case.__name__.removeprefix("_")
            notes.append(f"{processes} process(es), {name}, {work} ms between: {missing} lost, {seconds:.1f} s")
    return lost, notes


@contextlib.contextmanager
def _valkey() -> Iterator[str]:
    with peers.valkey() as url:
        yield peers.store_url(url)


#: Name of a store -> what gives its URL; empty is the default, SQLite.
STORES: dict[str, Callable[[], contextlib.AbstractContextManager[str]]] = {
    "SQLite": lambda: contextlib.nullcontext(""),
    "PostgreSQL": peers.postgres,
    "Valkey": _valkey,
}


def _increments(servers: list[Server], work: int) -> int:
    """Every client adds 1 to the same field."""
    cookie = _session(servers)
    requests = [_request(servers, i, f"/increment?work={work}", cookie) for i in range(CLIENTS)]
    _send(servers, requests)
    fields = call(servers[0].port, "GET", "/all", headers={"Cookie": cookie}).json()
    count = fields["count"]
    assert isinstance(count, int)
    return abs(CLIENTS * ROUNDS - count)


def _puts(servers: list[Server], work: int) -> int:
    """Every client counts up in a field of its own."""
    cookie = _session(servers)
    steps = itertools.product(range(1, ROUNDS + 1), range(CLIENTS))
    requests = [_request(servers, i, f"/put?work={work}&name=f{i}&value={value}", cookie) for value, i in steps]
    _send(servers, requests)
    fields = call(servers[-1].port, "GET", "/all", headers={"Cookie": cookie}).json()
    return sum(fields.get(f"f{i}") != ROUNDS for i in range(CLIENTS))


def _session(servers: list[Server]) -> str:
    return call(servers[0].port, "POST", "/fill", headers=OWN_PAGE).cookie()


def _request(servers: list[Server], client: int, path: str, cookie: str) -> bytes:
    port = servers[client % len(servers)].port  # as the generator spreads its connections
    return request(port, "POST", path, headers={**OWN_PAGE, "Cookie": cookie})


def _send(servers: list[Server], requests: list[bytes]) -> Load:
    ports = tuple(server.port for server in servers)
    load = generate(Job(ports=ports, requests=tuple(requests), connections=CLIENTS, rounds=ROUNDS))
    refuse_errors("sojourn", load)
    return load


ROW = Row(
    name="p6",
    work="lost updates: 32 clients with 100 increments each, 32 with 100 puts each of different fields of one session; "
    "SQLite, PostgreSQL, Valkey; 1 and 2 processes; with and without 2 ms between read and write",
    against="exact result",
    goals=(Goal(figure="lost", unit="", floor=0, target=0, better="less", digits=0),),
    measure=run,
)
