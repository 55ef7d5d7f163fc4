/* SPDX-License-Identifier: Apache-2.0 */
/* chat.c against a modem that the test plays: whose each line is, and what happens when answers are lost or late. */
#include <config.h>

#include "drivers/modem/chat.h"
#include "tests/unit/virtual_timer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct chat *c;
static uv_loop_t loop; /* never run: see virtual_timer.h */
static char written[8192], urcs[8192], done[8192], traced[8192];
static unsigned n_stuck;
static int write_result;

static void add(char *dst, size_t n_dst, const char *what)
{
	size_t at = strlen(dst);

	snprintf(dst + at, n_dst - at, "%s|", what);
}

/* ---- what the chat calls ---- */

static int on_write(void *arg, const void *data, size_t n)
{
	size_t at = strlen(written);

	assert_true(at + n < sizeof(written));
	memcpy(written + at, data, n);
	written[at + n] = '\0';
	return write_result;
}

static void on_urc(void *arg, const char *line, const char *pdu)
{
	char both[2048];

	snprintf(both, sizeof(both), pdu ? "%s/%s" : "%s", line, pdu);
	add(urcs, sizeof(urcs), both);
}

static void on_stuck(void *arg)
{
	n_stuck++;
}

static void on_wire(void *arg, bool out, const char *line, size_t n, bool body)
{
	char all[2048];

	snprintf(all, sizeof(all), "%s%.*s", body ? "BODY " : out ? "> " : "< ", (int)n, line);
	add(traced, sizeof(traced), all);
}

static const struct chat_ops ops = { .write = on_write, .urc = on_urc, .stuck = on_stuck, .wire = on_wire };

/* "OK[+CSQ: 1,99]", "CMS 21[]", "TIMEOUT![]": the sign where a text was written. */
static void on_done(void *arg, const struct chat_answer *a)
{
	static const char *const names[] = { "OK", "ERROR", "CMS", "CME", "TIMEOUT", "GONE" };
	char all[4096];
	int n = snprintf(all, sizeof(all), "%s", names[a->end]);

	if (a->end == CHAT_CMS_ERROR || a->end == CHAT_CME_ERROR)
		n += snprintf(all + n, sizeof(all) - (size_t)n, " %d", a->code);
	n += snprintf(all + n, sizeof(all) - (size_t)n, "%s[", a->body_written ? "!" : "");
	for (unsigned i = 0; i < a->n_lines; i++)
		n += snprintf(all + n, sizeof(all) - (size_t)n, "%s%s", i ? "," : "", a->lines[i]);
	snprintf(all + n, sizeof(all) - (size_t)n, "]");
	add(done, sizeof(done), all);
}

/* ---- what the tests say ---- */

static void says(const char *s)
{
	chat_feed(c, (const uint8_t *)s, strlen(s));
}

static void expect(char *what, const char *is)
{
	assert_string_equal(what, is);
	what[0] = '\0';
}

#define wrote(s)    expect(written, s)
#define ended(s)    expect(done, s)
#define told(s)     expect(urcs, s)
#define SYNC        "\x1b" "AT\r"
#define QUIET_MS    250

static int ask_of(const struct chat_command *cmd)
{
	struct chat_command full = *cmd;

	full.done = on_done;
	return chat_command(c, &full);
}

static void ask(const char *text, const char *prefix)
{
	assert_int_equal(ask_of(&(struct chat_command){ .text = text, .prefix = prefix }), 0);
}

static void enter(const char *text, const char *body)
{
	assert_int_equal(ask_of(&(struct chat_command){ .text = text, .prefix = "+CMGS:", .body = body, .timeout_ms = 60000 }), 0);
}

static void in_step(void)
{
	wrote(SYNC);
	says("\r\nOK\r\n");
	virtual_advance(QUIET_MS);
}

static int set_up(void **state)
{
	written[0] = urcs[0] = done[0] = traced[0] = '\0';
	n_stuck = 0;
	write_result = 0;
	assert_int_equal(chat_new(&loop, &ops, NULL, &c), 0);
	ask("AT", NULL);
	in_step();
	wrote("AT\r");
	says("OK\r\n");
	ended("OK[]|");
	traced[0] = '\0';
	return 0;
}

