/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_decode_pdu.c -- `posthorn decode pdu`: PDUs of SMPP, field by field (SMPP 3.4, 4 and 5; TLVs also of 5.0).
 *
 * The layouts of all commands stand here as a table of their own: what is read at night is often the PDU on which the
 * driver and the carrier disagree, so the reader names each field with its place and goes as far as the octets do,
 * instead of saying yes or no; and it works in a build without libsmpp34. */
#include "config.h"

#include "cli/cmd_decode.h"
#include "cli/sheet.h"
#include "cli/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/charset.h"
#include "codec/data_coding.h"
#include "codec/gsm7.h"
#include "codec/ucs2.h"
#include "codec/udh.h"
#include "smpp/status.h"

enum {
	HEADER = 16,
	RESPONSE = 1u << 31,
	SUBMIT_SM = 0x4,
	DELIVER_SM = 0x5,
};

/* ---- layouts ---- */

enum kind {
	CSTR,   /* up to and with a NUL */
	SECRET, /* the same, not shown: what is decoded is pasted into tickets */
	U8,
	U32,
	TEXT,   /* as many octets as the field before says: sm_length and short_message */
	DESTS,  /* number_of_dests, then so many of dest_flag and address or list */
	FAILED, /* no_unsuccess, then so many of address and error_status_code */
};

struct field {
	const char *name;
	enum kind kind;
	uint16_t most; /* CSTR: octets by the standard, the NUL included */
};

#define ADDRESS(prefix, name, most) \
	{ prefix "_ton", U8, 0 }, { prefix "_npi", U8, 0 }, { name, CSTR, most }
#define TIMES { "schedule_delivery_time", CSTR, 17 }, { "validity_period", CSTR, 17 }
#define SM_REST \
	{ "esm_class", U8, 0 }, { "protocol_id", U8, 0 }, { "priority_flag", U8, 0 }, TIMES, \
	{ "registered_delivery", U8, 0 }, { "replace_if_present_flag", U8, 0 }, { "data_coding", U8, 0 }, \
	{ "sm_default_msg_id", U8, 0 }, { "sm_length", TEXT, 0 }

static const struct field bind[] = { { "system_id", CSTR, 16 }, { "password", SECRET, 9 }, { "system_type", CSTR, 13 },
	{ "interface_version", U8, 0 }, { "addr_ton", U8, 0 }, { "addr_npi", U8, 0 }, { "address_range", CSTR, 41 },
	{ 0 } };
static const struct field bind_resp[] = { { "system_id", CSTR, 16 }, { 0 } };
static const struct field outbind[] = { { "system_id", CSTR, 16 }, { "password", SECRET, 9 }, { 0 } };
static const struct field nothing[] = { { 0 } };
static const struct field sm[] = { { "service_type", CSTR, 6 }, ADDRESS("source_addr", "source_addr", 21),
	ADDRESS("dest_addr", "destination_addr", 21), SM_REST, { 0 } };
static const struct field multi[] = { { "service_type", CSTR, 6 }, ADDRESS("source_addr", "source_addr", 21),
	{ "number_of_dests", DESTS, 0 }, SM_REST, { 0 } };
static const struct field multi_resp[] = { { "message_id", CSTR, 65 }, { "no_unsuccess", FAILED, 0 }, { 0 } };
static const struct field message_id[] = { { "message_id", CSTR, 65 }, { 0 } };
static const struct field data_sm[] = { { "service_type", CSTR, 6 }, ADDRESS("source_addr", "source_addr", 65),
	ADDRESS("dest_addr", "destination_addr", 65), { "esm_class", U8, 0 }, { "registered_delivery", U8, 0 },
	{ "data_coding", U8, 0 }, { 0 } };
static const struct field query[] = { { "message_id", CSTR, 65 }, ADDRESS("source_addr", "source_addr", 21), { 0 } };
static const struct field query_resp[] = { { "message_id", CSTR, 65 }, { "final_date", CSTR, 17 },
	{ "message_state", U8, 0 }, { "error_code", U8, 0 }, { 0 } };
