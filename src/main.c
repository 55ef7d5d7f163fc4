/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c -- start order, signals, reload, orderly stop; the only file that knows every part.
 *
 *     conf → store → names → queue → links, router → webhooks → api → HTTP listeners → queue_start → links → ready
 *
 * SIGTERM, SIGINT   stop: no new requests, links finish what is in flight (at most stop_timeout), the store commits
 *                   what is staged and closes.  A second signal only shortens the wait.
 * SIGHUP            reload: the new file is read and checked whole; wrong → one log line, nothing changes.
 */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>
#include <uv.h>

#include <gnutls/gnutls.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/oom.h"
#include "base/stream.h"
#include "base/trim.h"
#include "config.h"
#include "intake/api.h"
#include "intake/http.h"
#include "intake/inbound.h"
#include "intake/json_load.h"
#include "queue/names.h"
#include "queue/queue.h"
#include "queue/store.h"
#include "report/stats.h"
#include "report/webhook.h"
#include "route/link.h"
#include "route/router.h"

#define LINKS_MAX 256

const char *argp_program_version = PACKAGE_STRING;

struct options {
	const char *conf_path;
	bool check_only, print_settings, origins;
};

/* The whole process. */
struct app {
	const char *conf_path;
	struct conf *conf;
	uv_loop_t loop;
	struct stream_loop *streams;
	struct store *store;
	struct names *names;
	struct queue *queue;
	struct router *router;
	struct webhooks *webhooks;
	struct stats *stats;
	struct api *api;
	struct inbound *inbound;
	struct stream_tls *tls;
	struct http_server *http, *admin;
	struct http_room *room; /* of both */
	struct link *link[LINKS_MAX];
	unsigned n_links, links_leaving;
	uv_signal_t sigterm, sigint, sighup;
	struct trim trim;

	bool stopping, reloading, reload_wanted, links_may_go;
	bool damaged;    /* another start would not help */
	bool refuses;    /* the store, what becomes of messages, as it is damaged */
	bool not_stored; /* in the end: something of how parts ended */
	unsigned http_open;
	int64_t stop_deadline_ms;
	struct conf *next_conf;
};

/* ---- the command line ------------------------------------------------------------------------------------ */

static const struct argp_option option_table[] = {
	{ "config", 'c', "FILE", 0, "read the configuration from FILE (default /etc/posthorn/posthorn.conf)", 0 },
	{ "test", 't', NULL, 0, "check the configuration and exit; status 0 when it is right", 0 },
	{ "origins", 'o', NULL, 0, "with -t: tell every setting of every link, and where it was given", 0 },
	{ "print-settings", 'p', NULL, 0, "print every setting with its default, range and meaning, and exit", 0 },
	{ 0 },
};

static error_t option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'c':
		o->conf_path = arg;
		return 0;
	case 't':
		o->check_only = true;
		return 0;
	case 'o':
		o->origins = true;
		return 0;
	case 'p':
		o->print_settings = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument \"%s\"", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = { option_table, option, NULL,
	"The Posthorn SMS gateway: takes messages over HTTP, keeps them on disk, sends them over SMPP.\v"
	"It runs in the foreground and logs to standard error; SIGHUP reads the configuration again, SIGTERM stops it in "
	"order.  See posthornd(8) and posthorn.conf(5).", NULL, NULL, NULL };

/* ---- links ----------------------------------------------------------------------------------------------- */

/* Is there a driver for each, and, with `files`, what its settings name? */
static int check_links(const struct conf *c, bool files, char *err, size_t n_err)
{
	const struct driver *d;
	char why[768];
	const char *word;

	for (size_t i = 0; i < c->n_links; i++) {
		const struct conf_link *cl = &c->links[i];

		d = driver_find(cl->driver, &word);
		if (!d) {
			snprintf(err, n_err, "links.%s.driver: \"%s\": %s", cl->name, cl->driver, word);
			return -EINVAL;
		}
		if (files && d->check && d->check(cl, why, sizeof(why)) < 0) {
			snprintf(err, n_err, "links.%s: %s", cl->name, why);
			return -EINVAL;
		}
	}
	return 0;
}

