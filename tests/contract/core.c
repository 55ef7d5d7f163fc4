/* SPDX-License-Identifier: Apache-2.0 */
/* core.c -- see core.h. */
#include <config.h>

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core.h"

extern char **environ;

/* ---- the core's half of driver.h ---- */

/* A broken contract is no failed test but a lying driver: say so and end. */
static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "contract broken: %s\n", what);
	abort();
}

/* Something happened: let the loop return, so that a WAIT looks at its condition. */
static void seen(struct link *l)
{
	uv_stop(&l->loop);
}

uv_loop_t *link_loop(const struct link *l)
{
	return (uv_loop_t *)&l->loop;
}

const char *link_name(const struct link *l)
{
	return l->cl->name;
}

const struct conf_link *link_conf(const struct link *l)
{
	return l->cl;
}

void *link_driver_data(const struct link *l)
{
	return l->data;
}

void link_set_driver_data(struct link *l, void *data)
{
	l->data = data;
}

void link_up(struct link *l, unsigned window)
{
	must(l->started && !l->stopped, "up while stopped");
	must(window > 0, "up without a window");
	l->up = true;
	l->window = window;
	l->n_up++;
	seen(l);
}

void link_down(struct link *l, const char *reason)
{
	must(l->started && !l->stopped, "down while stopped");
	must(reason && *reason, "down without a reason");
	l->up = false;
	l->n_down++;
	seen(l);
	snprintf(l->reason, sizeof(l->reason), "%s", reason);
}

void link_ready(struct link *l)
{
	must(l->started && !l->in_submit, "ready at a wrong time");
	l->ready = true;
	seen(l);
}

static void keep_end(struct core_part *p, const struct settle *s)
{
	p->end = *s;
	snprintf(p->id, sizeof(p->id), "%s", s->smsc_id ? s->smsc_id : "");
	snprintf(p->text, sizeof(p->text), "%s", s->text ? s->text : "");
}

void link_settled(struct link *l, const struct settle *s)
{
	struct core_part *p;

	must(!l->in_submit, "settled from inside submit()");
	must(!l->stopped, "settled after link_stopped()");
	must(s->key >= 1 && s->key <= l->n_parts, "settled a part that was not taken");
	p = &l->parts[s->key];
	if (s->late) {
		must(p->settled && p->end.outcome == OUTCOME_UNKNOWN, "late, but not given up before");
		p->n_late++;
		p->late = s->outcome;
		l->n_late++;
		seen(l);
		return;
	}
	must(p->taken && !p->settled, "settled twice");
	must(s->outcome != OUTCOME_SENT || s->smsc_id, "sent without an id");
	must(s->outcome == OUTCOME_SENT || s->text, "no reason given");
	p->settled = true;
	keep_end(p, s);
	l->in_flight--;
	l->n_settled++;
	l->n_by[s->outcome]++;
	seen(l);
}

void link_answered(struct link *l, const struct driver_answer *a)
{
	must(!l->in_submit, "answered from inside ask()");
	must(!l->stopped, "answered after link_stopped()");
	must(l->n_asked > l->n_answered, "an answer to nothing");
	must(a->kind != ANSWER_STATE || (a->stat_raw && a->err), "a state without its raw words");
	must(a->kind == ANSWER_STATE || a->text, "no reason given");
	l->answer = *a;
	snprintf(l->answer_stat, sizeof(l->answer_stat), "%s", a->kind == ANSWER_STATE ? a->stat_raw : "");
	snprintf(l->answer_err, sizeof(l->answer_err), "%s", a->kind == ANSWER_STATE ? a->err : "");
	snprintf(l->answer_text, sizeof(l->answer_text), "%s", a->kind == ANSWER_STATE ? "" : a->text);
	l->n_answered++;
	seen(l);
}

void link_congestion(struct link *l, unsigned percent)
{
	must(l->started && !l->in_submit && !l->stopped, "congestion at a wrong time");
	must(percent <= 100, "more than full");
	l->congestion = percent;
	l->n_congestion++;
	seen(l);
}

void link_identity(struct link *l, const char *account)
{
	must(!l->in_submit && !l->stopped, "an identity at a wrong time");
	snprintf(l->account, sizeof(l->account), "%s", account ? account : "");
	seen(l);
}

void link_reports(struct link *l, enum link_reports told)
{
	must(!l->in_submit && !l->stopped, "receipts or not at a wrong time");
	l->reports = told;
	seen(l);
}

void link_alarm(struct link *l, const char *code, const char *text)
{
	unsigned i = 0;

	must(!l->in_submit && !l->stopped, "an alarm at a wrong time");
	must(*code && strlen(code) <= LINK_ALARM_CODE_MAX, "an alarm without a code, or with a long one");
	while (i < l->n_alarms && strcmp(l->alarms[i], code) != 0)
		i++;
	if (text && i == l->n_alarms) {
		must(i < 16, "alarms without end");
		snprintf(l->alarms[l->n_alarms++], sizeof(l->alarms[0]), "%s", code);
	} else if (!text && i < l->n_alarms) {
		l->n_alarms--;
		memmove(l->alarms[i], l->alarms[i + 1], (l->n_alarms - i) * sizeof(l->alarms[0]));
	}
	seen(l);
}

