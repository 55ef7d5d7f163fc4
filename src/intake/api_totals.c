/* SPDX-License-Identifier: Apache-2.0 */
/* api_totals.c -- GET /v1/totals: how many messages there were on which day, over which link, and how they ended.
 *
 * Also those whose rows retention has deleted.  A page is a sum of its own, so that none takes long: a client adds up
 * what has the same day, client, campaign, class, link and state.
 */
#include "intake/api_impl.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>

#define DAY_MS	 ((int64_t)86400000)
#define LAST_DAY 65535 /* in 2149 */

struct totals {
	struct api_call *c;
	struct api_list turn;
	struct q_totals q;
};

static void put_row(struct json_out *o, const struct api_call *c, const struct store_total *t)
{
	struct names *n = c->api->p.names;
	char day[CLOCK_TEXT_SIZE];

	clock_format_rfc3339(t->day * DAY_MS, day);
	json_out_open(o, '{');
	json_out_key(o, "day");
	json_out_strn(o, day, 10);
	if (c->is_operator)
		json_out_kstr(o, "client", names_text(n, NAME_CLIENT, t->client));
	if (t->campaign)
		json_out_kstr(o, "campaign", names_text(n, NAME_CAMPAIGN, t->campaign));
	json_out_kstr(o, "class", msg_class_name(t->class));
	if (t->link)
		json_out_kstr(o, "link", names_text(n, NAME_LINK, t->link));
	json_out_kstr(o, "state", state_is_final(t->state) ? msg_state_name(t->state) : "waiting");
	json_out_ku64(o, "messages", t->messages);
	json_out_ku64(o, "parts", t->parts);
	json_out_ku64(o, "taken", t->taken);
	json_out_close(o, '}');
}

static void on_totals(struct store_query *q)
{
	struct totals *t = q->arg;
	struct api_call *c = t->c;
	struct json_out o;

	if (c->q && q->r < 0) {
		api_refuse(c, API_STORE_FAILED, NULL, "the store could not be read; try again");
	} else if (c->q) {
		json_out_init(&o, API_ANSWER_MAX);
		json_out_open(&o, '{');
		json_out_key(&o, "totals");
		json_out_open(&o, '[');
		for (unsigned i = 0; i < t->q.n_rows; i++)
			put_row(&o, c, &t->q.rows[i]);
		json_out_close(&o, ']');
		json_out_key(&o, "next");
		if (t->q.next)
			json_out_id(&o, t->q.next);
		else
			json_out_null(&o);
		json_out_kbool(&o, "complete", !t->q.next);
		json_out_close(&o, '}');
		api_answer_out(c, 200, &o);
	}
	store_query_done(q);
	api_list_end(&t->turn);
	free(t);
	api_let_go(c);
}

static uint32_t day_of(int64_t ms, uint32_t otherwise)
{
	if (!ms)
		return otherwise;
	return ms < 0 ? 0 : ms / DAY_MS > LAST_DAY ? LAST_DAY : (uint32_t)(ms / DAY_MS);
}

/* 1: there cannot be any; -1: the request was answered. */
static int filters(struct api_call *c, struct q_totals *q)
{
	char campaign[API_PARAM_MAX];
	int64_t since, until;

	if (!api_query_scope(c, &q->client) || !api_query_text(c, "campaign", campaign, sizeof(campaign)) ||
		!api_query_text(c, "tag", q->tag, sizeof(q->tag)) || !api_query_time(c, "since", &since) ||
		!api_query_time(c, "until", &until) || !api_query_u64(c, "after", 0, 1, UINT64_MAX, &q->after))
		return -1;
	q->first_day = day_of(since, 0);
	q->last_day = day_of(until, LAST_DAY);
	q->campaign = *campaign ? names_find(c->api->p.names, NAME_CAMPAIGN, campaign) : 0;
	return *campaign && !q->campaign;
}

void api_totals(struct api_call *c, const uint8_t *body, size_t n)
{
	static const char none[] = "{\"totals\":[],\"next\":null,\"complete\":true}";
	struct totals *t = calloc(1, sizeof(*t));
	int r;

	if (!t) {
		api_refuse(c, API_QUEUE_BUSY, NULL, "out of memory; try again");
		return;
	}
	t->c = c;
	t->q.q = (struct store_query){.kind = Q_TOTALS, .done = on_totals, .arg = t};
	r = filters(c, &t->q);
	if (r == 1)
		api_answer(c, 200, none, sizeof(none) - 1);
	if (r != 0) {
		free(t);
		return;
	}
	api_hold(c);
	api_list_start(c, &t->turn, &t->q.q, 1); /* most are short */
}
