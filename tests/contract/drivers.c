/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of driver.h, held against every driver: first with a peer that behaves, then, for SMPP, with one that
 * does not.  core.c checks the rules; the tests make the situations and say how parts must have ended. */
#include <config.h>

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core.h"

/* ---- peers ---- */

/* One driver with its peer.  `name` is what the tests are called by. */
struct bench {
	const char *name;
	struct sim sim;
	bool has_sim;
	struct link *link;
};

static void bench_start(struct bench *b, const char *settings, const char *const *args)
{
	static const char *const none[] = { NULL };
	char all[1024];

	b->has_sim = strcmp(b->name, "smpp") == 0;
	if (b->has_sim) {
		sim_start(&b->sim, args ? args : none);
		snprintf(all, sizeof(all),
			"driver = \"smpp\"; host = \"127.0.0.1\"; port = %d; system_id = \"esme\"; password = \"secret\"; "
			"reconnect_min = 0.01; reconnect_max = 0.05; reconnect_refused = 0.05; %s",
			b->sim.port, settings);
	} else {
		snprintf(all, sizeof(all), "driver = \"loopback\"; %s", settings);
	}
	b->link = core_new(all);
	core_start(b->link);
}

/* Ends both; of the simulator's counters the named one, "a" or "a.b". */
static json_int_t bench_end(struct bench *b, const char *counter)
{
	json_int_t n = -1;
	json_t *stats, *at;
	const char *dot = strchr(counter, '.');

	core_free(b->link);
	if (!b->has_sim)
		return n;
	at = stats = sim_stop(&b->sim);
	if (json_integer_value(json_object_get(stats, "malformed")) != 0)
		fail_msg("the SMSC could not read us: %s", json_dumps(json_object_get(stats, "malformed_pdus"), 0));
	if (dot) {
		char head[32];

		snprintf(head, sizeof(head), "%.*s", (int)(dot - counter), counter);
		at = json_object_get(stats, head);
		counter = dot + 1;
	}
	n = json_integer_value(json_object_get(at, counter));
	json_decref(stats);
	return n;
}

static struct bench *bench_of(void **state)
{
	struct bench *b = *state;

	*b = (struct bench){ .name = b->name };
	return b;
}

/* ---- every driver, a peer that behaves ---- */

static void each_part_is_settled_once(void **state)
{
	struct bench *b = bench_of(state);
	struct link *l;

	bench_start(b, "window = 10;", NULL);
	l = b->link;
	core_send(l, 500);
	assert_int_equal(l->n_by[OUTCOME_SENT], 500);
	assert_true(l->peak >= 2 && l->peak <= 10);
	for (unsigned i = 2; i <= 500; i++)
		assert_string_not_equal(l->parts[i].id, l->parts[i - 1].id);
	bench_end(b, "accepted");
}

