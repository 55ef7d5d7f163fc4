/* SPDX-License-Identifier: Apache-2.0 */
/* api_preview.c -- POST /v1/preview: what messages would become and cost; nothing is sent, nothing is stored.
 *
 *     source ──row──► json_message() ──► preview_row() ──► sums, and the rows that were asked for
 *
 * Every row goes through json_message() like one of a post, so that what previews well is accepted, and costs what was
 * said.  No name of a campaign is made.  The body is one message, an array, or a stream of lines or CSV of any length:
 * of many the answer holds the sums, and of the rows what `results` asks for, bounded.
 *
 * Rows are worked off in short turns with the loop between them, as those of a post are, so that a preview of a
 * million rows takes its time and not that of others.  The socket is not read while rows wait.
 */
#include "intake/api_impl.h"

#include "base/clock.h"
#include "intake/json_text.h"
#include "intake/preview_total.h"
#include "intake/row_source.h"
#include "intake/json_load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_US       2000
#define ALL_BY_DEFAULT 1000 /* rows of an array */
#define LISTED_MAX     10000
#define ERRORS_MAX     1000
#define ANSWER_MAX     (API_ANSWER_MAX + ((size_t)1 << 18)) /* rows and sums */

enum preview_results { PREVIEW_ALL, PREVIEW_ERRORS, PREVIEW_NONE, PREVIEW_DEAREST };

struct preview {
	struct api_stream stream;
	struct api_call *c;
	struct api *api;
	struct api_runner runner;
	struct row_source source;
	enum preview_results results;
	uint64_t row; /* number of the next row */
	unsigned listed, n_errors;
	bool truncated;
	struct json_out out; /* the rows listed */
	size_t held;	     /* octets of them, and of the dearest in full; counted in api->listed_octets */
	struct preview_total total;
};

/* ---- One row. ---- */

static void put_route(struct json_out *o, struct api *a, uint32_t route)
{
	const char *link = route ? router_first_link(a->p.router, route) : NULL;

	json_out_key(o, "route");
	if (route)
		json_out_str(o, names_text(a->p.names, NAME_ROUTE, route));
	else
		json_out_null(o);
	json_out_key(o, "link");
	if (link)
		json_out_str(o, link);
	else
		json_out_null(o);
	if (!route)
		json_out_kstr(o, "reason", msg_reason_name(REASON_NO_ROUTE));
}

static void put_preview(struct json_out *o, struct api *a, const struct preview_row *p)
{
	const struct message *m = &p->jm->m;
	char text[24];

	preview_row_out(o, p);
	json_out_kbool(o, "smart", p->jm->changed & JSON_CHANGED_SMART);
	json_text_changed(o, p->jm, true, SMART_CHANGES_MAX);
	snprintf(text, sizeof(text), "+%llu", (unsigned long long)m->to);
	json_out_kstr(o, "to", text);
	json_out_key(o, "from");
	json_out_strn(o, m->from, m->n_from);
	put_route(o, a, m->route);
}

static int look_at(struct api *a, const json_t *row, const struct json_message_ctx *x, struct api_fault *f)
{
	if (json_message(row, x, &a->row, f) < 0)
		return -EINVAL;
	preview_row(a->preview, &a->row, &a->row.opts);
	return 0;
}

static void preview_one(struct api_call *c, const json_t *row)
{
	struct json_message_ctx x;
	struct api_fault f;
	struct json_out o;

	api_message_ctx(c->api, api_client(c), false, &x);
	if (look_at(c->api, row, &x, &f) < 0) {
		api_refuse_fault(c, &f);
		return;
	}
	json_out_init(&o, API_ANSWER_MAX);
	json_out_open(&o, '{');
	put_preview(&o, c->api, c->api->preview);
	json_out_close(&o, '}');
	api_answer_out(c, 200, &o);
}

/* ---- Many. ---- */

static void preview_free(struct preview *p)
{
	struct api_call *c = p->c;

	p->api->listed_octets -= p->held;
	api_run_never(p->api, &p->runner);
	row_source_done(&p->source);
	preview_total_done(&p->total);
	json_out_done(&p->out);
	api_stream_done(c, &p->stream);
	free(p);
}

static void refuse(struct preview *p, const struct api_fault *f)
{
	p->c->stream = NULL;
	api_refuse_fault(p->c, f);
	preview_free(p);
}

static void put_dearest(struct json_out *o, struct preview_total *t)
{
	for (unsigned i = 0; i < t->n_dearest; i++) {
		const struct buf *b = &t->dearest[i].told.b;

		if (!json_out_full(&t->dearest[i].told) && buf_len(b))
			json_out_raw(o, (const char *)buf_data(b), buf_len(b));
	}
}

