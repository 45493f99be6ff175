-- ARGV now forget, then at least one delay. Answers whether it is admitted, how many tries there are, and how long to wait.
local now = tonumber(ARGV[1])
local a = redis.call('HMGET', key, 'n', 'o', 'u')
local n, opens = tonumber(a[1] or '0'), tonumber(a[2] or '0')
if a[3] and now >= tonumber(a[3]) then n, opens = 0, 0 end
n = n + 1
local admitted = now >= opens
if admitted then opens = now + tonumber(ARGV[2 + math.min(n, #ARGV - 2)]) end
local forget = tonumber(ARGV[2])
redis.call('HSET', key, 'n', int(n), 'o', int(opens), 'u', int(now + forget))
keep(forget)
return {admitted and '1' or '0', int(n), int(math.max(opens - now, 0))}