static const struct field cancel[] = { { "service_type", CSTR, 6 }, { "message_id", CSTR, 65 },
	ADDRESS("source_addr", "source_addr", 21), ADDRESS("dest_addr", "destination_addr", 21), { 0 } };
static const struct field replace[] = { { "message_id", CSTR, 65 }, ADDRESS("source_addr", "source_addr", 21), TIMES,
	{ "registered_delivery", U8, 0 }, { "sm_default_msg_id", U8, 0 }, { "sm_length", TEXT, 0 }, { 0 } };
static const struct field alert[] = { ADDRESS("source_addr", "source_addr", 65), ADDRESS("esme_addr", "esme_addr", 65),
	{ 0 } };

static const struct command_layout {
	uint32_t id;
	const char *name;
	const struct field *fields; /* NULL: not interpreted */
} commands[] = {
	{ 0x80000000, "generic_nack", nothing },
	{ 0x00000001, "bind_receiver", bind }, { 0x80000001, "bind_receiver_resp", bind_resp },
	{ 0x00000002, "bind_transmitter", bind }, { 0x80000002, "bind_transmitter_resp", bind_resp },
	{ 0x00000003, "query_sm", query }, { 0x80000003, "query_sm_resp", query_resp },
	{ 0x00000004, "submit_sm", sm }, { 0x80000004, "submit_sm_resp", message_id },
	{ 0x00000005, "deliver_sm", sm }, { 0x80000005, "deliver_sm_resp", message_id },
	{ 0x00000006, "unbind", nothing }, { 0x80000006, "unbind_resp", nothing },
	{ 0x00000007, "replace_sm", replace }, { 0x80000007, "replace_sm_resp", nothing },
	{ 0x00000008, "cancel_sm", cancel }, { 0x80000008, "cancel_sm_resp", nothing },
	{ 0x00000009, "bind_transceiver", bind }, { 0x80000009, "bind_transceiver_resp", bind_resp },
	{ 0x0000000b, "outbind", outbind },
	{ 0x00000015, "enquire_link", nothing }, { 0x80000015, "enquire_link_resp", nothing },
	{ 0x00000021, "submit_multi", multi }, { 0x80000021, "submit_multi_resp", multi_resp },
	{ 0x00000102, "alert_notification", alert },
	{ 0x00000103, "data_sm", data_sm }, { 0x80000103, "data_sm_resp", message_id },
	{ 0x00000111, "broadcast_sm", NULL }, { 0x80000111, "broadcast_sm_resp", NULL },
	{ 0x00000112, "query_broadcast_sm", NULL }, { 0x80000112, "query_broadcast_sm_resp", NULL },
	{ 0x00000113, "cancel_broadcast_sm", NULL }, { 0x80000113, "cancel_broadcast_sm_resp", nothing },
};

