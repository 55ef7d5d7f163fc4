/* SPDX-License-Identifier: Apache-2.0 */
/* smsc_sim.c -- posthorn-smsc-sim: a carrier on this machine, well behaved or not.
 *
 * It listens for SMPP 3.4 binds, takes messages, sends receipts and mobile originated messages, and
 * misbehaves exactly as its scripts say.  It is the independent witness of tests and benchmarks: it shares no
 * code with the gateway, reads every PDU strictly, and counts what it has seen.  It is also for users who
 * want to try a configuration or rehearse a fault without a carrier.
 *
 * This file holds the options, the loop and the orderly end; smsc_sim.h shows the parts.
 */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "smsc_sim.h"

enum {
	OPT_SYSTEM_ID = 256,
	OPT_PASSWORD,
	OPT_RECEIPT_DELAY,
	OPT_RECEIPT_JITTER,
	OPT_RECEIPT_FORM,
	OPT_RECEIPT_RETRY,
	OPT_RECEIPT_TRIES,
	OPT_DELIVER_WINDOW,
	OPT_DELIVER_TIMEOUT,
	OPT_OUTCOMES,
	OPT_STATS,
	OPT_CONTROL,
	OPT_LOG,
	OPT_NO_DUPLICATES,
	OPT_FIRST_ID,
	OPT_MAX_PENDING,
	OPT_MAX_KEYS,
	OPT_MAX_CONNECTIONS,
	OPT_ENQUIRE_LINK,
	OPT_BIND_TIMEOUT,
};

static const struct argp_option options[] = {
	{"listen", 'l', "ADDRESS:PORT", 0,
		"where to wait for binds (default 127.0.0.1:2775; port 0 chooses one)", 1},
	{"control", OPT_CONTROL, "ADDRESS:PORT", 0,
		"take commands there: stats, mo, drop, hold, pause, quit", 1},
	{"system-id", OPT_SYSTEM_ID, "NAME", 0, "accept only this system_id", 1},
	{"password", OPT_PASSWORD, "WORD", 0, "accept only this password", 1},
	{"bind-timeout", OPT_BIND_TIMEOUT, "SECONDS", 0, "close connections that do not bind (default 30)",
		1},
	{"enquire-link", OPT_ENQUIRE_LINK, "SECONDS", 0, "ask quiet peers (default 0: never)", 1},
	{"max-connections", OPT_MAX_CONNECTIONS, "N", 0, "connections at a time (default 256)", 1},
	{"receipt-delay", OPT_RECEIPT_DELAY, "MS", 0, "from submit_sm to its receipt (default 0)", 2},
	{"receipt-jitter", OPT_RECEIPT_JITTER, "MS", 0, "add up to this, by the id (default 0)", 2},
	{"receipt-form", OPT_RECEIPT_FORM, "text|tlv|both", 0, "how receipts say it (default both)", 2},
	{"receipt-retry", OPT_RECEIPT_RETRY, "MS", 0,
		"wait before a refused receipt goes again (default 1000)", 2},
	{"receipt-tries", OPT_RECEIPT_TRIES, "N", 0,
		"give a receipt up after N tries (default 10, at most 30)", 2},
	{"deliver-window", OPT_DELIVER_WINDOW, "N", 0, "unanswered deliver_sm of a bind (default 100)", 2},
	{"deliver-timeout", OPT_DELIVER_TIMEOUT, "MS", 0, "wait for deliver_sm_resp (default 10000)", 2},
	{"outcomes", OPT_OUTCOMES, "LIST", 0, "weighted fates, e.g. DELIVRD=90,UNDELIV:err=021=5,EXPIRED=5",
		2},
	{"max-pending", OPT_MAX_PENDING, "N", 0, "receipts kept waiting (default 10000000)", 2},
	{"first-id", OPT_FIRST_ID, "N", 0, "number of the first message (default: from the clock)", 2},
	{"script", 's', "FILE", 0, "misbehave as the file says; may be repeated", 3},
	{"line", 'e', "LINE", 0, "the same with one line of a script", 3},
	{"stats", OPT_STATS, "FILE", 0, "write the counters there on SIGUSR1 and at the end", 4},
	{"log", OPT_LOG, "FILE", 0, "append a line for each message accepted", 4},
	{"no-duplicates", OPT_NO_DUPLICATES, 0, 0, "do not look for messages sent twice", 4},
	{"max-keys", OPT_MAX_KEYS, "N", 0, "messages remembered for that (default 64000000)", 4},
	{0},
};

