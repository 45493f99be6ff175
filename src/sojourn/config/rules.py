"""What settings and realms must not say together. A rule is a function that yields problems; its name is its case."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from sojourn.config.addresses import BadAddress, StoreUrl, is_loopback, parse_store_url
from sojourn.config.mail import BadCredentials, MailServer, is_mail_address, read_credentials
from sojourn.config.problems import Problem, nearest
from sojourn.config.realms import MergedRealm
from sojourn.config.settings import Settings, key_file
from sojourn.config.sources import Given


class Whole(NamedTuple):
    """Everything a project says."""

    settings: Settings
    #: The settings that somebody gave, by their names.
    given: Mapping[str, Given]
    realms: Mapping[str, MergedRealm]

    def problem(self, setting: str, message: str, *others: str) -> Problem:
        """An error of ``setting``, or of the first of ``others`` that was given at all."""
        names = (setting, *others)
        found = next((self.given[name] for name in names if name in self.given), None)
        return found.problem(message) if found else Problem("sojourn.toml", 1, f"{setting}: {message}")

    def warning(self, setting: str, message: str, *others: str) -> Problem:
        """Like :meth:`problem`, for what may be meant."""
        return self.problem(setting, message, *others)._replace(severity="warning")


Rule = Callable[[Whole], Iterator[Problem]]


def settings_listeners(whole: Whole) -> Iterator[Problem]:
    """The two listeners have an address each."""
    server, admin = whole.settings.server, whole.settings.admin.address
    anywhere = {"0.0.0.0", "::"} & {server.host, admin.host}  # noqa: S104 - compared, not bound
    if admin.port == server.port and (anywhere or admin.host == server.host):
        yield whole.problem("admin.listen", f"both listeners have port {admin.port}", "server.port", "server.host")


def settings_admin_exposed(whole: Whole) -> Iterator[Problem]:
    """The admin listener speaks plain HTTP, which belongs on loopback or behind a proxy with HTTPS."""
    admin = whole.settings.admin
    if not is_loopback(admin.address.host) and urlsplit(admin.public_url).scheme != "https":
        yield whole.warning("admin.listen", "reachable from other machines, in plain HTTP; put a TLS proxy before it")


def settings_admin_origin(whole: Whole) -> Iterator[Problem]:
    """Operators have an origin of their own: their own port on loopback, their own host name elsewhere."""
    ours, theirs = whole.settings.server.public_url, whole.settings.admin.public_url
    host = urlsplit(theirs).hostname or ""
    if ours == theirs and whole.settings.admin.address.port != whole.settings.server.port:
        yield whole.problem("admin.publicUrl", "is the origin of the application listener too", "admin.listen")
    elif ours != theirs and host == urlsplit(ours).hostname and not is_loopback(host):
        message = f"cookies are shared between the ports of {host}; give operators a host name of their own"
        yield whole.warning("admin.publicUrl", message, "admin.listen")


def settings_public_url(whole: Whole) -> Iterator[Problem]:
    """Who listens for other machines needs a name that they know."""
    server = whole.settings.server
    if not is_loopback(server.host) and is_loopback(urlsplit(server.public_url).hostname or ""):
        message = f"clients know the engine as {server.public_url}, others get 421; name the origin in server.publicUrl"
        yield whole.warning("server.publicUrl", message, "server.host")


def settings_trusted_proxies(whole: Whole) -> Iterator[Problem]:
    """Trusting everybody's forwarding headers is trusting none of them."""
    for network in whole.settings.server.trusted_proxies:
        if ipaddress.ip_network(network).prefixlen == 0:
            yield whole.warning("server.trustedProxies", f"{network} trusts the forwarding headers of every machine")


def settings_store_files(whole: Whole) -> Iterator[Problem]:
    """Each store has a file of its own."""
    settings, users = whole.settings, dict[object, str]()
    stores = [
        (f"stores.{store}", store, getattr(settings.stores, store)) for store in ("session", "engine", "application")
    ]
    databases = [(f"databases.{name}.url", "application", its.url) for name, its in settings.databases.items()]
    for setting, store, address in (*stores, *databases):
        url = parse_store_url(store, address, settings.project)
        first = users.setdefault(_identity(url, setting), setting)
        if first != setting:
            yield whole.problem(setting, f"{first} is in the same file; each needs one of its own", first)


def _identity(url: StoreUrl, setting: str) -> object:
    return url.path.resolve() if url.path else setting