static struct link *link_find(void *arg, const char *name)
{
	struct app *a = arg;

	for (unsigned i = 0; i < a->n_links; i++)
		if (strcmp(link_name(a->link[i]), name) == 0)
			return a->link[i];
	return NULL;
}

static void link_each(void *arg, void (*each)(void *each_arg, struct link *l), void *each_arg)
{
	struct app *a = arg;

	for (unsigned i = 0; i < a->n_links; i++)
		each(each_arg, a->link[i]);
}

static void forget_link(void *arg, const struct link *l)
{
	inbound_forget(arg, l);
}

static int link_add(struct app *a, const struct conf_link *c, char *err, size_t n_err)
{
	struct link_sinks sinks = { inbound_take, forget_link, a->inbound };
	struct link *l;

	if (a->n_links == LINKS_MAX) {
		snprintf(err, n_err, "links.%s: more than %d links", c->name, LINKS_MAX);
		return -E2BIG;
	}
	l = link_new(&a->loop, a->queue, a->names, &sinks, c, err, n_err);
	if (!l)
		return -EINVAL;
	a->link[a->n_links++] = l;
	return 0;
}

static void tell_clients(struct app *a, const struct conf *c)
{
	for (size_t i = 0; i < c->n_clients; i++) {
		const struct conf_client *cl = &c->clients[i];
		struct queue_client qc = { .id = names_get(a->names, NAME_CLIENT, cl->name), .tps = cl->tps,
			.burst = (unsigned)cl->burst, .max_waiting = (uint64_t)cl->max_waiting,
			.webhook = cl->webhook.url[0] != '\0' };

		queue_set_client(a->queue, &qc);
	}
}

static uint32_t route_of(void *arg, const struct message *m)
{
	struct app *a = arg;

	return router_match(a->router, m);
}

/* ---- start ----------------------------------------------------------------------------------------------- */

static void on_events(void *arg, uint32_t endpoint, unsigned shard)
{
	struct app *a = arg;

	if (a->webhooks)
		webhooks_wake(a->webhooks, endpoint, shard);
}

static int start_store(struct app *a, char *err, size_t n_err, struct store_boot *boot)
{
	static char path[4096];
	struct store_conf sc = { .path = path, .node = (unsigned)a->conf->node,
		.shards = (unsigned)a->conf->webhook.concurrency, .on_events = on_events, .arg = a };

	if (mkdir(a->conf->data_dir, 0750) < 0 && errno != EEXIST) {
		snprintf(err, n_err, "data_dir %s: cannot be made: %s", a->conf->data_dir, strerror(errno));
		return -errno;
	}
	if ((size_t)snprintf(path, sizeof(path), "%s/posthorn.db", a->conf->data_dir) >= sizeof(path)) {
		snprintf(err, n_err, "data_dir: too long");
		return -ENAMETOOLONG;
	}
	return store_open(&a->loop, &sc, &a->store, boot, err, n_err);
}

static int listen_on(struct app *a, bool admin, const char *where, struct http_server **ret, char *err, size_t n_err)
{
	struct http_conf hc = { .max_body = (size_t)a->conf->http.max_body,
		.max_connections = (unsigned)a->conf->http.max_connections,
		.max_per_address = (unsigned)a->conf->http.max_per_address, .room = a->room,
		.tls = admin ? NULL : a->tls };
	int r;

	if (!*where)
		return 0;
	r = http_server_new(a->streams, &hc, api_ops(), api_listener(a->api, admin), ret);
	if (r == 0)
		r = http_server_listen(*ret, where);
	if (r < 0) {
		snprintf(err, n_err, "http.%slisten \"%s\": %s", admin ? "admin_" : "", where, strerror(-r));
		return r;
	}
	a->http_open++;
	api_set_server(a->api, admin, *ret);
	log_info("listening", "on=%s port=%d tls=%s admin=%s", where, http_server_port(*ret),
		!admin && a->tls ? "yes" : "no", admin ? "yes" : "no");
	return 0;
}

