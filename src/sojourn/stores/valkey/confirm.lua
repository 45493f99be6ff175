-- ARGV id nonce epoch. After a rotation that stays with its owner: the claim gets the new epoch.
local c = claim(ARGV[1])
if c and c.nonce == ARGV[2] and c.epoch < tonumber(ARGV[3]) then
  redis.call('HSET', KEYS[2], ARGV[1], c.nonce .. ':' .. ARGV[3] .. ':' .. int(c.at))
end
return {'ok'}
