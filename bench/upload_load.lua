-- wrk's side of bench/uploads.py: every request is another valid picture. Only
-- the density of the PNG changes, which nobody takes out, so that making it costs
-- wrk next to nothing.
-- Arguments: FRONT BACK FORM PATH TOKEN RUN; FORM is "form" or "put".

local bit = require("bit")
local crc_table = {}
for n = 0, 255 do
   local c = n
   for _ = 1, 8 do
      c = bit.band(c, 1) == 1 and bit.bxor(0xEDB88320, bit.rshift(c, 1)) or bit.rshift(c, 1)
   end
   crc_table[n] = c
end

local function crc(text, state)  -- PNG (Third Edition) annex D
   for at = 1, #text do
      state = bit.bxor(crc_table[bit.band(bit.bxor(state, text:byte(at)), 255)], bit.rshift(state, 8))
   end
   return state
end

local function number(value)
   return string.char(bit.band(bit.rshift(value, 24), 255), bit.band(bit.rshift(value, 16), 255),
                      bit.band(bit.rshift(value, 8), 255), bit.band(value, 255))
end

local function content(name)
   local file = assert(io.open(name, "rb"))
   local bytes = file:read("*a")
   file:close()
   return bytes
end

local begin, finish, density, density_state, path, is_form, count

function init(arguments)
   local front, back, form, token, run = content(arguments[1]), content(arguments[2]), arguments[3], arguments[5],
                                         arguments[6]
   path, is_form, count = arguments[4], form == "form", 0
   density = "pHYs" .. number(bit.band(tonumber(run:sub(1, 8), 16), 0x7FFFFFFF))  -- section 11.3.4.3
   density_state = crc(density, -1)
   local before = is_form and table.concat({
      '--b0b0b0b0\r\nContent-Disposition: form-data; name="file"; filename="picture.png"\r\n',
      "Content-Type: image/png\r\n\r\n"}) or ""
   local behind = is_form and "\r\n--b0b0b0b0--\r\n" or ""
   local length = #before + #front + 4 + #density + 5 + 4 + #back + #behind
   local headers = {
      "Host: " .. wrk.host .. ":" .. wrk.port, "Connection: close", "Content-Length: " .. length, "token: " .. token}
   if is_form then
      headers[#headers + 1] = "Content-Type: multipart/form-data; boundary=b0b0b0b0"
   end
   begin = " HTTP/1.1\r\n" .. table.concat(headers, "\r\n") .. "\r\n\r\n" .. before .. front ..
           number(#density - 4 + 5)
   finish = back .. behind
   run_name = run
end

function request()
   count = count + 1
   local turn = string.format("%08x", count)
   local rest = number(count) .. "\1"
   local target = is_form and "POST " .. path or "PUT /" .. turn:sub(7) .. "/" .. run_name .. turn .. ".png"
   return target .. begin .. density .. rest .. number(bit.bnot(crc(rest, density_state))) .. finish
end

function done(summary, latency)
   io.write(string.format(
      '{"uploads": %d, "seconds": %f, "refused": %d, "broken": %d, "p50_ms": %f, "p99_ms": %f}\n',
      summary.requests, summary.duration / 1e6, summary.errors.status,
      summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
      latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
