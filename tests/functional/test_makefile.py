# SPDX-License-Identifier: Apache-2.0
"""The Makefile and tests/run: rebuilding, installing, and the line that counts the tests."""
import json
import os

import pytest
from source_tree import ANSWER_C, ANSWER_H, SourceTree

TEST_C = """/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the answer. */
#include <glib.h>

#include "util/answer.h"

static void test_answer(void)
{
    g_assert_cmpint(answer(), ==, 42);
}

static void test_skipped(void)
{
    g_test_skip("no question");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/answer", test_answer);
    g_test_add_func("/question", test_skipped);
    return g_test_run();
}
"""


@pytest.fixture(name="tree")
def fixture_tree(tmp_path):
    tree = SourceTree(tmp_path / "tree")
    tree.run_ok("./configure", "--prefix=/opt/vitro")
    return tree


def test_new_file_and_changed_header_are_noticed(tree):
    tree.run_ok("make")
    assert "CC " not in tree.run_ok("make")
    tree.write("util/other.c", "extern int other;\nint other;\n")
    out = tree.run_ok("make")
    assert "util/other.o" in out and "util/answer.o" not in out
    tree.write("util/answer.h", ANSWER_H + "#define MORE\n")
    os.utime(tree.path("util/answer.h"))
    out = tree.run_ok("make")
    assert "util/answer.o" in out and "system/main.o" in out and "util/other.o" not in out


def test_changed_flags_compile_again(tree):
    tree.run_ok("make")
    tree.run_ok("./configure", "--prefix=/opt/vitro", "--enable-debug")
    assert "util/answer.o" in tree.run_ok("make")


def test_install_and_uninstall_leave_nothing(tree):
    destdir = tree.path("inst")
    tree.run_ok("make", "install", "DESTDIR=" + destdir)
    assert os.access(destdir + "/opt/vitro/bin/vitro-system-x86_64", os.X_OK)
    assert os.readlink(destdir + "/opt/vitro/bin/vitro") == "vitro-system-x86_64"
    tree.run_ok("make", "uninstall", "DESTDIR=" + destdir)
    assert not [files for _, _, files in os.walk(destdir) if files]


def test_compile_commands_are_json(tree):
    tree.run_ok("make", "compdb")
    commands = json.loads(tree.read("build/compile_commands.json"))
    assert "../util/answer.c" in [command["file"] for command in commands]


def test_counts_of_passing_and_skipped_tests(tree):
    tree.write("tests/unit/util/answer.c", TEST_C)
    out = tree.run_ok("make", "check-unit")
    assert "SKIPPED unit/util/answer:/question: no question" in out
    assert out.splitlines()[-1] == "1 passed, 0 failed, 1 skipped"


def test_failing_test_is_shown_and_counted(tree):
    tree.write("tests/unit/util/answer.c", TEST_C)
    tree.write("util/answer.c", ANSWER_C.replace("42", "41"))
    result = tree.run("make", "check-unit")
    assert result.returncode != 0
    assert "answer() == 42" in result.stdout
    assert result.stdout.splitlines()[-1].split(", ")[1] == "1 failed"


def test_lost_tests_are_a_failure(tree):
    tree.write("tests/unit/util/answer.c", TEST_C.replace("return g_test_run();",
                                                          'g_print("1..3\\n"); return 0;'))
    result = tree.run("make", "check-unit")
    assert result.returncode != 0
    assert "planned 3 tests, reported 0" in result.stdout


def test_known_failure_is_skipped_until_it_passes(tree):
    tree.write("tests/known-failures.txt", "unit/util/answer:/answer nobody knows why\n")
    tree.write("tests/unit/util/answer.c", TEST_C)
    result = tree.run("make", "check-unit")
    assert result.returncode != 0
    assert "tests/known-failures.txt says it fails" in result.stdout


def test_pytest_files_are_counted_by_test(tree):
    tree.write("tests/functional/test_two.py",
               "import os, pytest\n"
               "def test_env(): assert os.environ['VITRO'].endswith('vitro-system-x86_64')\n"
               "def test_bad(): assert 1 + 1 == 3\n"
               "def test_skip(): pytest.skip('too late')\n")
    result = tree.run("make", "check-functional")
    assert result.returncode != 0
    assert "SKIPPED functional/test_two:test_skip: too late" in result.stdout
    assert result.stdout.splitlines()[-1] == "1 passed, 1 failed, 1 skipped"


def test_layers_bound_what_a_unit_test_is_linked_with(tree):
    tree.write("memory/mem.h", "int mem(void);\n")
    tree.write("memory/mem.c", '#include "memory/mem.h"\nint mem(void)\n{\n    return 1;\n}\n')
    tree.write("util/up.c", '#include "memory/mem.h"\nint up(void);\n'
               "int up(void)\n{\n    return mem();\n}\n")
    tree.write("tests/unit/util/answer.c", TEST_C)
    result = tree.run("make", "check-unit")
    assert result.returncode != 0
    assert "undefined reference to `mem'" in result.stderr
