/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 16550A UART: registers, FIFOs, interrupts, modem lines, loopback.
 *
 * After the PC16550D data sheet. Transmission is not slowed to the baud rate: a byte leaves as soon
 * as the back-end takes it, and stays in the FIFO, with THRE off, while it does not. Received bytes
 * come as fast as the guest makes room. Only the receive time-out follows the line speed.
 *
 * A back-end without modem lines reads as a peer that is always there: CTS, DSR and DCD on. OUT2
 * does not gate the interrupt here; PC boards do that, and guests that forget it are many.
 *
 * Absent: parity and framing errors (no back-end has them), the DMA mode outputs.
 */
#include "hw/char/ns16550.h"

#include "hw/core/machine.h"

#include <string.h>

enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR };

enum { IER_RDA = 1, IER_THRE = 2, IER_RLS = 4, IER_MSR = 8, IER_BITS = 0x0f };
enum {
    IIR_NONE = 0x01,
    IIR_MSR = 0x00,
    IIR_THRE = 0x02,
    IIR_RDA = 0x04,
    IIR_RLS = 0x06,
    IIR_TIMEOUT = 0x0c,
    IIR_FIFOS = 0xc0,
};
enum { FCR_ENABLE = 1, FCR_CLEAR_RX = 2, FCR_CLEAR_TX = 4, FCR_KEPT = 0xc9 };
enum { LCR_BREAK = 0x40, LCR_DLAB = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 0x10, MCR_BITS = 0x1f };
enum {
    LSR_DR = 0x01,
    LSR_OE = 0x02,
    LSR_PE = 0x04,
    LSR_FE = 0x08,
    LSR_BI = 0x10,
    LSR_ERRORS = 0x1e,
    LSR_THRE = 0x20,
    LSR_TEMT = 0x40,
    LSR_FIFO_ERROR = 0x80,
};
enum {
    MSR_DELTAS = 0x0f,
    MSR_TERI = 0x04,
    MSR_CTS = 0x10,
    MSR_DSR = 0x20,
    MSR_RI = 0x40,
    MSR_DCD = 0x80,
    MSR_LINES = 0xf0,
};

static bool fifo_mode(const struct ns16550 *u)
{
    return u->fcr & FCR_ENABLE;
}

static unsigned rx_depth(const struct ns16550 *u)
{
    return fifo_mode(u) ? NS16550_FIFO : 1;
}

static unsigned rx_trigger(const struct ns16550 *u)
{
    static const uint8_t levels[] = {1, 4, 8, 14};

    return fifo_mode(u) ? levels[u->fcr >> 6] : 1;
}

/* The highest pending interrupt, as IIR's low bits give it. */
static unsigned pending_interrupt(const struct ns16550 *u)
{
    if ((u->ier & IER_RLS) && u->line_errors) {
        return IIR_RLS;
    }
    if ((u->ier & IER_RDA) && u->rx_count >= rx_trigger(u)) {
        return IIR_RDA;
    }
    if ((u->ier & IER_RDA) && u->timeout_pending) {
        return IIR_TIMEOUT;
    }
    if ((u->ier & IER_THRE) && u->thr_pending) {
        return IIR_THRE;
    }
    if ((u->ier & IER_MSR) && (u->msr & MSR_DELTAS)) {
        return IIR_MSR;
    }
    return IIR_NONE;
}

static void update_irq(struct ns16550 *u)
{
    irq_set(u->irq, pending_interrupt(u) != IIR_NONE);
}

/* ---- the line ---- */

/* Start, data, parity and stop bits of one character, in ns of line time. */
static int64_t character_ns(const struct ns16550 *u)
{
    unsigned bits = 1 + 5 + (u->lcr & 3) + !!(u->lcr & 8) + 1 + !!(u->lcr & 4);
    unsigned divisor = u->divisor ? u->divisor : 1;

    return (int64_t)bits * divisor * NS_PER_SEC / 115200;
}

static void send_line_params(struct ns16550 *u)
{
    struct chardev_serial_params p = {
        .speed = 115200 / (u->divisor ? u->divisor : 1),
        .data_bits = 5 + (u->lcr & 3),
        .stop_bits = u->lcr & 4 ? 2 : 1,
        .parity = !(u->lcr & 8)   ? 'N'
                  : u->lcr & 0x10 ? 'E'
                                  : 'O',
    };

    char_frontend_set_params(&u->fe, &p);
}

/* ---- receiving ---- */

static void arm_rx_timeout(struct ns16550 *u)
{
    if (fifo_mode(u) && u->rx_count) {
        timer_set(&u->rx_timeout, clock_now_ns(u->rx_timeout.clock) + 4 * character_ns(u));
    } else {
        timer_cancel(&u->rx_timeout);
    }
}