struct wanted_fact {
	struct link *l;
	const char *name;
	double *ret_number;
	bool found;
};

static void fact_told(void *arg, const struct driver_fact *f)
{
	struct wanted_fact *w = arg;

	must(*f->name && strlen(f->name) <= DRIVER_FACT_NAME_MAX &&
		strspn(f->name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(f->name), "a fact without a name");
	must(f->is_number || f->text, "a fact that says nothing");
	w->l->n_facts++;
	if (strcmp(f->name, w->name) != 0)
		return;
	must(!w->found, "a fact told twice");
	w->found = true;
	if (w->ret_number)
		*w->ret_number = f->number;
}

bool core_facts(struct link *l, const char *name, double *ret_number)
{
	struct wanted_fact w = { l, name, ret_number, false };

	l->n_facts = 0;
	if (l->driver->facts)
		l->driver->facts(l, fact_told, &w);
	return w.found;
}

static void ussd_told(void *arg, const struct driver_ussd *u)
{
	struct link *l = arg;

	must(l->ussd_busy, "an answer to no USSD code, from inside ussd(), or a second one");
	must(!l->stopped, "an answer to a USSD code of a link that has stopped");
	l->ussd_busy = false;
	l->ussd_more = u->more;
	l->ussd_r = u->r;
	l->n_ussd++;
	snprintf(l->ussd_text, sizeof(l->ussd_text), "%s", u->text ? u->text : "");
	seen(l);
}

int core_ussd(struct link *l, const char *code)
{
	int r;

	must(!l->ussd_busy, "the test asks twice");
	r = l->driver->ussd(l, code, ussd_told, l);
	l->ussd_busy = r == 0;
	return r;
}

static void want_ack(struct link *l, struct driver_token token)
{
	switch (l->ack) {
	case ACK_AT_ONCE:
		l->driver->ack(l, token, 0);
		return;
	case ACK_REFUSE_FIRST:
		if (!l->n_refused) {
			l->n_refused++;
			l->driver->ack(l, token, -EIO);
		} else {
			l->driver->ack(l, token, 0);
		}
		return;
	case ACK_HOLD:
		must(l->n_tokens < CORE_TOKENS, "too many unacknowledged");
		l->tokens[l->n_tokens++] = token;
		return;
	}
}

void link_receipt(struct link *l, const struct link_receipt *r, struct driver_token token)
{
	unsigned matched = 0;

	must(!l->stopped, "a receipt after link_stopped()");
	l->n_receipts++;
	seen(l);
	l->n_intermediate += r->intermediate;
	l->receipt = *r;
	snprintf(l->receipt_id, sizeof(l->receipt_id), "%s", r->smsc_id);
	snprintf(l->receipt_id2, sizeof(l->receipt_id2), "%s", r->smsc_id2 ? r->smsc_id2 : "");
	snprintf(l->receipt_stat, sizeof(l->receipt_stat), "%s", r->stat_raw);
	snprintf(l->receipt_err, sizeof(l->receipt_err), "%s", r->err);
	for (unsigned i = 1; i <= l->n_parts; i++) {
		if (l->parts[i].settled && l->parts[i].id[0] && strcmp(l->parts[i].id, r->smsc_id) == 0) {
			l->parts[i].n_receipts++;
			matched++;
		}
	}
	l->n_unmatched += !matched;
	want_ack(l, token);
}

void link_inbound(struct link *l, const struct link_inbound *m, struct driver_token token)
{
	must(!l->stopped, "a message after link_stopped()");
	l->n_inbound++;
	seen(l);
	snprintf(l->in_from, sizeof(l->in_from), "%s", m->from);
	snprintf(l->in_to, sizeof(l->in_to), "%s", m->to);
	snprintf(l->in_text, sizeof(l->in_text), "%.*s", (int)m->n_text, m->text);
	l->n_in_raw = m->n_raw < sizeof(l->in_raw) ? m->n_raw : (uint32_t)sizeof(l->in_raw);
	if (l->n_in_raw)
		memcpy(l->in_raw, m->raw, l->n_in_raw);
	l->in_esm = m->esm_class;
	l->in_dcs = m->data_coding;
	want_ack(l, token);
}

void link_stopped(struct link *l)
{
	must(!l->stopped, "stopped twice");
	must(l->in_flight == 0, "stopped with parts in flight");
	l->stopped = true;
	seen(l);
	l->up = false;
}

/* ---- a link's life ---- */

struct link *core_new(const char *settings)
{
	struct link *l = calloc(1, sizeof(*l));
	char text[2048], err[256];
	const char *why = NULL;

	assert_non_null(l);
	snprintf(text, sizeof(text), "links = ( { name = \"a\"; %s } );\n", settings);
	if (conf_load_string(text, "test.conf", &l->conf, err, sizeof(err)) < 0)
		fail_msg("%s", err);
	l->cl = &l->conf->links[0];
	l->driver = driver_find(l->cl->driver, &why);
	if (!l->driver)
		fail_msg("%s: %s", l->cl->driver, why);
	assert_int_equal(uv_loop_init(&l->loop), 0);
	uv_timer_init(&l->loop, &l->deadline);
	l->deadline.data = l;
	assert_int_equal(l->driver->open(l, l->cl), 0);
	assert_non_null(l->data);
	return l;
}

void core_start(struct link *l)
{
	l->started = true;
	l->stopped = l->ready = false;
	assert_int_equal(l->driver->start(l), 0);
}

void core_stop(struct link *l)
{
	l->driver->stop(l);
	WAIT(l, l->stopped);
}

void core_free(struct link *l)
{
	if (l->started && !l->stopped)
		core_stop(l);
	assert_int_equal(l->in_flight, 0);
	l->driver->close(l);
	assert_null(l->data);
	uv_close((uv_handle_t *)&l->deadline, NULL);
	uv_run(&l->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&l->loop), 0); /* no handle is left */
	conf_free(l->conf);
	free(l);
}

