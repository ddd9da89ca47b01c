/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to memory/: how a tree change reaches the views.
 */
#ifndef VITRO_MEMORY_VIEW_H
#define VITRO_MEMORY_VIEW_H

#include "memory/memory.h"

/* @r or something below it has changed: refreshes every view that shows it. */
void region_touch(struct region *r);

/* Computes the view of @as again, or notes that commit must. */
void address_space_refresh(struct address_space *as);

#endif
