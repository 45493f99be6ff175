-- Operations on fields, with the very results of sojourn.model.field.apply. For the acts in functions_1_acts.sql.

-- Shallow merge that keeps the text of every member. Backslashes are written as pairs of p_mark (which occurs in neither
-- text) and a letter meanwhile, because PostgreSQL's JSON parser refuses escaped NULs and surrogates.
CREATE FUNCTION sojourn.sj1_merge(p_old text, p_patch text) RETURNS text LANGUAGE plpgsql IMMUTABLE
SET standard_conforming_strings = on AS $$
DECLARE v_mark text; v_code int := 57344; v_merged text;
BEGIN
  LOOP
    v_mark := chr(v_code);
    EXIT WHEN strpos(p_old, v_mark) = 0 AND strpos(p_patch, v_mark) = 0;
    v_code := v_code + 1;
  END LOOP;
  SELECT string_agg('"' || m.key || '":' || m.value, ',' ORDER BY m.place) INTO v_merged FROM (
    SELECT coalesce(o.key, c.key) AS key, coalesce(c.value, o.value)::text AS value, c.key IS NOT NULL AS changed,
           ROW(o.place IS NULL, coalesce(o.place, c.place)) AS place
      FROM json_each(replace(replace(replace(p_old, '\\', v_mark || 'b'), '\"', v_mark || 'q'), '\', v_mark || 'e')::json)
           WITH ORDINALITY AS o(key, value, place)
      FULL JOIN json_each(replace(replace(replace(p_patch, '\\', v_mark || 'b'), '\"', v_mark || 'q'), '\',
                                  v_mark || 'e')::json)
           WITH ORDINALITY AS c(key, value, place) ON o.key = c.key
  ) m WHERE NOT (m.changed AND m.value = 'null');
  v_merged := replace(replace(replace(v_merged, v_mark || 'e', '\'), v_mark || 'q', '\"'), v_mark || 'b', '\\');
  RETURN '{' || coalesce(v_merged, '') || '}';
END $$;

-- What one operation makes of the text that stands there; st = 'operand' when it does not fit.
CREATE FUNCTION sojourn.sj1_operate(p_kind text, p_old text, p_text text, OUT st text, OUT value text)
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE v_plain constant text := '^-?(0|[1-9][0-9]{0,37})(\.[0-9]{1,18})?$'; v_old text;
BEGIN
  st := 'operand';
  IF p_kind = 'increment' THEN
    v_old := coalesce(p_old, '0');
    IF v_old !~ v_plain OR p_text !~ v_plain THEN RETURN; END IF;
    value := trim_scale(v_old::numeric + p_text::numeric)::text;
    IF value !~ v_plain THEN RETURN; END IF;
  ELSIF p_kind = 'append' THEN
    v_old := coalesce(p_old, '[]');
    IF left(v_old, 1) <> '[' THEN RETURN; END IF;
    value := CASE v_old WHEN '[]' THEN '[' || p_text || ']' ELSE left(v_old, -1) || ',' || p_text || ']' END;
  ELSE
    v_old := coalesce(p_old, '{}');
    IF left(v_old, 1) <> '{' OR left(p_text, 1) <> '{' THEN RETURN; END IF;
    value := sojourn.sj1_merge(v_old, p_text);
  END IF;
  st := '';
END $$;

-- Applies a list of operations, each seeing those before it, to the fields that hang on p_n, whose holder is locked.
-- All is checked before anything is written. The caller writes fields and bytes (new counts) into the holder's row.
CREATE FUNCTION sojourn.sj1_apply(p_n bigint, p_version bigint, p_kinds text[], p_names text[], p_texts text[],
  p_versions bigint[], p_most bigint, p_value bigint, p_total bigint,
  INOUT fields bigint, INOUT bytes bigint, OUT st text, OUT number bigint, OUT detail text, OUT op bigint, OUT results text)
LANGUAGE plpgsql AS $$
DECLARE
  v_names text[] := '{}'; v_olds text[] := '{}'; v_news text[] := '{}'; v_known bigint[] := '{}'; v_sums text[] := '{}';
  v_old text; v_new text; v_version bigint; j int;
BEGIN
  FOR i IN 1 .. cardinality(p_kinds) LOOP
    op := i;
    IF p_kinds[i] = 'name' THEN st := 'name'; RETURN; END IF;
    j := array_position(v_names, p_names[i]);
    IF j IS NULL THEN
      SELECT f.value, f.version INTO v_old, v_version FROM sojourn.field f WHERE f.n = p_n AND f.name = p_names[i];
      v_names := v_names || p_names[i]; v_olds := v_olds || v_old; v_news := v_news || v_old;
      v_known := v_known || coalesce(v_version, 0);
      j := cardinality(v_names);
    END IF;
    IF p_kinds[i] = 'put' THEN v_new := p_texts[i];
    ELSIF p_kinds[i] = 'delete' THEN v_new := NULL;
    ELSIF p_kinds[i] = 'put_if' THEN
      IF v_known[j] <> p_versions[i] THEN st := 'conflict'; number := v_known[j]; detail := v_olds[j]; RETURN; END IF;
      v_new := nullif(p_texts[i], '');
    ELSE
      SELECT o.st, o.value INTO st, v_new FROM sojourn.sj1_operate(p_kinds[i], v_news[j], p_texts[i]) o;
      IF st <> '' THEN RETURN; END IF;
      IF p_kinds[i] = 'increment' THEN v_sums := v_sums || p_names[i] || v_new; END IF;
    END IF;
    IF octet_length(v_new) > p_value THEN st := 'value'; RETURN; END IF;
    v_news[j] := v_new;
  END LOOP;
  FOR j IN 1 .. cardinality(v_names) LOOP
    IF v_olds[j] IS NOT NULL THEN
      fields := fields - 1; bytes := bytes - octet_length(v_names[j]) - octet_length(v_olds[j]);
    END IF;
    IF v_news[j] IS NOT NULL THEN
      fields := fields + 1; bytes := bytes + octet_length(v_names[j]) + octet_length(v_news[j]);
    END IF;
  END LOOP;
  IF op IS NOT NULL AND fields > p_most THEN st := 'fields'; RETURN; END IF;
  IF op IS NOT NULL AND bytes > p_total THEN st := 'total'; RETURN; END IF;
  FOR j IN 1 .. cardinality(v_names) LOOP
    IF v_news[j] IS NOT NULL THEN
      INSERT INTO sojourn.field AS f(n, name, version, value) VALUES (p_n, v_names[j], p_version, v_news[j])
      ON CONFLICT ON CONSTRAINT field_pkey DO UPDATE SET version = excluded.version, value = excluded.value;
    ELSIF v_olds[j] IS NOT NULL THEN
      DELETE FROM sojourn.field f WHERE f.n = p_n AND f.name = v_names[j];
    END IF;
  END LOOP;
  st := 'ok'; number := p_version; results := CASE WHEN cardinality(v_sums) > 0 THEN json_object(v_sums)::text END;
END $$;
