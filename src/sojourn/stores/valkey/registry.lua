-- Stands before every script on the registry of an owner. KEYS, all of one slot:
--   1 sj:u:  zset  ids that are claimed, by creation        2 sj:n:  hash  id -> "NONCE:EPOCH:TIME"
--   3 sj:d:  zset  ids of the owner's tombstones            4 sj:b:  hash  the bag: .i idle .g left .v version .n .f .r .p, fNAME
--   5 sj:g:  zset  keys of bags by the instant at which the sweeper shall look at them
local ARGV = cmsgpack.unpack(ARGV[1]) -- all arguments in one, each a string
local KEPT = 2678400000
local function int(x) return string.format('%.0f', x) end
local function hset(key, pairs)
  for from = 1, #pairs, 4000 do redis.call('HSET', key, unpack(pairs, from, math.min(from + 3999, #pairs))) end
end
local function claim(id)
  local c = redis.call('HGET', KEYS[2], id)
  if not c then return nil end
  local nonce, epoch, at = string.match(c, '^(.-):(%d+):(%d+)$')
  return {nonce = nonce, epoch = tonumber(epoch), at = tonumber(at)}
end