static void answer(struct preview *p)
{
	struct json_out o;

	json_out_init(&o, ANSWER_MAX);
	json_out_open(&o, '{');
	json_out_key(&o, "summary");
	preview_total_out(&o, &p->total, p->api->p.names);
	json_out_key(&o, "results");
	json_out_open(&o, '[');
	if (p->results == PREVIEW_DEAREST)
		put_dearest(&o, &p->total);
	else if (buf_len(&p->out.b))
		json_out_raw(&o, (const char *)buf_data(&p->out.b), buf_len(&p->out.b));
	json_out_close(&o, ']');
	if (p->truncated)
		json_out_kbool(&o, "truncated", true);
	json_out_close(&o, '}');
	p->c->stream = NULL;
	api_answer_out(p->c, 200, &o);
	preview_free(p);
}

/* What this preview holds changed by so much.  false: all previews together hold too much; nothing is counted. */
static bool hold_octets(struct preview *p, size_t more, size_t less)
{
	if (more > less && p->api->listed_octets + (more - less) > API_LISTED_TOTAL)
		return false;
	p->held += more - less;
	p->api->listed_octets += more - less;
	return true;
}

/* Close the row, or take it back when it did not fit. */
static void end_listed(struct preview *p, struct json_mark mark)
{
	json_out_close(&p->out, '}');
	if (json_out_full(&p->out) || !hold_octets(p, buf_len(&p->out.b), mark.len)) {
		json_out_rewind(&p->out, mark);
		p->truncated = true;
	} else {
		p->listed++;
	}
}

static void refuse_row(struct preview *p, const struct api_fault *f)
{
	struct json_mark mark = json_out_mark(&p->out);

	preview_total_refuse(&p->total, f->code);
	if (p->results == PREVIEW_NONE || p->results == PREVIEW_DEAREST)
		return;
	if (p->truncated || p->listed == LISTED_MAX || p->n_errors == ERRORS_MAX) {
		p->truncated = true;
		return;
	}
	p->n_errors++;
	json_out_open(&p->out, '{');
	json_out_ku64(&p->out, "row", p->row);
	api_fault_out(&p->out, f);
	end_listed(p, mark);
}

static void put_row(struct json_out *o, struct preview *p)
{
	json_out_open(o, '{');
	json_out_ku64(o, "row", p->row);
	put_preview(o, p->api, p->api->preview);
}

static void count_row(struct preview *p)
{
	size_t was = p->results == PREVIEW_DEAREST ? preview_total_told(&p->total) : 0;
	struct total_dear *dear = preview_total_add(&p->total, p->row, p->api->preview);
	struct json_mark mark = json_out_mark(&p->out);

	if (p->results == PREVIEW_DEAREST && dear) {
		put_row(&dear->told, p);
		json_out_close(&dear->told, '}');
		if (!hold_octets(p, preview_total_told(&p->total), was)) {
			json_out_done(&dear->told);
			p->truncated = true;
			hold_octets(p, preview_total_told(&p->total), was);
		}
	}
	if (p->results != PREVIEW_ALL)
		return;
	if (p->truncated || p->listed == LISTED_MAX) {
		p->truncated = true;
		return;
	}
	put_row(&p->out, p);
	end_listed(p, mark);
}

static void take_row(struct preview *p, const struct json_message_ctx *x)
{
	struct api_fault f;
	json_t *row = row_source_take(&p->source, &f);

	if (!row || look_at(p->api, row, x, &f) < 0)
		refuse_row(p, &f);
	else
		count_row(p);
	json_decref(row);
	p->row++;
}

/* Until the turn is over or the source gives nothing. */
static enum row_step work(struct preview *p, const struct json_message_ctx *x)
{
	int64_t until_us = clock_mono_us() + SLICE_US;
	enum row_step s;

	do {
		s = row_source_step(&p->source);
		if (s == ROW_HERE)
			take_row(p, x);
	} while (s == ROW_HERE && clock_mono_us() < until_us);
	return s;
}

/* p may be gone afterwards. */
static void pump(struct preview *p)
{
	struct auth_client *cl = api_client(p->c);
	struct json_message_ctx x;
	struct api_fault f;

	if (!cl) {
		api_fault_set(&f, API_UNAUTHORIZED, NULL, "this client is no longer configured");
		refuse(p, &f);
		return;
	}
	if (p->api->stopping && !p->source.ended) {
		api_fault_set(&f, API_STOPPING, NULL, "the gateway is shutting down; try again when it is back");
		refuse(p, &f);
		return;
	}
	api_message_ctx(p->api, cl, false, &x);
	switch (work(p, &x)) {
	case ROW_HERE: api_run_soon(p->api, &p->runner); break;
	case ROW_NOT_YET: break;
	case ROW_END: answer(p); return;
	case ROW_BROKEN:
		row_source_why(&p->source, &f);
		refuse(p, &f);
		return;
	}
	row_source_hold(&p->source, p->c->q, p->runner.queued);
}

