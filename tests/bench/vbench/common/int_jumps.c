/* SPDX-License-Identifier: Apache-2.0 */
/* Benchmarks of indirect jumps and branches: interpreters, state machines, trees, heaps. */
#include "tests/bench/vbench/vbench.h"

/* A small stack machine, as bytes: operation, then its operands */
enum op { OP_PUSH, OP_ADD, OP_MUL, OP_XOR, OP_DUP, OP_LOAD, OP_STORE, OP_DEC, OP_JNZ, OP_END };

static const uint8_t machine_program[] = {
    OP_PUSH, 200,      OP_STORE, 0,      /* v0 = 200 */
    OP_PUSH, 7,        OP_STORE, 1,      /* v1 = 7 */
    OP_LOAD, 1,        OP_PUSH,  31,     /* 8: */
    OP_MUL,  OP_LOAD,  0,        OP_ADD, /* v1 * 31 + v0 */
    OP_DUP,  OP_PUSH,  90,       OP_XOR, /* and the same ^ 90 */
    OP_ADD,  OP_STORE, 1,                /* their sum into v1 */
    OP_LOAD, 0,        OP_DEC,           /* v0 - 1 */
    OP_DUP,  OP_STORE, 0,                /* into v0 */
    OP_JNZ,  8,                          /* while that is not 0 */
    OP_END,
};

/* By switch: one indirect jump for all operations */
static NOINLINE uint32_t machine_switch(const uint8_t *program)
{
    uint32_t stack[16], *sp = stack, vars[2] = {0, 0};
    const uint8_t *ip = program;

    for (;;) {
        switch ((enum op) * ip++) {
        case OP_PUSH:
            *sp++ = *ip++;
            break;
        case OP_ADD:
            sp--;
            sp[-1] += sp[0];
            break;
        case OP_MUL:
            sp--;
            sp[-1] *= sp[0];
            break;
        case OP_XOR:
            sp--;
            sp[-1] ^= sp[0];
            break;
        case OP_DUP:
            sp[0] = sp[-1];
            sp++;
            break;
        case OP_LOAD:
            *sp++ = vars[*ip++];
            break;
        case OP_STORE:
            vars[*ip++] = *--sp;
            break;
        case OP_DEC:
            sp[-1]--;
            break;
        case OP_JNZ:
            ip = *--sp ? program + *ip : ip + 1;
            break;
        case OP_END:
            return vars[1];
        }
    }
}

/* By labels: an indirect jump behind each operation */
static NOINLINE uint32_t machine_threaded(const uint8_t *program)
{
    static const void *const labels[] = {&&push, &&add,   &&mul, &&xor, &&dup,
                                         &&load, &&store, &&dec, &&jnz, &&end};
    uint32_t stack[16], *sp = stack, vars[2] = {0, 0};
    const uint8_t *ip = program;

    goto *labels[*ip++];
push:
    *sp++ = *ip++;
    goto *labels[*ip++];
add:
    sp--;
    sp[-1] += sp[0];
    goto *labels[*ip++];
mul:
    sp--;
    sp[-1] *= sp[0];
    goto *labels[*ip++];
    xor : sp--;
    sp[-1] ^= sp[0];
    goto *labels[*ip++];
dup:
    sp[0] = sp[-1];
    sp++;
    goto *labels[*ip++];
load:
    *sp++ = vars[*ip++];
    goto *labels[*ip++];
store:
    vars[*ip++] = *--sp;
    goto *labels[*ip++];
dec:
    sp[-1]--;
    goto *labels[*ip++];
jnz:
    ip = *--sp ? program + *ip : ip + 1;
    goto *labels[*ip++];
end:
    return vars[1];
}

static uint64_t jumps_switch(unsigned long work)
{
    uint64_t sum = 0;

    while (work--) {
        sum = mix(sum, machine_switch(machine_program));
    }
    return sum;
}
BENCH(jumps_switch, "int/switch", .work = 22000);