static int start_tls(struct app *a, char *err, size_t n_err)
{
	const struct conf_http_tls *t = &a->conf->http.tls;
	int r;

	if (!*t->cert)
		return 0;
	r = stream_tls_server_new(t->cert, t->key, &a->tls);
	if (r < 0)
		snprintf(err, n_err, "http.tls: %s or %s: %s", t->cert, t->key, r == -EINVAL ?
			"not PEM, or they do not fit, or there is no memory to tell" : strerror(-r));
	return r;
}

static void stop_damaged(void *arg);

static int start_parts(struct app *a, char *err, size_t n_err)
{
	struct queue_events events = { .on_damaged = stop_damaged, .arg = a };
	struct store_boot boot;
	struct api_parts parts;
	int r = start_store(a, err, n_err, &boot);

	if (r < 0)
		return r;
	snprintf(err, n_err, "out of memory");
	a->names = names_new();
	a->stats = stats_new();
	if (!a->names || !a->stats)
		return -ENOMEM;
	r = names_load(a->names, a->store);
	if (r < 0) {
		store_says(a->store, r, "table name", err, n_err);
		return r;
	}
	r = queue_new(&a->loop, a->store, &boot, a->conf, a->names, &events, &a->queue);
	if (r < 0) {
		store_says(a->store, r, "what it knows of lanes, references, ids and quotas", err, n_err);
		return r;
	}
	a->router = router_new(a->names);
	a->inbound = inbound_new(&(struct inbound_needs){ .loop = &a->loop, .store = a->store, .names = a->names,
		.stats = a->stats, .conf = a->conf, .link_find = link_find, .link_arg = a });
	if (!a->router || !a->inbound)
		return -ENOMEM;
	for (size_t i = 0; i < a->conf->n_links; i++) {
		r = link_add(a, &a->conf->links[i], err, n_err);
		if (r < 0)
			return r;
	}
	queue_set_router(a->queue, route_of, a);
	tell_clients(a, a->conf);
	r = router_set(a->router, a->queue, a->conf, link_find, a);
	if (r < 0)
		return r;
	a->webhooks = webhooks_new(&a->loop, a->store, a->names, a->conf);
	if (!a->webhooks)
		return -ENOMEM;
	parts = (struct api_parts){
		.loop = &a->loop,
		.queue = a->queue,
		.store = a->store,
		.names = a->names,
		.router = a->router,
		.webhooks = a->webhooks,
		.stats = a->stats,
		.conf = a->conf,
		.link_find = link_find,
		.link_each = link_each,
		.link_arg = a,
	};
	a->api = api_new(&parts);
	if (!a->api)
		return -ENOMEM;
	r = http_room_new((size_t)a->conf->http.max_held, &a->room);
	if (r == 0)
		r = start_tls(a, err, n_err);
	if (r == 0)
		r = listen_on(a, false, a->conf->http.listen, &a->http, err, n_err);
	if (r == 0)
		r = listen_on(a, true, a->conf->http.admin_listen, &a->admin, err, n_err);
	return r;
}

/* ---- stop ------------------------------------------------------------------------------------------------ */

static void close_rest(uv_handle_t *h, void *arg)
{
	(void)arg;
	if (!uv_is_closing(h))
		uv_close(h, NULL);
}

static void store_closed(void *arg)
{
	struct app *a = arg;

	a->not_stored = !queue_is_stored(a->queue);
	a->damaged |= a->not_stored && a->refuses; /* the store is gone */
	api_free(a->api);
	inbound_free(a->inbound);
	webhooks_free(a->webhooks);
	router_free(a->router);
	queue_free(a->queue);
	names_free(a->names);
	stats_free(a->stats);
	stream_tls_unref(a->tls);
	http_room_free(a->room);
	stream_loop_stop(a->streams);
	uv_close((uv_handle_t *)&a->sigterm, NULL);
	uv_close((uv_handle_t *)&a->sigint, NULL);
	uv_close((uv_handle_t *)&a->sighup, NULL);
}

static void links_gone(struct app *a)
{
	a->refuses = store_damage(a->store) == DAMAGE_WRITING;
	inbound_stop(a->inbound);
	store_close(a->store, store_closed, a);
}

