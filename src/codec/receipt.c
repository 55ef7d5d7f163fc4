/* SPDX-License-Identifier: Apache-2.0 */
/* receipt.c -- read the text of a delivery receipt, and bring message ids to a form that can be compared.
 *
 * A receipt is read as a row of tokens.  Where a token begins with a known key and a colon, the next token is
 * its value, unless that is itself a key: "err: text:" has an empty err.  Everything else is stepped over, so
 * separators, order and unknown fields do not matter. */
#include "codec/receipt.h"

#include <errno.h>
#include <string.h>

/* A receipt is some 150 characters; an SMSC that puts a long text behind it has said all before that. */
#define MAX_SCANNED 1024

enum field {
	FIELD_ID,
	FIELD_SUB,
	FIELD_DLVRD,
	FIELD_SUBMIT_DATE,
	FIELD_DONE_DATE,
	FIELD_STAT,
	FIELD_ERR,
	FIELD_TEXT,
	FIELD_NONE,
};

/* A blank stands for any or no blanks, underscores and hyphens.  Lower case. */
static const struct key {
	const char *word;
	enum field field;
} keys[] = {
	{"id", FIELD_ID},
	{"msg id", FIELD_ID},
	{"message id", FIELD_ID},
	{"sub", FIELD_SUB},
	{"dlvrd", FIELD_DLVRD},
	{"submit date", FIELD_SUBMIT_DATE},
	{"done date", FIELD_DONE_DATE},
	{"stat", FIELD_STAT},
	{"status", FIELD_STAT},
	{"err", FIELD_ERR},
	{"error", FIELD_ERR},
	{"text", FIELD_TEXT},
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_separator(char c)
{
	return is_blank(c) || c == '\r' || c == '\n' || c == '|' || c == ',' || c == ';' || c == '\0';
}

/* Octets of "key :" at `s`; 0 when `word` does not stand there. */
static size_t match_key(const char *s, size_t n, const char *word)
{
	size_t i = 0;

	for (; *word; word++) {
		if (*word == ' ') {
			while (i < n && (is_blank(s[i]) || s[i] == '_' || s[i] == '-'))
				i++;
			continue;
		}
		if (i >= n || lower(s[i]) != *word)
			return 0;
		i++;
	}
	while (i < n && is_blank(s[i]))
		i++;
	return i < n && s[i] == ':' ? i + 1 : 0;
}

static enum field find_key(const char *s, size_t n, size_t *ret_len)
{
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		size_t len = match_key(s, n, keys[k].word);

		if (len > 0) {
			*ret_len = len;
			return keys[k].field;
		}
	}
	return FIELD_NONE;
}

/* Length of the value at `s`: up to a separator, and nothing where the next key begins. */
static size_t value_length(const char *s, size_t n)
{
	size_t len;
	size_t i = 0;

	if (find_key(s, n, &len) != FIELD_NONE)
		return 0;
	while (i < n && !is_separator(s[i]))
		i++;
	return i;
}

/* Printable ASCII only: what a peer sends must not break a log line or a JSON string. */
static void copy_value(char *dst, size_t cap, const char *s, size_t n)
{
	if (n > cap - 1)
		n = cap - 1;
	for (size_t i = 0; i < n; i++)
		dst[i] = s[i] > ' ' && s[i] < 0x7f ? s[i] : '?';
	dst[n] = '\0';
}

