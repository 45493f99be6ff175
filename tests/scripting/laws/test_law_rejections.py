"""Rejected promises that nobody handles are seen, and values that are too large are called so."""

from __future__ import annotations

import pytest

from sojourn.scripting.errors import ScriptFailed, ScriptOutputTooLarge
from sojourn.scripting.runtime import Runtime
from tests.scripting.conftest import Running

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _only_where_it_is_known(request: pytest.FixtureRequest, runtime: Runtime) -> None:
    if runtime.name == "v8" and "rejection" in request.node.name:
        pytest.skip("there nothing says which promises were rejected")


def logged(js: Running) -> list[str]:
    """What was logged, all of it at level error."""
    assert {(name, args[0]) for name, args in js.host.calls} <= {("Log.write", "error")}
    return [str(args[2]) for _, args in js.host.calls]


async def test_a_rejection_that_nobody_handles_is_logged_with_its_stack(js: Running) -> None:
    assert await js("async function lost() { await 1; null.x; }\nlost(); 'done'") == "done"
    (entry,) = logged(js)
    head, *stack = entry.splitlines()
    assert head.startswith("Unhandled promise rejection: TypeError: ")
    assert "lost (ufs:/test.js:1:" in stack[0]
    assert not any("sojourn:" in line for line in stack)


async def test_a_rejection_is_logged_beside_a_failure(js: Running) -> None:
    with pytest.raises(ScriptFailed, match="other"):
        await js("Promise.reject(new Error('lost')); throw new Error('other')")
    assert [entry.splitlines()[0] for entry in logged(js)] == ["Unhandled promise rejection: Error: lost"]


@pytest.mark.parametrize(
    "code",
    [
        "Promise.reject(new Error('x')).catch(() => {}); 1",
        "const p = Promise.reject(1); setTimeout(() => p.catch(() => {}), 2); 1",
        "(async () => { try { await Promise.reject(1); } catch { return 1; } })()",
        "Promise.allSettled([Promise.reject(1)]).then(() => 1)",
    ],
)
async def test_a_rejection_that_was_handled_is_not_logged(js: Running, code: str) -> None:
    assert await js(code) == 1
    assert js.host.calls == []


async def test_a_rejection_of_the_last_value_is_the_outcome_alone(js: Running) -> None:
    with pytest.raises(ScriptFailed, match="out"):
        await js("Promise.reject(new Error('out'))")
    assert js.host.calls == []


async def test_rejections_without_number_are_counted(js: Running) -> None:
    assert await js("for (let i = 0; i < 50; i++) Promise.reject(i); 5") == 5
    assert logged(js)[-1] == "Unhandled promise rejections: 30 more"
    assert len(logged(js)) == 21
    js.host.calls.clear()
    assert await js("6") == 6
    assert js.host.calls == []


@pytest.mark.parametrize(
    "reason",
    [
        "{ get message() { throw 1; }, toString() { for (;;) Promise.reject(this); } }",
        "Object.defineProperty(new Error('x'), 'more', { enumerable: true, get() { for (;;); } })",
        "new Proxy({}, { get() { throw new Error('trap'); } })",
        "null",
        "undefined",
    ],
)
async def test_rejection_with_a_hostile_reason_changes_no_outcome(js: Running, reason: str) -> None:
    code = "Map.prototype.set = Map.prototype.forEach = () => { throw 1; };" + f"Promise.reject({reason}); 7"
    assert await js(code, cpu=400) == 7


async def test_a_last_value_that_is_too_large_is_called_so(js: Running) -> None:
    for code in ("'x'.repeat(5000)", "Promise.resolve([['x'.repeat(5000)]])"):
        with pytest.raises(ScriptOutputTooLarge, match="larger than 4000 bytes") as caught:
            await js(code, message=4000)
        assert caught.value.code == "script.output_too_large"
    assert await js("1", message=4000) == 1


async def test_an_argument_that_is_too_large_is_an_error_for_the_script(js: Running) -> None:
    code = "try { session.fields.put({a: 'x'.repeat(5000)}); } catch (error) { error instanceof RangeError && error.message }"
    assert await js(code, message=4000) == "the value is larger than 4000 bytes"
    with pytest.raises(ScriptFailed) as caught:
        await js("session.fields.put({a: 'x'.repeat(5000)})", message=4000)
    assert not isinstance(caught.value, ScriptOutputTooLarge)
