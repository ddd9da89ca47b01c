// SPDX-License-Identifier: Apache-2.0
// WebAssembly in node: a module of bytes with a recursive function and a loop over memory, compiled
// twice (as it comes, and again once it runs often), and new modules all the time.
"use strict";

const I32 = 0x7f, F64 = 0x7c;
const section = (id, bytes) => [id, bytes.length, ...bytes];

// fac(n: f64): f64, recursive; sum(n: i32): i32, of n words that it first writes; plus(a, b) + K
function moduleOf(k) {
    const fac = [0, 0x20, 0, 0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x63, 0x04, F64, // local.get 0, f64.const 1, lt, if
        0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x05, // 1 else
        0x20, 0, 0x20, 0, 0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0xa1, 0x10, 0, 0xa2, 0x0b, 0x0b]; // n * fac(n - 1)
    const sum = [1, 2, I32, // locals: i (1), s (2)
        0x03, 0x40, // loop
        0x20, 1, 0x41, 2, 0x74, 0x20, 1, 0x20, 1, 0x6c, 0x36, 2, 0, // memory[i << 2] = i * i
        0x20, 2, 0x20, 1, 0x41, 2, 0x74, 0x28, 2, 0, 0x6a, 0x21, 2, // s += memory[i << 2]
        0x20, 1, 0x41, 1, 0x6a, 0x22, 1, 0x20, 0, 0x48, 0x0d, 0, 0x0b, // while (++i < n)
        0x20, 2, 0x0b];
    const plus = [0, 0x20, 0, 0x20, 1, 0x6a, 0x41, k & 63, 0x6a, 0x0b];
    const text = (s) => [s.length, ...Buffer.from(s)];
    return new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
        ...section(1, [3, 0x60, 1, F64, 1, F64, 0x60, 1, I32, 1, I32, 0x60, 2, I32, I32, 1, I32]),
        ...section(3, [3, 0, 1, 2]), ...section(5, [1, 0, 1]),
        ...section(7, [3, ...text("fac"), 0, 0, ...text("sum"), 0, 1, ...text("plus"), 0, 2]),
        ...section(10, [3, fac.length, ...fac, sum.length, ...sum, plus.length, ...plus])]);
}

function check(name, got, wanted) {
    if (got !== wanted) {
        throw new Error(`${name}: ${got}, not ${wanted}`);
    }
}

for (let k = 0; k < 40; k++) {
    const {fac, sum, plus} = new WebAssembly.Instance(new WebAssembly.Module(moduleOf(k))).exports;
    for (let i = 0; i < 300; i++) {
        check("fac", fac(20), 2432902008176640000);
        check("sum", sum(1000), 332833500);
        check("plus", plus(i, -7), i - 7 + (k & 63));
    }
}
let threw = false;
try {
    new WebAssembly.Instance(new WebAssembly.Module(moduleOf(0))).exports.sum(20000);
} catch (e) {
    threw = e instanceof WebAssembly.RuntimeError; // beyond its memory: by a page fault
}
check("bounds", threw, true);
console.log("ok");
