/**
 * Reads everything a response is made from, at one moment. Keys of the wrong type are treated as missing.
 *
 * KEYS: state, news, errors, page of all, pages … ARGV: how many errors, then for each page, beginning with that of
 * all: the number of hash fields and the fields, or -1 for every field with its name.
 * Reply: state, news, errors, number of fields on the page of all, values of each page …
 */
export const READ = `
local function try(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err then return false end
  return reply
end
local out = { try('GET', KEYS[1]), try('LRANGE', KEYS[2], 0, -1) or {}, {}, try('HLEN', KEYS[4]) or 0 }
local errors = tonumber(ARGV[1])
if errors > 0 then out[3] = try('LRANGE', KEYS[3], 0, errors - 1) or {} end
local at = 2
for i = 4, #KEYS do
  local fields = tonumber(ARGV[at])
  at = at + 1
  if fields < 0 then out[#out + 1] = try('HGETALL', KEYS[i]) or {}
  else
    local values = {}
    for from = at, at + fields - 1, 1000 do
      local some = try('HMGET', KEYS[i], unpack(ARGV, from, math.min(from + 999, at + fields - 1))) or {}
      for n = 1, math.min(1000, at + fields - from) do values[#values + 1] = some[n] or false end
    end
    out[#out + 1] = values
    at = at + fields
  end
end
return out
`;

/**
 * Writes merged pages, unless another process has done so since they were read. Nothing in here can stop half-way: a
 * key of the wrong type is replaced.
 *
 * KEYS: state, news, errors, pages … ARGV: state that was read, new state, number of batches, errors to keep, number
 * of new errors, those, then for each page: its lifetime in ms or 0, number of hash fields, fields and values …
 */
export const COMMIT = `
local state = redis.pcall('GET', KEYS[1])
if type(state) == 'table' then
  redis.call('DEL', KEYS[1])
  state = false
end
if (state or '') ~= ARGV[1] then return 0 end
local function put(key, ...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err then
    redis.call('DEL', key)
    redis.call(...)
  end
end
redis.call('SET', KEYS[1], ARGV[2])
put(KEYS[2], 'LTRIM', KEYS[2], ARGV[3], -1)
local errors = tonumber(ARGV[5])
for i = 6, 5 + errors do put(KEYS[3], 'LPUSH', KEYS[3], ARGV[i]) end
if errors > 0 then redis.call('LTRIM', KEYS[3], 0, ARGV[4] - 1) end
local at = 6 + errors
for i = 4, #KEYS do
  local ttl, fields = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  at = at + 2
  local last = at + 2 * fields - 1
  for from = at, last, 1000 do put(KEYS[i], 'HSET', KEYS[i], unpack(ARGV, from, math.min(from + 999, last))) end
  if ttl > 0 then redis.call('PEXPIRE', KEYS[i], ttl) end
  at = last + 1
end
return 1
`;
