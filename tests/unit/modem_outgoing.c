/* SPDX-License-Identifier: Apache-2.0 */
/* What a modem that sends is believed to have done.  The chat and the core are the test's own; time is, too. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "drivers/modem/modem.h"

#define SETTLED_MAX 16

static struct {
	struct modem m;
	uv_loop_t loop;
	struct chat_command cmd; /* the one that runs; text "": none */
	char text[32], body[400];
	struct {
		uint64_t key;
		enum outcome outcome;
		uint32_t code;
		char id[48];
	} settled[SETTLED_MAX];
	unsigned n_settled, n_ready, n_drain, n_stuck, n_pause;
	uint64_t next_key;
	uv_timer_cb timer;
} w;

/* ---- the test's halves ---- */

int __wrap_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t ms, uint64_t again);
int __wrap_uv_timer_stop(uv_timer_t *t);

int chat_command(struct chat *c, const struct chat_command *cmd)
{
	(void)c;
	assert_string_equal(w.text, ""); /* one at a time */
	w.cmd = *cmd;
	snprintf(w.text, sizeof(w.text), "%s", cmd->text);
	snprintf(w.body, sizeof(w.body), "%s", cmd->body);
	return 0;
}

void link_settled(struct link *l, const struct settle *s)
{
	unsigned i = w.n_settled++;

	(void)l;
	assert_true(i < SETTLED_MAX);
	w.settled[i].key = s->key;
	w.settled[i].outcome = s->outcome;
	w.settled[i].code = s->code;
	snprintf(w.settled[i].id, sizeof(w.settled[i].id), "%s", s->smsc_id ? s->smsc_id : "");
}

void link_ready(struct link *l)
{
	(void)l;
	w.n_ready++;
}

const char *link_name(const struct link *l)
{
	(void)l;
	return "sim1";
}

void incoming_drain(struct modem *m)
{
	(void)m;
	w.n_drain++;
}

void incoming_reports_expected(struct modem *m)
{
	(void)m;
}

void modem_stuck(struct modem *m, const char *why)
{
	(void)m;
	(void)why;
	w.n_stuck++;
}

enum at_kind modem_error_kind(const struct chat_answer *a)
{
	return a->end == CHAT_CMS_ERROR ? AT_CMS_ERROR : AT_ERROR;
}

void modem_drained(struct modem *m)
{
	(void)m;
}

void modem_pause(struct modem *m, enum at_class class, const char *why)
{
	(void)m;
	(void)class;
	(void)why;
	w.n_pause++;
}

enum at_class modem_text_class(const struct modem *m, enum at_kind kind, int code, unsigned *ret_bound)
{
	*ret_bound = at_error_bound(kind, code);
	return at_error_class(kind, code);
}

unsigned modem_sms_timeout_ms(const struct modem *m)
{
	(void)m;
	return 60000;
}

int __wrap_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t ms, uint64_t again)
{
	(void)t;
	(void)ms;
	(void)again;
	w.timer = cb;
	return 0;
}

int __wrap_uv_timer_stop(uv_timer_t *t)
{
	(void)t;
	w.timer = NULL;
	return 0;
}

/* ---- doings ---- */

static int setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	uv_loop_init(&w.loop);
	w.m.loop = &w.loop;
	w.m.chat = (struct chat *)&w; /* never looked into */
	snprintf(w.m.id.iccid, sizeof(w.m.id.iccid), "8901260123456704512");
	assert_int_equal(outgoing_init(&w.m), 0);
	outgoing_up(&w.m);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	w.text[0] = '\0';
	outgoing_abandon(&w.m, "the end");
	outgoing_done(&w.m, NULL);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w.loop), 0);
	return 0;
}

/* Recipients are +1202555NNNN. */
static uint64_t give_to(unsigned number)
{
	struct part p = { .key = ++w.next_key, .to = 12025550000ull + number, .from = "", .part = 1, .n_parts = 1,
		.encoding = ENC_GSM7, .want_receipt = true };

	p.wire.n_text = 2;
	memcpy(p.wire.text, "hi", 2);
	assert_int_equal(outgoing_submit(&w.m, &p), 0);
	return p.key;
}

static void answer(enum chat_end end, int code, bool body_written, const char *line)
{
	const char *lines[] = { line };
	const struct chat_answer a = { .end = end, .code = code, .body_written = body_written, .n_lines = line ? 1 : 0,
		.lines = lines };

	assert_string_not_equal(w.text, "");
	w.text[0] = '\0';
	w.cmd.done(w.cmd.arg, &a);
}

