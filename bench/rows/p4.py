"""P4: the work of P1 beside the session libraries most used with Python."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bench import peers, project
from bench.harness import Figure, Pairs, measure
from bench.row import TIMES, Bench, Goal, Outcome, Row
from bench.rows import counters
from bench.server import Server, free_port

_THREADS = "32"
_Started = Callable[[Bench], contextlib.AbstractContextManager[Server]]


def run(bench: Bench) -> Outcome:
    """Measure requests per second beside each of the three."""
    figures: dict[str, Figure | None] = {}
    notes = [f"the peers are of {peers.versions('python_sessions')}"]
    for name, start in PEERS.items():
        pairs = _measure(bench, start)
        figures[name] = pairs.rate_ratio()
        ours, theirs = _typical(pairs, ours=True), _typical(pairs, ours=False)
        notes.append(f"{name}: ours {ours}; the peer {theirs}")
    return Outcome(figures=figures, notes=tuple(notes))


def _measure(bench: Bench, start: _Started) -> Pairs:
    with start(bench) as peer, project.asgi_app(bench, "counter", realm="web") as ours:
        return measure(counters.leg(ours), counters.leg(peer), bench.plan)


def _typical(pairs: Pairs, *, ours: bool) -> str:
    samples = sorted((pair.ours if ours else pair.peer for pair in pairs.pairs), key=lambda sample: sample.rate)
    middle = samples[len(samples) // 2]
    return f"{middle.rate:.0f} req/s, {middle.cpu_us:.0f} µs CPU, p99 {middle.p99_ms:.1f} ms"


@contextlib.contextmanager
def _uvicorn(bench: Bench) -> Iterator[Server]:
    folder, port = _installed(bench), free_port()
    command = [_python(folder), "-m", "uvicorn", "starsessions_app:app", "--port", str(port), "--no-access-log"]
    with peers.valkey() as url:
        env = {"REDIS_URL": url, "PYTHONPATH": str(folder)}
        with Server("starsessions", command, port, env=env, ready="/ready") as server:
            yield server


@contextlib.contextmanager
def _gunicorn(bench: Bench, app: str) -> Iterator[Server]:
    folder, port = _installed(bench), free_port()
    command = [_python(folder), "-m", "gunicorn", f"{app}:app", "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", "1", "--threads", _THREADS, "--keep-alive", "60", "--log-level", "error"]
    with peers.valkey() as url:
        database = str(bench.folder() / "sessions.db")
        env = {"REDIS_URL": url, "DATABASE": database, "PYTHONPATH": str(folder)}
        with Server(app, command, port, env=env, ready="/ready") as server:
            yield server


def _installed(bench: Bench) -> Path:
    return bench.shared("python_sessions", lambda: peers.python_environment("python_sessions"))


def _python(folder: Path) -> str:
    return str(folder / "venv" / "bin" / "python")


PEERS: dict[str, _Started] = {
    "starsessions": _uvicorn,
    "Flask-Session": partial(_gunicorn, app="flask_session_app"),
    "Django db": partial(_gunicorn, app="django_app"),
}

ROW = Row(
    name="p4",
    work="cookie session as in P1, beside Python's session libraries; req/s",
    against="starsessions + Redis on uvicorn; Flask-Session + Redis and Django db sessions on gunicorn with 32 threads",
    goals=(
        Goal(figure="starsessions", unit=TIMES, floor=3, target=5),
        Goal(figure="Flask-Session", unit=TIMES, floor=6, target=10),
        Goal(figure="Django db", unit=TIMES, floor=15, target=25),
    ),
    measure=run,
)