/* SMPP 3.4, 5.3.2; from 0428 on, but for those of 3.4, SMPP 5.0, 4.8.1 */
static const struct tlv_name {
	uint16_t tag;
	const char *name;
} tlvs[] = {
	{ 0x0005, "dest_addr_subunit" }, { 0x0006, "dest_network_type" }, { 0x0007, "dest_bearer_type" },
	{ 0x0008, "dest_telematics_id" }, { 0x000d, "source_addr_subunit" }, { 0x000e, "source_network_type" },
	{ 0x000f, "source_bearer_type" }, { 0x0010, "source_telematics_id" }, { 0x0017, "qos_time_to_live" },
	{ 0x0019, "payload_type" }, { 0x001d, "additional_status_info_text" }, { 0x001e, "receipted_message_id" },
	{ 0x0030, "ms_msg_wait_facilities" }, { 0x0201, "privacy_indicator" }, { 0x0202, "source_subaddress" },
	{ 0x0203, "dest_subaddress" }, { 0x0204, "user_message_reference" }, { 0x0205, "user_response_code" },
	{ 0x020a, "source_port" }, { 0x020b, "destination_port" }, { 0x020c, "sar_msg_ref_num" },
	{ 0x020d, "language_indicator" }, { 0x020e, "sar_total_segments" }, { 0x020f, "sar_segment_seqnum" },
	{ 0x0210, "sc_interface_version" }, { 0x0302, "callback_num_pres_ind" }, { 0x0303, "callback_num_atag" },
	{ 0x0304, "number_of_messages" }, { 0x0381, "callback_num" }, { 0x0420, "dpf_result" }, { 0x0421, "set_dpf" },
	{ 0x0422, "ms_availability_status" }, { 0x0423, "network_error_code" }, { 0x0424, "message_payload" },
	{ 0x0425, "delivery_failure_reason" }, { 0x0426, "more_messages_to_send" }, { 0x0427, "message_state" },
	{ 0x0428, "congestion_state" }, { 0x0501, "ussd_service_op" }, { 0x0600, "broadcast_channel_indicator" },
	{ 0x0601, "broadcast_content_type" }, { 0x0602, "broadcast_content_type_info" },
	{ 0x0603, "broadcast_message_class" }, { 0x0604, "broadcast_rep_num" },
	{ 0x0605, "broadcast_frequency_interval" }, { 0x0606, "broadcast_area_identifier" },
	{ 0x0607, "broadcast_error_status" }, { 0x0608, "broadcast_area_success" }, { 0x0609, "broadcast_end_time" },
	{ 0x060a, "broadcast_service_group" }, { 0x060b, "billing_identification" }, { 0x060d, "source_network_id" },
	{ 0x060e, "dest_network_id" }, { 0x060f, "source_node_id" }, { 0x0610, "dest_node_id" },
	{ 0x0611, "dest_addr_np_resolution" }, { 0x0612, "dest_addr_np_information" },
	{ 0x0613, "dest_addr_np_country" }, { 0x1201, "display_time" }, { 0x1203, "sms_signal" },
	{ 0x1204, "ms_validity" }, { 0x130c, "alert_on_message_delivery" }, { 0x1380, "its_reply_type" },
	{ 0x1383, "its_session_info" },
};

static const char *tlv_name(unsigned tag)
{
	for (size_t i = 0; i < sizeof tlvs / sizeof tlvs[0]; i++) {
		if (tlvs[i].tag == tag)
			return tlvs[i].name;
	}
	return tag >= 0x1400 && tag <= 0x3fff ? "vendor specific" : "unknown";
}

/* ---- one PDU ---- */

struct pdu {
	const struct decode_opts *o;
	const uint8_t *d;
	size_t begin, at, end; /* of d: this PDU, the next field, its end */
	uint32_t id;
	uint8_t esm_class, data_coding;
	size_t text_at, n_text; /* short_message, or message_payload when there is one */
	struct sheet sheet;
	json_t *object, *tlvs, *notes;
};

static uint32_t get(const uint8_t *p, size_t n)
{
	uint32_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static void note(struct pdu *p, size_t at, const char *text)
{
	json_array_append_new(p->notes, json_pack("{s:i, s:s}", "at", (int)at, "note", text));
}

/* What a C-octet string shows: ASCII as it is, the rest as \xNN. */
static void add_string(struct text *out, const uint8_t *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] >= 0x20 && s[i] < 0x7f && s[i] != '\\')
			text_add(out, (const char *)s + i, 1);
		else
			text_printf(out, "\\x%02X", s[i]);
	}
}

static const char *state_name(unsigned state)
{
	static const char *const names[] = { "SCHEDULED", "ENROUTE", "DELIVERED", "EXPIRED", "DELETED", "UNDELIVERABLE",
		"ACCEPTED", "UNKNOWN", "REJECTED", "SKIPPED" };

	return state < sizeof names / sizeof names[0] ? names[state] : "reserved";
}

