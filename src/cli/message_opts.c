/* SPDX-License-Identifier: Apache-2.0 */
/* message_opts.c -- the options that set fields of a message; see message_opts.h. */
#include "config.h"

#include "cli/message_opts.h"

#include <string.h>

#include "cli/fields.h"
#include "cli/when.h"

/* Option keys are places in `names`, so that one line adds an option. */
enum {
	OPT_FIRST = 0x2000,
};

static const char *const names[] = { "from", "class", "ref", "campaign", "tag", "ttl", "send_at", "flash", "encoding",
	"report", "smart", "nfc", "translit" };

enum {
	OPT_FROM = OPT_FIRST,
	OPT_CLASS,
	OPT_REF,
	OPT_CAMPAIGN,
	OPT_TAG,
	OPT_TTL,
	OPT_SEND_AT,
	OPT_FLASH,
	OPT_ENCODING,
	OPT_REPORT,
	OPT_SMART,
	OPT_NFC,
	OPT_TRANSLIT,
	OPT_END,
	OPT_TLV = OPT_END, /* not one field, but a member of one */
};

_Static_assert(OPT_END - OPT_FIRST == sizeof names / sizeof names[0], "names and options differ");

/* What only a single message has comes first, so that message_rows_argp can begin behind it. */
enum { N_OF_ONE = 3 };

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "The message:", 1 },
	{ "ref", OPT_REF, "TEXT", 0, "Your own reference, echoed everywhere", 0 },
	{ "tlv", OPT_TLV, "NAME=VALUE", 0, "Value of a TLV that the link declares; may be given several times", 0 },
	{ "from", OPT_FROM, "SENDER", 0, "Up to 11 GSM characters, digits or a short code", 0 },
	{ "class", OPT_CLASS, "CLASS", 0, "otp, service or marketing", 0 },
	{ "campaign", OPT_CAMPAIGN, "NAME", 0, "Group of messages: a lane of its own, a filter", 0 },
	{ "tag", OPT_TAG, "NAME", 0, "Cancel key: `posthorn cancel --tag NAME`", 0 },
	{ "ttl", OPT_TTL, "SECONDS", 0, "Give up when it has not gone by then (default 86400)", 0 },
	{ "send-at", OPT_SEND_AT, "TIME", 0,
		"Not before: RFC 3339, `2026-11-21 15:30` of the local clock, or +2h", 0 },
	{ "flash", OPT_FLASH, NULL, 0, "Show at once, do not store (message class 0)", 0 },
	{ "encoding", OPT_ENCODING, "NAME", 0, "auto, gsm7 (refuse what does not fit) or ucs2", 0 },
	{ "report", OPT_REPORT, "WHICH", 0, "Status events wanted: all, final or none", 0 },
	{ "smart", OPT_SMART, NULL, 0, "Replace look-alike characters when that saves parts", 0 },
	{ "nfc", OPT_NFC, NULL, 0, "Compose letters and their accents (Unicode NFC)", 0 },
	{ "translit", OPT_TRANSLIT, "NAME", 0, "Write in Latin letters: ru-Latn, uk-Latn, el-Latn ... ascii", 0 },
	{ 0 },
};

static void set_send_at(struct message_opts *o, const char *arg, struct argp_state *state)
{
	char at[WHEN_OCTETS];

	if (when_parse(arg, time(NULL), at, &o->relative_send_at) < 0)
		argp_error(state, "--send-at: cannot read the time \"%s\"", arg);
	else
		json_object_set_new(o->fields, "send_at", json_string(at));
}

static void set_field(struct message_opts *o, const char *name, const char *arg, struct argp_state *state)
{
	const struct field *f = field_find(name, strlen(name));
	struct text value = { 0 };

	if (!arg)
		arg = "true";
	if (field_to_json(f, arg, strlen(arg), &value) < 0)
		argp_error(state, "--%s: \"%s\" %s", name, arg,
			f->type == FIELD_STRING ? "is not UTF-8" : "is no whole number");
	else
		json_object_set_new(o->fields, name, json_loadb(value.at, value.n, JSON_DECODE_ANY, NULL));
	text_done(&value);
}

static void set_tlv(struct message_opts *o, const char *arg, struct argp_state *state)
{
	const char *sign = strchr(arg, '=');
	json_t *tlvs = json_object_get(o->fields, "tlvs"), *value = sign ? json_string(sign + 1) : NULL;
	char name[64];

	if (!sign || sign == arg || (size_t)(sign - arg) >= sizeof name) {
		argp_error(state, "--tlv: \"%s\" is not NAME=VALUE", arg);
		return;
	}
	if (!value) {
		argp_error(state, "--tlv: \"%s\" is not UTF-8", arg);
		return;
	}
	memcpy(name, arg, (size_t)(sign - arg));
	name[sign - arg] = '\0';
	if (!tlvs) {
		tlvs = json_object();
		json_object_set_new(o->fields, "tlvs", tlvs);
	}
	json_object_set_new(tlvs, name, value);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct message_opts *o = state->input;

	if (key < OPT_FIRST || key > OPT_TLV)
		return ARGP_ERR_UNKNOWN;
	if (!o->fields)
		o->fields = json_object();
	if (key == OPT_SEND_AT)
		set_send_at(o, arg, state);
	else if (key == OPT_TLV)
		set_tlv(o, arg, state);
	else
		set_field(o, names[key - OPT_FIRST], arg, state);
	return 0;
}

const struct argp message_opts_argp = { .options = options, .parser = parse_option };
const struct argp message_rows_argp = { .options = options + N_OF_ONE, .parser = parse_option };