static void rx_timed_out(void *opaque)
{
    struct ns16550 *u = opaque;

    if (u->rx_count) {
        u->timeout_pending = true;
        update_irq(u);
    }
}

/* The byte that is now first shows its errors in LSR. */
static void reveal_errors(struct ns16550 *u)
{
    if (u->rx_count) {
        u->line_errors |= u->rx_bits[0];
        u->rx_bits[0] = 0;
    }
}

static void rx_push(struct ns16550 *u, uint8_t byte, uint8_t error_bits)
{
    if (u->rx_count >= rx_depth(u)) {
        u->line_errors |= LSR_OE;
        if (fifo_mode(u)) {
            return; /* the shift register is overwritten, the FIFO is not */
        }
        u->rx_count = 0;
    }
    u->rx[u->rx_count] = byte;
    u->rx_bits[u->rx_count++] = error_bits;
    reveal_errors(u);
}

static uint8_t rx_pop(struct ns16550 *u)
{
    uint8_t byte = u->rx[0];

    if (!u->rx_count) {
        return byte;
    }
    u->rx_count--;
    memmove(u->rx, u->rx + 1, u->rx_count);
    memmove(u->rx_bits, u->rx_bits + 1, u->rx_count);
    if (!u->rx_count) {
        u->rx[0] = byte; /* RBR keeps what was read last */
    }
    reveal_errors(u);
    return byte;
}

static size_t rx_room(void *opaque)
{
    struct ns16550 *u = opaque;

    if (u->mcr & MCR_LOOP) {
        return 0; /* the input pin is cut off: bytes wait in the back-end */
    }
    return u->rx_count < rx_depth(u) ? rx_depth(u) - u->rx_count : 0;
}

static void rx_bytes(void *opaque, const uint8_t *buf, size_t len)
{
    struct ns16550 *u = opaque;

    for (size_t i = 0; i < len; i++) {
        rx_push(u, buf[i], 0);
    }
    arm_rx_timeout(u);
    update_irq(u);
}

static void chardev_event(void *opaque, enum chardev_event event)
{
    struct ns16550 *u = opaque;

    if (event == CHARDEV_BREAK && !(u->mcr & MCR_LOOP)) {
        rx_push(u, 0, LSR_BI);
        arm_rx_timeout(u);
        update_irq(u);
    }
}

/* ---- transmitting ---- */

static void transmit(struct ns16550 *u);

static void chardev_writable(void *opaque)
{
    struct ns16550 *u = opaque;

    u->retry_armed = false;
    transmit(u);
    update_irq(u);
}

/* Sends what the FIFO holds as far as the back-end takes it now. */
static void transmit(struct ns16550 *u)
{
    size_t sent;

    if (!u->tx_count || u->retry_armed) {
        return;
    }
    if (u->mcr & MCR_LOOP) {
        for (unsigned i = 0; i < u->tx_count; i++) {
            rx_push(u, u->tx[i], 0);
        }
        arm_rx_timeout(u);
        sent = u->tx_count;
    } else {
        sent = char_frontend_write(&u->fe, u->tx, u->tx_count);
    }
    sent = MIN(sent, u->tx_count);
    u->tx_count -= sent;
    memmove(u->tx, u->tx + sent, u->tx_count);
    if (!u->tx_count) {
        u->thr_pending = true;
        return;
    }
    u->retry_armed = true;
    char_frontend_on_writable(&u->fe, chardev_writable);
}

static void stop_retry(struct ns16550 *u)
{
    if (u->retry_armed) {
        u->retry_armed = false;
        char_frontend_on_writable(&u->fe, NULL);
    }
}

static void write_thr(struct ns16550 *u, uint8_t byte)
{
    u->thr_pending = false;
    if (u->tx_count < (fifo_mode(u) ? NS16550_FIFO : 1)) {
        u->tx[u->tx_count++] = byte;
    } else {
        u->tx[u->tx_count - 1] = byte; /* the holding register is overwritten */
    }
    transmit(u);
}

/* ---- registers ---- */

static void clear_rx(struct ns16550 *u)
{
    u->rx_count = 0;
    u->timeout_pending = false;
    u->line_errors &= LSR_OE;
    timer_cancel(&u->rx_timeout);
}

static void clear_tx(struct ns16550 *u)
{
    stop_retry(u);
    u->tx_count = 0;
    u->thr_pending = true;
}

