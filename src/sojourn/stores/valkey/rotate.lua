-- ARGV tag id realm now epoch nonce owner kind secret idle absolute ttl about tokens all, then the names of fields to keep
local key, tag, id, now, nonce = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[4]), ARGV[6]
local s, refusal = alive(ARGV[5])
if not s then return refusal end
if redis.call('HEXISTS', key, 'k' .. nonce) == 1 then return {'cancelled'} end
local keep, drop, n, f = {}, {}, s.n, s.f
for i = 16, #ARGV do keep['f' .. ARGV[i]] = true end
for _, name in ipairs(redis.call('HKEYS', key)) do
  local c = string.sub(name, 1, 1)
  if c == 'k' then drop[#drop + 1] = name end
  if c == 'f' and ARGV[15] == '0' and not keep[name] then
    local raw = redis.call('HGET', key, name)
    n, f = n - (#name - 1) - (#raw - string.find(raw, ':', 1, true)), f - 1
    drop[#drop + 1] = name
  end
end
redis.call('HSET', key, '.o', ARGV[7], '.k', ARGV[8], '.h', ARGV[9], '.i', ARGV[10], '.x', ARGV[11], '.b', ARGV[13], '.t', ARGV[14],
  '.q', nonce, '.l', int(math.max(s.l, now)), '.e', int(s.e + 1), '.v', int(s.v + 1), '.n', int(n), '.f', int(f))
for _, name in ipairs(drop) do redis.call('HDEL', key, name) end
redis.call('PEXPIRE', key, ARGV[12])
if s.k ~= ARGV[8] then
  count(tag, s, -1)
  s.k = ARGV[8]
  count(tag, s, 1)
end
s.l, s.i, s.x = math.max(s.l, now), tonumber(ARGV[10]), tonumber(ARGV[11])
redis.call('ZADD', 'sj:w:' .. tag, 'LT', int(dies(s)), id)
return {'ok', int(s.l), int(s.e + 1), int(s.v + 1)}
