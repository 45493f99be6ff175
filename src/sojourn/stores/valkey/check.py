"""What a server's configuration really promises, read from the server."""

from __future__ import annotations

import time as machine
from collections.abc import Mapping, Sequence
from typing import Any

from sojourn.core.errors import SojournError
from sojourn.stores.base import Contract, Finding
from sojourn.stores.valkey import server
from sojourn.stores.valkey.info import parse_info
from sojourn.stores.valkey.link import Link
from sojourn.stores.valkey.packing import paired

_UNKNOWN = "unknown"
_SKEW = 1_000

_FSYNC = {
    "always": "every acknowledged write is on the server's disk",
    "everysec": "acknowledged writes survive the death of the server's process; a power failure may lose the last two seconds",
    "no": "acknowledged writes survive the death of the server's process; a power failure may lose what the system had not written",
}
_NO_FILE = "none: without an append-only file a restart of the server ends every session"


class Facts:
    """What one node said of itself; ``settings`` is empty where the user may not read them."""

    def __init__(self, info: Mapping[str, str], settings: Mapping[str, str]) -> None:
        self.info = info
        self.settings = settings

    def setting(self, name: str) -> str:
        """A setting of the server, ``unknown`` where it is not told."""
        return self.settings.get(name, _UNKNOWN)

    @property
    def version(self) -> str:
        """Name and version of the server."""
        name = self.info.get("server_name", "redis")
        return f"{name} {self.info.get(f'{name}_version', self.info.get('redis_version', _UNKNOWN))}"

    @property
    def durability(self) -> str:
        """What an acknowledged write survives."""
        appends = self.setting("appendonly")
        if appends == _UNKNOWN:
            appends = "yes" if self.info.get("aof_enabled") == "1" else "no"
        if appends != "yes":
            return _NO_FILE
        return _FSYNC.get(self.setting("appendfsync"), "an append-only file; how often it is synced is not told")


async def look(link: Link) -> Mapping[str, Facts]:
    """The facts of every primary, by address."""
    infos = await link.everywhere("INFO")
    try:
        settings = await link.everywhere("CONFIG", "GET", "*")
    except SojournError:
        settings = {}
    return {node: Facts(parse_info(text), _texts(settings.get(node, {}))) for node, text in infos.items()}


def contract(facts: Mapping[str, Facts], link: Link) -> Contract:
    """The contract of the weakest of the nodes."""
    texts = {one.durability for one in facts.values()}
    weakest = next((text for text in (_NO_FILE, *reversed(_FSYNC.values())) if text in texts), next(iter(texts)))
    replicas = sum(int(one.info.get("connected_slaves", "0")) for one in facts.values())
    if replicas:
        weakest += "; a failover to a replica may lose the last acknowledged writes"
    one = next(iter(facts.values()))
    about = {
        "server": one.version,
        "mode": "cluster" if link.place.cluster else "single",
        "primaries": str(len(facts)),
        "replicas": str(replicas),
        "appendonly": one.setting("appendonly"),
        "appendfsync": one.setting("appendfsync"),
        "maxmemory_policy": one.setting("maxmemory-policy"),
        "tls": "on" if link.place.tls else "off",
        "wait": str(link.place.wait),
    }
    return Contract("valkey", weakest, about)


async def check(link: Link) -> Sequence[Finding]:
    """Everything that decides whether a promise holds."""
    facts = await look(link)
    findings = []
    for node, one in facts.items():
        where = f"{node}: " if len(facts) > 1 else ""
        findings += [finding._replace(text=where + finding.text) for finding in _of_node(one, link.place.wait)]
    findings += [_transport(link), await _user(link), await _clock(link)]
    if link.place.cluster:
        findings.append(await _cluster(link))
    return findings


def _of_node(one: Facts, wait: int) -> list[Finding]:
    return [
        Finding("ok", "server", one.version),
        _file(one),
        _memory(one),
        _role(one),
        _replicas(one, wait),
    ]


def _file(one: Facts) -> Finding:
    if one.durability == _NO_FILE:
        return Finding("failure", "appendonly", f"{_NO_FILE}; set appendonly yes")
    policy = one.setting("appendfsync")
    if policy == "always":
        return Finding("ok", "appendfsync", _FSYNC["always"])
    advice = "set appendfsync always where that must not happen"
    return Finding("warning", "appendfsync", f"{policy}: {one.durability}; {advice}")


def _memory(one: Facts) -> Finding:
    policy = one.settings.get("maxmemory-policy") or one.info.get("maxmemory_policy", _UNKNOWN)
    if policy == "noeviction":
        return Finding("ok", "maxmemory-policy", "noeviction: a full server refuses, it forgets nobody")
    if policy == _UNKNOWN:
        return Finding("warning", "maxmemory-policy", "unknown: the user may not read it; it must be noeviction")
    return Finding("failure", "maxmemory-policy", f"{policy}: a full server forgets sessions and ends; set noeviction")


def _role(one: Facts) -> Finding:
    role = one.info.get("role", _UNKNOWN)
    if role == "master":
        return Finding("ok", "role", "primary")
    return Finding("failure", "role", f"{role}: sessions can be written on the primary only")


def _replicas(one: Facts, wait: int) -> Finding:
    replicas = int(one.info.get("connected_slaves", "0"))
    if not replicas:
        return Finding("ok", "replicas", "none")
    if wait:
        return Finding("ok", "replicas", f"{replicas}; ends and rotations wait for {wait} of them")
    text = f"{replicas}: a failover may bring back a session that ended in its last moments; ?wait=1 in the URL narrows that"
    return Finding("warning", "replicas", text)


def _transport(link: Link) -> Finding:
    if link.place.tls:
        return Finding("ok", "TLS", "on")
    return Finding("ok", "TLS", "off, and nothing leaves this machine")


async def _user(link: Link) -> Finding:
    try:
        name = (await link.command("", "ACL", "WHOAMI")).decode()
    except SojournError:
        return Finding("warning", "user", "unknown: the user may not ask who it is")
    if name != "default":
        return Finding("ok", "user", name)
    if link.place.password:
        return Finding("ok", "user", "default, with a password")
    if link.place.is_local:
        return Finding(
            "warning", "user", "default, without a password: whoever reaches the port can read every session"
        )
    return Finding("failure", "user", "default, without a password, off this machine: make a user of its own")


async def _clock(link: Link) -> Finding:
    skew = abs(await server.time(link) - round(machine.time() * 1000))
    if skew <= _SKEW:
        return Finding("ok", "clock", f"{skew} ms beside this machine's")
    return Finding(
        "failure", "clock", f"{skew} ms beside this machine's: synchronise both, sessions end by the server's clock"
    )


async def _cluster(link: Link) -> Finding:
    info = parse_info(await link.command("", "CLUSTER", "INFO"))
    state = info.get("cluster_state", _UNKNOWN)
    text = f"{state}, {info.get('cluster_slots_ok', '?')} of 16384 slots served"
    return Finding("ok" if state == "ok" else "failure", "cluster", text)


def _texts(settings: Any) -> Mapping[str, str]:
    return {name.decode(): value.decode() for name, value in paired(settings).items()}
