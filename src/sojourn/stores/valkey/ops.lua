-- Applies the operations ARGV[first], each kind name text version, to the fields of hash `key`.
-- Writes nothing. Gives {order, old, new, n, f, incs} or nil and the refusal. model/field.py is the same in Python.
local function applied(key, n, f, limits, first)
  local maxfields, maxvalue, maxtotal = tonumber(ARGV[limits]), tonumber(ARGV[limits + 1]), tonumber(ARGV[limits + 2])
  local old, ver, new, order, incs, last = {}, {}, {}, {}, {}, ''
  for i = first, #ARGV, 4 do
    local kind, name, text = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    last = name
    if name == '' or #name > 256 or string.find(name, '\0', 1, true) then return nil, {'limit', 'name', name} end
    if old[name] == nil then
      local raw = redis.call('HGET', key, 'f' .. name)
      if raw then
        local colon = string.find(raw, ':', 1, true)
        ver[name], old[name] = string.sub(raw, 1, colon - 1), string.sub(raw, colon + 1)
      else
        ver[name], old[name] = '0', false
      end
      new[name], order[#order + 1] = old[name], name
    end
    local cur, to = new[name], nil
    if cur == '' then cur = false end
    if kind == 'put' then to = text
    elseif kind == 'delete' then to = false
    elseif kind == 'put_if' then
      if ver[name] ~= ARGV[i + 3] then return nil, {'conflict', name, ARGV[i + 3], ver[name], old[name] or ''} end
      to = (text ~= '') and text or false
    elseif kind == 'increment' then
      to = sum(cur or '0', text)
      if not to then return nil, {'operand', name, kind} end
      incs[#incs + 1] = name
      incs[#incs + 1] = to
    elseif kind == 'append' then
      cur = cur or '[]'
      if string.sub(cur, 1, 1) ~= '[' then return nil, {'operand', name, kind} end
      to = (cur == '[]') and ('[' .. text .. ']') or (string.sub(cur, 1, -2) .. ',' .. text .. ']')
    elseif kind == 'merge' then
      cur = cur or '{}'
      if string.sub(cur, 1, 1) ~= '{' or string.sub(text, 1, 1) ~= '{' then return nil, {'operand', name, kind} end
      to = merged(cur, text)
    else
      return nil, {'kind'}
    end
    if to and #to > maxvalue then return nil, {'limit', 'value', name} end
    new[name] = to
  end
  for _, name in ipairs(order) do
    if old[name] then n = n - #name - #old[name]; f = f - 1 end
    if new[name] then n = n + #name + #new[name]; f = f + 1 end
  end
  if #order > 0 and f > maxfields then return nil, {'limit', 'fields', last} end
  if #order > 0 and n > maxtotal then return nil, {'limit', 'total', last} end
  return {order = order, old = old, new = new, n = n, f = f, incs = incs}
end
-- What `applied` gave, added to `pairs` (element, value) that are then written; every field with version `v`.
local function write(key, done, v, pairs)
  pairs[#pairs + 1] = '.n'
  pairs[#pairs + 1] = int(done.n)
  pairs[#pairs + 1] = '.f'
  pairs[#pairs + 1] = int(done.f)
  for _, name in ipairs(done.order) do
    if done.new[name] then
      pairs[#pairs + 1] = 'f' .. name
      pairs[#pairs + 1] = int(v) .. ':' .. done.new[name]
    end
  end
  hset(key, pairs)
  for _, name in ipairs(done.order) do
    if done.old[name] and not done.new[name] then redis.call('HDEL', key, 'f' .. name) end
  end
end
local function answer(v, incs)
  local out = {'ok', int(v)}
  for i = 1, #incs do out[i + 2] = incs[i] end
  return out
end
