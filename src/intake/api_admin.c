/* SPDX-License-Identifier: Apache-2.0 */
/* api_admin.c -- is it alive, may it be given work, and what did it do.
 *
 * /healthz says that the loop turns, and nothing else: a full disk is no reason to be killed.  /readyz says
 * whether a post would be accepted now, with the reasons when not.  /metrics is Prometheus text (version
 * 0.0.4).
 */
#include "intake/api_impl.h"
#include "intake/api_links.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void api_healthz(struct api_call *c, const uint8_t *body, size_t n)
{
	static const char text[] = "{\"status\":\"ok\"}";

	api_answer(c, 200, text, sizeof(text) - 1);
}

void api_readyz(struct api_call *c, const uint8_t *body, size_t n)
{
	const struct conf_queue *limits = &c->api->p.conf->queue;
	struct queue_stats qs;
	struct store_stats ss;
	struct json_out o;
	bool ready = true;

	queue_stats(c->api->p.queue, &qs);
	store_stats(c->api->p.store, &ss);
	json_out_init(&o, 4096);
	json_out_open(&o, '{');
	json_out_key(&o, "reasons");
	json_out_open(&o, '[');
	if (c->api->stopping)
		ready = false, json_out_str(&o, "stopping");
	if (ss.damage)
		ready = false, json_out_str(&o, "database_damaged");
	if (ss.last_error && ss.last_error != -EUCLEAN)
		ready = false, json_out_str(&o, ss.last_error == -ENOLCK ? "database_locked" : "store_failed");
	if (qs.disk_full || ss.free_octets < (uint64_t)limits->disk_reserve_mb << 20)
		ready = false, json_out_str(&o, "disk_full");
	if (qs.waiting >= (uint64_t)limits->max_waiting)
		ready = false, json_out_str(&o, "queue_full");
	json_out_close(&o, ']');
	json_out_kbool(&o, "ready", ready);
	json_out_kbool(&o, "recovering", qs.recovering);
	json_out_close(&o, '}');
	api_answer_out(c, ready ? 200 : 503, &o);
}

/* ---- Metrics. ---- */

#define METRICS_MAX ((size_t)4 << 20)

static const char *code_name(unsigned code)
{
	return code < API_CODE_N ? api_code_name(code) : NULL;
}

static void put_queue(struct api *a, struct buf *b)
{
	struct queue_stats s;

	queue_stats(a->p.queue, &s);
	stats_text_counter(
		b, "queue_accepted_total", "Messages the queue has taken since start.", (double)s.accepted);
	stats_text_gauge(b, "queue_waiting", "Messages that wait or are under way.", (double)s.waiting);
	stats_text_gauge(b, "queue_in_memory", "Of these, held in memory.", (double)s.resident);
	stats_text_gauge(b, "queue_in_flight", "Parts leased to links.", (double)s.in_flight);
	stats_text_gauge(
		b, "queue_receipts_waiting", "Parts that wait for a receipt.", (double)s.receipts_waiting);
	stats_text_gauge(b, "campaigns", "Names of campaigns that are known.",
		(double)names_count(a->p.names, NAME_CAMPAIGN));
	stats_text_gauge(b, "queue_recovering", "1 while the scan after a restart is running.", s.recovering);
	stats_text_head(b, "final_total", "counter", "Messages that became final, by state.");
	for (unsigned i = 0; i < STATE_N; i++)
		if (state_is_final(i))
			stats_text_value(b, "final_total",
				(const char *const[]){"state", msg_state_name(i), NULL}, (double)s.final[i]);
	stats_text_head(b, "receipts_total", "counter", "Receipts, by what they met.");
	stats_text_value(b, "receipts_total", (const char *const[]){"met", "matched", NULL},
		(double)s.receipts_matched);
	stats_text_value(
		b, "receipts_total", (const char *const[]){"met", "parked", NULL}, (double)s.receipts_parked);
	stats_text_value(b, "receipts_total", (const char *const[]){"met", "repeated", NULL},
		(double)s.receipts_repeated);
	stats_text_value(
		b, "receipts_total", (const char *const[]){"met", "ignored", NULL}, (double)s.receipts_ignored);
	stats_text_counter(b, "receipts_claimed_total",
		"Parked receipts that a late response claimed; they count as matched then.",
		(double)s.receipts_claimed);
	stats_text_counter(b, "corrections_total", "Final states corrected to delivered by a late receipt.",
		(double)s.corrections);
	stats_text_counter(b, "expired_unsent_total", "Messages whose ttl ran out before they went.",
		(double)s.expired_unsent);
}

