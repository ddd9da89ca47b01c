// SPDX-License-Identifier: Apache-2.0
// A benchmark of JavaScript engines, in the language of 2009, which all of them know: objects,
// closures, strings, typed arrays, numbers. The engine compiles what runs often while it runs.
// A line before this file says how often: var turns_wanted = 1;
"use strict";

function random(state) {
    return function () {
        state = (state * 16807) % 2147483647;
        return state;
    };
}

function Vector(x, y, z) {
    this.x = x;
    this.y = y;
    this.z = z;
}

Vector.prototype.add = function (v) {
    return new Vector(this.x + v.x, this.y + v.y, this.z + v.z);
};

Vector.prototype.cross = function (v) {
    return new Vector(this.y * v.z - this.z * v.y, this.z * v.x - this.x * v.z,
                      this.x * v.y - this.y * v.x);
};

function vectors(n) {
    var sum = new Vector(1, 2, 3), i, v;
    for (i = 0; i < n; i++) {
        v = new Vector(i % 7, i % 5 - 2, i % 3);
        sum = sum.add(v.cross(sum));
        if (Math.abs(sum.x) + Math.abs(sum.y) + Math.abs(sum.z) > 1e6) {
            sum = new Vector(sum.x % 1000, sum.y % 1000, sum.z % 1000);
        }
    }
    return Math.round(sum.x + sum.y + sum.z);
}

function Node(key) {
    this.key = key;
    this.left = this.right = null;
}

function tree(n) {
    var next = random(17), root = new Node(next()), depth = 0, i, key, at, side;
    for (i = 0; i < n; i++) {
        key = next();
        at = root;
        for (;;) {
            side = key < at.key ? "left" : "right";
            depth++;
            if (at[side] === null) {
                at[side] = new Node(key);
                break;
            }
            at = at[side];
        }
    }
    return depth;
}

function strings(n) {
    var next = random(5), words = {}, list = [], i, w;
    for (i = 0; i < n; i++) {
        w = "w" + (next() % 300).toString(36);
        words[w] = (words[w] || 0) + 1;
        list.push(w.toUpperCase().replace(/[AEIOU]/g, "-"));
    }
    list.sort();
    return Object.keys(words).length + ":" + list.join("").length + list[n >> 1];
}

function sieve(n) {
    var table = new Uint8Array(n), count = 0, i, k;
    for (i = 2; i < n; i++) {
        if (!table[i]) {
            count++;
            for (k = i * 2; k < n; k += i) {
                table[k] = 1;
            }
        }
    }
    return count;
}

function fib(n) {
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

function matrix(n) {
    var a = new Float64Array(n * n), c = new Float64Array(n * n), i, j, k, dot;
    for (i = 0; i < n * n; i++) {
        a[i] = (i * 7 % 11) / 8;
    }
    for (i = 0; i < n; i++) {
        for (j = 0; j < n; j++) {
            dot = 0;
            for (k = 0; k < n; k++) {
                dot += a[i * n + k] * a[k * n + j];
            }
            c[i * n + j] = dot;
        }
    }
    return c[n + 1] + c[n * n - 1];
}

// Functions made from text: all of it is compiled anew.
function made(n) {
    var sum = 0, i;
    for (i = 0; i < n; i++) {
        sum += new Function("a", "b", "return a * " + i + " + b % " + (i + 3) + ";")(i, 1000 + i);
    }
    return sum;
}

function main(turns) {
    var print_line = typeof console === "object" ? function (s) { console.log(s); } : print, turn;
    for (turn = 0; turn < turns; turn++) {
        print_line([vectors(5000), tree(500), strings(500), sieve(20000), fib(16), matrix(24),
                    made(50)].join(" "));
    }
}

main(turns_wanted);
