/* SPDX-License-Identifier: Apache-2.0 */
/* Benchmarks of scalar floating point: one number at a time in SSE registers. */
#include <math.h>

#include "tests/bench/vbench/vbench.h"

struct body {
    double x, y, z, vx, vy, vz, mass;
};

static void advance(struct body *bodies, int count, double dt)
{
    for (int i = 0; i < count; i++) {
        struct body *a = &bodies[i];

        for (int k = i + 1; k < count; k++) {
            struct body *b = &bodies[k];
            double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
            double d2 = dx * dx + dy * dy + dz * dz + 0.01, mag = dt / (d2 * sqrt(d2));

            a->vx -= dx * b->mass * mag;
            a->vy -= dy * b->mass * mag;
            a->vz -= dz * b->mass * mag;
            b->vx += dx * a->mass * mag;
            b->vy += dy * a->mass * mag;
            b->vz += dz * a->mass * mag;
        }
    }
    for (int i = 0; i < count; i++) {
        bodies[i].x += dt * bodies[i].vx;
        bodies[i].y += dt * bodies[i].vy;
        bodies[i].z += dt * bodies[i].vz;
    }
}

static uint64_t nbody(unsigned long work)
{
    struct body bodies[] = {
        {0, 0, 0, 0, 0, 0, 39.5},
        {4.8, -1.1, -0.1, 0.6, 2.8, -0.02, 0.037},
        {8.3, 4.1, -0.4, -1, 1.8, 0, 0.01},
        {12.8, -15.1, -0.2, 1.1, 0.9, 0, 0.0017},
        {15.3, -25.9, 0.2, 1, 0.6, 0, 0.002},
    };
    uint64_t sum = 0;

    while (work--) {
        for (int i = 0; i < 10; i++) {
            advance(bodies, COUNT(bodies), 0.01);
        }
    }
    for (size_t i = 0; i < COUNT(bodies); i++) {
        sum = mix_double(mix_double(sum, bodies[i].x), bodies[i].vy);
    }
    return sum;
}
BENCH(nbody, "fp/nbody", .work = 43000);

static uint64_t mandelbrot(unsigned long work)
{
    uint64_t sum = 0;

    while (work--) {
        unsigned total = 0;

        for (int i = 0; i < 64; i++) {
            double cr = i / 24.0 - 2, ci = (double)(work % 64) / 32 - 1, zr = 0, zi = 0;

            for (int n = 0; n < 50 && zr * zr + zi * zi < 4; n++) {
                double next = zr * zr - zi * zi + cr;

                zi = 2 * zr * zi + ci;
                zr = next;
                total++;
            }
        }
        sum = mix(sum, total);
    }
    return sum;
}
BENCH(mandelbrot, "fp/mandelbrot", .work = 11000);

/* A matrix that is never stored, times a vector: mostly division */
static uint64_t spectral(unsigned long work)
{
    enum { N = 40 };
    double u[N], v[N];

    for (int i = 0; i < N; i++) {
        u[i] = 1;
    }
    while (work--) {
        for (int i = 0; i < N; i++) {
            double dot = 0;

            for (int k = 0; k < N; k++) {
                dot += u[k] / ((i + k) * (i + k + 1) / 2 + i + 1);
            }
            v[i] = dot;
        }
        for (int i = 0; i < N; i++) {
            u[i] = v[i] / v[0];
        }
    }
    return mix_double(mix_double(0, u[1]), u[N - 1]);
}
BENCH(spectral, "fp/spectral", .work = 37000);

/* A Fourier transform and back, with its own table of sines */
static void transform(double (*a)[2], const double (*roots)[2], int n, int sign)
{
    for (int i = 1, k = 0; i < n; i++) {
        int bit = n >> 1;

        for (; k & bit; bit >>= 1) {
            k ^= bit;
        }
        k |= bit;
        if (i < k) {
            double re = a[i][0], im = a[i][1];

            a[i][0] = a[k][0], a[i][1] = a[k][1];
            a[k][0] = re, a[k][1] = im;
        }
    }
    for (int size = 2; size <= n; size *= 2) {
        for (int start = 0; start < n; start += size) {
            for (int k = 0; k < size / 2; k++) {
                double *p = a[start + k], *q = a[start + k + size / 2];
                double wr = roots[k * (n / size)][0], wi = sign * roots[k * (n / size)][1];
                double re = q[0] * wr - q[1] * wi, im = q[0] * wi + q[1] * wr;

                q[0] = p[0] - re, q[1] = p[1] - im;
                p[0] += re, p[1] += im;
            }
        }
    }
}

