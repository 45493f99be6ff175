"""The real server process: any bytes at its sockets, signals, the drain."""

from __future__ import annotations

import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.patience import HANGS

LIVE = b"GET /health/live HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"


class Server:
    """One server process with its log."""

    def __init__(self, folder: Path, drain: int) -> None:
        self.log = folder.parent / "server.log"
        script = Path(__file__).parent / "serve_project.py"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(script), str(folder), str(drain)], stdout=subprocess.PIPE, stderr=log
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline().split()
        assert len(line) == 2, self.log.read_text()
        self.port, self.admin_port = int(line[0]), int(line[1])

    @property
    def host(self) -> bytes:
        return b"127.0.0.1:%d" % self.port

    def connect(self, *, admin: bool = False) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.admin_port if admin else self.port), timeout=HANGS)

    def say(self, *parts: bytes, finish: bool = True, admin: bool = False) -> bytes:
        """Send ``parts`` and read until the server closes or says nothing more."""
        with self.connect(admin=admin) as connection:
            with suppress(OSError):
                for part in parts:
                    connection.sendall(part)
                if finish:
                    connection.shutdown(socket.SHUT_WR)
            return read_all(connection)

    def alive(self) -> bool:
        return self.say(LIVE % self.host, finish=False).startswith(b"HTTP/1.1 200")


def read_all(connection: socket.socket) -> bytes:
    received = b""
    with suppress(OSError):
        while part := connection.recv(65_536):
            received += part
    return received


@pytest.fixture(scope="module")
def running(made_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(_copy(made_project, tmp_path_factory.mktemp("served")), 5)
    yield server
    server.process.kill()
    server.process.communicate()


def _copy(made_project: Path, to: Path) -> Path:
    shutil.copytree(made_project.parent, to, dirs_exist_ok=True)
    return to / made_project.name


def requests(host: bytes) -> list[bytes]:
    head = b"Host: " + host + b"\r\n"
    login = b"POST /realms/web/login HTTP/1.1\r\n" + head
    return [
        b"",
        b"\r\n\r\n\r\n",
        b"\x00" * 100,
        b"\xff" * 5000,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n" + head + b"\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\n\r\n",
        b"GET /health/live HTTP/1.0\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\n" + head + head + b"\r\n",
        b"GET http://evil.example/health/live HTTP/1.1\r\n" + head + b"\r\n",
        b"GET http://evil.example HTTP/1.1\r\n" + head + b"\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\n" + head + b"\r\n",
        b"OPTIONS * HTTP/1.1\r\n" + head + b"\r\n",
        b"GET /%ff%fe%00 HTTP/1.1\r\n" + head + b"\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n" + head + b"\r\n",
        b"GET /realms/%2e%2e/session HTTP/1.1\r\n" + head + b"\r\n",
        b"GET /health/live?%zz&&&===\xff HTTP/1.1\r\n" + head + b"\r\n",
        b"GET /realms/web/session HTTP/1.1\r\n" + head + b"Cookie: \xff=\xfe;;=;sojourn_sid.web=\xc3\x28\r\n\r\n",
        b"GET /realms/web/session HTTP/1.1\r\n" + head + b"Authorization: Bearer \xff.\xfe.\xfd\r\n\r\n",
        b"GET /realms/web/session HTTP/1.1\r\n" + head + b"Authorization:\r\n\r\n",
        b"GET /realms/web/session HTTP/1.1\r\n" + head + b"No colon here\r\n\r\n",
        b"GET /realms/web/session HTTP/1.1\r\n" + head + b" folded: x\r\n\r\n",
        b"GET /realms/web/session HTTP/1.1\r\n" + head + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n" + head + b"\r\n",
        b"GET /health/live HTTP/1.1\r\n" + head + b"X: y\r\n" * 20_000 + b"\r\n",
        login + b"Content-Length: 5\r\nContent-Type: application/json\r\n\r\n{",
        login + b"Content-Length: 99999999999999999999999\r\n\r\n",
        login + b"Content-Length: -1\r\n\r\n",
        login + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
        login + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        login + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        login + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        login
        + b"Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n2\r\n{}\r\n0\r\nAuthorization: x\r\n\r\n",
        login + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        login + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\n" + head + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello",
        b"POST /realms/web/login HTTP/1.1\r\n"
        + head
        + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x01" * 300,
    ]


def test_no_bytes_bring_an_unhandled_error_or_a_traceback(running: Server) -> None:
    for admin in (False, True):
        for request in requests(running.host):
            answer = running.say(request, admin=admin)
            if answer:
                assert answer.startswith(b"HTTP/1.1 "), (request[:80], answer[:80])
                assert not answer.startswith(b"HTTP/1.1 5"), (request[:80], answer[:200])
    assert running.alive()
    assert "Traceback" not in running.log.read_text()


def test_mutated_and_truncated_requests_are_survived(running: Server) -> None:
    chance = random.Random(20260101)
    seeds = [request for request in requests(running.host) if 40 < len(request) < 1000]
    for _ in range(300):
        request = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(request))
            match chance.randrange(3):
                case 0:
                    request[place] = chance.randrange(256)
                case 1:
                    del request[place:]
                    request += b"\r\n"
                case _:
                    request[place:place] = chance.randbytes(3)
        answer = running.say(bytes(request))
        assert not answer.startswith(b"HTTP/1.1 5"), (bytes(request), answer[:200])
    assert running.alive()
    assert "Traceback" not in running.log.read_text()


