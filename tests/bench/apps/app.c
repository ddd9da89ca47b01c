/* SPDX-License-Identifier: Apache-2.0 */
/* What the compilers in guests compile: some of everything, with headers. ROUND makes it differ. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct word {
    struct word *next;
    char text[16];
    unsigned count;
};

static struct word *table[256];

static unsigned hash(const char *text)
{
    unsigned h = ROUND;

    while (*text) {
        h = h * 33 ^ (unsigned char)*text++;
    }
    return h;
}

static struct word *find(const char *text)
{
    struct word **at = &table[hash(text) & 255];

    while (*at && strcmp((*at)->text, text)) {
        at = &(*at)->next;
    }
    if (!*at) {
        *at = calloc(1, sizeof(**at));
        if (!*at) {
            exit(1);
        }
        snprintf((*at)->text, sizeof((*at)->text), "%s", text);
    }
    return *at;
}

static int compare(const void *a, const void *b)
{
    const struct word *x = *(const struct word *const *)a, *y = *(const struct word *const *)b;

    return x->count != y->count ? (x->count < y->count) - (x->count > y->count)
                                : strcmp(x->text, y->text);
}

static unsigned long long power(unsigned long long base, unsigned n, unsigned long long modulus)
{
    unsigned long long result = 1;

    for (base %= modulus; n; n >>= 1) {
        if (n & 1) {
            result = result * base % modulus;
        }
        base = base * base % modulus;
    }
    return result;
}

static double area(double (*f)(double), double from, double to, int steps)
{
    double sum = 0, width = (to - from) / steps;

    for (int i = 0; i < steps; i++) {
        sum += f(from + (i + 0.5) * width) * width;
    }
    return sum;
}

static double parabola(double x)
{
    return x * x / 3 + 2 * x - 1;
}

static double hyperbola(double x)
{
    return 1 / (1 + x * x);
}

static int evaluate(const char **text)
{
    int value = 0, sign = 1;

    for (;; ++*text) {
        switch (**text) {
        case '+':
            sign = 1;
            break;
        case '-':
            sign = -1;
            break;
        case '(':
            ++*text;
            value += sign * evaluate(text);
            break;
        case ')':
        case 0:
            return value;
        default:
            if (isdigit((unsigned char)**text)) {
                value += sign * (**text - '0');
            }
        }
    }
}

int main(int argc, char **argv)
{
    int turns = argc > 1 ? atoi(argv[1]) : 1;
    unsigned state = 99 + ROUND, total = 0;
    struct word *words[4096], *w;
    size_t used = 0;
    double areas = 0;

    for (int turn = 0; turn < turns; turn++) {
        const char *text = "1+(2-3+(4+5)-(6-7))-8+(9-(1+(2-(3+4))))";

        for (int i = 0; i < 50; i++) {
            char name[16];

            state = state * 1103515245 + 12345;
            snprintf(name, sizeof(name), "w%u", state >> 20 & 1023);
            find(name)->count++;
        }
        total +=
            (unsigned)power(state, 1000 + (unsigned)turn, 1000000007) + (unsigned)evaluate(&text);
        areas += area(turn & 1 ? parabola : hyperbola, 0, 1 + turn % 7, 100);
    }
    for (size_t i = 0; i < 256; i++) {
        for (w = table[i]; w && used < sizeof(words) / sizeof(words[0]); w = w->next) {
            words[used++] = w;
        }
    }
    qsort(words, used, sizeof(words[0]), compare);
    printf("%u %zu %s %u %.9g\n", total, used, words[0]->text, words[0]->count, areas);
    return 0;
}
