/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to hw/ide: a unit on a channel, and what the command sets (ATA, ATAPI) build on.
 *
 * A command runs through phases. Data moves between the guest and buf by PIO (in DRQ blocks) or
 * DMA, between buf and the image by one host request at a time. After each step the unit's kind is
 * called (data_done, host_done) and goes on by the field `then`, so that a command in any phase is
 * plain data: it can be saved, and a failed host request can be tried again later.
 */
#ifndef VITRO_HW_IDE_DEVICE_H
#define VITRO_HW_IDE_DEVICE_H

#include "block/block.h"
#include "hw/ide/ide.h"

enum {
    IDE_SECTOR = 512,
    IDE_BUF_BYTES = 256 * 1024, /* a multiple of every sector size and of 16 sectors */
    IDE_MAX_MULTIPLE = 16,      /* sectors per DRQ block */
    IDE_MAX_TRIM_BLOCKS = 64,   /* sectors of one TRIM list */
    IDE_CDB_BYTES = 12,
    IDE_CD_BLOCK = 2048,
    IDE_CD_FRAME = 2352,
    IDE_SELF_TESTS = 21, /* entries of the self-test log */
};

/* Status register */
enum {
    STATUS_ERR = 0x01, /* ATAPI: CHK */
    STATUS_DRQ = 0x08,
    STATUS_DSC = 0x10,
    STATUS_DRDY = 0x40,
    STATUS_BSY = 0x80,
    STATUS_READY = STATUS_DRDY | STATUS_DSC,
};

/* Error register */
enum {
    ERROR_ABRT = 0x04,
    ERROR_IDNF = 0x10,
    ERROR_UNC = 0x40,
    ERROR_ICRC = 0x80,
};

/* Device and device control registers */
enum {
    DEVICE_DEV = 0x10,
    DEVICE_LBA = 0x40,
    CONTROL_NIEN = 0x02,
    CONTROL_SRST = 0x04,
    CONTROL_HOB = 0x80,
};

enum ide_phase {
    PHASE_IDLE,
    PHASE_PIO_IN,    /* the guest reads buf */
    PHASE_PIO_OUT,   /* the guest writes buf */
    PHASE_DMA,       /* the bus master moves buf, or is waited for */
    PHASE_HOST,      /* a host request is in flight, or will be tried again (retry) */
    PHASE_RESETTING, /* SRST is set, or a request from before the reset is in flight: BSY */
    PHASES,
};

enum ide_host_op {
    HOST_READ,
    HOST_WRITE,
    HOST_FLUSH,
    HOST_DISCARD,
    HOST_OPS,
};

enum ide_power {
    POWER_ACTIVE,
    POWER_IDLE,
    POWER_STANDBY,
    POWER_SLEEP,
    POWERS,
};

struct ide_command {
    void (*run)(struct ide_device *d); /* NULL: aborted */
    bool anytime;                      /* also while busy or asleep */
};

/* A command set. */
struct ide_kind {
    const struct ide_command *commands; /* by code, 256 */
    uint8_t thens;                      /* values of `then` */
    uint8_t ready;                      /* status after a reset */
    uint8_t signature_mid, signature_high;
    void (*power_on)(struct ide_device *d); /* what a software reset leaves alone */
    /* All of buf has moved. */
    void (*data_done)(struct ide_device *d);
    /* The next DRQ block begins; may be NULL. */
    void (*block_starts)(struct ide_device *d);
    /* The host request is over; @ret 0 or -errno. */
    void (*host_done)(struct ide_device *d, int ret);
    bool (*check_loaded)(struct ide_device *d, GError **error);
};

extern const struct ide_kind ide_kind_ata, ide_kind_atapi;