static void put_store(struct api *a, struct buf *b)
{
	struct store_stats s;

	store_stats(a->p.store, &s);
	stats_text_counter(b, "store_commits_total", "Transactions committed.", (double)s.commits);
	stats_text_counter(b, "store_rows_total", "Rows written.", (double)s.rows);
	stats_text_counter(
		b, "store_busy_seconds_total", "Time spent inside transactions.", (double)s.busy_us / 1e6);
	stats_text_gauge(
		b, "store_commit_seconds_p50", "Median time of a commit.", (double)s.commit_us_p50 / 1e6);
	stats_text_gauge(b, "store_commit_seconds_p99", "Time of a commit that 1 % exceed.",
		(double)s.commit_us_p99 / 1e6);
	stats_text_gauge(b, "store_wal_octets", "Size of the write-ahead log.", (double)s.wal_octets);
	stats_text_gauge(b, "store_database_octets", "Size of the database file.", (double)s.db_octets);
	stats_text_gauge(b, "store_free_octets", "Room left on the file system of the database.",
		(double)s.free_octets);
	stats_text_gauge(b, "inbound_unfinished", "Inbound messages of which parts are here and others are not.",
		(double)s.inbound_open);
	stats_text_gauge(b, "receipts_parked", "Receipts that wait for a message they fit.", (double)s.parked);
	stats_text_head(b, "receipts_parked_lost_total", "counter", "Parked receipts that were given up, by why.");
	stats_text_value(b, "receipts_parked_lost_total", (const char *const[]){"why", "age", NULL},
		(double)s.parked_expired);
	stats_text_value(b, "receipts_parked_lost_total", (const char *const[]){"why", "number", NULL},
		(double)s.parked_dropped);
	stats_text_gauge(b, "store_failing", "1 when the last commit failed.", s.last_error != 0);
	stats_text_gauge(b, "store_damaged", "1 when damage was met since the start, 2 when nothing can be stored for it.",
		(double)s.damage);
	stats_text_head(b, "store_pending", "gauge", "Operations staged or being written, by list.");
	for (unsigned i = 0; i < STORE_LISTS; i++) {
		static const char *const lists[STORE_LISTS] = {
			[STORE_FIRST] = "first", [STORE_SETTLE] = "settle", [STORE_OTP] = "otp", [STORE_BULK] = "bulk",
			[STORE_LATER] = "later"};

		stats_text_value(b, "store_pending", (const char *const[]){"list", lists[i], NULL},
			(double)store_pending(a->p.store, i));
	}
}

