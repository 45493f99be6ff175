"""Running the checks, and one line for each requirement."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from sojourn.cli.attest import checks
from sojourn.cli.attest.findings import CHECKS, Check, Failed, Finding, NotApplicable, Outcome
from sojourn.cli.attest.scene import Scene
from sojourn.core.errors import SojournError

__all__ = ["checks", "examine"]

#: The worst outcome of several is that of all.
_WORST: Sequence[Outcome] = ("fail", "not applicable", "pass")


async def examine(scene: Scene, wanted: Iterable[str] = ()) -> Sequence[Finding]:
    """One finding for each requirement, by id; ``wanted``: of these only."""
    chosen = [check for check in CHECKS if not wanted or check.id in set(wanted)]
    waiting = asyncio.gather(*(_look(check, scene) for check in chosen if check.waits))
    found = [await _look(check, scene) for check in chosen if not check.waits and not check.last]
    found += await waiting
    found += [await _look(check, scene) for check in chosen if check.last]
    return [_merged(scene, [one for one in found if one.id == id_]) for id_ in _ids(found)]


async def _look(check: Check, scene: Scene) -> Finding:
    outcome: Outcome = "pass"
    try:
        evidence = await check.look(scene)
    except Failed as failed:
        outcome, evidence = "fail", str(failed)
    except NotApplicable as absent:
        outcome, evidence = "not applicable", str(absent)
    except SojournError as error:
        outcome, evidence = "fail", error.message
    return Finding(check.id, check.requirement, outcome, evidence)


def _merged(scene: Scene, found: Sequence[Finding]) -> Finding:
    met = any(one.outcome == "pass" for one in found)
    outcome = next(worst for worst in _WORST if any(one.outcome == worst for one in found))
    if outcome == "not applicable" and met:
        outcome = "pass"
    evidence = "; ".join(one.evidence for one in found if outcome in (one.outcome, "pass"))
    return found[0]._replace(outcome=outcome, evidence=scene.visitor.told(evidence))


def _ids(found: Sequence[Finding]) -> Sequence[str]:
    return sorted({one.id for one in found}, key=lambda id_: [int(part) for part in id_.split(".")])
