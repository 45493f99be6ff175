"""The connection to one server: answers find their callers whatever happens on the way, and it is known what was sent."""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sojourn.config.valkey_url import parse_valkey_url
from sojourn.core.errors import OutcomeUnknown, StoreBusy, StoreReadOnly, StoreUnavailable, Unavailable
from sojourn.stores.valkey import ValkeyStore, dial, wire
from sojourn.stores.valkey.scripts import Script
from sojourn.stores.valkey.single import ServerLink
from sojourn.testing.law import T, created, refused, texts
from tests.patience import HANGS
from tests.servers.relay import Relay
from tests.servers.valkey import ValkeyServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    server = ValkeyServer()
    server.start("no")
    yield server
    server.remove()


@pytest.fixture
async def relay(valkey_url: str) -> AsyncIterator[Relay]:
    async with Relay(int(valkey_url.rpartition(":")[2])) as relay:
        yield relay


@pytest.fixture
async def link(relay: Relay) -> AsyncIterator[ServerLink]:
    async with _linked(f"valkey://127.0.0.1:{relay.port}") as link:
        yield link


@asynccontextmanager
async def _linked(url: str) -> AsyncIterator[ServerLink]:
    link = await ServerLink.open(parse_valkey_url(url))
    try:
        yield link
    finally:
        await link.close()


async def _echo(link: ServerLink, text: str) -> bool:
    answer: bytes = await link.command("", "ECHO", text)
    assert answer == text.encode()
    return True


async def _echoes_again(link: ServerLink) -> None:
    async with asyncio.timeout(HANGS):
        while True:
            with suppress(Unavailable):
                await _echo(link, "again")
                return
            await asyncio.sleep(0.01)


async def test_commands_of_one_turn_go_out_together_and_in_order(relay: Relay, link: ServerLink) -> None:
    relay.heard.clear()
    await asyncio.gather(*(_echo(link, f"{number:03}") for number in range(100)))
    assert len(relay.heard) == 1
    assert [part[:3] for part in relay.heard[0].split(b"$3\r\n")[1:]] == [b"%03d" % number for number in range(100)]


@pytest.mark.parametrize("piece", [1, 2, 7, 1000])
async def test_answers_in_pieces_are_whole(relay: Relay, link: ServerLink, piece: int) -> None:
    relay.piece = piece
    await link.command("", "HSET", "sj:x", *(str(number) for number in range(20)))
    found = await link.read([("HGETALL", "sj:x"), ("HMGET", "sj:x", "0", "1"), ("PING",), ("ZRANGE", "sj:y", "0", "1")])
    assert found == [
        [str(number).encode() for number in range(20)],
        [b"1", None],
        b"PONG",
        [],
    ]


async def test_a_huge_answer_comes_whole_and_those_behind_it_too(link: ServerLink) -> None:
    huge = "x" * 3_000_000
    await link.command("", "SET", "sj:x", huge)
    got, *_ = await asyncio.gather(link.command("", "GET", "sj:x"), *(_echo(link, str(n)) for n in range(50)))
    assert got == huge.encode()


async def test_callers_that_are_cancelled_shift_nobodys_answer(relay: Relay, link: ServerLink) -> None:
    chance = random.Random(7)
    for _ in range(40):
        relay.piece = chance.choice((0, 3, 50))
        tasks = [asyncio.create_task(_echo(link, str(chance.random()) * chance.randint(1, 9))) for _ in range(30)]
        for _ in range(20):
            for task in chance.sample(tasks, chance.randint(0, 2)):
                task.cancel()
            await asyncio.sleep(chance.choice((0, 0, 0.0005)))
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert {outcome for outcome in outcomes if not isinstance(outcome, asyncio.CancelledError)} <= {True}
        assert sum(outcome is True for outcome in outcomes) > 0
    await _echo(link, "last")
    assert relay.clients == 1


@pytest.mark.parametrize(
    "odd",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"$-7\r\n",
        b"+1\r\n+2\r\n+more than was asked\r\n",
        b"\x00" * 64,
        b"*2\r\n$x\r\n",
        random.Random(1).randbytes(5000),
    ],
)
async def test_what_is_not_the_protocol_ends_the_connection_and_not_the_link(
    relay: Relay, link: ServerLink, odd: bytes
) -> None:
    relay.instead = odd
    outcomes = await asyncio.gather(
        link.command("", "SET", "sj:x", "1", writes=True),
        link.command("", "SET", "sj:x", "1", writes=False),
        return_exceptions=True,
    )
    if odd[:1] != b"+":
        assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown, StoreUnavailable]
    await _echoes_again(link)
    assert relay.clients > 1


@pytest.mark.parametrize("cut", [0, 1, 5, 40])
async def test_a_connection_that_ends_inside_an_answer_leaves_the_outcome_unknown(
    relay: Relay, link: ServerLink, cut: int
) -> None:
    await link.command("", "SET", "sj:x", "x" * 100)
    relay.cut = cut
    outcomes = await asyncio.gather(
        link.command("", "GET", "sj:x"),
        link.command("", "INCR", "sj:n", writes=True),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable, OutcomeUnknown]
    await _echoes_again(link)
    # It had been run, and was not sent a second time.
    assert await link.command("", "GET", "sj:n") == b"1"
    assert link.losses == 2


async def test_a_command_that_finds_no_connection_waits_for_the_next_one(relay: Relay, link: ServerLink) -> None:
    relay.cut = 0
    await refused(StoreUnavailable, _echo(link, "lost"))
    await _echo(link, "at once again")