static void ok(int mr)
{
	char line[24];

	snprintf(line, sizeof(line), "+CMGS: %d", mr);
	answer(CHAT_OK, 0, true, line);
}

static void lost(void)
{
	answer(CHAT_TIMEOUT, 0, true, NULL);
}

static void time_is_up(void)
{
	for (unsigned i = 0; i < w.m.out.n; i++)
		w.m.out.part[i].until_ms = 0;
	assert_non_null(w.timer);
	w.timer(&w.m.out.timer);
}

/* "704512-17-550142" as an id shows it: with a mark in the place of the number, which alone is left to the code. */
static const char *shown(const char *id)
{
	static char buf[64];
	const char *tail = strrchr(id, '-');

	if (!tail)
		return id;
	snprintf(buf, sizeof(buf), "%.*s%05x", (int)(tail - id) + 1, id,
		(unsigned)(hash_bytes(OUTGOING_TAIL, tail + 1, strlen(tail + 1)) & 0xfffff));
	return buf;
}

static void expect(unsigned i, uint64_t key, enum outcome outcome, const char *id)
{
	assert_true(i < w.n_settled);
	assert_int_equal(w.settled[i].key, key);
	assert_string_equal(outcome_name(w.settled[i].outcome), outcome_name(outcome));
	assert_string_equal(w.settled[i].id, shown(id));
	assert_null(strstr(w.settled[i].id, "5500")); /* no number in what is logged */
}

/* ---- tests ---- */

static void the_id_is_of_sim_reference_and_recipient(void **state)
{
	uint64_t a = give_to(142);

	(void)state;
	/* 00: the stored centre; 31: SUBMIT, relative validity … as tpdu_put_part() makes it. */
	assert_string_equal(w.text, "AT+CMGS=15");
	assert_int_equal(strlen(w.body), 2 * (15 + 1));
	ok(17);
	expect(0, a, OUTCOME_SENT, "704512-17-550142");
}

static void parts_go_in_order_and_more_than_the_window_wait(void **state)
{
	struct part p = { .key = 99, .to = 12025550142, .from = "", .part = 1, .n_parts = 1 };

	(void)state;
	for (unsigned i = 0; i < OUTGOING_WINDOW; i++)
		give_to(i);
	assert_int_equal(outgoing_submit(&w.m, &p), -EAGAIN);
	for (unsigned i = 0; i < OUTGOING_WINDOW; i++)
		ok((int)i);
	for (unsigned i = 0; i < OUTGOING_WINDOW; i++)
		assert_int_equal(w.settled[i].key, i + 1);
	assert_int_equal(w.n_ready, 1);
	assert_true(outgoing_is_empty(&w.m));
}

static void an_acceptance_without_ok_is_one(void **state)
{
	uint64_t a = give_to(1);

	(void)state;
	answer(CHAT_TIMEOUT, 0, true, "+CMGS: 5");
	expect(0, a, OUTCOME_SENT, "704512-5-550001");
}

static void a_late_line_is_an_acceptance(void **state)
{
	uint64_t a = give_to(1);

	(void)state;
	lost();
	assert_int_equal(w.n_settled, 0);
	assert_true(outgoing_late(&w.m, "+CMGS: 9"));
	expect(0, a, OUTCOME_SENT, "704512-9-550001");
	assert_false(outgoing_late(&w.m, "+CMGS: 9"));
}

static void a_gap_in_the_references_means_sent(void **state)
{
	uint64_t a, b;

	(void)state;
	give_to(1);
	ok(255);
	a = give_to(2);
	b = give_to(3);
	lost();
	ok(1); /* 0 was used */
	expect(1, a, OUTCOME_SENT, "704512-0-550002");
	expect(2, b, OUTCOME_SENT, "704512-1-550003");
	assert_int_equal(w.m.out.believed_sent, 1);
}

static void no_gap_in_the_references_means_not_sent(void **state)
{
	uint64_t a, b;

	(void)state;
	give_to(1);
	ok(16);
	a = give_to(2);
	b = give_to(3);
	lost();
	ok(17);
	expect(1, b, OUTCOME_SENT, "704512-17-550003");
	assert_int_equal(w.n_settled, 2);
	ok(18); /* it goes again, by itself */
	expect(2, a, OUTCOME_SENT, "704512-18-550002");
	assert_int_equal(w.m.out.believed_unsent, 1);
}