def settings_anonymous(whole: Whole) -> Iterator[Problem]:
    """Anonymous sessions have some room."""
    sessions = whole.settings.sessions
    for key, ceiling in (("maxStateful", sessions.max_stateful), ("maxStateless", sessions.max_stateless)):
        if ceiling and ceiling * sessions.anonymous_share < 100:  # noqa: PLR2004 - per cent
            message = f"{sessions.anonymous_share} % of {ceiling} leaves no room for any anonymous session"
            yield whole.warning(f"sessions.{key}", message, "sessions.anonymousShare")


def settings_master_key(whole: Whole) -> Iterator[Problem]:
    """The master key never travels with the project."""
    name, project = whole.settings.keys.master_key_file, whole.settings.project
    if name and key_file(name, project).resolve().is_relative_to(project.resolve()):
        yield whole.problem("keys.masterKeyFile", "the master key must lie outside the project folder and its backups")


def settings_mail(whole: Whole) -> Iterator[Problem]:
    """Mails have a server that can be named, a sender, and credentials that nobody else reads."""
    mail, project = whole.settings.mail, whole.settings.project
    try:
        if mail.smtp:
            MailServer.parse(mail.smtp)
    except BadAddress as error:
        yield whole.problem("mail.smtp", error.message)
    if not is_mail_address(mail.sender):
        yield whole.problem("mail.sender", f"{mail.sender!r} is not one mail address")
    name = mail.credential_file
    if not name:
        return
    if key_file(name, project).resolve().is_relative_to(project.resolve()):
        yield whole.problem("mail.credentialFile", "credentials must lie outside the project folder and its backups")
    elif not mail.smtp:
        yield whole.warning("mail.credentialFile", "has no effect without mail.smtp")
    else:
        try:
            read_credentials(name, project)
        except BadCredentials as error:
            yield whole.problem("mail.credentialFile", error.message)


def project_workers(whole: Whole) -> Iterator[Problem]:
    """A JavaScript environment lives in one process."""
    stateful = [name for name, realm in whole.realms.items() if realm.realm.stateful]
    if whole.settings.server.workers > 1 and stateful:
        yield whole.problem(
            "server.workers",
            f"must be 1 while realm {stateful[0]!r} is stateful: the JavaScript environment of a session lives in one "
            "process, and the next request could reach another",
        )


def project_insecure_cookie(whole: Whole) -> Iterator[Problem]:
    """No session cookie without Secure off loopback."""
    url = urlsplit(whole.settings.server.public_url)
    tracking = [name for name, realm in whole.realms.items() if realm.realm.tracks]
    if tracking and url.scheme == "http" and not is_loopback(url.hostname or ""):
        yield whole.warning(
            "server.publicUrl",
            f"plain http off loopback: realm {tracking[0]!r} cannot set its session cookie (500 insecure_cookie)",
            "server.host",
        )


def project_shared_origin(whole: Whole) -> Iterator[Problem]:
    """Scripts of one tracking realm can act in the browsers of another on the same origin."""
    public = urlsplit(whole.settings.server.public_url).hostname or ""
    tenants: dict[str, list[MergedRealm]] = defaultdict(list)
    for realm in whole.realms.values():
        if realm.realm.tracks:
            for host in sorted({host.lower() for host in realm.config.hosts or (public,)}):
                tenants[host].append(realm)
    for host, (first, *others) in tenants.items():
        for other in others:
            message = f"sets session cookies on {host}, and so does realm {first.name!r}; give each hosts of its own"
            yield other.problem("hosts", message, "sessionTrackingEnabled", "environmentType", severity="warning")


def project_known_realms(whole: Whole) -> Iterator[Problem]:
    """Realms named by a realm exist."""
    for realm in whole.realms.values():
        for key, names in (
            ("acceptSessionTokensOf", realm.config.accept_session_tokens_of),
            ("runnersFrom", realm.config.runners_from),
        ):
            for index, name in enumerate(names):
                if name not in whole.realms:
                    yield realm.item_problem(key, index, f"there is no realm {name!r}{nearest(name, whole.realms)}")
                elif name == realm.name:
                    yield realm.item_problem(key, index, "names this very realm")


def project_realms(whole: Whole) -> Iterator[Problem]:
    """A project without a realm answers nobody."""
    if not whole.realms:
        yield Problem("realms", 1, "there is no realm; make a folder realms/NAME", "warning")


RULES: tuple[Rule, ...] = (
    settings_listeners,
    settings_admin_exposed,
    settings_admin_origin,
    settings_public_url,
    settings_trusted_proxies,
    settings_store_files,
    settings_anonymous,
    settings_master_key,
    settings_mail,
    project_workers,
    project_insecure_cookie,
    project_shared_origin,
    project_known_realms,
    project_realms,
)