static void the_window_is_kept_and_opens_again(void **state)
{
	struct bench *b = bench_of(state);
	struct link *l;

	bench_start(b, "window = 5;", NULL);
	l = b->link;
	WAIT(l, l->up);
	assert_int_equal(l->window, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(core_submit(l), 0);
	assert_int_equal(core_submit(l), -EAGAIN);
	assert_int_equal(l->n_settled, 0);
	WAIT(l, l->ready);
	assert_int_equal(core_submit(l), 0);
	WAIT(l, l->in_flight == 0);
	assert_int_equal(l->n_by[OUTCOME_SENT], 6);
	bench_end(b, "accepted");
}

static void a_link_that_is_not_up_takes_nothing(void **state)
{
	struct bench *b = bench_of(state);
	struct link *l;

	bench_start(b, "", NULL);
	l = b->link;
	assert_int_equal(core_submit(l), -ENOTCONN);
	WAIT(l, l->up);
	core_stop(l);
	assert_int_equal(core_submit(l), -ENOTCONN);
	bench_end(b, "accepted");
}

static void receipts_name_their_parts(void **state)
{
	struct bench *b = bench_of(state);
	struct link *l;

	bench_start(b, "window = 10;", NULL);
	l = b->link;
	core_send(l, 100);
	WAIT(l, l->n_receipts >= 100);
	assert_int_equal(l->n_receipts, 100);
	assert_int_equal(l->n_unmatched, 0);
	for (unsigned i = 1; i <= 100; i++)
		assert_int_equal(l->parts[i].n_receipts, 1);
	assert_int_equal(l->receipt.state, RECEIPT_DELIVERED);
	assert_true(l->receipt.from >= 12025550000 && l->receipt.from < 12025550100);
	assert_false(l->receipt.intermediate);
	if (b->has_sim) {
		WAIT(l, true);
		assert_int_equal(bench_end(b, "receipts.acked"), 100);
	} else {
		bench_end(b, "accepted");
	}
}

static void a_receipt_that_was_not_stored_comes_again(void **state)
{
	static const char *const args[] = { "--receipt-retry", "10", NULL };
	struct bench *b = bench_of(state);
	struct link *l;

	bench_start(b, "", args);
	l = b->link;
	l->ack = ACK_REFUSE_FIRST;
	core_send(l, 1);
	WAIT(l, l->n_receipts == 2);
	assert_int_equal(l->parts[1].n_receipts, 2);
	bench_end(b, "accepted");
}

static void stop_while_busy_loses_nothing(void **state)
{
	struct bench *b = bench_of(state);
	struct link *l;

	bench_start(b, "window = 50;", NULL);
	l = b->link;
	WAIT(l, l->up);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(core_submit(l), 0);
	assert_int_equal(l->n_settled, 0);
	core_stop(l);
	assert_int_equal(l->n_by[OUTCOME_SENT], 50); /* what was written is answered before the unbind */
	if (b->has_sim)
		assert_int_equal(bench_end(b, "unbinds"), 1);
	else
		bench_end(b, "");
}

static void stop_at_once(void **state)
{
	struct bench *b = bench_of(state);

	bench_start(b, "", NULL);
	core_stop(b->link);
	assert_int_equal(b->link->n_settled, 0);
	core_start(b->link);
	core_send(b->link, 1);
	bench_end(b, "binds");
}

static void stop_and_start_again(void **state)
{
	struct bench *b = bench_of(state);
	struct link *l;

	bench_start(b, "", NULL);
	l = b->link;
	core_send(l, 10);
	core_stop(l);
	core_start(l);
	core_send(l, 20);
	assert_int_equal(l->n_by[OUTCOME_SENT], 20);
	bench_end(b, "binds");
}

static void stats_say_what_is_up(void **state)
{
	struct bench *b = bench_of(state);
	struct driver_stats s;

	bench_start(b, "", NULL);
	core_send(b->link, 10);
	b->link->driver->stats(b->link, &s);
	assert_int_equal(s.binds, 1);
	assert_int_equal(s.binds_up, 1);
	assert_int_equal(s.response_timeouts, 0);
	assert_true(s.response_ms_p50 <= s.response_ms_p99);
	core_stop(b->link);
	b->link->driver->stats(b->link, &s);
	assert_int_equal(s.binds_up, 0);
	bench_end(b, "binds");
}

/* ---- loopback: what it is told to answer ---- */

static void loopback_outcomes(void **state)
{
	static const struct {
		const char *settings;
		enum outcome outcome;
		unsigned n_receipts;
		enum receipt_state receipt;
	} v[] = {
		{ "outcome = \"delivered\";", OUTCOME_SENT, 1, RECEIPT_DELIVERED },
		{ "outcome = \"undelivered\";", OUTCOME_SENT, 1, RECEIPT_UNDELIVERABLE },
		{ "outcome = \"none\";", OUTCOME_SENT, 0, RECEIPT_NONE },
		{ "outcome = \"rejected\";", OUTCOME_REJECTED, 0, RECEIPT_NONE },
		{ "outcome = \"retry\";", OUTCOME_RETRY, 0, RECEIPT_NONE },
		{ "outcome = \"unknown\"; delay_ms = 10;", OUTCOME_UNKNOWN, 0, RECEIPT_NONE },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct bench *b = bench_of(state);

		bench_start(b, v[i].settings, NULL);
		core_send(b->link, 1);
		assert_int_equal(b->link->parts[1].end.outcome, v[i].outcome);
		assert_int_equal(b->link->n_receipts, v[i].n_receipts);
		if (v[i].n_receipts)
			assert_int_equal(b->link->receipt.state, v[i].receipt);
		bench_end(b, "");
	}
}

/* ---- SMPP: a peer that does not behave ---- */

static struct link *smpp(struct bench *b, const char *settings, const char *script)
{
	const char *args[] = { script ? "--line" : NULL, script, NULL };

	bench_start(b, settings, args);
	return b->link;
}

#define COUNT(l, outcome) ((l)->n_by[OUTCOME_##outcome])

static void throttling_is_told_as_such(void **state)
{
	struct bench *b = bench_of(state);
	struct link *l = smpp(b, "window = 1;", "on submit_sm 1..2 status 0x58");
	struct driver_stats s;

	core_send(l, 3);
	assert_int_equal(l->parts[1].end.outcome, OUTCOME_THROTTLED);
	assert_int_equal(l->parts[1].end.code, 0x58);
	assert_string_equal(l->parts[1].text, "ESME_RTHROTTLED");
	assert_int_equal(l->parts[2].end.outcome, OUTCOME_THROTTLED);
	assert_int_equal(l->parts[3].end.outcome, OUTCOME_SENT);
	l->driver->stats(l, &s);
	assert_int_equal(s.throttled, 2);
	assert_int_equal(bench_end(b, "binds"), 1);
}

static void refusals_have_their_class(void **state)
{
	static const struct {
		const char *why, *settings, *script, *text;
		enum outcome outcome;
		unsigned binds;
	} v[] = {
		{ "permanent", "", "on submit_sm 1 status 0x45", "ESME_RSUBMITFAIL", OUTCOME_REJECTED, 1 },
		{ "the recipient's", "", "on submit_sm 1 status 0x0B", "ESME_RINVDSTADR", OUTCOME_RECIPIENT, 1 },
		{ "a vendor's is temporary", "", "on submit_sm 1 status 0x461", "command_status 0x00000461",
			OUTCOME_RETRY, 1 },
		{ "unless the operator knows better", "errors = [ \"0x400-0x4ff:permanent\" ];",
			"on submit_sm 1 status 0x461", "command_status 0x00000461", OUTCOME_REJECTED, 1 },
		{ "the first that fits decides", "errors = [ \"0x461:duplicate\", \"0x400-0x4ff:permanent\" ];",
			"on submit_sm 1 status 0x461", "command_status 0x00000461", OUTCOME_DUPLICATE, 1 },
		{ "by name", "errors = [ \"ESME_RSUBMITFAIL:temporary\" ];", "on submit_sm 1 status 0x45",
			"ESME_RSUBMITFAIL", OUTCOME_RETRY, 1 },
		{ "as a throttle", "errors = [ \"8:throttle\" ];", "on submit_sm 1 status 0x08", "ESME_RSYSERR",
			OUTCOME_THROTTLED, 1 },
		{ "as the end of the session", "errors = [ \"8:link-fatal\" ];", "on submit_sm 1 status 0x08",
			"ESME_RSYSERR", OUTCOME_LINK_FAULT, 2 },
		{ "and the end of the session as none", "errors = [ \"4:temporary\" ];",
			"on submit_sm 1 status 0x04", "ESME_RINVBNDSTS", OUTCOME_RETRY, 1 },
		{ "by generic_nack too", "errors = [ \"0x400:permanent\" ];", "on submit_sm 1 nack 0x400",
			"command_status 0x00000400", OUTCOME_REJECTED, 1 },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct bench *b = bench_of(state);
		char settings[200];
		struct link *l;

		snprintf(settings, sizeof(settings), "window = 1; %s", v[i].settings);
		l = smpp(b, settings, v[i].script);
		core_send(l, 2);
		if (l->parts[1].end.outcome != v[i].outcome)
			fail_msg("%s: %s", v[i].why, outcome_name(l->parts[1].end.outcome));
		assert_string_equal(l->parts[1].text, v[i].text);
		assert_int_equal(l->parts[2].end.outcome, OUTCOME_SENT);
		assert_int_equal(bench_end(b, "binds"), v[i].binds);
	}
}

/* Perhaps only the recipient's: the core is told, and that the link should rest. */
static void a_full_queue_is_told_as_such(void **state)
{
	struct bench *b = bench_of(state);
	struct link *l = smpp(b, "window = 1;", "on submit_sm 1 status 0x14");

	core_send(l, 2);
	assert_int_equal(l->parts[1].end.outcome, OUTCOME_THROTTLED);
	assert_true(l->parts[1].end.queue_full);
	assert_int_equal(l->parts[1].end.retry_after_ms, 100);
	assert_false(l->parts[2].end.queue_full);
	assert_int_equal(bench_end(b, "binds"), 1);
}

static void a_status_that_ends_the_session(void **state)
{
	struct bench *b = bench_of(state);
	struct link *l = smpp(b, "window = 1;", "on submit_sm 3 status 0x04");

	core_send(l, 6);
	assert_int_equal(l->parts[3].end.outcome, OUTCOME_LINK_FAULT);
	assert_string_equal(l->parts[3].text, "ESME_RINVBNDSTS");
	assert_int_equal(COUNT(l, SENT), 5);
	assert_string_equal(l->reason, "the SMSC answered ESME_RINVBNDSTS");
	assert_int_equal(bench_end(b, "binds"), 2);
}

/* A carrier that takes each bind and then answers each submit_sm so is not bound to all the time: a bind that showed no
 * life but that is a failure like others, and the pauses double. */
static void statuses_that_end_sessions_do_not_turn_hot(void **state)
{
	static const char *const args[] = { "--line", "on submit_sm every 1 status 0x04", NULL };
	struct bench *b = bench_of(state);
	struct link *l;
	char settings[200];
	uint64_t from, took;

	sim_start(&b->sim, args);
	b->has_sim = true;
	snprintf(settings, sizeof(settings), "driver = \"smpp\"; host = \"127.0.0.1\"; port = %d; system_id = \"esme\"; "
		"password = \"secret\"; window = 1; reconnect_min = 0.05; reconnect_max = 0.4;", b->sim.port);
	b->link = l = core_new(settings);
	core_start(l);
	WAIT(l, l->up);
	from = uv_hrtime();
	core_send(l, 5);
	took = (uv_hrtime() - from) / 1000000;
	assert_int_equal(COUNT(l, LINK_FAULT), 5);
	/* 50, 75, 150 and 300 ms at the least; as many times reconnect_min would be 250 ms at most. */
	assert_in_range(took, 550, UINT64_MAX);
	assert_int_equal(bench_end(b, "binds"), 5);
}

static void a_generic_nack_is_an_answer(void **state)
{
	struct bench *b = bench_of(state);
	struct link *l = smpp(b, "window = 1;", "on submit_sm 3 nack 0x08");

	core_send(l, 5);
	assert_int_equal(l->parts[3].end.outcome, OUTCOME_RETRY);
	assert_string_equal(l->parts[3].text, "ESME_RSYSERR");
	assert_int_equal(COUNT(l, SENT), 4);
	assert_int_equal(bench_end(b, "binds"), 1);
}

static void no_answer_is_unknown(void **state)
{
	struct bench *b = bench_of(state);
	struct link *l = smpp(b, "window = 10; response_timeout = 0.2;", "on submit_sm 5 swallow");
	struct driver_stats s;

	core_send(l, 20);
	assert_int_equal(l->parts[5].end.outcome, OUTCOME_UNKNOWN);
	assert_int_equal(COUNT(l, SENT), 19);
	l->driver->stats(l, &s);
	assert_int_equal(s.response_timeouts, 1);
	assert_int_equal(bench_end(b, "binds"), 1); /* enquire_link was answered: the session lives */
}

/* The connection breaks with a window open, again and again. */
static void cut_connections(void **state)
{
	struct bench *b = bench_of(state);
	struct link *l = smpp(b, "window = 20;", "on submit_sm every 50 drop");
	unsigned unsent;

	core_send(l, 1000);
	assert_int_equal(l->n_settled, 1000);
	assert_int_equal(COUNT(l, SENT) + COUNT(l, UNKNOWN) + COUNT(l, UNSENT), 1000);
	assert_true(COUNT(l, UNKNOWN) >= 1);
	assert_true(COUNT(l, SENT) >= 500);
	assert_true(l->n_down >= 10);
	/* What the SMSC took is never called unsent. */
	unsent = COUNT(l, UNSENT);
	assert_true(bench_end(b, "accepted") <= 1000 - unsent);
}

static void survives(void **state, const char *script, const char *reason)
{
	struct bench *b = bench_of(state);
	struct link *l = smpp(b, "window = 5; response_timeout = 0.3;", script);

	core_send(l, 60);
	assert_int_equal(COUNT(l, SENT) + COUNT(l, UNKNOWN) + COUNT(l, UNSENT), 60);
	assert_true(COUNT(l, SENT) >= 50);
	if (reason)
		assert_string_equal(l->reason, reason);
	assert_int_equal(bench_end(b, "binds"), 2);
}

static void garbage(void **state)
{
	survives(state, "garbage after 20 submit_sm", "command_length out of range");
}

static void wrong_length(void **state)
{
	survives(state, "wrong-length after 20", "command_length out of range");
}

static void half_a_pdu(void **state)
{
	survives(state, "half-pdu after 20", "half a PDU, and no more of it");
}

static void unbound_by_the_smsc(void **state)
{
	survives(state, "after 20 submit_sm unbind", "unbound by the SMSC");
}

static void closed_by_the_smsc(void **state)
{
	survives(state, "after 20 submit_sm drop", NULL); /* a FIN or a reset, as the kernel likes */
}

static void an_unknown_command_is_refused_and_the_session_lives(void **state)
{
	struct bench *b = bench_of(state);
	struct link *l = smpp(b, "window = 5;", "unknown-command after 20");
	struct driver_stats s;

	core_send(l, 60);
	assert_int_equal(COUNT(l, SENT), 60);
	l->driver->stats(l, &s);
	assert_int_equal(s.malformed, 1);
	assert_int_equal(bench_end(b, "nacks_received"), 1);
}

static void a_dead_peer_is_found_by_enquire_link(void **state)
{
	struct bench *b = bench_of(state);
	struct link *l = smpp(b, "enquire_link = 0.05; response_timeout = 0.1;", "no-enquire-answer");
	struct driver_stats s;

	WAIT(l, l->n_up >= 2);
	l->driver->stats(l, &s);
	assert_true(s.enquire_timeouts >= 1);
	assert_true(s.reconnects >= 1);
	assert_string_equal(l->reason, "enquire_link was not answered");
	assert_true(bench_end(b, "enquire_links") >= 1);
}

static void a_refused_bind_says_why(void **state)
{
	struct bench *b = bench_of(state);
	struct link *l = smpp(b, "", "bind refuse 0x0E first 2");

	WAIT(l, l->n_down >= 1);
	assert_non_null(strstr(l->reason, "bind refused: ESME_RINVPASWD (wrong password); next try in 0.05"));
	assert_non_null(strstr(l->reason, "at once with \"posthorn links start a\""));
	assert_false(l->up);
	WAIT(l, l->up); /* it does not give up */
	core_send(l, 5);
	assert_int_equal(bench_end(b, "binds_refused"), 2);
}

static void a_silent_bind_times_out(void **state)
{
	struct bench *b = bench_of(state);
	struct link *l = smpp(b, "response_timeout = 0.1;", "on bind 1 swallow");

	WAIT(l, l->up);
	assert_string_equal(l->reason, "no answer in time");
	assert_int_equal(l->n_down, 1);
	bench_end(b, "binds");
}

static void short_answers_are_taken(void **state)
{
	struct bench *b = bench_of(state);
	const char *args[] = { "--line", "status-resp-short", "--line", "on submit_sm 2 status 0x08", NULL };
	struct link *l;

	bench_start(b, "window = 1;", args);
	l = b->link;
	core_send(l, 3);
	assert_int_equal(l->parts[2].end.outcome, OUTCOME_RETRY);
	assert_int_equal(COUNT(l, SENT), 2);
	bench_end(b, "binds");
}

static void receipts_in_every_form(void **state)
{
	static const char *const scripts[] = { "receipt form text", "receipt form tlv", "receipt form both", "id uuid" };

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		struct bench *b = bench_of(state);
		struct link *l = smpp(b, "", scripts[i]);

		core_send(l, 20);
		WAIT(l, l->n_receipts == 20);
		assert_int_equal(l->n_unmatched, 0);
		assert_int_equal(l->receipt.state, RECEIPT_DELIVERED);
		assert_int_equal(l->receipt.smsc_id_tlv, i != 0);
		bench_end(b, "receipts.acked");
	}
}

