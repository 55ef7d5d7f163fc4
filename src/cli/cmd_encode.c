/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_encode.c -- `posthorn encode`: what becomes of a text on the wire?  Talks to no gateway.
 *
 * The same segmenter and the same TPDU writer as in the gateway make the parts, so what is shown here is what a modem
 * would be given: the length for AT+CMGS and the hexadecimal line behind its prompt. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/hex_input.h"
#include "cli/one_message.h"
#include "cli/sheet.h"
#include "codec/segment.h"
#include "codec/tpdu.h"
#include "codec/unicode.h"
#include "codec/utf8.h"

enum {
	TEXT_MAX_OCTETS = 1 << 20,
};

struct encode_input {
	struct cli *cli;
	struct segment_opts segment;
	bool binary;
	const char *udh_hex;
	const char *to, *from, *smsc;
	bool deliver; /* --dir mt */
	bool flash, report;
	uint32_t validity_s;
	enum tpdu_vp_form validity_form;
	unsigned mr, ref;
	struct text text;      /* UTF-8, or octets when binary */
	struct text udh;
};

enum {
	OPT_TO = 0x100,
	OPT_FROM,
	OPT_ENCODING,
	OPT_UDH,
	OPT_LANGUAGES,
	OPT_CONCAT,
	OPT_REF,
	OPT_MAX_PARTS,
	OPT_DIR,
	OPT_SMSC,
	OPT_MR,
	OPT_FLASH,
	OPT_REPORT,
	OPT_VALIDITY,
	OPT_VALIDITY_FORM,
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "The text:", 1 },
	{ "encoding", OPT_ENCODING, "NAME", 0, "auto (default), gsm7 (refuse what does not fit), ucs2, or binary: "
		"TEXT is hexadecimal", 0 },
	{ "udh", OPT_UDH, "HEX", 0, "With binary: the header, its length octet first", 0 },
	{ "languages", OPT_LANGUAGES, "LIST", 0, "National tables that may be used, as tr,es", 0 },
	{ "concat", OPT_CONCAT, "WAY", 0, "udh8 (default) or udh16: the reference of parts has 8 or 16 bits", 0 },
	{ "ref", OPT_REF, "N", 0, "That reference (default 0)", 0 },
	{ "max-parts", OPT_MAX_PARTS, "N", 0, "Refuse more (default and most: 64)", 0 },
	{ NULL, 0, NULL, 0, "The TPDU:", 2 },
	{ "to", OPT_TO, "NUMBER", 0, "Recipient of an SMS-SUBMIT; without it no TPDU is made", 0 },
	{ "dir", OPT_DIR, "WAY", 0, "mo (default): SMS-SUBMIT; mt: SMS-DELIVER, as a network sends it", 0 },
	{ "from", OPT_FROM, "SENDER", 0, "With --dir mt: the sender, a number or a name", 0 },
	{ "smsc", OPT_SMSC, "NUMBER", 0, "Service centre in front (default: the one stored in the modem)", 0 },
	{ "mr", OPT_MR, "N", 0, "TP-MR, 0 to 255 (default 0; modems count for themselves)", 0 },
	{ "flash", OPT_FLASH, NULL, 0, "Show at once, do not store (message class 0)", 0 },
	{ "report", OPT_REPORT, NULL, 0, "Ask for a status report", 0 },
	{ "validity", OPT_VALIDITY, "SPAN", 0, "Give up after 30m, 12h, 4d, 2w (default: the network's own)", 0 },
	{ "validity-form", OPT_VALIDITY_FORM, "FORM", 0, "relative (default, rounded up), absolute or enhanced", 0 },
	{ 0 },
};

/* ---- options ---- */

static unsigned number_of(const char *name, const char *arg, unsigned least, unsigned most, struct argp_state *state)
{
	char *end;
	unsigned long v = strtoul(arg, &end, 10);

	if (*arg < '0' || *arg > '9' || *end || v < least || v > most) {
		argp_error(state, "--%s: \"%s\" is no number from %u to %u", name, arg, least, most);
		return least;
	}
	return (unsigned)v;
}

