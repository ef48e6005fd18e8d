-- wrk's side of bench/reads.py. Arguments: FILE with one request target a
-- line; and, for another Referer in every request, how its hosts begin.
-- The last line of the output is JSON.

local requests, at, hosts, counter = {}, 0, nil, 0

function init(arguments)
   local file = assert(io.open(arguments[1], "r"))
   hosts = arguments[2]
   for target in file:lines() do
      requests[#requests + 1] = hosts and target or wrk.format("GET", target)
   end
   file:close()
end

function request()
   at = at % #requests + 1
   if not hosts then
      return requests[at]
   end
   counter = counter + 1
   wrk.headers["Referer"] = "https://" .. hosts .. counter .. ".example/"
   return wrk.format("GET", requests[at])
end

function done(summary, latency)
   local broken = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
   io.write(string.format('{"reads":%d,"seconds":%.6f,"refused":%d,"broken":%d,"p50_ms":%.4f,"p99_ms":%.4f}\n',
                          summary.requests, summary.duration / 1e6, summary.errors.status, broken,
                          latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
