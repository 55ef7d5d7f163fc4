/* SPDX-License-Identifier: Apache-2.0 */
/* words.c -- what octets of TPDUs and SMPP PDUs mean, in words; see words.h. */
#include "config.h"

#include "cli/words.h"

#include <stdio.h>

#include "codec/gsm7.h"
#include "codec/udh.h"

/* 3GPP TS 23.040, 9.1.2.5 */
const char *words_ton(unsigned ton)
{
	static const char *const names[] = { "unknown", "international", "national", "network specific", "subscriber",
		"alphanumeric", "abbreviated", "reserved" };

	return ton < sizeof names / sizeof names[0] ? names[ton] : "reserved";
}

const char *words_npi(unsigned npi)
{
	static const char *const names[16] = { [0] = "unknown", [1] = "ISDN/telephone", [3] = "data", [4] = "telex",
		[5] = "specific to the centre", [6] = "specific to the centre", [8] = "national", [9] = "private",
		[10] = "ERMES", [14] = "internet" };

	return npi < 16 && names[npi] ? names[npi] : "reserved";
}

/* 9.2.3.9 */
const char *words_pid(unsigned pid)
{
	static const struct {
		uint8_t first, last;
		const char *means;
	} rows[] = {
		{ 0x00, 0x00, "plain, from phone to phone" },
		{ 0x01, 0x1f, "reserved for phone to phone protocols" },
		{ 0x32, 0x32, "internet mail" },
		{ 0x3f, 0x3f, "gateway specific interworking" },
		{ 0x20, 0x3f, "interworking with another service" },
		{ 0x40, 0x40, "type 0: acknowledged, never shown" },
		{ 0x41, 0x47, "replaces an earlier message of this type" },
		{ 0x48, 0x48, "device triggering" },
		{ 0x5e, 0x5e, "enhanced message service, obsolete" },
		{ 0x5f, 0x5f, "return call" },
		{ 0x7c, 0x7c, "ANSI-136 R-DATA" },
		{ 0x7d, 0x7d, "data download to the phone" },
		{ 0x7e, 0x7e, "depersonalisation of the phone" },
		{ 0x7f, 0x7f, "data download to the SIM" },
		{ 0xc0, 0xff, "specific to the centre" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (pid >= rows[i].first && pid <= rows[i].last)
			return rows[i].means;
	}
	return "reserved";
}

/* 3GPP TS 23.038, 4 */
void words_dcs(struct text *out, uint8_t octet)
{
	static const char *const alphabets[] = { [DCS_GSM7] = "GSM 7 bit", [DCS_OCTETS] = "8 bit data",
		[DCS_UCS2] = "UCS-2" };
	static const char *const classes[] = { "class 0, flash", "class 1, phone", "class 2, SIM", "class 3, equipment" };
	static const char *const kinds[] = { "voicemail", "fax", "e-mail", "other message" };
	struct dcs d;

	dcs_read(octet, &d);
	text_printf(out, "%s%s, %s", d.compressed ? "compressed " : "", alphabets[d.alphabet],
		d.message_class == DCS_NO_CLASS ? "no class" : classes[d.message_class & 3]);
	if (d.auto_delete)
		text_puts(out, ", delete once read");
	if (d.waiting != DCS_WAITING_NONE)
		text_printf(out, ", %s waiting %s, %s the text", kinds[d.waiting_kind & 3],
			d.waiting_active ? "on" : "off", d.waiting == DCS_WAITING_DISCARD ? "discard" : "store");
	if (d.reserved)
		text_puts(out, ", reserved value");
}

json_t *words_dcs_json(uint8_t octet)
{
	struct dcs d;

	dcs_read(octet, &d);
	return json_pack("{s:i, s:s, s:o, s:b, s:b, s:b, s:b}", "octet", (int)octet, "alphabet",
		dcs_alphabet_name(d.alphabet), "class",
		d.message_class == DCS_NO_CLASS ? json_null() : json_integer(d.message_class), "compressed",
		d.compressed, "auto_delete", d.auto_delete, "reserved", d.reserved, "message_waiting",
		d.waiting != DCS_WAITING_NONE);
}

void words_span(struct text *out, uint32_t s)
{
	static const struct {
		uint32_t s;
		const char *one, *many;
	} units[] = { { 604800, "week", "weeks" }, { 86400, "day", "days" }, { 3600, "h", "h" }, { 60, "min", "min" },
		{ 1, "s", "s" } };
	const char *blank = "";

	if (s == 0)
		text_puts(out, "0 s");
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		uint32_t n = s / units[i].s;

		/* "10 days" reads better than "1 week 3 days". */
		if (n == 0 || (i == 0 && s % units[i].s))
			continue;
		text_printf(out, "%s%u %s", blank, n, n == 1 ? units[i].one : units[i].many);
		blank = " ";
		s %= units[i].s;
	}
}

