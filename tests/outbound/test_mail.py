"""Mails over a real SMTP server with TLS, and as files."""

import datetime as dt
import smtplib
import ssl
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sojourn.config.addresses import BadAddress
from sojourn.config.mail import BadCredentials, MailServer
from sojourn.config.settings import MailSettings
from sojourn.core.clock import ManualClock
from sojourn.outbound.mail import Mail, MailFailed, mail_port
from sojourn.outbound.mail_sending import OutboxMail, SmtpMail
from tests.patience import HANGS
from tests.servers.ports import free_port

pytestmark = pytest.mark.anyio

MAIL = Mail("ana@example.org", "Your code", "Hello ana,\n\nthe code is x.\n")


class Mailbox:
    """What arrived."""

    def __init__(self) -> None:
        self.seen: list[tuple[Envelope, Any, bool]] = []

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        parsed = message_from_bytes(envelope.content or b"", policy=policy.default)  # type: ignore[arg-type]
        self.seen.append((envelope, parsed, session.ssl is not None))
        return "250 OK"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost with its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return file


@pytest.fixture
def trusted(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


def served(mailbox: Mailbox, **options: Any) -> Iterator[Controller]:
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port(), ready_timeout=HANGS, **options)
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture
def plain(mailbox: Mailbox) -> Iterator[Controller]:
    yield from served(mailbox)


@pytest.fixture
def starttls(mailbox: Mailbox, certificate: Path) -> Iterator[Controller]:
    def check(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, shown: Any) -> AuthResult:
        right = shown == LoginPassword(b"sojourn", b"pa:ss")
        return AuthResult(success=right, handled=False)  # the server says so

    yield from served(
        mailbox,
        tls_context=server_side(certificate),
        require_starttls=True,
        authenticator=check,
        auth_required=True,
        enable_SMTPUTF8=True,
    )


@pytest.fixture
def implicit(mailbox: Mailbox, certificate: Path) -> Iterator[Controller]:
    yield from served(mailbox, ssl_context=server_side(certificate))


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    file = tmp_path / "mail.credentials"
    file.write_text("sojourn:pa:ss\n")
    file.chmod(0o600)
    return file


def settings(controller: Controller, scheme: str = "smtp", **more: Any) -> MailSettings:
    return MailSettings(smtp=f"{scheme}://localhost:{controller.port}", sender="engine@shop.example", **more)


def smtp(given: MailSettings, tls: ssl.SSLContext | None = None) -> SmtpMail:
    return SmtpMail(given, Path("/nowhere"), ManualClock(), tls)


async def test_a_mail_arrives_as_it_was_written(plain: Controller, mailbox: Mailbox) -> None:
    await smtp(settings(plain)).send(MAIL._replace(sender_name="The Shop", html="<p>x</p>"))
    ((envelope, message, _),) = mailbox.seen
    assert (envelope.mail_from, envelope.rcpt_tos) == ("engine@shop.example", ["ana@example.org"])
    assert message["From"] == "The Shop <engine@shop.example>"
    assert (message["To"], message["Subject"]) == ("ana@example.org", "Your code")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@shop.example>")
    assert message.get_body(("plain",)).get_content().replace("\r\n", "\n") == MAIL.text
    assert "<p>x</p>" in message.get_body(("html",)).get_content()


async def test_starttls_is_used_and_the_credentials_go_only_through_it(
    starttls: Controller, mailbox: Mailbox, trusted: ssl.SSLContext, credentials: Path
) -> None:
    await smtp(settings(starttls, credential_file=str(credentials)), trusted).send(MAIL)
    ((_, _, encrypted),) = mailbox.seen
    assert encrypted


async def test_wrong_credentials_send_nothing_and_stand_in_no_error(
    starttls: Controller, mailbox: Mailbox, trusted: ssl.SSLContext, credentials: Path
) -> None:
    credentials.write_text("sojourn:s3cret\n")
    with pytest.raises(MailFailed) as failed:
        await smtp(settings(starttls, credential_file=str(credentials)), trusted).send(MAIL)
    assert "s3cret" not in str(failed.value)
    assert mailbox.seen == []


async def test_smtps_is_tls_from_the_first_byte(
    implicit: Controller, mailbox: Mailbox, trusted: ssl.SSLContext
) -> None:
    await smtp(settings(implicit, "smtps"), trusted).send(MAIL)
    assert len(mailbox.seen) == 1


@pytest.mark.parametrize("kind", ["starttls", "implicit"])
async def test_a_certificate_that_nobody_vouches_for_is_refused(
    kind: str, request: pytest.FixtureRequest, mailbox: Mailbox
) -> None:
    controller = request.getfixturevalue(kind)
    with pytest.raises(MailFailed):
        await smtp(settings(controller, "smtps" if kind == "implicit" else "smtp")).send(MAIL)
    assert mailbox.seen == []