static void a_receipt_may_come_first(void **state)
{
	struct bench *b = bench_of(state);
	struct link *l = smpp(b, "window = 1;", "receipt-first");

	core_send(l, 5);
	WAIT(l, l->n_receipts == 5);
	assert_int_equal(l->n_unmatched, 5); /* matching them later is the core's work */
	bench_end(b, "binds");
}

static void nothing_is_acknowledged_before_the_core_says_so(void **state)
{
	static const char *const args[] = { "--deliver-window", "7", NULL };
	struct bench *b = bench_of(state);
	struct link *l;

	bench_start(b, "window = 50;", args);
	l = b->link;
	l->ack = ACK_HOLD;
	core_send(l, 50);
	WAIT(l, l->n_receipts >= 7);
	core_send(l, 100); /* more than enough turns for an answer to slip out */
	assert_int_equal(l->n_receipts, 7);
	while (l->n_receipts < 100) {
		unsigned before = l->n_receipts;

		core_ack_all(l, 0);
		WAIT(l, l->n_receipts > before);
	}
	core_ack_all(l, 0);
	assert_int_equal(bench_end(b, "receipts.acked"), 100);
}

static void an_ack_for_a_session_that_is_gone_is_dropped(void **state)
{
	static const char *const args[] = { "--line", "after 10 submit_sm drop", NULL };
	struct bench *b = bench_of(state);
	struct link *l;

	bench_start(b, "window = 1;", args);
	l = b->link;
	l->ack = ACK_HOLD;
	core_send(l, 9);
	WAIT(l, l->n_tokens == 9);
	core_send(l, 10);
	WAIT(l, l->n_up == 2);
	core_ack_all(l, 0);
	l->ack = ACK_AT_ONCE;
	core_send(l, 20);
	assert_int_equal(bench_end(b, "unexpected_responses"), 0);
}

