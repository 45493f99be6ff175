-- Every statement of the store. Those of every request have parameters by place, which cost half as much as named ones. The guard of a session stands in each statement that shows or changes a live one:
-- ended IS NULL AND :now < dies, and the epoch where a handle acts.

-- name: load
-- id, realm, now. Large values come with the row: one statement, hence one snapshot. What the caller knows is not read:
-- sqlite3 makes a text and a description of every column, which costs as much as finding the row.
SELECT secret, created, last, idle, absolute, epoch, version, about, doc,
       CASE large WHEN 0 THEN NULL
                  ELSE (SELECT json_group_object(name, value) FROM field WHERE field.n = session.n) END
  FROM session
 WHERE id = ? AND realm = ? AND ended IS NULL AND ? < dies

-- name: grave
SELECT id, realm, secret, created, last, idle, absolute, epoch, version, about, ended
  FROM session
 WHERE id = :id AND realm = :realm AND ended IS NOT NULL

-- name: verdict
SELECT n, epoch, last, idle, absolute, ended
  FROM session
 WHERE id = :id AND realm = :realm

-- name: bury
UPDATE session
   SET ended = :ended, epoch = epoch + 1, fields = 0, bytes = 0, large = 0, doc = '{}', sweep_at = :sweep_at
 WHERE n = :n AND ended IS NULL AND :now >= dies
RETURNING n, realm, owner

-- name: create
INSERT INTO session(id, realm, owner, secret, created, last, idle, absolute, epoch, version,
                    fields, bytes, large, sweep_at, about, doc)
VALUES (:id, :realm, :owner, :secret, :created, :last, :idle, :absolute, :epoch, :version,
        :fields, :bytes, :large, :sweep_at, :about, :doc)
ON CONFLICT(id) DO NOTHING

-- name: touch
UPDATE session
   SET last = max(last, :last)
 WHERE id = :id AND realm = :realm AND epoch = :epoch AND ended IS NULL AND :now < dies
RETURNING version

-- name: seen
-- id, realm. What a change works on. Not guarded: the statement that writes is.
SELECT n, version, bytes, large, doc, about
  FROM session
 WHERE id = ? AND realm = ?

-- name: change
-- last, fields, bytes, large, doc, about; n, version, epoch, now.
UPDATE session
   SET version = version + 1, last = max(last, ?), fields = ?, bytes = ?, large = ?, doc = ?, about = ?
 WHERE n = ? AND version = ? AND epoch = ? AND ended IS NULL AND ? < dies

-- name: set_idle
-- After a change in the same act. The sweeper must not come later than the death.
UPDATE session
   SET idle = :idle, sweep_at = min(sweep_at, CASE :idle WHEN 0 THEN absolute ELSE last + :idle END)
 WHERE n = :n

-- name: known
SELECT 1 FROM session WHERE id = :id

-- name: members
-- The sessions of an owner without tombstone, but one.
SELECT n, last, idle, absolute
  FROM session
 WHERE realm = :realm AND owner = :owner AND ended IS NULL AND id <> :but

-- name: members_whole
SELECT id, realm, secret, created, last, idle, absolute, epoch, version, about
  FROM session
 WHERE realm = :realm AND owner = :owner AND ended IS NULL AND id <> :but
 ORDER BY created, id

-- name: record
SELECT id, realm, secret, created, last, idle, absolute, epoch, version, about
  FROM session
 WHERE id = :id AND realm = :realm

-- name: rotate
UPDATE session
   SET secret = :secret, owner = :owner, last = max(last, :now), idle = :idle, absolute = :absolute,
       epoch = epoch + 1, version = version + 1, sweep_at = min(sweep_at, :sweep_at),
       fields = :fields, bytes = :bytes, large = :large, doc = :doc, about = :about
 WHERE n = :n AND version = :version AND epoch = :epoch AND ended IS NULL AND :now < dies

-- name: end
UPDATE session
   SET ended = :ended, epoch = epoch + 1, fields = 0, bytes = 0, large = 0, doc = '{}', sweep_at = :sweep_at
 WHERE id = :id AND realm = :realm AND epoch = coalesce(:epoch, epoch) AND ended IS NULL AND :now < dies
