-- Tables of the session store, one transaction, run by the first engine that opens the database.
-- Keys are text in byte order. No index holds a column that a change or a touch writes, so both are HOT updates.

-- What is in the schema, and the oldest engines that may still read and write it.
CREATE TABLE sojourn.version(
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  schema integer NOT NULL,
  min_reader integer NOT NULL,
  min_writer integer NOT NULL
);
INSERT INTO sojourn.version(schema, min_reader, min_writer) VALUES (1, 1, 1);

-- Whose sessions these are; the counter only grows, so that a store which went back is noticed.
CREATE TABLE sojourn.mark(
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  installation text NOT NULL DEFAULT '',
  counter bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO sojourn.mark DEFAULT VALUES;

-- The fields of a session, and those of a bag, hang on a number of this sequence.
CREATE SEQUENCE sojourn.holder;

-- A row is the mutex of its owner's admissions and holds nothing else.
CREATE TABLE sojourn.owner(
  realm text COLLATE "C" NOT NULL,
  owner text COLLATE "C" NOT NULL,
  PRIMARY KEY(realm, owner)
);

-- A row is the mutex of its session. Instants and durations are milliseconds.
CREATE TABLE sojourn.session(
  id text COLLATE "C" PRIMARY KEY,
  n bigint NOT NULL DEFAULT nextval('sojourn.holder'),
  realm text COLLATE "C" NOT NULL,
  owner text COLLATE "C" NOT NULL,      -- whom it counts for
  principal text COLLATE "C" NOT NULL,  -- whose bag it opens, '' = nobody's
  secret bytea NOT NULL,                -- SHA-256
  replaced bytea NOT NULL,
  replaced_at bigint NOT NULL,
  created bigint NOT NULL,
  last bigint NOT NULL,
  idle bigint NOT NULL,                 -- 0 = no idle limit
  absolute bigint NOT NULL,
  epoch bigint NOT NULL,
  version bigint NOT NULL,
  fields bigint NOT NULL,               -- how many there are
  bytes bigint NOT NULL,                -- and what they weigh
  sweep_at bigint NOT NULL,             -- never later than the death; changes and touches leave it alone
  tokens text[] NOT NULL,               -- each as JSON,
  expiries bigint[] NOT NULL,           -- and when it expires
  about text NOT NULL,                  -- JSON: identity, device, fences
  ended text,                           -- JSON of the end; NULL = alive unless past its limits
  ended_at bigint
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX session_live ON sojourn.session(realm, created, id) WHERE ended IS NULL;
CREATE INDEX session_live_of ON sojourn.session(realm, owner, created, id) WHERE ended IS NULL;
CREATE INDEX session_ended ON sojourn.session(realm, created, id) WHERE ended IS NOT NULL;
CREATE INDEX session_ended_of ON sojourn.session(realm, owner, created, id) WHERE ended IS NOT NULL;
CREATE INDEX session_sweep ON sojourn.session(sweep_at);

-- Values are text: json would refuse an escaped NUL, jsonb would rewrite numbers.
CREATE TABLE sojourn.field(
  n bigint NOT NULL,
  name text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  value text NOT NULL,
  PRIMARY KEY(n, name)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE sojourn.bag(
  realm text COLLATE "C" NOT NULL,
  principal text COLLATE "C" NOT NULL,
  n bigint NOT NULL DEFAULT nextval('sojourn.holder'),
  idle bigint NOT NULL,                 -- how long it outlives the last session
  left_at bigint NOT NULL,              -- the latest instant at which a session ceased to be its principal's
  version bigint NOT NULL,
  fields bigint NOT NULL,
  bytes bigint NOT NULL,
  sweep_at bigint NOT NULL,             -- never later than its end
  PRIMARY KEY(realm, principal)
) WITH (fillfactor = 70);
CREATE INDEX bag_sweep ON sojourn.bag(sweep_at);
