-- ARGV id created nonce epoch now most(-1 = no limit). A claim that stands is never overwritten.
-- After "ok": 1 when there is a bag that may be over, so that the new session must not find it.
local id, most = ARGV[1], tonumber(ARGV[6])
local t = redis.call('TIME')
t = t[1] * 1000 + math.floor(t[2] / 1000)
local had = claim(id)
if most >= 0 and redis.call('ZCARD', KEYS[1]) - (had and 1 or 0) >= most then
  local out = {'full'}
  for _, other in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    if other ~= id then
      local c = claim(other)
      for _, x in ipairs({other, c.nonce, int(t - c.at)}) do out[#out + 1] = x end
    end
  end
  return out
end
if had then return {'had', had.nonce, int(t - had.at)} end
redis.call('ZADD', KEYS[1], ARGV[2], id)
redis.call('HSET', KEYS[2], id, ARGV[3] .. ':' .. ARGV[4] .. ':' .. int(t))
local b = redis.call('HMGET', KEYS[4], '.g', '.i')
return {'ok', (b[1] and tonumber(ARGV[5]) >= tonumber(b[1]) + tonumber(b[2])) and '1' or '0'}
