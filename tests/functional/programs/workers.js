// SPDX-License-Identifier: Apache-2.0
// Threads of node: each computes for itself, all add to one counter; the results must agree.
"use strict";

const {Worker, isMainThread, workerData, parentPort} = require("worker_threads");

function work(n) {
    const map = new Map();
    let hash = 7n, sum = 0;
    for (let i = 0; i < n; i++) {
        map.set("key" + i % 1000, [i, i * 0.5]);
        sum = (sum * 31 + (map.get("key" + (i * 7) % 1000) || [0])[0]) % 1000000007;
        if (i % 1000 === 0) {
            hash = (hash * 6364136223846793005n + BigInt(sum)) & 0xffffffffffffffffn;
        }
    }
    return `${sum} ${hash}`;
}

if (isMainThread) {
    const count = Number(process.argv[2]), shared = new SharedArrayBuffer(8), results = [];
    for (let i = 0; i < count; i++) {
        const worker = new Worker(__filename, {workerData: shared});
        worker.on("message", (m) => results.push(m));
        worker.on("error", (e) => { throw e; });
    }
    process.on("exit", (status) => {
        const cell = new Int32Array(shared);
        if (status === 0 && (results.length !== count || cell[0] !== count * 100000 || new Set(results).size !== 1)) {
            console.error(results, cell);
            process.exitCode = 1;
        }
        console.log(results[0], cell[0]);
    });
} else {
    const cell = new Int32Array(workerData);
    const result = work(200000);
    for (let i = 0; i < 100000; i++) {
        if (i % 2) {
            Atomics.add(cell, 0, 1);
        } else {
            for (;;) {
                const old = Atomics.load(cell, 0);
                if (Atomics.compareExchange(cell, 0, old, old + 1) === old) {
                    break;
                }
            }
        }
    }
    parentPort.postMessage(result);
}