RETURNING n, realm, owner

-- name: value
SELECT value FROM field WHERE n = :n AND name = :name

-- name: put_value
INSERT INTO field(n, name, value) VALUES (:n, :name, :value)
ON CONFLICT(n, name) DO UPDATE SET value = excluded.value

-- name: delete_value
DELETE FROM field WHERE n = :n AND name = :name

-- name: delete_values
DELETE FROM field WHERE n = :n

-- name: delete_values_of
DELETE FROM field WHERE n IN (SELECT value FROM json_each(:these))

-- name: list
SELECT id, realm, secret, created, last, idle, absolute, epoch, version, about, :now < dies
  FROM session
 WHERE realm = :realm AND ended IS NULL AND (created, id) > (:created, :id)
 ORDER BY created, id
 LIMIT :limit

-- name: list_of
SELECT id, realm, secret, created, last, idle, absolute, epoch, version, about, :now < dies
  FROM session
 WHERE realm = :realm AND owner = :owner AND ended IS NULL AND (created, id) > (:created, :id)
 ORDER BY created, id
 LIMIT :limit

-- name: list_ended
SELECT id, realm, secret, created, last, idle, absolute, epoch, version, about, ended
  FROM session
 WHERE realm = :realm AND ended IS NOT NULL AND (created, id) > (:created, :id)
 ORDER BY created, id
 LIMIT :limit

-- name: list_ended_of
SELECT id, realm, secret, created, last, idle, absolute, epoch, version, about, ended
  FROM session
 WHERE realm = :realm AND owner = :owner AND ended IS NOT NULL AND (created, id) > (:created, :id)
 ORDER BY created, id
 LIMIT :limit

-- name: due
SELECT n FROM session WHERE sweep_at <= :now ORDER BY sweep_at LIMIT :most

-- name: forget
-- :due is a JSON array of numbers, as in the next two.
DELETE FROM session WHERE n IN (SELECT value FROM json_each(:due)) AND ended IS NOT NULL

-- name: bury_due
-- As bury; the reason is that of the earlier of two limits.
UPDATE session
   SET ended = json_object('reason', iif(dies = absolute, 'absolute', 'idle'), 'at', dies),
       epoch = epoch + 1, fields = 0, bytes = 0, large = 0, doc = '{}', sweep_at = dies + :kept
 WHERE n IN (SELECT value FROM json_each(:due)) AND ended IS NULL AND :now >= dies
RETURNING n, realm, owner, dies

-- name: rearm
UPDATE session SET sweep_at = dies
 WHERE n IN (SELECT value FROM json_each(:due)) AND ended IS NULL AND :now < dies

-- name: meta
SELECT value FROM meta WHERE name = :name

-- name: meta_both
SELECT (SELECT value FROM meta WHERE name = 'installation'), (SELECT value FROM meta WHERE name = 'counter')

-- name: adopt
UPDATE meta SET value = :installation WHERE name = 'installation' AND value = ''

-- name: advance
UPDATE meta SET value = value + 1 WHERE name = 'counter' RETURNING value

-- name: count_live
SELECT realm, CASE substr(owner, 1, 2) WHEN 'a:' THEN 'account' WHEN 'x:' THEN 'external' ELSE 'anonymous' END AS kind,
       count(*)
  FROM session
 WHERE ended IS NULL
 GROUP BY realm, kind
 ORDER BY realm, kind

-- name: bag_read
SELECT doc,
       CASE large WHEN 0 THEN NULL
                  ELSE (SELECT json_group_object(name, value) FROM field WHERE field.n = -bag.n) END
  FROM bag
 WHERE realm = :realm AND principal = :principal
   AND :now < idle + max(left, coalesce((SELECT max(dies) FROM session
                                          WHERE realm = :realm AND owner = :principal AND ended IS NULL), 0))

-- name: bag_of
-- The owner of a session and its bag, where there is one. Not guarded: the statement that writes is.
SELECT owner, bag.n, bag.version, bag.bytes, bag.large, bag.doc
  FROM session LEFT JOIN bag ON bag.realm = session.realm AND bag.principal = session.owner
 WHERE id = :id AND session.realm = :realm