static void a_restart_ends_the_proof_by_reference(void **state)
{
	uint64_t a, b;

	(void)state;
	give_to(1);
	ok(16);
	a = give_to(2);
	lost();
	outgoing_down(&w.m, true, "gone");
	outgoing_up(&w.m);
	b = give_to(3);
	ok(18); /* it counts before the radio has done its work */
	expect(1, b, OUTCOME_SENT, "704512-18-550003");
	assert_int_equal(w.n_settled, 2);
	time_is_up();
	expect(2, a, OUTCOME_UNKNOWN, "");
}

static void a_refusal_between_ends_the_proof_by_reference(void **state)
{
	(void)state;
	give_to(1);
	ok(16);
	give_to(2);
	give_to(3);
	give_to(4);
	lost();
	answer(CHAT_CMS_ERROR, 38, true, NULL); /* may have used 17 or 18 */
	ok(18);
	assert_int_equal(w.n_settled, 3);
	assert_int_equal(w.m.out.n, 1);
}

static void two_in_doubt_are_not_told_by_reference(void **state)
{
	(void)state;
	give_to(1);
	ok(16);
	give_to(2);
	give_to(3);
	give_to(4);
	lost();
	lost();
	ok(18);
	assert_int_equal(w.n_settled, 2);
	assert_int_equal(w.m.out.n, 2);
}

static void a_report_means_sent(void **state)
{
	char id[OUTGOING_ID_SIZE], id2[OUTGOING_ID_SIZE];
	uint64_t a = give_to(142);

	(void)state;
	lost();
	outgoing_reported(&w.m, 33, "2025550199", id, id2); /* of something else */
	assert_int_equal(w.n_settled, 0);
	outgoing_reported(&w.m, 33, "02025550142", id, id2);
	expect(0, a, OUTCOME_SENT, "704512-33-550142");
	assert_string_equal(id, shown("704512-33-550142"));
	assert_string_equal(id2, "");
}

static void a_report_of_a_known_part_says_nothing_of_one_in_doubt(void **state)
{
	char id[OUTGOING_ID_SIZE], id2[OUTGOING_ID_SIZE];

	(void)state;
	give_to(142);
	ok(32);
	give_to(142);
	lost();
	outgoing_reported(&w.m, 32, "12025550142", id, id2);
	assert_int_equal(w.n_settled, 1);
	assert_string_equal(id, shown("704512-32-550142"));
}

static void what_is_stored_as_sent_was_sent(void **state)
{
	char stored[500];
	uint64_t a = give_to(1);

	(void)state;
	/* With the number of the centre in front, and the reference in it. */
	snprintf(stored, sizeof(stored), "07919730071111F1%.2s2A%.390s", w.body + 2, w.body + 6);
	lost();
	assert_false(outgoing_stored_as_sent(&w.m, "07919730071111F111000B910000"));
	assert_true(outgoing_stored_as_sent(&w.m, stored));
	expect(0, a, OUTCOME_SENT, "704512-x-550001");
}

static void nothing_tells_and_the_core_decides(void **state)
{
	uint64_t a = give_to(1);

	(void)state;
	lost();
	time_is_up();
	expect(0, a, OUTCOME_UNKNOWN, "");
}

static void without_a_prompt_nothing_was_sent(void **state)
{
	uint64_t a = give_to(1);

	(void)state;
	answer(CHAT_TIMEOUT, 0, false, NULL);
	answer(CHAT_TIMEOUT, 0, false, NULL);
	ok(3);
	expect(0, a, OUTCOME_SENT, "704512-3-550001");
	assert_int_equal(w.n_stuck, 0);
}

static void three_lost_prompts_are_the_ports_fault(void **state)
{
	uint64_t a = give_to(1);

	(void)state;
	for (int i = 0; i < 3; i++)
		answer(CHAT_TIMEOUT, 0, false, NULL);
	expect(0, a, OUTCOME_RETRY, "");
	assert_int_equal(w.n_stuck, 1);
}

static void a_modem_that_counts_nothing_is_matched_by_recipient(void **state)
{
	char id[OUTGOING_ID_SIZE], id2[OUTGOING_ID_SIZE];

	(void)state;
	give_to(1);
	ok(0);
	give_to(2);
	ok(0);
	give_to(3);
	ok(0);
	expect(1, 2, OUTCOME_SENT, "704512-x-550002");
	outgoing_reported(&w.m, 0, "+12025550001", id, id2);
	assert_string_equal(id, shown("704512-0-550001"));
	outgoing_reported(&w.m, 1, "+12025550002", id, id2);
	assert_string_equal(id, shown("704512-x-550002"));
	outgoing_reported(&w.m, 2, "+12025550003", id, id2);
	assert_string_equal(id, shown("704512-x-550003"));
}

