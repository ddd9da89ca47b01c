-- SPDX-License-Identifier: Apache-2.0
-- Lua with results that are known: integers that wrap, floats, strings, coroutines, garbage.
local function check(name, got, wanted)
    if got ~= wanted then
        error(string.format("%s: %s, not %s", name, got, wanted))
    end
end

check("wrap", math.maxinteger + 1, math.mininteger)
check("product", 0x7fffffffffffffff * 3, 0x7ffffffffffffffd)
check("division", -7 // 2, -4)
check("remainder", -7 % 3, 2)
check("float", 7.5 // 2, 3.0)
check("shift", 1 << 63 >> 63, 1)
check("compare", 9007199254740993 < 9007199254740992.0, false)
check("format", string.format("%.17g %a %5.2f", 0.1, 1.0, 2 / 3), "0.10000000000000001 0x1p+0  0.67")
check("pack", (string.pack(">I4 <d z", 7, 1.5, "a"):gsub(".", function(c)
    return string.format("%02x", c:byte())
end)), "00000007000000000000f83f6100")

local function gcd(a, b)
    return b == 0 and a or gcd(b, a % b)
end
local coprime = 0
for i = 1, 200 do
    for j = 1, 200 do
        coprime = coprime + (gcd(i, j) == 1 and 1 or 0)
    end
end
check("coprime", coprime, 24463)

local producer = coroutine.wrap(function()
    for i = 1, 50000 do
        coroutine.yield(i)
    end
end)
local sum = 0
for _ = 1, 50000 do
    sum = sum + producer()
end
check("coroutine", sum, 1250025000)

local weak = setmetatable({}, {__mode = "v"})
for i = 1, 100000 do
    weak[i % 100 + 1] = {i, tostring(i)}
end
collectgarbage()
check("garbage", next(weak), nil)

local list = {}
for i = 1, 20000 do
    list[i] = (i * 7919) % 20011
end
table.sort(list)
for i = 2, #list do
    assert(list[i - 1] < list[i])
end
local parts = {}
for i = 1, 5000 do
    parts[#parts + 1] = ("%d:%s"):format(i, ("x"):rep(i % 5)):upper():reverse()
end
local text = table.concat(parts, ",")
local caught = 0
for _ = 1, 1000 do
    caught = caught + (pcall(function() return nil + 1 end) and 0 or 1)
end
check("errors", caught, 1000)
print(#text, select(2, text:gsub("X+", "")), math.sin(1) // 1e-9)
