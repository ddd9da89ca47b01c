# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034 # variables for the scripts that source this
#
# lib-deps.sh: install the packages that building and testing need; sourced by demo and test.
# Works as root or through sudo, on Debian and Ubuntu, also in a bare chroot. On other systems it
# prints what is needed and goes on: configure names whatever is really missing.

say()
{
    printf '%s: %s\n' "${0##*/}" "$*"
}

# What the tests use besides the build: absent ones only make tests skip.
test_packages='python3 python3-pytest clang-format-14 shellcheck seabios xorriso mtools grub-common grub-pc-bin'

# What the demonstration uses besides the build
demo_packages='seabios'

installed()
{
    dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

known_to_apt()
{
    apt-cache show "$1" >/dev/null 2>&1
}

# Run as root, or through sudo
as_root()
{
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

apt_get()
{
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# Run quietly, show the output when it fails
quietly()
{
    quiet_log=$(mktemp)
    quiet_status=0
    "$@" >"$quiet_log" 2>&1 || quiet_status=$?
    [ $quiet_status -eq 0 ] || cat "$quiet_log" >&2
    rm -f "$quiet_log"
    return $quiet_status
}

# need_packages required... -- wanted...
# Fails when a required one cannot be installed; wanted ones are only tried.
need_packages()
{
    required=
    wanted=
    list=required
    for package; do
        if [ "$package" = -- ]; then
            list=wanted
        elif ! command -v apt-get >/dev/null || ! installed "$package"; then
            eval "$list=\"\$$list $package\""
        fi
    done
    if [ -z "$required$wanted" ]; then
        return 0
    fi
    if ! command -v apt-get >/dev/null; then
        say "this system has no apt-get; needed are what Debian calls:$required"
        [ -z "$wanted" ] || say "and for all of the tests:$wanted"
        return 0
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        say "missing packages:$required$wanted"
        say "install them as root: apt-get install$required$wanted"
        [ -z "$required" ]
        return
    fi
    if [ "$(id -u)" -ne 0 ]; then
        say "using sudo to install packages"
    fi
    say "updating the package lists"
    quietly apt_get update || say "the package lists could not be updated; trying without"
    if [ -n "$required" ]; then
        say "installing$required"
        # shellcheck disable=SC2086 # a list
        quietly apt_get install -y --no-install-recommends $required || return 1
    fi
    for package in $wanted; do
        if ! known_to_apt "$package"; then
            say "no package $package here: some tests will be skipped"
            continue
        fi
        say "installing $package"
        quietly apt_get install -y --no-install-recommends "$package" ||
            say "$package could not be installed: some tests will be skipped"
    done
}

# Build packages, by configure's own table
build_packages()
{
    # shellcheck disable=SC2154 # set by the script that sources this
    "$source_dir/configure" --debian-packages
}

cache_dir()
{
    printf '%s/vitro' "${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}"
}
