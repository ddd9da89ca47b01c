/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine's consoles and input events.
 */
#include "hw/core/machine_ui.h"

struct input_hub *machine_input(struct machine *m)
{
    if (!m->input) {
        m->input = input_hub_new();
    }
    return m->input;
}

struct consoles *machine_consoles(struct machine *m)
{
    if (!m->consoles) {
        m->consoles = consoles_new();
    }
    return m->consoles;
}

void machine_ui_free(struct machine *m)
{
    input_hub_free(m->input);
    m->input = NULL;
    consoles_free(m->consoles);
    m->consoles = NULL;
}