int core_submit_part(struct link *l, struct part *p)
{
	unsigned key = l->n_parts + 1;
	int r;

	assert_true(key < CORE_PARTS);
	p->key = key;
	/* It may be settled as soon as submit() has returned, but not before. */
	l->in_submit = true;
	r = l->driver->submit(l, p);
	l->in_submit = false;
	if (r < 0)
		return r;
	l->n_parts = key;
	l->parts[key].taken = true;
	if (++l->in_flight > l->peak)
		l->peak = l->in_flight;
	return 0;
}

int core_submit(struct link *l)
{
	struct part p = {
		.to = 12025550000 + l->n_parts, .from = "Shop", .part = 1, .n_parts = 1, .encoding = ENC_GSM7,
		.want_receipt = true, .validity_s = 3600,
	};

	p.wire.n_text = (uint8_t)snprintf((char *)p.wire.text, sizeof(p.wire.text), "number %u", l->n_parts);
	return core_submit_part(l, &p);
}

void core_ack_all(struct link *l, int status)
{
	unsigned n = l->n_tokens;
	struct driver_token *tokens = calloc(n + 1, sizeof(*tokens));

	memcpy(tokens, l->tokens, n * sizeof(*tokens));
	l->n_tokens = 0;
	for (unsigned i = 0; i < n; i++)
		l->driver->ack(l, tokens[i], status);
	free(tokens);
}

static void on_deadline(uv_timer_t *t)
{
	((struct link *)t->data)->timed_out = true;
}

void core_deadline(struct link *l, bool begin)
{
	l->timed_out = false;
	uv_update_time(&l->loop);
	if (begin)
		uv_timer_start(&l->deadline, on_deadline, DEADLINE_MS, 0);
	else
		uv_timer_stop(&l->deadline);
}

bool core_turn(struct link *l, const char *what, const char *file, int line)
{
	uv_run(&l->loop, UV_RUN_ONCE);
	if (l->timed_out) {
		fprintf(stderr, "parts %u settled %u in flight %u receipts %u up %u (%s)\n", l->n_parts, l->n_settled,
			l->in_flight, l->n_receipts, l->n_up, l->reason);
		fprintf(stderr, "never: %s\n", what);
		_fail(file, line);
	}
	return true;
}

void core_send(struct link *l, unsigned n)
{
	while (l->n_parts < n) {
		int r;

		WAIT(l, l->up && l->in_flight < l->window);
		l->ready = false;
		r = core_submit(l);
		if (r == -EAGAIN)
			WAIT(l, l->ready || !l->up || l->in_flight == 0);
		else if (r < 0)
			assert_int_equal(r, -ENOTCONN);
	}
	WAIT(l, l->in_flight == 0);
}

/* ---- the simulated carrier ---- */

void sim_start(struct sim *s, const char *const *args)
{
	const char *program = getenv("POSTHORN_SMSC_SIM");
	char *argv[32] = { (char *)(program ? program : "./posthorn-smsc-sim"), (char *)"--listen",
		(char *)"127.0.0.1:0" };
	posix_spawn_file_actions_t actions;
	int fds[2], n = 3;
	char line[128];
	size_t len = 0;

	for (; *args; args++)
		argv[n++] = (char *)*args;
	assert_int_equal(pipe(fds), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	posix_spawn_file_actions_addclose(&actions, fds[0]);
	posix_spawn_file_actions_addclose(&actions, fds[1]);
	assert_int_equal(posix_spawn(&s->pid, argv[0], &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	s->out = fds[0];
	while (len < sizeof(line) - 1 && read(s->out, line + len, 1) == 1 && line[len] != '\n')
		len++;
	line[len] = 0;
	if (sscanf(line, "listening 127.0.0.1:%d", &s->port) != 1)
		fail_msg("the simulator says \"%s\"", line);
}

json_t *sim_stop(struct sim *s)
{
	FILE *f;
	json_t *stats;
	int status;

	kill(s->pid, SIGTERM);
	f = fdopen(s->out, "r");
	stats = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL);
	fclose(f);
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_non_null(stats);
	return stats;
}
