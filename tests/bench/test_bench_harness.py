from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable

import psutil
import pytest

from bench import cores
from bench.client import call
from bench.errors import BenchError
from bench.harness import Leg, Pair, Pairs, Plan, Sample, generate, measure, turn
from bench.load import Job
from bench.server import Server, answers, free_port, python
from bench.wire import request
from tests.patience import HANGS

Start = Callable[..., Server]


pytestmark = pytest.mark.alone

BUSY = 1000  # µs of CPU per request: far above what the servers and the generator add
SHORT = Plan(pairs=3, seconds=0.4, warmup=0.1, connections=4)
WORK = (request(1, "GET", "/busy"),)


def test_a_server_against_its_twin_differs_by_less_than_five_percent_of_cpu(start: Start) -> None:
    pairs = measure(Leg(start("--busy", str(BUSY)), WORK), Leg(start("--busy", str(BUSY)), WORK), SHORT)
    ratio = pairs.cpu_ratio()
    assert ratio is not None
    assert ratio.count == 3
    assert 0.95 < ratio.median < 1.05


def test_a_peer_that_works_one_millisecond_longer_shows_it_in_cpu_and_time(start: Start) -> None:
    pairs = measure(Leg(start("--busy", str(BUSY)), WORK), Leg(start("--busy", str(2 * BUSY)), WORK), SHORT)
    extra = pairs.extra_cpu()
    assert extra is not None
    assert extra.median == pytest.approx(-BUSY, rel=0.15)
    assert all(pair.peer.p50_ms >= 2 for pair in pairs.pairs)


def test_a_peer_that_waits_one_millisecond_shows_it_in_time_but_not_in_cpu(start: Start) -> None:
    sample = turn(Leg(start("--wait", "1"), WORK), seconds=0.3, connections=1)
    assert sample.p50_ms >= 1
    assert sample.cpu_us < BUSY


def test_the_cpu_of_children_that_ended_is_counted(start: Start) -> None:
    sample = turn(Leg(start("--busy", str(10 * BUSY), "--child"), WORK), seconds=0.5, connections=1)
    assert sample.cpu_us > 9 * BUSY


def test_the_cpu_of_children_that_live_is_counted() -> None:
    child = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ntime.sleep(60)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen(python("-c", parent), stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        used = cores.session_cpu(process.pid)
        os.killpg(process.pid, 9)
    assert used > 0.3


def test_the_cpu_of_other_sessions_is_not_counted(start: Start) -> None:
    idle, busy = start(), start("--busy", str(BUSY))
    before = idle.cpu()
    turn(Leg(busy, WORK), seconds=0.3, connections=4)
    assert idle.cpu() - before < 0.05


def test_answers_that_are_errors_are_no_measurement(start: Start) -> None:
    with pytest.raises(BenchError, match="'503'"):
        turn(Leg(start("--status", "503"), WORK), seconds=0.1, connections=2)


def test_counted_requests_are_sent_in_turn_and_exactly(start: Start) -> None:
    server = start()
    requests = tuple(request(1, "GET", f"/{number}") for number in range(6))
    load = generate(Job(ports=(server.port,), requests=requests, connections=2, rounds=9))
    assert load.answered == 18
    assert load.statuses == {"200": 18}
    assert call(server.port, "GET", "/seen").json() == {f"/{number}": 3 for number in range(6)}


def test_connections_are_spread_over_all_ports(start: Start) -> None:
    first, second = start(), start()
    generate(Job(ports=(first.port, second.port), requests=WORK, connections=4, rounds=5))
    seen = [call(server.port, "GET", "/seen").json() for server in (first, second)]
    assert seen == [{"/busy": 10}, {"/busy": 10}]


def test_a_server_that_ends_at_once_is_an_error_with_its_last_words() -> None:
    port = free_port()
    server = Server("broken", python("-c", "raise SystemExit('no luck')"), port)
    with pytest.raises(BenchError, match=r"(?s)exit code 1.*no luck"):
        server.start()


def test_a_stopped_server_leaves_no_process(start: Start) -> None:
    server = start()
    leader = server.process.pid
    assert cores.processes(leader)
    server.stop()
    assert not cores.processes(leader)
    assert not answers(server.port, "/")


def test_a_process_that_ignores_the_end_of_its_leader_is_ended_too() -> None:
    port = free_port()
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    leader = (
        "import http.server, subprocess, sys\n"
        f"p = subprocess.Popen([sys.executable, '-c', {stubborn!r}], stdout=subprocess.PIPE)\n"
        "p.stdout.readline()\n"
        f"http.server.HTTPServer(('127.0.0.1', {port}), http.server.SimpleHTTPRequestHandler).serve_forever()\n"
    )
    with Server("stubborn", python("-c", leader), port) as server:
        pids = cores.processes(server.process.pid)
        assert len(pids) == 2
    deadline = time.monotonic() + HANGS
    while any(_runs(pid) for pid in pids):
        assert time.monotonic() < deadline


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.skipif(cores.SERVER_CORE is None, reason="cores cannot be chosen on this system")
def test_a_server_runs_on_its_core_and_the_harness_stays_where_it_was(start: Start) -> None:
    before = os.sched_getaffinity(0)
    server = start()
    assert os.sched_getaffinity(server.process.pid) == {cores.SERVER_CORE}
    assert os.sched_getaffinity(0) == before


def _sample(rate: float, cpu_us: float, busy: float) -> Sample:
    return Sample(rate=rate, cpu_us=cpu_us, p50_ms=1.0, p99_ms=1000 / rate, busy=busy)


def test_a_pair_whose_generator_was_the_limit_counts_for_cpu_only() -> None:
    fine = Pair(ours=_sample(300, 10, 0.5), peer=_sample(100, 40, 0.2), machine_load=0)
    saturated = Pair(ours=_sample(900, 10, 0.86), peer=_sample(100, 20, 0.2), machine_load=0)
    pairs = Pairs((fine, saturated))
    rate, cpu, p99 = pairs.rate_ratio(), pairs.cpu_ratio(), pairs.p99_ratio()
    assert rate is not None
    assert (rate.median, rate.count) == (3, 1)
    assert cpu is not None
    assert (cpu.median, cpu.low, cpu.high, cpu.count) == (3, 2, 4, 2)
    assert p99 is not None
    assert p99.median == pytest.approx(1 / 3)
    assert Pairs((saturated,)).rate_ratio() is None