/* What only disks have. */
struct ata_state {
    uint32_t left;    /* sectors of the command not yet read or written */
    uint64_t lba;     /* the next of them */
    uint64_t max_lba; /* sectors that SET MAX ADDRESS leaves visible */
    uint64_t boot_max_lba;
    uint16_t trim_pos;  /* next entry of a TRIM list in buf */
    uint8_t heads, spt; /* INITIALIZE DEVICE PARAMETERS */
    uint8_t multiple;   /* sectors per DRQ block of the MULTIPLE commands; 0: off */
    uint8_t last_command;
    bool ext;         /* the command has 48-bit addresses */
    bool flush_after; /* the write is to be on stable storage */
    bool write_cache, look_ahead;
    bool smart_enabled, smart_autosave;
    uint8_t self_tests; /* how many are in the log */
    uint8_t self_test_types[IDE_SELF_TESTS];
    uint8_t self_test_next; /* where the next one goes */
};

/* What only CD drives have. */
struct atapi_state {
    uint8_t cdb[IDE_CDB_BYTES];
    uint8_t sense_key, asc, ascq;
    uint8_t attention_asc; /* unit attention to report; 0: none */
    uint8_t event;         /* media event to report, 0: none */
    bool dma;              /* the packet's data goes by DMA */
    uint16_t byte_limit;
    uint32_t lba;
    uint32_t left;     /* blocks not yet read */
    uint8_t raw_flags; /* READ CD's byte 9; 0: user data only */
};

struct ide_device {
    struct device dev;
    int32_t unit_wanted; /* bus property "unit" */

    /* properties: fixed once realized */
    struct drive *drive;
    char *serial, *version, *model;
    uint64_t wwn;
    int32_t bootindex;
    uint16_t logical_block_size, physical_block_size;
    uint32_t cyls, heads, secs;
    uint16_t rotation_rate;
    enum on_off_auto write_cache;

    /* fixed once realized */
    bool owns_drive;             /* drive= was not given: an empty one of its own */
    struct ide_channel *channel; /* NULL: not plugged in */
    unsigned unit;
    const struct ide_kind *kind;
    uint64_t sectors; /* disks: native capacity */
    uint8_t *buf;
    struct block_request *request; /* in flight */

    /* registers; hob: what was written before */
    uint8_t feature, nsector, lba_low, lba_mid, lba_high;
    uint8_t hob_feature, hob_nsector, hob_low, hob_mid, hob_high;
    uint8_t device, status, error;
    bool intrq;

    /* the command that runs */
    uint8_t phase, then, host_op;
    bool dma, to_guest;
    bool retry; /* the host request failed and will be submitted again */
    uint32_t buf_len, buf_pos, block_end, block_size;
    uint64_t host_offset;
    uint32_t host_len;

    uint8_t power;         /* enum ide_power */
    uint8_t transfer_mode; /* as SET FEATURES got it */
    struct ata_state ata;
    struct atapi_state cd;
};

/* ---- core.c: for command sets ---- */

/* The command is over; @irq as its protocol wants. */
void ide_end(struct ide_device *d, bool irq);
/* Ends it with an error, always with an interrupt. */
void ide_end_error(struct ide_device *d, uint8_t error);
void ide_abort(struct ide_device *d);
void ide_raise(struct ide_device *d);
void ide_update_irq(struct ide_channel *ch);
void ide_set_signature(struct ide_device *d);

/* Offers buf_len bytes of buf to the guest in DRQ blocks of block_size, or by DMA. */
void ide_data_in(struct ide_device *d);
/* Wants buf_len bytes from the guest. @irq: for the first DRQ block (PIO). */
void ide_data_out(struct ide_device *d, bool irq);

/* Cancels what runs; the unit stays busy until nothing is in flight. */
void ide_begin_reset(struct ide_device *d);
/* Ends the reset, at once if nothing is in flight. */
void ide_try_end_reset(struct ide_device *d);

/* Commands that both kinds have. */
void ide_set_transfer_mode(struct ide_device *d);
void ide_execute_diagnostic(struct ide_device *d);
void ide_power_command(struct ide_device *d, enum ide_power power);
void ide_check_power(struct ide_device *d);
void ide_nop(struct ide_device *d);

/* IDENTIFY: @text padded with spaces, bytes swapped as ATA strings are. */
void ide_put_string(uint8_t *word, const char *text, unsigned chars);
/* Words that say which modes there are and which is chosen. */
void ide_put_modes(const struct ide_device *d, uint8_t *id);
/* The checksum byte of word 255. */
void ide_put_checksum(uint8_t *id);

