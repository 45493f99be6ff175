-- One transaction, run under the writer lock by the first process that opens a new file.
BEGIN IMMEDIATE;

-- 'installation': whose sessions these are; 'counter': only grows, so that a store which went back is noticed.
CREATE TABLE meta(
  name TEXT PRIMARY KEY,
  value ANY NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta(name, value) VALUES ('installation', ''), ('counter', 0);

CREATE TABLE session(
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  realm TEXT NOT NULL,
  principal TEXT NOT NULL,
  secret BLOB NOT NULL,        -- SHA-256
  created INTEGER NOT NULL,
  last INTEGER NOT NULL,
  idle INTEGER NOT NULL,       -- milliseconds, 0 = no idle limit
  absolute INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  version INTEGER NOT NULL,
  fields INTEGER NOT NULL,     -- how many there are,
  bytes INTEGER NOT NULL,      -- what they weigh,
  large INTEGER NOT NULL,      -- and how many of them lie in table field
  sweep_at INTEGER NOT NULL,   -- never later than the death: the sweeper re-arms it, changes and touches leave it alone
  ended TEXT,                  -- JSON {reason, at, actor, rule}; NULL = alive unless past its limits
  about TEXT NOT NULL,         -- JSON: identity, device, fences, tokens, replaced secret
  doc TEXT NOT NULL,           -- JSON {name: [version, text]}; [-version, size] = the text lies in table field
  dies INTEGER GENERATED ALWAYS AS (CASE idle WHEN 0 THEN absolute ELSE min(absolute, last + idle) END) VIRTUAL
) STRICT;
CREATE INDEX session_live ON session(realm, created, id) WHERE ended IS NULL;
CREATE INDEX session_live_of ON session(realm, principal, created, id) WHERE ended IS NULL;
CREATE INDEX session_ended ON session(realm, created, id) WHERE ended IS NOT NULL;
CREATE INDEX session_ended_of ON session(realm, principal, created, id) WHERE ended IS NOT NULL;
CREATE INDEX session_sweep ON session(sweep_at);

-- Values above 1 KB, so that a change of another field need not write them again.
CREATE TABLE field(
  n INTEGER NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY(n, name)
) STRICT, WITHOUT ROWID;

PRAGMA application_id = 1399810670;
PRAGMA user_version = 1;
COMMIT;
