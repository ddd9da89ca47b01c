/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The telnet protocol, as much as a terminal on a socket needs (RFC 854, 856, 857, 858). Private
 * to chardev/.
 */
#ifndef VITRO_CHARDEV_TELNET_H
#define VITRO_CHARDEV_TELNET_H

#include "util/common.h"

struct telnet {
    uint8_t state;   /* of the input parser, enum in telnet.c */
    uint8_t command; /* WILL, WONT, DO, DONT whose option comes next */
    bool binary;     /* the peer sends without line end conversion */
    bool after_cr;   /* the last byte was a carriage return */
    unsigned breaks; /* seen since the caller last looked */
};

/* What a server sends first: it echoes, no go-ahead, eight bits both ways. */
extern const uint8_t telnet_greeting[12];

void telnet_init(struct telnet *t);
/* Takes the protocol out of @buf, in place; returns the length that is left. */
size_t telnet_decode(struct telnet *t, uint8_t *buf, size_t len);

#endif