static inline void ide_put_word(uint8_t *id, unsigned word, uint16_t val)
{
    id[2 * word] = (uint8_t)val;
    id[2 * word + 1] = (uint8_t)(val >> 8);
}

/* ---- host.c ---- */

/* Starts a request for host_len bytes at @offset, to or from the start of buf. */
void ide_host(struct ide_device *d, enum ide_host_op op, uint64_t offset, uint32_t len);
void ide_host_cancel(struct ide_device *d);
/* The machine runs (again): tries what had to wait. */
void ide_host_running(void *opaque);

/* ---- ata_identify.c, ata_smart.c ---- */
void ata_identify(struct ide_device *d);
void ata_smart(struct ide_device *d);

/* ---- atapi*.c ---- */
void atapi_packet_execute(struct ide_device *d);
void atapi_medium_changed(void *device, bool loaded);
void atapi_eject_requested(void *device);
bool atapi_has_medium(const struct ide_device *d);
/* Blocks of 2048 bytes on the medium, 0 without one. */
uint32_t atapi_blocks(const struct ide_device *d);
bool atapi_is_dvd(const struct ide_device *d);
/* Ends the packet with CHECK CONDITION. */
void atapi_check(struct ide_device *d, uint8_t key, uint8_t asc, uint8_t ascq);
/* Ends it well, without data. */
void atapi_good(struct ide_device *d);
/* Sends the first @len bytes of buf, cut to the @allocation that the packet gave. */
void atapi_reply(struct ide_device *d, uint32_t len, uint32_t allocation);
void atapi_start_stop(struct ide_device *d);
/* Opens or closes the tray and tells monitors. */
void ide_tray_moved(struct ide_device *d, bool open);

/* atapi_info.c: packets that describe drive and medium */
void atapi_inquiry(struct ide_device *d);
void atapi_mode_sense(struct ide_device *d);
void atapi_read_capacity(struct ide_device *d);
void atapi_read_toc(struct ide_device *d);
void atapi_read_subchannel(struct ide_device *d);
void atapi_get_configuration(struct ide_device *d);
void atapi_get_event_status(struct ide_device *d);
void atapi_mechanism_status(struct ide_device *d);
void atapi_read_disc_info(struct ide_device *d);
void atapi_read_dvd_structure(struct ide_device *d);

/* atapi_raw.c: the parts of a mode 1 frame that @flags (READ CD's byte 9) asks for, from its user
 * data. */
uint32_t atapi_frame_size(uint8_t flags);
void atapi_frame_fill(uint8_t *out, const uint8_t *data, uint32_t lba, uint8_t flags);

/* The sense keys in use, with the usual codes. */
enum {
    SENSE_NOT_READY = 2,
    SENSE_MEDIUM_ERROR = 3,
    SENSE_HARDWARE_ERROR = 4,
    SENSE_ILLEGAL_REQUEST = 5,
    SENSE_UNIT_ATTENTION = 6,
    SENSE_DATA_PROTECT = 7,

    ASC_READ_ERROR = 0x11,
    ASC_INVALID_OPCODE = 0x20,
    ASC_LBA_OUT_OF_RANGE = 0x21,
    ASC_INVALID_FIELD = 0x24,
    ASC_MEDIUM_CHANGED = 0x28,
    ASC_RESET = 0x29,
    ASC_INCOMPATIBLE_MEDIUM = 0x30,
    ASC_NO_SAVED_PAGES = 0x39,
    ASC_NO_MEDIUM = 0x3a,
    ASC_REMOVAL_PREVENTED = 0x53,
};

/* Media events of GET EVENT STATUS NOTIFICATION */
enum {
    MEDIA_NO_EVENT = 0,
    MEDIA_EJECT_REQUEST = 1,
    MEDIA_NEW = 2,
    MEDIA_REMOVAL = 3,
};

/* drive.c */
extern const struct state_table ide_device_state;

#endif
