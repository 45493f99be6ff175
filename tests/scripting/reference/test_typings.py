"""``sojourn.d.ts`` says what scripts see: TypeScript accepts it, completes by it, and finds what is wrong."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from sojourn.engine.files.file import TYPES
from sojourn.scripting.declare import CLASSES
from sojourn.scripting.reference.typings import typings
from tests.patience import HANGS

deno = pytest.importorskip("deno", reason="needs the extra v8, whose Deno checks types")

_SETTINGS = f'{{"compilerOptions": {{"lib": ["es2023"], "types": ["./{TYPES}"], "strict": true, "checkJs": true}}}}'
_REFERENCE = f'/// <reference path="./{TYPES}" />\n'

GOOD = """
const cart = session.fields.get('cart', {});
if (session.login('anna', 'secret')) {
  session.trackingId = createGUID(true);
}
const Session = require('@nginstack/engine/lib/session/Session');
const same = require('@nginstack/engine/context/session.js');
session.setTimeout(30, 1);
const key = session.userKey + same.userKey;
const timer = setTimeout((text) => logger.info(text), 5, 'later');
clearTimeout(timer);
logger.info(`${key} ${cart.sku} ${session instanceof Session}`);
"""

BAD = """
session.userKey = 7;
session.login('anna');
session.logIn('anna', 'secret');
session.setTimeout('soon');
"""


def checked(folder: Path, **scripts: str) -> tuple[int, str]:
    """What a check of types says of scripts beside ``sojourn.d.ts``."""
    (folder / TYPES).write_text(typings())
    (folder / "deno.json").write_text(_SETTINGS)
    for name, code in scripts.items():
        (folder / f"{name}.js").write_text(_REFERENCE + code)
    command = [deno.find_deno_bin(), "check", "--no-lock", "--cached-only", *(f"{name}.js" for name in scripts)]
    env = {**os.environ, "DENO_DIR": str(folder / ".deno"), "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=HANGS, check=False)
    return done.returncode, done.stderr


def test_a_right_script_passes_and_each_fault_of_a_wrong_one_is_found_at_its_line(tmp_path: Path) -> None:
    assert checked(tmp_path, good=GOOD) == (0, "Check good.js\n")
    code, said = checked(tmp_path, bad=BAD)
    assert code == 1
    assert re.findall(r"bad\.js:(\d+):", said) == ["3", "4", "5", "6"], said


def test_every_class_and_function_has_its_types() -> None:
    text = typings()
    for spec in CLASSES.values():
        if spec.role == "class":
            assert f"declare class {spec.name} " in text
        for member in spec.members:
            assert spec.role == "internal" or member.kind in ("set", "new") or f"{member.signature};" in text
