/* SPDX-License-Identifier: Apache-2.0 */
/* How a modem comes up, is helped when it is stuck, and waits for its network.  Port, finder and core are the test's;
 * the modem behind the port is a few lines, and time is the test's, too. */
#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/conf_make.h"
#include "drivers/modem/modem.h"
#include "tests/unit/virtual_timer.h"

#define OPENED 1
#define SETTLED_MAX 16

struct port { /* the one there is */
	int opened;
};

static struct {
	struct modem m;
	struct conf_link c;
	uv_loop_t loop;
	char *power[1];
	/* core */
	bool up, stopped;
	unsigned n_up, n_alarms;
	char reason[300], alarm[300];
	struct {
		uint64_t key;
		enum outcome outcome;
	} settled[SETTLED_MAX];
	unsigned n_settled;
	uint64_t next_key;
	/* port */
	struct port port;
	const struct port_ops *ops;
	const struct finder_ops *finder;
	unsigned n_opened;
	bool opening, wanted, there;
	/* modem */
	bool mute, in_prompt, swallow;
	int creg, cgreg, cereg, mr;
	unsigned n_resets, n_texts, n_starts;
	char cms[32];   /* instead of +CMGS */
	char copy[400]; /* in its memory, as sent; "": none */
	unsigned n_deleted;
	char heard[1024], says[4096];
	/* power_command */
	uv_process_t *process;
	uv_exit_cb on_exit;
	unsigned n_spawned, n_killed;
} w;

/* ---- the core ---- */

uv_loop_t *link_loop(const struct link *l) { return &w.loop; }
const char *link_name(const struct link *l) { return "sim1"; }
const struct conf_link *link_conf(const struct link *l) { return &w.c; }
void *link_driver_data(const struct link *l) { return &w.m; }
void link_set_driver_data(struct link *l, void *data) { }
void link_identity(struct link *l, const char *account) { }
void link_reports(struct link *l, enum link_reports told) { }
void link_ready(struct link *l) { }
void link_stopped(struct link *l) { w.stopped = true; }
void link_receipt(struct link *l, const struct link_receipt *r, struct driver_token token) { }
void link_inbound(struct link *l, const struct link_inbound *m, struct driver_token token) { }

void link_up(struct link *l, unsigned window)
{
	w.up = true;
	w.n_up++;
}

void link_down(struct link *l, const char *reason)
{
	w.up = false;
	snprintf(w.reason, sizeof(w.reason), "%s", reason);
}

void link_alarm(struct link *l, const char *code, const char *text)
{
	if (strcmp(code, "modem_stuck") != 0)
		return;
	w.n_alarms += text != NULL;
	snprintf(w.alarm, sizeof(w.alarm), "%s", text ? text : "");
}

void link_settled(struct link *l, const struct settle *s)
{
	for (unsigned i = 0; i < w.n_settled; i++)
		assert_true(w.settled[i].key != s->key); /* once */
	assert_true(w.n_settled < SETTLED_MAX);
	w.settled[w.n_settled].key = s->key;
	w.settled[w.n_settled++].outcome = s->outcome;
}

/* ---- the port, and who finds it ---- */

int port_open(uv_loop_t *loop, const struct port_conf *c, const struct port_ops *ops, void *arg, struct port **ret,
	char why[static PORT_WHY_MAX])
{
	assert_false(w.port.opened);
	w.port.opened = OPENED;
	w.opening = true;
	w.ops = ops;
	w.n_opened++;
	*ret = &w.port;
	return 0;
}

void port_close(struct port *p)
{
	assert_true(p->opened);
	p->opened = 0;
	w.opening = false;
	w.says[0] = w.heard[0] = '\0';
	w.in_prompt = false;
}

const char *port_path(const struct port *p) { return "/dev/ttyTEST"; }

static void say(const char *text)
{
	strcat(w.says, text);
	assert_true(strlen(w.says) < sizeof(w.says) / 2);
}