async def test_a_script_that_the_server_forgot_is_run_once(link: ServerLink) -> None:
    script = Script("return redis.call('INCR', KEYS[1])")
    for total in (20, 40):
        await link.command("", "SCRIPT", "FLUSH")
        calls = (link.script(script, ("sj:n",), (), writes=True) for _ in range(20))
        assert max(await asyncio.gather(*calls)) == total


async def test_what_is_held_back_while_nobody_answers_is_sent_when_somebody_does(server: ValkeyServer) -> None:
    async with _linked(server.url) as link:
        server.pause()
        sent = asyncio.create_task(link.command("", "INCR", "sj:n", writes=True))
        await asyncio.sleep(2 * wire.LOOK_EVERY + 0.05)
        held = [asyncio.create_task(link.command("", "INCR", "sj:n", writes=True)) for _ in range(3)]
        await asyncio.sleep(0)
        held.pop().cancel()
        server.resume()
        assert sorted([await sent, *await asyncio.gather(*held)]) == [1, 2, 3]
        assert await link.command("", "GET", "sj:n") == b"3"


async def test_too_many_at_once_are_refused_and_nothing_of_theirs_is_sent(
    link: ServerLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MOST_WAITING", 10)
    acts = (link.command("", "INCR", "sj:n", writes=True) for _ in range(11))
    outcomes = await asyncio.gather(*acts, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StoreBusy}
    assert await link.command("", "GET", "sj:n") is None


async def test_closing_leaves_nothing_behind_and_refuses_what_comes_later(link: ServerLink) -> None:
    asking = asyncio.create_task(refused(OutcomeUnknown, link.command("", "INCR", "sj:n", writes=True)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    before = asyncio.all_tasks()
    await link.close()
    await link.close()
    await asking
    assert asyncio.all_tasks() <= before
    await refused(StoreUnavailable, _echo(link, "late"))


async def test_user_database_and_name_are_those_of_the_url_also_after_the_connection_broke(
    server: ValkeyServer,
) -> None:
    server.run("ACL", "SETUSER", "shop", "on", ">right", "~sj:*", "+@all")
    async with _linked(f"valkey://shop:right@127.0.0.1:{server.port}/2") as link:
        for _ in range(2):
            info = (await link.command("", "CLIENT", "INFO")).decode()
            assert {"name=sojourn", "db=2", "user=shop"} <= set(info.split())
            server.run("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await _echoes_again(link)


async def test_a_password_that_was_changed_is_refused_when_the_connection_is_made_anew(server: ValkeyServer) -> None:
    server.run("ACL", "SETUSER", "shop", "on", ">right", "~sj:*", "+@all")
    async with _linked(f"valkey://shop:right@127.0.0.1:{server.port}") as link:
        server.run("ACL", "SETUSER", "shop", "resetpass", ">other")
        server.run("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await asyncio.sleep(0.05)
        error = await refused(StoreUnavailable, _echo(link, "x"))
        assert "refuses this user" in str(error)
        assert "right" not in str(error)


async def test_a_database_that_is_not_there_is_said(server: ValkeyServer) -> None:
    await refused(StoreUnavailable, ServerLink.open(parse_valkey_url(f"{server.url}/9999")))


async def test_a_unix_socket_serves(server: ValkeyServer) -> None:
    store = await ValkeyStore.open(server.socket_url)
    session = await created(store, {"x": "1"})
    assert await texts(store, session, T) == {"x": "1"}
    await store.close()


async def test_the_primary_is_found_among_the_hosts_also_when_it_becomes_another(server: ValkeyServer) -> None:
    other = ValkeyServer()
    other.start("no")
    other.run("REPLICAOF", "127.0.0.1", server.port)
    rings: list[int] = []
    try:
        async with _linked(f"valkey://127.0.0.1:{other.port},127.0.0.1:{server.port}") as link:
            link.on_another_run = lambda: rings.append(1)
            await link.command("", "SET", "sj:x", "1", writes=True)
            other.run("REPLICAOF", "NO", "ONE")
            server.run("REPLICAOF", "127.0.0.1", other.port)
            async with asyncio.timeout(HANGS):
                while True:
                    with suppress(StoreReadOnly):
                        await link.command("", "SET", "sj:x", "2", writes=True)
                        break
                    await asyncio.sleep(0.05)
            assert b"$1\r\n2\r\n" in other.run("GET", "sj:x")
            assert rings == [1]
    finally:
        other.remove()


async def test_tls_with_a_certificate_that_is_known_and_without(
    valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    async with Relay(int(valkey_url.rpartition(":")[2]), context) as relay:
        url = f"valkeys://127.0.0.1:{relay.port}"
        async with _linked(f"{url}?ca={chain}") as link:
            await asyncio.gather(*(_echo(link, str(number)) for number in range(50)))
            relay.cut = 3
            await refused(StoreUnavailable, _echo(link, "x"))
            await _echoes_again(link)
        error = await refused(StoreUnavailable, ServerLink.open(parse_valkey_url(url)))
        assert "certificate" in str(error)
    monkeypatch.setattr(dial, "CONNECT_WITHIN", 0.3)
    plain = valkey_url.replace("valkey:", "valkeys:")
    await refused(StoreUnavailable, ServerLink.open(parse_valkey_url(f"{plain}?ca={chain}")))


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sessions")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain = folder / "chain.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return chain
