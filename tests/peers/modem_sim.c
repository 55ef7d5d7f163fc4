/* SPDX-License-Identifier: Apache-2.0 */
/* modem_sim.c -- posthorn-modem-sim: GSM modems on this machine, well behaved or not.
 *
 * Each modem is a pty with a name that stays, or a TCP port; it speaks AT as the makers do, takes messages, sends
 * reports and mobile originated messages, and misbehaves exactly as its scripts say.  It is the independent witness of
 * tests: it shares no code with the gateway, reads every TPDU strictly, and counts what it has seen.  It is also for
 * users who want to try a configuration or rehearse a fault without a modem.
 *
 * This file holds the options, the events, the loop and the orderly end; modem_sim.h shows the parts.
 */
#include "modem_sim.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config.h"

enum { OPT_CONTROL = 256, OPT_NAME, OPT_TCP, OPT_LOG, OPT_STATS, OPT_SEED, OPT_ALL_PORTS, OPT_PROFILES, OPT_TRACE };

static const struct argp_option options[] = {
	{"modems", 'n', "N", 0, "how many (default 1)", 1},
	{"dir", 'd', "DIR", 0, "where the names of the ports appear: DIR/sim0-at ... (default .)", 1},
	{"name", OPT_NAME, "PREFIX", 0, "what they are called (default sim)", 1},
	{"profile", 'p', "NAME", 0, "the maker's ways (default generic); --profiles lists them", 1},
	{"profiles", OPT_PROFILES, 0, 0, "list the profiles and end", 1},
	{"all-ports", OPT_ALL_PORTS, 0, 0, "also the ports that do not answer AT, or answer only", 1},
	{"tcp", OPT_TCP, "ADDRESS:PORT", 0, "no ptys: modem N listens on PORT + N (port 0 chooses)", 1},
	{"control", OPT_CONTROL, "ADDRESS:PORT", 0, "take lines there: stats, quit, and all that a script may say", 2},
	{"script", 's', "FILE", 0, "do as the file says; may be repeated", 2},
	{"line", 'e', "LINE", 0, "the same with one line of a script", 2},
	{"seed", OPT_SEED, "N", 0, "of all chances (default 1): the same seed, the same run", 2},
	{"log", OPT_LOG, "FILE", 0, "append a line of JSON for each message and event", 3},
	{"trace", OPT_TRACE, "FILE", 0, "write all octets there, a line each time", 3},
	{"stats", OPT_STATS, "FILE", 0, "write the counters there on SIGUSR1 and at the end", 3},
	{0},
};

static const char doc[] =
	"Simulated GSM modems that speak AT on ptys or TCP ports and misbehave as their scripts say."
	"\vA line of a script is a setting (latency 1s 4s), a rule (on submit 10% lose-answer), something to do (mo +4915112345678 "
	"text Hello), or the same for later (at 5s network off 20s); \"modem sim3\" in front of it means this one only.  "
	"posthorn-modem-sim(1) tells them all.\n\n"
	"Two modems, of which one loses answers; then type AT commands:\n\n"
	"  posthorn-modem-sim -n 2 -d /tmp/modems -e 'modem sim1 on submit every 3 lose-answer' &\n"
	"  picocom /tmp/modems/sim0-at";

const char *argp_program_version = "posthorn-modem-sim " PACKAGE_VERSION;

#define SOURCES_MAX 64u

static struct {
	const char *text;
	bool file;
} sources[SOURCES_MAX];
static unsigned n_sources;

static void list_profiles(void)
{
	const struct modem_profile *p;

	for (unsigned i = 0; (p = modem_profile_at(i)); i++)
		printf("%-12s %s %s\n", p->name, p->cgmi, p->cgmm);
	exit(0);
}

static unsigned number(struct argp_state *st, const char *arg, unsigned min, unsigned max)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(arg, &end, 10);
	if (errno || *arg < '0' || *arg > '9' || *end || v < min || v > max)
		argp_failure(st, 2, 0, "\"%s\" is not a number from %u to %u", arg, min, max);
	return (unsigned)v;
}

static void add_source(struct argp_state *st, const char *text, bool file)
{
	if (n_sources == SOURCES_MAX)
		argp_failure(st, 2, 0, "more than %u scripts and lines", SOURCES_MAX);
	sources[n_sources].text = text;
	sources[n_sources++].file = file;
}