static void text_given(void)
{
	char line[48];

	w.n_texts++;
	w.mr = (w.mr + 1) & 0xff;
	if (w.swallow)
		return;
	snprintf(line, sizeof(line), "\r\n+CMGS: %d\r\n\r\nOK\r\n", w.mr);
	say(*w.cms ? w.cms : line);
}

static void creg(const char *name, int status)
{
	char line[48];

	snprintf(line, sizeof(line), status < 0 ? "\r\nERROR\r\n" : "\r\n+%s: 1,%d\r\n\r\nOK\r\n", name, status);
	say(line);
}

static void list(void)
{
	char answer[sizeof(w.copy) + 64] = "\r\nOK\r\n";

	if (*w.copy)
		snprintf(answer, sizeof(answer), "\r\n+CMGL: 1,3,,%zu\r\n%s\r\n\r\nOK\r\n", strlen(w.copy) / 2 - 1, w.copy);
	say(answer);
}

static void obey(const char *line)
{
	if (strncmp(line, "AT+CFUN=1,1", 11) == 0)
		w.n_resets++;
	w.n_starts += strcmp(line, "ATE0") == 0;
	if (w.mute)
		return;
	if (strncmp(line, "AT+CMGS=", 8) == 0) {
		w.in_prompt = true;
		say("\r\n> ");
	} else if (strcmp(line, "AT+CREG?") == 0) {
		creg("CREG", w.creg);
	} else if (strcmp(line, "AT+CGREG?") == 0) {
		creg("CGREG", w.cgreg);
	} else if (strcmp(line, "AT+CEREG?") == 0) {
		creg("CEREG", w.cereg);
	} else if (strcmp(line, "AT+CPIN?") == 0) {
		say("\r\n+CPIN: READY\r\n\r\nOK\r\n");
	} else if (strncmp(line, "AT+CPMS=\"", 9) == 0) {
		say(*w.copy ? "\r\n+CPMS: 1,10,1,10,1,10\r\n\r\nOK\r\n" : "\r\n+CPMS: 0,10,0,10,0,10\r\n\r\nOK\r\n");
	} else if (strcmp(line, "AT+CMGL=4") == 0) {
		list();
	} else if (strncmp(line, "AT+CMGD=1", 9) == 0) {
		w.n_deleted++;
		w.copy[0] = '\0';
		say("\r\nOK\r\n");
	} else if (strcmp(line, "AT+CUSD=2") == 0) {
		say("\r\n+CUSD: 2\r\n\r\nOK\r\n");
	} else if (strcmp(line, "AT+CNMI=?") == 0) {
		say("\r\n+CNMI: (0-2),(0,1),(0),(0,1),(0)\r\n\r\nOK\r\n");
	} else {
		say("\r\nOK\r\n");
	}
}

void port_set_pace(struct port *p, unsigned chunk, unsigned gap_ms) { }

int port_write(struct port *p, const void *data, size_t n)
{
	const char *s = data;
	size_t k = strlen(w.heard);

	assert_true(p->opened);
	for (size_t i = 0; i < n; i++) {
		if (s[i] == 0x1b || s[i] == 0x1a) {
			if (s[i] == 0x1a && w.in_prompt && !w.mute)
				text_given();
			w.in_prompt = false;
			k = 0;
		} else if (s[i] == '\r') {
			w.heard[k] = '\0';
			if (k && !w.in_prompt)
				obey(w.heard);
			k = 0;
		} else if (k + 1 < sizeof(w.heard)) {
			w.heard[k++] = s[i];
		}
	}
	w.heard[k] = '\0';
	return 0;
}

int finder_want(uv_loop_t *loop, const struct finder_conf *c, const struct finder_ops *ops, void *arg,
	struct finder_want **ret)
{
	w.finder = ops;
	w.wanted = true;
	*ret = (struct finder_want *)&w;
	return 0;
}