async def test_off_this_machine_nothing_goes_without_tls(plain: Controller, mailbox: Mailbox) -> None:
    port = smtp(settings(plain))
    # The same server under a name that stands for another machine.
    port._server = port._server._replace(host="mail.example")

    def connected(_host: str, number: int, _tls: ssl.SSLContext) -> smtplib.SMTP:
        return smtplib.SMTP("localhost", number)

    port._connected = connected  # type: ignore[assignment,method-assign]  # the name would have to be one of the world
    with pytest.raises(MailFailed):
        await port.send(MAIL)
    assert mailbox.seen == []


@pytest.mark.parametrize(
    "to",
    [
        "ana@example.org\r\nBcc: eve@example.org",
        "ana@example.org, eve@example.org",
        "ana@example.org\n",
        "<eve@example.org>ana@example.org",
        '"a b"@example.org',
        "@example.org",
        "ana",
        "",
        "ana@exam\x00ple.org",
    ],
)
async def test_a_mail_goes_to_one_address_or_nowhere(plain: Controller, mailbox: Mailbox, to: str) -> None:
    with pytest.raises(MailFailed):
        await smtp(settings(plain)).send(MAIL._replace(to=to))
    assert mailbox.seen == []


async def test_no_header_is_forged_by_a_subject_or_a_name(plain: Controller, mailbox: Mailbox) -> None:
    forged = MAIL._replace(subject="x\r\nBcc: eve@example.org\r\n\r\nhi", sender_name="y\nBcc: eve@example.org")
    await smtp(settings(plain)).send(forged)
    ((envelope, message, _),) = mailbox.seen
    assert envelope.rcpt_tos == ["ana@example.org"]
    assert message["Bcc"] is None
    assert message["Subject"] == "x Bcc: eve@example.org hi"


async def test_letters_of_all_scripts_arrive(
    starttls: Controller, mailbox: Mailbox, trusted: Any, credentials: Path
) -> None:
    given = settings(starttls, credential_file=str(credentials))
    await smtp(given, trusted).send(Mail("jörg@bücher.example", "Ihr Code für 雪", "Grüße\n"))
    ((envelope, message, _),) = mailbox.seen
    assert envelope.rcpt_tos == ["jörg@bücher.example"]
    assert message["Subject"] == "Ihr Code für 雪"


async def test_a_server_that_is_not_there_is_an_error_of_the_house() -> None:
    given = MailSettings(smtp="smtp://127.0.0.1:9", sender="engine@shop.example")
    with pytest.raises(MailFailed):
        await smtp(given).send(MAIL)


async def test_the_outbox_holds_one_private_file_a_mail(tmp_path: Path) -> None:
    port = mail_port(MailSettings(), tmp_path, ManualClock())
    assert isinstance(port, OutboxMail)
    await port.send(MAIL)
    await port.send(MAIL._replace(subject="Another"))
    files = sorted((tmp_path / "var" / "outbox").iterdir())
    assert len(files) == 2
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (tmp_path / "var" / "outbox").stat().st_mode & 0o777 == 0o700
    subjects = {message_from_bytes(file.read_bytes(), policy=policy.default)["Subject"] for file in files}
    assert subjects == {"Your code", "Another"}


async def test_an_outbox_that_cannot_be_written_is_an_error_of_the_house(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("in the way")
    with pytest.raises(MailFailed):
        await mail_port(MailSettings(), tmp_path, ManualClock()).send(MAIL)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtps://mail.example", MailServer("mail.example", 465, True)),
        ("smtp://mail.example", MailServer("mail.example", 587, False)),
        ("smtp://127.0.0.1:2525", MailServer("127.0.0.1", 2525, False)),
    ],
)
def test_a_mail_server_is_named_by_a_url(url: str, server: MailServer) -> None:
    assert MailServer.parse(url) == server
    assert server.loopback == (server.host == "127.0.0.1")


@pytest.mark.parametrize(
    "url",
    [
        "mail.example",
        "http://mail.example",
        "smtp://",
        "smtp://u:p@mail.example",
        "smtp://h/path",
        "smtp://h:0",
        "smtp://h:x",
    ],
)
def test_what_is_no_mail_server_is_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        MailServer.parse(url)


@pytest.mark.parametrize(("text", "mode"), [("u:p", 0o644), ("up", 0o600), (":p", 0o600), ("u:", 0o600), ("", 0o600)])
def test_credentials_that_others_may_read_or_that_are_none_are_refused(tmp_path: Path, text: str, mode: int) -> None:
    file = tmp_path / "credentials"
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(BadCredentials) as refused:
        smtp(MailSettings(smtp="smtp://mail.example", credential_file=str(file)))
    assert "u:p" not in str(refused.value)
