"""What ``RealmConfig`` of ``prelude/realm_config.js`` asks of the host."""

from __future__ import annotations

from sojourn.engine.accounts.grants import RealmUnknown
from sojourn.engine.security.declared import ANYONE
from sojourn.scripting.declare import HostClass, exposed, static
from sojourn.scripting.values import Value


@exposed("Realms", role="internal")
class Realms(HostClass):
    """The configuration of the realm that a script runs in; of others it learns nothing, not even that they are there."""

    @static("fromName(name: string): object", ANYONE)
    def from_name(self, name: str) -> Value:
        """The configuration of the realm of that name; raises ``RealmUnknown`` unless it is the own one."""
        if name != self.run.realm.name:
            raise RealmUnknown(f"there is no realm {name[:100]!r} here")
        return self._shown()

    @static("fromKey(key: number): object", ANYONE)
    def from_key(self, key: int) -> Value:
        """The configuration of the realm with that key; raises as :meth:`from_name`."""
        if key != self.run.realm.key:
            raise RealmUnknown("there is no realm with this key here")
        return self._shown()

    def _shown(self) -> Value:
        realm = self.run.realm
        config = realm.config
        return {
            "name": realm.name,
            "key": realm.key,
            "environmentType": config.environment_type,
            "runtime": config.runtime,
            "cleanupEnvironment": config.cleanup_environment,
            "maxLifeTime": config.max_life_time,
            "maxInactiveTime": config.max_inactive_time,
            "httpCompressionEnabled": config.http_compression_enabled,
            "clientTrackingEnabled": config.client_tracking_enabled,
            "sessionTrackingEnabled": realm.tracks,
            "loginAuditingEnabled": config.login_auditing_enabled,
            "application": config.application,
            "sessionIdle": realm.session_idle,
            "sessionLifetime": realm.session_lifetime,
        }
