"""Metadata, the way through the browser, and the requests to a provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from sojourn.core.clock import ManualClock
from sojourn.core.errors import TokenRefused
from sojourn.core.json import encode
from sojourn.identity.oidc.client import OidcClient
from sojourn.identity.oidc.errors import LoginNotTaken, ProviderFailed
from sojourn.identity.oidc.flow import (
    Returned,
    authorization_url,
    challenge,
    check_answer,
    logout_url,
    new_secrets,
    read_returned,
)
from sojourn.identity.oidc.metadata import Metadata, metadata_url, read_metadata
from sojourn.model.provider import ProviderConfig, is_own_path, wrong_issuer
from sojourn.outbound.addresses import Network
from sojourn.outbound.guard import Answer, Guard
from tests.identity.oidc_signer import ISSUER, NOW

pytestmark = pytest.mark.anyio

METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": ISSUER + "/authorize",
    "token_endpoint": ISSUER + "/token",
    "jwks_uri": ISSUER + "/jwks",
    "userinfo_endpoint": ISSUER + "/me",
    "end_session_endpoint": ISSUER + "/end?x=1",
    "revocation_endpoint": ISSUER + "/revoke",
    "response_types_supported": ["code"],
}
STATE = "s" * 43


def metadata(**changed: Any) -> bytes:
    return encode({name: value for name, value in (METADATA | changed).items() if value is not None})


class Scripted(Guard):
    """A network where each address has one answer; it remembers what was sent."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        super().__init__()
        self._answers = {metadata_url(ISSUER): Answer(200, {}, metadata()), **answers}
        self.sent: list[tuple[str, Mapping[str, str], bytes]] = []

    async def fetch(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = {},
        body: bytes = b"",
        allowed: Sequence[Network] = (),
        most: int = 0,
        within: int = 0,
    ) -> Answer:
        self.sent.append((url, headers, body))
        return self._answers[url]


def client(answers: Mapping[str, Answer], **changed: Any) -> tuple[OidcClient, Scripted]:
    guard = Scripted(answers)
    config = ProviderConfig(issuer=ISSUER, client_id="a b:c", realms=("acme",), **changed)
    return OidcClient(config, guard, ManualClock(NOW)), guard


def test_metadata_are_those_of_the_issuer_that_was_meant() -> None:
    found = read_metadata(metadata(authorization_response_iss_parameter_supported=True), ISSUER)
    assert (found.authorization, found.names_issuer) == (ISSUER + "/authorize", True)
    assert metadata_url("https://x.example/tenant/") == "https://x.example/tenant/.well-known/openid-configuration"


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": ISSUER + "/"},
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"authorization_endpoint": None},
        {"token_endpoint": "http://idp.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": 7},
        {"jwks_uri": "https://[::1/x"},
        {"token_endpoint": "https://u:p@idp.example/token"},
        {"authorization_endpoint": "https://idp.example/a#b"},
        {"authorization_endpoint": "https://idp.example/a b"},
        {"end_session_endpoint": "javascript:alert(1)"},
        {"response_types_supported": ["id_token"]},
        {"response_types_supported": None},
        {"code_challenge_methods_supported": ["plain"]},
    ],
)
def test_metadata_that_are_wrong_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ProviderFailed):
        read_metadata(metadata(**changed), ISSUER)


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"issuer":1,"issuer":2}'])
def test_metadata_that_are_no_metadata_are_refused(body: bytes) -> None:
    with pytest.raises(ProviderFailed):
        read_metadata(body, ISSUER)


@pytest.mark.parametrize(
    "issuer",
    [
        "ftp://x",
        "https://",
        "https://x/?a=b",
        "https://x/?",
        "https://x/#f",
        "https://u@x/",
        "https://x/ y",
        "https://[x",
    ],
)
def test_an_issuer_is_a_plain_url(issuer: str) -> None:
    assert wrong_issuer(issuer)
    assert wrong_issuer(ISSUER) == ""


def test_the_browser_is_sent_with_state_nonce_and_challenge() -> None:
    """RFC 7636 appendix B has the pair of verifier and challenge."""
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    secrets = new_secrets()
    url = authorization_url(
        read_metadata(metadata(), ISSUER),
        secrets,
        client_id="c",
        redirect_uri="https://we/cb",
        scopes=["openid", "email"],
        acr_values=["mfa", "pwd"],
        max_age=60_000,
    )
    asked = dict(parse_qsl(urlsplit(url).query))
    assert asked == {
        "response_type": "code",
        "response_mode": "query",
        "client_id": "c",
        "redirect_uri": "https://we/cb",
        "scope": "openid email",
        "state": secrets.state,
        "nonce": secrets.nonce,
        "code_challenge": challenge(secrets.verifier),
        "code_challenge_method": "S256",
        "acr_values": "mfa pwd",
        "max_age": "60",
    }
    assert len({*secrets}) == 3
    assert secrets.verifier not in url


def test_the_logout_url_keeps_what_the_endpoint_has() -> None:
    url = logout_url(read_metadata(metadata(), ISSUER), client_id="c", return_to="https://we/bye")
    assert parse_qs(urlsplit(url).query) == {
        "x": ["1"],
        "client_id": ["c"],
        "post_logout_redirect_uri": ["https://we/bye"],
    }
    assert logout_url(Metadata(ISSUER, "", "", ""), client_id="c") == ""


