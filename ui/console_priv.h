/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the console and its writers of picture files.
 */
#ifndef VITRO_UI_CONSOLE_PRIV_H
#define VITRO_UI_CONSOLE_PRIV_H

#include "ui/console.h"
#include <stdio.h>

/* Writes @image (x8r8g8b8) to @file as a PNG; in ui/console_png.c, present when HAVE_PNG. */
bool console_write_png(pixman_image_t *image, FILE *file, const char *path, GError **error);

/* One row of an x8r8g8b8 image as @width triples of red, green, blue. */
void console_row_rgb(pixman_image_t *image, unsigned y, uint8_t *rgb);

#endif
