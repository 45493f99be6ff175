"""Rules that need a store or the engine database: realms, users, scopes, keys, sessions, logins, audit."""