void finder_again(struct finder_want *want, enum finder_trouble t, const char *why) { w.wanted = true; }
int finder_check(struct finder_want *want, const char *imei, const char *imsi, const char *iccid) { return 0; }
void finder_release(struct finder_want *want) { w.wanted = false; }
int modem_ports(uv_loop_t *loop, driver_ports_cb *done, void *arg) { return -ENOSYS; }

/* ---- power_command ---- */

int __wrap_uv_spawn(uv_loop_t *loop, uv_process_t *p, const uv_process_options_t *o);
int __wrap_uv_process_kill(uv_process_t *p, int signum);
int __wrap_uv_timer_init(uv_loop_t *loop, uv_timer_t *t);

int __wrap_uv_spawn(uv_loop_t *loop, uv_process_t *p, const uv_process_options_t *o)
{
	assert_null(w.process);
	w.process = p;
	w.on_exit = o->exit_cb;
	w.n_spawned++;
	return __wrap_uv_timer_init(loop, (uv_timer_t *)p); /* so that virtual_timer.c can close it */
}

int __wrap_uv_process_kill(uv_process_t *p, int signum)
{
	assert_ptr_equal(p, w.process);
	w.n_killed++;
	return 0;
}

/* It ends, if it runs. */
static void power_ends(int signal)
{
	uv_process_t *p = w.process;

	if (!p)
		return;
	w.process = NULL;
	w.on_exit(p, 0, signal);
}

/* ---- doings ---- */

static void found(void)
{
	const struct finder_found f = { .name = "/dev/ttyTEST" };

	w.wanted = false;
	w.finder->found(&w.m, &f);
}

static void step(void)
{
	char says[sizeof(w.says)];

	if (w.wanted && w.there)
		found();
	if (w.opening) {
		w.opening = false;
		w.ops->opened(&w.m);
	}
	while (w.port.opened && *w.says) {
		memcpy(says, w.says, sizeof(says));
		w.says[0] = '\0';
		w.ops->read(&w.m, (const uint8_t *)says, strlen(says));
	}
}

static void run(uint64_t ms)
{
	for (uint64_t t = 0; t < ms; t += 10) {
		step();
		if (w.n_killed && w.process)
			power_ends(9);
		virtual_advance(10);
	}
	step();
}

static void unplug(void)
{
	w.there = false;
	w.ops->gone(&w.m, "hung up");
	w.finder->absent(&w.m, "no such port");
}

static void plug(void)
{
	w.there = true;
}

static uint64_t give(void)
{
	struct part p = { .key = ++w.next_key, .to = 12025550100ull, .from = "", .part = 1, .n_parts = 1,
		.encoding = ENC_GSM7, .want_receipt = true };

	p.wire.n_text = 2;
	memcpy(p.wire.text, "hi", 2);
	assert_int_equal(outgoing_submit(&w.m, &p), 0);
	return p.key;
}

static int outcome_of(uint64_t key)
{
	for (unsigned i = 0; i < w.n_settled; i++)
		if (w.settled[i].key == key)
			return (int)w.settled[i].outcome;
	return -1;
}

static char empty[] = "", device[] = "/dev/ttyTEST", name[] = "sim1", power[] = "power-cycle";
extern const struct driver modem_driver;

static int setup(void **state)
{
	memset(&w, 0, sizeof(w));
	w.c.name = name;
	w.c.device = device;
	w.c.pin = w.c.smsc = empty;
	w.c.window = 10;
	w.c.restart_time_ms = 60000;
	w.c.n_origins = 0;
	w.power[0] = power;
	w.creg = 1;
	w.cgreg = w.cereg = -1;
	w.m.loop = &w.loop;
	plug();
	assert_int_equal(modem_driver.start((struct link *)&w), 0);
	return 0;
}

static void stop(void)
{
	modem_driver.stop((struct link *)&w);
	run(20);
	if (!w.stopped) {
		modem_driver.stop((struct link *)&w);
		run(20);
	}
	power_ends(9);
	run(20);
	assert_true(w.stopped);
	assert_int_equal(w.m.out.n, 0);
	assert_int_equal(w.n_settled, w.next_key);
	assert_false(w.port.opened);
}

