-- What logins need beside sessions. Schema 1 stays as it is, so engines of version 1 may read and write beside this one.
UPDATE sojourn.version SET schema = 2;

-- Values that one caller can take. "until": when it is gone, or after it was taken when that is forgotten.
CREATE TABLE sojourn.once(
  name text COLLATE "C" PRIMARY KEY,
  value text NOT NULL,
  until bigint NOT NULL,
  taken bigint                          -- when it was taken, NULL before
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX once_until ON sojourn.once(until);

-- Counters of tries. No index holds a column that a count writes.
CREATE TABLE sojourn.throttle(
  name text COLLATE "C" PRIMARY KEY,
  tries bigint NOT NULL,
  admitted bigint NOT NULL,             -- which try was admitted last
  opens bigint NOT NULL,                -- from when on a try is admitted
  until bigint NOT NULL,                -- when it begins at 0
  sweep_at bigint NOT NULL              -- never later than that by more than a turn of the sweeper, which re-arms it
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX throttle_sweep ON sojourn.throttle(sweep_at);