static void add_esm_class(struct text *w, unsigned v, bool from_centre)
{
	static const char *const modes[] = { "default mode", "datagram", "forward", "store and forward" };
	static const char *const types[16] = { [0] = "default message", [1] = "delivery receipt",
		[2] = "delivery acknowledgement", [4] = "user acknowledgement", [6] = "conversation abort",
		[8] = "intermediate notification" };
	const char *type = types[v >> 2 & 15];

	if (from_centre)
		text_puts(w, type ? type : "reserved type");
	else
		text_printf(w, "%s, %s", modes[v & 3], type ? type : "reserved type");
	text_puts(w, v & 0x40 ? ", header in the text" : "");
	text_puts(w, v & 0x80 ? ", reply path" : "");
}

static void add_registered(struct text *w, unsigned v)
{
	static const char *const finals[] = { "no receipt", "receipt of the outcome", "receipt of a failure",
		"receipt of a success" };

	text_puts(w, finals[v & 3]);
	text_puts(w, v & 0x0c ? ", acknowledgement by the recipient" : "");
	text_puts(w, v & 0x10 ? ", intermediate notification" : "");
}

static void add_data_coding(struct text *w, uint8_t v, enum decode_alphabet zero)
{
	static const char *const zeros[] = { [ALPHABET_GSM7] = "GSM 7 bit, one septet an octet",
		[ALPHABET_GSM7_PACKED] = "GSM 7 bit, packed", [ALPHABET_LATIN1] = "Latin-1", [ALPHABET_ASCII] = "ASCII" };
	static const char *const names[16] = { [1] = "ASCII", [2] = "octets", [3] = "Latin-1", [4] = "octets",
		[5] = "JIS X 0208", [6] = "ISO-8859-5, Cyrillic", [7] = "ISO-8859-8, Hebrew", [8] = "UCS-2",
		[9] = "pictogram", [10] = "ISO-2022-JP", [13] = "JIS X 0212", [14] = "KS C 5601" };

	if (v == 0)
		text_printf(w, "the SMSC's default alphabet, read as %s", zeros[zero]);
	else if (v < 16)
		text_puts(w, names[v] ? names[v] : "reserved");
	else
		words_dcs(w, v);
}

/* The words for an octet by the name of its field. */
static void add_octet_words(struct pdu *p, struct text *w, const char *name, uint8_t v)
{
	size_t n = strlen(name);

	if (n > 4 && strcmp(name + n - 4, "_ton") == 0)
		text_printf(w, "%u, %s", v, words_ton(v));
	else if (n > 4 && strcmp(name + n - 4, "_npi") == 0)
		text_printf(w, "%u, %s", v, words_npi(v));
	else if (strcmp(name, "esm_class") == 0)
		add_esm_class(w, p->esm_class = v, p->id == DELIVER_SM);
	else if (strcmp(name, "registered_delivery") == 0)
		add_registered(w, v);
	else if (strcmp(name, "data_coding") == 0)
		add_data_coding(w, p->data_coding = v, p->o->alphabet);
	else if (strcmp(name, "protocol_id") == 0)
		text_printf(w, "%u, %s", v, words_pid(v));
	else if (strcmp(name, "message_state") == 0)
		text_printf(w, "%u, %s", v, state_name(v));
	else if (strstr(name, "interface_version"))
		text_printf(w, "SMPP %u.%u", v >> 4, v & 15);
	else
		text_printf(w, "%u", v);
}

/* ---- fields; each returns 0, or -1 when the octets end inside it, which is noted ---- */

static int short_of(struct pdu *p, const char *name)
{
	struct text w = { 0 };

	text_printf(&w, "the PDU ends inside %s", name);
	note(p, p->at, w.at);
	text_done(&w);
	sheet_row(&p->sheet, p->at, p->end - p->at, name, "cut off");
	p->at = p->end;
	return -1;
}