static int tear_down(void **state)
{
	chat_stop(c);
	virtual_advance(0);
	return 0;
}

/* ---- one command ---- */

static void an_answer_ends_with_its_result(void **state)
{
	ask("AT+CSQ", "+CSQ:");
	wrote("AT+CSQ\r");
	says("\r\n+CSQ: 20,99\r\n");
	ended("");
	says("\r\nOK\r\n");
	ended("OK[+CSQ: 20,99]|");
	assert_true(chat_is_idle(c));
}

static void refusals_carry_their_code(void **state)
{
	ask("AT+CPIN?", "+CPIN:");
	says("+CME ERROR: 10\r\n");
	ask("AT+CMGR=1", "+CMGR:");
	says("+CMS ERROR: 321\r\n");
	ask("AT+NO", NULL);
	says("ERROR\r\n");
	ended("CME 10[]|CMS 321[]|ERROR[]|");
}

/* "+CMS ERROR: 500" in front of "OK" would make another "+CMS ERROR: 500OK". */
static void a_refusal_is_no_half_of_the_next_result(void **state)
{
	ask("AT+CMGS=1", "+CMGS:");
	says("+CMS ERROR: 500\r\n");
	ask("AT+CMGS=2", "+CMGS:");
	says("+CMGS: 9\r\nOK\r\n");
	ended("CMS 500[]|OK[+CMGS: 9]|");
}

static void echo_is_no_answer(void **state)
{
	ask("AT+CGMI", NULL);
	says("AT+CGMI\r\r\nhuawei\r\n\r\nOK\r\n");
	ended("OK[huawei]|");
	told("");
}

static void commands_wait_for_each_other_and_urgent_ones_pass(void **state)
{
	ask("AT+A", NULL);
	ask("AT+B", NULL);
	assert_int_equal(ask_of(&(struct chat_command){ .text = "AT+C", .urgent = true }), 0);
	wrote("AT+A\r");
	says("OK\r\n");
	wrote("AT+C\r");
	says("OK\r\n");
	wrote("AT+B\r");
	assert_false(chat_is_idle(c));
	says("OK\r\n");
	assert_true(chat_is_idle(c));
}

static void unsolicited_lines_come_at_any_place(void **state)
{
	ask("AT+CSQ", "+CSQ:");
	says("\r\n+CMTI: \"SM\",3\r\nAT+CSQ\r\r\n^RSSI:18\r\n+CSQ: 7,99\r\nRING\r\n\r\nOK\r\n+CREG: 1\r\n");
	ended("OK[+CSQ: 7,99]|");
	told("+CMTI: \"SM\",3|^RSSI:18|RING|+CREG: 1|");
}

static void without_a_prefix_names_tell_whose_a_line_is(void **state)
{
	ask("AT+CGMR", NULL);
	says("+QIND: SMS DONE\r\n+CGMR: LE11B12\r\n+CMTI: \"ME\",0\r\n^HCSQ:\"LTE\",1\r\nB12\r\nOK\r\n");
	ended("OK[+CGMR: LE11B12,B12]|");
	told("+QIND: SMS DONE|+CMTI: \"ME\",0|^HCSQ:\"LTE\",1|");
}

static void noise_of_a_make_is_known_from_its_habits(void **state)
{
	static const char *const noise[] = { "SYSSTART" };
	const struct chat_habits h = { .noise = noise, .n_noise = 1 };

	chat_set_habits(c, &h);
	ask("AT+CGMM", NULL);
	says("SYSSTART\r\nMC35i\r\nOK\r\n");
	ended("OK[MC35i]|");
	told("SYSSTART|");
}

/* ---- second lines ---- */

static void a_pdu_comes_with_its_header(void **state)
{
	says("\r\n+CMT: ,24\r\n07911326\r\n+CDS: 25\r\n0006AB\r\n");
	told("+CMT: ,24/07911326|+CDS: 25/0006AB|");
}

static void a_pdu_is_not_mixed_up_with_that_of_a_list(void **state)
{
	assert_int_equal(ask_of(&(struct chat_command){ .text = "AT+CMGL=4", .prefix = "+CMGL:", .follows = true }), 0);
	says("+CMGL: 1,0,,24\r\n+CDS: 25\r\nAABB\r\nCCDD\r\n+CMGL: 2,0,,24\r\nEEFF\r\nOK\r\n");
	told("+CDS: 25/AABB|");
	ended("OK[+CMGL: 1,0,,24,CCDD,+CMGL: 2,0,,24,EEFF]|");
}

