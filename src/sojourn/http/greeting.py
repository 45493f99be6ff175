"""What is done with every request of a realm before anything is looked at: its host, its client, its affinity."""

from __future__ import annotations

from sojourn.http.affinity import ServerId
from sojourn.http.call import Call
from sojourn.http.clients import recognise
from sojourn.http.origin import Origins, check_realm_host
from sojourn.model.realm import Realm


class Greeter:
    """Receives the requests of all realms."""

    def __init__(self, origins: Origins, server_id: ServerId) -> None:
        #: May be replaced while serving, when the hosts of realms have changed.
        self.origins = origins
        self._server_id = server_id

    def greet(self, call: Call, realm: Realm) -> None:
        """Note the realm, the client and the cookies that its answer sets; raises ``MisdirectedRequest``."""
        call.realm = realm
        if realm.config.hosts is not None:
            check_realm_host(realm, call.arrival)
        if realm.config.client_tracking_enabled:
            call.client = recognise(realm, call.head, call.arrival, call.method, self.origins)
            call.cookies = call.client.headers
        call.cookies += self._server_id.due(realm, call.head, call.arrival, self.origins)
