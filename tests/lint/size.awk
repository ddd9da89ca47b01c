# SPDX-License-Identifier: Apache-2.0
# size.awk: measure files and functions. Relies on the brace style: the brace of a function, and
# nothing else, opens a line at the margin.

function complain(what)
{
    print what
    bad = 1
}

function end_file(    name)
{
    if (file == "") {
        return
    }
    if (lines > 1500) {
        complain(file ": " lines " lines, 1500 is the most")
    }
    for (name in long_function) {
        if (!(name in waived)) {
            complain(file ":" long_function[name] ": " name "() has " size[name] \
                     " lines, 120 is the most")
        }
    }
    delete long_function
    delete waived
}

FNR == 1 {
    end_file()
    file = FILENAME
    start = 0
    head = ""
}

{
    lines = FNR
}

match($0, /size-waiver: *[A-Za-z0-9_]+: *[^ ]/) {
    text = substr($0, RSTART)
    sub(/size-waiver: */, "", text)
    sub(/:.*/, "", text)
    waived[text] = 1
}

# The last line at the margin that has a parenthesis names the function.
/^[A-Za-z_].*\(/ {
    head = $0
}

/^\{/ {
    start = FNR
    name = head
    while (match(name, /__attribute__ *\(\([^)]*\)\)/)) {
        name = substr(name, 1, RSTART - 1) substr(name, RSTART + RLENGTH)
    }
    sub(/ *\(.*/, "", name)
    sub(/.*[ *]/, "", name)
}

/^\}/ && start {
    functions++
    if (FNR - start - 1 > 120) {
        long_function[name] = start
        size[name] = FNR - start - 1
    }
    start = 0
}

END {
    end_file()
    printf "%d functions measured\n", functions
    exit bad
}