/* One family at a time over all links: the samples of a family must stand together. */
enum link_metric {
	L_UP,
	L_WINDOW,
	L_WAITING,
	L_IN_FLIGHT,
	L_SENT,
	L_RETRIED,
	L_REJECTED,
	L_THROTTLED,
	L_UNCERTAIN,
	L_RATE,
	L_RATE_LIMIT,
	L_SLOWED,
	L_RECEIPTS,
	L_MATCHED,
	L_MATCH_RATE,
	L_MATCH_ALARM,
	L_MATCH_ALARMS,
	L_RECEIPT_AGE,
	L_QUERIED,
	L_QUERY_SETTLED,
	L_QUERY_OFF,
	L_CONGESTION,
	L_ASIDE,
	L_ASIDES,
	L_INBOUND,
	L_BINDS,
	L_RECONNECTS,
	L_ENQUIRE_TIMEOUTS,
	L_RESPONSE_TIMEOUTS,
	L_MALFORMED,
	L_RESPONSE_P50,
	L_RESPONSE_P99,
	L_N
};
static const struct {
	const char *name, *type, *help;
} link_metrics[L_N] = {
	[L_UP] = {"link_up", "gauge", "1 when the link can send."},
	[L_WINDOW] = {"link_window", "gauge", "Parts that may be in flight."},
	[L_WAITING] = {"link_waiting", "gauge",
		"Messages that wait for the link; those of a route that chooses count for each of its links."},
	[L_IN_FLIGHT] = {"link_in_flight", "gauge", "Parts in flight."},
	[L_SENT] = {"link_sent_total", "counter", "Parts taken by the carrier."},
	[L_RETRIED] = {"link_retried_total", "counter", "Attempts refused for now."},
	[L_REJECTED] = {"link_rejected_total", "counter", "Parts refused for good."},
	[L_THROTTLED] = {"link_throttled_total", "counter", "Attempts refused because of our rate."},
	[L_RATE] = {"link_rate", "gauge", "Parts per second that left within the last second."},
	[L_RATE_LIMIT] = {"link_rate_limit", "gauge",
		"Parts per second that may leave: tps, or less while the carrier refuses; 0 is no limit."},
	[L_SLOWED] = {"link_slowed_total", "counter", "Times the rate was decreased for the carrier."},
	[L_UNCERTAIN] = {"link_uncertain_total", "counter", "Parts written and never answered."},
	[L_RECEIPTS] = {"link_receipts_total", "counter", "Delivery receipts received."},
	[L_MATCHED] = {"link_receipts_matched_total", "counter", "Final receipts that found their part."},
	[L_MATCH_RATE] = {"link_receipt_match_ratio", "gauge",
		"Share of the last thousand receipts or so that found their part; 1 while there was none."},
	[L_MATCH_ALARM] = {"link_receipt_match_alarm", "gauge", "1 when that share was good and is too low now."},
	[L_RECEIPT_AGE] = {"link_receipt_age_seconds", "gauge",
		"Time from a part's sending to its receipt, a mean of the last ones; 0 while there was none."},
	[L_MATCH_ALARMS] = {"link_receipt_match_alarms_total", "counter", "Times it became so."},
	[L_QUERIED] = {"link_queries_total", "counter", "Parts that the carrier was asked about by query_sm."},
	[L_QUERY_SETTLED] = {"link_queries_settled_total", "counter", "Parts that its answer made final."},
	[L_QUERY_OFF] = {"link_query_refused", "gauge", "1 when it is to be asked and does not answer such questions."},
	[L_CONGESTION] = {"link_congestion", "gauge",
		"How full the carrier says it is, in percent (congestion_state); no line while it does not say."},
	[L_ASIDE] = {"link_set_aside", "gauge", "1 while the link is set aside by its guard, as it failed too often."},
	[L_ASIDES] = {"link_set_aside_total", "counter", "Times it was, failed probes among them."},
	[L_INBOUND] = {"link_inbound_total", "counter", "Inbound messages received."},
	[L_BINDS] = {"link_binds_up", "gauge", "Sessions that are bound."},
	[L_RECONNECTS] = {"link_reconnects_total", "counter", "Times the link connected again."},
	[L_ENQUIRE_TIMEOUTS] = {"link_enquire_timeouts_total", "counter",
		"Keep-alives that were not answered."},
	[L_RESPONSE_TIMEOUTS] = {"link_response_timeouts_total", "counter",
		"Requests that were not answered in time."},
	[L_MALFORMED] = {"link_malformed_total", "counter", "PDUs that could not be read."},
	[L_RESPONSE_P50] = {"link_response_seconds_p50", "gauge", "Median time to an answer."},
	[L_RESPONSE_P99] = {"link_response_seconds_p99", "gauge", "Time to an answer that 1 % exceed."},
};

struct link_line {
	struct buf *b;
	enum link_metric metric;
};

static double match_ratio(const struct idform *f)
{
	uint32_t received, matched;
	double rate = f ? idform_rate(f, &received, &matched) : -1;

	return rate < 0 ? 1 : rate;
}

