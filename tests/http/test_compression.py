"""Compressed answers: who takes them, and that a large one does not hold the others up."""

from __future__ import annotations

import asyncio
import gzip
import random

import pytest

from sojourn.http.call import Call
from sojourn.http.compression import compressed, takes_gzip
from sojourn.http.origin import unchecked
from sojourn.http.replies import Reply
from sojourn.http.wire import Event, Head

pytestmark = pytest.mark.anyio


def a_call() -> Call:
    """A request that takes gzip."""
    headers = [(b"accept-encoding", b"gzip")]
    scope = {"type": "http", "method": "GET", "path": "/a", "headers": headers, "query_string": b""}
    return Call(scope, _nothing, Head(headers), unchecked(scope))


async def _nothing() -> Event:
    return {"type": "http.disconnect"}


@pytest.mark.parametrize(
    ("values", "takes"),
    [
        ([], False),
        ([b""], False),
        ([b"gzip"], True),
        ([b"br;q=1.0, GZIP ; q=0.2"], True),
        ([b"br", b"x-gzip"], True),
        ([b"*"], True),
        ([b"*;q=0"], False),
        ([b"gzip;q=0"], False),
        ([b"gzip;q=0.000, *"], False),
        ([b"identity, deflate"], False),
        ([b"gzip;q=much"], False),
        ([b"gzipped"], False),
    ],
)
def test_who_takes_gzip(values: list[bytes], *, takes: bool) -> None:
    assert takes_gzip(values) is takes


async def test_a_large_answer_does_not_hold_the_event_loop() -> None:
    body = random.Random(7).randbytes(4 << 20).hex().encode()
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    try:
        packed = await compressed(a_call(), Reply(200, body, (), pack=True))
    finally:
        task.cancel()
    assert turns > 3
    assert len(packed.body) < len(body)
    assert gzip.decompress(packed.body) == body


async def test_what_is_encoded_already_stays_as_it_is() -> None:
    reply = Reply(200, b"x" * 5_000, ((b"content-encoding", b"br"),), pack=True)
    assert await compressed(a_call(), reply) == reply
