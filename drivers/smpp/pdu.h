/* SPDX-License-Identifier: Apache-2.0 */
/* pdu.h -- SMPP PDUs as octets: cut them out of the stream, read what a carrier sends, write what we send.
 *
 * Two writers and two readers stand side by side, for a reason.  libsmpp34 knows the whole standard, but it is slow
 * (one life cycle of a message costs it 8 us), keeps its state in globals, writes out of bounds on a sound PDU of 29
 * TLVs, and refuses much that real carriers send.  So the PDUs of every message go through code of our own, which the
 * tests hold against libsmpp34 octet for octet, and libsmpp34 writes and reads the rare ones, behind a gate:
 * mandatory part only, length patched, struct zeroed before.
 *
 * What the readers promise: they never read outside the `n` octets they are given, whatever is in them; they allocate
 * nothing; what they return points into the PDU.  They take what is readable and refuse only what has no meaning:
 *
 *  - a response may end after the header, also with status 0; its message_id may lack the NUL and be of any length;
 *  - a TLV that runs past the end takes all after it away, and nothing before it;
 *  - unknown TLVs are skipped; of two with one tag the first counts.
 *
 * All functions belong to the loop thread, because of libsmpp34's globals. */
#ifndef SMPP_PDU_H
#define SMPP_PDU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PDU_HEADER 16u
#define PDU_MAX    65536u /* the largest TLV, 65,535 octets, is never sent whole; what is longer is no SMPP */

/* command_id, SMPP 3.4, 5.1.2.1 */
#define PDU_RESP               0x80000000u
#define PDU_GENERIC_NACK       0x80000000u
#define PDU_BIND_RECEIVER      0x00000001u
#define PDU_BIND_TRANSMITTER   0x00000002u
#define PDU_QUERY_SM           0x00000003u
#define PDU_SUBMIT_SM          0x00000004u
#define PDU_DELIVER_SM         0x00000005u
#define PDU_UNBIND             0x00000006u
#define PDU_BIND_TRANSCEIVER   0x00000009u
#define PDU_OUTBIND            0x0000000bu
#define PDU_ENQUIRE_LINK       0x00000015u
#define PDU_ALERT_NOTIFICATION 0x00000102u
#define PDU_DATA_SM            0x00000103u

/* ---- Framing. ---- */

struct pdu_header {
	uint32_t length, id, status, seq;
};

/* The PDU at the front of `n` octets: its length; 0 when it is not yet whole (or not even its length);
 * -EBADMSG when the length cannot be one, and the stream means nothing any more. */
int32_t pdu_frame(const uint8_t *data, size_t n);

/* At least PDU_HEADER octets. */
void pdu_header_read(const uint8_t *pdu, struct pdu_header *ret);

/* ---- What a carrier sends. ---- */

struct pdu_str {
	const char *s; /* no NUL to rely on */
	size_t n;
};

/* deliver_sm or data_sm (SMPP 3.4, 4.6.1 and 4.7.1). */
struct pdu_sm {
	struct pdu_str service_type, source, dest;
	uint8_t source_ton, source_npi, dest_ton, dest_npi;
	uint8_t esm_class, protocol_id, registered_delivery, data_coding;
	const uint8_t *text; /* message_payload when there is one, else short_message */
	uint32_t n_text;
	struct pdu_str receipted_id;    /* n = 0: none */
	struct pdu_str additional_text; /* additional_status_info_text */
	int message_state;              /* -1: none */
	const uint8_t *network_error;   /* three octets, or NULL */
	uint16_t sar_ref;
	uint8_t sar_total, sar_seq;     /* total 0: no sar_ TLVs, or not sound */
	int32_t source_port, dest_port; /* -1: none */
	int32_t number;                 /* user_message_reference, -1: none */
};

/* 0; or -EBADMSG and the command_status to answer with. */
int pdu_read_sm(const uint8_t *pdu, size_t n, struct pdu_sm *ret, uint32_t *ret_status);

/* The message_id of submit_sm_resp or data_sm_resp, or the system_id of bind_*_resp: the first field of the body. */
struct pdu_str pdu_read_id(const uint8_t *pdu, size_t n);

/* query_sm_resp (SMPP 3.4, 4.8.2).  0 or -EBADMSG: there is no message_state in it.  Some leave out the error_code. */
struct pdu_query_resp {
	struct pdu_str message_id, final_date;
	uint8_t message_state;
	int error_code; /* -1: none */
};
int pdu_read_query_resp(const uint8_t *pdu, size_t n, struct pdu_query_resp *ret);

