/**
 * What every script begins with. The time is that of Redis, so that the clocks of the processes do not matter. A state is
 * a JSON text, which is told to all when it is replaced; its version is a text, since numbers lose digits in JSON.
 *
 * KEYS: state, reports, probe. ARGV: channel, more
 */
const BEGIN = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local text = redis.call('GET', KEYS[1])
local known, state = pcall(cjson.decode, text or '')
if not known or type(state) ~= 'table' then state = nil end
local open = state and state.kind == 'OPEN'
local function reply(more) return {tostring(now), state and text or '', more or 0} end
local function put(next, lifetime)
  text = cjson.encode(next)
  state = next
  if lifetime then redis.call('SET', KEYS[1], text, 'PX', math.ceil(lifetime)) else redis.call('SET', KEYS[1], text) end
end
local function turn(next, lifetime)
  local last = state and tonumber(state.version) or 0
  next.version = string.format('%.0f', math.max(last + 1, time[1] * 1000000 + time[2]))
  put(next, lifetime)
  redis.call('DEL', KEYS[2], KEYS[3])
  redis.pcall('PUBLISH', ARGV[1], KEYS[1] .. '\\n' .. now .. '\\n' .. text)
end
local function close(by, reason)
  turn({kind = 'CLOSED', by = by, reason = reason}, 3600000)
end
local KEPT = 600000
`;

/** What all processes know. */
const READ = `${BEGIN}
return reply()
`;

/**
 * Adds what one process has seen, and opens the circuit where enough processes have seen enough. A process counts for no
 * more than its part of a quorum: one that has a bad network must not need one chance failure of another. For the same
 * reason a process that has opened its own circuit a while ago counts for one failure.
 *
 * ARGV: channel, report
 */
const REPORT = `${BEGIN}
if open then return reply() end
local own = cjson.decode(ARGV[2])
local rules = own.rules
local before = redis.call('HGET', KEYS[2], own.id)
before = before and cjson.decode(before)
local entry = {at = now, failures = own.failures, total = own.total, failed = own.failed}
entry.causes, entry.windowCauses = own.causes, own.windowCauses
if own.trip then entry.trippedAt = before and before.trippedAt or now end
if own.failures == 0 and own.failed == 0 and not own.trip then
  redis.call('HDEL', KEYS[2], own.id)
  return reply()
end
redis.call('HSET', KEYS[2], own.id, cjson.encode(entry))
redis.call('PEXPIRE', KEYS[2], rules.keptMs)
local most = math.ceil(rules.failureThreshold / rules.quorum)
local failing, failures, tripped, bad, total, failed, sum = 0, 0, 0, 0, 0, 0, 0
local inARow, inWindow = {}, {}
local function add(to, causes)
  for name, times in pairs(causes or {}) do to[name] = (to[name] or 0) + times end
end
local reports = redis.call('HGETALL', KEYS[2])
for i = 1, #reports, 2 do
  local one = cjson.decode(reports[i + 1])
  local age = now - one.at
  if age > rules.keptMs then
    redis.call('HDEL', KEYS[2], reports[i])
  else
    if one.trippedAt then tripped = tripped + 1 end
    if one.failures > 0 then
      failing = failing + 1
      sum = sum + one.failures
      add(inARow, one.causes)
      local fresh = not one.trippedAt or now - one.trippedAt < 1000
      failures = failures + (fresh and math.min(one.failures, most) or 1)
    end
    if age <= rules.windowMs then
      total = total + one.total
      failed = failed + one.failed
      add(inWindow, one.windowCauses)
      if rules.failureRatio and one.total > 0 and one.failed >= one.total * rules.failureRatio then bad = bad + 1 end
    end
  end
end
local reason, cause
local causes = inARow
if failing >= rules.quorum and failures >= rules.failureThreshold then
  reason = 'failures in a row'
  cause = 'after ' .. sum .. ' failures in ' .. failing .. ' processes'
elseif tripped >= rules.quorum then
  reason = own.trip and own.trip.reason or 'failures in a row'
  if reason ~= 'failures in a row' then causes = own.causes end
  cause = own.trip and own.trip.cause or 'in ' .. tripped .. ' processes'