static struct preview *of_stream(struct api_stream *s)
{
	return (struct preview *)((char *)s - offsetof(struct preview, stream));
}

static void run(struct api_runner *n)
{
	pump((struct preview *)((char *)n - offsetof(struct preview, runner)));
}

/* Rows are worked off in a turn of their own and the socket rests meanwhile: libuv reads many times in one turn of the
 * loop, and each of them would bring its share of work. */
static void work_soon(struct preview *p)
{
	api_run_soon(p->api, &p->runner);
	row_source_hold(&p->source, p->c->q, true);
}

static void feed(struct api_stream *s, const uint8_t *data, size_t n)
{
	struct preview *p = of_stream(s);
	struct api_fault f;

	if (row_source_feed(&p->source, data, n) == 0) {
		work_soon(p);
		return;
	}
	api_fault_of_errno(-ENOMEM, &f);
	refuse(p, &f);
}

static void end(struct api_stream *s)
{
	struct preview *p = of_stream(s);

	row_source_end(&p->source);
	work_soon(p);
}

static void abort_preview(struct api_stream *s)
{
	preview_free(of_stream(s));
}

static void stopping(struct api_stream *s)
{
	struct preview *p = of_stream(s);

	if (!p->runner.queued)
		pump(p);
}

static const struct api_stream_ops stream_ops = {
	.feed = feed,
	.end = end,
	.abort = abort_preview,
	.stopping = stopping,
};

/* ---- Which kind. ---- */

/* false: the request was answered. */
static bool results_wish(struct api_call *c, enum preview_results dflt, enum preview_results *ret)
{
	static const char *const words[] = {"all", "errors", "none", "dearest"};
	char text[16];

	*ret = dflt;
	if (!api_query_text(c, "results", text, sizeof(text)))
		return false;
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(text, words[i])) {
			*ret = (enum preview_results)i;
			return true;
		}
	}
	if (text[0] == '\0')
		return true;
	api_refuse(c, API_INVALID_PARAMETER, "results",
		"\"results\" is \"all\", \"errors\", \"none\" or \"dearest\"");
	return false;
}

/* NULL: the request was answered. */
static struct preview *preview_new(struct api_call *c, enum preview_results dflt)
{
	enum preview_results results;
	struct preview *p;

	if (!results_wish(c, dflt, &results))
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p) {
		api_refuse(c, API_QUEUE_BUSY, NULL, "out of memory; try again");
		return NULL;
	}
	p->c = c;
	p->api = c->api;
	p->runner.run = run;
	p->results = results;
	p->stream.ops = &stream_ops;
	preview_total_init(&p->total);
	json_out_init(&p->out, API_ANSWER_MAX);
	api_stream_begin(c, &p->stream);
	return p;
}

static void preview_many(struct api_call *c, json_t *array)
{
	size_t n = json_array_size(array);
	struct preview *p;

	if (n > API_ARRAY_ROWS) {
		api_refuse(c, API_TOO_MANY_ROWS, NULL,
			"the array has %zu rows, at most %d are taken; send them as lines of "
			"application/x-ndjson, or as text/csv",
			n, API_ARRAY_ROWS);
		return;
	}
	p = preview_new(c, n <= ALL_BY_DEFAULT ? PREVIEW_ALL : PREVIEW_NONE);
	if (!p)
		return;
	row_source_init_array(&p->source, json_incref(array));
	pump(p);
}

static void preview_json(struct api_call *c, json_t *root, const json_error_t *e, const uint8_t digest[static 16])
{
	enum preview_results results;
	struct api_fault f;

	(void)digest;
	if (!api_client(c)) {
		api_refuse(c, API_UNAUTHORIZED, NULL, "this client is no longer configured");
	} else if (!root) {
		json_load_fault(e, &f);
		api_refuse_fault(c, &f);
	} else if (json_is_array(root)) {
		preview_many(c, root);
	} else if (results_wish(c, PREVIEW_ALL, &results)) {
		preview_one(c, root);
	}
}

void api_preview(struct api_call *c, const uint8_t *body, size_t n)
{
	api_body_parse(c, body, n, preview_json);
}

void api_preview_stream(struct api_call *c)
{
	struct preview *p = preview_new(c, PREVIEW_NONE);

	if (!p)
		return;
	if (c->csv)
		row_source_init_csv(&p->source);
	else
		row_source_init_lines(&p->source);
}
