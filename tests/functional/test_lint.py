# SPDX-License-Identifier: Apache-2.0
"""tests/lint: each check passes on good files and names what is wrong with bad ones."""
import os
import shutil

import pytest
from source_tree import SOURCE, SourceTree

HEAD = "/* SPDX-License-Identifier: Apache-2.0 */\n/* A file for a test. */\n"


@pytest.fixture(name="tree")
def fixture_tree(tmp_path):
    tree = SourceTree(tmp_path / "tree")
    os.mkdir(tree.path("build"))
    return tree


@pytest.mark.parametrize("check", ["check-layers", "check-size", "check-map"])
def test_good_tree_passes(tree, check):
    result = tree.lint(check)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name, header, allowed", [
    ("util/a.c", "memory/b.h", False),
    ("memory/a.c", "util/b.h", True),
    ("memory/a.c", "migration/state.h", True),
    ("memory/a.c", "migration/stream.h", False),
    ("block/a.c", "hw/core/b.h", False),
    ("hw/ide/a.c", "hw/pci/b.h", True),
    ("hw/ide/a.c", "hw/i386/b.h", False),
    ("hw/ide/a.c", "target/i386/b.h", False),
    ("hw/i386/a.c", "target/i386/b.h", True),
    ("target/i386/a.c", "hw/ide/b.h", False),
    ("monitor/a.c", "system/b.h", False),
    ("system/a.c", "monitor/b.h", True),
    ("tools/a.c", "hw/core/b.h", False),
])
def test_layers(tree, name, header, allowed):
    tree.write(header, HEAD)
    tree.write(name, HEAD + f'#include "{header}"\n')
    result = tree.lint("check-layers")
    assert (result.returncode == 0) == allowed
    assert (f'{name}:3: ' in result.stdout) != allowed


def test_layers_want_includes_from_the_root(tree):
    tree.write("util/b.c", HEAD + '#include "answer.h"\n')
    result = tree.lint("check-layers")
    assert result.returncode != 0
    assert 'util/b.c:3: "answer.h" is not spelled from the root' in result.stdout


def test_layers_know_every_folder(tree):
    tree.write("misc/b.c", HEAD)
    assert "misc/b.c:1: the folder is not in" in tree.lint("check-layers").stdout


def test_long_file_is_named(tree):
    tree.write("util/b.c", HEAD + "\n" * 1499)
    result = tree.lint("check-size")
    assert result.returncode != 0
    assert "util/b.c: 1501 lines, 1500 is the most" in result.stdout


def test_long_function_is_named_unless_waived(tree):
    function = "static struct a *\nlong_one(int a)\n{\n" + "    a++;\n" * 121 + "}\n"
    tree.write("util/b.c", HEAD + function)
    result = tree.lint("check-size")
    assert result.returncode != 0
    assert "util/b.c:5: long_one() has 121 lines, 120 is the most" in result.stdout
    tree.write("util/b.c", HEAD + "/* size-waiver: other: a table */\n" + function)
    assert tree.lint("check-size").returncode != 0
    tree.write("util/b.c", HEAD + "/* size-waiver: long_one: a table */\n" + function)
    assert tree.lint("check-size").returncode == 0


def test_header_that_does_not_stand_alone_is_named(tree):
    tree.run_ok("./configure")
    assert tree.lint("check-headers").returncode == 0
    tree.write("util/b.h", HEAD + "struct b {\n    GString *text;\n};\n")
    result = tree.lint("check-headers")
    assert result.returncode != 0
    assert "util/b.h" in result.stderr


@pytest.mark.parametrize("text", ["int a;\n", "/* SPDX-License-Identifier: Apache-2.0 */\nint a;\n",
                                  "/* No licence line. */\nint a;\n"])
def test_file_that_does_not_say_what_it_is_is_named(tree, text):
    tree.write("util/b.c", text)
    result = tree.lint("check-map")
    assert result.returncode != 0
    assert "util/b.c" in result.stderr


def test_format_is_checked(tree):
    if not shutil.which("clang-format-14"):
        pytest.skip("no clang-format-14 (Debian: clang-format-14)")
    shutil.copy(os.path.join(SOURCE, ".clang-format"), tree.path(".clang-format"))
    assert tree.lint("check-format").returncode == 0
    tree.write("util/b.c", HEAD + "int  a;\n")
    result = tree.lint("check-format")
    assert result.returncode != 0
    assert "util/b.c:3" in result.stderr