static void set_languages(struct encode_input *in, const char *arg, struct argp_state *state)
{
	char name[3] = "";

	while (*arg) {
		size_t n = strcspn(arg, ",");
		unsigned id = 0;

		if (n == 2) {
			memcpy(name, arg, 2);
			id = gsm7_language(name);
		}
		if (!id) {
			argp_error(state, "--languages: there is no table for \"%.*s\"; there are tr, es, pt, bn, gu, hi, "
					  "kn, ml, or, pa, ta, te, ur",
				(int)n, arg);
			return;
		}
		in->segment.rules.languages |= (uint16_t)(1u << id);
		arg += n;
		arg += *arg == ',';
	}
}

static void set_encoding(struct encode_input *in, const char *arg, struct argp_state *state)
{
	in->binary = strcmp(arg, "binary") == 0;
	if (strcmp(arg, "gsm7") == 0)
		in->segment.wish = WISH_GSM7;
	else if (strcmp(arg, "ucs2") == 0)
		in->segment.wish = WISH_UCS2;
	else if (strcmp(arg, "auto") == 0 || in->binary)
		in->segment.wish = WISH_AUTO;
	else
		argp_error(state, "--encoding: there are auto, gsm7, ucs2 and binary, not \"%s\"", arg);
}

static void set_validity(struct encode_input *in, const char *arg, struct argp_state *state)
{
	static const char units[] = "smhdw";
	static const uint32_t seconds[] = { 1, 60, 3600, 86400, 604800 };
	char *end;
	unsigned long long v = strtoull(arg, &end, 10);
	const char *unit = *end ? strchr(units, *end) : units;

	if (*arg < '0' || *arg > '9' || !unit || (*end && end[1]) || v < 1 || v > 100000000) {
		argp_error(state, "--validity: \"%s\" is no span as 30m, 12h, 4d or 2w", arg);
		return;
	}
	v *= seconds[unit - units];
	in->validity_s = v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static void set_validity_form(struct encode_input *in, const char *arg, struct argp_state *state)
{
	if (strcmp(arg, "relative") == 0)
		in->validity_form = TPDU_VP_RELATIVE;
	else if (strcmp(arg, "absolute") == 0)
		in->validity_form = TPDU_VP_ABSOLUTE;
	else if (strcmp(arg, "enhanced") == 0)
		in->validity_form = TPDU_VP_ENHANCED;
	else
		argp_error(state, "--validity-form: there are relative, absolute and enhanced, not \"%s\"", arg);
}

/* Hexadecimal to octets, in place of it. */
static void octets_of(const char *what, struct text *t, struct argp_state *state)
{
	struct hex_message m = { 0 };
	struct hex_cursor c;
	struct hex_fault f;
	int r;

	hex_begin(&c, t->at ? t->at : "", t->n);
	r = hex_next(&c, &m, &f);
	if (r < 0)
		argp_failure(state, CLI_USAGE, 0, "%s: line %u, column %u: %s", what, f.line, f.column, f.what);
	text_clear(t);
	text_add(t, m.octets.at, r > 0 ? m.octets.n : 0);
	text_done(&m.octets);
}

static void finish(struct encode_input *in, struct argp_state *state)
{
	size_t bad_at;

	if (state->arg_num == 0)
		argp_error(state, "the text is missing (`-` reads it from standard input)");
	else if (in->deliver ? in->to != NULL : in->from != NULL)
		argp_error(state, in->deliver ? "--to does not go with --dir mt: an SMS-DELIVER names its sender, --from" :
						"--from goes with --dir mt only: the network knows who sends an SMS-SUBMIT");
	else if (in->udh_hex && !in->binary)
		argp_error(state, "--udh goes with --encoding binary");
	else if (in->validity_form && !in->validity_s)
		argp_error(state, "--validity-form goes with --validity");
	else if (in->deliver && (in->validity_s || in->mr))
		argp_error(state, "--validity and --mr are of an SMS-SUBMIT");
	if (strcmp(in->text.at, "-") == 0) {
		text_clear(&in->text);
		if (one_message_stdin(&in->text) < 0)
			argp_failure(state, CLI_USAGE, 0, "the text on standard input cannot be read or is too long");
	}
	if (in->binary)
		octets_of("the data", &in->text, state);
	else if (in->text.n && utf8_check(in->text.at, in->text.n, &bad_at) < 0)
		argp_failure(state, CLI_USAGE, 0, "the text is not UTF-8 at octet %zu", bad_at);
	if (in->udh_hex) {
		text_puts(&in->udh, in->udh_hex);
		octets_of("--udh", &in->udh, state);
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct encode_input *in = state->input;

	switch (key) {
	case ARGP_KEY_INIT: state->child_inputs[0] = in->cli; return 0;
	case OPT_TO: in->to = arg; return 0;
	case OPT_FROM: in->from = arg; return 0;
	case OPT_SMSC: in->smsc = arg; return 0;
	case OPT_UDH: in->udh_hex = arg; return 0;
	case OPT_FLASH: in->flash = true; return 0;
	case OPT_REPORT: in->report = true; return 0;
	case OPT_ENCODING: set_encoding(in, arg, state); return 0;
	case OPT_LANGUAGES: set_languages(in, arg, state); return 0;
	case OPT_VALIDITY: set_validity(in, arg, state); return 0;
	case OPT_VALIDITY_FORM: set_validity_form(in, arg, state); return 0;
	case OPT_REF: in->ref = number_of("ref", arg, 0, 65535, state); return 0;
	case OPT_MR: in->mr = number_of("mr", arg, 0, 255, state); return 0;
	case OPT_MAX_PARTS:
		in->segment.max_parts = (uint8_t)number_of("max-parts", arg, 1, SEGMENT_MAX_PARTS, state);
		return 0;
	case OPT_CONCAT:
		in->segment.rules.concat = strcmp(arg, "udh16") == 0 ? CONCAT_UDH16 : CONCAT_UDH8;
		if (strcmp(arg, "udh16") != 0 && strcmp(arg, "udh8") != 0)
			argp_error(state, "--concat: there are udh8 and udh16, not \"%s\"", arg);
		return 0;
	case OPT_DIR:
		in->deliver = strcmp(arg, "mt") == 0;
		if (!in->deliver && strcmp(arg, "mo") != 0)
			argp_error(state, "--dir: there are mt and mo, not \"%s\"", arg);
		return 0;
	case ARGP_KEY_ARG:
		text_puts(&in->text, state->arg_num ? " " : "");
		text_puts(&in->text, arg);
		return 0;
	case ARGP_KEY_END: finish(in, state); return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

/* ---- planning ---- */

static int refuse(const struct encode_input *in, const char *code, struct text *why, json_t *where)
{
	cli_error("%s", why->at);
	if (in->cli->json) {
		json_t *error = json_pack("{s:{s:s, s:s, s:O}}", "error", "code", code, "message", why->at, "at", where);
		char *dump = json_dumps(error, JSON_COMPACT);

		if (dump)
			puts(dump);
		free(dump);
		json_decref(error);
	}
	json_decref(where);
	text_done(why);
	return CLI_REFUSED;
}

/* Characters in front of octet `at`. */
static size_t position(const char *s, size_t at)
{
	size_t n = 0;

	for (size_t i = 0; i < at; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

static int refuse_plan(const struct encode_input *in, int r, const struct segment_plan *p, size_t bad_at)
{
	size_t at = in->binary || bad_at > in->text.n ? 0 : position(in->text.at, bad_at);
	struct text why = { 0 };
	uint32_t cp;
	size_t n;
	char buf[96];

	switch (r) {
	case -EILSEQ:
		n = utf8_next(in->text.at + bad_at, in->text.n - bad_at, &cp);
		text_printf(&why, "the GSM 7 bit alphabet lacks %.*s (U+%04X %s) at %zu", (int)n, in->text.at + bad_at, (unsigned)cp,
			unicode_name(cp, buf, sizeof buf), at);
		return refuse(in, "not_gsm7", &why, json_integer((json_int_t)at));
	case -E2BIG:
		text_printf(&why, "this needs %s%u parts, and at most %u are allowed", p->n_parts == 255 ? "more than " : "",
			p->n_parts == 255 ? 254 : p->n_parts,
			in->segment.max_parts ? in->segment.max_parts : SEGMENT_MAX_PARTS);
		return refuse(in, "too_many_parts", &why, json_integer((json_int_t)at));
	case -EBADMSG:
		text_puts(&why, "--udh: the lengths in the header do not add up");
		return refuse(in, "bad_udh", &why, json_null());
	case -EEXIST:
		text_puts(&why, "the data needs several parts, but the header already says that this is a part");
		return refuse(in, "bad_udh", &why, json_null());
	default:
		text_puts(&why, "the header leaves no room for data");
		return refuse(in, "bad_udh", &why, json_null());
	}
}

static int plan_it(struct encode_input *in, struct segment_plan *p)
{
	const char *text = in->text.at ? in->text.at : "";
	size_t bad_at = 0;
	int r;

	if (in->binary)
		r = segment_binary_plan((const uint8_t *)in->udh.at, in->udh.n, in->text.n, &in->segment, p);
	else
		r = segment_plan(text, in->text.n, &in->segment, p, &bad_at);
	return r < 0 ? refuse_plan(in, r, p, bad_at) : CLI_OK;
}

static int make_part(const struct encode_input *in, const struct segment_plan *p, unsigned part, struct segment_wire *w)
{
	const char *text = in->text.at ? in->text.at : "";

	if (in->binary)
		return segment_binary_part((const uint8_t *)in->udh.at, in->udh.n, (const uint8_t *)text, p, part,
			(uint16_t)in->ref, w);
	return segment_part(text, p, part, (uint16_t)in->ref, w);
}

/* ---- the TPDU ---- */

struct addresses {
	bool wanted;
	struct tpdu_address peer, centre;
};

static int read_addresses(const struct encode_input *in, struct addresses *a)
{
	const char *peer = in->deliver ? in->from : in->to, *why;

	*a = (struct addresses){ .wanted = peer != NULL };
	if (peer && tpdu_address_make(peer, &a->peer, &why) < 0) {
		cli_error("--%s: \"%s\": %s", in->deliver ? "from" : "to", peer, why);
		return CLI_USAGE;
	}
	if (peer && !in->deliver && a->peer.ton == TON_ALPHANUMERIC) {
		cli_error("--to: \"%s\" is a name; an SMS-SUBMIT goes to a number", peer);
		return CLI_USAGE;
	}
	if (in->smsc && (tpdu_address_make(in->smsc, &a->centre, &why) < 0 || a->centre.ton == TON_ALPHANUMERIC)) {
		cli_error("--smsc: \"%s\" is no number", in->smsc);
		return CLI_USAGE;
	}
	return CLI_OK;
}

static int validity_of(const struct encode_input *in, struct tpdu_validity *ret)
{
	enum tpdu_vp_form form = in->validity_form ? in->validity_form : TPDU_VP_RELATIVE;

	*ret = (struct tpdu_validity){ 0 };
	if (!in->validity_s)
		return 0;
	*ret = (struct tpdu_validity){ .form = form, .period_s = in->validity_s, .enhanced = TPDU_VPE_HMS };
	if (form == TPDU_VP_ENHANCED && in->validity_s >= 100 * 3600)
		ret->enhanced = TPDU_VPE_RELATIVE;
	if (form == TPDU_VP_ABSOLUTE)
		return tpdu_time_make((int64_t)time(NULL) + in->validity_s, 0, &ret->until);
	return 0;
}

/* Returns the octets, 0 when none are wanted, or -errno. */
static int make_tpdu(const struct encode_input *in, const struct addresses *a, const struct segment_plan *p,
	const struct segment_wire *w, uint8_t out[static TPDU_MAX], size_t *ret_n_tpdu)
{
	struct tpdu t = { .type = in->deliver ? TPDU_DELIVER : TPDU_SUBMIT, .centre = a->centre, .address = a->peer,
		.mr = (uint8_t)in->mr, .report = in->report };
	int r;

	if (!a->wanted)
		return 0;
	if (in->deliver)
		r = tpdu_time_make((int64_t)time(NULL), 0, &t.scts);
	else
		r = validity_of(in, &t.validity);
	if (r < 0)
		return r;
	r = tpdu_set_ud(&t, dcs_make(p->encoding, in->flash), w->udh, w->n_udh, w->text, w->n_text);
	if (r < 0)
		return r;
	return tpdu_put(&t, true, out, TPDU_MAX, ret_n_tpdu);
}

/* ---- showing ---- */

static const char *unit_name(enum encoding e)
{
	static const char *const names[] = { [ENC_GSM7] = "septets", [ENC_UCS2] = "UTF-16 units", [ENC_BINARY] = "octets" };

	return names[e];
}

static const char *encoding_name(enum encoding e)
{
	static const char *const names[] = { [ENC_GSM7] = "gsm7", [ENC_UCS2] = "ucs2", [ENC_BINARY] = "binary" };

	return names[e];
}

static unsigned all_units(const struct segment_plan *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->n_parts; i++)
		n += p->units[i];
	return n;
}

static void show_plan(const struct encode_input *in, const struct segment_plan *p)
{
	const char *locking = gsm7_language_name(p->shift.locking), *single = gsm7_language_name(p->shift.single);

	printf("encoding  %s", encoding_name(p->encoding));
	if (locking)
		printf(", locking table %s", locking);
	if (single)
		printf(", single shift table %s", single);
	if (p->encoding == ENC_GSM7 && !locking && !single)
		printf(", default alphabet");
	printf("\nlength    %u %s\nparts     %u of at most %u %s\n", all_units(p), unit_name(p->encoding), p->n_parts,
		segment_capacity(p, in->udh.n), unit_name(p->encoding));
}

static void show_part(const struct encode_input *in, const struct segment_plan *p, unsigned part,
	const struct segment_wire *w, const uint8_t *tpdu, int n, size_t n_tpdu)
{
	struct text udh = { 0 }, clean = { 0 }, text = { 0 };

	printf("\npart %u/%u  %u %s, %u left\n", part, p->n_parts, p->units[part - 1], unit_name(p->encoding),
		segment_units_left(p, part, in->udh.n));
	if (!in->binary && p->start[part] > p->start[part - 1]) {
		text_add(&text, in->text.at + p->start[part - 1], p->start[part] - p->start[part - 1]);
		table_fit(&clean, text.at, text.n);
		printf("text      %s\n", clean.at);
	}
	if (w->n_udh) {
		sheet_octets(&udh, w->udh, w->n_udh);
		printf("UDH       %s\n", udh.at);
	}
	if (n > 0) {
		printf("%s%zu\n", in->deliver ? "+CMT: ,": "AT+CMGS=", n_tpdu);
		for (int i = 0; i < n; i++)
			printf("%02X", tpdu[i]);
		putchar('\n');
	}
	text_done(&udh);
	text_done(&clean);
	text_done(&text);
}

static json_t *part_json(const struct encode_input *in, const struct segment_plan *p, unsigned part,
	const struct segment_wire *w, const uint8_t *tpdu, int n, size_t n_tpdu)
{
	json_t *j = json_pack("{s:i, s:i, s:i, s:o}", "part", (int)part, "units", (int)p->units[part - 1], "left",
		(int)segment_units_left(p, part, in->udh.n), "udh", sheet_hex(w->udh, w->n_udh));

	if (!in->binary)
		json_object_set_new(j, "text", json_stringn((in->text.at ? in->text.at : "") + p->start[part - 1],
						p->start[part] - p->start[part - 1]));
	if (n > 0) {
		json_object_set_new(j, "tpdu", sheet_hex(tpdu, (size_t)n));
		json_object_set_new(j, "tpdu_octets", json_integer((json_int_t)n_tpdu));
	}
	return j;
}

static json_t *plan_json(const struct segment_plan *p)
{
	return json_pack("{s:s, s:s?, s:s?, s:s, s:i, s:i}", "encoding", encoding_name(p->encoding), "locking",
		gsm7_language_name(p->shift.locking), "single", gsm7_language_name(p->shift.single), "concat",
		p->concat == CONCAT_UDH16 ? "udh16" : "udh8", "units", (int)all_units(p), "n_parts", (int)p->n_parts);
}

static int show_all(const struct encode_input *in, const struct segment_plan *p, const struct addresses *a)
{
	json_t *object = plan_json(p), *parts = json_array();
	int end = CLI_OK;
	char *dump;

	if (!in->cli->json)
		show_plan(in, p);
	for (unsigned part = 1; part <= p->n_parts && end == CLI_OK; part++) {
		struct segment_wire w;
		uint8_t tpdu[TPDU_MAX];
		size_t n_tpdu = 0;
		int n = make_part(in, p, part, &w);

		if (n == 0)
			n = make_tpdu(in, a, p, &w, tpdu, &n_tpdu);
		if (n < 0) {
			cli_error("part %u cannot be written: %s", part, strerror(-n));
			end = CLI_REFUSED;
		} else if (in->cli->json) {
			json_array_append_new(parts, part_json(in, p, part, &w, tpdu, n, n_tpdu));
		} else {
			show_part(in, p, part, &w, tpdu, n, n_tpdu);
		}
	}
	json_object_set_new(object, "parts", parts);
	dump = in->cli->json && end == CLI_OK ? json_dumps(object, JSON_COMPACT) : NULL;
	if (dump)
		puts(dump);
	free(dump);
	json_decref(object);
	return end;
}

int cmd_encode(struct cli *cli, int argc, char **argv)
{
	static const char doc[] =
		"Show what becomes of a text: encoding, parts, and the TPDUs for AT+CMGS.  No gateway is asked.\v"
		"TEXT of several words is joined by blanks; `-` reads it from standard input.\n"
		"\n"
		"Examples:\n"
		"  posthorn encode 'Don’t panic'\n"
		"  posthorn encode --to +46708251358 --report --validity 4d hellohello\n"
		"  posthorn encode --languages tr --concat udh16 - < text.txt\n"
		"  posthorn encode --dir mt --from Posthorn Hello --json | jq .parts\n"
		"  posthorn encode --encoding binary --udh 0605040B8423F0 CAFE\n"
		"\n"
		"Exit status: 0 encoded; 1 it cannot be (too many parts, or not in the alphabet); 2 wrong usage.";
	const struct argp argp = { .options = options, .parser = parse, .args_doc = "TEXT...", .doc = doc,
		.children = cli_argp_children };
	struct encode_input in = { .cli = cli };
	struct addresses addresses;
	struct segment_plan plan;
	int end;

	cli_parse(&argp, argc, argv, 0, &in);
	in.segment.unicode = unicode_new();
	end = read_addresses(&in, &addresses);
	if (end == CLI_OK)
		end = plan_it(&in, &plan);
	if (end == CLI_OK)
		end = show_all(&in, &plan, &addresses);
	unicode_free(in.segment.unicode);
	text_done(&in.text);
	text_done(&in.udh);
	return end;
}