static void a_mobile_writes(void **state)
{
	struct bench *b = bench_of(state);
	struct link *l = smpp(b, "window = 1;", "mo every 2 from 12025550142 to 5678 text \"hello\"");

	core_send(l, 2);
	WAIT(l, l->n_inbound == 1);
	assert_string_equal(l->in_from, "+12025550142"); /* source_addr_ton 1 */
	assert_string_equal(l->in_to, "5678");
	assert_string_equal(l->in_text, "hello");
	assert_int_equal(bench_end(b, "mo.acked"), 1);
}

static void several_binds_share_the_load(void **state)
{
	struct bench *b = bench_of(state);
	struct link *l = smpp(b, "window = 3; binds = 4;", "slow 5ms");
	struct driver_stats s;

	WAIT(l, l->up && l->window == 12);
	core_send(l, 200);
	assert_int_equal(COUNT(l, SENT), 200);
	assert_true(l->peak == 12);
	l->driver->stats(l, &s);
	assert_int_equal(s.binds, 4);
	assert_int_equal(s.binds_up, 4);
	assert_int_equal(bench_end(b, "binds"), 4);
}

static void split_binds(void **state)
{
	struct bench *b = bench_of(state);
	struct link *l = smpp(b, "window = 5; bind = \"split\"; binds = 2;", NULL);
	struct driver_stats s;

	WAIT(l, l->up && l->window == 10);
	core_send(l, 50);
	WAIT(l, l->n_receipts == 50);
	WAIT(l, (l->driver->stats(l, &s), s.binds_up == 4)); /* one receiver was enough for these */
	assert_int_equal(s.binds, 4);
	assert_int_equal(bench_end(b, "binds"), 4);
}

