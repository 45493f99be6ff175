-- ARGV tag id realm now epoch. What a rotation and a change of a bag need to know; an expiry is settled.
local s, refusal = alive(ARGV[5])
if not s then return refusal end
local a = redis.call('HMGET', KEYS[1], '.h', '.b')
return {'ok', s.o, s.q, s.a, a[1], a[2], int(s.e)}