def test_a_head_that_never_ends_is_cut_off(running: Server) -> None:
    answer = running.say(b"GET /health/live HTTP/1.1\r\nHost: " + running.host + b"\r\n", *[b"X: y\r\n" * 2000] * 20)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431")


ENDLESS = 64_000_000


def bytes_taken(running: Server, head: bytes, part: bytes) -> int:
    """How much of an endless request the server reads before it hangs up."""
    taken = 0
    with running.connect() as connection, suppress(OSError):
        connection.sendall(head)
        while taken < ENDLESS:
            connection.sendall(part)
            taken += len(part)
    return taken


@pytest.mark.parametrize("trailer", [b"X: y\r\n" * 2000, b"a" * 12_000], ids=["many", "one that is endless"])
def test_trailers_that_never_end_are_cut_off(running: Server, trailer: bytes) -> None:
    head = b"POST /health/live HTTP/1.1\r\nHost: " + running.host + b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    assert bytes_taken(running, head, trailer) < ENDLESS
    assert running.alive()


def test_a_body_of_many_small_chunks_is_read(running: Server) -> None:
    head = b"POST /realms/web/login HTTP/1.1\r\nHost: " + running.host + b"\r\nContent-Type: application/json\r\n"
    chunks = b"1\r\n \r\n" * 3000
    answer = running.say(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks, b"2\r\n{}\r\n0\r\n\r\n")
    assert b"expected" in answer or b"userName" in answer
    assert answer.startswith(b"HTTP/1.1 400")


def test_the_host_of_an_absolute_target_is_the_one_that_counts(running: Server) -> None:
    elsewhere = LIVE.replace(b"/health", b"http://elsewhere.example/health") % running.host
    assert running.say(elsewhere, finish=False).startswith(b"HTTP/1.1 421")
    ours = LIVE.replace(b"/health", b"http://" + running.host + b"/health") % b"elsewhere.example"
    assert running.say(ours, finish=False).startswith(b"HTTP/1.1 200")


def test_bytes_that_are_no_http_get_a_json_message(running: Server) -> None:
    answer = running.say(b"NONSENSE\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert b'"code":"request.malformed"' in answer


def test_a_trailer_is_no_header(running: Server) -> None:
    request = (
        b"POST /health/live HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1\r\nx\r\n0\r\nHost: " + running.host + b"\r\n\r\n"
    )
    assert running.say(request).startswith(b"HTTP/1.1 400")


def test_an_upgrade_is_ignored_and_the_connection_closed(running: Server) -> None:
    upgrade = LIVE.replace(b"Connection: close", b"Connection: upgrade\r\nUpgrade: websocket") % running.host
    answer = running.say(upgrade + LIVE % running.host, finish=False)
    assert answer.count(b"HTTP/1.1 200") == 1


def test_requests_in_one_write_are_answered_in_order(running: Server) -> None:
    first = LIVE.replace(b"Connection: close\r\n", b"") % running.host
    answer = running.say(first.replace(b"live", b"nope") + first + LIVE % running.host, finish=False)
    assert [answer.count(b"HTTP/1.1 404"), answer.count(b"HTTP/1.1 200")] == [1, 2]
    assert answer.index(b"404") < answer.index(b"200")


def test_a_large_body_is_refused_with_an_answer_that_can_be_read(running: Server) -> None:
    head = b"POST /realms/web/login HTTP/1.1\r\nHost: " + running.host + b"\r\nContent-Type: application/json\r\n"
    answer = running.say(head + b"Content-Length: 2000000\r\n\r\n", *[b" " * 100_000] * 20, finish=False)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"Request size limit exceeded" in answer
    waiting = running.say(head + b"Expect: 100-continue\r\nContent-Length: 2000000\r\n\r\n", finish=False)
    assert waiting.startswith(b"HTTP/1.1 413")


def test_the_application_listener_has_no_admin_paths(running: Server) -> None:
    for path in (b"/metrics", b"/api/v1", b"/console"):
        assert running.say(b"GET " + path + b" HTTP/1.1\r\nHost: " + running.host + b"\r\n\r\n").startswith(
            b"HTTP/1.1 404"
        )
    admin_host = b"127.0.0.1:%d" % running.admin_port
    asked = b"GET /metrics HTTP/1.1\r\nHost: " + admin_host + b"\r\nConnection: close\r\n\r\n"
    metrics = running.say(asked, finish=False, admin=True)
    assert metrics.startswith(b"HTTP/1.1 200")
    assert b"server: uvicorn" not in metrics.lower()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("finishes", [True, False])
def test_a_signal_lets_a_request_finish_then_answers_503_and_exits_0(
    made_project: Path, tmp_path: Path, number: signal.Signals, *, finishes: bool
) -> None:
    server = Server(_copy(made_project, tmp_path), drain=20 if finishes else 1)
    body = b'{"userName":"ana","password":"wrong"}'
    head = (
        b"POST /realms/web/login HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    )
    try:
        with server.connect() as connection:
            connection.sendall(head % (server.host, len(body)) + body[:5])
            assert server.alive()
            server.process.send_signal(number)
            while accepts(server):
                time.sleep(0.02)
            if finishes:
                connection.sendall(body[5:])
            answer = read_all(connection)
        assert answer.startswith(b"HTTP/1.1 401" if finishes else b"HTTP/1.1 503"), answer
        assert finishes or b'"code":"engine.draining"' in answer
        assert server.process.wait(timeout=HANGS) == 0
        assert "Traceback" not in server.log.read_text()
    finally:
        server.process.kill()
        server.process.communicate()


def accepts(server: Server) -> bool:
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return False
    return True
