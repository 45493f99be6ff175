-- One transaction, run under the writer lock by the first process that opens a file of schema 1.
-- address_block(address) is a function of the engine.
BEGIN IMMEDIATE;

-- Whose sessions are listed and limited together: a principal, or 'n:' and the address block of nobody in particular.
ALTER TABLE session RENAME COLUMN principal TO owner;
UPDATE session
   SET owner = 'n:' || address_block(coalesce(json_extract(about, '$.device.address'), ''))
 WHERE owner = '';

-- What all sessions of one principal share. Its large values lie in table field under -n.
CREATE TABLE bag(
  n INTEGER PRIMARY KEY,
  realm TEXT NOT NULL,
  principal TEXT NOT NULL,
  idle INTEGER NOT NULL,       -- milliseconds that it outlives the last session of its principal
  left INTEGER NOT NULL,       -- the latest instant at which a session ceased to be one of its principal
  version INTEGER NOT NULL,
  fields INTEGER NOT NULL,     -- how many there are,
  bytes INTEGER NOT NULL,      -- what they weigh,
  large INTEGER NOT NULL,      -- and how many of them lie in table field
  sweep_at INTEGER NOT NULL,   -- never later than its end; re-armed by the sweeper
  doc TEXT NOT NULL,           -- as in session
  UNIQUE(realm, principal)
) STRICT;
CREATE INDEX bag_sweep ON bag(sweep_at);

PRAGMA user_version = 2;
COMMIT;
