# SPDX-License-Identifier: Apache-2.0
"""A benchmark of Python itself: objects, dictionaries, lists, strings, integers, floats."""
import hashlib
import sys


class Planet:
    """Something with attributes and methods"""

    def __init__(self, mass, x, v):
        self.mass, self.x, self.v = mass, x, v

    def pull(self, other, dt):
        d = self.x - other.x
        self.v -= d * other.mass * dt / (d * d * abs(d) + 0.1)

    def move(self, dt):
        self.x += self.v * dt


def planets(steps):
    all_of_them = [Planet(1.0 + i, i * i - 7.5, 0.1 * i) for i in range(5)]
    for _ in range(steps):
        for a in all_of_them:
            for b in all_of_them:
                if a is not b:
                    a.pull(b, 0.001)
        for a in all_of_them:
            a.move(0.001)
    return [f"{p.x:.12g}" for p in all_of_them]


def words(count):
    seen, state = {}, 12345
    for _ in range(count):
        state = (state * 1103515245 + 12345) & 0x7fffffff
        word = "".join(chr(97 + (state >> s) % 26) for s in (3, 9, 14))
        seen.setdefault(word[:2], []).append(word)
    return sorted((len(v), k, max(v)) for k, v in seen.items())[-5:]


def queens(n, row=0, columns=0, left=0, right=0):
    if row == n:
        return 1
    return sum(queens(n, row + 1, columns | 1 << c, left | 1 << row + c, right | 1 << n + row - c)
               for c in range(n)
               if not (columns >> c & 1 or left >> row + c & 1 or right >> n + row - c & 1))


def primes(below):
    table = bytearray([1]) * below
    for i in range(2, int(below ** 0.5) + 1):
        if table[i]:
            table[i * i::i] = bytes(len(range(i * i, below, i)))
    return sum(i for i in range(2, below) if table[i])


def powers(n):
    return hashlib.sha256(str(pow(3, n) + pow(7, n * n, 10 ** 40 + 1)).encode()).hexdigest()


def main():
    for turn in range(int(sys.argv[1])):
        print(planets(100), words(1000), queens(5), primes(5000), powers(500 + turn))


main()