static int teardown(void **state)
{
	if (!w.stopped)
		stop();
	return 0;
}

static void come_up(void)
{
	run(3000);
	assert_true(w.up);
}

/* ---- the ladder ---- */

static void one_step_after_the_other(void **state)
{
	w.c.power_command = (struct conf_strings){ .n = 1, .item = w.power };
	come_up();
	w.mute = true;
	run(50000); /* noticed by a poll */
	assert_false(w.up);
	assert_int_equal(w.m.ladder.n_reopens, 1);
	assert_int_equal(w.n_opened, 2);
	run(100000);
	assert_int_equal(w.n_resets, 1);
	run(60000);
	assert_int_equal(w.n_spawned, 1);
	power_ends(0);
	assert_int_equal(w.n_alarms, 0);
	run(100000);
	assert_int_equal(w.n_alarms, 1);
	assert_string_not_equal(w.alarm, "");
	w.mute = false;
	run(120000);
	assert_true(w.up);
	assert_string_equal(w.alarm, "");
}

static void rounds_are_ever_rarer(void **state)
{
	uint64_t at[5] = { 0 };
	unsigned n = 0;

	come_up();
	w.mute = true;
	for (uint64_t s = 0; n < 5 && s < 20000; s++) {
		run(1000);
		if (w.n_alarms > n)
			at[n++] = s;
	}
	assert_int_equal(n, 5);
	for (unsigned i = 2; i < 5; i++)
		assert_true(at[i] - at[i - 1] > at[i - 1] - at[i - 2]);
	assert_int_equal(w.n_resets, 5);
}

static void a_modem_that_just_came_back_is_not_reset(void **state)
{
	come_up();
	for (unsigned i = 0; i < 3; i++) {
		unplug();
		run(1000);
		w.mute = true;
		plug();
		run(55000);
		assert_int_equal(w.n_resets, 0);
		assert_false(w.up);
		w.mute = false;
		run(15000);
		assert_true(w.up);
	}
	assert_int_equal(w.m.ladder.n_reopens, 0);
}

static void a_power_command_that_hangs_is_ended_though_the_port_went(void **state)
{
	w.c.power_command = (struct conf_strings){ .n = 1, .item = w.power };
	come_up();
	w.mute = true;
	for (unsigned s = 0; w.n_spawned == 0 && s < 1000; s++)
		run(1000);
	unplug(); /* as it should */
	run(5000);
	plug();   /* and the command hangs on */
	assert_int_equal(w.n_killed, 0);
	run(60000);
	assert_int_equal(w.n_killed, 1);
	for (unsigned s = 0; w.n_spawned == 1 && s < 2000; s++)
		run(1000);
	assert_int_equal(w.n_spawned, 2);
}

/* ---- references ---- */

/* Our own reset is a restart of the modem, too: what it counted before says nothing of what it counts now. */
static void no_reference_is_believed_over_a_reset(void **state)
{
	uint64_t a, b;

	come_up();
	a = give();
	run(100);
	assert_int_equal(outcome_of(a), OUTCOME_SENT);
	w.swallow = true;
	b = give();
	run(100);
	assert_int_equal(w.n_texts, 2);
	w.mute = true;
	for (unsigned s = 0; w.n_resets == 0 && s < 400; s++)
		run(1000);
	assert_int_equal(w.n_resets, 1);
	w.mute = w.swallow = false;
	w.mr = 1; /* it begins anew with what it had stored */
	for (unsigned s = 0; !w.up && s < 100; s++)
		run(100);
	give();
	run(60000);
	assert_int_equal(outcome_of(b), OUTCOME_UNKNOWN);
	assert_int_equal(w.n_texts, 3); /* b was not sent again */
}

/* A modem on a serial line that restarts keeps its port, and says only this.  Until it is set up again nothing is
 * given to it: it may read "AT+CMGS=17" as a message to the number 17. */