static void stop_link_gone(void *arg)
{
	struct app *a = arg;

	if (--a->links_leaving == 0 && a->links_may_go)
		links_gone(a);
}

static void webhooks_stopped(void *arg)
{
	struct app *a = arg;
	bool late = clock_mono_ms() >= a->stop_deadline_ms; /* then the queue has waited for answers long enough */
	unsigned n = a->n_links;

	a->n_links = 0;
	a->links_may_go = true;
	a->links_leaving += n;
	if (a->links_leaving == 0)
		links_gone(a);
	for (unsigned i = 0; i < n; i++) {
		link_remove(a->link[i], stop_link_gone, a);
		if (late)
			link_hurry(a->link[i]); /* gone() only comes in a later turn */
	}
}

static int64_t left_ms(const struct app *a)
{
	int64_t left = a->stop_deadline_ms - clock_mono_ms();

	return left > 100 ? left : 100;
}

static void queue_stopped(void *arg)
{
	struct app *a = arg;

	webhooks_stop(a->webhooks, left_ms(a) / 2, webhooks_stopped, a);
}

static void http_stopped(void *arg)
{
	struct app *a = arg;

	if (--a->http_open == 0)
		queue_stop(a->queue, left_ms(a), queue_stopped, a);
}

/* on_stopped() gets the argument of the listener: api's.  The app is found through it. */
static struct app *the_app;

static void http_stopped_cb(void *arg)
{
	(void)arg;
	http_stopped(the_app);
}

static void stop_in_order(struct app *a)
{
	notify_systemd("STOPPING=1");
	a->stopping = true;
	a->stop_deadline_ms = clock_mono_ms() + a->conf->stop_timeout_ms;
	api_stopping(a->api);
	if (a->http)
		http_server_stop(a->http, (unsigned)(left_ms(a) / 2), http_stopped_cb);
	if (a->admin)
		http_server_stop(a->admin, 100, http_stopped_cb);
	if (!a->http_open) {
		a->http_open = 1;
		http_stopped(a);
	}
}

static void stop(uv_signal_t *s, int number)
{
	struct app *a = s->data;

	if (a->stopping) {
		a->stop_deadline_ms = clock_mono_ms();
		return;
	}
	log_info("stopping", "signal=%d timeout_s=%lld", number, (long long)(a->conf->stop_timeout_ms / 1000));
	stop_in_order(a);
}

/* The status tells supervisors that another start will not help: contrib/posthorn.service. */
static void stop_damaged(void *arg)
{
	struct app *a = arg;

	a->damaged = true;
	if (a->stopping)
		return;
	log_info("stopping", "why=%s timeout_s=%lld", "damage", (long long)(a->conf->stop_timeout_ms / 1000));
	stop_in_order(a);
}

/* ---- where settings came from ------------------------------------------------------------------------------ */

static void origin_logged(void *arg, const char *link, const char *line)
{
	(void)arg;
	log_debug("link_setting", "link=%s what=%s", link, line);
}

static void log_origins(const struct conf *c)
{
	if (log_on(LOG_LEVEL_DEBUG))
		conf_origins(c, origin_logged, NULL);
}

/* ---- reload ---------------------------------------------------------------------------------------------- */

struct changes {
	struct app *app;
	bool restart;
	unsigned n;
};

static void change_seen(void *arg, const struct conf_change *c)
{
	struct changes *ch = arg;

	ch->n++;
	log_info("reload_change", "what=%s", c->text);
	if (c->apply == CONF_APPLY_RESTART) {
		ch->restart = true;
		log_warn("reload_needs_restart", "what=%s", c->text);
	}
}

struct link_change {
	const char *link;
	bool anew;
};

static void link_change_seen(void *arg, const struct conf_change *c)
{
	struct link_change *lc = arg;

	if (c->link && strcmp(c->link, lc->link) == 0 && c->apply == CONF_APPLY_LINK)
		lc->anew = true;
}

static void reload_finish(struct app *a);
static void reload_now(struct app *a);

static void reload_link_gone(void *arg)
{
	struct app *a = arg;

	if (--a->links_leaving == 0 && a->links_may_go)
		links_gone(a);
	else if (a->links_leaving == 0 && a->reloading && !a->stopping)
		reload_finish(a);
}

