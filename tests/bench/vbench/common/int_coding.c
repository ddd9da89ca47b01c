/* SPDX-License-Identifier: Apache-2.0 */
/* Benchmarks of integer code as programs have it: a hash, a compressor, a hash table, strings. */
#include "tests/bench/vbench/vbench.h"

/* ---- SHA-256 (FIPS 180-4) ---- */

static const uint32_t sha_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t ror(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static void sha_block(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[64], s[8];

    for (int i = 0; i < 16; i++) {
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    }
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];

        w[i] = w[i - 16] + w[i - 7] + (ror(a, 7) ^ ror(a, 18) ^ a >> 3) +
               (ror(b, 17) ^ ror(b, 19) ^ b >> 10);
    }
    for (int i = 0; i < 8; i++) {
        s[i] = state[i];
    }
    for (int i = 0; i < 64; i++) {
        uint32_t a = s[0], e = s[4];
        uint32_t t1 = s[7] + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + ((e & s[5]) ^ (~e & s[6])) +
                      sha_k[i] + w[i];
        uint32_t t2 =
            (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));

        for (int k = 7; k; k--) {
            s[k] = s[k - 1];
        }
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) {
        state[i] += s[i];
    }
}

static uint64_t sha256(unsigned long work)
{
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint8_t block[64];

    for (int i = 0; i < 64; i++) {
        block[i] = (uint8_t)(i * 5 + 1);
    }
    while (work--) {
        sha_block(state, block);
        block[work & 63] = (uint8_t)state[0];
    }
    return mix_bytes(0, state, sizeof(state));
}
BENCH(sha256, "int/sha256", .work = 200000);

/* ---- compression: repeats by a hash of three bytes ---- */

static void fill_text(uint8_t *text, int size, uint32_t seed)
{
    for (int i = 0; i < size;) {
        uint32_t word = rnd(&seed) >> 7 & 0xff, length = 2 + (word & 7);

        word *= word;
        for (uint32_t k = 0; k < length && i < size; k++) {
            text[i++] = (uint8_t)('a' + ((word >> k) + k * 5) % 26);
        }
        if (i < size) {
            text[i++] = ' ';
        }
    }
}

static int compress(const uint8_t *in, int size, uint8_t *out)
{
    static int last[4096];
    int used = 0;

    for (int i = 0; i < 4096; i++) {
        last[i] = -1;
    }
    for (int i = 0; i < size;) {
        int length = 0, from = -1;

        if (i + 3 < size) {
            uint32_t hash = (in[i] | (uint32_t)in[i + 1] << 8 | (uint32_t)in[i + 2] << 16);

            hash = hash * 2654435761u >> 20;
            from = last[hash];
            last[hash] = i;
        }
        while (from >= 0 && i + length < size && length < 255 &&
               in[from + length] == in[i + length]) {
            length++;
        }
        if (length > 3) {
            out[used++] = 0xff;
            out[used++] = (uint8_t)length;
            out[used++] = (uint8_t)(i - from);
            out[used++] = (uint8_t)((i - from) >> 8);
            i += length;
        } else {
            out[used++] = in[i++];
        }
    }
    return used;
}

static int expand(const uint8_t *in, int size, uint8_t *out)
{
    int used = 0;

    for (int i = 0; i < size;) {
        if (in[i] != 0xff) {
            out[used++] = in[i++];
            continue;
        }
        const uint8_t *from = out + used - (in[i + 2] | in[i + 3] << 8);

        for (int k = in [i + 1]; k; k--) {
            out[used++] = *from++;
        }
        i += 4;
    }
    return used;
}

static uint64_t lz(unsigned long work)
{
    enum { N = 32768 };
    uint8_t *text = scratch, *packed = text + N, *back = packed + 2 * N;
    uint64_t sum = 0;

    while (work--) {
        fill_text(text, N, 1 + (uint32_t)(work & 15));
        int size = compress(text, N, packed);
        int length = expand(packed, size, back);

        sum = mix(mix(sum, (uint32_t)size), back[length - 1] + (uint32_t)length);
    }
    return sum;
}
BENCH(lz, "int/lz", .work = 680);

/* Words counted in a hash table with chains */
static uint64_t hash_table(unsigned long work)
{
    enum { N = 16384, BUCKETS = 512 };
    struct entry {
        int32_t next;
        uint16_t start, length;
        uint32_t count;
    } *entries = (struct entry *)(scratch + N);
    static int32_t buckets[BUCKETS];
    uint64_t sum = 0;

    fill_text(scratch, N, 4242);
    while (work--) {
        int32_t used = 0;

        for (int i = 0; i < BUCKETS; i++) {
            buckets[i] = -1;
        }
        for (int i = 0, start = 0; i < N; i++) {
            if (scratch[i] != ' ') {
                continue;
            }
            uint32_t hash = 5381, length = (uint32_t)(i - start);

            for (int k = start; k < i; k++) {
                hash = hash * 33 ^ scratch[k];
            }
            int32_t *at = &buckets[hash % BUCKETS];
            for (; *at >= 0; at = &entries[*at].next) {
                const struct entry *e = &entries[*at];
                uint32_t k = 0;

                while (k < length && e->length == length &&
                       scratch[e->start + k] == scratch[start + (int)k]) {
                    k++;
                }
                if (k == length && e->length == length) {
                    break;
                }
            }
            if (*at < 0) {
                *at = used++;
                entries[*at] = (struct entry){-1, (uint16_t)start, (uint16_t)length, 0};
            }
            entries[*at].count++;
            start = i + 1;
        }
        sum = mix(mix(sum, (uint32_t)used), entries[0].count);
    }
    return sum;
}
BENCH(hash_table, "int/hash-table", .work = 2700);

/* Numbers to text and back, 16-bit and 8-bit arithmetic among it */
static uint64_t numbers(unsigned long work)
{
    uint32_t seed = 8;
    uint64_t sum = 0;

    while (work--) {
        uint32_t total = 0;
        uint16_t check = 1;
        uint8_t parity = 0;

        for (int i = 0; i < 100; i++) {
            char text[12];
            int at = 12;
            uint32_t n = rnd(&seed), back = 0;

            do {
                text[--at] = (char)('0' + n % 10);
                n /= 10;
            } while (n);
            while (at < 12) {
                back = back * 10 + (uint32_t)(text[at] - '0');
                check = (uint16_t)(check * 31 + text[at]);
                parity = (uint8_t)(parity << 1 | parity >> 7) ^ (uint8_t)text[at++];
            }
            total += back;
        }
        sum = mix(mix(sum, total), (uint32_t)(check << 8 | parity));
    }
    return sum;
}
BENCH(numbers, "int/numbers", .work = 50000);
