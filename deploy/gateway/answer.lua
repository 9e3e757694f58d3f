-- TorchServe's own errors reach nobody: the route's words replace them. X-Error is the gateway's mark of these
-- (deploy/gateway/envoy.yaml, 7).

local STATUS = {not_found = "404", unavailable = "503"}

function envoy_on_response(handle)
  local mark = handle:headers():get("x-error")
  if not mark then
    return
  end
  local words = handle:metadata():get(mark)
  handle:body(true):setBytes(words) -- waits for all of it
  local headers = handle:headers()
  headers:remove("x-error")
  headers:replace(":status", STATUS[mark])
  headers:replace("content-type", "application/json")
  headers:replace("content-length", tostring(#words))
  if mark == "unavailable" then
    headers:replace("retry-after", "2")
  end
end
