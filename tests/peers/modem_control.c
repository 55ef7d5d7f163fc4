/* SPDX-License-Identifier: Apache-2.0 */
/* modem_control.c -- a line protocol for tests: one line, one answer.
 *
 *   stats             the counters as one line of JSON
 *   quit              end the process
 *   anything else     a line of a script: a setting, a rule, an action, or one for later
 *
 * Answers are `ok`, `err REASON` or the JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modem_sim.h"

#define CONTROLS_MAX 16u

struct control {
	uv_tcp_t tcp;
	TAILQ_ENTRY(control) all;
	struct modem_sim *sim;
	char line[4096];
	size_t n;
};

static TAILQ_HEAD(, control) controls = TAILQ_HEAD_INITIALIZER(controls);

struct reply {
	uv_write_t write;
	char *text;
};

static void on_closed(uv_handle_t *h)
{
	struct control *k = h->data;

	TAILQ_REMOVE(&controls, k, all);
	k->sim->n_controls--;
	free(k);
}

static void hang_up(struct control *k)
{
	if (!uv_is_closing((uv_handle_t *)&k->tcp))
		uv_close((uv_handle_t *)&k->tcp, on_closed);
}

static void on_written(uv_write_t *w, int status)
{
	struct reply *r = (struct reply *)w;

	free(r->text);
	free(r);
}

/* Takes `text`; without memory the caller is cut off rather than left waiting. */
static void reply_take(struct control *k, char *text)
{
	struct reply *r = malloc(sizeof(*r));
	uv_buf_t bufs[2];

	if (!r || !text)
		goto fail;
	r->text = text;
	bufs[0] = uv_buf_init(text, (unsigned)strlen(text));
	bufs[1] = uv_buf_init((char *)"\n", 1);
	if (uv_write(&r->write, (uv_stream_t *)&k->tcp, bufs, 2, on_written) < 0)
		goto fail;
	return;

fail:
	free(text);
	free(r);
	hang_up(k);
}

static void command(struct control *k, const char *line)
{
	struct modem_sim *sim = k->sim;
	char err[512] = "", answer[600];
	int r;

	modem_clock(sim);
	if (strcmp(line, "stats") == 0) {
		reply_take(k, modem_sim_json(sim));
		return;
	}
	if (strcmp(line, "quit") == 0) {
		reply_take(k, strdup("ok"));
		modem_sim_stop(sim);
		return;
	}
	r = modem_do(sim, line, "control", err, sizeof(err));
	snprintf(answer, sizeof(answer), "%s%s", r < 0 ? "err " : "ok", r < 0 ? err : "");
	reply_take(k, strdup(answer));
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct control *k = h->data;

	*buf = uv_buf_init(k->line + k->n, (unsigned)(sizeof(k->line) - 1 - k->n));
}

static void on_read(uv_stream_t *st, ssize_t n, const uv_buf_t *buf)
{
	struct control *k = st->data;
	char *nl;

	if (n < 0) { /* also a line that does not fit: libuv then reports ENOBUFS */
		hang_up(k);
		return;
	}
	k->n += (size_t)n;
	k->line[k->n] = 0;
	while (!uv_is_closing((uv_handle_t *)st) && (nl = strchr(k->line, '\n'))) {
		*nl = 0;
		if (nl > k->line && nl[-1] == '\r')
			nl[-1] = 0;
		command(k, k->line);
		k->n -= (size_t)(nl + 1 - k->line);
		memmove(k->line, nl + 1, k->n + 1);
	}
}

static void on_connection(uv_stream_t *st, int status)
{
	struct modem_sim *sim = st->data;
	struct control *k = status < 0 ? NULL : calloc(1, sizeof(*k));

	if (!k)
		return;
	k->sim = sim;
	TAILQ_INSERT_TAIL(&controls, k, all);
	uv_tcp_init(&sim->loop, &k->tcp);
	k->tcp.data = k;
	sim->n_controls++;
	if (uv_accept(st, (uv_stream_t *)&k->tcp) < 0 || sim->n_controls > CONTROLS_MAX ||
		uv_read_start((uv_stream_t *)&k->tcp, on_alloc, on_read) < 0)
		hang_up(k);
}

int modem_control_listen(struct modem_sim *sim)
{
	sim->control.data = sim;
	return uv_listen((uv_stream_t *)&sim->control, 16, on_connection);
}

void modem_control_close(struct modem_sim *sim)
{
	struct control *k;

	TAILQ_FOREACH(k, &controls, all)
	hang_up(k);
}