static uint64_t jumps_threaded(unsigned long work)
{
    uint64_t sum = 0;

    while (work--) {
        sum = mix(sum, machine_threaded(machine_program));
    }
    return sum;
}
BENCH(jumps_threaded, "int/threaded", .work = 20000);

/* A scanner of words, numbers and strings */
static uint64_t scanner(unsigned long work)
{
    enum { N = 8192 };
    static const char letters[] = "abc_xyz 019  \"(+){;}\n\"q-e.";
    enum { BETWEEN, WORD, NUMBER, STRING } state = BETWEEN;
    uint32_t seed = 17, counts[4] = {0};

    for (int i = 0; i < N; i++) {
        scratch[i] = (uint8_t)letters[(rnd(&seed) >> 8) % (sizeof(letters) - 1)];
    }
    while (work--) {
        for (int i = 0; i < N; i++) {
            char c = (char)scratch[i];

            switch (state) {
            case BETWEEN:
                state = c == '"'                             ? STRING
                        : c >= '0' && c <= '9'               ? NUMBER
                        : (c >= 'a' && c <= 'z') || c == '_' ? WORD
                                                             : BETWEEN;
                counts[state]++;
                break;
            case WORD:
                if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_') {
                    state = BETWEEN;
                }
                break;
            case NUMBER:
                if ((c < '0' || c > '9') && c != '.') {
                    state = BETWEEN;
                }
                break;
            case STRING:
                if (c == '"') {
                    state = BETWEEN;
                }
                break;
            }
        }
    }
    return mix_bytes(0, counts, sizeof(counts));
}
BENCH(scanner, "int/scanner", .work = 17000);

struct node {
    struct node *left, *right;
    uint32_t key, count;
};

/* A binary tree: built and searched */
static uint64_t tree(unsigned long work)
{
    enum { N = 2048 };
    struct node *nodes = (struct node *)scratch;
    uint32_t seed = 3;
    uint64_t sum = 0;

    while (work--) {
        struct node *root = NULL;
        uint32_t depth = 0, used = 0;

        for (int i = 0; i < 2 * N; i++) {
            uint32_t key = rnd(&seed) >> 8 & (N - 1);
            struct node **at = &root;

            while (*at && (*at)->key != key) {
                at = key < (*at)->key ? &(*at)->left : &(*at)->right;
                depth++;
            }
            if (!*at) {
                *at = &nodes[used++];
                **at = (struct node){.key = key};
            }
            (*at)->count++;
        }
        sum = mix(mix(sum, depth), used);
    }
    return sum;
}
BENCH(tree, "int/tree", .work = 1200);

static void heap_push(uint32_t *heap, uint32_t *size, uint32_t value)
{
    uint32_t i = (*size)++;

    for (; i && heap[(i - 1) / 2] > value; i = (i - 1) / 2) {
        heap[i] = heap[(i - 1) / 2];
    }
    heap[i] = value;
}

static uint32_t heap_pop(uint32_t *heap, uint32_t *size)
{
    uint32_t least = heap[0], value = heap[--*size], i = 0, child;

    while ((child = 2 * i + 1) < *size) {
        child += child + 1 < *size && heap[child + 1] < heap[child];
        if (heap[child] >= value) {
            break;
        }
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = value;
    return least;
}

/* Events in order: a heap that fills and empties */
static uint64_t heap(unsigned long work)
{
    uint32_t *space = (uint32_t *)scratch, seed = 23;
    uint64_t sum = 0;

    while (work--) {
        uint32_t size = 0, total = 0;

        for (int i = 0; i < 1000; i++) {
            heap_push(space, &size, rnd(&seed));
        }
        for (int i = 0; i < 1000; i++) {
            total = total * 3 + heap_pop(space, &size);
        }
        sum = mix(sum, total);
    }
    return sum;
}
BENCH(heap, "int/heap", .work = 4900);
