-- ARGV version left due("" = it is over). What the reader found of the bag's sessions holds only while the bag is as it was read.
local b = redis.call('HMGET', KEYS[4], '.v', '.g')
if not b[1] then
  redis.call('ZREM', KEYS[5], KEYS[4])
elseif b[1] == ARGV[1] and b[2] == ARGV[2] then
  if ARGV[3] == '' then
    redis.call('DEL', KEYS[4])
    redis.call('ZREM', KEYS[5], KEYS[4])
  else
    redis.call('ZADD', KEYS[5], ARGV[3], KEYS[4])
  end
end
return {'ok'}
