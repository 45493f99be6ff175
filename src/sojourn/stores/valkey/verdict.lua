-- The arbiter between a claim and its record. ARGV tag id realm now owner nonce cancel(0/1)
-- After "dead" or "cancelled" nothing can come to life by that claim, so it may be taken away.
local key = KEYS[1]
local s = get(key)
if s and s.r == ARGV[3] then
  if s.newer then return {'newer'} end
  local z = settle(key, ARGV[1], ARGV[2], s, tonumber(ARGV[4]))
  if z then return {'dead', z, s.o == ARGV[5] and s.a or ''} end
  if s.o == ARGV[5] then return {'alive'} end
end
if ARGV[7] == '0' then return {'pending'} end
redis.call('HSET', key, 'k' .. ARGV[6], '1')
if not s then redis.call('PEXPIRE', key, '86400000') end -- to everybody else it never existed
return {'cancelled'}
