# SPDX-License-Identifier: Apache-2.0
# layers.awk: read layers.txt, then sources; name every include that goes the wrong way.

# Does a name of the table (a folder, or a header with .h) cover this path?
function covers(name, path)
{
    return path == name || path == name ".h" || index(path, name "/") == 1
}

# The longest folder of the table that a file is in
function folder_of(path,    name, best)
{
    best = ""
    for (name in allowed) {
        if (covers(name, path) && length(name) > length(best)) {
            best = name
        }
    }
    return best
}

# The most precise word decides, so that "hw -hw/i386" does what it says.
function may_include(folder, header,    words, n, i, word, minus, best, verdict)
{
    if (allowed[folder] ~ /\*/ || folder_of(header) == folder) {
        return 1
    }
    best = 0
    verdict = 0
    n = split(allowed[folder], words, " ")
    for (i = 1; i <= n; i++) {
        word = words[i]
        minus = sub(/^-/, "", word)
        if (covers(word, header) && length(word) > best) {
            best = length(word)
            verdict = !minus
        }
    }
    return verdict
}

function complain(what)
{
    printf "%s:%d: %s\n", FILENAME, FNR, what
    bad = 1
}

function exists(path,    line, status)
{
    status = (getline line < path)
    close(path)
    return status >= 0
}

FILENAME ~ /layers\.txt$/ {
    if ($0 !~ /^#/ && split($0, part, ":") == 2) {
        allowed[part[1]] = part[2]
    }
    next
}

FNR == 1 {
    folder = folder_of(FILENAME)
    if (folder == "") {
        complain("the folder is not in tests/lint/layers.txt")
    }
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
    includes++
    split($0, part, "\"")
    header = part[2]
    if (!(header in found)) {
        found[header] = exists(header) || exists(build "/" header)
    }
    if (!found[header]) {
        complain("\"" header "\" is not spelled from the root")
    } else if (folder != "" && !may_include(folder, header)) {
        complain(folder "/ may not include \"" header "\" (tests/lint/layers.txt)")
    }
}

END {
    printf "%d includes looked at\n", includes
    exit bad
}
