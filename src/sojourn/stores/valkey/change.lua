-- ARGV tag id realm now epoch touch maxfields maxvalue maxtotal token idle, then kind name text version for each operation
local key, now = KEYS[1], tonumber(ARGV[4])
local s, refusal = alive(ARGV[5])
if not s then return refusal end
local done, wrong = applied(key, s.n, s.f, 7, 12)
if not done then return wrong end

local token, idle, v, set = ARGV[10], ARGV[11], s.v, {}
if #ARGV >= 12 or token ~= '' or idle ~= '' then v = v + 1 end
set[1], set[2] = '.v', int(v)
if ARGV[6] == '1' and now > s.l then
  s.l = now
  set[3], set[4] = '.l', int(now)
end
if token ~= '' then
  local kept = {}
  for line in string.gmatch(redis.call('HGET', key, '.t') or '', '[^\n]+') do
    if tonumber(string.match(line, '^%-?%d+')) > now then kept[#kept + 1] = line end
  end
  kept[#kept + 1] = token
  while #kept > 16 do table.remove(kept, 1) end
  set[#set + 1] = '.t'
  set[#set + 1] = table.concat(kept, '\n')
end
if idle ~= '' then
  set[#set + 1] = '.i'
  set[#set + 1] = idle
  s.i = tonumber(idle)
end
if #ARGV >= 12 then write(key, done, v, set) else redis.call('HSET', key, unpack(set)) end
if idle ~= '' then redis.call('ZADD', 'sj:w:' .. ARGV[1], 'LT', int(dies(s)), ARGV[2]) end
return answer(v, done.incs)
