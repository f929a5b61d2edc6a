-- What replicas hold in common. One call of one replica, which happens whole or not at all.
--
-- KEYS[1] is the beginning of every key; ARGV[1] is the call, as JSON. Money is whole numbers written as text.
--   by        the process that calls, and `ledger` the records that it began with
--   lease_ms  how long a claim holds without being renewed
--   release   ids of claims that are over
--   spent     [account, carried or null, own, end in Unix seconds]: totals, so that saying them twice changes nothing
--   adjust    [bucket, per minute, most, amount]: taken whether it is there or not
--   renew     ids of claims that go on
--   claims    {id, force, places [name, most], buckets [name, per minute, most, amount], bounds [account, most], accounts, held}
-- It answers: one answer for each claim, the ids of `renew` that are not known, accounts, and levels of buckets.

local prefix, call = KEYS[1], cjson.decode(ARGV[1])
local LEASES, CLAIMS, PLACES = prefix .. 'leases', prefix .. 'claims', prefix .. 'places'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function whole(number)
  return string.format('%.0f', number)
end

local function add(key, field, amount)
  if amount ~= '0' then redis.call('HINCRBY', key, field, amount) end
end

local function take_back(key, field, amount)
  if amount ~= '0' then redis.call('HINCRBY', key, field, '-' .. amount) end
end

local function release(id)
  local packed = redis.call('HGET', CLAIMS, id)
  if not packed then return end
  redis.call('HDEL', CLAIMS, id)
  redis.call('ZREM', LEASES, id)
  local claim = cjson.decode(packed)
  for _, name in ipairs(claim.places) do
    if redis.call('HINCRBY', PLACES, name, -1) <= 0 then redis.call('HDEL', PLACES, name) end
  end
  for _, name in ipairs(claim.accounts) do
    if redis.call('EXISTS', prefix .. name) == 1 then
      take_back(prefix .. name, 'held', claim.held)
      take_back(prefix .. name, 'held:' .. claim.by, claim.held)
    end
  end
end

local function tell_spent(name, carried, own, ends)
  local key, field = prefix .. name, 'own:' .. call.by
  local before = redis.call('HGET', key, field) or '0'
  if before ~= own then
    redis.call('HSET', key, field, own)
    add(key, 'spent', own)
    take_back(key, 'spent', before)
  end
  -- The first to come after a Redis has lost what it knew brings what its records say.
  if carried ~= cjson.null and redis.call('HSETNX', key, 'carried:' .. call.ledger, carried) == 1 then
    add(key, 'spent', carried)
  end
  redis.call('EXPIREAT', key, whole(ends + 86400))
end

local function level(bucket)
  local found = redis.call('HMGET', prefix .. 'bucket:' .. bucket[1], 'level', 'at')
  if not found[1] then return bucket[3] end
  return math.min(bucket[3], found[1] + math.max(0, now - found[2]) * bucket[2] / 60000)
end

local function take(bucket)
  local key, left = prefix .. 'bucket:' .. bucket[1], math.min(bucket[3], level(bucket) - bucket[4])
  redis.call('HSET', key, 'level', string.format('%.6f', left), 'at', whole(now))
  redis.call('PEXPIRE', key, whole((bucket[3] - left) * 60000 / bucket[2] + 60000))
end

local function used(name)
  local found = redis.call('HMGET', prefix .. name, 'spent', 'held')
  return (found[1] or 0) + (found[2] or 0)
end

-- Why not: what kind of bound stands against a claim, its place in the claim, and the wait in milliseconds.
local function refusal(claim)
  for index, bound in ipairs(claim.bounds) do
    if used(bound[1]) + claim.held > tonumber(bound[2]) then return {'account', index, '0'} end
  end
  for index, place in ipairs(claim.places) do
    if tonumber(redis.call('HGET', PLACES, place[1]) or '0') >= place[2] then return {'place', index, '0'} end
  end
  for index, bucket in ipairs(claim.buckets) do
    local lacking = bucket[4] - level(bucket)
    if lacking > 0 then return {'bucket', index, whole(math.ceil(lacking * 60000 / bucket[2]))} end
  end
  return nil
end

local function grant(claim)
  release(claim.id)
  local places = {}
  for index, place in ipairs(claim.places) do
    places[index] = place[1]
    redis.call('HINCRBY', PLACES, place[1], 1)
  end
  for _, bucket in ipairs(claim.buckets) do take(bucket) end
  for _, name in ipairs(claim.accounts) do
    add(prefix .. name, 'held', claim.held)
    add(prefix .. name, 'held:' .. call.by, claim.held)
  end
  local kept = {by = call.by, places = places, accounts = claim.accounts, held = claim.held}
  redis.call('HSET', CLAIMS, claim.id, cjson.encode(kept))
  redis.call('ZADD', LEASES, whole(now + call.lease_ms), claim.id)
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', whole(now), 'LIMIT', 0, 200)) do release(id) end
for _, id in ipairs(call.release) do release(id) end
for _, one in ipairs(call.spent) do tell_spent(one[1], one[2], one[3], one[4]) end

for _, bucket in ipairs(call.adjust) do take(bucket) end

local unknown = {}
for _, id in ipairs(call.renew) do
  if redis.call('HEXISTS', CLAIMS, id) == 1 then
    redis.call('ZADD', LEASES, whole(now + call.lease_ms), id)
  else
    unknown[#unknown + 1] = id
  end
end

local answers, asked, levels = {}, {}, {}
for index, claim in ipairs(call.claims) do
  local why = not claim.force and refusal(claim)
  if not why then grant(claim) end
  answers[index] = why or {'granted', 0, '0'}
  for _, name in ipairs(claim.accounts) do asked[name] = true end
  for _, bound in ipairs(claim.bounds) do asked[bound[1]] = true end
  for _, bucket in ipairs(claim.buckets) do levels[bucket[1]] = bucket end
end
for _, one in ipairs(call.spent) do asked[one[1]] = true end

local accounts, left = {}, {}
for name in pairs(asked) do
  local found = redis.call('HMGET', prefix .. name, 'spent', 'held', 'held:' .. call.by)
  accounts[#accounts + 1] = {name, found[1] or '0', found[2] or '0', found[3] or '0'}
end
for name, bucket in pairs(levels) do left[#left + 1] = {name, string.format('%.6f', level(bucket))} end
return {answers, unknown, accounts, left}
