/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine's consoles and input events, made when the first device or display asks for them.
 */
#ifndef VITRO_HW_CORE_MACHINE_UI_H
#define VITRO_HW_CORE_MACHINE_UI_H

#include "hw/core/machine.h"
#include "ui/console.h"
#include "ui/input.h"

struct input_hub *machine_input(struct machine *m);
struct consoles *machine_consoles(struct machine *m);

/* For machine_free(), after all devices have gone. */
void machine_ui_free(struct machine *m);

#endif
