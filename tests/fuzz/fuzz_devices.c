/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzer of all devices of a PC: tests/fuzz/devices.h says what the bytes mean.
 */
#include "tests/fuzz/fuzz.h"

#include "tests/fuzz/devices.h"

static struct devices_machine *new_machine(void)
{
    struct devices_machine *d = g_new0(struct devices_machine, 1);

    devices_machine_init(d);
    return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct devices_machine *machine; /* libFuzzer has no place for it; lives on to the end */

    if (!machine) {
        machine = new_machine();
    }
    devices_run(&machine->rig, data, len);
    return 0;
}
