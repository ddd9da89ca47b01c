# SPDX-License-Identifier: Apache-2.0
# map.awk: the first sentence of each file's first comment (or docstring) after the licence line.

function flush_file()
{
    if (file == "") {
        return
    }
    if (folder != last_folder) {
        printf "\n## %s\n\n", folder
        last_folder = folder
    }
    if (!licence || text == "") {
        text = "(says nothing)"
        bad = bad "\n" file
    }
    sub(/\.$/, "", text)
    printf "- `%s`: %s\n", name, text
}

FNR == 1 {
    flush_file()
    file = FILENAME
    folder = file
    sub(/\/[^\/]*$/, "", folder)
    name = file
    sub(/.*\//, "", name)
    text = ""
    licence = 0
    state = "before"
}

state == "done" {
    next
}

/SPDX-License-Identifier: Apache-2.0/ {
    licence = 1
    next
}

/^#!/ || (state == "before" && /^[ \t]*$/) {
    next
}

{
    line = $0
    if (state == "before") {
        if (!sub(name ~ /\.py$/ ? "^(\"\"\"|#) *" : "^/\\*+ *", "", line)) {
            state = "done"
            next
        }
        state = "inside"
    }
    end = sub(/(\*\/|""").*/, "", line)
    sub(/^ *\*? */, "", line)
    sub(/^# */, "", line)
    sub(/ +$/, "", line)
    if (line == "" && text != "") {
        end = 1
    }
    text = text (text == "" || line == "" ? "" : " ") line
    # The first sentence will do.
    if (match(text, /[.:;] /)) {
        text = substr(text, 1, RSTART - 1)
        end = 1
    } else if (text ~ /[.:;]$/) {
        sub(/[.:;]$/, "", text)
        end = 1
    }
    if (end) {
        state = "done"
    }
}

END {
    flush_file()
    if (bad != "") {
        print "no licence line, or no first comment that says what it is:" bad >"/dev/stderr"
        exit 1
    }
}