static void write_fcr(struct ns16550 *u, uint8_t val)
{
    bool toggled = (u->fcr ^ val) & FCR_ENABLE;

    if (!(val & FCR_ENABLE)) {
        val = 0; /* the other bits count only together with this one */
    }
    u->fcr = val & FCR_KEPT;
    if (toggled || (val & FCR_CLEAR_RX)) {
        clear_rx(u);
    }
    if (toggled || (val & FCR_CLEAR_TX)) {
        clear_tx(u);
    }
    char_frontend_accept_input(&u->fe);
}

static void write_lcr(struct ns16550 *u, uint8_t val)
{
    uint8_t changed = u->lcr ^ val;

    u->lcr = val;
    if (changed & LCR_BREAK) {
        if (u->mcr & MCR_LOOP) {
            if (val & LCR_BREAK) {
                rx_push(u, 0, LSR_BI);
                arm_rx_timeout(u);
            }
        } else {
            char_frontend_set_break(&u->fe, val & LCR_BREAK);
        }
    }
    if (changed & 0x3f) {
        send_line_params(u);
    }
}

/* New levels of the modem inputs; changes set the delta bits. */
static void set_modem_lines(struct ns16550 *u, uint8_t lines)
{
    uint8_t changed = (u->msr ^ lines) & MSR_LINES;
    uint8_t deltas = changed >> 4;

    if (lines & MSR_RI) {
        deltas &= ~MSR_TERI; /* only the end of ringing counts */
    }
    u->msr = (u->msr & MSR_DELTAS) | deltas | lines;
}

static void write_mcr(struct ns16550 *u, uint8_t val)
{
    bool loop_ended = (u->mcr & MCR_LOOP) && !(val & MCR_LOOP);
    uint8_t lines = MSR_CTS | MSR_DSR | MSR_DCD;

    u->mcr = val & MCR_BITS;
    if (u->mcr & MCR_LOOP) {
        lines = (val & MCR_RTS ? MSR_CTS : 0) | (val & MCR_DTR ? MSR_DSR : 0) |
                (val & MCR_OUT1 ? MSR_RI : 0) | (val & MCR_OUT2 ? MSR_DCD : 0);
    }
    set_modem_lines(u, lines);
    if (loop_ended) {
        char_frontend_accept_input(&u->fe);
    }
}

static void write_ier(struct ns16550 *u, uint8_t val)
{
    bool thre_on = (val & IER_THRE) && !(u->ier & IER_THRE);

    u->ier = val & IER_BITS;
    if (thre_on && !u->tx_count) {
        u->thr_pending = true; /* enabling it with an empty transmitter interrupts at once */
    }
}

static uint8_t read_lsr(struct ns16550 *u)
{
    uint8_t val = u->line_errors;

    if (u->rx_count) {
        val |= LSR_DR;
    }
    if (!u->tx_count) {
        val |= LSR_THRE | LSR_TEMT;
    }
    if (fifo_mode(u)) {
        bool bad = u->line_errors & ~LSR_OE;

        for (unsigned i = 0; i < u->rx_count; i++) {
            bad |= u->rx_bits[i] != 0;
        }
        val |= bad ? LSR_FIFO_ERROR : 0;
    }
    u->line_errors = 0;
    return val;
}

static uint8_t read_iir(struct ns16550 *u)
{
    uint8_t val = pending_interrupt(u);

    if (val == IIR_THRE) {
        u->thr_pending = false;
    }
    return val | (fifo_mode(u) ? IIR_FIFOS : 0);
}

static uint8_t read_rbr(struct ns16550 *u)
{
    uint8_t val = rx_pop(u);

    u->timeout_pending = false;
    arm_rx_timeout(u);
    if (!(u->mcr & MCR_LOOP)) {
        char_frontend_accept_input(&u->fe);
    }
    return val;
}

static uint64_t uart_read(void *opaque, uint64_t offset, unsigned size)
{
    struct ns16550 *u = opaque;
    bool dlab = u->lcr & LCR_DLAB;
    uint8_t val = 0xff;

    (void)size;
    switch (offset) {
    case REG_DATA:
        val = dlab ? u->divisor & 0xff : read_rbr(u);
        break;
    case REG_IER:
        val = dlab ? u->divisor >> 8 : u->ier;
        break;
    case REG_IIR_FCR:
        val = read_iir(u);
        break;
    case REG_LCR:
        val = u->lcr;
        break;
    case REG_MCR:
        val = u->mcr;
        break;
    case REG_LSR:
        val = read_lsr(u);
        break;
    case REG_MSR:
        val = u->msr;
        u->msr &= ~MSR_DELTAS;
        break;
    case REG_SCR:
        val = u->scr;
        break;
    }
    update_irq(u);
    return val;
}

static void write_divisor(struct ns16550 *u, unsigned shift, uint8_t val)
{
    u->divisor = (uint16_t)bits_set(u->divisor, shift, 8, val);
    send_line_params(u);
}