elseif rules.failureRatio and bad >= rules.quorum and total >= rules.minimumRequests and failed >= total * rules.failureRatio then
  reason = 'failure ratio'
  cause = 'after ' .. failed .. ' of ' .. total .. ' attempts failed in ' .. bad .. ' processes'
  sum = failed
  causes = inWindow
else
  return reply()
end
if rules.quorum == 1 and own.trip then cause = own.trip.cause end
turn({kind = 'OPEN', by = own.by, reason = reason, failures = sum, cause = cause, causes = causes, last = own.last,
  due = now + rules.openForMs, openFor = rules.openForMs, reopened = 0, passed = 0}, rules.openForMs + KEPT)
return reply()
`;

/**
 * An operator's action, which always prevails.
 *
 * ARGV: channel, action, process, failures
 */
const FORCE = `${BEGIN}
if ARGV[2] == 'open' then
  turn({kind = 'OPEN', by = ARGV[3], reason = 'forced', failures = tonumber(ARGV[4]), cause = '', reopened = 0, passed = 0})
else
  close(ARGV[3], ARGV[2] == 'reset' and 'reset' or 'forced')
end
return reply()
`;

/**
 * Gives a process the right to probe, if the circuit is due and no other has it; replies 1, or minus the milliseconds
 * that another has it for. Processes ask when it is due by their own clocks: if that of Redis has gone back, they know better.
 *
 * ARGV: channel, id of the process, lifetime in ms
 */
const TAKE = `${BEGIN}
if not open or not state.due then return reply() end
if now < state.due and state.due - now <= (state.openFor or math.huge) then return reply() end
local holder = redis.call('GET', KEYS[3])
if holder and holder ~= ARGV[2] then return reply(-math.max(1, redis.call('PTTL', KEYS[3]))) end
redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[3])
return reply(1)
`;

/** Keeps the right for longer. ARGV: channel, id of the process, lifetime in ms */
const RENEW = `
if redis.call('GET', KEYS[3]) == ARGV[2] then redis.call('PEXPIRE', KEYS[3], ARGV[3]) end
return 1
`;

/** Forgets what a process has seen that leaves. ARGV: channel, id of the process */
const FORGET = `
return redis.call('HDEL', KEYS[2], ARGV[2])
`;

/** Gives the right back. ARGV: channel, id of the process */
const RELEASE = `
if redis.call('GET', KEYS[3]) == ARGV[2] then redis.call('DEL', KEYS[3]) end
return 1
`;

/**
 * How a probe has ended. It counts if the circuit is still as it was for the process.
 *
 * ARGV: channel, process, version, 'ok' | 'closes' | 'failed', successThreshold, resetTimeoutMs, backoffFactor,
 * maxResetTimeoutMs, last failure
 */
const PROBED = `${BEGIN}
if not open or state.version ~= ARGV[3] then return reply() end
if ARGV[4] == 'failed' then
  state.reopened = state.reopened + 1
  state.passed = 0
  state.by = ARGV[2]
  state.reason = 'probe failed'
  if ARGV[9] ~= '' then state.last = ARGV[9] end
  local openFor = math.min(tonumber(ARGV[8]), tonumber(ARGV[6]) * tonumber(ARGV[7]) ^ state.reopened)
  state.due = now + openFor
  state.openFor = openFor
  turn(state, openFor + KEPT)
  return reply()
end
state.passed = state.passed + 1
if ARGV[4] == 'closes' or state.passed >= tonumber(ARGV[5]) then
  close(ARGV[2], 'probes succeeded')
else
  put(state, KEPT)
end
return reply()
`;

/** Tells a Redis that has lost the state what this process knows. ARGV: channel, state, milliseconds until it is due */
const RESTORE = `${BEGIN}
if state then return reply() end
local lost = cjson.decode(ARGV[2])
if ARGV[3] ~= '' then
  lost.openFor = tonumber(ARGV[3])
  lost.due = now + lost.openFor
  turn(lost, lost.openFor + KEPT)
else
  turn(lost)
end
return reply()
`;

export const CIRCUIT_SCRIPTS = {
  read: READ,
  report: REPORT,
  force: FORCE,
  take: TAKE,
  renew: RENEW,
  release: RELEASE,
  forget: FORGET,
  probed: PROBED,
  restore: RESTORE,
} as const;

/** Name of a script. */
export type CircuitScript = keyof typeof CIRCUIT_SCRIPTS;
