-- Shallow merge of JSON objects. Values keep their very text; names are compared and written as msgspec writes them.
local ESCAPES = {b = '\b', f = '\f', n = '\n', r = '\r', t = '\t'}
local SHORT = {['"'] = '\\"', ['\\'] = '\\\\', ['\b'] = '\\b', ['\f'] = '\\f', ['\n'] = '\\n', ['\r'] = '\\r', ['\t'] = '\\t'}
local function utf8(c)
  if c < 128 then return string.char(c) end
  if c < 2048 then return string.char(192 + math.floor(c / 64), 128 + c % 64) end
  if c < 65536 then return string.char(224 + math.floor(c / 4096), 128 + math.floor(c / 64) % 64, 128 + c % 64) end
  return string.char(240 + math.floor(c / 262144), 128 + math.floor(c / 4096) % 64, 128 + math.floor(c / 64) % 64, 128 + c % 64)
end
local function canonical(name) -- a JSON string with its quotes
  if not string.find(name, '\\', 1, true) then return name end
  local out, p = {}, 2
  while p < #name do
    local c = string.sub(name, p, p)
    if c ~= '\\' then
      out[#out + 1] = c
      p = p + 1
    else
      c = string.sub(name, p + 1, p + 1)
      p = p + 2
      if c == 'u' then
        c = tonumber(string.sub(name, p, p + 3), 16)
        p = p + 4
        if c >= 55296 and c < 56320 then
          c = 65536 + (c - 55296) * 1024 + tonumber(string.sub(name, p + 2, p + 5), 16) - 56320
          p = p + 6
        end
        c = utf8(c)
      else
        c = ESCAPES[c] or c
      end
      out[#out + 1] = c
    end
  end
  local text = string.gsub(table.concat(out), '[%c"\\]', function(c)
    if c == '\127' then return c end
    return SHORT[c] or string.format('\\u%04x', string.byte(c))
  end)
  return '"' .. text .. '"'
end
local function past(o, p) -- behind the string that begins at p
  p = p + 1
  while true do
    p = string.find(o, '["\\]', p)
    if string.sub(o, p, p) == '"' then return p + 1 end
    p = p + 2
  end
end
local function members(o)
  local list, p = {}, string.find(o, '[^%s]', 2)
  while string.sub(o, p, p) == '"' do
    local from = p
    p = past(o, p)
    local name = canonical(string.sub(o, from, p - 1))
    local v, depth, to = string.find(o, '[^%s]', string.find(o, ':', p, true) + 1), 0, nil
    p = v
    while true do -- to the comma or brace that ends the value
      p = string.find(o, '["%[%]{},]', p)
      local c = string.sub(o, p, p)
      if c == '"' then
        p = past(o, p)
      else
        if depth == 0 and (c == ',' or c == '}') then break end
        if c == '[' or c == '{' then depth = depth + 1 elseif c ~= ',' then depth = depth - 1 end
        p = p + 1
      end
    end
    to = p - 1
    while string.find(o, '^%s', to) do to = to - 1 end
    list[#list + 1] = {name, string.sub(o, v, to)}
    p = string.find(o, '[^%s]', p + 1) or #o + 1
  end
  return list
end
-- As a dict does it: a name keeps its first place and its last value.
local function put(list, at, name, value)
  if at[name] then
    list[at[name]][2] = value
  else
    list[#list + 1] = {name, value}
    at[name] = #list
  end
end
local function merged(a, b)
  local list, at, latest, order, out = {}, {}, {}, {}, {}
  for _, m in ipairs(members(a)) do put(list, at, m[1], m[2]) end
  for _, m in ipairs(members(b)) do put(latest, order, m[1], m[2]) end
  for _, m in ipairs(latest) do
    if m[2] ~= 'null' then
      put(list, at, m[1], m[2])
    elseif at[m[1]] then
      list[at[m[1]]][2] = false
      at[m[1]] = nil
    end
  end
  for _, m in ipairs(list) do
    if m[2] then out[#out + 1] = m[1] .. ':' .. m[2] end
  end
  return '{' .. table.concat(out, ',') .. '}'
end
