-- ARGV tag id realm nonce kind created due ttl, then element value ...
local key, tag, id = KEYS[1], ARGV[1], ARGV[2]
local had = redis.call('HMGET', key, '.r', 'k' .. ARGV[4])
if had[1] then return {'exists'} end
if had[2] then return {'cancelled'} end
redis.call('HSET', key, unpack(ARGV, 9))
redis.call('PEXPIRE', key, ARGV[8])
redis.call('ZADD', 'sj:w:' .. tag, ARGV[7], id)
redis.call('ZADD', 'sj:r:' .. tag .. ARGV[3], ARGV[6], id)
redis.call('HINCRBY', 'sj:c:' .. tag, ARGV[5] .. ARGV[3], 1)
return {'ok'}
