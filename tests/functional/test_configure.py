# SPDX-License-Identifier: Apache-2.0
"""configure: options, features, refusals, config.status and out-of-tree builds."""
import os

import pytest
from source_tree import SourceTree


@pytest.fixture(name="tree")
def fixture_tree(tmp_path):
    return SourceTree(tmp_path / "tree")


def test_in_the_source_it_uses_build(tree):
    out = tree.run_ok("./configure", "--prefix=/opt/vitro")
    assert "Install prefix           /opt/vitro\n" in out
    assert os.path.exists(tree.path("build/config-host.mak"))
    assert not os.path.exists(tree.path("config-host.mak"))
    assert '#define CONFIG_DATADIR "/opt/vitro/share/vitro"\n' in tree.read("build/config.h")


def test_out_of_tree_build_makes_a_program(tree):
    os.mkdir(tree.path("elsewhere"))
    tree.run_ok("../configure", cwd="elsewhere")
    tree.run_ok("make", "all", cwd="elsewhere")
    tree.run_ok("./vitro", cwd="elsewhere")


def test_config_status_repeats_the_configuration(tree):
    tree.run_ok("./configure", "--prefix=/opt/vitro", "--enable-debug", CFLAGS="-DX=1 -DY=2")
    before = tree.read("build/config-host.mak")
    os.unlink(tree.path("build/config-host.mak"))
    tree.run_ok("build/config.status")
    assert tree.read("build/config-host.mak") == before
    assert "EXTRA_CFLAGS := -DX=1 -DY=2\n" in before


def test_unchanged_files_keep_their_date(tree):
    tree.run_ok("./configure")
    os.utime(tree.path("build/config.h"), (1, 1))
    tree.run_ok("./configure")
    assert os.stat(tree.path("build/config.h")).st_mtime == 1
    tree.run_ok("./configure", "--prefix=/opt")
    assert os.stat(tree.path("build/config.h")).st_mtime != 1


def test_feature_without_code_is_refused(tree):
    result = tree.run("./configure", "--enable-sdl")
    assert result.returncode == 1
    assert result.stderr == ("configure: --enable-sdl: this version has no sdl (SDL display) yet; "
                             "leave the option out\n")
    tree.run_ok("./configure", "--disable-sdl")
    assert "#define HAVE_SDL 0\n" in tree.read("build/config.h")


def test_feature_with_code_follows_the_options(tree):
    tree.write("accel/tcg/engine.c", "int engine;\n")
    assert "tcg support" not in tree.run_ok("./configure", "--help")
    assert "--enable-tcg" in tree.run_ok("./configure", "--help")
    assert "TCG support              yes\n" in tree.run_ok("./configure")
    assert "#define HAVE_TCG 1\n" in tree.read("build/config.h")
    assert "TCG support              no\n" in tree.run_ok("./configure", "--disable-tcg")
    tree.run_ok("make")
    assert not os.path.exists(tree.path("build/accel/tcg/engine.o"))


def test_new_code_of_a_feature_configures_again(tree):
    tree.run_ok("./configure")
    tree.write("accel/tcg/engine.c", "int engine;\n")
    tree.run_ok("make")
    assert "#define HAVE_TCG 1\n" in tree.read("build/config.h")
    assert os.path.exists(tree.path("build/accel/tcg/engine.o"))


@pytest.mark.parametrize("option, message", [
    ("--enable-teleport", "unknown option '--enable-teleport'; --help lists them all"),
    ("--teleport", "unknown option '--teleport'; --help lists them all"),
    ("--target-list=arm-softmmu",
     "--target-list: cannot build 'arm-softmmu', only x86_64-softmmu"),
    ("--prefix=here", "--prefix=here: the path must start with /"),
    ("--cc=/no/such/cc", "the C compiler '/no/such/cc' cannot make a program"),
])
def test_bad_options_say_what_is_wrong(tree, option, message):
    result = tree.run("./configure", option)
    assert result.returncode == 1
    assert result.stderr.startswith("configure: " + message)
    assert len(result.stderr.splitlines()) == 1


def test_known_target_is_accepted(tree):
    tree.run_ok("./configure", "--target-list=x86_64-softmmu")


def test_missing_libraries_name_their_packages(tree):
    result = tree.run("./configure", PKG_CONFIG="false")
    assert result.returncode == 1
    assert ("configure: GLib 2.66 or newer not found (Debian: libglib2.0-dev, Fedora: glib2-devel)"
            in result.stderr.splitlines())
    assert not os.path.exists(tree.path("build/config.h"))


def test_help_lists_directories_and_switches(tree):
    out = tree.run_ok("./configure", "--help")
    for option in ("--prefix=", "--bindir=", "--mandir=", "--target-list=", "--cc=",
                   "--extra-cflags=", "--enable-debug", "--enable-asan", "--enable-ubsan",
                   "--enable-tsan", "--enable-werror"):
        assert option in out
    # Without code in the tree no feature is offered.
    offered = out[out.index("Features"):out.index("Not in this version")]
    assert "--enable-" not in offered
