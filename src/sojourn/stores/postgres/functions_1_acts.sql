-- The acts of the session store. Each is one call: one round trip, one transaction, and no state of a connection.
--
-- READ COMMITTED: every statement of a function sees what was committed before it began. So each act first locks the
-- row of its session and reads what depends on it in a later statement. Order of locks: owner, sessions by id, bag.
-- A lock is waited for twice at most (for its turn, then for its holder), so less than a caller waits for an answer.
-- A refusal is an answer, not an error: what was settled on the way (the tombstone of an expired session) stays.

CREATE FUNCTION sojourn.sj1_create(p_id text, p_realm text, p_owner text, p_principal text, p_secret bytea,
  p_replaced bytea, p_replaced_at bigint, p_created bigint, p_last bigint, p_idle bigint, p_absolute bigint,
  p_epoch bigint, p_version bigint, p_bytes bigint, p_tokens text[], p_expiries bigint[], p_about text,
  p_names text[], p_values text[], p_now bigint, p_most bigint)
RETURNS TABLE(st text, s sojourn.session) LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE v_live sojourn.session[]; v_n bigint;
BEGIN
  IF EXISTS (SELECT FROM sojourn.session t WHERE t.id = p_id) THEN
    RETURN QUERY SELECT 'exists', NULL::sojourn.session; RETURN;
  END IF;
  IF p_most IS NOT NULL THEN
    v_live := sojourn.sj1_admit(p_realm, p_owner, p_now, p_most, '');
    IF v_live IS NOT NULL THEN RETURN QUERY SELECT 'limit', l FROM unnest(v_live) l; RETURN; END IF;
  END IF;
  IF p_principal <> '' THEN PERFORM sojourn.sj1_expire_bag(p_realm, p_principal, p_now); END IF;
  INSERT INTO sojourn.session AS t(id, realm, owner, principal, secret, replaced, replaced_at, created, last, idle,
    absolute, epoch, version, fields, bytes, sweep_at, tokens, expiries, about)
  VALUES (p_id, p_realm, p_owner, p_principal, p_secret, p_replaced, p_replaced_at, p_created, p_last, p_idle,
    p_absolute, p_epoch, p_version, cardinality(p_names), p_bytes, sojourn.sj1_dies(p_last, p_idle, p_absolute),
    p_tokens, p_expiries, p_about)
  ON CONFLICT DO NOTHING RETURNING t.n INTO v_n;
  IF NOT FOUND THEN RETURN QUERY SELECT 'exists', NULL::sojourn.session; RETURN; END IF;
  INSERT INTO sojourn.field(n, name, version, value)
  SELECT v_n, f.name, p_version, f.value FROM unnest(p_names, p_values) f(name, value);
  RETURN QUERY SELECT 'ok', NULL::sojourn.session;
END $$;

-- An access that changes nothing. Its commit need not wait for the disk: a lost one makes the session die earlier.
CREATE FUNCTION sojourn.sj1_touch(p_realm text, p_id text, p_epoch bigint, p_now bigint, p_last bigint,
  OUT st text, OUT number bigint, OUT detail text) LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
BEGIN
  UPDATE sojourn.session t SET last = greatest(t.last, p_last)
   WHERE t.id = p_id AND t.realm = p_realm AND t.epoch = p_epoch AND t.ended IS NULL
     AND p_now < sojourn.sj1_dies(t.last, t.idle, t.absolute)
  RETURNING t.version INTO number;
  IF FOUND THEN
    st := 'ok';
    PERFORM set_config('synchronous_commit', 'off', true);
  ELSE
    SELECT coalesce(nullif(j.st, ''), 'again'), j.number, j.detail INTO st, number, detail
      FROM sojourn.sj1_judge(p_realm, p_id, p_epoch, p_now) j;
  END IF;
END $$;

-- A change of nothing but puts of different fields, none of them too large by itself; p_weight is what they weigh.
CREATE FUNCTION sojourn.sj1_put(p_realm text, p_id text, p_epoch bigint, p_now bigint, p_last bigint,
  p_names text[], p_values text[], p_weight bigint, p_most bigint, p_total bigint,
  OUT st text, OUT number bigint, OUT detail text) LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE v_n bigint; v_fields bigint; v_bytes bigint; v_known bigint; v_old bigint;
