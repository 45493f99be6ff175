-- ARGV id nonce how created at. how: died | left (for another owner) | withdrawn (never began) | forgotten (tombstone deleted).
-- Needs no room, see head.lua.
local id, how = ARGV[1], ARGV[3]
redis.call('HDEL', KEYS[2], '')
local c = claim(id)
if c and c.nonce == ARGV[2] then
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
end
if how == 'died' then
  redis.call('ZADD', KEYS[3], ARGV[4], id)
  redis.call('PEXPIRE', KEYS[3], int(KEPT))
elseif how == 'forgotten' then
  redis.call('ZREM', KEYS[3], id)
end
if how == 'died' or how == 'left' then
  local b = redis.call('HMGET', KEYS[4], '.g', '.i')
  if b[1] then
    local left = math.max(tonumber(b[1]), tonumber(ARGV[5]))
    redis.call('HSET', KEYS[4], '.g', int(left))
    redis.call('ZADD', KEYS[5], 'LT', int(left + tonumber(b[2])), KEYS[4])
  end
end
return {'ok'}
