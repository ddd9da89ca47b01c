// SPDX-License-Identifier: Apache-2.0
// Computing in JavaScript with results that are known: numbers, strings, arrays, objects, closures,
// exceptions. In the language of 2009, for small engines; an engine that compiles does so several
// times here, as types change. A line before this file, or an argument, says how often: var turns = 1;
"use strict";

var many = typeof turns === "undefined" ? Number(process.argv[2] || 1) : turns;
var say = typeof print === "function" ? print : console.log;

function check(name, got, wanted) {
    if (got !== wanted) {
        throw new Error(name + ": " + got + ", not " + wanted);
    }
}

function primes(n) {
    var sieve = [], count = 0, i, j;
    for (i = 2; i <= n; i++) {
        if (!sieve[i]) {
            count++;
            for (j = i * 2; j <= n; j += i) {
                sieve[j] = true;
            }
        }
    }
    return count;
}

function fib(n) {
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

function queens(n, row, columns, left, right) {
    var count = 0, free = ~(columns | left | right) & ((1 << n) - 1), bit;
    if (row === n) {
        return 1;
    }
    while (free) {
        bit = free & -free;
        free ^= bit;
        count += queens(n, row + 1, columns | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return count;
}

function crc32(text) {
    var crc = -1, i, k;
    for (i = 0; i < text.length; i++) {
        crc ^= text.charCodeAt(i);
        for (k = 0; k < 8; k++) {
            crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
        }
    }
    return (crc ^ -1) >>> 0;
}

// Digits of pi by a spigot: divisions of numbers, some beyond 31 bits
function pi(digits) {
    var length = Math.floor(digits * 10 / 3) + 1, a = [], out = "", nines = 0, held = -1, i, j, q, x;
    for (i = 0; i < length; i++) {
        a[i] = 2;
    }
    for (j = 0; j < digits + 2; j++) {
        q = 0;
        for (i = length - 1; i >= 0; i--) {
            x = 10 * a[i] + q * (i + 1);
            a[i] = i ? x % (2 * i + 1) : x % 10;
            q = i ? Math.floor(x / (2 * i + 1)) : Math.floor(x / 10);
        }
        if (q === 9) {
            nines++;
        } else if (q === 10) {
            out += held + 1;
            for (; nines; nines--) {
                out += "0";
            }
            held = 0;
        } else {
            if (held >= 0) {
                out += held;
            }
            for (; nines; nines--) {
                out += "9";
            }
            held = q;
        }
    }
    return out.slice(0, digits);
}

function Body(x, y, vx, vy, mass) {
    this.x = x;
    this.y = y;
    this.vx = vx;
    this.vy = vy;
    this.mass = mass;
}

function energy(bodies) {
    var e = 0, i, j, a, b;
    for (i = 0; i < bodies.length; i++) {
        a = bodies[i];
        e += 0.5 * a.mass * (a.vx * a.vx + a.vy * a.vy);
        for (j = i + 1; j < bodies.length; j++) {
            b = bodies[j];
            e -= a.mass * b.mass / Math.sqrt((a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y));
        }
    }
    return e;
}

// Two bodies around each other: energy stays nearly what it was
function orbit(steps) {
    var bodies = [new Body(0, 0, 0, 0, 1), new Body(1, 0, 0, 1, 1e-3)], before = energy(bodies), i, a, b, dx, dy, f;
    for (i = 0; i < steps; i++) {
        a = bodies[0];
        b = bodies[1];
        dx = b.x - a.x;
        dy = b.y - a.y;
        f = 1e-3 / Math.pow(dx * dx + dy * dy, 1.5);
        a.vx += dx * f * b.mass;
        a.vy += dy * f * b.mass;
        b.vx -= dx * f * a.mass;
        b.vy -= dy * f * a.mass;
        a.x += a.vx * 1e-3;
        a.y += a.vy * 1e-3;
        b.x += b.vx * 1e-3;
        b.y += b.vy * 1e-3;
    }
    return Math.abs((energy(bodies) - before) / before) < 1e-3;
}

function sorted(n) {
    var seed = 42, list = [], i;
    for (i = 0; i < n; i++) {
        seed = (seed * 16807) % 2147483647;
        list.push({key: seed, text: "k" + seed % 1000});
    }
    list.sort(function (a, b) { return a.key - b.key; });
    for (i = 1; i < n; i++) {
        if (list[i - 1].key > list[i].key) {
            return "not sorted";
        }
    }
    return list[0].key + " " + list[n - 1].key;
}

function words(n) {
    var count = {}, text = "", i, total = 0, word;
    for (i = 0; i < n; i++) {
        text += (i * i % 97).toString(36) + (i % 7 ? " " : "\n");
    }
    text.split(/\s+/).forEach(function (w) { count[w] = (count[w] || 0) + 1; });
    for (word in count) {
        total += count[word] * word.length;
    }
    return Object.keys(count).length + " " + total + " " + text.replace(/[0-9]+/g, "#").length;
}

// The same function with integers, doubles, strings, and something that throws
function add(a, b) {
    return a + b;
}

function types(n) {
    var sum = 0, text = "", thrown = 0, i;
    for (i = 0; i < n; i++) {
        sum = add(sum, i);
    }
    for (i = 0; i < n; i++) {
        sum = add(sum, 0.25);
    }
    for (i = 0; i < n; i++) {
        text = add(text, i % 10).slice(-9);
        try {
            if (i % 3 === 0) {
                add(null, undefined).property.missing();
            }
        } catch (e) {
            thrown++;
        }
    }
    return sum + " " + text + " " + thrown;
}

function turn() {
    var i;
    check("primes", primes(30000), 3245);
    check("fib", fib(20), 6765);
    check("queens", queens(7, 0, 0, 0, 0), 40);
    check("queens", queens(8, 0, 0, 0, 0), 92);
    check("crc32", crc32("123456789"), 0xcbf43926);
    check("pi", pi(60), "314159265358979323846264338327950288419716939937510582097494");
    check("orbit", orbit(7000), true);
    check("types", types(3000), "4499250 123456789 1000");
    check("overflow", [2147483647 + 1, -2147483648 - 1, 65535 * 65537 | 0, 1 << 31, -1 >>> 0].join(),
          "2147483648,-2147483649,-1,-2147483648,4294967295");
    check("numbers", [1 / 3, 1e21 + 1, -0 === 0, 5e-324 / 2, -7 % 3, 7.5 % 2].join(),
          "0.3333333333333333,1e+21,true,0,-1,1.5");
    for (i = 0; i < 200; i++) {
        check("parse", JSON.parse(JSON.stringify({a: [i, i / 8, "x" + i]})).a[1], i / 8);
        check("trip", Math.abs(parseFloat(String(Math.sqrt(i + 2))) - Math.sqrt(i + 2)) < 1e-13, true);
    }
    return sorted(2000) + " " + words(3000);
}

(function () {
    var first = turn(), i;
    for (i = 1; i < many; i++) {
        check("again", turn(), first);
    }
    say(first);
})();