static void a_receiver_cannot_send(void **state)
{
	struct bench *b = bench_of(state);
	struct link *l = smpp(b, "bind = \"receiver\";", NULL);

	WAIT(l, l->n_down == 1);
	assert_string_equal(l->reason, "bound as receiver, cannot send");
	assert_int_equal(core_submit(l), -ENOTCONN);
	assert_int_equal(bench_end(b, "binds"), 1);
}

static void nobody_listens(void **state)
{
	struct link *l = core_new("driver = \"smpp\"; host = \"127.0.0.1\"; port = 1; system_id = \"a\"; password = \"b\"; "
				  "reconnect_min = 0.01; reconnect_max = 0.02;");

	core_start(l);
	WAIT(l, l->n_down >= 3);
	assert_false(l->up);
	assert_true(*l->reason);
	core_free(l);
}

static void a_driver_that_was_not_built(void **state)
{
	const char *why = NULL;

	assert_null(driver_find("nonsense", &why));
	assert_string_equal(why, "unknown driver");
	why = NULL;
	assert_non_null(driver_find("loopback", &why));
	assert_string_equal(driver_find("loopback", &why)->name, "loopback");
}

/* ---- the list ---- */

/* What the loopback tells of itself, and a dialogue over it. */
static void loopback_tells_of_itself(void **state)
{
	struct bench *b = bench_of(state);
	double n = 0;

	bench_start(b, "sim = \"894901\"; ussd = \"Balance 12.50\"; response_timeout = 0.1;", NULL);
	core_send(b->link, 3);
	assert_string_equal(b->link->account, "894901");
	assert_true(core_facts(b->link, "iccid", NULL));
	assert_true(core_facts(b->link, "settled", &n));
	assert_int_equal((int)n, 3);
	assert_int_equal(core_ussd(b->link, "*100#"), 0);
	WAIT(b->link, b->link->n_ussd == 1);
	assert_int_equal(b->link->ussd_r, 0);
	assert_string_equal(b->link->ussd_text, "Balance 12.50");
	assert_int_equal(core_ussd(b->link, "*1#"), 0);
	WAIT(b->link, b->link->n_ussd == 2);
	assert_true(b->link->ussd_more);
	assert_int_equal(core_ussd(b->link, "*0#"), 0);
	WAIT(b->link, b->link->n_ussd == 3);
	assert_int_equal(b->link->ussd_r, -ETIMEDOUT);
	assert_int_equal(core_ussd(b->link, "*2#"), 0);
	WAIT(b->link, b->link->n_alarms == 1);
	WAIT(b->link, !b->link->ussd_busy);
	assert_int_equal(core_ussd(b->link, "*0#"), 0);
	core_stop(b->link); /* with a dialogue open: it is answered before the link has stopped */
	assert_int_equal(b->link->n_ussd, 5);
	assert_int_equal(b->link->ussd_r, -ENOTCONN);
	bench_end(b, "");
}