def test_an_answer_is_read() -> None:
    assert read_returned([("code", "x"), ("state", STATE), ("session_state", "y")]) == Returned(STATE, "x", "", "")
    assert read_returned([("error", "<b>"), ("state", STATE)]).error == "unknown"


@pytest.mark.parametrize(
    "pairs",
    [
        [("code", "x")],
        [("code", "x"), ("state", "short")],
        [("code", "x"), ("code", "y"), ("state", STATE)],
        [("code", "x"), ("state", STATE), ("state", STATE)],
        [("code", "x"), ("error", "e"), ("state", STATE)],
        [("state", STATE)],
        [("code", "x" * 4_097), ("state", STATE)],
    ],
)
def test_an_answer_that_no_provider_sends_is_refused(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(LoginNotTaken, match="answer"):
        read_returned(pairs)


def test_the_answer_names_its_issuer_where_the_provider_says_that_it_does() -> None:
    """RFC 9207: no mix-up of two providers."""
    silent = Metadata(ISSUER, "", "", "")
    telling = silent._replace(names_issuer=True)
    check_answer(Returned(STATE, "c", "", ""), silent)
    check_answer(Returned(STATE, "c", ISSUER, ""), telling)
    for returned, about in (("https://evil.example", silent), ("", telling), (ISSUER + "/", telling)):
        with pytest.raises(LoginNotTaken, match="issuer"):
            check_answer(Returned(STATE, "c", returned, ""), about)
    with pytest.raises(LoginNotTaken, match="access_denied"):
        check_answer(Returned(STATE, "", ISSUER, "access_denied"), telling)


@pytest.mark.parametrize("path", ["/", "/shop", "/shop/a?b=c#d", "/%2F%2Fevil.example", "/a//b"])
def test_a_path_of_our_own_origin(path: str) -> None:
    assert is_own_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "shop",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil",
        " /a",
        "/a b",
        "/ä",
        "/\x00",
        "/" + "a" * 1_000,
        "///evil",
    ],
)
def test_nothing_else_is_returned_to(path: str) -> None:
    assert not is_own_path(path)


@pytest.mark.parametrize(
    ("how", "header", "fields"),
    [
        ("client_secret_basic", "Basic YStiJTNBYzpzJTJC", {}),
        ("client_secret_post", None, {"client_id": ["a b:c"], "client_secret": ["s+"]}),
        ("none", None, {"client_id": ["a b:c"]}),
    ],
)
async def test_the_client_shows_who_it_is(how: str, header: str | None, fields: dict[str, list[str]]) -> None:
    answer = Answer(200, {}, encode({"token_type": "Bearer", "access_token": "a", "id_token": "i"}))
    asking, guard = client({ISSUER + "/token": answer}, client_authentication=how)
    granted = await asking.exchange("the code", "https://we/cb", "v" * 43, "s+")
    assert (granted.access_token, granted.id_token, granted.refresh_token) == ("a", "i", "")
    _, headers, body = guard.sent[-1]
    assert headers.get("authorization") == header
    assert parse_qs(body.decode()) == {
        "grant_type": ["authorization_code"],
        "code": ["the code"],
        "redirect_uri": ["https://we/cb"],
        "code_verifier": ["v" * 43],
        **fields,
    }


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(400, {}, b'{"error":"invalid_grant"}'), LoginNotTaken),
        (Answer(401, {}, b'{"error":"invalid_client"}'), ProviderFailed),
        (Answer(500, {}, b"oops"), ProviderFailed),
        (Answer(302, {"location": "https://evil.example"}, b""), ProviderFailed),
        (Answer(200, {}, b"[]"), ProviderFailed),
        (Answer(200, {}, b'{"token_type":"Bearer","access_token":"a"}'), ProviderFailed),
        (Answer(200, {}, b'{"token_type":"DPoP","id_token":"i"}'), ProviderFailed),
    ],
)
async def test_what_is_no_grant_is_refused(answer: Answer, error: type[Exception]) -> None:
    asking, _ = client({ISSUER + "/token": answer})
    with pytest.raises(error):
        await asking.exchange("c", "https://we/cb", "v", "s")


async def test_user_info_is_of_the_same_subject() -> None:
    asking, guard = client({ISSUER + "/me": Answer(200, {}, b'{"sub":"s-1","email":"a@b.c"}')})
    assert (await asking.user_info("at", "s-1"))["email"] == "a@b.c"
    assert guard.sent[-1][1]["authorization"] == "Bearer at"
    with pytest.raises(TokenRefused, match="subject"):
        await asking.user_info("at", "s-2")


async def test_tokens_are_refreshed_and_revoked() -> None:
    answer = Answer(200, {}, encode({"token_type": "bearer", "access_token": "a", "refresh_token": "r2"}))
    asking, guard = client({ISSUER + "/token": answer, ISSUER + "/revoke": Answer(200, {}, b"")})
    assert (await asking.refresh("r1", "s")).refresh_token == "r2"
    await asking.revoke("r2", "s")
    assert guard.sent[-1][2] == b"token=r2"