static void uart_write(void *opaque, uint64_t offset, uint64_t val, unsigned size)
{
    struct ns16550 *u = opaque;
    bool dlab = u->lcr & LCR_DLAB;

    (void)size;
    switch (offset) {
    case REG_DATA:
        if (dlab) {
            write_divisor(u, 0, (uint8_t)val);
        } else {
            write_thr(u, (uint8_t)val);
        }
        break;
    case REG_IER:
        if (dlab) {
            write_divisor(u, 8, (uint8_t)val);
        } else {
            write_ier(u, (uint8_t)val);
        }
        break;
    case REG_IIR_FCR:
        write_fcr(u, (uint8_t)val);
        break;
    case REG_LCR:
        write_lcr(u, (uint8_t)val);
        break;
    case REG_MCR:
        write_mcr(u, (uint8_t)val);
        break;
    case REG_LSR: /* factory test */
        break;
    case REG_MSR: /* the deltas can be set by software; nobody relies on more */
        u->msr = (u->msr & MSR_LINES) | (val & MSR_DELTAS);
        break;
    case REG_SCR:
        u->scr = (uint8_t)val;
        break;
    }
    update_irq(u);
}

static const struct region_ops uart_ops = {
    .read = uart_read,
    .write = uart_write,
    .min_size = 1,
    .max_size = 1,
};

/* ---- state ---- */

static bool uart_loaded(void *base, unsigned version, GError **error)
{
    struct ns16550 *u = base;

    (void)version;
    if (u->rx_count > NS16550_FIFO || u->tx_count > NS16550_FIFO) {
        return fail(error, "ns16550: %u bytes received and %u to send do not fit the FIFOs",
                    u->rx_count, u->tx_count);
    }
    u->fcr &= FCR_KEPT;
    stop_retry(u);
    send_line_params(u);
    transmit(u);
    update_irq(u);
    return true;
}

static const struct state_field uart_fields[] = {
    STATE_U16(struct ns16550, divisor),
    STATE_U8(struct ns16550, ier),
    STATE_U8(struct ns16550, fcr),
    STATE_U8(struct ns16550, lcr),
    STATE_U8(struct ns16550, mcr),
    STATE_U8(struct ns16550, msr),
    STATE_U8(struct ns16550, scr),
    STATE_U8(struct ns16550, line_errors),
    STATE_BYTES(struct ns16550, rx),
    STATE_BYTES(struct ns16550, rx_bits),
    STATE_U8(struct ns16550, rx_count),
    STATE_BYTES(struct ns16550, tx),
    STATE_U8(struct ns16550, tx_count),
    STATE_BOOL(struct ns16550, thr_pending),
    STATE_BOOL(struct ns16550, timeout_pending),
    STATE_TIMER(struct ns16550, rx_timeout),
    {0},
};

const struct state_table ns16550_state = {
    .name = "ns16550",
    .version = 1,
    .fields = uart_fields,
    .post_load = uart_loaded,
};

/* ---- life ---- */

bool ns16550_init(struct ns16550 *u, struct device *dev, struct irq *irq, const char *name,
                  GError **error)
{
    u->dev = dev;
    u->irq = irq;
    timer_init(&u->rx_timeout, &dev->machine->clock_virtual, rx_timed_out, u);
    region_init_io(&u->region, &uart_ops, u, name, 8);
    u->fe.can_receive = rx_room;
    u->fe.receive = rx_bytes;
    u->fe.event = chardev_event;
    u->fe.opaque = u;
    return backend_connect(&u->fe, error);
}

void ns16550_fini(struct ns16550 *u)
{
    if (!u->dev) {
        return;
    }
    stop_retry(u);
    timer_cancel(&u->rx_timeout);
    backend_disconnect(&u->fe);
    region_fini(&u->region);
    u->dev = NULL;
}

void ns16550_reset(struct ns16550 *u)
{
    stop_retry(u);
    timer_cancel(&u->rx_timeout);
    if (u->lcr & LCR_BREAK) {
        char_frontend_set_break(&u->fe, false);
    }
    u->divisor = 12; /* 9600 baud, what firmware leaves */
    u->ier = u->fcr = u->lcr = u->scr = u->line_errors = 0;
    u->mcr = MCR_OUT2;
    u->msr = MSR_CTS | MSR_DSR | MSR_DCD;
    u->rx_count = u->tx_count = 0;
    memset(u->rx, 0, sizeof(u->rx));
    memset(u->rx_bits, 0, sizeof(u->rx_bits));
    memset(u->tx, 0, sizeof(u->tx));
    u->thr_pending = u->timeout_pending = false;
    update_irq(u);
    char_frontend_accept_input(&u->fe);
}
