-- One transaction, run under the writer lock by the first process that opens a file of schema 2.
BEGIN IMMEDIATE;

-- Values that one caller can take.
CREATE TABLE once(
  name TEXT PRIMARY KEY,
  text TEXT NOT NULL,
  until INTEGER NOT NULL,      -- when it is gone, or after it was taken when that is forgotten
  taken INTEGER                -- when it was taken, NULL before
) STRICT, WITHOUT ROWID;
CREATE INDEX once_until ON once(until);

-- Counters of tries.
CREATE TABLE throttle(
  name TEXT PRIMARY KEY,
  tries INTEGER NOT NULL,
  admitted INTEGER NOT NULL,   -- which try was admitted last
  opens INTEGER NOT NULL,      -- from when on a try is admitted
  until INTEGER NOT NULL       -- when it begins at 0
) STRICT, WITHOUT ROWID;
CREATE INDEX throttle_until ON throttle(until);

PRAGMA user_version = 3;
COMMIT;
