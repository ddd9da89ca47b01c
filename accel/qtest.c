/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine of device tests: CPUs exist and never run; the test protocol drives the devices.
 */
#include "accel/accel.h"

static enum vcpu_exit never_run(struct vcpu *v)
{
    (void)v;
    return VCPU_EXIT_REQUEST;
}

static const struct accel_type qtest_accel = {
    .name = "qtest",
    .description = "no CPU runs; -qtest drives the devices",
    .size = sizeof(struct accel),
    .run = never_run,
    .no_vcpus = true,
};
ACCEL_TYPE(qtest_accel);
