-- ARGV now remember. The first write is one that a full server takes, and then takes the other too.
local now, remember = tonumber(ARGV[1]), tonumber(ARGV[2])
local a = redis.call('HMGET', key, 'x', 'u', 't')
if not a[2] or now >= tonumber(a[2]) then return {'none'} end
if a[3] then return {'before', a[1], a[3]} end
if remember == 0 then
  redis.call('DEL', key)
else
  local till = math.min(tonumber(a[2]), now + remember)
  keep(till - now)
  redis.call('HSET', key, 't', ARGV[1], 'u', int(till))
end
return {'first', a[1], ARGV[1]}
