-- ARGV text until now
local till, now = tonumber(ARGV[2]), tonumber(ARGV[3])
local u = redis.call('HGET', key, 'u')
if till <= now or (u and now < tonumber(u)) then return {'no'} end
redis.call('HSET', key, 'x', ARGV[1], 'u', ARGV[2])
redis.call('HDEL', key, 't')
keep(till - now)
return {'ok'}