static uint64_t fft(unsigned long work)
{
    enum { N = 512 };
    static double a[N][2], roots[N / 2][2];
    double re = 1, im = 0;
    /* cos and sin of 2 pi / 512 */
    const double cr = 0.99992470183914454, ci = 0.012271538285719925;
    uint64_t sum = 0;

    for (int i = 0; i < N / 2; i++) {
        double next = re * cr - im * ci;

        roots[i][0] = re, roots[i][1] = im;
        im = re * ci + im * cr;
        re = next;
    }
    for (int i = 0; i < N; i++) {
        a[i][0] = i % 17, a[i][1] = i % 5;
    }
    while (work--) {
        transform(a, roots, N, 1);
        transform(a, roots, N, -1);
        for (int i = 0; i < N; i++) {
            a[i][0] /= N, a[i][1] /= N;
        }
    }
    for (int i = 0; i < N; i++) {
        sum = mix_double(sum, a[i][0]);
    }
    return sum;
}
BENCH(fft, "fp/fft", .work = 1500);

/* Linear equations by elimination */
static uint64_t gauss(unsigned long work)
{
    enum { N = 24 };
    double a[N][N + 1], x[N];
    uint64_t sum = 0;

    while (work--) {
        uint32_t seed = 1 + (uint32_t)(work & 7);

        for (int i = 0; i < N; i++) {
            for (int k = 0; k <= N; k++) {
                a[i][k] = (double)(int32_t)rnd(&seed) / 65536 + (i == k) * 100000;
            }
        }
        for (int i = 0; i < N; i++) {
            for (int row = i + 1; row < N; row++) {
                double factor = a[row][i] / a[i][i];

                for (int k = i; k <= N; k++) {
                    a[row][k] -= factor * a[i][k];
                }
            }
        }
        for (int i = N - 1; i >= 0; i--) {
            x[i] = a[i][N];
            for (int k = i + 1; k < N; k++) {
                x[i] -= a[i][k] * x[k];
            }
            x[i] /= a[i][i];
        }
        sum = mix_double(sum, x[0]);
    }
    return sum;
}
BENCH(gauss, "fp/gauss", .work = 3900);

static uint64_t horner(unsigned long work)
{
    static const double c[] = {0.5, -0.25, 0.125, -1.5, 2.25, 0.0625, -0.75, 1};
    double x = 0.3, total = 0;

    while (work--) {
        for (int i = 0; i < 100; i++) {
            double y = c[0];

            for (size_t k = 1; k < COUNT(c); k++) {
                y = y * x + c[k];
            }
            total += y;
            x = x * 0.99 + 0.001;
        }
    }
    return mix_double(0, total);
}
BENCH(horner, "fp/horner", .work = 47000);

/* Single precision: rays that meet balls */
static uint64_t rays(unsigned long work)
{
    enum { BALLS = 6 };
    static const float balls[BALLS][4] = {{0, 0, 5, 1},  {2, 0, 6, 1.5f},  {-2, 1, 7, 2},
                                          {1, -2, 8, 1}, {-1, -1, 4, .5f}, {3, 3, 9, 2}};
    uint64_t sum = 0;

    while (work--) {
        float total = 0;

        for (int i = 0; i < 64; i++) {
            float dx = (float)(i - 32) / 40, dy = (float)(int)(work % 64 - 32) / 40, nearest = 100;
            float length = sqrtf(dx * dx + dy * dy + 1), dz = 1 / length;

            dx /= length;
            dy /= length;
            for (int k = 0; k < BALLS; k++) {
                const float *b = balls[k];
                float along = b[0] * dx + b[1] * dy + b[2] * dz;
                float d2 = b[0] * b[0] + b[1] * b[1] + b[2] * b[2] - along * along;

                if (d2 < b[3] * b[3]) {
                    float hit = along - sqrtf(b[3] * b[3] - d2);

                    nearest = hit < nearest ? hit : nearest;
                }
            }
            total += nearest;
        }
        sum = mix_double(sum, (double)total);
    }
    return sum;
}
BENCH(rays, "fp/rays", .work = 13000);

/* Between integers of all sizes, float and double */
static uint64_t convert(unsigned long work)
{
    uint32_t seed = 5;
    uint64_t sum = 0;

    while (work--) {
        int64_t total = 0;
        double scale = 1.0009765625;

        for (int i = 0; i < 200; i++) {
            int32_t n = (int32_t)rnd(&seed);
            double d = n * scale;
            float f = (float)d;

            total = (int64_t)((double)total * 0.5) + (int64_t)(d * 1000) + (int32_t)(f / 4);
            total ^= (int64_t)(float)(total >> 3);
        }
        sum = mix(sum, (uint64_t)total);
    }
    return sum;
}
BENCH(convert, "fp/convert", .work = 17000);

/* Comparisons that branch */
static uint64_t compare(unsigned long work)
{
    enum { N = 512 };
    double *a = (double *)scratch;
    uint32_t seed = 9;
    uint64_t sum = 0;

    while (work--) {
        for (int i = 0; i < N; i++) {
            a[i] = (double)rnd(&seed) * (1.0 / 4294967296);
        }
        for (int gap = N / 2; gap; gap /= 2) {
            for (int i = gap; i < N; i++) {
                double value = a[i];
                int k = i;

                for (; k >= gap && a[k - gap] > value; k -= gap) {
                    a[k] = a[k - gap];
                }
                a[k] = value;
            }
        }
        sum = mix_double(sum, a[N / 2]);
    }
    return sum;
}
BENCH(compare, "fp/compare", .work = 5500);
