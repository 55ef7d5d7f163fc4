/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_decode_tpdu.c -- `posthorn decode tpdu`: an SMS TPDU, field by field.
 *
 * The octets alone say neither which way they went nor whether a service centre stands in front; both change the
 * meaning of all that follows.  Where nobody says it, all four readings are made and the one with the least oddities is
 * shown, and said to be guessed. */
#include "config.h"

#include "cli/cmd_decode.h"
#include "cli/sheet.h"
#include "cli/words.h"

#include <stdlib.h>
#include <string.h>

#include "codec/tpdu.h"
#include "codec/udh.h"

struct reading {
	enum tpdu_direction direction;
	bool centre;
	int r; /* of tpdu_read() */
	struct tpdu_fault fault;
	struct tpdu t;
};

/* ---- which reading ---- */

/* `told`: somebody said which way it went. */
static unsigned oddities(const struct hex_message *m, bool told, const struct reading *a)
{
	const uint8_t *octets = (const uint8_t *)m->octets.at;
	const struct tpdu *t = &a->t;
	struct dcs d;
	unsigned odd;

	if (a->r < 0)
		return 10000 - (unsigned)(a->fault.at < 9000 ? a->fault.at : 9000);
	odd = 10 * (unsigned)__builtin_popcount(t->notes);
	if (m->n_counted >= 0 && m->octets.n - t->field[TPDU_F_CENTRE].n != (size_t)m->n_counted)
		odd += 50;
	if (a->centre && t->centre.text[0] && t->centre.ton != TON_INTERNATIONAL)
		odd += 5;
	if (t->type == TPDU_SUBMIT_REPORT || t->type == TPDU_DELIVER_REPORT || t->type == TPDU_COMMAND)
		return odd + (told ? 30 : 20000); /* modems show none of these: somebody must say that it is one */
	if (!(octets[t->field[TPDU_F_ADDRESS].at + 1] & 0x80) || t->address.ton == TON_RESERVED)
		odd += 15;
	dcs_read(t->dcs, &d);
	odd += (t->pid ? 2 : 0) + (d.reserved ? 5 : 0);
	if (t->type != TPDU_SUBMIT && !t->scts.sound)
		odd += 8;
	return odd;
}

static void read_best(const struct decode_opts *o, const struct hex_message *m, struct reading *best)
{
	const uint8_t *octets = (const uint8_t *)m->octets.at;
	enum hex_direction direction = o->direction ? o->direction : m->direction;
	enum decode_centre centre = o->centre != CENTRE_GUESS ? o->centre : m->from_modem ? CENTRE_YES : CENTRE_GUESS;
	unsigned least = UINT32_MAX;

	for (unsigned i = 0; i < 4; i++) {
		struct reading a = { .direction = i & 1 ? TPDU_MO : TPDU_MT, .centre = !(i & 2) };
		unsigned odd;

		if (direction != HEX_UNKNOWN && (direction == HEX_MO) != (a.direction == TPDU_MO))
			continue;
		if (centre != CENTRE_GUESS && (centre == CENTRE_YES) != a.centre)
			continue;
		a.r = tpdu_read(octets, m->octets.n, a.direction, a.centre, &a.t, &a.fault);
		odd = oddities(m, direction != HEX_UNKNOWN, &a);
		if (odd < least) {
			least = odd;
			*best = a;
		}
	}
}

/* ---- field by field ---- */

static void row(struct sheet *s, const struct tpdu *t, enum tpdu_field f, const char *name, const char *meaning)
{
	sheet_row(s, t->field[f].at, t->field[f].n, name, "%s", meaning);
}

static void address_row(struct sheet *s, const struct tpdu *t, enum tpdu_field f, const char *name,
	const struct tpdu_address *a)
{
	char text[TPDU_ADDRESS_TEXT];
	struct text words = { 0 };

	tpdu_address_show(a, text);
	text_printf(&words, "%s  (%s, %s)", *text ? text : "empty", words_ton(a->ton), words_npi(a->npi));
	row(s, t, f, name, f == TPDU_F_CENTRE && t->field[f].n == 1 ? "none, or the one stored in the modem" : words.at);
	text_done(&words);
}

