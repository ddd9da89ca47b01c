-- SPDX-License-Identifier: Apache-2.0
-- A benchmark of Lua: tables, closures, strings, integers, floats.

local function fib(n)
    if n < 2 then return n end
    return fib(n - 1) + fib(n - 2)
end

local function sieve(n)
    local composite, sum = {}, 0
    for i = 2, n do
        if not composite[i] then
            sum = sum + i
            for k = i * i, n, i do composite[k] = true end
        end
    end
    return sum
end

local function text(n)
    local parts, state = {}, 42
    for i = 1, n do
        state = (state * 1103515245 + 12345) & 0x7fffffff
        parts[#parts + 1] = string.format("%x:%s", state, string.rep("ab", state >> 8 & 3))
    end
    local joined = table.concat(parts, ",")
    local count = 0
    for hex in joined:gmatch("(%x+):abab") do count = count + #hex end
    return #joined + count
end

local function mandelbrot(size)
    local total = 0
    for y = 1, size do
        for x = 1, size do
            local cr, ci, zr, zi, n = 3 * x / size - 2, 2 * y / size - 1, 0.0, 0.0, 0
            while n < 50 and zr * zr + zi * zi < 4 do
                zr, zi, n = zr * zr - zi * zi + cr, 2 * zr * zi + ci, n + 1
            end
            total = total + n
        end
    end
    return total
end

local function objects(n)
    local meta = {}
    meta.__index = meta
    function meta:add(k) self.sum = self.sum + k; return self end
    local list = {}
    for i = 1, n do list[i] = setmetatable({sum = i * 7919 % 1009}, meta) end
    for i = 1, n do list[i]:add(i):add(1) end
    table.sort(list, function(a, b) return a.sum < b.sum end)
    return list[n // 2].sum
end

for turn = 1, tonumber(arg[1]) do
    print(fib(17), sieve(5000 + turn), text(500), mandelbrot(24), objects(500))
end
