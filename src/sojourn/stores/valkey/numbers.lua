-- Exact sums of plain decimals -?(0|[1-9]d{0,37})(.d{1,18})? on their digits, never through doubles.
local function plain(x)
  local i, f = string.match(x, '^%-?(%d+)(.*)$')
  if not i or #i > 38 or (#i > 1 and string.sub(i, 1, 1) == '0') then return false end
  return f == '' or (string.match(f, '^%.%d+$') ~= nil and #f <= 19)
end
local function addabs(a, b) -- digits of one length
  local out, carry = {}, 0
  for i = #a, 1, -1 do
    local d = string.byte(a, i) + string.byte(b, i) - 96 + carry
    carry = (d > 9) and 1 or 0
    out[i] = d - 10 * carry
  end
  return (carry == 1 and '1' or '') .. table.concat(out)
end
local function subabs(a, b) -- a >= b
  local out, borrow = {}, 0
  for i = #a, 1, -1 do
    local d = string.byte(a, i) - string.byte(b, i) - borrow
    borrow = (d < 0) and 1 or 0
    out[i] = d + 10 * borrow
  end
  return table.concat(out)
end
local function add(a, b)
  if #a < 15 and #b < 15 and not string.find(a, '.', 1, true) and not string.find(b, '.', 1, true) then
    local total = tonumber(a) + tonumber(b) -- small integers are exact as doubles
    return total == 0 and '0' or int(total)
  end
  local sa, ia, fa = string.match(a, '^(%-?)(%d+)%.?(%d*)$')
  local sb, ib, fb = string.match(b, '^(%-?)(%d+)%.?(%d*)$')
  local f = math.max(#fa, #fb)
  local x, y = ia .. fa .. string.rep('0', f - #fa), ib .. fb .. string.rep('0', f - #fb)
  local n = math.max(#x, #y)
  x, y = string.rep('0', n - #x) .. x, string.rep('0', n - #y) .. y
  local sign, r = sa, nil
  if sa == sb then r = addabs(x, y)
  elseif x >= y then r = subabs(x, y)
  else sign, r = sb, subabs(y, x) end
  r = string.rep('0', f + 1 - #r) .. r
  local whole, fraction = string.sub(r, 1, #r - f), string.sub(r, #r - f + 1)
  whole, fraction = string.gsub(whole, '^0+(%d)', '%1'), string.gsub(fraction, '0+$', '')
  if fraction ~= '' then whole = whole .. '.' .. fraction end
  return whole == '0' and whole or sign .. whole
end
local function sum(a, b)
  if not plain(a) or not plain(b) then return nil end
  local total = add(a, b)
  return plain(total) and total or nil
end
