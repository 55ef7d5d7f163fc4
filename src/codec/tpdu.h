/* SPDX-License-Identifier: Apache-2.0 */
/* tpdu.h -- SMS TPDUs, as modems take and give them in PDU mode (3GPP TS 23.040, 9.2.2).
 *
 * Read and written whole: SMS-SUBMIT, SMS-DELIVER, SMS-STATUS-REPORT.  Of SMS-DELIVER-REPORT, SMS-SUBMIT-REPORT and
 * SMS-COMMAND, which a modem answers or never shows, the type is named and the rest kept as octets.
 *
 * Nothing is refused that can be shown.  What a TPDU says of itself is often wrong: a TP-UDL beyond the octets that are
 * there, a header longer than the user data, time stamps that are none.  Each of these has a fall-back, told below, and
 * leaves a note with the place in the octets.  -EBADMSG is for what has no meaning at all, with place and reason:
 *
 *   the octets end inside the fields in front of TP-UD; an address of more than 20 semi-octets;
 *   a reserved TP-MTI on its way to the network.
 *
 * No heap, no clock: a TPDU is a struct of the caller's. */
#ifndef CODEC_TPDU_H
#define CODEC_TPDU_H

#include "codec/dcs.h"
#include "codec/gsm7.h"
#include "codec/segment.h"
#include "codec/tpdu_address.h"
#include "codec/tpdu_time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TPDU_UD_MAX      140 /* octets of TP-UD */
#define TPDU_SEPTETS_MAX 160
#define TPDU_TEXT_MAX    GSM7_UTF8_MAX(TPDU_SEPTETS_MAX)
/* Service centre and the longest SMS-STATUS-REPORT that the fields allow. */
#define TPDU_MAX         (TPDU_ADDRESS_MAX + 2 + TPDU_ADDRESS_MAX + 2 * TPDU_TIME_OCTETS + 5 + TPDU_UD_MAX)

/* TP-MTI has two bits, and the direction says what they mean (9.2.3.1). */
enum tpdu_direction {
	TPDU_MT, /* network to phone */
	TPDU_MO, /* phone to network */
};

enum tpdu_type {
	TPDU_DELIVER,
	TPDU_SUBMIT_REPORT,
	TPDU_STATUS_REPORT,
	TPDU_DELIVER_REPORT,
	TPDU_SUBMIT,
	TPDU_COMMAND,
};

/* "SMS-DELIVER" and the like. */
const char *tpdu_type_name(enum tpdu_type t);

/* The fields, in the order in which they may stand; for saying where one is. */
enum tpdu_field {
	TPDU_F_CENTRE,
	TPDU_F_FIRST,
	TPDU_F_MR,
	TPDU_F_ADDRESS,
	TPDU_F_SCTS,
	TPDU_F_DT,
	TPDU_F_ST,
	TPDU_F_PI,
	TPDU_F_PID,
	TPDU_F_DCS,
	TPDU_F_VP,
	TPDU_F_UDL,
	TPDU_F_UD,
	TPDU_F_REST, /* not interpreted, or ignored */
	TPDU_FIELDS,
};

struct tpdu_span {
	uint16_t at, n; /* octets; n 0: the field is not there */
};

/* What was odd and how it was read.  A bit each. */
enum tpdu_note {
	TPDU_NOTE_TYPE = 1 << 0,     /* a reserved TP-MTI to the phone: read as SMS-DELIVER (9.2.3.1) */
	TPDU_NOTE_FILL = 1 << 1,     /* fillers among the digits of an address are left out */
	TPDU_NOTE_DIGIT = 1 << 2,    /* an odd number of digits and one more in the filler's place: not shown */
	TPDU_NOTE_UDL = 1 << 3,      /* TP-UDL beyond 160 septets or 140 octets: cut to that */
	TPDU_NOTE_SHORT = 1 << 4,    /* fewer octets of TP-UD than TP-UDL says: what is there is taken */
	TPDU_NOTE_HEADER = 1 << 5,   /* TP-UDHI, but no sound header: all of TP-UD is shown as text */
	TPDU_NOTE_OPTIONAL = 1 << 6, /* the octets end inside the optional fields: the rest is left out */
	TPDU_NOTE_SURPLUS = 1 << 7,  /* octets behind the end: ignored */
};
#define TPDU_NOTES 8

/* The note of bit `i` as a sentence without a full stop. */
const char *tpdu_note_text(unsigned i);