static const struct word {
	const char *word;
	enum receipt_state state;
} words[] = {
	{"DELIVRD", RECEIPT_DELIVERED},
	{"DELIVERED", RECEIPT_DELIVERED},
	{"DELIVERD", RECEIPT_DELIVERED},
	{"ENROUTE", RECEIPT_ENROUTE},
	{"BUFFERED", RECEIPT_ENROUTE},
	{"BUFFERD", RECEIPT_ENROUTE},
	{"SCHEDULED", RECEIPT_ENROUTE},
	{"EXPIRED", RECEIPT_EXPIRED},
	{"EXPIRD", RECEIPT_EXPIRED},
	{"DELETED", RECEIPT_DELETED},
	{"UNDELIV", RECEIPT_UNDELIVERABLE},
	{"UNDELIVERED", RECEIPT_UNDELIVERABLE},
	{"UNDELIVERABLE", RECEIPT_UNDELIVERABLE},
	{"UNDELIVRD", RECEIPT_UNDELIVERABLE},
	{"FAILED", RECEIPT_UNDELIVERABLE},
	{"NOROUTE", RECEIPT_UNDELIVERABLE},
	{"ACCEPTD", RECEIPT_ACCEPTED},
	{"ACCEPTED", RECEIPT_ACCEPTED},
	{"UNKNOWN", RECEIPT_UNKNOWN},
	{"REJECTD", RECEIPT_REJECTED},
	{"REJECTED", RECEIPT_REJECTED},
	{"DND_REJECTED", RECEIPT_REJECTED},
	{"SKIPPED", RECEIPT_SKIPPED},
};

static bool same_word(const char *s, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++) {
		if (word[i] == '\0' || upper(s[i]) != word[i])
			return false;
	}
	return word[n] == '\0';
}

static void set_stat(struct receipt *r, const char *s, size_t n)
{
	copy_value(r->stat_raw, sizeof(r->stat_raw), s, n);
	r->has_stat = true;
	r->stat_known = false;
	r->state = RECEIPT_UNKNOWN;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (same_word(s, n, words[i].word)) {
			r->stat_known = true;
			r->state = words[i].state;
		}
	}
}

static unsigned two_digits(const char *s)
{
	return (unsigned)(s[0] - '0') * 10 + (unsigned)(s[1] - '0');
}

/* "YYYYMMDDhhmmss" is a time that a calendar may have. */
static bool is_date(const char *s)
{
	unsigned month = two_digits(s + 4), day = two_digits(s + 6);

	return month >= 1 && month <= 12 && day >= 1 && day <= 31 && two_digits(s + 8) <= 23 &&
	       two_digits(s + 10) <= 59 && two_digits(s + 12) <= 60;
}

/* Bring `n` digits to YYYYMMDDhhmmss.  Twelve digits are YYYYMMDDhhmm when that is a date of this or the last
 * century, else YYMMDDhhmmss: the first reading is wrong only for receipts from the years 2019 and 2020. Two
 * digits of a year: 00..37 is 20xx (SMPP 3.4, 7.1.1). */
static bool full_date(const char *s, size_t n, char out[15])
{
	bool century = n >= 12 && (two_digits(s) == 20 || two_digits(s) == 19);

	if (n != 10 && n != 12 && n != 14)
		return false;
	memset(out, '0', 14);
	out[14] = '\0';
	if (n == 14 || (n == 12 && century)) {
		memcpy(out, s, n);
		if (n == 14 || is_date(out))
			return is_date(out);
		memset(out, '0', 14);
	}
	memcpy(out, two_digits(s) <= 37 ? "20" : "19", 2);
	memcpy(out + 2, s, n);
	return is_date(out);
}

static void set_done_date(struct receipt *r, const char *s, size_t n)
{
	char date[15];

	for (size_t i = 0; i < n; i++) {
		if (!is_digit(s[i]))
			return;
	}
	if (!full_date(s, n, date))
		return;
	memcpy(r->done_date, date, sizeof(date));
	r->has_done_date = true;
}

static void set_field(struct receipt *r, enum field field, const char *s, size_t n)
{
	if (n == 0)
		return;
	switch (field) {
	case FIELD_ID:
		if (n < sizeof(r->id)) {
			copy_value(r->id, sizeof(r->id), s, n);
			r->has_id = true;
		}
		break;
	case FIELD_STAT: set_stat(r, s, n); break;
	case FIELD_ERR:
		copy_value(r->err, sizeof(r->err), s, n);
		r->has_err = true;
		break;
	case FIELD_DONE_DATE: set_done_date(r, s, n); break;
	case FIELD_SUB:
	case FIELD_DLVRD:
	case FIELD_SUBMIT_DATE:
	case FIELD_TEXT:
	case FIELD_NONE: break;
	}
}

