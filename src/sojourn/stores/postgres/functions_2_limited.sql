-- Values that one caller can take, and counters of tries. What decides stands in the statement that writes; it locks one
-- row and sees what whoever held it before has committed.

CREATE FUNCTION sojourn.sj2_put(p_name text, p_value text, p_until bigint, p_now bigint) RETURNS boolean
LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
BEGIN
  IF p_until <= p_now THEN RETURN false; END IF;
  INSERT INTO sojourn.once AS o(name, value, until) VALUES (p_name, p_value, p_until)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value, until = excluded.until, taken = NULL
   WHERE p_now >= o.until;
  RETURN FOUND;
END $$;

-- Nothing is answered when it is not there and not remembered.
CREATE FUNCTION sojourn.sj2_take(p_name text, p_now bigint, p_remember bigint)
RETURNS TABLE(first boolean, value text, at bigint) LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
BEGIN
  IF p_remember = 0 THEN
    RETURN QUERY DELETE FROM sojourn.once o WHERE o.name = p_name AND p_now < o.until AND o.taken IS NULL
      RETURNING true, o.value, p_now;
  ELSE
    RETURN QUERY UPDATE sojourn.once o SET taken = p_now, until = least(o.until, p_now + p_remember)
       WHERE o.name = p_name AND p_now < o.until AND o.taken IS NULL
      RETURNING true, o.value, p_now;
  END IF;
  IF NOT FOUND THEN
    RETURN QUERY SELECT false, o.value, o.taken FROM sojourn.once o
      WHERE o.name = p_name AND p_now < o.until AND o.taken IS NOT NULL;
  END IF;
END $$;

-- p_delays has at least one.
CREATE FUNCTION sojourn.sj2_count(p_name text, p_delays bigint[], p_now bigint, p_forget bigint,
  OUT admitted boolean, OUT tries bigint, OUT wait bigint) LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
BEGIN
  INSERT INTO sojourn.throttle AS t(name, tries, admitted, opens, until, sweep_at)
  VALUES (p_name, 1, 1, p_now + p_delays[1], p_now + p_forget, p_now + p_forget)
  ON CONFLICT (name) DO UPDATE SET
    tries = CASE WHEN p_now < t.until THEN t.tries + 1 ELSE 1 END,
    admitted = CASE WHEN p_now >= t.until THEN 1 WHEN p_now >= t.opens THEN t.tries + 1 ELSE t.admitted END,
    opens = CASE WHEN p_now >= t.until THEN p_now + p_delays[1]
                 WHEN p_now >= t.opens THEN p_now + p_delays[least(t.tries + 1, cardinality(p_delays))]
                 ELSE t.opens END,
    until = p_now + p_forget
  RETURNING t.admitted = t.tries, t.tries, greatest(t.opens - p_now, 0) INTO admitted, tries, wait;
END $$;

CREATE FUNCTION sojourn.sj2_give_back(p_name text, p_now bigint) RETURNS void
LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
BEGIN
  UPDATE sojourn.throttle t SET tries = greatest(t.tries - 1, 0), admitted = 0, opens = 0
   WHERE t.name = p_name AND p_now < t.until;
END $$;

CREATE FUNCTION sojourn.sj2_drop(p_name text) RETURNS void LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
BEGIN
  DELETE FROM sojourn.once o WHERE o.name = p_name;
END $$;

CREATE FUNCTION sojourn.sj2_reset(p_name text) RETURNS void LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
BEGIN
  DELETE FROM sojourn.throttle t WHERE t.name = p_name;
END $$;

-- As version 1 sweeps; then what is over of the rest, which is not counted. Rows that others hold are left to the next turn.
CREATE FUNCTION sojourn.sj2_sweep(p_now bigint, p_most bigint, OUT handled bigint, OUT more boolean) LANGUAGE plpgsql
SET lock_timeout = '2s' AS $$
DECLARE v_names text[];
BEGIN
  SELECT s.handled, s.more INTO handled, more FROM sojourn.sj1_sweep(p_now, p_most) s;
  SELECT array_agg(l.name) INTO v_names FROM (SELECT o.name FROM sojourn.once o WHERE o.until <= p_now
    ORDER BY o.until LIMIT p_most FOR UPDATE SKIP LOCKED) l;
  DELETE FROM sojourn.once o WHERE o.name = ANY(v_names);
  more := more OR coalesce(cardinality(v_names), 0) = p_most;
  SELECT array_agg(l.name) INTO v_names FROM (SELECT t.name FROM sojourn.throttle t WHERE t.sweep_at <= p_now
    ORDER BY t.sweep_at LIMIT p_most FOR UPDATE SKIP LOCKED) l;
  DELETE FROM sojourn.throttle t WHERE t.name = ANY(v_names) AND t.until <= p_now;
  UPDATE sojourn.throttle t SET sweep_at = t.until WHERE t.name = ANY(v_names) AND t.until > p_now;
  more := more OR coalesce(cardinality(v_names), 0) = p_most;
END $$;