const char *argp_program_version = "posthorn-smsc-sim " PACKAGE_VERSION;

static void load(struct argp_state *st, int r, const char *err)
{
	if (r < 0)
		argp_failure(st, 2, 0, "%s", err);
}

static uint32_t number(struct argp_state *st, const char *arg, uint32_t min, uint32_t max)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(arg, &end, 10);
	if (errno || *arg < '0' || *arg > '9' || *end || v < min || v > max)
		argp_failure(st, 2, 0, "\"%s\" is not a number from %u to %u", arg, min, max);
	return (uint32_t)v;
}

static void script_option(struct argp_state *st, struct smsc_sim *sim, const char *fmt, const char *arg)
{
	char line[256], err[512] = "";

	snprintf(line, sizeof(line), fmt, arg);
	load(st, smsc_script_line(&sim->script, line, "command line", err, sizeof(err)), err);
}

static error_t parse_script(int key, char *arg, struct argp_state *st, struct smsc_sim *sim)
{
	char err[512] = "";

	switch (key) {
	case 's': load(st, smsc_script_load(&sim->script, arg, err, sizeof(err)), err); break;
	case 'e': load(st, smsc_script_line(&sim->script, arg, "--line", err, sizeof(err)), err); break;
	case OPT_OUTCOMES: load(st, smsc_script_outcomes(&sim->script, arg, err, sizeof(err)), err); break;
	case OPT_RECEIPT_DELAY: script_option(st, sim, "receipt delay %s", arg); break;
	case OPT_RECEIPT_JITTER: script_option(st, sim, "receipt jitter %s", arg); break;
	case OPT_RECEIPT_FORM: script_option(st, sim, "receipt form %s", arg); break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *st)
{
	struct smsc_sim *sim = st->input;
	struct smsc_options *o = &sim->opt;

	switch (key) {
	case 'l': o->listen = arg; break;
	case OPT_CONTROL: o->control = arg; break;
	case OPT_SYSTEM_ID: o->system_id = arg; break;
	case OPT_PASSWORD: o->password = arg; break;
	case OPT_BIND_TIMEOUT: o->bind_timeout_s = number(st, arg, 1, 86400); break;
	case OPT_ENQUIRE_LINK: o->enquire_link_s = number(st, arg, 0, 86400); break;
	case OPT_MAX_CONNECTIONS: o->max_connections = number(st, arg, 1, 10000); break;
	case OPT_RECEIPT_RETRY: o->receipt_retry_ms = number(st, arg, 1, 86400000); break;
	case OPT_RECEIPT_TRIES: o->receipt_tries = number(st, arg, 1, 30); break;
	case OPT_DELIVER_WINDOW: o->deliver_window = number(st, arg, 1, 65536); break;
	case OPT_DELIVER_TIMEOUT: o->deliver_timeout_ms = number(st, arg, 1, 86400000); break;
	case OPT_MAX_PENDING: o->max_pending = number(st, arg, 1, 100000000); break;
	case OPT_MAX_KEYS: o->max_keys = number(st, arg, 1, 1000000000); break;
	case OPT_FIRST_ID: o->first_id = number(st, arg, 1, UINT32_MAX); break;
	case OPT_STATS: o->stats_path = arg; break;
	case OPT_LOG: o->log_path = arg; break;
	case OPT_NO_DUPLICATES: o->no_duplicates = true; break;
	case ARGP_KEY_ARG: argp_error(st, "unexpected argument \"%s\"", arg); break;
	default: return parse_script(key, arg, st, sim);
	}
	return 0;
}

void smsc_sim_clock(struct smsc_sim *sim)
{
	struct timespec ts;

	sim->now_ms = (uint32_t)((uv_hrtime() - sim->start_ns) / 1000000);
	clock_gettime(CLOCK_REALTIME, &ts);
	sim->wall_us = (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static json_t *json_bind(const struct smsc_conn *c)
{
	static const char *const kinds[] = {"none", "transmitter", "receiver", "transceiver"};
	json_t *id = json_string(c->system_id);

	return json_pack("{s:o, s:s, s:s, s:I, s:I, s:I}", "system_id", id ? id : json_string("?"), "kind",
		kinds[c->bound], "peer", c->peer, "window_now", (json_int_t)c->in_hand, "window_peak",
		(json_int_t)c->window_peak, "deliver_outstanding", (json_int_t)c->n_outstanding);
}

char *smsc_sim_json(struct smsc_sim *sim)
{
	json_t *o = smsc_stats_json(&sim->stats), *binds = json_array();
	uint32_t peak = sim->stats.window_peak;
	struct smsc_conn *c;
	char *text;

	TAILQ_FOREACH(c, &sim->conns, all)
	{
		if (c->closing)
			continue;
		json_array_append_new(binds, json_bind(c));
		if (c->window_peak > peak)
			peak = c->window_peak;
	}
	json_object_set_new(o, "window_peak", json_integer(peak));
	json_object_set_new(
		o, "receipts_waiting", json_integer(sim->receipts.n_timed + sim->receipts.n_ready));
	json_object_set_new(o, "uptime_ms", json_integer(sim->now_ms));
	json_object_set_new(o, "connections_now", binds);
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

/* A reader of the file sees the old object or the new one, never a part. */
static void write_stats(struct smsc_sim *sim, const char *json)
{
	char path[4096];
	FILE *f;

	if (!sim->opt.stats_path || !json)
		return;
	snprintf(path, sizeof(path), "%s.new", sim->opt.stats_path);
	f = fopen(path, "we");
	if (!f || fprintf(f, "%s\n", json) < 0 || fclose(f) != 0 || rename(path, sim->opt.stats_path) < 0)
		fprintf(stderr, "posthorn-smsc-sim: %s: %s\n", sim->opt.stats_path, strerror(errno));
}

/* Before the loop sleeps: what has become ready goes to the binds, the log and then the answers go out.
 * Writing makes room for more receipts, hence the rounds; the rest comes with the acknowledgements. */
static void on_prepare(uv_prepare_t *h)
{
	struct smsc_sim *sim = h->data;

	for (unsigned round = 0; round < 16; round++) {
		uint32_t n_before = sim->receipts.n_ready;

		smsc_deliver_pump(sim);
		smsc_conn_flush_all(sim);
		if (sim->receipts.n_ready == 0 || sim->receipts.n_ready == n_before)
			break;
	}
	smsc_log_flush(&sim->log);
}

/* Runs only while something waits for its millisecond. */
static void on_tick(uv_timer_t *h)
{
	struct smsc_sim *sim = h->data;

	smsc_sim_clock(sim);
	smsc_receipts_tick(&sim->receipts, sim->now_ms);
	if (sim->n_delayed > 0)
		smsc_conn_release_delayed(sim);
	if (sim->receipts.n_timed == 0 && sim->n_delayed == 0) {
		uv_timer_stop(&sim->tick);
		sim->ticking = false;
	}
}

void smsc_sim_want_tick(struct smsc_sim *sim)
{
	if (sim->ticking || sim->stopping)
		return;
	uv_timer_start(&sim->tick, on_tick, 1, 1);
	sim->ticking = true;
}

static void on_housekeeping(uv_timer_t *h)
{
	struct smsc_sim *sim = h->data;
	struct smsc_conn *c, *next;

	smsc_sim_clock(sim);
	for (c = TAILQ_FIRST(&sim->conns); c; c = next) {
		next = TAILQ_NEXT(c, all);
		smsc_session_housekeep(c);
	}
}

static void on_restart(uv_timer_t *h)
{
	smsc_conn_drop_all(h->data);
}

void smsc_sim_stop(struct smsc_sim *sim)
{
	sim->stopping = true;
	uv_stop(&sim->loop);
}

static void on_stop_signal(uv_signal_t *h, int signum)
{
	smsc_sim_stop(h->data);
}

static void on_usr1(uv_signal_t *h, int signum)
{
	struct smsc_sim *sim = h->data;
	char *json;

	smsc_sim_clock(sim);
	json = smsc_sim_json(sim);
	write_stats(sim, json);
	free(json);
}

int smsc_sim_address(const char *text, struct sockaddr_storage *ret)
{
	char host[64];
	const char *colon = strrchr(text, ':');
	unsigned port;
	size_t n = colon ? (size_t)(colon - text) : 0;
	char tail;

	if (!colon || n == 0 || n >= sizeof(host) || sscanf(colon + 1, "%u%c", &port, &tail) != 1 ||
		port > 65535)
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = 0;
	if (host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = 0;
		return uv_ip6_addr(host + 1, (int)port, (struct sockaddr_in6 *)ret);
	}
	return uv_ip4_addr(host, (int)port, (struct sockaddr_in *)ret);
}

static void announce(const char *what, const struct sockaddr_storage *a)
{
	char host[64] = "";

	if (a->ss_family == AF_INET6) {
		uv_ip6_name((const struct sockaddr_in6 *)a, host, sizeof(host));
		printf("%s [%s]:%u\n", what, host, ntohs(((const struct sockaddr_in6 *)a)->sin6_port));
	} else {
		uv_ip4_name((const struct sockaddr_in *)a, host, sizeof(host));
		printf("%s %s:%u\n", what, host, ntohs(((const struct sockaddr_in *)a)->sin_port));
	}
	fflush(stdout);
}

static int open_control(struct smsc_sim *sim)
{
	struct sockaddr_storage a;
	int n = sizeof(a), r = 0;

	if (!sim->opt.control)
		return 0;
	r = smsc_sim_address(sim->opt.control, &a);
	if (r == 0)
		r = uv_tcp_init(&sim->loop, &sim->control);
	if (r == 0)
		r = uv_tcp_bind(&sim->control, (struct sockaddr *)&a, 0);
	if (r == 0)
		r = smsc_control_listen(sim);
	if (r == 0)
		r = uv_tcp_getsockname(&sim->control, (struct sockaddr *)&a, &n);
	if (r == 0)
		announce("control", &a);
	return r;
}

static void start_handles(struct smsc_sim *sim)
{
	uv_prepare_init(&sim->loop, &sim->prepare);
	sim->prepare.data = sim;
	uv_prepare_start(&sim->prepare, on_prepare);
	uv_timer_init(&sim->loop, &sim->tick);
	sim->tick.data = sim;
	uv_timer_init(&sim->loop, &sim->housekeeping);
	sim->housekeeping.data = sim;
	uv_timer_start(&sim->housekeeping, on_housekeeping, 1000, 1000);
	uv_timer_init(&sim->loop, &sim->restart);
	sim->restart.data = sim;
	if (sim->script.restart_ms)
		uv_timer_start(&sim->restart, on_restart, sim->script.restart_ms, sim->script.restart_ms);
	uv_signal_init(&sim->loop, &sim->sigterm);
	uv_signal_init(&sim->loop, &sim->sigint);
	uv_signal_init(&sim->loop, &sim->sigusr1);
	sim->sigterm.data = sim->sigint.data = sim->sigusr1.data = sim;
	uv_signal_start(&sim->sigterm, on_stop_signal, SIGTERM);
	uv_signal_start(&sim->sigint, on_stop_signal, SIGINT);
	uv_signal_start(&sim->sigusr1, on_usr1, SIGUSR1);
}

static void close_rest(uv_handle_t *h, void *arg)
{
	if (!uv_is_closing(h))
		uv_close(h, NULL);
}

/* Connections close through their own door; what is left has nothing to free. */
static void shut_down(struct smsc_sim *sim)
{
	struct smsc_conn *c, *next;

	on_prepare(&sim->prepare);
	for (c = TAILQ_FIRST(&sim->conns); c; c = next) {
		next = TAILQ_NEXT(c, all);
		smsc_conn_close(c);
	}
	smsc_conn_pause(sim);
	smsc_control_close(sim);
	uv_run(&sim->loop, UV_RUN_NOWAIT);
	uv_walk(&sim->loop, close_rest, NULL);
	while (uv_run(&sim->loop, UV_RUN_DEFAULT) != 0)
		;
	uv_loop_close(&sim->loop);
	smsc_log_close(&sim->log);
	smsc_receipts_done(&sim->receipts);
	smsc_stats_done(&sim->stats);
}

static int set_up(struct smsc_sim *sim, const char **ret_what)
{
	time_t now = time(NULL);
	int r;

	*ret_what = sim->opt.listen;
	r = smsc_sim_address(sim->opt.listen, &sim->addr);
	if (r < 0)
		return r;
	*ret_what = "memory";
	/* From the clock, a million for each second: a restart never gives an id out again. */
	if (!sim->opt.first_id)
		sim->opt.first_id = ((uint64_t)now & 0x7FFFFFF) << 20;
	r = smsc_stats_init(&sim->stats, !sim->opt.no_duplicates, sim->opt.max_keys);
	if (r == 0)
		r = smsc_receipts_init(&sim->receipts, &sim->script, &sim->stats, sim->opt.max_pending,
			sim->opt.first_id, (uint64_t)now);
	if (r == 0 && sim->opt.log_path) {
		*ret_what = sim->opt.log_path;
		r = smsc_log_open(&sim->log, sim->opt.log_path);
	}
	if (r < 0)
		return r;
	*ret_what = sim->opt.listen;
	r = smsc_conn_listen(sim);
	if (r < 0)
		return r;
	announce("listening", &sim->addr);
	*ret_what = sim->opt.control;
	return open_control(sim);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {options, parse, NULL,
		"A simulated SMS carrier that speaks SMPP and misbehaves as its scripts say.", NULL, NULL,
		NULL};
	static struct smsc_sim sim; /* large: the log buffer, the rings */
	const char *what;
	char *json;
	int r;

	sim.opt = (struct smsc_options){.listen = "127.0.0.1:2775",
		.deliver_window = 100,
		.deliver_timeout_ms = 10000,
		.receipt_retry_ms = 1000,
		.receipt_tries = 10,
		.bind_timeout_s = 30,
		.max_connections = 256,
		.max_pending = 10000000,
		.max_keys = 64000000};
	sim.log.fd = -1;
	TAILQ_INIT(&sim.conns);
	smsc_script_init(&sim.script);
	argp_parse(&argp, argc, argv, 0, NULL, &sim);
	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&sim.loop);
	sim.start_ns = sim.tokens_ns = uv_hrtime();
	sim.tokens = sim.script.tps_burst;
	start_handles(&sim); /* before the port is announced: whoever reads it may send a signal */
	r = set_up(&sim, &what);
	if (r < 0) {
		fprintf(stderr, "posthorn-smsc-sim: %s: %s\n", what, uv_strerror(r));
		return 1;
	}
	uv_run(&sim.loop, UV_RUN_DEFAULT);
	smsc_sim_clock(&sim);
	on_prepare(&sim.prepare);
	json = smsc_sim_json(&sim);
	write_stats(&sim, json);
	printf("%s\n", json ? json : "{}");
	free(json);
	shut_down(&sim);
	return sim.log.error ? 1 : 0;
}