static json_t *address_json(const struct tpdu_address *a)
{
	char text[TPDU_ADDRESS_TEXT];

	tpdu_address_show(a, text);
	return json_pack("{s:s, s:i, s:i}", "text", text, "ton", (int)a->ton, "npi", (int)a->npi);
}

static void first_row(struct sheet *s, const struct tpdu *t)
{
	static const char *const forms[] = { ", no validity", ", enhanced validity", ", relative validity",
		", absolute validity" };
	static const char *const reports[] = { [TPDU_DELIVER] = ", a report goes to the sender",
		[TPDU_SUBMIT_REPORT] = "", [TPDU_STATUS_REPORT] = ", about a command", [TPDU_DELIVER_REPORT] = "",
		[TPDU_SUBMIT] = ", report wanted", [TPDU_COMMAND] = ", report wanted" };
	struct text w = { 0 };

	text_puts(&w, tpdu_type_name(t->type));
	if (t->type == TPDU_SUBMIT)
		text_puts(&w, forms[t->validity.form]);
	text_puts(&w, t->has_header ? ", header in TP-UD" : "");
	if (t->report)
		text_puts(&w, reports[t->type]);
	text_puts(&w, t->reply_path ? ", reply path" : "");
	text_puts(&w, t->reject_duplicates ? ", reject duplicates" : "");
	text_puts(&w, t->more ? ", more messages wait" : "");
	text_puts(&w, t->loop ? ", forwarded" : "");
	row(s, t, TPDU_F_FIRST, "first octet", w.at);
	text_done(&w);
}

static json_t *time_row(struct sheet *s, const struct tpdu *t, enum tpdu_field f, const char *name,
	const struct tpdu_time *time)
{
	char shown[TPDU_TIME_TEXT];

	tpdu_time_show(time, shown);
	if (!time->sound)
		row(s, t, f, name, "no date");
	else
		sheet_row(s, t->field[f].at, t->field[f].n, name, "%s%s", shown, time->zone_known ? "" : ", no time zone");
	return time->sound ? json_string(shown) : json_null();
}

static void validity_row(struct sheet *s, const struct tpdu *t, json_t *object)
{
	static const char *const forms[] = { "none", "enhanced", "relative", "absolute" };
	const struct tpdu_validity *v = &t->validity;
	json_t *j = json_pack("{s:s}", "form", forms[v->form]);
	struct text w = { 0 };

	switch (v->form) {
	case TPDU_VP_NONE:
		break;
	case TPDU_VP_ABSOLUTE:
		json_object_set_new(j, "until", time_row(s, t, TPDU_F_VP, "TP-VP", &v->until));
		break;
	case TPDU_VP_ENHANCED:
	case TPDU_VP_RELATIVE:
		if (v->extended)
			text_puts(&w, "extended, not interpreted");
		else if (v->period_s)
			words_span(&w, v->period_s);
		else
			text_puts(&w, v->enhanced ? "no period that makes sense" : "no period");
		text_puts(&w, v->single_shot ? ", one attempt" : "");
		row(s, t, TPDU_F_VP, "TP-VP", w.at);
		json_object_set_new(j, "seconds", json_integer(v->period_s));
		json_object_set_new(j, "single_shot", json_boolean(v->single_shot));
		break;
	}
	json_object_set_new(object, "validity", j);
	text_done(&w);
}

static void pid_and_dcs_rows(struct sheet *s, const struct tpdu *t, json_t *object)
{
	struct text w = { 0 };

	row(s, t, TPDU_F_PID, "TP-PID", words_pid(t->pid));
	words_dcs(&w, t->dcs);
	row(s, t, TPDU_F_DCS, "TP-DCS", w.at);
	text_done(&w);
	if (t->field[TPDU_F_PID].n)
		json_object_set_new(object, "pid", json_integer(t->pid));
	if (t->field[TPDU_F_DCS].n)
		json_object_set_new(object, "dcs", words_dcs_json(t->dcs));
}

static void status_row(struct sheet *s, const struct tpdu *t, json_t *object)
{
	static const char *const outcomes[][2] = { [TPDU_COMPLETED] = { "completed", "final" },
		[TPDU_TRYING] = { "trying", "the centre still tries" }, [TPDU_PERMANENT] = { "permanent", "final, failed" },
		[TPDU_GIVEN_UP] = { "given_up", "temporary, but the centre has stopped" } };
	enum tpdu_outcome o = tpdu_outcome(t->status);

	sheet_row(s, t->field[TPDU_F_ST].at, 1, "TP-ST", "%s; %s", tpdu_status_text(t->status), outcomes[o][1]);
	json_object_set_new(object, "status", json_pack("{s:i, s:s, s:s}", "octet", (int)t->status, "text",
							tpdu_status_text(t->status), "outcome", outcomes[o][0]));
}