/* Links that are gone, or whose connection settings changed, leave first; the rest follows when they have. */
static void reload_begin(struct app *a)
{
	struct link *leaving[LINKS_MAX];
	unsigned n = 0, kept = 0;

	for (unsigned i = 0; i < a->n_links; i++) {
		struct link_change lc = { link_name(a->link[i]), false };
		const struct conf_link *c = conf_find_link(a->next_conf, lc.link);

		conf_diff(a->conf, a->next_conf, link_change_seen, &lc);
		if (!c || lc.anew)
			leaving[n++] = a->link[i];
		else
			a->link[kept++] = a->link[i];
	}
	a->n_links = kept;
	a->reloading = true;
	a->links_leaving = n + 1;
	for (unsigned i = 0; i < n; i++)
		link_remove(leaving[i], reload_link_gone, a);
	reload_link_gone(a);
}

static void reload_finish(struct app *a)
{
	struct conf *old = a->conf;
	char err[256] = "";

	a->conf = a->next_conf;
	a->next_conf = NULL;
	a->reloading = false;
	for (size_t i = 0; i < a->conf->n_links; i++) {
		const struct conf_link *c = &a->conf->links[i];
		struct link *l = link_find(a, c->name);

		if (l) {
			link_reconfigure(l, c);
		} else if (link_add(a, c, err, sizeof(err)) < 0) {
			log_error("reload_link_failed", "error=%s", err);
		} else {
			link_start(a->link[a->n_links - 1]);
		}
	}
	tell_clients(a, a->conf);
	queue_set_limits(a->queue, a->conf);
	if (router_set(a->router, a->queue, a->conf, link_find, a) < 0 || api_reload(a->api, a->conf) < 0 ||
		webhooks_set(a->webhooks, a->conf) < 0)
		log_error("reload_incomplete", "error=memory");
	inbound_reload(a->inbound, a->conf);
	if (a->tls && stream_tls_reload(a->tls) < 0)
		log_error("http_tls", "cert=%s key=%s error=%s", a->conf->http.tls.cert, a->conf->http.tls.key,
			"they cannot be read, or do not fit; the old ones stay");
	log_open(a->conf->log_level);
	log_origins(a->conf);
	conf_free(old);
	log_info("reloaded", NULL);
	notify_systemd("READY=1");
	if (a->reload_wanted) {
		a->reload_wanted = false;
		reload_now(a);
	}
}