static void a_modem_that_says_that_its_sim_is_ready_is_set_up_first(void **state)
{
	unsigned starts, texts;

	come_up();
	starts = w.n_starts;
	texts = w.n_texts;
	w.mute = true; /* it takes its time */
	say("\r\n+CPIN: READY\r\n");
	step();
	assert_int_equal(w.m.life.state, MODEM_STARTING);
	assert_false(w.up);
	assert_false(w.m.out.up);
	w.mute = false;
	run(20000);
	assert_true(w.up);
	assert_true(w.n_starts > starts);
	assert_int_equal(w.n_texts, texts);
}

static void a_restart_in_mid_send_is_not_waited_out(void **state)
{
	uint64_t a;

	come_up();
	w.swallow = true;
	a = give();
	run(100);
	assert_int_equal(w.n_texts, 1);
	say("\r\n+CPIN: READY\r\n");
	run(10000);
	assert_true(w.up);
	assert_int_equal(outcome_of(a), -1); /* there may be evidence yet */
	say("\r\n+CMGS: 1\r\n");
	run(10);
	assert_int_equal(outcome_of(a), OUTCOME_SENT);
	assert_int_equal(w.n_texts, 1);
}

/* Some modems keep a copy of what they sent.  One of yesterday says nothing of the same text today, and copies fill the
 * memory up. */
static void copies_of_what_was_sent_are_evidence_once(void **state)
{
	char pdu[sizeof(w.copy)];
	uint64_t a, b;

	come_up();
	a = give();
	snprintf(pdu, sizeof(pdu), "%s", w.m.out.part[0].pdu);
	run(100);
	assert_int_equal(outcome_of(a), OUTCOME_SENT);
	snprintf(w.copy, sizeof(w.copy), "%s", pdu);
	incoming_drain(&w.m);
	run(1000);
	assert_int_equal(w.n_deleted, 1);
	w.swallow = true;
	b = give();
	run(200000);
	assert_int_equal(outcome_of(b), OUTCOME_UNKNOWN);
	a = give();
	run(100);
	snprintf(w.copy, sizeof(w.copy), "%s", pdu); /* this one was sent */
	run(140000);
	assert_int_equal(outcome_of(a), OUTCOME_SENT);
	assert_int_equal(w.n_deleted, 2);
}

/* ---- the network ---- */

static void any_registration_that_takes_messages_is_enough(void **state)
{
	static const struct {
		int creg, cgreg, cereg;
		bool up;
		const char *says;
	} cases[] = {
		{ 1, -1, -1, true, "registered, home" },
		{ 5, 0, 0, true, "registered, roaming" },
		{ 0, 0, 1, true, "registered, home" },
		{ 3, -1, 6, true, "registered for messages only, home" },
		{ 2, 7, -1, true, "registered for messages only, roaming" },
		{ 9, -1, -1, true, "registered, home, CSFB not preferred" },
		{ 2, 2, 2, false, "searching" },
		{ 3, 0, 0, false, "registration denied" },
		{ 8, -1, -1, false, "emergency calls only" },
		{ 0, -1, -1, false, "not registered, not searching" },
		{ -1, -1, -1, false, "unknown" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		w.creg = cases[i].creg;
		w.cgreg = cases[i].cgreg;
		w.cereg = cases[i].cereg;
		run(5000);
		assert_int_equal(w.up, cases[i].up);
		assert_string_equal(network_status_text(&w.m), cases[i].says);
		stop();
		setup(NULL);
	}
}

static void a_network_that_goes_pauses_the_link(void **state)
{
	come_up();
	w.creg = 2;
	say("\r\n+CREG: 2\r\n");
	step();
	assert_false(w.up);
	assert_string_equal(w.reason, "no network: searching");
	run(120000);
	assert_false(w.up);
	assert_int_equal(w.m.ladder.n_stuck, 0);
	w.creg = 5;
	say("\r\n+CREG: 5,\"00AF\",\"0012\"\r\n");
	run(50);
	assert_true(w.up);
}

/* "No network service" while it says that it is registered: ever longer pauses, until something goes. */
static void refusals_of_the_device_pause_ever_longer(void **state)
{
	uint64_t down_ms[4] = { 0 };

	snprintf(w.cms, sizeof(w.cms), "\r\n+CMS ERROR: 331\r\n");
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned s = 0; !w.up && s < 1000; s++)
			run(100);
		assert_true(w.up);
		give();
		run(50);
		assert_false(w.up);
		assert_int_equal(outcome_of(w.next_key), OUTCOME_LINK_FAULT);
		for (; !w.up && down_ms[i] < 100000; down_ms[i] += 100)
			run(100);
		assert_true(i == 0 || down_ms[i] > down_ms[i - 1]);
	}
	w.cms[0] = '\0';
	give();
	run(50);
	assert_int_equal(outcome_of(w.next_key), OUTCOME_SENT);
	snprintf(w.cms, sizeof(w.cms), "\r\n+CMS ERROR: 331\r\n");
	give();
	run(50);
	assert_false(w.up);
	run(down_ms[0] + 500);
	assert_true(w.up);
}