static bool has_field(const struct receipt *r, enum field field)
{
	switch (field) {
	case FIELD_ID: return r->has_id;
	case FIELD_STAT: return r->has_stat;
	case FIELD_ERR: return r->has_err;
	case FIELD_DONE_DATE: return r->has_done_date;
	case FIELD_SUB:
	case FIELD_DLVRD:
	case FIELD_SUBMIT_DATE:
	case FIELD_TEXT:
	case FIELD_NONE: break;
	}
	return false;
}

/* Read fields into `r`.  In front of "text:" (`head` NULL) the first of equal fields counts, and "text:" ends
 * the scan. Behind it only what `head` lacks is taken, and the last of equal fields counts: the real ones
 * come after the quotation.  Returns the offset where the scan ended. */
static size_t scan(const char *s, size_t n, const struct receipt *head, struct receipt *r)
{
	for (size_t i = 0; i < n;) {
		enum field field;
		size_t len;

		if (is_separator(s[i])) {
			i++;
			continue;
		}
		field = find_key(s + i, n - i, &len);
		if (field == FIELD_NONE) {
			while (i < n && !is_separator(s[i]))
				i++;
			continue;
		}
		i += len;
		if (field == FIELD_TEXT) {
			if (!head)
				return i;
			continue;
		}
		while (i < n && is_blank(s[i]))
			i++;
		len = value_length(s + i, n - i);
		if (!has_field(head ? head : r, field))
			set_field(r, field, s + i, len);
		i += len;
	}
	return n;
}

/* Narrow UTF-16BE to ASCII; what is not ASCII becomes `?`.  Returns the characters. */
static size_t narrow(const uint8_t *text, size_t n, char *dst, size_t cap)
{
	size_t at = 0;

	for (size_t i = 0; i + 1 < n && at < cap; i += 2) {
		if (i == 0 && text[0] == 0xfe && text[1] == 0xff)
			continue;
		dst[at++] = text[i] == 0 && text[i + 1] < 0x80 ? (char)text[i + 1] : '?';
	}
	return at;
}

/* data_coding says UCS-2, but some SMSCs say so of plain ASCII too.  No receipt begins with a character whose
 * high octet is an ASCII letter: that would be Chinese. */
static bool is_wide(const uint8_t *text, size_t n)
{
	return n >= 2 && (text[0] == 0 || (text[0] == 0xfe && text[1] == 0xff));
}

int receipt_parse(const uint8_t *text, size_t n, bool utf16be, struct receipt *ret)
{
	const char *s = (const char *)text;
	char narrowed[MAX_SCANNED];
	struct receipt head;
	size_t at;

	memset(ret, 0, sizeof(*ret));
	if (utf16be && is_wide(text, n)) {
		n = narrow(text, n, narrowed, sizeof(narrowed));
		s = narrowed;
	}
	if (n > MAX_SCANNED)
		n = MAX_SCANNED;
	at = scan(s, n, NULL, ret);
	if (!ret->has_id || !ret->has_stat) {
		head = *ret;
		scan(s + at, n - at, &head, ret);
	}
	return ret->has_id || ret->has_stat ? 0 : -EBADMSG;
}

static bool err_is_zero(const struct receipt *r)
{
	return !r->has_err || r->err[strspn(r->err, "0")] == '\0';
}

bool receipt_is_final(const struct receipt *r)
{
	switch (r->state) {
	case RECEIPT_NONE:
	case RECEIPT_ENROUTE:
	case RECEIPT_ACCEPTED: return false;
	case RECEIPT_UNKNOWN: return r->stat_known || !err_is_zero(r);
	case RECEIPT_DELIVERED:
	case RECEIPT_EXPIRED:
	case RECEIPT_DELETED:
	case RECEIPT_UNDELIVERABLE:
	case RECEIPT_REJECTED:
	case RECEIPT_SKIPPED: break;
	}
	return true;
}