-- name: bag_write
-- :version is the one that was read, 0 = there was no bag.
INSERT INTO bag(realm, principal, idle, left, version, fields, bytes, large, sweep_at, doc)
SELECT realm, owner, :idle, :now, :version + 1, :fields, :bytes, :large, :now + :idle, :doc
  FROM session
 WHERE id = :id AND realm = :realm AND epoch = :epoch AND ended IS NULL AND :now < dies
ON CONFLICT(realm, principal) DO UPDATE
   SET idle = excluded.idle, version = excluded.version, fields = excluded.fields, bytes = excluded.bytes,
       large = excluded.large, doc = excluded.doc,
       sweep_at = CASE WHEN excluded.idle < idle THEN min(sweep_at, excluded.sweep_at) ELSE sweep_at END
 WHERE bag.version = :version
RETURNING n

-- name: bag_left
UPDATE bag SET left = max(left, :at), sweep_at = min(sweep_at, :at + idle) WHERE realm = :realm AND principal = :principal

-- name: bag_expire
DELETE FROM bag
 WHERE realm = :realm AND principal = :principal
   AND :now >= idle + max(left, coalesce((SELECT max(dies) FROM session
                                           WHERE realm = :realm AND owner = :principal AND ended IS NULL), 0))
RETURNING n

-- name: bag_drop
DELETE FROM bag WHERE realm = :realm AND principal = :principal RETURNING n

-- name: bag_due
SELECT realm, principal FROM bag WHERE sweep_at <= :now ORDER BY sweep_at LIMIT :most

-- name: bag_rearm
UPDATE bag
   SET sweep_at = idle + max(left, coalesce((SELECT max(dies) FROM session
                                              WHERE realm = :realm AND owner = :principal AND ended IS NULL), 0))
 WHERE realm = :realm AND principal = :principal

-- name: once_put
INSERT INTO once(name, text, until, taken)
SELECT :name, :text, :until, NULL WHERE :now < :until
ON CONFLICT(name) DO UPDATE
   SET text = excluded.text, until = excluded.until, taken = NULL
 WHERE :now >= once.until

-- name: once_look
SELECT text FROM once WHERE name = :name AND :now < until AND taken IS NULL

-- name: once_take
UPDATE once SET taken = :now, until = min(until, :now + :remember)
 WHERE name = :name AND :now < until AND taken IS NULL
RETURNING text

-- name: once_take_and_forget
DELETE FROM once WHERE name = :name AND :now < until AND taken IS NULL RETURNING text

-- name: once_taken
SELECT text, taken FROM once WHERE name = :name AND :now < until AND taken IS NOT NULL

-- name: once_drop
DELETE FROM once WHERE name = :name

-- name: once_sweep
DELETE FROM once WHERE name IN (SELECT name FROM once WHERE until <= :now ORDER BY until LIMIT :most)

-- name: throttle_count
-- :delays is a JSON array of at least one, :last its length. The right sides see the row as it was.
INSERT INTO throttle(name, tries, admitted, opens, until)
VALUES (:name, 1, 1, :now + json_extract(:delays, '$[0]'), :now + :forget)
ON CONFLICT(name) DO UPDATE
   SET tries = iif(:now < until, tries + 1, 1),
       admitted = iif(:now >= until, 1, iif(:now >= opens, tries + 1, admitted)),
       opens = iif(:now < until AND :now < opens, opens,
                   :now + json_extract(:delays, '$[' || (min(iif(:now < until, tries + 1, 1), :last) - 1) || ']')),
       until = excluded.until
RETURNING admitted = tries, tries, max(opens - :now, 0)

-- name: throttle_give_back
UPDATE throttle SET tries = max(tries - 1, 0), admitted = 0, opens = 0 WHERE name = :name AND :now < until

-- name: throttle_reset
DELETE FROM throttle WHERE name = :name

-- name: throttle_sweep
DELETE FROM throttle WHERE name IN (SELECT name FROM throttle WHERE until <= :now ORDER BY until LIMIT :most)
