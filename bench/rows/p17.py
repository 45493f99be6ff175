"""P17: logins with Argon2id beside bare calls of the library, and what session checks wait for while people log in."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from bench import cores, project
from bench.client import call, expect
from bench.errors import BenchError
from bench.harness import Figure, Leg, Sample, generate, refuse_errors, turn
from bench.load import Job, Load
from bench.project import PASSWORD, bearer
from bench.row import TIMES, Bench, Goal, Outcome, Row
from bench.server import Server, python
from bench.wire import request

#: People who log in at once, each to an account of his own. More would only queue: the cores are busy with these.
PEOPLE = 4
#: Tokens of the session checks, as P8 has them.
TOKENS = 100
_BARE = """
import time
from argon2 import PasswordHasher
hasher = PasswordHasher(time_cost={passes}, memory_cost={memory}, parallelism={lanes})
stored, count, began = hasher.hash({password!r}), 0, time.perf_counter()
while time.perf_counter() - began < {seconds}:
    hasher.verify(stored, {password!r})
    count += 1
print(count / (time.perf_counter() - began))
"""


def run(bench: Bench) -> Outcome:
    """Logins and bare calls in turn on the same core, then session checks with and without logins beside them."""
    people = bench.shared("people", lambda: project.add_accounts(bench, PEOPLE))
    with project.serve(bench) as server:
        logins = _logins(server, people)
        tokens = project.login_tokens(bench, server.port, TOKENS)
        expect(call(server.port, "GET", project.path("hello-jwt"), headers=bearer(tokens[0])), {"hello": "world"})
        path = project.path("hello-jwt")
        checks = Leg(server, tuple(request(server.port, "GET", path, headers=bearer(token)) for token in tokens))
        turn(checks, bench.plan.warmup, bench.plan.connections)
        rates = [(_log_in(server, logins, bench.plan.seconds), _bare(bench)) for _ in range(bench.plan.pairs)]
        waits = [(_beside_logins(checks, logins, bench), _alone(checks, bench)) for _ in range(bench.plan.pairs)]
    figures = {
        "logins": Figure.of([load.answered / load.seconds / bare for load, bare in rates]),
        "p99 of checks": Figure.of([sample.p99_ms / alone.p99_ms for (sample, _), alone in waits]),
    }
    notes = (
        f"logins per second on one core: {_spelled(load.answered / load.seconds for load, _ in rates)}",
        f"bare calls per second on one core: {_spelled(bare for _, bare in rates)}",
        f"p99 of session checks in ms beside logins: {_spelled(sample.p99_ms for (sample, _), _ in waits)}",
        f"p99 of session checks in ms without: {_spelled(sample.p99_ms for _, sample in waits)}",
        f"logins per second beside session checks: {_spelled(load.answered / load.seconds for (_, load), _ in waits)}",
    )
    return Outcome(figures=figures, notes=notes)


def _logins(server: Server, people: list[str]) -> tuple[bytes, ...]:
    """Connection *i* of :data:`PEOPLE` is always the same person."""
    bodies = ({"userName": name, "password": PASSWORD} for name in people)
    return tuple(request(server.port, "POST", "/realms/api/login", json=body) for body in bodies)


def _log_in(server: Server, logins: tuple[bytes, ...], seconds: float) -> Load:
    load = generate(Job(ports=(server.port,), requests=logins, connections=PEOPLE, seconds=seconds))
    refuse_errors(server.name, load)
    return load


def _bare(bench: Bench) -> float:
    """Verifications per second of the library alone, in one process on the server's core."""
    from sojourn.identity.password import Cost

    code = _BARE.format(**Cost()._asdict(), password=PASSWORD, seconds=bench.plan.seconds)
    with cores.on_core(cores.SERVER_CORE):
        done = subprocess.run(python("-c", code), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise BenchError(f"the bare calls ended with exit code {done.returncode}")
    return float(done.stdout)


def _beside_logins(checks: Leg, logins: tuple[bytes, ...], bench: Bench) -> tuple[Sample, Load]:
    with ThreadPoolExecutor(1) as thread:
        busy = thread.submit(_log_in, checks.server, logins, bench.plan.seconds)
        return _alone(checks, bench), busy.result()


def _alone(checks: Leg, bench: Bench) -> Sample:
    return turn(checks, bench.plan.seconds, bench.plan.connections)


def _spelled(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)


ROW = Row(
    name="p17",
    work="logins: Argon2id at OWASP's parameters; session checks meanwhile",
    against="bare argon2 calls; P8 without logins",
    goals=(
        Goal(figure="logins", unit=TIMES, floor=0.9, target=0.97),
        Goal(figure="p99 of checks", unit=TIMES, floor=2, target=1.3, better="less"),
    ),
    measure=run,
)