static struct bench loopback_bench = { .name = "loopback" };
#ifdef HAVE_SMPP34
static struct bench smpp_bench = { .name = "smpp" };
#endif

#define ON(bench, test) { #test "/" #bench, test, NULL, NULL, &bench##_bench }
#define EVERY(bench)                                                                                       \
	ON(bench, each_part_is_settled_once), ON(bench, the_window_is_kept_and_opens_again),               \
		ON(bench, a_link_that_is_not_up_takes_nothing), ON(bench, receipts_name_their_parts),      \
		ON(bench, a_receipt_that_was_not_stored_comes_again), ON(bench, stop_while_busy_loses_nothing), \
		ON(bench, stop_at_once), ON(bench, stop_and_start_again), ON(bench, stats_say_what_is_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EVERY(loopback),
		ON(loopback, loopback_outcomes),
		ON(loopback, loopback_tells_of_itself),
#ifdef HAVE_SMPP34
		EVERY(smpp),
		ON(smpp, throttling_is_told_as_such),
		ON(smpp, a_full_queue_is_told_as_such),
		ON(smpp, refusals_have_their_class),
		ON(smpp, a_status_that_ends_the_session),
		ON(smpp, statuses_that_end_sessions_do_not_turn_hot),
		ON(smpp, a_generic_nack_is_an_answer),
		ON(smpp, no_answer_is_unknown),
		ON(smpp, cut_connections),
		ON(smpp, garbage),
		ON(smpp, wrong_length),
		ON(smpp, half_a_pdu),
		ON(smpp, unbound_by_the_smsc),
		ON(smpp, closed_by_the_smsc),
		ON(smpp, an_unknown_command_is_refused_and_the_session_lives),
		ON(smpp, a_dead_peer_is_found_by_enquire_link),
		ON(smpp, a_refused_bind_says_why),
		ON(smpp, a_silent_bind_times_out),
		ON(smpp, short_answers_are_taken),
		ON(smpp, receipts_in_every_form),
		ON(smpp, a_receipt_may_come_first),
		ON(smpp, nothing_is_acknowledged_before_the_core_says_so),
		ON(smpp, an_ack_for_a_session_that_is_gone_is_dropped),
		ON(smpp, a_mobile_writes),
		ON(smpp, several_binds_share_the_load),
		ON(smpp, split_binds),
		ON(smpp, a_receiver_cannot_send),
		ON(smpp, nobody_listens),
#endif
		cmocka_unit_test(a_driver_that_was_not_built),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
