-- wrk's side of load.py: wrk -s pictures.lua URL -- raw|form HEADER FILE...
-- HEADER is one more header, "Name: value", or empty.
-- Each connection sends the files one after the other, each thread from another one on. The whole
-- requests are made beforehand, so that wrk takes little from the cores it measures.

local requests = {}
local threads = {}
local next_one = 0

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(args)
  local form = args[1] == "form"
  local headers = { ["Content-Type"] = "application/octet-stream" }
  local before, after = "", ""
  if form then
    headers["Content-Type"] = "multipart/form-data; boundary=frontier"
    before = '--frontier\r\nContent-Disposition: form-data; name="data"; filename="a.jpg"\r\n\r\n'
    after = "\r\n--frontier--\r\n"
  end
  local name, value = args[2]:match("^(.-): *(.*)$")
  if name then
    headers[name] = value
  end
  for i = 3, #args do
    local file = assert(io.open(args[i], "rb"))
    local body = before .. file:read("*a") .. after
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
    file:close()
  end
  next_one = number * 17
end

function request()
  next_one = next_one + 1
  return requests[next_one % #requests + 1]
end

function done(summary, latency, _)
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  local form = '{"seconds": %f, "answers": %d, "refused": %d, "broken": %d, '
    .. '"p50": %f, "p95": %f, "p99": %f, "max": %f}\n'
  io.write(form:format(
    summary.duration / 1e6, summary.requests, errors.status, broken,
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3,
    latency:percentile(99) / 1e3, latency.max / 1e3
  ))
end
