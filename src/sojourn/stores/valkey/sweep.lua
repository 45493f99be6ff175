-- KEYS 1 sj:w:TAG; ARGV tag now most. Answers how many were handled, how many were due, then for each that was handled:
-- id realm owner nonce created at ("" = its tombstone was deleted)
local w, tag, now = KEYS[1], ARGV[1], tonumber(ARGV[2])
local due = redis.call('ZRANGEBYSCORE', w, '-inf', ARGV[2], 'LIMIT', '0', ARGV[3])
local out, handled = {0, #due}, 0
local function note(id, s, at)
  handled = handled + 1
  for _, x in ipairs({id, s.r, s.o, s.q, s.a, at}) do out[#out + 1] = x end
end
for _, id in ipairs(due) do
  local key = 'sj:s:' .. tag .. id
  local s = get(key)
  if not s then
    redis.call('ZREM', w, id)
  elseif s.newer then
    redis.call('ZADD', w, int(now + 3600000), id)
  elseif s.z then
    redis.call('DEL', key)
    redis.call('ZREM', w, id)
    redis.call('ZREM', 'sj:e:' .. tag .. s.r, id)
    note(id, s, '')
  elseif settle(key, tag, id, s, now) then
    note(id, s, string.match(s.z, '^%-?%d+'))
  else
    redis.call('ZADD', w, int(dies(s)), id)
  end
end
out[1] = handled
return out