static void reload_now(struct app *a)
{
	struct changes ch = { .app = a };
	char err[1024], note[64];
	struct conf *c;

	if (conf_load(a->conf_path, &c, err, sizeof(err)) < 0) {
		log_error("reload_refused", "error=%s", err);
		return;
	}
	/* Before any link leaves: one that could not be made again would be missed. */
	if (check_links(c, true, err, sizeof(err)) < 0) {
		log_error("reload_refused", "error=%s", err);
		conf_free(c);
		return;
	}
	conf_diff(a->conf, c, change_seen, &ch);
	if (ch.restart) {
		log_error("reload_refused", "error=%s", "a changed setting needs a restart; nothing was changed");
		conf_free(c);
		return;
	}
	snprintf(note, sizeof(note), "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono_us());
	notify_systemd(note);
	a->next_conf = c;
	reload_begin(a);
}

static void reload(uv_signal_t *s, int number)
{
	struct app *a = s->data;

	(void)number;
	if (a->stopping)
		return;
	if (a->reloading) { /* links still finish: the file is read again when they have */
		log_info("reload_waits", NULL);
		a->reload_wanted = true;
		return;
	}
	reload_now(a);
}

/* ---- main ------------------------------------------------------------------------------------------------ */

static void catch(struct app *a, uv_signal_t *s, uv_signal_cb cb, int number)
{
	if (uv_signal_init(&a->loop, s) < 0 || uv_signal_start(s, cb, number) < 0)
		oom_end("signals");
	s->data = a;
}

static void origin_shown(void *arg, const char *link, const char *line)
{
	(void)arg;
	(void)link;
	printf("%s\n", line);
}

static void no_work(uv_work_t *work)
{
}

static void no_work_done(uv_work_t *work, int status)
{
}

/* The threads of libuv's pool, which it makes at the first work for them: it calls abort() where one cannot be had, and
 * that had better not come when somebody looks up a name under load. */
static void start_pool(void *arg)
{
	static uv_work_t work;
	struct app *a = arg;

	uv_queue_work(&a->loop, &work, no_work, no_work_done);
}

static int start_loop(struct app *a)
{
	oom_guard_uv();
	if (uv_loop_init(&a->loop) < 0)
		return -ENOMEM;
	/* It does not return without: at exit() libuv would look after the pool that it has not. */
	oom_must(start_pool, a, "the threads of libuv's pool");
	return stream_loop_new(&a->loop, &a->streams);
}

static int run(struct app *a)
{
	char err[512] = "out of memory, or too many threads or files";
	int r;

	r = start_loop(a);
	log_origins(a->conf);
	if (r == 0)
		r = start_parts(a, err, sizeof(err));
	if (r < 0) {
		log_error("not_started", "error=%s", err);
		return r == -EUCLEAN ? EX_DATAERR : EXIT_FAILURE;
	}
	catch(a, &a->sigterm, stop, SIGTERM);
	catch(a, &a->sigint, stop, SIGINT);
	catch(a, &a->sighup, reload, SIGHUP);
	for (unsigned i = 0; i < a->n_links; i++)
		link_start(a->link[i]);
	queue_start(a->queue);
	inbound_start(a->inbound);
	if (webhooks_set(a->webhooks, a->conf) < 0) {
		log_error("not_started", "error=%s", "out of memory");
		return EXIT_FAILURE; /* nothing was sent yet: the loop did not run */
	}
	log_info("ready", "version=%s data_dir=%s links=%u clients=%zu", PACKAGE_VERSION, a->conf->data_dir, a->n_links,
		a->conf->n_clients);
	notify_systemd("READY=1");
	trim_start(&a->trim, &a->loop);
	uv_run(&a->loop, UV_RUN_DEFAULT);
	uv_walk(&a->loop, close_rest, NULL);
	uv_run(&a->loop, UV_RUN_DEFAULT);
	r = uv_loop_close(&a->loop);
	log_info("stopped", "clean=%s", r == 0 && !a->not_stored ? "yes" : "no");
	return a->damaged ? EX_DATAERR : a->not_stored ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct options o = { .conf_path = "/etc/posthorn/posthorn.conf" };
	static struct app app;
	char err[1024];
	int r;

	if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0) {
		fprintf(stderr, "posthornd: out of memory\n");
		return EXIT_FAILURE;
	}
	if (o.print_settings) {
		conf_print_settings(stdout);
		return EXIT_SUCCESS;
	}
	if (conf_load(o.conf_path, &app.conf, err, sizeof(err)) < 0) {
		fprintf(stderr, "%s\n", err);
		return EXIT_FAILURE;
	}
	if (check_links(app.conf, o.check_only, err, sizeof(err)) < 0) {
		fprintf(stderr, "%s: %s\n", o.conf_path, err);
		return EXIT_FAILURE;
	}
	if (o.check_only && o.origins)
		conf_origins(app.conf, origin_shown, NULL);
	if (o.check_only) {
		printf("%s: right: %zu clients, %zu links, %zu routes\n", o.conf_path, app.conf->n_clients, app.conf->n_links,
			app.conf->n_routes);
		conf_free(app.conf);
		return EXIT_SUCCESS;
	}
	json_load_init();
	signal(SIGPIPE, SIG_IGN);
	umask(0077);
	log_open(app.conf->log_level);
	if (gnutls_global_init() < 0 || webhook_curl_start() < 0) {
		log_error("not_started", "error=%s", "GnuTLS or libcurl cannot be set up: out of memory?");
		return EXIT_FAILURE;
	}
	app.conf_path = o.conf_path;
	the_app = &app;
	r = run(&app);
	conf_free(app.conf);
	conf_free(app.next_conf); /* a reload that the stop overtook */
	webhook_curl_stop();
	return r;
}