BEGIN
  SELECT t.n, t.version + 1, t.fields, t.bytes INTO v_n, number, v_fields, v_bytes FROM sojourn.session t
   WHERE t.id = p_id AND t.realm = p_realm AND t.epoch = p_epoch AND t.ended IS NULL
     AND p_now < sojourn.sj1_dies(t.last, t.idle, t.absolute)
     FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    SELECT coalesce(nullif(j.st, ''), 'again'), j.number, j.detail INTO st, number, detail
      FROM sojourn.sj1_judge(p_realm, p_id, p_epoch, p_now) j;
    RETURN;
  END IF;
  SELECT count(*), coalesce(sum(octet_length(f.name) + octet_length(f.value)), 0) INTO v_known, v_old
    FROM sojourn.field f WHERE f.n = v_n AND f.name = ANY(p_names);
  v_fields := v_fields + cardinality(p_names) - v_known;
  v_bytes := v_bytes + p_weight - v_old;
  IF v_fields > p_most THEN st := 'fields'; RETURN; END IF;
  IF v_bytes > p_total THEN st := 'total'; RETURN; END IF;
  INSERT INTO sojourn.field(n, name, version, value)
  SELECT v_n, f.name, number, f.value FROM unnest(p_names, p_values) f(name, value)
  ON CONFLICT (n, name) DO UPDATE SET version = excluded.version, value = excluded.value;
  UPDATE sojourn.session t SET version = number, last = greatest(t.last, p_last), fields = v_fields, bytes = v_bytes
   WHERE t.id = p_id;
  st := 'ok';
END $$;

-- Every other change. p_token NULL = none; p_idle NULL = as it is.
CREATE FUNCTION sojourn.sj1_change(p_realm text, p_id text, p_epoch bigint, p_now bigint, p_last bigint,
  p_kinds text[], p_names text[], p_texts text[], p_versions bigint[], p_most bigint, p_value bigint, p_total bigint,
  p_token text, p_expires bigint, p_idle bigint,
  OUT st text, OUT number bigint, OUT detail text, OUT op bigint, OUT results text)
LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE s sojourn.session; a record; v_idle bigint; v_last bigint;
BEGIN
  SELECT * INTO st, number, detail FROM sojourn.sj1_judge(p_realm, p_id, p_epoch, p_now);
  IF st <> '' THEN RETURN; END IF;
  SELECT * INTO s FROM sojourn.session t WHERE t.id = p_id;
  SELECT * INTO a FROM sojourn.sj1_apply(s.n, s.version + 1, p_kinds, p_names, p_texts, p_versions, p_most, p_value,
                                         p_total, s.fields, s.bytes);
  st := a.st; number := a.number; detail := a.detail; op := a.op; results := a.results;
  IF st <> 'ok' THEN RETURN; END IF;
  IF p_token IS NOT NULL THEN
    SELECT array_agg(k.token ORDER BY k.place), array_agg(k.expires ORDER BY k.place) INTO s.tokens, s.expiries
      FROM unnest(s.tokens, s.expiries) WITH ORDINALITY AS k(token, expires, place) WHERE k.expires > p_now;
    s.tokens := s.tokens || p_token; s.expiries := s.expiries || p_expires;
    s.tokens := s.tokens[greatest(1, cardinality(s.tokens) - 15):];
    s.expiries := s.expiries[greatest(1, cardinality(s.expiries) - 15):];
  END IF;
  v_idle := coalesce(p_idle, s.idle); v_last := greatest(s.last, p_last);
  UPDATE sojourn.session t
     SET version = number, last = v_last, idle = v_idle, fields = a.fields, bytes = a.bytes,
         tokens = s.tokens, expiries = s.expiries,
         sweep_at = CASE WHEN p_idle IS NULL THEN t.sweep_at
                         ELSE least(t.sweep_at, sojourn.sj1_dies(v_last, v_idle, t.absolute)) END
   WHERE t.id = p_id;
END $$;

-- A new secret and identity. The owner's admissions are locked before the session, so whether it is worth while is seen
-- without a lock first; what is seen under the lock counts.
CREATE FUNCTION sojourn.sj1_rotate(p_realm text, p_id text, p_epoch bigint, p_now bigint, p_secret bytea,
  p_owner text, p_principal text, p_idle bigint, p_absolute bigint, p_tokens text[], p_expiries bigint[], p_about text,
  p_keep text[], p_most bigint)