static double link_value(const struct link_view *v, enum link_metric m)
{
	const struct driver_stats *d = &v->driver_stats;
	const struct idform *f = v->outlet->idform;

	switch (m) {
	case L_UP: return v->state == LINK_UP;
	case L_WINDOW: return v->outlet->window;
	case L_WAITING: return (double)v->outlet->waiting;
	case L_IN_FLIGHT: return v->outlet->in_flight;
	case L_SENT: return (double)v->outlet->sent;
	case L_RETRIED: return (double)v->outlet->retried;
	case L_REJECTED: return (double)v->outlet->rejected;
	case L_THROTTLED: return (double)v->outlet->throttled;
	case L_RATE: return v->rate;
	case L_RATE_LIMIT: return v->rate_limit;
	case L_SLOWED: return (double)v->outlet->adapt.cuts;
	case L_UNCERTAIN: return (double)v->outlet->uncertain;
	case L_RECEIPTS: return (double)v->receipts;
	case L_MATCHED: return f ? (double)f->matched : 0;
	case L_MATCH_RATE: return match_ratio(f);
	case L_MATCH_ALARM: return f && f->alarm;
	case L_RECEIPT_AGE: return f && idform_age(f) > 0 ? idform_age(f) : 0;
	case L_MATCH_ALARMS: return f ? (double)f->alarms : 0;
	case L_QUERIED: return (double)v->outlet->queried;
	case L_QUERY_SETTLED: return (double)v->outlet->query_settled;
	case L_QUERY_OFF: return v->outlet->queries && *v->outlet->query_off;
	case L_CONGESTION: return v->congestion;
	case L_ASIDE: return v->outlet->guard.state != GUARD_OPEN;
	case L_ASIDES: return (double)v->outlet->guard.trips;
	case L_INBOUND: return (double)v->inbound;
	case L_BINDS: return d->binds_up;
	case L_RECONNECTS: return (double)d->reconnects;
	case L_ENQUIRE_TIMEOUTS: return (double)d->enquire_timeouts;
	case L_RESPONSE_TIMEOUTS: return (double)d->response_timeouts;
	case L_MALFORMED: return (double)d->malformed;
	case L_RESPONSE_P50: return d->response_ms_p50 / 1e3;
	case L_RESPONSE_P99: return d->response_ms_p99 / 1e3;
	case L_N: break;
	}
	return 0;
}

static void put_link_line(void *arg, struct link *l)
{
	struct link_line *ll = arg;
	struct link_view v;

	link_view(l, &v);
	if (ll->metric == L_CONGESTION && v.congestion < 0)
		return;
	stats_text_value(ll->b, link_metrics[ll->metric].name, (const char *const[]){"link", v.name, NULL},
		link_value(&v, ll->metric));
}

static void put_link_codes(void *arg, struct link *l)
{
	struct buf *b = arg;
	struct link_view v;
	char code[16];

	link_view(l, &v);
	for (unsigned i = 0; i < v.n_codes; i++) {
		snprintf(code, sizeof(code), "%u", v.codes[i].code);
		stats_text_value(b, "link_errors_total",
			(const char *const[]){"link", v.name, "code", code, "name", v.codes[i].name, NULL},
			(double)v.codes[i].n);
	}
	if (v.codes_other)
		stats_text_value(b, "link_errors_total",
			(const char *const[]){"link", v.name, "code", "other", "name", "", NULL},
			(double)v.codes_other);
}

static void put_links(struct api *a, struct buf *b)
{
	queue_count_waiting(a->p.queue);
	for (unsigned i = 0; i < L_N; i++) {
		struct link_line ll = {b, i};

		stats_text_head(b, link_metrics[i].name, link_metrics[i].type, link_metrics[i].help);
		a->p.link_each(a->p.link_arg, put_link_line, &ll);
	}
	stats_text_head(b, "link_errors_total", "counter", "Answers of carriers that were no \"taken\", by code.");
	a->p.link_each(a->p.link_arg, put_link_codes, b);
}

enum hook_metric { H_POSTED, H_DELIVERED, H_FAILED, H_DEAD, H_N };
static const struct {
	const char *name, *help;
} hook_metrics[H_N] = {
	[H_POSTED] = {"webhook_posts_total", "Requests made to the client's webhook."},
	[H_DELIVERED] = {"webhook_events_total", "Events the client acknowledged."},
	[H_FAILED] = {"webhook_failed_total", "Requests that were not acknowledged."},
	[H_DEAD] = {"webhook_dead_total", "Events that became dead letters."},
};

struct hook_line {
	struct buf *b;
	enum hook_metric metric;
};

