-- ARGV tag id realm now epoch at end
local s, refusal = alive(ARGV[5])
if not s then return refusal end
finish(KEYS[1], ARGV[1], ARGV[2], s, tonumber(ARGV[6]), ARGV[7])
return {'ok', s.o, s.q, s.a}
