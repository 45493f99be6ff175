from __future__ import annotations

import pytest

from bench.load import percentile
from bench.wire import Reply, request, take_reply

SIZED = b"HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=1\r\n0123456789\r\n0\r\n\r\n"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.mark.parametrize(("reply", "status"), [(SIZED, 200), (CHUNKED, 201), (EMPTY, 204)])
def test_a_reply_is_taken_only_when_its_last_byte_is_there(reply: bytes, status: int) -> None:
    for end in range(len(reply)):
        assert take_reply(reply[:end]) is None
    assert take_reply(reply) == Reply(status, len(reply), closes=False)
    assert take_reply(reply + SIZED) == Reply(status, len(reply), closes=False)


def test_a_reply_that_closes_the_connection_says_so() -> None:
    reply = take_reply(b"HTTP/1.1 503 Busy\r\nConnection: close\r\ncontent-length: 0\r\n\r\n")
    assert reply is not None
    assert (reply.status, reply.closes) == (503, True)


def test_a_reply_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="neither length nor chunks"):
        take_reply(b"HTTP/1.1 200 OK\r\n\r\nhello")


def test_a_request_is_what_goes_over_the_wire() -> None:
    assert (
        request(80, "GET", "/a", headers={"apikey": "k"})
        == b"GET /a HTTP/1.1\r\nHost: 127.0.0.1:80\r\napikey: k\r\n\r\n"
    )
    assert request(81, "POST", "/b", json={"n": 1}) == (
        b'POST /b HTTP/1.1\r\nHost: 127.0.0.1:81\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"n":1}'
    )


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([], 0.5) == 0
    assert percentile([float(n) for n in range(100)], 0.99) == 99
    assert percentile([1.0, 2.0, 3.0], 0.5) == 2