static int take_octet(struct pdu *p, const char *name, uint8_t *ret)
{
	struct text w = { 0 };

	if (p->at == p->end)
		return short_of(p, name);
	*ret = p->d[p->at];
	add_octet_words(p, &w, name, *ret);
	sheet_row(&p->sheet, p->at, 1, name, "%s", w.at);
	json_object_set_new(p->object, name, json_integer(*ret));
	text_done(&w);
	p->at++;
	return 0;
}

static int take_string(struct pdu *p, const struct field *f)
{
	const uint8_t *s = p->d + p->at, *nul = memchr(s, 0, p->end - p->at);
	size_t n = nul ? (size_t)(nul - s) : p->end - p->at;
	struct text w = { 0 };

	if (p->at == p->end)
		return short_of(p, f->name);
	if (f->kind == SECRET) {
		json_object_set_new(p->object, f->name, json_null());
		sheet_secret(&p->sheet, p->at, f->name, n);
	} else {
		add_string(&w, s, n);
		json_object_set_new(p->object, f->name, json_string(w.at ? w.at : ""));
		sheet_row(&p->sheet, p->at, n + (nul != NULL), f->name, "\"%s\"", w.at ? w.at : "");
		text_done(&w);
	}
	if (!nul) {
		sheet_also(&p->sheet, "the NUL is missing");
		note(p, p->end, "a string ends without a NUL");
	} else if (n + 1 > f->most) {
		sheet_also(&p->sheet, "longer than the standard allows");
	}
	p->at += n + (nul != NULL);
	return 0;
}

static int take_u32(struct pdu *p, const char *name)
{
	uint32_t v;
	char buf[40];

	if (p->end - p->at < 4)
		return short_of(p, name);
	v = get(p->d + p->at, 4);
	sheet_row(&p->sheet, p->at, 4, name, "%s", status_text(v, buf, sizeof buf));
	json_object_set_new(p->object, name, json_integer(v));
	p->at += 4;
	return 0;
}

static int take_text(struct pdu *p)
{
	uint8_t n;

	if (take_octet(p, "sm_length", &n) < 0)
		return -1;
	p->text_at = p->at;
	p->n_text = n;
	if (n > p->end - p->at) {
		p->n_text = p->end - p->at;
		note(p, p->at - 1, "sm_length is beyond the end of the PDU");
	}
	p->at += p->n_text; /* the rows come when data_coding and TLVs are known */
	return 0;
}

static int take_fields(struct pdu *p, const struct field *f);

static int take_dests(struct pdu *p)
{
	static const struct field sme[] = { ADDRESS("dest_addr", "destination_addr", 21), { 0 } };
	static const struct field list[] = { { "dl_name", CSTR, 21 }, { 0 } };
	uint8_t n, flag;

	if (take_octet(p, "number_of_dests", &n) < 0)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		if (take_octet(p, "dest_flag", &flag) < 0 || take_fields(p, flag == 2 ? list : sme) < 0)
			return -1;
	}
	return 0;
}

static int take_failed(struct pdu *p)
{
	static const struct field one[] = { ADDRESS("dest_addr", "destination_addr", 21), { "error_status_code", U32, 0 },
		{ 0 } };
	uint8_t n;

	if (take_octet(p, "no_unsuccess", &n) < 0)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		if (take_fields(p, one) < 0)
			return -1;
	}
	return 0;
}

static int take_fields(struct pdu *p, const struct field *f)
{
	uint8_t unused;
	int r = 0;

	for (; f->name && r == 0; f++) {
		switch (f->kind) {
		case CSTR:
		case SECRET: r = take_string(p, f); break;
		case U8: r = take_octet(p, f->name, &unused); break;
		case U32: r = take_u32(p, f->name); break;
		case TEXT: r = take_text(p); break;
		case DESTS: r = take_dests(p); break;
		case FAILED: r = take_failed(p); break;
		}
	}
	return r;
}

/* ---- the text ---- */