static void put_hook_line(void *arg, uint32_t endpoint, const struct webhook_view *v)
{
	struct hook_line *h = arg;
	const uint64_t values[H_N] = {v->posted, v->delivered, v->failed, v->dead};

	stats_text_value(h->b, hook_metrics[h->metric].name, (const char *const[]){"client", v->client, NULL},
		(double)values[h->metric]);
}

static void put_hooks(struct api *a, struct buf *b)
{
	if (!a->p.webhooks)
		return;
	for (unsigned i = 0; i < H_N; i++) {
		struct hook_line h = {b, i};

		stats_text_head(b, hook_metrics[i].name, "counter", hook_metrics[i].help);
		webhooks_each(a->p.webhooks, put_hook_line, &h);
	}
}

enum http_metric {
	M_CONNECTIONS,
	M_REFUSED,
	M_REQUESTS,
	M_ERRORS,
	M_TIMEOUTS,
	M_ABORTED,
	M_IN,
	M_OUT,
	M_OPEN,
	M_IN_WORK,
	M_NO_ROOM,
	M_HELD,
	M_N
};
static const struct {
	const char *name, *type, *help;
} http_metrics[M_N] = {
	[M_CONNECTIONS] = {"http_connections_total", "counter", "Connections taken."},
	[M_REFUSED] = {"http_connections_refused_total", "counter", "Connections beyond a limit."},
	[M_REQUESTS] = {"http_requests_total", "counter", "Requests given to the API."},
	[M_ERRORS] = {"http_errors_total", "counter",
		"Requests answered by the HTTP server itself: malformed or too large."},
	[M_TIMEOUTS] = {"http_timeouts_total", "counter", "Connections cut by a deadline."},
	[M_ABORTED] = {"http_aborted_total", "counter", "Requests whose client went away."},
	[M_IN] = {"http_octets_in_total", "counter", "Octets received."},
	[M_OUT] = {"http_octets_out_total", "counter", "Octets sent."},
	[M_OPEN] = {"http_connections_open", "gauge", "Connections now."},
	[M_IN_WORK] = {"http_requests_in_work", "gauge", "Requests being worked on now."},
	[M_NO_ROOM] = {"http_no_room_total", "counter", "Requests and answers refused, as http.max_held was reached."},
	[M_HELD] = {"http_held_octets", "gauge", "Octets taken of http.max_held: large bodies, streams, answers."},
};

static void put_http(struct api *a, struct buf *b)
{
	const struct api_listener *listeners[] = {&a->main, &a->admin};
	double v[2][M_N] = {0};

	for (unsigned i = 0; i < 2; i++) {
		struct http_counters h = {0};

		if (!listeners[i]->srv)
			continue;
		http_server_counters(listeners[i]->srv, &h);
		const uint64_t values[M_N] = {h.connections, h.refused, h.requests, h.errors, h.timeouts,
			h.aborted, h.octets_in, h.octets_out, h.open, h.in_work, h.no_room, h.held};
		for (unsigned j = 0; j < M_N; j++)
			v[i][j] = (double)values[j];
	}
	for (unsigned j = 0; j < M_N; j++) {
		stats_text_head(b, http_metrics[j].name, http_metrics[j].type, http_metrics[j].help);
		for (unsigned i = 0; i < 2; i++)
			stats_text_value(b, http_metrics[j].name,
				(const char *const[]){"listener", i ? "admin" : "main", NULL}, v[i][j]);
	}
}

void api_metrics(struct api_call *c, const uint8_t *body, size_t n)
{
	struct api *a = c->api;
	struct buf b;

	buf_init(&b, METRICS_MAX);
	put_queue(a, &b);
	put_store(a, &b);
	put_links(a, &b);
	api_metrics_told(a, &b);
	put_hooks(a, &b);
	put_http(a, &b);
	/* Last, and its result stands for all: a buffer that was full once stays full. */
	if (stats_render(a->p.stats, code_name, &b) < 0)
		api_refuse(c, API_INTERNAL, NULL, "the metrics do not fit an answer");
	else
		api_answer_text(c, "text/plain; version=0.0.4; charset=utf-8", buf_data(&b), buf_len(&b));
	buf_done(&b);
}
