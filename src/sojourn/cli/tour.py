"""The tour of the example shop: a shell script that a reader can follow, or run as it stands."""

from __future__ import annotations

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


def tour(url: str, key: str, first: Guest, second: Guest) -> str:
    """The tour of the shop at ``url`` with the API key ``key``, as a shell script with comments."""
    lines = ["# The tour: copy the lines into a second terminal, one after the other.", ""]
    for number, step in enumerate(_steps(url, key, first, second), start=1):
        lines += [f"# {number}. {step.text}", step.command]
        lines += [f"#    {line}" for line in step.prints.splitlines()]
        lines.append("")
    return "\n".join(lines)


def _steps(url: str, key: str, first: Guest, second: Guest) -> tuple[Step, ...]:
    shop = f"{url}/pipeline/acme/v1"
    bearer = '-H "apikey: $KEY" -H "Authorization: Bearer $TOKEN"'
    add = f"curl -s {shop}/cart-add {bearer} -H 'Content-Type: application/json' -d"
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
            f"curl -s {shop}/cart-view {bearer}; echo",
            '{"shop":"Acme Shop","cart":{"sku":"A1","qty":2}}',
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
        Step(
            f"{first.name} logs out. When this answers, every handle of her session is dead …",
            f"curl -s -X POST {shop}/logout {bearer}; echo",
            '{"status":"revoked"}',
        ),
        Step(
            "… and the token, whose signature is as good as before, opens nothing. The answer says why.",
            f'curl -s {shop}/cart-view {bearer} | grep -o \'"reason":"[a-z-]*"\'',
            '"reason":"logout"',
        ),
    )


def _login(shop: str, variable: str, guest: Guest) -> str:
    body = f'{{"userName":"{guest.name}","password":"{guest.password}"}}'
    request = (
        f"curl -s -D - -o /dev/null {shop}/login -H \"apikey: $KEY\" -H 'Content-Type: application/json' -d '{body}'"
    )
    return f"{variable}=$({request} | tr -d '\\r' | sed -n 's/^[Aa]uthorization: Bearer //p')"