static size_t decode_packed(const uint8_t *s, size_t n, size_t n_udh, struct gsm7_shift shift, char *utf8, size_t cap)
{
	unsigned fill = gsm7_fill_bits((unsigned)n_udh);
	size_t n_septets = n * 8 < fill ? 0 : (n * 8 - fill) / 7, n_out = 0;
	uint8_t *septets = malloc(n_septets + 1);

	if (!septets)
		abort();
	if (gsm7_unpack(s, n, fill, septets, n_septets) == 0)
		gsm7_decode(septets, n_septets, shift, utf8, cap, &n_out);
	free(septets);
	return n_out;
}

static enum data_coding_alphabet alphabet_of(const struct pdu *p)
{
	static const enum data_coding_alphabet zeros[] = { [ALPHABET_GSM7] = CODING_GSM7,
		[ALPHABET_GSM7_PACKED] = CODING_GSM7, [ALPHABET_LATIN1] = CODING_LATIN1,
		[ALPHABET_ASCII] = CODING_ASCII };
	struct data_coding c;

	data_coding_read(p->data_coding, &c);
	return c.alphabet == CODING_DEFAULT ? zeros[p->o->alphabet] : c.alphabet;
}

/* 0, or -errno when there is no table for it. */
static int decode_charset(enum data_coding_alphabet a, const uint8_t *s, size_t n, char *utf8, size_t cap,
	size_t *ret_n)
{
	struct charsets *charsets = charsets_new();
	int r;

	if (!charsets)
		abort();
	r = charset_to_utf8(charsets, a, s, n, utf8, cap, ret_n);
	charsets_free(charsets);
	return r;
}

/* UTF-8 of the text behind a header of `n_udh` octets; false: no text. */
static bool decode_text(const struct pdu *p, size_t n_udh, struct text *out)
{
	enum data_coding_alphabet a = alphabet_of(p);
	const uint8_t *s = p->d + p->text_at + n_udh;
	size_t n = p->n_text - n_udh, n_out = 0, cap = n * 4 + 4; /* packed: 8/7 septets an octet, 3 octets each */
	struct gsm7_shift shift = { 0, 0 };
	char *utf8 = malloc(cap);
	int r = 0;

	if (!utf8)
		abort();
	if (n_udh)
		udh_find_shift(s - n_udh, n_udh, &shift);
	if (a == CODING_OCTETS)
		r = -ENOTSUP;
	else if (a == CODING_GSM7 && p->o->alphabet == ALPHABET_GSM7_PACKED)
		n_out = decode_packed(s, n, n_udh, shift, utf8, cap);
	else if (a == CODING_GSM7)
		r = gsm7_decode(s, n, shift, utf8, cap, &n_out);
	else if (a == CODING_ASCII || a == CODING_LATIN1)
		r = latin1_to_utf8(s, n, utf8, cap, &n_out);
	else if (a == CODING_UCS2)
		r = ucs2_to_utf8(s, n, utf8, cap, &n_out);
	else
		r = decode_charset(a, s, n, utf8, cap, &n_out);
	if (r == 0)
		text_add(out, utf8, n_out);
	free(utf8);
	return r == 0;
}

/* Rows for the text, header first; made last, when data_coding and message_payload are known. */
static void text_rows(struct pdu *p, struct text *ret_text, bool *ret_is_text)
{
	size_t n_udh = 0;

	if (p->esm_class & 0x40) {
		if (udh_check(p->d + p->text_at, p->n_text, &n_udh) < 0) {
			n_udh = 0;
			note(p, p->text_at, "esm_class says that there is a header, but it is broken; shown as text");
		} else {
			words_udh(&p->sheet, p->text_at, n_udh, p->object);
		}
	}
	*ret_is_text = decode_text(p, n_udh, ret_text);
	sheet_row(&p->sheet, p->text_at + n_udh, p->n_text - n_udh, "text", "%zu octets%s", p->n_text - n_udh,
		*ret_is_text ? "" : ", not text");
	if (*ret_is_text)
		json_object_set_new(p->object, "text", json_stringn(ret_text->at, ret_text->n));
	else
		json_object_set_new(p->object, "octets", sheet_hex(p->d + p->text_at + n_udh, p->n_text - n_udh));
}

