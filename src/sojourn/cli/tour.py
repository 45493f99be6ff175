"""The tour of the example shop: a shell script that a reader can follow, or run as it stands."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import NamedTuple

#: The last line of what `demo` prints.
END = "# End of the tour"


class Guest(NamedTuple):
    """An account of the example, with the password that this start gave it."""

    name: str
    password: str


class Step(NamedTuple):
    """One stop of the tour."""

    text: str
    command: str
    #: What the command prints; empty when it prints nothing.
    prints: str = ""


def tour(url: str, key: str, first: Guest, second: Guest, project: Path) -> str:
    """The tour of the shop at ``url`` with the API key ``key``, as a shell script with comments."""
    lines = ["# The tour: copy the lines into a second terminal, one after the other.", ""]
    steps = (
        *_shared_cart(url, key, first, second),
        *_handed_on(url, first),
        *_end(url, first),
        *_beside(project, first),
    )
    for number, step in enumerate(steps, start=1):
        lines += [f"# {number}. {step.text}", step.command]
        lines += [f"#    {line}" for line in step.prints.splitlines()]
        lines.append("")
    return "\n".join(lines)


_BEARER = '-H "apikey: $KEY" -H "Authorization: Bearer $TOKEN"'


def _shared_cart(url: str, key: str, first: Guest, second: Guest) -> tuple[Step, ...]:
    shop = f"{url}/pipeline/acme/v1"
    add = f"curl -s {shop}/cart-add {_BEARER} -H 'Content-Type: application/json' -d"
    return (
        Step("The API key says which application calls.", f"KEY='{key}'"),
        Step(f"Log in as {first.name}: the token comes in the Authorization header.", _login(shop, "TOKEN", first)),
        Step(
            "Put a cart into her GLOBAL session, in one pipeline …",
            f'{add} \'{{"sku":"A1","qty":2}}\'; echo',
            '{"stored":true}',
        ),
        Step(
            "… and get it back in another.",
            f"curl -s {shop}/cart-view {_BEARER}; echo",
            '{"shop":"Acme Shop","cart":{"sku":"A1","qty":2}}',
        ),
        Step(
            "A script sees the same session: what is in the cart, and what it costs.",
            f'curl -s {url}/shop/total -H "Authorization: Bearer $TOKEN"; echo',
            f'{{"user":"{first.name}","cents":2500}}',
        ),
        Step(
            "Another turns the cart into an order, a record of the database with its row in the change log …",
            f'curl -s -X POST {url}/shop/order -H "Authorization: Bearer $TOKEN"; echo',
            '{"sku":"A1","qty":2,"cents":2500}',
        ),
        Step(
            "… and a third reads what she has ordered last.",
            f'curl -s {url}/shop/orders -H "Authorization: Bearer $TOKEN"; echo',
            '[{"sku":"A1","qty":2,"cents":2500}]',
        ),
        Step(f"{second.name} has a cart of his own, still empty.", _login(shop, "OTHER", second)),
        Step(
            "His token opens his session only.",
            f'curl -s {shop}/cart-view -H "apikey: $KEY" -H "Authorization: Bearer $OTHER"; echo',
            '{"shop":"Acme Shop","cart":{}}',
        ),
        Step(
            "Without a token there is no session.",
            f'curl -s {shop}/cart-view -H "apikey: $KEY"; echo',
            '{"message":"Unauthorized"}',
        ),
    )


def _handed_on(url: str, first: Guest) -> tuple[Step, ...]:
    tokens, own = f"{url}/realms/acme/tokens", '-H "Authorization: Bearer $TOKEN"'
    order = '{"scope":"cart.read","description":"nightly report"}'
    return (
        Step(
            f"{first.name} hands a job a token of its own, which may read the cart and nothing else.",
            f"MADE=$(curl -s {tokens} {own} -H 'Content-Type: application/json' -d '{order}')\n"
            "JOB=$(printf %s \"$MADE\" | grep -o 'sjt_[A-Za-z0-9_-]*')\n"
            'NUMBER=$(printf %s "$MADE" | grep -o \'"key":[0-9]*\' | tr -dc 0-9)',
        ),
        Step(
            "With it the job acts for her.",
            f'curl -s {url}/realms/acme/session -H "Authorization: Bearer $JOB" | grep -o \'"scope":\\[[^]]*\\]\'',
            '"scope":["cart.read"]',
        ),
        Step(
            "She sees what she has handed on, and takes it back …",
            f'curl -s {tokens} {own} | grep -o \'"description":"[^"]*"\' | sed -n 1p\n'
            f"curl -s -X POST {tokens}/$NUMBER/revoke {own} | grep -o '\"revoked\":true'",
            '"description":"nightly report"\n"revoked":true',
        ),
        Step(
            "… and at its next request the job is refused.",
            f'curl -s {url}/realms/acme/session -H "Authorization: Bearer $JOB" | grep -o \'"code":"[a-z.]*"\'',
            '"code":"authtoken.refused"',
        ),
    )


def _end(url: str, first: Guest) -> tuple[Step, ...]:
    shop = f"{url}/pipeline/acme/v1"
    return (
        Step(
            f"{first.name} logs out. When this answers, every handle of her session is dead …",
            f"curl -s -X POST {shop}/logout {_BEARER}; echo",
            '{"status":"revoked"}',
        ),
        Step(
            "… and the token, whose signature is as good as before, opens nothing. The answer says why.",
            f'curl -s {shop}/cart-view {_BEARER} | grep -o \'"reason":"[a-z-]*"\'',
            '"reason":"logout"',
        ),
    )


def _beside(project: Path, first: Guest) -> tuple[Step, ...]:
    sojourn, place = _command(), shlex.quote(str(project))
    return (
        Step(
            "The operator's command line works beside the engine: the keys that sign tokens …",
            f"{sojourn} keys list --project {place} | awk '{{print $2, $3}}'",
            "realm state\nacme active\n~operators active",
        ),
        Step(
            "… and the audit log: who revoked a token last.",
            f"{sojourn} audit list --project {place} --kind TOKEN_REVOKE | awk 'NR == 2 {{print $2, $3, $4, $5}}'",
            f"TOKEN_REVOKE ok acme {first.name}",
        ),
    )


def _command() -> str:
    """How a shell calls this command line."""
    script = Path(sys.executable).with_name("sojourn")
    return shlex.quote(str(script)) if script.exists() else f"{shlex.quote(sys.executable)} -m sojourn"


def _login(shop: str, variable: str, guest: Guest) -> str:
    body = f'{{"userName":"{guest.name}","password":"{guest.password}"}}'
    request = (
        f"curl -s -D - -o /dev/null {shop}/login -H \"apikey: $KEY\" -H 'Content-Type: application/json' -d '{body}'"
    )
    return f"{variable}=$({request} | tr -d '\\r' | sed -n 's/^[Aa]uthorization: Bearer //p')"
