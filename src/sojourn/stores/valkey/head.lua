-- Stands before every script on sessions. Keys of one session share the hash tag TAG, hence the slot:
--   sj:s:TAG ID     hash  .r realm .o owner .k kind .h secret .a created .l last .i idle .x absolute .e epoch .v version
--                         .b about (JSON) .t tokens (lines "EXPIRES JSON") .n bytes .f number of fields .q nonce of its claim
--                         .z end ("AT:JSON") .V format; fNAME = "VERSION:TEXT" a field; kNONCE a claim that was cancelled
--   sj:w:TAG        zset  ids by the instant at which the sweeper shall look at them
--   sj:r:TAG REALM  zset  ids of sessions without end by creation;  sj:e:TAG REALM  zset  ids of tombstones by creation
--   sj:c:TAG        hash  kind and realm -> how many live
-- A script makes all of its checks before its first write, because nothing is rolled back.
local ARGV = cmsgpack.unpack(ARGV[1]) -- all arguments in one, each a string
local FORMAT = 1
local TOMBSTONE_FOR = 2592000000
local KEPT = 86400000
local function int(x) return string.format('%.0f', x) end
local function get(key)
  local a = redis.call('HMGET', key, '.r', '.o', '.e', '.l', '.i', '.x', '.v', '.n', '.f', '.z', '.q', '.k', '.a', '.V')
  if not a[1] then return nil end
  return {r = a[1], o = a[2], e = tonumber(a[3]), l = tonumber(a[4]), i = tonumber(a[5]), x = tonumber(a[6]), v = tonumber(a[7]),
          n = tonumber(a[8]), f = tonumber(a[9]), z = a[10], q = a[11], k = a[12], a = a[13], newer = tonumber(a[14]) > FORMAT}
end
local function dies(s)
  if s.i > 0 and s.l + s.i < s.x then return s.l + s.i, 'idle' end
  return s.x, 'absolute'
end
local function count(tag, s, by)
  local key, name = 'sj:c:' .. tag, s.k .. s.r
  if redis.call('HINCRBY', key, name, by) <= 0 then redis.call('HDEL', key, name) end
end
local function hset(key, pairs)
  for from = 1, #pairs, 4000 do redis.call('HSET', key, unpack(pairs, from, math.min(from + 3999, #pairs))) end
end
-- The tombstone. Its first write is one that a full server takes, and then takes the others too: an end needs no room.
local function finish(key, tag, id, s, at, text)
  redis.call('ZREM', 'sj:r:' .. tag .. s.r, id)
  for _, name in ipairs(redis.call('HKEYS', key)) do
    if string.sub(name, 1, 1) ~= '.' then redis.call('HDEL', key, name) end
  end
  s.z = int(at) .. ':' .. text
  redis.call('HSET', key, '.z', s.z, '.e', int(s.e + 1), '.n', '0', '.f', '0')
  redis.call('ZADD', 'sj:e:' .. tag .. s.r, s.a, id)
  redis.call('ZADD', 'sj:w:' .. tag, int(at + TOMBSTONE_FOR), id)
  redis.call('PEXPIRE', key, int(TOMBSTONE_FOR + KEPT))
  count(tag, s, -1)
end
-- What was seen dead is dead: an expiry is written before it is answered. Second value: whether this call wrote it.
local function settle(key, tag, id, s, now)
  if s.z then return s.z, '0' end
  local at, why = dies(s)
  if now < at then return nil end
  finish(key, tag, id, s, at, '{"reason":"' .. why .. '","at":' .. int(at) .. '}')
  return s.z, '1'
end
-- The live session, or nil and the refusal. KEYS 1 its key; ARGV begins with tag id realm now
local function alive(epoch)
  local s = get(KEYS[1])
  if not s or s.r ~= ARGV[3] then return nil, {'unknown'} end
  if s.newer then return nil, {'newer'} end
  local z, fresh = settle(KEYS[1], ARGV[1], ARGV[2], s, tonumber(ARGV[4]))
  if z then return nil, {'ended', z, fresh, s.o, s.q, s.a} end
  if epoch ~= '' and s.e ~= tonumber(epoch) then return nil, {'stale', int(s.e)} end
  return s
end
