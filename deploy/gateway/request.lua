-- TorchServe gets of a request's line and headers what is written here, and nothing else. It reads 4,096 bytes of
-- the one and 8,192 of the others, logs some of both, and takes predictions with some headers for other kinds of
-- requests.

local KEPT = {["content-length"] = true, ["transfer-encoding"] = true, ["x-request-id"] = true}
local LONGEST = 200 -- bytes of a Content-Type that tells how a body is packed

-- The value of the query's first `top_k`, else the header's.
local function asked(headers, query)
  return ("&" .. query):match("&top_k=([^&]*)") or headers:get("x-top-k")
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local path, query = (headers:get(":path") or ""):match("^([^?]*)%??(.*)$") -- CONNECT has none
  local content_type = headers:get("content-type")
  local top_k = asked(headers, query)
  local name = headers:get("x-clients-request-id")

  local others = {}
  for header in pairs(headers) do
    if header:sub(1, 1) ~= ":" and not KEPT[header] then
      others[header] = true
    end
  end
  for header in pairs(others) do
    headers:remove(header)
  end

  if name and #name <= 64 and name:find("^[%w._-]+$") then
    headers:replace("x-request-id", name)
  end
  headers:replace(":path", path:match("^(.+)/$") or path)
  -- TorchServe's own parsing drops some bodies and fails on others; the handler tells them apart.
  headers:add("content-type", "application/octet-stream")
  if content_type and #content_type <= LONGEST then
    headers:add("x-client-content-type", content_type)
  end
  if top_k then -- what is no number the handler refuses
    headers:add("x-top-k", #top_k <= 9 and top_k:find("^%d+$") and top_k or "invalid")
  end
end
