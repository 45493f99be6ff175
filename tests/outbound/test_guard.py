"""The egress guard with real sockets: which addresses are connected to, and what bounds an answer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sojourn.outbound.addresses import parse_networks, refused_kind
from sojourn.outbound.errors import AddressRefused, OutboundFailed
from sojourn.outbound.guard import Guard

pytestmark = pytest.mark.anyio

LOOPBACK = parse_networks(["127.0.0.0/8"])

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answering(raw: bytes) -> Handle:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()
        writer.close()

    return handle


def reply(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def served(handle: Handle, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


def naming(*addresses: str) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    async def resolver(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolver


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("127.9.9.9", "loopback"),
        ("0.0.0.0", "loopback"),
        ("::1", "loopback"),
        ("::", "loopback"),
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("100.100.100.200", "private"),
        ("192.0.2.1", "private"),
        ("fd00:ec2::254", "private"),
        ("fc00::1", "private"),
        ("169.254.169.254", "link-local"),
        ("168.63.129.16", "metadata"),
        ("192.0.0.192", "metadata"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("fec0::1", "link-local"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("ff0e::1", "multicast"),
        ("240.0.0.1", "private"),
        ("255.255.255.255", "private"),
        ("::ffff:127.0.0.1", "mapped"),
        ("::ffff:8.8.8.8", "mapped"),
        ("::127.0.0.1", "mapped"),
        ("64:ff9b::7f00:1", "mapped"),
        ("64:ff9b::808:808", "mapped"),
        ("64:ff9b:1::a00:1", "mapped"),
        ("2002:7f00:1::", "mapped"),
        ("2001:0:7f00:1::", "mapped"),
        ("localhost", "malformed"),
        ("8.8.8.8", ""),
        ("2606:4700::1111", ""),
    ],
)
def test_only_public_addresses_pass(address: str, kind: str) -> None:
    assert refused_kind(address) == kind


@pytest.mark.parametrize(
    ("address", "network"),
    [("10.1.2.3", "10.0.0.0/8"), ("::1", "::1/128"), ("::ffff:10.0.0.1", "::ffff:0:0/96"), ("fd00::5", "fd00::/8")],
)
def test_what_an_operator_allows_passes_and_no_more(address: str, network: str) -> None:
    allowed = parse_networks([network])
    assert refused_kind(address, allowed) == ""
    assert refused_kind("192.168.0.1", allowed) == "private"


async def test_loopback_is_refused_unless_allowed_and_nothing_is_sent() -> None:
    asked = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(1)
        await answering(reply(b"ok"))(reader, writer)

    async with served(handle) as port:
        url = f"http://127.0.0.1:{port}/"
        with pytest.raises(AddressRefused) as refused:
            await Guard().fetch("GET", url)
        assert refused.value.kind == "loopback"
        assert asked == []
        assert (await Guard().fetch("GET", url, allowed=LOOPBACK)).body == b"ok"


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost"])
async def test_every_spelling_of_loopback_is_refused(host: str) -> None:
    async with served(answering(reply(b"ok"))) as port:
        with pytest.raises(OutboundFailed):
            await Guard().fetch("GET", f"http://{host}:{port}/")


async def test_the_name_is_resolved_once_and_the_judged_address_is_connected_to() -> None:
    """A name that answers with a public address first and with loopback afterwards is of no use to anybody."""
    answers = [["127.0.0.1"], ["10.0.0.1"]]

    async def rebinding(_host: str, _port: int) -> Sequence[str]:
        return answers.pop(0)

    async with served(answering(reply(b"ok"))) as port:
        guard = Guard(resolver=rebinding)
        assert (await guard.fetch("GET", f"http://shop.example:{port}/", allowed=LOOPBACK)).status == 200
        assert answers == [["10.0.0.1"]]
        with pytest.raises(AddressRefused):
            await guard.fetch("GET", f"http://shop.example:{port}/", allowed=LOOPBACK)


async def test_of_several_addresses_only_the_allowed_ones_are_tried() -> None:
    async with served(answering(reply(b"ok"))) as port:
        guard = Guard(resolver=naming("10.0.0.1", "127.0.0.1"))
        assert (await guard.fetch("GET", f"http://x.example:{port}/", allowed=LOOPBACK)).status == 200


async def test_without_tls_nothing_leaves_this_machine() -> None:
    guard = Guard(resolver=naming("93.184.215.14"))
    with pytest.raises(AddressRefused, match="remote"):
        await guard.fetch("GET", "http://shop.example/")


async def test_a_name_without_an_address_is_a_failure() -> None:
    with pytest.raises(OutboundFailed, match="no address"):
        await Guard(resolver=naming()).fetch("GET", "https://nowhere.example/")


async def test_a_redirect_is_not_followed_and_one_that_is_followed_is_judged_again() -> None:
    moved = reply(b"", "location: http://metadata.example/", status="302 Found")
    async with served(answering(moved)) as port:
        url = f"http://127.0.0.1:{port}/"
        assert (await Guard().fetch("GET", url, allowed=LOOPBACK)).status == 302

        async def resolver(host: str, _port: int) -> Sequence[str]:
            return ["169.254.169.254" if host == "metadata.example" else "127.0.0.1"]

        async with Guard(resolver=resolver).client(allowed=LOOPBACK) as client:
            with pytest.raises(AddressRefused, match="link-local"):
                await client.get(url, follow_redirects=True)


async def test_a_body_that_is_too_long_breaks_off() -> None:
    async with served(answering(reply(b"x" * 5_000))) as port:
        with pytest.raises(OutboundFailed, match="more than 4999 bytes"):
            await Guard().fetch("GET", f"http://127.0.0.1:{port}/", allowed=LOOPBACK, most=4_999)


async def test_a_packed_body_is_not_taken() -> None:
    async with served(answering(reply(b"\x1f\x8b", "content-encoding: gzip"))) as port:
        with pytest.raises(OutboundFailed, match="encoding"):
            await Guard().fetch("GET", f"http://127.0.0.1:{port}/", allowed=LOOPBACK)


async def test_a_server_that_never_answers_is_given_up() -> None:
    release = asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.close()

    async with served(silent) as port:
        with pytest.raises(OutboundFailed, match="in time"):
            await Guard().fetch("GET", f"http://127.0.0.1:{port}/", allowed=LOOPBACK, within=50)
        release.set()


async def test_a_server_that_talks_no_http_is_a_failure() -> None:
    async with served(answering(b"220 mail.example ESMTP\r\n")) as port:
        with pytest.raises(OutboundFailed):
            await Guard().fetch("GET", f"http://127.0.0.1:{port}/", allowed=LOOPBACK)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "file:///etc/passwd", "http://user:word@127.0.0.1/", "http://"])
async def test_only_plain_addresses_of_the_web_are_asked(url: str) -> None:
    with pytest.raises(OutboundFailed):
        await Guard().fetch("GET", url, allowed=LOOPBACK)


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with served(answering(reply(b"direct"))) as port:
        assert (await Guard().fetch("GET", f"http://127.0.0.1:{port}/", allowed=LOOPBACK)).body == b"direct"


async def test_tls_is_verified_against_the_name_although_an_address_is_connected_to(tmp_path: Path) -> None:
    server_side, roots = _certificate(tmp_path, "idp.example")
    async with served(answering(reply(b"sealed")), server_side) as port:
        guard = Guard(resolver=naming("127.0.0.1"), tls=roots)
        answer = await guard.fetch("GET", f"https://idp.example:{port}/", allowed=LOOPBACK)
        assert answer.body == b"sealed"
        with pytest.raises(OutboundFailed, match="cannot be reached"):
            await guard.fetch("GET", f"https://other.example:{port}/", allowed=LOOPBACK)
        with pytest.raises(OutboundFailed, match="cannot be reached"):
            await Guard(resolver=naming("127.0.0.1")).fetch("GET", f"https://idp.example:{port}/", allowed=LOOPBACK)


def _certificate(folder: Path, host: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS for ``host``, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=made.public_bytes(serialization.Encoding.PEM).decode())