static void a_line_between_header_and_pdu_does_no_harm(void **state)
{
	says("+CMT: ,24\r\n^RSSI:18\r\nAABB\r\n");
	told("^RSSI:18|+CMT: ,24/AABB|");
}

static void a_pdu_that_is_lost_leaves_its_header(void **state)
{
	says("+CMT: ,24\r\n+CMT: ,30\r\nAABB\r\n");
	told("+CMT: ,24|+CMT: ,30/AABB|");
	says("+CDS: 24\r\nRING\r\nRING\r\nRING\r\nAABB\r\n");
	told("RING|RING|+CDS: 24|RING|AABB|");
}

static void a_lost_second_line_of_a_list_leaves_a_gap(void **state)
{
	assert_int_equal(ask_of(&(struct chat_command){ .text = "AT+CMGL=4", .prefix = "+CMGL:", .follows = true }), 0);
	says("+CMGL: 1,0,,24\r\n+CMGL: 2,0,,24\r\nEEFF\r\n+CMGL: 3,0,,24\r\nOK\r\n");
	ended("OK[+CMGL: 1,0,,24,,+CMGL: 2,0,,24,EEFF,+CMGL: 3,0,,24,]|");
}

static void ussd_of_many_lines_is_one(void **state)
{
	says("+CUSD: 1,\"Menu\r\n1 Balance\r\n> 2 More\r\n0 Exit\",15\r\nRING\r\n");
	told("+CUSD: 1,\"Menu\n1 Balance\n2 More\n0 Exit\",15|RING|");
}

static void ussd_that_does_not_end_ends_with_a_result(void **state)
{
	ask("AT+CSQ", "+CSQ:");
	says("+CUSD: 1,\"Menu\r\n1 Balance\r\n+CSQ: 1,99\r\nOK\r\n");
	told("+CUSD: 1,\"Menu\n1 Balance\n+CSQ: 1,99|");
	ended("OK[]|");
}

/* ---- texts ---- */

static void a_text_waits_for_the_prompt(void **state)
{
	enter("AT+CMGS=12", "0011AB");
	wrote("AT+CMGS=12\r");
	virtual_advance(3000);
	wrote("");
	says("\r\n> ");
	wrote("0011AB\x1a");
	says("0011AB\x1a\r\n+CMGS: 7\r\n\r\nOK\r\n");
	ended("OK![+CMGS: 7]|");
	told("");
}

static void noise_may_stand_before_the_prompt(void **state)
{
	enter("AT+CMGS=12", "0011AB");
	wrote("AT+CMGS=12\r");
	says("\x80\xff> ");
	wrote("0011AB\x1a");
	says("+CMGS: 7\r\nOK\r\n");
	ended("OK![+CMGS: 7]|");
}

static void a_refusal_may_stand_for_the_prompt(void **state)
{
	enter("AT+CMGS=12", "0011AB");
	says("+CMS ERROR: 304\r\n");
	ended("CMS 304[]|");
	wrote("AT+CMGS=12\r");
}

static void a_lost_prompt_sends_nothing(void **state)
{
	enter("AT+CMGS=12", "0011AB");
	wrote("AT+CMGS=12\r");
	virtual_advance(10000);
	ended("TIMEOUT[]|");
	in_step();
	assert_true(chat_is_idle(c));
}

static void a_prompt_that_comes_too_late_is_closed(void **state)
{
	enter("AT+CMGS=12", "0011AB");
	virtual_advance(10000);
	ended("TIMEOUT[]|");
	wrote("AT+CMGS=12\r" SYNC);
	says("\r\n> ");
	wrote(SYNC);
	says("\r\nOK\r\n"); /* of the ESC */
	says("\r\nOK\r\n"); /* of the AT */
	virtual_advance(QUIET_MS);
	ask("AT+CSQ", "+CSQ:");
	wrote("AT+CSQ\r");
}