enum receipt_state receipt_state_from_tlv(uint8_t message_state)
{
	static const enum receipt_state states[] = {
		RECEIPT_ENROUTE, /* SCHEDULED: not yet tried, which is as far from final */
		RECEIPT_ENROUTE,
		RECEIPT_DELIVERED,
		RECEIPT_EXPIRED,
		RECEIPT_DELETED,
		RECEIPT_UNDELIVERABLE,
		RECEIPT_ACCEPTED,
		RECEIPT_UNKNOWN,
		RECEIPT_REJECTED,
		RECEIPT_SKIPPED,
	};

	return message_state < sizeof(states) / sizeof(states[0]) ? states[message_state] : RECEIPT_NONE;
}

const char *receipt_state_word(enum receipt_state state)
{
	switch (state) {
	case RECEIPT_NONE: return "";
	case RECEIPT_ENROUTE: return "ENROUTE";
	case RECEIPT_DELIVERED: return "DELIVRD";
	case RECEIPT_EXPIRED: return "EXPIRED";
	case RECEIPT_DELETED: return "DELETED";
	case RECEIPT_UNDELIVERABLE: return "UNDELIV";
	case RECEIPT_ACCEPTED: return "ACCEPTD";
	case RECEIPT_UNKNOWN: return "UNKNOWN";
	case RECEIPT_REJECTED: return "REJECTD";
	case RECEIPT_SKIPPED: return "SKIPPED";
	}
	return "";
}

/* Leading zeros off, but not the last digit. */
static const char *skip_zeros(const char *s)
{
	while (s[0] == '0' && s[1] != '\0')
		s++;
	return s;
}

static void fold(const char *id, char out[RECEIPT_ID_SIZE])
{
	for (id = skip_zeros(id); *id; id++)
		*out++ = lower(*id);
	*out = '\0';
}

/* The digits of a hexadecimal number, without 0x, or NULL when it is none. */
static const char *hex_digits(const char *id)
{
	if (id[0] == '0' && lower(id[1]) == 'x' && id[2] != '\0')
		id += 2;
	return id[strspn(id, "0123456789abcdefABCDEF")] == '\0' ? id : NULL;
}

/* Decimal to hexadecimal.  65 decimal digits are below 2^216, so eight limbs hold any id. */
static void decimal_to_hex(const char *id, char out[RECEIPT_ID_SIZE])
{
	uint32_t limb[8] = {0}; /* lowest first */
	char hex[8 * 8 + 1];
	unsigned at = 0;

	for (; *id; id++) {
		uint64_t carry = (uint64_t)(*id - '0');

		for (unsigned i = 0; i < 8; i++) {
			carry += (uint64_t)limb[i] * 10;
			limb[i] = (uint32_t)carry;
			carry >>= 32;
		}
	}
	for (unsigned i = 8; i-- > 0;) {
		for (int shift = 28; shift >= 0; shift -= 4)
			hex[at++] = "0123456789abcdef"[limb[i] >> shift & 15];
	}
	hex[at] = '\0';
	fold(hex, out);
}

int receipt_id_normalise(
	const char *id, enum receipt_id_form form, bool from_receipt, char out[RECEIPT_ID_SIZE])
{
	size_t n = strnlen(id, RECEIPT_ID_SIZE);
	bool decimal = from_receipt == (form == RECEIPT_ID_DEC);

	if (n == 0 || n >= RECEIPT_ID_SIZE)
		return -EINVAL;
	if (form == RECEIPT_ID_TEXT)
		memcpy(out, id, n + 1);
	else if (form == RECEIPT_ID_AUTO || !hex_digits(id))
		fold(id, out);
	else if (decimal && id[strspn(id, "0123456789")] == '\0')
		decimal_to_hex(id, out);
	else
		fold(hex_digits(id), out);
	return 0;
}
