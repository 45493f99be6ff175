-- ARGV now. The first write is one that a full server takes, and then takes the other too.
local a = redis.call('HMGET', key, 'n', 'u')
if not a[2] or tonumber(ARGV[1]) >= tonumber(a[2]) then return {'none'} end
redis.call('HDEL', key, 'o')
if tonumber(a[1]) > 0 then redis.call('HINCRBY', key, 'n', '-1') end
return {'ok'}