static void pi_row(struct sheet *s, const struct tpdu *t)
{
	sheet_row(s, t->field[TPDU_F_PI].at, t->field[TPDU_F_PI].n, "TP-PI", "follows:%s%s%s%s", t->pi & 1 ? " TP-PID" : "",
		t->pi & 2 ? " TP-DCS" : "", t->pi & 4 ? " TP-UD" : "", t->pi & 7 ? "" : " nothing");
}

/* Rows for TP-UDL, the header and the rest of TP-UD; the text or the octets go to the object. */
static void user_data_rows(struct sheet *s, const struct tpdu *t, json_t *object)
{
	struct tpdu_span ud = t->field[TPDU_F_UD];
	uint8_t body[TPDU_SEPTETS_MAX];
	char text[TPDU_TEXT_MAX];
	size_t n_body = tpdu_body(t, body), n_text;
	struct dcs d;
	bool septets;

	dcs_read(t->dcs, &d);
	septets = d.alphabet == DCS_GSM7 && !d.compressed;
	sheet_row(s, t->field[TPDU_F_UDL].at, t->field[TPDU_F_UDL].n, "TP-UDL", "%u %s%s%s", t->udl,
		septets ? "septet" : "octet", t->udl == 1 ? "" : "s", t->n_udh ? ", header included" : "");
	json_object_set_new(object, "udl", json_integer(t->udl));
	if (t->n_udh)
		words_udh(s, ud.at, t->n_udh, object);
	if (septets)
		sheet_row(s, ud.at + t->n_udh, (size_t)ud.n - t->n_udh, "TP-UD", "%zu septet%s", n_body,
			n_body == 1 ? "" : "s");
	else if (tpdu_is_text(t))
		sheet_row(s, ud.at + t->n_udh, (size_t)ud.n - t->n_udh, "TP-UD", "%zu UTF-16 unit%s", n_body / 2,
			n_body / 2 == 1 ? "" : "s");
	else
		sheet_row(s, ud.at + t->n_udh, (size_t)ud.n - t->n_udh, "TP-UD", "%zu octet%s, not text", n_body,
			n_body == 1 ? "" : "s");
	if (septets && t->n_udh && gsm7_fill_bits(t->n_udh) && ud.n > t->n_udh) {
		char fill[32];

		snprintf(fill, sizeof fill, "%u fill bits in front", gsm7_fill_bits(t->n_udh));
		sheet_also(s, fill);
	}
	tpdu_text(t, text, &n_text);
	if (tpdu_is_text(t))
		json_object_set_new(object, "text", json_stringn(text, n_text));
	else
		json_object_set_new(object, "octets", sheet_hex(body, n_body));
}

static void notes_json(const struct tpdu *t, json_t *object)
{
	json_t *notes = json_array();

	for (unsigned i = 0; i < TPDU_NOTES; i++) {
		if (t->notes >> i & 1)
			json_array_append_new(notes, json_pack("{s:i, s:s}", "at", (int)t->note_at[i], "note",
							     tpdu_note_text(i)));
	}
	json_object_set_new(object, "notes", notes);
}

static bool has_user_data(const struct tpdu *t)
{
	return t->field[TPDU_F_UDL].n > 0;
}