/* ---- TLVs ---- */

static void add_tlv_words(struct text *w, unsigned tag, const uint8_t *v, size_t n)
{
	static const char *const networks[] = { "?", "ANSI-136", "IS-95", "GSM" };

	if (tag == 0x0424)
		text_printf(w, "%zu octets of text", n);
	else if (tag == 0x0427 && n == 1)
		text_printf(w, "%u, %s", v[0], state_name(v[0]));
	else if (tag == 0x0423 && n == 3 && v[0] < 4)
		text_printf(w, "%s, code %u", networks[v[0]], (unsigned)get(v + 1, 2));
	else if (tag == 0x0210 && n == 1)
		text_printf(w, "SMPP %u.%u", v[0] >> 4, v[0] & 15);
	else if (tag == 0x001d || tag == 0x001e || (tag == 0x0423 && n == 3)) {
		text_puts(w, "\"");
		add_string(w, v, n && v[n - 1] == 0 ? n - 1 : n);
		text_puts(w, n && v[n - 1] == 0 ? "\"" : "\", no NUL");
	} else if (n >= 1 && n <= 4)
		text_printf(w, "%u", (unsigned)get(v, n));
	else
		text_printf(w, "%zu octets", n);
}

static void take_tlvs(struct pdu *p)
{
	while (p->at < p->end) {
		size_t left = p->end - p->at, n;
		struct text w = { 0 };
		unsigned tag;

		if (left < 4) {
			note(p, p->at, "octets behind the last TLV, too few for another");
			sheet_row(&p->sheet, p->at, left, "rest", "no TLV");
			break;
		}
		tag = get(p->d + p->at, 2);
		n = get(p->d + p->at + 2, 2);
		if (n > left - 4) {
			text_printf(&w, "the TLV says %zu octets, but the PDU has %zu", n, left - 4);
			note(p, p->at + 2, w.at);
			sheet_row(&p->sheet, p->at, left, tlv_name(tag), "%s", w.at);
			text_done(&w);
			break;
		}
		text_printf(&w, "%04X, ", tag);
		add_tlv_words(&w, tag, p->d + p->at + 4, n);
		sheet_row(&p->sheet, p->at, tag == 0x0424 ? 4 : 4 + n, tlv_name(tag), "%s", w.at);
		json_array_append_new(p->tlvs, json_pack("{s:i, s:s, s:o, s:s}", "tag", (int)tag, "name", tlv_name(tag),
						       "octets", sheet_hex(p->d + p->at + 4, n), "meaning", w.at + 6));
		text_done(&w);
		if (tag == 0x0424 && n) {
			p->text_at = p->at + 4;
			p->n_text = n;
		}
		p->at += 4 + n;
	}
	p->at = p->end;
}

/* ---- the whole ---- */

static const struct command_layout *layout_of(uint32_t id)
{
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		if (commands[i].id == id)
			return &commands[i];
	}
	return NULL;
}

static void header_rows(struct pdu *p, const struct command_layout *l)
{
	const uint8_t *h = p->d + p->begin;
	uint32_t status = get(h + 8, 4), sequence = get(h + 12, 4);
	char buf[40];

	sheet_row(&p->sheet, p->begin, 4, "command_length", "%u octets", (unsigned)get(h, 4));
	sheet_row(&p->sheet, p->begin + 4, 4, "command_id", "%s", l ? l->name : "no command of SMPP 3.4 or 5.0");
	sheet_row(&p->sheet, p->begin + 8, 4, "command_status", "%s", status_text(status, buf, sizeof buf));
	sheet_row(&p->sheet, p->begin + 12, 4, "sequence_number", "%u", (unsigned)sequence);
	if (sequence == 0 || sequence & RESPONSE)
		sheet_also(&p->sheet, "outside 1 to 7FFFFFFF");
	json_object_set_new(p->object, "command", l ? json_string(l->name) : json_null());
	json_object_set_new(p->object, "command_id", json_integer(p->id));
	json_object_set_new(p->object, "command_status", json_integer(status));
	json_object_set_new(p->object, "command_status_name", json_string(status_text(status, buf, sizeof buf)));
	json_object_set_new(p->object, "sequence_number", json_integer(sequence));
}