static void errors_have_their_classes(void **state)
{
	static const struct {
		const char *why;
		enum chat_end end;
		int code;
		enum outcome outcome;
		unsigned pauses, drains;
	} t[] = {
		{ "network out of order", CHAT_CMS_ERROR, 38, OUTCOME_RETRY, 0, 0 },
		{ "unassigned number", CHAT_CMS_ERROR, 1, OUTCOME_RECIPIENT, 0, 0 },
		{ "our PDU is wrong, or was torn", CHAT_CMS_ERROR, 304, OUTCOME_RETRY, 0, 0 },
		{ "the service centre does not know it", CHAT_CMS_ERROR, 97, OUTCOME_REJECTED, 0, 0 },
		{ "congestion", CHAT_CMS_ERROR, 42, OUTCOME_THROTTLED, 0, 0 },
		{ "no network", CHAT_CMS_ERROR, 331, OUTCOME_LINK_FAULT, 1, 0 },
		{ "no SIM", CHAT_CMS_ERROR, 310, OUTCOME_LINK_FAULT, 1, 0 },
		{ "duplicate", CHAT_CMS_ERROR, 197, OUTCOME_DUPLICATE, 0, 0 },
		{ "memory full", CHAT_CMS_ERROR, 322, OUTCOME_THROTTLED, 0, 1 },
		{ "a code of the maker", CHAT_CMS_ERROR, 3456, OUTCOME_RETRY, 0, 0 },
		{ "no code", CHAT_ERROR, 0, OUTCOME_RETRY, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint64_t key = give_to((unsigned)i);

		w.n_settled = w.n_pause = w.n_drain = 0;
		answer(t[i].end, t[i].code, true, NULL);
		if (w.n_settled != 1 || w.settled[0].outcome != t[i].outcome || w.n_pause != t[i].pauses)
			print_message("at: %s\n", t[i].why);
		expect(0, key, t[i].outcome, "");
		assert_int_equal(w.n_pause, t[i].pauses);
		assert_int_equal(w.n_drain, t[i].drains);
	}
}

static void network_timeout_is_doubt(void **state)
{
	uint64_t a = give_to(1);

	(void)state;
	answer(CHAT_CMS_ERROR, 332, true, NULL);
	assert_int_equal(w.n_settled, 0);
	time_is_up();
	expect(0, a, OUTCOME_UNKNOWN, "");
}

static void three_plain_errors_pause_the_link(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		give_to(i);
		answer(CHAT_ERROR, 0, true, NULL);
	}
	assert_int_equal(w.n_pause, 1);
	assert_int_equal(w.settled[2].outcome, OUTCOME_LINK_FAULT);
}

static void going_down_gives_back_what_was_not_written(void **state)
{
	uint64_t a = give_to(1), b = give_to(2);

	(void)state;
	answer(CHAT_GONE, 0, true, NULL);
	w.text[0] = '\0'; /* what it began then ends with the port as well */
	w.m.out.part[1].state = OUT_WAITING;
	outgoing_down(&w.m, true, "the port is gone");
	expect(0, b, OUTCOME_UNSENT, "");
	assert_false(outgoing_is_empty(&w.m));
	outgoing_abandon(&w.m, "the end");
	expect(1, a, OUTCOME_UNKNOWN, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_id_is_of_sim_reference_and_recipient),
		TEST(parts_go_in_order_and_more_than_the_window_wait),
		TEST(an_acceptance_without_ok_is_one),
		TEST(a_late_line_is_an_acceptance),
		TEST(a_gap_in_the_references_means_sent),
		TEST(no_gap_in_the_references_means_not_sent),
		TEST(a_restart_ends_the_proof_by_reference),
		TEST(a_refusal_between_ends_the_proof_by_reference),
		TEST(two_in_doubt_are_not_told_by_reference),
		TEST(a_report_means_sent),
		TEST(a_report_of_a_known_part_says_nothing_of_one_in_doubt),
		TEST(what_is_stored_as_sent_was_sent),
		TEST(nothing_tells_and_the_core_decides),
		TEST(without_a_prompt_nothing_was_sent),
		TEST(three_lost_prompts_are_the_ports_fault),
		TEST(a_modem_that_counts_nothing_is_matched_by_recipient),
		TEST(errors_have_their_classes),
		TEST(network_timeout_is_doubt),
		TEST(three_plain_errors_pause_the_link),
		TEST(going_down_gives_back_what_was_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
