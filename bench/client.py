"""Single requests, for preparing what the load generator then repeats."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import NamedTuple, Self

import msgspec

from bench.errors import BenchError


class Answer(NamedTuple):
    """One reply."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> dict[str, object]:
        """The body as a JSON object."""
        return msgspec.json.decode(self.body, type=dict[str, object])

    def cookie(self) -> str:
        """The ``name=value`` pairs that the reply sets, as a Cookie header sends them back."""
        return "; ".join(line.split(";", 1)[0] for line in self.headers.get_all("Set-Cookie") or [])


class Client:
    """One keep-alive connection, as a context manager."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()

    def call(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, json: object = None) -> Answer:
        """Send one request; an answer that is not 2xx raises :class:`BenchError`."""
        fields = dict(headers or {})
        body = None
        if json is not None:
            body = msgspec.json.encode(json)
            fields["Content-Type"] = "application/json"
        self._connection.request(method, path, body, fields)
        reply = self._connection.getresponse()
        answer = Answer(reply.status, reply.headers, reply.read())
        if not 200 <= answer.status < 300:
            raise BenchError(f"{method} {path} answered {answer.status}: {answer.body[:300]!r}")
        return answer


def call(port: int, method: str, path: str, *, headers: Mapping[str, str] | None = None, json: object = None) -> Answer:
    """One request on a connection of its own."""
    with Client(port) as client:
        return client.call(method, path, headers=headers, json=json)


def expect(answer: Answer, wanted: object) -> None:
    """Raise :class:`BenchError` when the answer is not ``wanted``: what answers something else is not measured."""
    if answer.json() != wanted:
        raise BenchError(f"expected {str(wanted)[:200]}, got {answer.body[:200]!r}")
