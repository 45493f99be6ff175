-- Who lives, who dies, and how many may live. For the acts in functions_1_acts.sql.

CREATE FUNCTION sojourn.sj1_dies(p_last bigint, p_idle bigint, p_absolute bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE p_idle WHEN 0 THEN p_absolute ELSE least(p_absolute, p_last + p_idle) END
$$;

-- Whether a bag is over: p_idle after the last death of its principal's sessions, seen or foreseen.
CREATE FUNCTION sojourn.sj1_over(p_realm text, p_principal text, p_left bigint, p_idle bigint, p_now bigint)
RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT p_now >= p_idle + greatest(p_left, (SELECT max(sojourn.sj1_dies(s.last, s.idle, s.absolute))
    FROM sojourn.session s WHERE s.realm = p_realm AND s.owner = p_principal AND s.ended IS NULL))
$$;

-- Since p_at one session fewer is the principal's: from the last one on, its bag lives only so much longer.
CREATE FUNCTION sojourn.sj1_left(p_realm text, p_principal text, p_at bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF p_principal <> '' THEN
    UPDATE sojourn.bag b SET left_at = greatest(b.left_at, p_at), sweep_at = least(b.sweep_at, p_at + b.idle)
     WHERE b.realm = p_realm AND b.principal = p_principal;
  END IF;
END $$;

-- Forgets a bag when it is over; whether there is none any more. Its row stays locked, and is locked before the sessions
-- are looked at: a session that begins meanwhile is seen.
CREATE FUNCTION sojourn.sj1_expire_bag(p_realm text, p_principal text, p_now bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE b sojourn.bag;
BEGIN
  SELECT * INTO b FROM sojourn.bag t WHERE t.realm = p_realm AND t.principal = p_principal FOR UPDATE;
  IF NOT FOUND THEN RETURN true; END IF;
  IF NOT sojourn.sj1_over(p_realm, p_principal, b.left_at, b.idle, p_now) THEN RETURN false; END IF;
  DELETE FROM sojourn.field f WHERE f.n = b.n;
  DELETE FROM sojourn.bag t WHERE t.realm = p_realm AND t.principal = p_principal;
  RETURN true;
END $$;

-- Ends a session whose row is locked. A tombstone stays 30 days.
CREATE FUNCTION sojourn.sj1_bury(s sojourn.session, p_ended text, p_at bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE sojourn.session
     SET ended = p_ended, ended_at = p_at, epoch = epoch + 1, fields = 0, bytes = 0, sweep_at = p_at + 2592000000
   WHERE id = s.id;
  DELETE FROM sojourn.field WHERE n = s.n;
  PERFORM sojourn.sj1_left(s.realm, s.principal, p_at);
END $$;

-- Ends a session whose row is locked when it is past its limits; whether it was. Of two limits the earlier is the reason.
CREATE FUNCTION sojourn.sj1_expire(s sojourn.session, p_now bigint, OUT ended text) LANGUAGE plpgsql AS $$
DECLARE v_dies bigint := sojourn.sj1_dies(s.last, s.idle, s.absolute);
BEGIN
  IF p_now < v_dies THEN RETURN; END IF;
  ended := format('{"reason":"%s","at":%s}', CASE v_dies WHEN s.absolute THEN 'absolute' ELSE 'idle' END, v_dies);
  PERFORM sojourn.sj1_bury(s, ended, v_dies);
END $$;

-- Locks the row of a session and settles an expiry; the row with "ended" as it is now, NULL when there is none.
CREATE FUNCTION sojourn.sj1_lock(p_realm text, p_id text, p_now bigint) RETURNS sojourn.session LANGUAGE plpgsql AS $$
DECLARE s sojourn.session;
BEGIN
  SELECT * INTO s FROM sojourn.session t WHERE t.id = p_id AND t.realm = p_realm FOR NO KEY UPDATE;
  IF FOUND AND s.ended IS NULL THEN s.ended := sojourn.sj1_expire(s, p_now); END IF;
  RETURN s;
END $$;

-- What speaks against an act on a session, '' when nothing does; its row is locked afterwards. p_epoch NULL = any.
CREATE FUNCTION sojourn.sj1_judge(p_realm text, p_id text, p_epoch bigint, p_now bigint,
  OUT st text, OUT number bigint, OUT detail text) LANGUAGE plpgsql AS $$
DECLARE s sojourn.session;
BEGIN
  s := sojourn.sj1_lock(p_realm, p_id, p_now);
  IF s.id IS NULL THEN st := 'unknown';
  ELSIF s.ended IS NOT NULL THEN st := 'ended'; detail := s.ended;
  ELSIF s.epoch <> p_epoch THEN st := 'stale'; number := s.epoch;
  ELSE st := '';
  END IF;
END $$;

-- Writes the tombstones of those of the sessions that are past their limits. All rows are locked first, by id.
CREATE FUNCTION sojourn.sj1_settle(p_realm text, p_ids text[], p_now bigint) RETURNS void LANGUAGE plpgsql
SET lock_timeout = '2s' AS $$
DECLARE s sojourn.session;
BEGIN
  PERFORM FROM sojourn.session t WHERE t.id = ANY(p_ids) AND t.realm = p_realm AND t.ended IS NULL
    ORDER BY t.id FOR NO KEY UPDATE;
  FOR s IN SELECT * FROM sojourn.session t WHERE t.id = ANY(p_ids) AND t.realm = p_realm AND t.ended IS NULL
           ORDER BY t.principal, t.created, t.id LOOP
    PERFORM sojourn.sj1_expire(s, p_now);
  END LOOP;
END $$;

-- Locks the owner's admissions, then, in later statements, settles and counts: a count in the statement of the lock would
-- see the past. The live sessions of the owner without p_but when there is no room for one more, else NULL.
CREATE FUNCTION sojourn.sj1_admit(p_realm text, p_owner text, p_now bigint, p_most bigint, p_but text)
RETURNS sojourn.session[] LANGUAGE plpgsql AS $$
DECLARE v_live sojourn.session[]; v_due text[];
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'a limit of sessions needs READ COMMITTED' USING ERRCODE = 'SJ001';
  END IF;
  LOOP
    INSERT INTO sojourn.owner(realm, owner) VALUES (p_realm, p_owner) ON CONFLICT DO NOTHING;
    PERFORM FROM sojourn.owner o WHERE o.realm = p_realm AND o.owner = p_owner FOR UPDATE;
    EXIT WHEN FOUND;  -- else a sweep has just removed it
  END LOOP;
  SELECT array_agg(s.id) INTO v_due FROM sojourn.session s
   WHERE s.realm = p_realm AND s.owner = p_owner AND s.ended IS NULL AND s.id <> p_but
     AND sojourn.sj1_dies(s.last, s.idle, s.absolute) <= p_now;
  IF v_due IS NOT NULL THEN PERFORM sojourn.sj1_settle(p_realm, v_due, p_now); END IF;
  SELECT array_agg(s ORDER BY s.created, s.id) INTO v_live FROM sojourn.session s
   WHERE s.realm = p_realm AND s.owner = p_owner AND s.ended IS NULL AND s.id <> p_but;
  RETURN CASE WHEN cardinality(v_live) >= p_most THEN v_live END;
END $$;