/* ---- user data header: 3GPP TS 23.040, 9.2.3.24 ---- */

static const char *element_name(unsigned iei)
{
	static const struct {
		uint8_t first, last;
		const char *name;
	} rows[] = {
		{ 0x00, 0x00, "concatenation, 8 bit reference" },
		{ 0x01, 0x01, "special message indication" },
		{ 0x04, 0x04, "ports, 8 bit" },
		{ 0x05, 0x05, "ports, 16 bit" },
		{ 0x06, 0x06, "SMSC control parameters" },
		{ 0x07, 0x07, "source of the header" },
		{ 0x08, 0x08, "concatenation, 16 bit reference" },
		{ 0x09, 0x09, "wireless control message protocol" },
		{ 0x0a, 0x1f, "EMS content" },
		{ 0x20, 0x20, "length of an e-mail header" },
		{ 0x21, 0x21, "hyperlink format" },
		{ 0x22, 0x22, "reply address" },
		{ 0x23, 0x23, "enhanced voice mail" },
		{ 0x24, 0x24, "language, single shift" },
		{ 0x25, 0x25, "language, locking shift" },
		{ 0x70, 0x7f, "SIM toolkit security" },
		{ 0x80, 0x9f, "private between phones" },
		{ 0xc0, 0xdf, "specific to the centre" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (iei >= rows[i].first && iei <= rows[i].last)
			return rows[i].name;
	}
	return "unknown element";
}

/* What the element says, with a comma in front; nothing for one that is none. */
static void add_value(struct text *out, const struct udh_ie *ie)
{
	const uint8_t *d = ie->data;
	const char *language;

	switch (ie->iei) {
	case UDH_CONCAT8:
		if (ie->n == 3)
			text_printf(out, ": part %u of %u, reference %u", d[2], d[1], d[0]);
		break;
	case UDH_CONCAT16:
		if (ie->n == 4)
			text_printf(out, ": part %u of %u, reference %u", d[3], d[2], d[0] * 256u + d[1]);
		break;
	case UDH_PORTS8:
		if (ie->n == 2)
			text_printf(out, ": to %u from %u", d[0], d[1]);
		break;
	case UDH_PORTS16:
		if (ie->n == 4)
			text_printf(out, ": to %u from %u", d[0] * 256u + d[1], d[2] * 256u + d[3]);
		break;
	case UDH_SINGLE:
	case UDH_LOCKING:
		language = ie->n == 1 ? gsm7_language_name(d[0]) : NULL;
		text_printf(out, ": %s", language ? language : "not a known one, read with the default table");
		break;
	default:
		break;
	}
}

static void udh_json(const uint8_t *udh, size_t n, json_t *object)
{
	struct udh_concat c;
	struct udh_ports p;
	struct gsm7_shift shift;

	if (udh_find_concat(udh, n, &c) > 0)
		json_object_set_new(object, "concatenation",
			json_pack("{s:i, s:i, s:i, s:i}", "reference", c.ref, "bits", c.wide ? 16 : 8, "total", c.total,
				"part", c.seq));
	if (udh_find_ports(udh, n, &p) > 0)
		json_object_set_new(object, "ports", json_pack("{s:i, s:i}", "destination", p.dst, "source", p.src));
	if (udh_find_shift(udh, n, &shift) > 0)
		json_object_set_new(object, "languages",
			json_pack("{s:s?, s:s?}", "locking", gsm7_language_name(shift.locking), "single",
				gsm7_language_name(shift.single)));
}

void words_udh(struct sheet *s, size_t at, size_t n_udh, json_t *object)
{
	const uint8_t *udh = s->octets + at;
	json_t *elements = json_array();
	struct udh_walk w;
	struct udh_ie ie;

	sheet_row(s, at, 1, "UDHL", "header of %u octets", udh[0]);
	if (udh_open(&w, udh, n_udh, NULL) == 0) {
		while (udh_next(&w, &ie) > 0) {
			struct text words = { 0 };
			char name[16];

			text_puts(&words, element_name(ie.iei));
			add_value(&words, &ie);
			snprintf(name, sizeof name, "  IE %02X", ie.iei);
			sheet_row(s, at + (size_t)(ie.data - udh) - 2, ie.n + 2u, name, "%s", words.at);
			json_array_append_new(elements, json_pack("{s:i, s:o, s:s}", "iei", (int)ie.iei, "octets",
								sheet_hex(ie.data, ie.n), "meaning", words.at));
			text_done(&words);
		}
	}
	json_object_set_new(object, "udh", elements);
	udh_json(udh, n_udh, object);
}
