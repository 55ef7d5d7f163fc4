/* SPDX-License-Identifier: Apache-2.0 */
/* smsc_pdu.h -- SMPP 3.4 PDUs as the carrier simulator reads and writes them.
 *
 * The simulator judges the gateway, so it must not share the gateway's mistakes: this is a second reading of
 * the standard that includes nothing from src/ or drivers/.  It is also stricter than a carrier: a real SMSC
 * forgives much, a simulator that forgave would hide what another SMSC refuses.
 *
 * Reading makes views into the caller's buffer and copies nothing.  Each refusal comes with a reason in words
 * and the command_status that an SMSC would answer.  Writing goes to a bounded buffer; running out of room is
 * our own bug and asserts.
 */
#ifndef SMSC_PDU_H
#define SMSC_PDU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SMSC_HEADER_LEN 16u
#define SMSC_PDU_MAX	66560u /* a message_payload of 65535 and the mandatory part */
#define SMSC_RESP	0x80000000u

/* SMPP 3.4, 5.1.2.1 */
enum smsc_command {
	CMD_BIND_RECEIVER = 0x01,
	CMD_BIND_TRANSMITTER = 0x02,
	CMD_QUERY_SM = 0x03,
	CMD_SUBMIT_SM = 0x04,
	CMD_DELIVER_SM = 0x05,
	CMD_UNBIND = 0x06,
	CMD_REPLACE_SM = 0x07,
	CMD_CANCEL_SM = 0x08,
	CMD_BIND_TRANSCEIVER = 0x09,
	CMD_OUTBIND = 0x0B,
	CMD_ENQUIRE_LINK = 0x15,
	CMD_DATA_SM = 0x103,
};
#define CMD_GENERIC_NACK 0x80000000u

/* SMPP 3.4, 5.1.3: those that the simulator answers or understands. */
enum smsc_status {
	ESME_ROK = 0x00,
	ESME_RINVMSGLEN = 0x01,
	ESME_RINVCMDLEN = 0x02,
	ESME_RINVCMDID = 0x03,
	ESME_RINVBNDSTS = 0x04,
	ESME_RALYBND = 0x05,
	ESME_RINVPRTFLG = 0x06,
	ESME_RINVREGDLVFLG = 0x07,
	ESME_RSYSERR = 0x08,
	ESME_RINVSRCADR = 0x0A,
	ESME_RINVDSTADR = 0x0B,
	ESME_RINVMSGID = 0x0C,
	ESME_RBINDFAIL = 0x0D,
	ESME_RINVPASWD = 0x0E,
	ESME_RINVSYSID = 0x0F,
	ESME_RCANCELFAIL = 0x11,
	ESME_RREPLACEFAIL = 0x13,
	ESME_RMSGQFUL = 0x14,
	ESME_RINVSERTYP = 0x15,
	ESME_RINVESMCLASS = 0x43,
	ESME_RINVSRCTON = 0x48,
	ESME_RINVSRCNPI = 0x49,
	ESME_RINVDSTTON = 0x50,
	ESME_RINVDSTNPI = 0x51,
	ESME_RINVSYSTYP = 0x53,
	ESME_RINVREPFLAG = 0x54,
	ESME_RTHROTTLED = 0x58,
	ESME_RINVSCHED = 0x61,
	ESME_RINVEXPIRY = 0x62,
	ESME_RX_T_APPN = 0x64,
	ESME_RQUERYFAIL = 0x67,
	ESME_RINVOPTPARSTREAM = 0xC0,
	ESME_ROPTPARNOTALLWD = 0xC1,
	ESME_RINVPARLEN = 0xC2,
	ESME_RMISSINGOPTPARAM = 0xC3,
	ESME_RINVOPTPARAMVAL = 0xC4,
};

/* SMPP 3.4, 5.2.28 */
enum smsc_state {
	STATE_ENROUTE = 1,
	STATE_DELIVERED = 2,
	STATE_EXPIRED = 3,
	STATE_DELETED = 4,
	STATE_UNDELIVERABLE = 5,
	STATE_ACCEPTED = 6,
	STATE_UNKNOWN = 7,
	STATE_REJECTED = 8,
};

struct smsc_header {
	uint32_t length, command, status, sequence;
};

/* A C-octet string inside a PDU, without its NUL. */
struct smsc_str {
	const char *s;
	size_t n;
};

struct smsc_addr {
	uint8_t ton, npi;
	struct smsc_str digits;
};

struct smsc_bind {
	struct smsc_str system_id, password, system_type, address_range;
	uint8_t interface_version;
};

/* submit_sm and data_sm; `text` is short_message or message_payload, whichever carried it. */
struct smsc_message {
	struct smsc_addr source, dest;
	uint8_t esm_class, registered_delivery, data_coding;
	const uint8_t *text;
	uint32_t n_text;
	const uint8_t *tlvs; /* all of them as they came */
	uint32_t n_tlvs;
	bool has_sar;
	uint16_t sar_ref;
	uint8_t sar_total, sar_seq;
	bool numbered; /* user_message_reference */
	uint16_t number;
	struct smsc_str schedule, validity; /* of submit_sm */
};

/* query_sm and cancel_sm. */
struct smsc_ref {
	struct smsc_str message_id;
	struct smsc_addr source;
};

/* What is wrong with a PDU: a sentence for a person, a status for the peer. */
struct smsc_fault {
	const char *why;
	uint32_t status;
};

void smsc_pdu_header(const uint8_t *p, struct smsc_header *ret);

/* Each returns 0, or -EBADMSG with `f` filled in.  `body` is the PDU behind its header. */
int smsc_pdu_read_bind(const uint8_t *body, size_t n, struct smsc_bind *ret, struct smsc_fault *f);
int smsc_pdu_read_submit(const uint8_t *body, size_t n, struct smsc_message *ret, struct smsc_fault *f);
int smsc_pdu_read_data(const uint8_t *body, size_t n, struct smsc_message *ret, struct smsc_fault *f);
int smsc_pdu_read_query(const uint8_t *body, size_t n, struct smsc_ref *ret, struct smsc_fault *f);
int smsc_pdu_read_cancel(const uint8_t *body, size_t n, struct smsc_ref *ret, struct smsc_fault *f);
/* deliver_sm_resp: a single NUL, or nothing beside an error. */
int smsc_pdu_check_deliver_resp(const struct smsc_header *h, const uint8_t *body, struct smsc_fault *f);

struct smsc_out {
	uint8_t *p;
	size_t n, cap;
};

void smsc_out_u8(struct smsc_out *o, uint8_t v);
void smsc_out_u16(struct smsc_out *o, uint16_t v);
void smsc_out_u32(struct smsc_out *o, uint32_t v);
void smsc_out_octets(struct smsc_out *o, const void *p, size_t n);
void smsc_out_cstr(struct smsc_out *o, const char *s, size_t n);
/* Begin a PDU at the end of `o`; smsc_out_end() with the returned offset fills in command_length. */
size_t smsc_out_begin(struct smsc_out *o, uint32_t command, uint32_t status, uint32_t sequence);
void smsc_out_end(struct smsc_out *o, size_t start);

struct smsc_deliver {
	uint8_t esm_class, data_coding;
	uint8_t source_ton, source_npi, dest_ton, dest_npi;
	struct smsc_str source, dest;
	const void *text;
	size_t n_text; /* at most 254 */
};

/* The mandatory part of deliver_sm; TLVs may follow before smsc_out_end(). */
void smsc_out_deliver(struct smsc_out *o, const struct smsc_deliver *d);

#endif