static void a_prompt_that_nobody_awaits_is_closed(void **state)
{
	says("\r\n> ");
	in_step();
	assert_true(chat_is_idle(c));
	ask("AT+CSQ", "+CSQ:");
	wrote("AT+CSQ\r");
	says("> ");
	ended("TIMEOUT[]|");
	assert_non_null(strstr(written, SYNC));
}

static void an_answer_that_is_lost_says_what_was_written(void **state)
{
	enter("AT+CMGS=12", "0011AB");
	says("> ");
	virtual_advance(59999);
	ended("");
	virtual_advance(1);
	ended("TIMEOUT![]|");
}

/* ---- late answers ---- */

static void a_late_result_is_not_the_next_commands(void **state)
{
	ask("AT+A", NULL);
	ask("AT+B", NULL);
	wrote("AT+A\r");
	virtual_advance(5000);
	ended("TIMEOUT[]|");
	wrote(SYNC);
	says("OK\r\n"); /* of AT+A; AT is answered next */
	virtual_advance(QUIET_MS - 1);
	wrote("");
	says("OK\r\n");
	virtual_advance(QUIET_MS - 1);
	wrote("");
	virtual_advance(1);
	wrote("AT+B\r");
	ended("");
	says("ERROR\r\n");
	ended("ERROR[]|");
}

static void a_text_that_is_acknowledged_late_does_not_end_another_command(void **state)
{
	enter("AT+CMGS=12", "0011AB");
	says("> ");
	virtual_advance(60000);
	ended("TIMEOUT![]|");
	written[0] = '\0';
	says("OK\r\n");
	virtual_advance(QUIET_MS);
	ask("AT+CSQ", "+CSQ:");
	wrote("AT+CSQ\r");
	says("+CMGS: 7\r\nOK\r\n");
	ended("");
	told("+CMGS: 7|");
	says("+CSQ: 1,99\r\nOK\r\n");
	ended("OK[+CSQ: 1,99]|");
}

static void an_ok_in_place_of_a_prompt_is_late(void **state)
{
	enter("AT+CMGS=12", "0011AB");
	wrote("AT+CMGS=12\r");
	says("OK\r\n");
	ended("");
	says("> ");
	wrote("0011AB\x1a");
}

static void a_dumb_modem_is_told_of_and_all_ends(void **state)
{
	ask("AT+A", NULL);
	ask("AT+B", NULL);
	virtual_advance(5000);
	assert_int_equal(n_stuck, 0);
	virtual_advance(10000);
	assert_int_equal(n_stuck, 1);
	ended("TIMEOUT[]|GONE[]|");
	assert_true(chat_is_idle(c));
	/* And tried again with the next. */
	written[0] = '\0';
	ask("AT+C", NULL);
	in_step();
	wrote("AT+C\r");
}

static void garbage_in_the_modems_buffer_costs_one_more_try(void **state)
{
	ask("AT+A", NULL);
	virtual_advance(5000);
	ended("TIMEOUT[]|");
	wrote("AT+A\r" SYNC);
	says("ERROR\r\n");
	in_step();
	assert_true(chat_is_idle(c));
}

/* ---- bounds, pace, end ---- */

static void the_queue_is_bounded(void **state)
{
	int r = 0, n = 0;

	while ((r = ask_of(&(struct chat_command){ .text = "AT" })) == 0)
		n++;
	assert_int_equal(r, -ENOBUFS);
	assert_int_equal(n, CHAT_QUEUE_MAX + 1); /* and one runs */
}