struct tpdu {
	enum tpdu_type type;
	uint8_t first;                /* as read; written from the flags below */
	struct tpdu_address centre;   /* empty text: none, or the one stored */
	bool reply_path;              /* TP-RP */
	bool has_header;              /* TP-UDHI */
	bool report;                  /* SUBMIT: TP-SRR; DELIVER: TP-SRI; STATUS-REPORT and COMMAND: TP-SRQ, TP-SRR */
	bool reject_duplicates;       /* SUBMIT: TP-RD */
	bool more;                    /* DELIVER, STATUS-REPORT: more messages wait (TP-MMS is 0) */
	bool loop;                    /* DELIVER, STATUS-REPORT: TP-LP */
	uint8_t mr;                   /* SUBMIT, STATUS-REPORT, COMMAND */
	struct tpdu_address address;  /* TP-DA, TP-OA or TP-RA */
	struct tpdu_time scts;        /* DELIVER, STATUS-REPORT */
	struct tpdu_time discharge;   /* STATUS-REPORT */
	uint8_t status;               /* STATUS-REPORT: TP-ST */
	uint8_t pi;                   /* STATUS-REPORT: the first octet of TP-PI; bits 0 to 2: PID, DCS, UD are there */
	uint8_t pid, dcs;
	struct tpdu_validity validity; /* SUBMIT */
	uint8_t udl;                  /* as the wire has it: septets or octets, header and fill included */
	uint8_t n_ud;                 /* octets in ud[] */
	uint8_t n_udh;                /* of these the header, its length octet included; 0: none, or a broken one */
	uint8_t ud[TPDU_UD_MAX];
	unsigned notes;               /* enum tpdu_note */
	uint16_t note_at[TPDU_NOTES]; /* the octet that each is about */
	struct tpdu_span field[TPDU_FIELDS];
};

/* Why, and at which octet, reading ended. */
struct tpdu_fault {
	size_t at;
	const char *why; /* a sentence without a full stop, never freed */
};

/* Read `n` octets: the service centre first when `has_centre`, then a TPDU that goes in that direction. */
int tpdu_read(const uint8_t *src, size_t n, enum tpdu_direction dir, bool has_centre, struct tpdu *ret,
	struct tpdu_fault *ret_fault);

/* ---- User data ---- */

/* Septets (one an octet) or octets behind the header: for text, for joining the parts of a message before decoding,
 * since a sender may have cut an escape pair, and for data.  Returns how many. */
size_t tpdu_body(const struct tpdu *t, uint8_t dst[static TPDU_SEPTETS_MAX]);

/* The user data is text: there is some, not compressed, and not 8 bit data. */
bool tpdu_is_text(const struct tpdu *t);

/* The text as UTF-8, read with the alphabet of TP-DCS and the language tables of the header; `*ret_n` is 0 when it is
 * none. */
void tpdu_text(const struct tpdu *t, char dst[static TPDU_TEXT_MAX], size_t *ret_n);

/* Set TP-DCS, TP-UDHI and the user data.  `body` is septets, one an octet, where `dcs` says GSM 7 bit and not
 * compressed, else octets.  -EBADMSG: the header is not sound or not of `n_udh` octets.  -EMSGSIZE: more than fits. */
int tpdu_set_ud(struct tpdu *t, uint8_t dcs, const uint8_t *udh, size_t n_udh, const uint8_t *body, size_t n_body);

/* ---- Writing ---- */

/* Write SUBMIT, DELIVER or STATUS-REPORT (`t->pi` bits 0 to 2 choose its optional fields, 0 leaves out TP-PI too), the
 * service centre first when `with_centre`.  `*ret_n_tpdu` is the octets of the TPDU alone, which AT+CMGS counts.
 * Returns the octets written; -EINVAL: another type, an address or a time that is none, a SUBMIT to a name, which no
 * network can deliver; -ENOBUFS: TPDU_MAX octets always suffice. */
int tpdu_put(const struct tpdu *t, bool with_centre, uint8_t *dst, size_t cap, size_t *ret_n_tpdu);

/* A part made by segment_part() or segment_binary_part() becomes an SMS-SUBMIT.  Reply path and TP-RD are off: parts of
 * one message have the same recipient and may have the same TP-MR, and would be taken for duplicates. */
struct tpdu_order {
	struct tpdu_address to;
	struct tpdu_address centre; /* empty text: the one stored in the modem */
	uint8_t mr;
	bool report;                /* ask for an SMS-STATUS-REPORT */
	bool flash;
	uint32_t validity_s;        /* relative, rounded up; 0: the network's own */
};

int tpdu_put_part(const struct tpdu_order *o, enum encoding encoding, const struct segment_wire *w,
	uint8_t dst[static TPDU_MAX], size_t *ret_n_tpdu);

/* ---- TP-ST, 9.2.3.15 ---- */

enum tpdu_outcome {
	TPDU_COMPLETED,  /* final; 00 proves the delivery */
	TPDU_TRYING,     /* the centre still tries; not final */
	TPDU_PERMANENT,  /* final */
	TPDU_GIVEN_UP,   /* final for the centre, after a temporary error: sending again may help */
};

enum tpdu_outcome tpdu_outcome(uint8_t status);

/* What the value means, in words; reserved ones as the document reads them. */
const char *tpdu_status_text(uint8_t status);

#endif