static void body_rows(struct pdu *p, const struct command_layout *l)
{
	if (!l || !l->fields) {
		sheet_row(&p->sheet, p->at, p->end - p->at, "rest", "not interpreted");
		return;
	}
	/* A refusal may end after the header, and real peers end others there too. */
	if (p->id & RESPONSE && p->at == p->end) {
		if (l->fields->name)
			note(p, p->at, "a response without a body");
		return;
	}
	if (take_fields(p, l->fields) == 0)
		take_tlvs(p);
}

static void print_people(const struct pdu *p, const struct command_layout *l, const struct text *text, bool is_text)
{
	const json_t *n;
	size_t i;

	printf("%s, %zu octets\n\n", l ? l->name : "unknown command", p->end - p->begin);
	sheet_print(&p->sheet);
	json_array_foreach(p->notes, i, n)
		printf("%s%5d  note: %s\n", i ? "" : "\n", (int)json_integer_value(json_object_get(n, "at")),
			json_string_value(json_object_get(n, "note")));
	if (is_text)
		sheet_print_text("text", text->at ? text->at : "", text->n);
}

static void decode_one(const struct decode_opts *o, const uint8_t *d, size_t begin, size_t end)
{
	struct pdu p = { .o = o, .d = d, .begin = begin, .at = begin + HEADER, .end = end,
		.id = get(d + begin + 4, 4), .object = json_object(), .tlvs = json_array(), .notes = json_array() };
	const struct command_layout *l = layout_of(p.id);
	struct text text = { 0 };
	bool is_text = false;

	sheet_init(&p.sheet, d);
	header_rows(&p, l);
	if (get(d + begin, 4) > end - begin)
		note(&p, begin, "the octets end before command_length does");
	body_rows(&p, l);
	if (p.n_text)
		text_rows(&p, &text, &is_text);
	sheet_sort(&p.sheet);
	if (o->cli->json) {
		char *dump;

		json_object_set(p.object, "tlvs", p.tlvs);
		json_object_set(p.object, "notes", p.notes);
		json_object_set(p.object, "fields", p.sheet.fields);
		dump = json_dumps(p.object, JSON_COMPACT);
		if (dump)
			puts(dump);
		free(dump);
	} else {
		print_people(&p, l, &text, is_text);
	}
	text_done(&text);
	sheet_done(&p.sheet);
	json_decref(p.object);
	json_decref(p.tlvs);
	json_decref(p.notes);
}

int decode_pdu(const struct decode_opts *o, const struct hex_message *m)
{
	const uint8_t *d = (const uint8_t *)m->octets.at;
	size_t at = 0, n = m->octets.n;

	while (at < n) {
		size_t length;

		if (n - at < HEADER) {
			decode_say_bad(o->cli, "bad_pdu", at, "a PDU has at least 16 octets; these are fewer");
			return CLI_REFUSED;
		}
		length = get(d + at, 4);
		if (length < HEADER) {
			decode_say_bad(o->cli, "bad_pdu", at, "command_length is below 16; the stream means nothing from here");
			return CLI_REFUSED;
		}
		if (at && !o->cli->json)
			putchar('\n');
		decode_one(o, d, at, length > n - at ? n : at + length);
		if (length > n - at)
			return CLI_REFUSED;
		at += length;
	}
	return CLI_OK;
}
