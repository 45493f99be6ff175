-- ARGV id nonce epoch now idle realm maxfields maxvalue maxtotal principal, then kind name text version for each operation.
-- The session lived with that nonce and epoch a moment ago; its claim says that neither its end nor a rotation was answered since.
local key, id, epoch, idle = KEYS[4], ARGV[1], tonumber(ARGV[3]), ARGV[5]
local c = claim(id)
if not c or c.nonce ~= ARGV[2] or c.epoch > epoch then return {'moved'} end
local b = redis.call('HMGET', key, '.v', '.n', '.f', '.g', '.i')
local done, wrong = applied(key, tonumber(b[2] or '0'), tonumber(b[3] or '0'), 7, 11)
if not done then return wrong end
local v, left = tonumber(b[1] or '0') + 1, b[4] or ARGV[4]
write(key, done, v, {'.v', int(v), '.g', left, '.i', idle, '.r', ARGV[6], '.p', ARGV[10]})
if b[5] ~= idle then redis.call('ZADD', KEYS[5], 'LT', int(tonumber(left) + tonumber(idle)), key) end
if c.epoch < epoch then redis.call('HSET', KEYS[2], id, c.nonce .. ':' .. ARGV[3] .. ':' .. int(c.at)) end
return answer(v, done.incs)
