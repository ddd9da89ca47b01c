/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floppy controller's state, shared by registers (fdc.c), transfers (fdc_exec.c) and drives
 * (fdc_drive.c).
 */
#ifndef VITRO_HW_BLOCK_FDC_PRIV_H
#define VITRO_HW_BLOCK_FDC_PRIV_H

#include "block/block.h"
#include "hw/isa/isa.h"

#define FDC_DRIVES       2
#define FDC_SECTOR_BYTES 512

enum { DOR_DRIVE = 3, DOR_RUN = 4, DOR_DMA = 8, DOR_MOTOR0 = 0x10 };
enum { MSR_BUSY = 0x10, MSR_NON_DMA = 0x20, MSR_TO_HOST = 0x40, MSR_READY = 0x80 };
enum {
    ST0_HEAD = 0x04,
    ST0_EQUIPMENT = 0x10,
    ST0_SEEK_END = 0x20,
    ST0_ABNORMAL = 0x40,
    ST0_INVALID = 0x80,
    ST0_POLLED = 0xc0,
};
enum {
    ST1_NO_MARK = 0x01,
    ST1_PROTECTED = 0x02,
    ST1_NO_DATA = 0x04,
    ST1_OVERRUN = 0x10,
    ST1_DATA_ERROR = 0x20,
    ST1_END = 0x80,
};
enum { ST2_WRONG_CYL = 0x10, ST2_DATA_ERROR = 0x20, ST2_CONTROL_MARK = 0x40 };
enum { CONFIG_THRESHOLD = 0x0f, CONFIG_NO_POLL = 0x10, CONFIG_NO_FIFO = 0x20, CONFIG_SEEK = 0x40 };

/* How the medium is laid out. */
struct fdc_media {
    uint8_t cylinders, heads, sectors;
    uint8_t rate; /* as in CCR */
};

enum fdc_drive_type {
    FDC_DRIVE_AUTO,
    FDC_DRIVE_NONE,
    FDC_DRIVE_120,
    FDC_DRIVE_144,
    FDC_DRIVE_288,
};

struct fdc_drive {
    struct drive *drive; /* NULL: there is no such drive */
    int type;            /* enum fdc_drive_type: property, AUTO until realized */
    bool has_media;
    struct fdc_media media; /* by the size of the image */

    uint8_t cylinder; /* where the heads are */
    bool changed;     /* the disk change line */
};

enum fdc_phase {
    FDC_COMMAND, /* takes command bytes */
    FDC_EXECUTE,
    FDC_RESULT, /* gives result bytes */
};

/* Where the execution of a command that moves data is. */
enum fdc_step {
    STEP_NONE,
    STEP_START,     /* check the medium, find the first sector */
    STEP_READ,      /* a sector is to be read from the image */
    STEP_TO_HOST,   /* buffer[pos..] goes to the host */
    STEP_FROM_HOST, /* buffer[pos..] comes from the host */
    STEP_WRITE,     /* the buffer is to be written to the image */
};

enum fdc_action {
    ACTION_READ,
    ACTION_READ_DELETED,
    ACTION_READ_TRACK,
    ACTION_WRITE,
    ACTION_VERIFY,
    ACTION_FORMAT,
    ACTION_READ_ID,
    ACTIONS,
};

struct fdc {
    struct isa_device isa;
    struct irq *irq;
    struct timer pump; /* the next step of an execution */
    struct iovec iov;  /* of the request in flight */
    bool io_busy;      /* a request is in flight */
    bool io_stale;     /* and nobody waits for it any more */

    /* properties */
    uint32_t iobase, irq_nr, dma;

    struct fdc_drive drives[FDC_DRIVES];
    uint8_t dor, tdr, rate;
    bool irq_pending;
    uint8_t phase; /* enum fdc_phase */
    uint8_t command[16], command_len, command_pos;
    uint8_t result[16], result_len, result_pos;
    uint8_t config, precomp_track, perpendicular, specify[2];
    bool locked;
    uint8_t polled;  /* sense interrupts still owed after a reset */
    uint8_t seeking; /* bit per drive: its seek has ended and was not sensed */
    uint8_t seek_st0[4];

    /* the command being executed */
    uint8_t step, action; /* enums above */
    uint8_t unit, cyl, head, sector, last_sector;
    bool multi_track, terminal_count;
    uint8_t left;         /* sectors still to verify or format */
    uint16_t pos, expect; /* in the buffer */
    uint16_t retries;     /* the DMA controller did not answer this often */
    uint8_t buffer[FDC_SECTOR_BYTES];
};

/* ---- fdc_drive.c ---- */

/* Looks at the medium again: at start and when it is changed. */
void fdc_drive_look(struct fdc_drive *d);
/* What AUTO means for the medium that is there. */
enum fdc_drive_type fdc_drive_type_for(const struct fdc_drive *d);
/* Byte offset of a sector (numbered from 1) in the image; false when there is none. */
bool fdc_drive_offset(const struct fdc_drive *d, uint8_t head, uint8_t sector, uint64_t *ret);

/* ---- fdc_exec.c ---- */

/* Starts what the command bytes ask for. */
void fdc_exec_start(struct fdc *f, enum fdc_action action);
/* The pump timer's function. */
void fdc_exec_step(void *opaque);
/* Forgets the execution; a request in flight ends unnoticed. */
void fdc_exec_abort(struct fdc *f);
/* One byte by the data port in a non-DMA execution. */
uint8_t fdc_exec_read_byte(struct fdc *f);
void fdc_exec_write_byte(struct fdc *f, uint8_t byte);
/* The data port has something to do in the execution. */
bool fdc_exec_port_ready(const struct fdc *f);

/* ---- fdc.c ---- */

/* The drive of a command's second byte, or NULL when there is none. */
struct fdc_drive *fdc_drive_of(struct fdc *f, unsigned unit);
/* To the result phase with @len bytes from @bytes; interrupts when @interrupt. */
void fdc_give_result(struct fdc *f, const uint8_t *bytes, unsigned len, bool interrupt);
void fdc_update_irq(struct fdc *f);

#endif