/* A TLV of one octet in a response, or -1.  The TLVs stand behind the first field of the body; in a refusal, which has
 * no body for many carriers, also right behind the header. */
#define PDU_TLV_SC_INTERFACE_VERSION 0x0210u /* SMPP 3.4, 5.3.2.25 */
#define PDU_TLV_CONGESTION_STATE     0x0428u /* SMPP 5.0, 4.8.4.18 */
int pdu_read_resp_octet(const uint8_t *pdu, size_t n, uint16_t tag);

/* outbind (SMPP 3.4, 4.1.7.1).  0 or -EBADMSG. */
int pdu_read_outbind(const uint8_t *pdu, size_t n, struct pdu_str *ret_system_id, struct pdu_str *ret_password);

/* ---- What we send. ---- */

struct pdu_submit {
	uint32_t seq;
	const char *service_type;
	uint8_t source_ton, source_npi, dest_ton, dest_npi;
	const char *source, *dest;
	uint8_t esm_class, protocol_id, priority, registered_delivery, data_coding;
	bool replace_if_present;
	const char *validity; /* 16 characters, or "" */
	const char *schedule; /* likewise; NULL: "" */
	const uint8_t *udh, *text; /* together the short_message */
	uint8_t n_udh, n_text;
	uint16_t sar_ref;
	uint8_t sar_total, sar_seq; /* total 0: no sar_ TLVs */
	bool numbered;              /* user_message_reference */
	uint16_t number;
	bool to_display;            /* dest_addr_subunit: the display, that is flash */
	const uint8_t *payload;     /* message_payload, or NULL; then short_message is empty */
	uint16_t n_payload;
	const uint8_t *tlvs;        /* further ones, as they stand on the wire */
	uint16_t n_tlvs;
};

#define PDU_SERVICE_TYPE_MAX 5u  /* SMPP 3.4, 5.2.11 */
#define PDU_ADDRESS_MAX      20u /* 5.2.8 */
#define PDU_TIME_LEN         16u /* 7.1.1 */
#define PDU_SHORT_MAX        254u /* 5.2.21 */

/* Upper bound of a submit_sm with so many octets of payload and of further TLVs. */
#define PDU_SUBMIT_MAX(n_more) (PDU_HEADER + 6u + 2u * 23u + 12u + 32u + PDU_SHORT_MAX + 6u + 5u + 16u + 4u + (n_more))

/* Returns the octets written; 0 when a field is too long or `cap` too small. */
size_t pdu_put_submit_sm(uint8_t *dst, size_t cap, const struct pdu_submit *s);

/* query_sm (SMPP 3.4, 4.8.1). */
struct pdu_query {
	uint32_t seq;
	const char *message_id, *source;
	uint8_t source_ton, source_npi;
};
#define PDU_ID_MAX    64u /* SMPP 3.4, 5.2.23 */
#define PDU_QUERY_MAX (PDU_HEADER + PDU_ID_MAX + 1u + 2u + PDU_ADDRESS_MAX + 1u)

/* Octets written; 0 when a field is too long. */
size_t pdu_put_query_sm(uint8_t dst[static PDU_QUERY_MAX], const struct pdu_query *q);

/* A PDU without body: enquire_link and its response, generic_nack.  PDU_HEADER octets. */
size_t pdu_put_header(uint8_t dst[static PDU_HEADER], uint32_t id, uint32_t status, uint32_t seq);

/* deliver_sm_resp or data_sm_resp: an empty message_id. */
#define PDU_SM_RESP_LEN (PDU_HEADER + 1u)
size_t pdu_put_sm_resp(uint8_t dst[static PDU_SM_RESP_LEN], uint32_t id, uint32_t status, uint32_t seq);

/* ---- The rare ones, by libsmpp34. ---- */

struct pdu_bind {
	uint32_t id, seq;
	const char *system_id, *password, *system_type, *address_range; /* at most 15, 8, 12, 40 characters */
	uint8_t interface_version;
};
#define PDU_BIND_MAX 128u

/* Octets written, or -EINVAL: a string is too long. */
int pdu_put_bind(uint8_t dst[static PDU_BIND_MAX], const struct pdu_bind *b);

/* unbind or unbind_resp. */
int pdu_put_unbind(uint8_t dst[static PDU_HEADER], uint32_t id, uint32_t seq);

/* What a PDU that we do not act on says, for the log: "source_addr=... esme_addr=...".
 * -EBADMSG when libsmpp34 refuses it, -ENOTSUP for other commands than outbind and alert_notification. */
int pdu_describe(const uint8_t *pdu, size_t n, char *text, size_t n_text);

#endif
