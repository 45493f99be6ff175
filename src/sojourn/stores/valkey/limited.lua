-- Stands before the scripts on values that one caller can take and on counters of tries, each one key:
--   sj:o:TAG NAME  hash  x text u until t taken at;  sj:t:TAG NAME  hash  n tries o opens at u until
-- "u" decides. The server's own expiry comes SLACK later and only collects what is over.
local ARGV = cmsgpack.unpack(ARGV[1]) -- all arguments in one, each a string
local key, SLACK, LONGEST = KEYS[1], 60000, 1000000000000000
local function int(x) return string.format('%.0f', x) end
local function keep(ms) redis.call('PEXPIRE', key, int(math.min(ms, LONGEST) + SLACK)) end