static void add_rows(struct sheet *s, const struct tpdu *t, json_t *object)
{
	static const char *const address_names[] = { [TPDU_DELIVER] = "TP-OA", [TPDU_STATUS_REPORT] = "TP-RA",
		[TPDU_SUBMIT] = "TP-DA" };
	bool before = t->type == TPDU_SUBMIT || t->type == TPDU_DELIVER; /* PID and DCS stand before the times */

	if (t->field[TPDU_F_CENTRE].n)
		json_object_set_new(object, "smsc", address_json(&t->centre));
	address_row(s, t, TPDU_F_CENTRE, "SCA", &t->centre);
	first_row(s, t);
	if (t->field[TPDU_F_MR].n) {
		sheet_row(s, t->field[TPDU_F_MR].at, 1, "TP-MR", "message reference %u", t->mr);
		json_object_set_new(object, "mr", json_integer(t->mr));
	}
	if (t->field[TPDU_F_ADDRESS].n) {
		address_row(s, t, TPDU_F_ADDRESS, address_names[t->type], &t->address);
		json_object_set_new(object, "address", address_json(&t->address));
	}
	if (before)
		pid_and_dcs_rows(s, t, object);
	if (t->type == TPDU_SUBMIT)
		validity_row(s, t, object);
	if (t->field[TPDU_F_SCTS].n)
		json_object_set_new(object, "scts", time_row(s, t, TPDU_F_SCTS, "TP-SCTS", &t->scts));
	if (t->type == TPDU_STATUS_REPORT) {
		json_object_set_new(object, "discharge", time_row(s, t, TPDU_F_DT, "TP-DT", &t->discharge));
		status_row(s, t, object);
		pi_row(s, t);
		pid_and_dcs_rows(s, t, object);
	}
	if (has_user_data(t))
		user_data_rows(s, t, object);
	row(s, t, TPDU_F_REST, "rest", t->notes & TPDU_NOTE_SURPLUS ? "ignored" : "not interpreted");
}

static void print_people(const struct sheet *s, const struct reading *a, const struct hex_message *m, bool guessed)
{
	const struct tpdu *t = &a->t;
	size_t n_tpdu = m->octets.n - t->field[TPDU_F_CENTRE].n;
	char text[TPDU_TEXT_MAX];
	size_t n;

	printf("%s, %s%s; %zu octets%s\n\n", tpdu_type_name(t->type),
		a->direction == TPDU_MT ? "to the phone" : "from the phone", guessed ? " (guessed)" : "", n_tpdu,
		a->centre ? " without the service centre" : "");
	sheet_print(s);
	for (unsigned i = 0; i < TPDU_NOTES; i++) {
		if (t->notes >> i & 1)
			printf("%s%5u  note: %s\n", (t->notes & ((1u << i) - 1)) == 0 ? "\n" : "", t->note_at[i],
				tpdu_note_text(i));
	}
	if (m->n_counted >= 0 && (size_t)m->n_counted != n_tpdu)
		printf("\n       note: the modem counted %ld octets\n", m->n_counted);
	tpdu_text(t, text, &n);
	if (has_user_data(t) && tpdu_is_text(t))
		sheet_print_text("text", text, n);
}

int decode_tpdu(const struct decode_opts *o, const struct hex_message *m)
{
	enum hex_direction direction = o->direction ? o->direction : m->direction;
	bool guessed = direction == HEX_UNKNOWN || (o->centre == CENTRE_GUESS && !m->from_modem);
	struct reading *a = calloc(1, sizeof *a);
	json_t *object = json_object();
	struct sheet s;
	int end = CLI_OK;

	if (!a)
		abort();
	sheet_init(&s, (const uint8_t *)m->octets.at);
	read_best(o, m, a);
	if (a->r < 0) {
		decode_say_bad(o->cli, "bad_tpdu", a->fault.at, a->fault.why);
		if (guessed)
			cli_note("hint: read as %s a service centre in front, %s the phone; --smsc, --no-smsc and --dir "
				 "say how it is",
				a->centre ? "with" : "without", a->direction == TPDU_MT ? "to" : "from");
		end = CLI_REFUSED;
	} else {
		json_object_set_new(object, "type", json_string(tpdu_type_name(a->t.type)));
		json_object_set_new(object, "direction", json_string(a->direction == TPDU_MT ? "mt" : "mo"));
		json_object_set_new(object, "guessed", json_boolean(guessed));
		json_object_set_new(object, "tpdu_octets",
			json_integer((json_int_t)(m->octets.n - a->t.field[TPDU_F_CENTRE].n)));
		add_rows(&s, &a->t, object);
		notes_json(&a->t, object);
		json_object_set(object, "fields", s.fields);
		if (o->cli->json) {
			char *dump = json_dumps(object, JSON_COMPACT);

			if (dump)
				puts(dump);
			free(dump);
		} else {
			print_people(&s, a, m, guessed);
		}
	}
	sheet_done(&s);
	json_decref(object);
	free(a);
	return end;
}
