-- Every statement of the store. "writes": an answer that does not arrive leaves its outcome unknown.

-- name: ping
SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean, v.min_reader, v.min_writer
  FROM sojourn.version v

-- name: load
SELECT s.id, s.realm, s.secret, s.replaced, s.replaced_at, s.created, s.last, s.idle, s.absolute, s.epoch, s.version,
       CASE WHEN s.tokens = '{}' THEN NULL ELSE '[' || array_to_string(s.tokens, ',') || ']' END, s.about,
       (SELECT json_object_agg(f.name, json_build_array(f.version, f.value))::text FROM sojourn.field f WHERE f.n = s.n)
  FROM sojourn.session s
 WHERE s.id = $1 AND s.realm = $2 AND s.ended IS NULL

-- name: grave
SELECT s.id, s.realm, s.secret, s.replaced, s.replaced_at, s.created, s.last, s.idle, s.absolute, s.epoch, s.version,
       CASE WHEN s.tokens = '{}' THEN NULL ELSE '[' || array_to_string(s.tokens, ',') || ']' END, s.about, s.ended
  FROM sojourn.session s
 WHERE s.id = $1 AND s.realm = $2

-- name: settle
SELECT sojourn.sj1_settle($1, $2, $3)

-- name: create writes
SELECT c.st, (c.s).id, (c.s).realm, (c.s).secret, (c.s).replaced, (c.s).replaced_at, (c.s).created, (c.s).last,
       (c.s).idle, (c.s).absolute, (c.s).epoch, (c.s).version,
       CASE WHEN (c.s).tokens = '{}' THEN NULL ELSE '[' || array_to_string((c.s).tokens, ',') || ']' END, (c.s).about
  FROM sojourn.sj1_create($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21) c

-- name: touch writes
SELECT st, number, detail FROM sojourn.sj1_touch($1, $2, $3, $4, $5)

-- name: put writes
SELECT st, number, detail FROM sojourn.sj1_put($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: change writes
SELECT st, number, detail, op, results
  FROM sojourn.sj1_change($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)

-- name: rotate writes
SELECT r.st, (r.s).id, (r.s).realm, (r.s).secret, (r.s).replaced, (r.s).replaced_at, (r.s).created, (r.s).last,
       (r.s).idle, (r.s).absolute, (r.s).epoch, (r.s).version,
       CASE WHEN (r.s).tokens = '{}' THEN NULL ELSE '[' || array_to_string((r.s).tokens, ',') || ']' END, (r.s).about,
       r.number, r.detail
  FROM sojourn.sj1_rotate($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) r

-- name: end writes
SELECT st, number, detail FROM sojourn.sj1_end($1, $2, $3, $4, $5, $6)

-- name: list
SELECT s.id, s.realm, s.secret, s.replaced, s.replaced_at, s.created, s.last, s.idle, s.absolute, s.epoch, s.version,
       CASE WHEN s.tokens = '{}' THEN NULL ELSE '[' || array_to_string(s.tokens, ',') || ']' END, s.about
  FROM sojourn.session s
 WHERE s.realm = $1 AND s.ended IS NULL AND (s.created, s.id) > ($2, $3)
 ORDER BY s.created, s.id
 LIMIT $4

-- name: list_of
SELECT s.id, s.realm, s.secret, s.replaced, s.replaced_at, s.created, s.last, s.idle, s.absolute, s.epoch, s.version,
       CASE WHEN s.tokens = '{}' THEN NULL ELSE '[' || array_to_string(s.tokens, ',') || ']' END, s.about
  FROM sojourn.session s
 WHERE s.realm = $1 AND s.owner = $5 AND s.ended IS NULL AND (s.created, s.id) > ($2, $3)
 ORDER BY s.created, s.id
 LIMIT $4

-- name: list_ended
SELECT s.id, s.realm, s.secret, s.replaced, s.replaced_at, s.created, s.last, s.idle, s.absolute, s.epoch, s.version,
       CASE WHEN s.tokens = '{}' THEN NULL ELSE '[' || array_to_string(s.tokens, ',') || ']' END, s.about, s.ended
  FROM sojourn.session s
 WHERE s.realm = $1 AND s.ended IS NOT NULL AND (s.created, s.id) > ($2, $3)
 ORDER BY s.created, s.id
 LIMIT $4

-- name: list_ended_of
SELECT s.id, s.realm, s.secret, s.replaced, s.replaced_at, s.created, s.last, s.idle, s.absolute, s.epoch, s.version,
       CASE WHEN s.tokens = '{}' THEN NULL ELSE '[' || array_to_string(s.tokens, ',') || ']' END, s.about, s.ended
  FROM sojourn.session s
 WHERE s.realm = $1 AND s.owner = $5 AND s.ended IS NOT NULL AND (s.created, s.id) > ($2, $3)
 ORDER BY s.created, s.id
 LIMIT $4

-- name: sweep
SELECT handled, more FROM sojourn.sj2_sweep($1, $2)

-- name: read_bag
SELECT json_object_agg(f.name, json_build_array(f.version, f.value))::text
  FROM sojourn.bag b JOIN sojourn.field f ON f.n = b.n
 WHERE b.realm = $1 AND b.principal = $2 AND NOT sojourn.sj1_over(b.realm, b.principal, b.left_at, b.idle, $3)

-- name: change_bag writes
SELECT st, number, detail, op, results
  FROM sojourn.sj1_change_bag($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)

-- name: drop_bag writes
SELECT sojourn.sj1_drop_bag($1, $2)

-- name: once_put writes
SELECT sojourn.sj2_put($1, $2, $3, $4)

-- name: once_look
SELECT o.value FROM sojourn.once o WHERE o.name = $1 AND $2 < o.until AND o.taken IS NULL

-- name: once_take writes
SELECT first, value, at FROM sojourn.sj2_take($1, $2, $3)

-- name: once_drop writes
SELECT sojourn.sj2_drop($1)

-- name: throttle_count writes
SELECT admitted, tries, wait FROM sojourn.sj2_count($1, $2, $3, $4)

-- name: throttle_give_back writes
SELECT sojourn.sj2_give_back($1, $2)

-- name: throttle_reset writes
SELECT sojourn.sj2_reset($1)

-- name: counts
SELECT s.realm, CASE left(s.principal, 2) WHEN 'a:' THEN 'account' WHEN 'x:' THEN 'external' ELSE 'anonymous' END AS kind,
       count(*)
  FROM sojourn.session s
 WHERE s.ended IS NULL
 GROUP BY s.realm, kind
 ORDER BY s.realm, kind

-- name: time
SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint

-- name: adopt writes
UPDATE sojourn.mark SET installation = coalesce(nullif(installation, ''), $1) RETURNING installation

-- name: mark
SELECT m.installation, m.counter,
       (SELECT system_identifier::text FROM pg_control_system()) || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
  FROM sojourn.mark m

-- name: advance writes
UPDATE sojourn.mark SET counter = counter + 1 RETURNING counter
