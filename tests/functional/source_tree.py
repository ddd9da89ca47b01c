# SPDX-License-Identifier: Apache-2.0
"""A small source tree with the real configure, Makefile and tests/run, to test these themselves."""
import os
import shutil
import subprocess

SOURCE = os.environ["SOURCE"]

MAIN_C = """/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest program there is. */
#include "util/answer.h"

int main(void)
{
    return answer() - 42;
}
"""
ANSWER_H = """/* SPDX-License-Identifier: Apache-2.0 */
/* The answer. */
int answer(void);
"""
ANSWER_C = """/* SPDX-License-Identifier: Apache-2.0 */
/* The answer. */
#include "util/answer.h"

int answer(void)
{
    return 42;
}
"""


class SourceTree:
    """The tree below a directory; commands run in it and return their result as text."""

    def __init__(self, top):
        self.top = str(top)
        for name in ("configure", "Makefile", "VERSION", "tests/run", "tests/lint"):
            source = os.path.join(SOURCE, name)
            target = self.path(name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if os.path.isdir(source):
                shutil.copytree(source, target)
            else:
                shutil.copy(source, target)
        self.write("system/main.c", MAIN_C)
        self.write("util/answer.h", ANSWER_H)
        self.write("util/answer.c", ANSWER_C)

    def path(self, name):
        return os.path.join(self.top, name)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def run(self, *command, cwd="", **variables):
        env = {k: v for k, v in os.environ.items()
               if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "CFLAGS", "LDFLAGS")}
        return subprocess.run(command, cwd=self.path(cwd), env={**env, **variables}, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
                              check=False)

    def run_ok(self, *command, cwd="", **variables):
        result = self.run(*command, cwd=cwd, **variables)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def lint(self, check):
        return self.run(self.path("tests/lint/" + check), cwd="build", SOURCE=self.top,
                        BUILD=self.path("build"), MAKE="make")