RETURNS TABLE(st text, number bigint, detail text, s sojourn.session) LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE v_live sojourn.session[]; v_old sojourn.session; v_new sojourn.session; v_fit boolean;
  v_fields bigint; v_bytes bigint;
BEGIN
  v_fit := EXISTS (SELECT FROM sojourn.session t WHERE t.id = p_id AND t.realm = p_realm AND t.epoch = p_epoch
                      AND t.ended IS NULL AND p_now < sojourn.sj1_dies(t.last, t.idle, t.absolute));
  IF v_fit AND p_most IS NOT NULL THEN
    v_live := sojourn.sj1_admit(p_realm, p_owner, p_now, p_most, p_id);
  END IF;
  SELECT * INTO st, number, detail FROM sojourn.sj1_judge(p_realm, p_id, p_epoch, p_now);
  IF st = '' AND NOT v_fit THEN st := 'again'; END IF;
  IF st <> '' THEN RETURN NEXT; RETURN; END IF;
  IF v_live IS NOT NULL THEN
    RETURN QUERY SELECT 'limit', NULL::bigint, NULL::text, l FROM unnest(v_live) l; RETURN;
  END IF;
  SELECT * INTO v_old FROM sojourn.session t WHERE t.id = p_id;
  IF p_principal <> '' THEN PERFORM sojourn.sj1_expire_bag(p_realm, p_principal, p_now); END IF;
  v_fields := v_old.fields; v_bytes := v_old.bytes;
  IF p_keep IS NOT NULL THEN
    DELETE FROM sojourn.field f WHERE f.n = v_old.n AND f.name <> ALL(p_keep);
    SELECT count(*), coalesce(sum(octet_length(f.name) + octet_length(f.value)), 0) INTO v_fields, v_bytes
      FROM sojourn.field f WHERE f.n = v_old.n;
  END IF;
  UPDATE sojourn.session t
     SET secret = p_secret, replaced = t.secret, replaced_at = p_now, owner = p_owner, principal = p_principal,
         last = greatest(t.last, p_now), idle = p_idle, absolute = p_absolute, epoch = t.epoch + 1,
         version = t.version + 1, fields = v_fields, bytes = v_bytes, tokens = p_tokens, expiries = p_expiries,
         about = p_about,
         sweep_at = least(t.sweep_at, sojourn.sj1_dies(greatest(t.last, p_now), p_idle, p_absolute))
   WHERE t.id = p_id RETURNING t.* INTO v_new;
  IF p_principal <> v_old.principal THEN PERFORM sojourn.sj1_left(p_realm, v_old.principal, p_now); END IF;
  RETURN QUERY SELECT 'ok', NULL::bigint, NULL::text, v_new;
END $$;

-- p_epoch NULL = whichever it has.
CREATE FUNCTION sojourn.sj1_end(p_realm text, p_id text, p_epoch bigint, p_ended text, p_at bigint, p_now bigint,
  OUT st text, OUT number bigint, OUT detail text) LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE s sojourn.session;
BEGIN
  SELECT * INTO st, number, detail FROM sojourn.sj1_judge(p_realm, p_id, p_epoch, p_now);
  IF st <> '' THEN RETURN; END IF;
  SELECT * INTO s FROM sojourn.session t WHERE t.id = p_id;
  PERFORM sojourn.sj1_bury(s, p_ended, p_at);
  st := 'ok';
END $$;

