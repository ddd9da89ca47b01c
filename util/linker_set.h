/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linker sets: tables whose rows stand in many files, collected by the linker.
 *
 * LINKER_SET_ENTRY(devices, struct device_type, pvpanic) adds a pointer; LINKER_SET_FOREACH walks
 * them, in no particular order. Read-only, no constructors. Link objects, not archives: the linker
 * would leave out members that nothing else names. `retain` keeps them under --gc-sections.
 */
#ifndef VITRO_UTIL_LINKER_SET_H
#define VITRO_UTIL_LINKER_SET_H

#if defined(__has_attribute) && __has_attribute(retain)
#define LINKER_SET_ATTRS used, retain
#else
#define LINKER_SET_ATTRS used
#endif

#define LINKER_SET_ENTRY(set, type, sym)                                                           \
    static const type *const linker_set_##set##_##sym                                              \
        __attribute__((LINKER_SET_ATTRS, section("vitro_" #set))) = &sym

/* Declares the bounds; once per file that walks the set. Weak: a set may be empty. */
#define LINKER_SET_DECLARE(set, type)                                                              \
    extern const type *const __start_vitro_##set[] __attribute__((weak));                          \
    extern const type *const __stop_vitro_##set[] __attribute__((weak))

#define LINKER_SET_FOREACH(set, type, var)                                                         \
    for (const type *const *var = __start_vitro_##set; var < __stop_vitro_##set; var++)

#endif