static void what_does_not_fit_is_refused(void **state)
{
	char text[CHAT_TEXT_MAX + 1];

	memset(text, 'A', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(ask_of(&(struct chat_command){ .text = text }), -EMSGSIZE);
	assert_int_equal(ask_of(&(struct chat_command){ .text = "AT+CMGS=1", .body = text }), -EMSGSIZE);
	wrote("");
}

static void a_make_that_needs_a_pause_gets_it(void **state)
{
	const struct chat_habits h = { .gap_ms = 100 };

	chat_set_habits(c, &h);
	virtual_advance(100);
	ask("AT+A", NULL);
	ask("AT+B", NULL);
	wrote("AT+A\r");
	says("OK\r\n");
	virtual_advance(99);
	wrote("");
	virtual_advance(1);
	wrote("AT+B\r");
}

static void a_port_that_takes_nothing_ends_the_command(void **state)
{
	write_result = -EPIPE;
	ask("AT+A", NULL);
	ended("");
	virtual_advance(0);
	ended("GONE[]|");
}

static void at_the_end_all_is_told_of_at_once(void **state)
{
	enter("AT+CMGS=12", "0011AB");
	says("> ");
	ask("AT+B", NULL);
	chat_stop(c);
	ended("GONE![]|GONE[]|");
	assert_int_equal(ask_of(&(struct chat_command){ .text = "AT" }), -EPIPE);
	virtual_advance(0);
	set_up(NULL);
}

static void ask_again(void *arg, const struct chat_answer *a)
{
	ask("AT+B", NULL);
	/* The answer is still whole. */
	assert_string_equal(a->lines[0], "+A: 1");
	wrote("");
}

static void a_callback_may_ask_again(void **state)
{
	const struct chat_command cmd = { .text = "AT+A", .prefix = "+A:", .done = ask_again };

	assert_int_equal(chat_command(c, &cmd), 0);
	wrote("AT+A\r");
	says("+A: 1\r\nOK\r\n");
	wrote("AT+B\r");
}

static void stop_there(void *arg, const struct chat_answer *a)
{
	chat_stop(c);
}

static void a_callback_may_stop_it_all(void **state)
{
	const struct chat_command cmd = { .text = "AT+A", .done = stop_there };

	assert_int_equal(chat_command(c, &cmd), 0);
	ask("AT+B", NULL);
	says("OK\r\nRING\r\n");
	ended("GONE[]|");
	told("");
	virtual_advance(0);
	set_up(NULL);
}

static void the_pin_is_in_no_trace(void **state)
{
	assert_int_equal(ask_of(&(struct chat_command){ .text = "AT+CPIN=\"1234\"", .secret = true }), 0);
	says("AT+CPIN=\"1234\"\r\r\nOK\r\n");
	expect(traced, "> AT+CPIN=****|< AT+CPIN=****|< OK|");
	enter("AT+CMGS=12", "0011AB");
	says("> ");
	assert_non_null(strstr(traced, "BODY 0011AB"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_ends_with_its_result),
		TEST(refusals_carry_their_code),
		TEST(a_refusal_is_no_half_of_the_next_result),
		TEST(echo_is_no_answer),
		TEST(commands_wait_for_each_other_and_urgent_ones_pass),
		TEST(unsolicited_lines_come_at_any_place),
		TEST(without_a_prefix_names_tell_whose_a_line_is),
		TEST(noise_of_a_make_is_known_from_its_habits),
		TEST(a_pdu_comes_with_its_header),
		TEST(a_pdu_is_not_mixed_up_with_that_of_a_list),
		TEST(a_line_between_header_and_pdu_does_no_harm),
		TEST(a_pdu_that_is_lost_leaves_its_header),
		TEST(a_lost_second_line_of_a_list_leaves_a_gap),
		TEST(ussd_of_many_lines_is_one),
		TEST(ussd_that_does_not_end_ends_with_a_result),
		TEST(a_text_waits_for_the_prompt),
		TEST(noise_may_stand_before_the_prompt),
		TEST(a_refusal_may_stand_for_the_prompt),
		TEST(a_lost_prompt_sends_nothing),
		TEST(a_prompt_that_comes_too_late_is_closed),
		TEST(a_prompt_that_nobody_awaits_is_closed),
		TEST(an_answer_that_is_lost_says_what_was_written),
		TEST(a_late_result_is_not_the_next_commands),
		TEST(a_text_that_is_acknowledged_late_does_not_end_another_command),
		TEST(an_ok_in_place_of_a_prompt_is_late),
		TEST(a_dumb_modem_is_told_of_and_all_ends),
		TEST(garbage_in_the_modems_buffer_costs_one_more_try),
		TEST(the_queue_is_bounded),
		TEST(what_does_not_fit_is_refused),
		TEST(a_make_that_needs_a_pause_gets_it),
		TEST(a_port_that_takes_nothing_ends_the_command),
		TEST(at_the_end_all_is_told_of_at_once),
		TEST(a_callback_may_ask_again),
		TEST(a_callback_may_stop_it_all),
		TEST(the_pin_is_in_no_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
