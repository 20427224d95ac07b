-- For wrk: sends the requests that stand in a file, each once and in their order, and tells what came of it as a line of JSON.
--
--     wrk -t1 -c64 -d4s -s push.lua http://127.0.0.1:8000/wechat -- FILE
--
-- A request in the file is a line with its length, then itself. With EVERY=40 each connection waits 40 ms on average before
-- each of its requests. With ENDING=text it is counted how many replies hold that text. With WARM=64 so many requests for nothing come
-- first: a server that accepts some connections late would hear what a user says second before what that one said first.

local requests, at, threads = {}, 0, {}
local ending = os.getenv("ENDING")
local every = tonumber(os.getenv("EVERY"))
local warm = tonumber(os.getenv("WARM") or 0)
local nothing = "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
beyond, endings = 0, 0 -- global: `done` asks for them, in another state

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  math.randomseed(1)
  local file = assert(io.open(args[1], "rb"))
  for line in file:lines() do
    requests[#requests + 1] = file:read(tonumber(line))
  end
  file:close()
end

local looked = false -- wrk asks for one request that it never sends, to see whether it is one

function request()
  if not looked then
    looked = true
    return requests[1]
  end
  if warm > 0 then
    warm = warm - 1
    return nothing
  end
  at = at + 1
  if at > #requests then
    beyond = beyond + 1
    return nothing
  end
  return requests[at]
end

if every then
  function delay()
    return math.random() * 2 * every
  end
end

if ending then
  function response(status, headers, body)
    if body:find(ending, 1, true) then
      endings = endings + 1
    end
  end
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "seconds": %f, "broken": %d, "refused": %d, "p50": %f, "p99": %f, "beyond": %d, "endings": %d}',
    summary.requests, summary.duration / 1e6, errors.connect + errors.read + errors.write + errors.timeout, errors.status,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, threads[1]:get("beyond"), threads[1]:get("endings")
  ))
end