/* ---- USSD ---- */

static struct {
	unsigned n;
	int r;
	bool more;
	char text[40];
	bool asks_on;
} told;

static void on_ussd(void *arg, const struct driver_ussd *u)
{
	told.n++;
	told.r = u->r;
	told.more = u->more;
	snprintf(told.text, sizeof(told.text), "%s", u->text ? u->text : "");
	if (told.asks_on)
		assert_int_equal(ussd_ask(&w.m, "*2#", on_ussd, NULL), 0);
	told.asks_on = false;
}

/* Some networks say so when a dialogue is ended, before the modem says OK: it is done, and OK is of no other one. */
static void a_dialogue_that_is_ended_was_not_refused(void **state)
{
	memset(&told, 0, sizeof(told));
	come_up();
	assert_int_equal(ussd_ask(&w.m, "*1#", on_ussd, NULL), 0);
	run(100);
	say("\r\n+CUSD: 1,\"1 more\",15\r\n");
	run(100);
	assert_true(told.n == 1 && told.r == 0 && told.more);
	told.asks_on = true;
	assert_int_equal(ussd_ask(&w.m, "", on_ussd, NULL), 0);
	run(100);
	assert_int_equal(told.r, 0);
	assert_int_equal(told.n, 2); /* the next one waits for its answer */
	say("\r\n+CUSD: 0,\"12.50\",15\r\n");
	run(100);
	assert_int_equal(told.n, 3);
	assert_string_equal(told.text, "12.50");
}

/* ---- the end ---- */

static void it_stops_in_whatever_state(void **state)
{
	for (unsigned ms = 0; ms < 1500; ms += 10) { /* coming up */
		run(ms);
		stop();
		setup(NULL);
	}
	for (unsigned s = 0; s < 300; s += 3) { /* on each step of the ladder, with a text on the air and others */
		w.c.power_command = (struct conf_strings){ .n = 1, .item = w.power };
		come_up();
		w.mute = true;
		give();
		give();
		run(s * 1000);
		stop();
		setup(NULL);
	}
	come_up();
	unplug();
	run(1000);
	stop();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_step_after_the_other),
		TEST(rounds_are_ever_rarer),
		TEST(a_modem_that_just_came_back_is_not_reset),
		TEST(a_power_command_that_hangs_is_ended_though_the_port_went),
		TEST(no_reference_is_believed_over_a_reset),
		TEST(a_modem_that_says_that_its_sim_is_ready_is_set_up_first),
		TEST(a_restart_in_mid_send_is_not_waited_out),
		TEST(copies_of_what_was_sent_are_evidence_once),
		TEST(any_registration_that_takes_messages_is_enough),
		TEST(a_network_that_goes_pauses_the_link),
		TEST(refusals_of_the_device_pause_ever_longer),
		TEST(a_dialogue_that_is_ended_was_not_refused),
		TEST(it_stops_in_whatever_state),
	};

	return cmocka_run_group_tests_name("modem_life", tests, NULL, NULL);
}