-- Buries the expired, forgets old tombstones, re-arms those that live longer than was foreseen; the oldest first. Rows
-- that others hold are left to the next turn, so sweeps share the work. Then the same for bags, which are not counted.
CREATE FUNCTION sojourn.sj1_sweep(p_now bigint, p_most bigint, OUT handled bigint, OUT more boolean) LANGUAGE plpgsql
SET lock_timeout = '2s' AS $$
DECLARE s sojourn.session; b sojourn.bag; v_due text[]; v_bags bigint := 0;
BEGIN
  SELECT array_agg(l.id) INTO v_due FROM (SELECT t.id FROM sojourn.session t WHERE t.sweep_at <= p_now
    ORDER BY t.sweep_at LIMIT p_most FOR NO KEY UPDATE SKIP LOCKED) l;
  handled := 0;
  FOR s IN SELECT * FROM sojourn.session t WHERE t.id = ANY(v_due) ORDER BY t.realm, t.principal, t.created, t.id LOOP
    IF s.ended IS NOT NULL THEN
      DELETE FROM sojourn.session t WHERE t.id = s.id;
      WITH free AS MATERIALIZED (SELECT k.realm, k.owner FROM sojourn.owner k
        WHERE k.realm = s.realm AND k.owner = s.owner FOR UPDATE SKIP LOCKED)
      DELETE FROM sojourn.owner o USING free WHERE o.realm = free.realm AND o.owner = free.owner;
      handled := handled + 1;
    ELSIF sojourn.sj1_expire(s, p_now) IS NOT NULL THEN
      handled := handled + 1;
    ELSE
      UPDATE sojourn.session t SET sweep_at = sojourn.sj1_dies(t.last, t.idle, t.absolute) WHERE t.id = s.id;
    END IF;
  END LOOP;
  FOR b IN SELECT * FROM sojourn.bag t WHERE t.sweep_at <= p_now ORDER BY t.sweep_at LIMIT p_most
           FOR UPDATE SKIP LOCKED LOOP
    v_bags := v_bags + 1;
    IF NOT sojourn.sj1_expire_bag(b.realm, b.principal, p_now) THEN
      UPDATE sojourn.bag t SET sweep_at = t.idle + greatest(t.left_at,
          (SELECT max(sojourn.sj1_dies(o.last, o.idle, o.absolute)) FROM sojourn.session o
            WHERE o.realm = t.realm AND o.owner = t.principal AND o.ended IS NULL))
       WHERE t.realm = b.realm AND t.principal = b.principal;
    END IF;
  END LOOP;
  more := coalesce(cardinality(v_due), 0) = p_most OR v_bags = p_most;
END $$;

-- A change of the bag of the session's principal. The lock of the session's row orders it with its end and rotation.
CREATE FUNCTION sojourn.sj1_change_bag(p_realm text, p_id text, p_epoch bigint, p_now bigint, p_idle bigint,
  p_kinds text[], p_names text[], p_texts text[], p_versions bigint[], p_most bigint, p_value bigint, p_total bigint,
  OUT st text, OUT number bigint, OUT detail text, OUT op bigint, OUT results text)
LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE s sojourn.session; b sojourn.bag; a record;
BEGIN
  SELECT * INTO st, number, detail FROM sojourn.sj1_judge(p_realm, p_id, p_epoch, p_now);
  IF st <> '' THEN RETURN; END IF;
  SELECT * INTO s FROM sojourn.session t WHERE t.id = p_id;
  IF s.principal = '' THEN st := 'unknown'; RETURN; END IF;
  LOOP
    INSERT INTO sojourn.bag(realm, principal, idle, left_at, version, fields, bytes, sweep_at)
    VALUES (p_realm, s.principal, p_idle, p_now, 0, 0, 0, p_now + p_idle) ON CONFLICT DO NOTHING;
    SELECT * INTO b FROM sojourn.bag t WHERE t.realm = p_realm AND t.principal = s.principal FOR UPDATE;
    EXIT WHEN FOUND;  -- else it has just been dropped
  END LOOP;
  SELECT * INTO a FROM sojourn.sj1_apply(b.n, b.version + 1, p_kinds, p_names, p_texts, p_versions, p_most, p_value,
                                         p_total, b.fields, b.bytes);
  st := a.st; number := a.number; detail := a.detail; op := a.op; results := a.results;
  IF st = 'ok' THEN
    UPDATE sojourn.bag t
       SET idle = p_idle, version = a.number, fields = a.fields, bytes = a.bytes,
           sweep_at = least(t.sweep_at, t.left_at + p_idle)
     WHERE t.realm = p_realm AND t.principal = s.principal;
  ELSIF b.version = 0 THEN
    DELETE FROM sojourn.bag t WHERE t.realm = p_realm AND t.principal = s.principal;
  END IF;
END $$;

CREATE FUNCTION sojourn.sj1_drop_bag(p_realm text, p_principal text) RETURNS void LANGUAGE plpgsql
SET lock_timeout = '2s' AS $$
DECLARE v_n bigint;
BEGIN
  DELETE FROM sojourn.bag b WHERE b.realm = p_realm AND b.principal = p_principal RETURNING b.n INTO v_n;
  DELETE FROM sojourn.field f WHERE f.n = v_n;
END $$;
