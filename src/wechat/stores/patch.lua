-- Write what a patch changes, if the version still stands; else give what is there.
--
-- KEYS[1]  the record: one hash. Its version is the field "v". A channel of the same name tells of wake-ups
-- ARGV     the version that must stand ("" for no record), the new version, when it expires (ms since 1970; "" for never),
--          whether those who wait are woken ("1"), how many names follow that are dropped, those names, then names and
--          values that are put
-- Gives    {1, time, 1 where nobody could be told}, or {0, time, names and values}
--
-- A patch made again finds its own version: its acknowledgement was lost. Then the version is written once more: a server that
-- is no master any more refuses that, and where replicas are waited for (WAIT), what they must have is behind it. A call takes some 8,000 arguments at most, so
-- what is many goes in slices. A script that fails keeps what it has written: whatever may be refused comes first, or is
-- no error (a user may lack the right to publish; then those who wait must look).

local SLICE = 4000

local key, stands, version = KEYS[1], ARGV[1], ARGV[2]
local there = redis.call('HGET', key, 'v') or ''
local time = redis.call('TIME')

if there == version then
  redis.call('HSET', key, 'v', version)
  return {1, time}
end
if there ~= stands then
  return {0, time, redis.call('HGETALL', key)}
end

local first = 6 + tonumber(ARGV[5])
for i = 6, first - 1, SLICE do
  redis.call('HDEL', key, unpack(ARGV, i, math.min(i + SLICE, first) - 1))
end
redis.call('HSET', key, 'v', version)
for i = first, #ARGV, SLICE do
  redis.call('HSET', key, unpack(ARGV, i, math.min(i + SLICE - 1, #ARGV)))
end
if ARGV[3] == '' then
  redis.call('PERSIST', key)
else
  redis.call('PEXPIREAT', key, ARGV[3])
end
if ARGV[4] == '1' then
  local told = redis.pcall('PUBLISH', key, version)
  if type(told) == 'table' and told.err then
    return {1, time, 1}
  end
end
return {1, time}
