/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The telnet protocol, as much as a terminal on a socket needs: RFC 854, binary transmission (856),
 * echo (857), suppress go-ahead (858).
 *
 * Absent: answers to the peer's requests for other options. Ours are stated at the start, and a
 * request that is not answered counts as refused by every client.
 */
#include "chardev/telnet.h"

enum {
    IAC = 255,
    DONT = 254,
    DO = 253,
    WONT = 252,
    WILL = 251,
    SB = 250,
    BRK = 243,
    SE = 240,
    OPT_BINARY = 0,
    OPT_ECHO = 1,
    OPT_SGA = 3,
};

enum state {
    DATA,
    COMMAND, /* after IAC */
    OPTION,  /* after WILL, WONT, DO, DONT */
    SUB,     /* in a subnegotiation */
    SUB_IAC, /* after IAC in one */
};

const uint8_t telnet_greeting[12] = {IAC, WILL, OPT_ECHO,   IAC, WILL, OPT_SGA,
                                     IAC, WILL, OPT_BINARY, IAC, DO,   OPT_BINARY};

void telnet_init(struct telnet *t)
{
    *t = (struct telnet){.state = DATA};
}

/* A byte of data; returns whether it is to be passed on. */
static bool take_data(struct telnet *t, uint8_t byte)
{
    bool after_cr = t->after_cr;

    t->after_cr = byte == '\r';
    /* Outside binary mode the Enter key comes as CR NUL or CR LF. */
    return t->binary || !after_cr || (byte != '\0' && byte != '\n');
}

/* The byte after IAC; returns whether it is data. */
static bool take_command(struct telnet *t, uint8_t byte)
{
    t->state = DATA;
    switch (byte) {
    case IAC:
        return true;
    case WILL:
    case WONT:
    case DO:
    case DONT:
        t->command = byte;
        t->state = OPTION;
        break;
    case SB:
        t->state = SUB;
        break;
    case BRK:
        t->breaks++;
        break;
    default:
        break;
    }
    return false;
}

size_t telnet_decode(struct telnet *t, uint8_t *buf, size_t len)
{
    size_t out = 0;

    for (size_t i = 0; i < len; i++) {
        uint8_t byte = buf[i];

        switch (t->state) {
        case DATA:
            if (byte == IAC) {
                t->state = COMMAND;
            } else if (take_data(t, byte)) {
                buf[out++] = byte;
            }
            break;
        case COMMAND:
            if (take_command(t, byte)) {
                buf[out++] = byte;
            }
            break;
        case OPTION:
            if (byte == OPT_BINARY && (t->command == WILL || t->command == WONT)) {
                t->binary = t->command == WILL;
            }
            t->state = DATA;
            break;
        case SUB:
            t->state = byte == IAC ? SUB_IAC : SUB;
            break;
        default:
            t->state = byte == SE ? DATA : SUB;
            break;
        }
    }
    return out;
}