static error_t parse(int key, char *arg, struct argp_state *st)
{
	struct modem_sim *sim = st->input;
	struct modem_options *o = &sim->opt;

	switch (key) {
	case 'n': o->n_modems = number(st, arg, 1, MODEMS_MAX); break;
	case 'd': o->dir = arg; break;
	case 'p':
		o->profile = arg;
		if (!modem_profile_find(arg))
			argp_failure(st, 2, 0, "\"%s\" is no profile; --profiles lists them", arg);
		break;
	case 's': add_source(st, arg, true); break;
	case 'e': add_source(st, arg, false); break;
	case OPT_NAME: o->prefix = arg; break;
	case OPT_PROFILES: list_profiles(); break;
	case OPT_ALL_PORTS: o->all_ports = true; break;
	case OPT_TCP: o->tcp = arg; break;
	case OPT_CONTROL: o->control = arg; break;
	case OPT_SEED: o->seed = number(st, arg, 0, UINT32_MAX); break;
	case OPT_LOG: o->log_path = arg; break;
	case OPT_STATS: o->stats_path = arg; break;
	case OPT_TRACE: o->trace_path = arg; break;
	case ARGP_KEY_ARG: argp_error(st, "unexpected argument \"%s\"", arg); break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* ---- chance and time */

/* splitmix64 */
uint64_t modem_random(struct modem_sim *sim)
{
	uint64_t z = sim->random += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

bool modem_chance(struct modem_sim *sim, uint32_t ppm)
{
	return ppm > 0 && modem_random(sim) % 1000000 < ppm;
}

uint32_t modem_between(struct modem_sim *sim, uint32_t min, uint32_t max)
{
	return max > min ? min + (uint32_t)(modem_random(sim) % (max - min + 1)) : min;
}

int64_t modem_wall(void)
{
	return (int64_t)time(NULL);
}

double modem_wall_exactly(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)(t.tv_nsec / 1000000) / 1e3;
}

void modem_clock(struct modem_sim *sim)
{
	sim->now_ms = uv_hrtime() / 1000000;
}

/* ---- events: a binary heap by due time, then by order of making */

static bool earlier(const struct modem_event *a, const struct modem_event *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void swap(struct modem_event *a, struct modem_event *b)
{
	struct modem_event t = *a;

	*a = *b;
	*b = t;
}

static void sift_down(struct modem_sim *sim)
{
	size_t i = 0;

	for (;;) {
		size_t least = i;

		for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < sim->n_heap; k++)
			if (earlier(&sim->heap[k], &sim->heap[least]))
				least = k;
		if (least == i)
			return;
		swap(&sim->heap[i], &sim->heap[least]);
		i = least;
	}
}

static void on_timer(uv_timer_t *h);

static void arm(struct modem_sim *sim)
{
	uint64_t due;

	if (sim->n_heap == 0 || sim->stopping)
		return;
	due = sim->heap[0].due_ms;
	uv_update_time(&sim->loop);
	uv_timer_start(&sim->timer, on_timer, due > sim->now_ms ? due - sim->now_ms : 0, 0);
}

static void add_event(struct modem *m, uint64_t ms, modem_event_fn fn, void *arg, uint32_t boot)
{
	struct modem_sim *sim = m->sim;
	size_t i = sim->n_heap;

	if (sim->n_heap == sim->heap_cap) {
		sim->heap_cap = sim->heap_cap ? 2 * sim->heap_cap : 1024;
		sim->heap = realloc(sim->heap, sim->heap_cap * sizeof(*sim->heap));
		if (!sim->heap)
			abort();
	}
	sim->heap[sim->n_heap++] = (struct modem_event){
		.due_ms = sim->now_ms + ms, .order = sim->order++, .fn = fn, .m = m, .arg = arg, .boot = boot};
	for (; i > 0 && earlier(&sim->heap[i], &sim->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&sim->heap[i], &sim->heap[(i - 1) / 2]);
	if (i == 0)
		arm(sim);
}

void modem_later(struct modem *m, uint64_t ms, modem_event_fn fn, void *arg)
{
	add_event(m, ms, fn, arg, m->boot);
}

void modem_later_always(struct modem *m, uint64_t ms, modem_event_fn fn, void *arg)
{
	add_event(m, ms, fn, arg, 0);
}

static void on_timer(uv_timer_t *h)
{
	struct modem_sim *sim = h->data;

	modem_clock(sim);
	while (sim->n_heap > 0 && sim->heap[0].due_ms <= sim->now_ms && !sim->stopping) {
		struct modem_event e = sim->heap[0];

		sim->heap[0] = sim->heap[--sim->n_heap];
		sift_down(sim);
		if (e.boot == 0 || e.boot == e.m->boot)
			e.fn(e.m, e.arg);
		else
			free(e.arg);
	}
	arm(sim);
}

/* ---- evidence */

static const char *state_of(struct modem *m)
{
	return m->storage ? "disk" : m->off ? "gone" : modem_is_silent(m) ? "silent" : m->ready ? "ready" : "starting";
}

static json_t *json_ports(const struct modem *m)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < m->n_ports; i++) {
		const struct modem_port *p = m->ports[i];

		json_array_append_new(a, json_pack("{s:s, s:s, s:b, s:I}", "name", p->name, "path", p->tcp ? p->address : p->link,
						  "plugged", p->plugged, "open", (json_int_t)p->openers));
	}
	return a;
}

static json_t *json_modem(struct modem *m)
{
	json_t *o = modem_counts_json(&m->counts), *mems = json_object();
	struct net_item *item;
	json_int_t n = 0;

	TAILQ_FOREACH(item, &m->waiting, entry)
	n++;
	for (unsigned i = 0; i < m->n_mems; i++)
		json_object_set_new(mems, m->mems[i].name, json_integer(m->mems[i].used));
	json_object_set_new(o, "name", json_string(m->name));
	json_object_set_new(o, "profile", json_string(m->profile->name));
	json_object_set_new(o, "state", json_string(state_of(m)));
	json_object_set_new(o, "waiting", json_integer(n));
	json_object_set_new(o, "unacknowledged", json_boolean(m->unacked != NULL));
	json_object_set_new(o, "memories", mems);
	json_object_set_new(o, "cnmi", json_pack("[i,i,i,i,i]", m->cnmi[0], m->cnmi[1], m->cnmi[2], m->cnmi[3], m->cnmi[4]));
	json_object_set_new(o, "pin_left", json_integer(m->pin_left));
	json_object_set_new(o, "ports", json_ports(m));
	return o;
}

char *modem_sim_json(struct modem_sim *sim)
{
	struct modem_counts sum;
	json_t *o, *modems = json_array();
	char *text;

	memset(&sum, 0, sizeof(sum));
	for (unsigned i = 0; i < sim->n_modems; i++) {
		modem_counts_sum(&sum, &sim->modems[i]->counts);
		json_array_append_new(modems, json_modem(sim->modems[i]));
	}
	o = modem_counts_json(&sum);
	json_object_set_new(o, "unique", json_integer((json_int_t)sim->keys.n));
	json_object_set_new(o, "judged", modem_judged_json(&sim->judged));
	json_object_set_new(o, "uptime_ms", json_integer((json_int_t)(sim->now_ms - sim->start_ms)));
	json_object_set_new(o, "modems", modems);
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

/* A reader of the file sees the old object or the new one, never a part. */
static void write_stats(struct modem_sim *sim, const char *json)
{
	char path[4096];
	FILE *f;

	if (!sim->opt.stats_path || !json)
		return;
	snprintf(path, sizeof(path), "%s.new", sim->opt.stats_path);
	f = fopen(path, "we");
	if (!f || fprintf(f, "%s\n", json) < 0 || fclose(f) != 0 || rename(path, sim->opt.stats_path) < 0)
		fprintf(stderr, "posthorn-modem-sim: %s: %s\n", sim->opt.stats_path, strerror(errno));
}

/* ---- the loop */

/* Before the loop sleeps: what is answered is in the log, even if we are killed now. */
static void on_prepare(uv_prepare_t *h)
{
	struct modem_sim *sim = h->data;

	modem_log_flush(&sim->log);
	if (sim->trace)
		fflush(sim->trace);
	modem_ports_flush(sim);
}

void modem_sim_stop(struct modem_sim *sim)
{
	sim->stopping = true;
	uv_stop(&sim->loop);
}

static void on_stop_signal(uv_signal_t *h, int signum)
{
	modem_sim_stop(h->data);
}

static void on_usr1(uv_signal_t *h, int signum)
{
	struct modem_sim *sim = h->data;
	char *json;

	modem_clock(sim);
	json = modem_sim_json(sim);
	write_stats(sim, json);
	free(json);
}

static void start_handles(struct modem_sim *sim)
{
	uv_timer_init(&sim->loop, &sim->timer);
	sim->timer.data = sim;
	uv_prepare_init(&sim->loop, &sim->prepare);
	sim->prepare.data = sim;
	uv_prepare_start(&sim->prepare, on_prepare);
	uv_signal_init(&sim->loop, &sim->sigterm);
	uv_signal_init(&sim->loop, &sim->sigint);
	uv_signal_init(&sim->loop, &sim->sigusr1);
	sim->sigterm.data = sim->sigint.data = sim->sigusr1.data = sim;
	uv_signal_start(&sim->sigterm, on_stop_signal, SIGTERM);
	uv_signal_start(&sim->sigint, on_stop_signal, SIGINT);
	uv_signal_start(&sim->sigusr1, on_usr1, SIGUSR1);
}

static int read_address(const char *text, unsigned more, struct sockaddr_storage *ret)
{
	char host[64];
	const char *colon = strrchr(text, ':');
	unsigned port;
	size_t n = colon ? (size_t)(colon - text) : 0;
	char tail;

	if (!colon || n == 0 || n >= sizeof(host) || sscanf(colon + 1, "%u%c", &port, &tail) != 1)
		return -EINVAL;
	port += port > 0 ? more : 0;
	memcpy(host, text, n);
	host[n] = 0;
	if (port > 65535)
		return -EINVAL;
	if (host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = 0;
		return uv_ip6_addr(host + 1, (int)port, (struct sockaddr_in6 *)ret);
	}
	return uv_ip4_addr(host, (int)port, (struct sockaddr_in *)ret);
}

static void address_text(const struct sockaddr_storage *a, char *ret, size_t n)
{
	char host[64] = "";

	if (a->ss_family == AF_INET6) {
		uv_ip6_name((const struct sockaddr_in6 *)a, host, sizeof(host));
		snprintf(ret, n, "[%s]:%u", host, ntohs(((const struct sockaddr_in6 *)a)->sin6_port));
	} else {
		uv_ip4_name((const struct sockaddr_in *)a, host, sizeof(host));
		snprintf(ret, n, "%s:%u", host, ntohs(((const struct sockaddr_in *)a)->sin_port));
	}
}

static int open_control(struct modem_sim *sim)
{
	struct sockaddr_storage a;
	int n = sizeof(a), r;
	char text[80];

	if (!sim->opt.control)
		return 0;
	r = read_address(sim->opt.control, 0, &a);
	if (r == 0)
		r = uv_tcp_init(&sim->loop, &sim->control);
	if (r == 0)
		r = uv_tcp_bind(&sim->control, (struct sockaddr *)&a, 0);
	if (r == 0)
		r = modem_control_listen(sim);
	if (r == 0)
		r = uv_tcp_getsockname(&sim->control, (struct sockaddr *)&a, &n);
	if (r == 0) {
		address_text(&a, text, sizeof(text));
		printf("control %s\n", text);
	}
	return r;
}

static int start_tcp(struct modem_sim *sim, struct modem *m)
{
	struct modem_port *p = m->ports[0];
	int r = read_address(sim->opt.tcp, m->index, &p->addr);

	p->tcp = p->serial = true;
	return r;
}

/* "port sim0 at DIR/sim0-at", one line each. */
static void announce(const struct modem *m)
{
	for (unsigned i = 0; i < m->n_ports; i++) {
		struct modem_port *p = m->ports[i];

		if (p->tcp)
			address_text(&p->addr, p->address, sizeof(p->address));
		printf("port %s %s %s\n", m->name, p->name, p->tcp ? p->address : p->link);
	}
}

static int start_modems(struct modem_sim *sim, const char **ret_what)
{
	int r;

	for (unsigned i = 0; i < sim->n_modems; i++) {
		struct modem *m = sim->modems[i];

		*ret_what = m->name;
		r = modem_build(m);
		if (r == 0 && sim->opt.tcp)
			r = start_tcp(sim, m);
		if (r < 0)
			return r;
		modem_power_on(m);
		for (unsigned j = 0; j < m->n_ports; j++)
			if (!m->ports[j]->plugged)
				return -EIO;
		announce(m);
	}
	return 0;
}

static int set_up(struct modem_sim *sim, const char **ret_what)
{
	char err[512] = "";
	int r = 0;

	*ret_what = sim->opt.log_path;
	if (sim->opt.log_path)
		r = modem_log_open(&sim->log, sim->opt.log_path);
	if (r == 0 && sim->opt.trace_path) {
		*ret_what = sim->opt.trace_path;
		sim->trace = fopen(sim->opt.trace_path, "we");
		r = sim->trace ? 0 : -errno;
	}
	if (r == 0)
		r = modem_ports_init(sim);
	*ret_what = sim->opt.dir;
	if (r == 0 && !sim->opt.tcp && mkdir(sim->opt.dir, 0755) < 0 && errno != EEXIST)
		r = -errno;
	for (unsigned i = 0; r == 0 && i < sim->opt.n_modems; i++)
		r = modem_add(sim);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < n_sources; i++) {
		r = sources[i].file ? modem_script_load(sim, sources[i].text, err, sizeof(err))
				    : modem_do(sim, sources[i].text, "--line", err, sizeof(err));
		if (r < 0) {
			fprintf(stderr, "posthorn-modem-sim: %s\n", err);
			exit(2);
		}
	}
	r = start_modems(sim, ret_what);
	if (r < 0)
		return r;
	sim->running = true;
	*ret_what = sim->opt.control;
	r = open_control(sim);
	if (r < 0)
		return r;
	puts("ready");
	fflush(stdout);
	return 0;
}

static void close_rest(uv_handle_t *h, void *arg)
{
	if (!uv_is_closing(h))
		uv_close(h, NULL);
}

static void shut_down(struct modem_sim *sim)
{
	modem_ports_flush(sim);
	for (unsigned i = 0; i < sim->n_modems; i++)
		modem_free(sim->modems[i]);
	sim->n_modems = 0; /* closing is told by inotify as well */
	modem_control_close(sim);
	uv_run(&sim->loop, UV_RUN_NOWAIT);
	uv_walk(&sim->loop, close_rest, NULL);
	while (uv_run(&sim->loop, UV_RUN_DEFAULT) != 0)
		;
	uv_loop_close(&sim->loop);
	modem_ports_done(sim);
	for (size_t i = 0; i < sim->n_heap; i++)
		free(sim->heap[i].arg);
	free(sim->heap);
	free(sim->keys.key);
	modem_log_close(&sim->log);
	if (sim->trace)
		fclose(sim->trace);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {options, parse, NULL,
		doc, NULL, NULL, NULL};
	static struct modem_sim sim; /* large: the rules, the log buffer */
	const char *what = "";
	char *json;
	int r;

	sim.opt = (struct modem_options){
		.dir = ".", .prefix = "sim", .profile = "generic", .n_modems = 1, .seed = 1};
	sim.log.fd = sim.inotify = -1;
	argp_parse(&argp, argc, argv, 0, NULL, &sim);
	signal(SIGPIPE, SIG_IGN);
	sim.random = sim.opt.seed;
	uv_loop_init(&sim.loop);
	modem_clock(&sim);
	sim.start_ms = sim.now_ms;
	start_handles(&sim);
	r = set_up(&sim, &what);
	if (r < 0) {
		fprintf(stderr, "posthorn-modem-sim: %s: %s\n", what, uv_strerror(r));
		return 1;
	}
	uv_run(&sim.loop, UV_RUN_DEFAULT);
	modem_clock(&sim);
	json = modem_sim_json(&sim);
	write_stats(&sim, json);
	printf("%s\n", json ? json : "{}");
	free(json);
	shut_down(&sim);
	return sim.log.error ? 1 : 0;
}
