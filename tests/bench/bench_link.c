/* SPDX-License-Identifier: Apache-2.0 */
/* bench_link.c -- pairs of submit_sm and submit_sm_resp a second on one bind, over loopback.
 *
 *     bench_link [--json] [--pairs N] [--window N] [--port N]
 *
 * Three programs exchange the same PDUs with the same peer (answer.h, a process of its own; --port: another one that
 * listens on loopback, where only the driver is measured):
 *
 *     bare       octets made beforehand, answers only counted: nothing that talks SMPP can beat it
 *     libsmpp34  the same loop, each submit_sm packed and each response unpacked by libsmpp34
 *     driver     drivers/smpp as the gateway runs it, on libuv, under a core of a few lines: parts go in from a check
 *                handle, as the queue's dispatch does it, until the window is full.  No queue, no store.
 *
 * Wall-clock rates depend on what else runs on the machine and on the peer's core; CPU time of this side for one pair,
 * printed beside them, does so less. */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_SMPP34
/* The headers of libsmpp34 want these. */
#include <netinet/in.h>
#include <libsmpp34/smpp34.h>
#include <libsmpp34/smpp34_structs.h>
#endif

#include "base/log.h"
#include "driver.h"
#include "tests/bench/answer.h"

#define TEXT "message 00000000 of a usual length"
#define BUF  (256 * 1024)

static unsigned n_pairs = 1000000, window = 100;
static bool json;

static void die(const char *what)
{
	fprintf(stderr, "bench_link: %s\n", what);
	exit(1);
}

/* ---- time ------------------------------------------------------------------------------------------------ */

struct spent {
	double wall_s, cpu_s;
};

static struct spent now(void)
{
	struct timespec t;
	struct rusage u;

	clock_gettime(CLOCK_MONOTONIC, &t);
	getrusage(RUSAGE_SELF, &u);
	return (struct spent){
		.wall_s = (double)t.tv_sec + (double)t.tv_nsec / 1e9,
		.cpu_s = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
			(double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6,
	};
}

static void tell(const char *name, struct spent begin)
{
	struct spent end = now();
	double rate = n_pairs / (end.wall_s - begin.wall_s), cpu_us = (end.cpu_s - begin.cpu_s) * 1e6 / n_pairs;

	if (json)
		printf("{\"name\":\"%s\",\"pairs_per_s\":%.0f,\"cpu_us\":%.3f}\n", name, rate, cpu_us);
	else
		printf("%-40s %12.0f pairs/s %10.2f us CPU a pair\n", name, rate, cpu_us);
	fflush(stdout);
}

/* ---- without the driver: a socket and a window ------------------------------------------------------------- */

/* What differs: how one submit_sm is made (octets written), and what is done with each response. */
struct way {
	size_t (*put)(uint8_t *dst, size_t cap, uint32_t seq);
	void (*got)(const uint8_t *pdu, uint32_t n);
};

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* SMPP 3.4, 4.4.1: what the driver writes for the same part, sequence_number apart. */
static const uint8_t submit_pdu[] = "\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0\0" /* header */
				    "\0" "\5\0Shop\0" "\1\1" "12025550000\0"
				    "\0\0\0" "\0" "000001000000000R\0" /* esm_class to validity_period */
				    "\1\0\0\0\42" TEXT;		       /* registered_delivery to sm_length 34 */
#define SUBMIT_LEN (sizeof(submit_pdu) - 1)

static size_t bare_put(uint8_t *dst, size_t cap, uint32_t seq)
{
	memcpy(dst, submit_pdu, SUBMIT_LEN);
	put32(dst, SUBMIT_LEN);
	put32(dst + 12, seq);
	return SUBMIT_LEN;
}

static void bare_got(const uint8_t *pdu, uint32_t n)
{
}

static const struct way bare = { bare_put, bare_got };

#ifdef HAVE_SMPP34
static size_t smpp34_put(uint8_t *dst, size_t cap, uint32_t seq)
{
	submit_sm_t t;
	int n = 0;

	memset(&t, 0, sizeof(t));
	t.command_id = SUBMIT_SM;
	t.sequence_number = seq;
	t.source_addr_ton = 5;
	snprintf((char *)t.source_addr, sizeof(t.source_addr), "Shop");
	t.dest_addr_ton = t.dest_addr_npi = 1;
	snprintf((char *)t.destination_addr, sizeof(t.destination_addr), "12025550000");
	snprintf((char *)t.validity_period, sizeof(t.validity_period), "000001000000000R");
	t.registered_delivery = 1;
	t.sm_length = sizeof(TEXT) - 1;
	memcpy(t.short_message, TEXT, sizeof(TEXT) - 1);
	if (smpp34_pack2(dst, (int)cap, &n, &t) != 0)
		die(smpp34_strerror);
	return (size_t)n;
}

static void smpp34_got(const uint8_t *pdu, uint32_t n)
{
	submit_sm_resp_t t;
	uint8_t copy[256];

	memset(&t, 0, sizeof(t));
	memcpy(copy, pdu, n < sizeof(copy) ? n : sizeof(copy));
	if (smpp34_unpack2(&t, copy, (int)n) != 0 || !t.message_id[0])
		die(smpp34_strerror);
}

static const struct way smpp34 = { smpp34_put, smpp34_got };

static void check_same(void)
{
	uint8_t a[512], b[512];

	if (bare_put(a, sizeof(a), 1) != SUBMIT_LEN || smpp34_put(b, sizeof(b), 1) != SUBMIT_LEN ||
		memcmp(a, b, SUBMIT_LEN) != 0)
		die("the octets made beforehand are not what libsmpp34 makes");
}
#endif

static int connect_to(int port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die("cannot connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void write_all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t took = write(fd, p, n);

		if (took <= 0)
			die("write");
		p += took;
		n -= (size_t)took;
	}
}

/* All that are answered by one read are followed by as many in one write. */
static void exchange(int port, const struct way *w)
{
	static uint8_t in[BUF], out[BUF];
	int fd = connect_to(port);
	unsigned sent = 0, answered = 0;
	size_t have = 0;
	ssize_t got;

	while (answered < n_pairs) {
		size_t n = 0, at = 0;

		while (sent < n_pairs && sent - answered < window && n + 512 <= sizeof(out))
			n += w->put(out + n, sizeof(out) - n, ++sent);
		write_all(fd, out, n);
		got = read(fd, in + have, sizeof(in) - have);
		if (got <= 0)
			die("the peer is gone");
		have += (size_t)got;
		for (; have - at >= 16 && get32(in + at) <= have - at; at += get32(in + at)) {
			w->got(in + at, get32(in + at));
			answered++;
		}
		have -= at;
		memmove(in, in + at, have);
	}
	close(fd);
}

/* ---- the core's half of driver.h --------------------------------------------------------------------------- */

struct link {
	uv_loop_t loop;
	uv_check_t check;
	uv_idle_t idle; /* before the first answer there is nothing that ends a poll */
	const struct driver *driver;
	const struct conf_link *cl;
	void *data;
	struct spent begin;
	unsigned sent, answered, in_flight, window;
	bool up, stopped;
};

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

/* As the queue does it: parts go in after each poll, as many as the window takes. */
static void fill(struct link *l)
{
	struct part p = { .to = 12025550000, .from = "Shop", .part = 1, .n_parts = 1, .encoding = ENC_GSM7,
		.want_receipt = true, .validity_s = 86400 };

	p.wire.n_text = sizeof(TEXT) - 1;
	memcpy(p.wire.text, TEXT, sizeof(TEXT) - 1);
	while (l->up && l->in_flight < l->window && l->sent < n_pairs) {
		p.key = l->sent + 1;
		if (l->driver->submit(l, &p) < 0)
			return;
		l->sent++;
		l->in_flight++;
	}
}

static void on_check(uv_check_t *h)
{
	fill(h->data);
}

static void on_idle(uv_idle_t *h)
{
	uv_idle_stop(h);
}

void link_up(struct link *l, unsigned w)
{
	l->up = true;
	l->window = w;
	if (!l->sent)
		l->begin = now();
	uv_idle_start(&l->idle, on_idle);
}

void link_down(struct link *l, const char *reason)
{
	if (l->answered < n_pairs)
		die(reason);
}

void link_ready(struct link *l)
{
}

void link_settled(struct link *l, const struct settle *s)
{
	if (s->outcome != OUTCOME_SENT || !*s->smsc_id)
		die("a part was refused");
	l->in_flight--;
	if (++l->answered == n_pairs)
		uv_stop(&l->loop);
}

void link_identity(struct link *l, const char *account)
{
	(void)l, (void)account;
}

void link_reports(struct link *l, enum link_reports told)
{
	(void)l, (void)told;
}

void link_alarm(struct link *l, const char *code, const char *text)
{
	(void)l, (void)code, (void)text;
}

void link_congestion(struct link *l, unsigned percent)
{
}

void link_answered(struct link *l, const struct driver_answer *a)
{
}

void link_receipt(struct link *l, const struct link_receipt *r, struct driver_token token)
{
	l->driver->ack(l, token, 0);
}

void link_inbound(struct link *l, const struct link_inbound *m, struct driver_token token)
{
	l->driver->ack(l, token, 0);
}

void link_stopped(struct link *l)
{
	l->stopped = true;
}

static void run_driver(int port, const char *name)
{
	struct link *l = calloc(1, sizeof(*l));
	struct conf *conf;
	char text[400], err[256];
	const char *why;

	snprintf(text, sizeof(text), "links = ( { name = \"a\"; driver = \"smpp\"; host = \"127.0.0.1\"; port = %d; "
		"system_id = \"b\"; password = \"b\"; window = %u; } );", port, window);
	if (!l || conf_load_string(text, "bench", &conf, err, sizeof(err)) < 0)
		die(l ? err : "out of memory");
	l->cl = &conf->links[0];
	l->driver = driver_find("smpp", &why);
	if (!l->driver)
		die(why);
	uv_loop_init(&l->loop);
	uv_check_init(&l->loop, &l->check);
	uv_idle_init(&l->loop, &l->idle);
	l->check.data = l;
	uv_check_start(&l->check, on_check);
	if (l->driver->open(l, l->cl) < 0 || l->driver->start(l) < 0)
		die("the driver does not start");
	while (l->answered < n_pairs)
		uv_run(&l->loop, UV_RUN_DEFAULT);
	tell(name, l->begin);
	l->driver->stop(l);
	while (!l->stopped)
		uv_run(&l->loop, UV_RUN_ONCE);
	l->driver->close(l);
	uv_close((uv_handle_t *)&l->check, NULL);
	uv_close((uv_handle_t *)&l->idle, NULL);
	uv_run(&l->loop, UV_RUN_DEFAULT);
	uv_loop_close(&l->loop);
	conf_free(conf);
	free(l);
}

/* ---- the run --------------------------------------------------------------------------------------------- */

static void run_plain(int port, const char *name, const struct way *w, unsigned share)
{
	unsigned all = n_pairs;
	struct spent begin = now();

	n_pairs = all / share;
	exchange(port, w);
	tell(name, begin);
	n_pairs = all;
}

int main(int argc, char **argv)
{
	int port = 0;
	pid_t pid;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (strcmp(argv[i], "--pairs") == 0 && i + 1 < argc)
			n_pairs = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--window") == 0 && i + 1 < argc)
			window = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--port") == 0 && i + 1 < argc)
			port = (int)strtol(argv[++i], NULL, 10);
		else
			die("usage: bench_link [--json] [--pairs N] [--window N] [--port N]");
	}
	if (n_pairs < 100 || !window || window > 1000)
		die("at least 100 pairs, and a window of 1 to 1000");
	log_open(LOG_LEVEL_ERROR);
	if (port) {
		run_driver(port, "smpp driver, the given peer");
		return 0;
	}
	port = answer_start(&pid);
	run_plain(port, "limit: the same octets, made beforehand", &bare, 1);
#ifdef HAVE_SMPP34
	check_same();
	run_plain(port, "the same exchange through libsmpp34", &smpp34, 10);
#endif
	run_driver(port, "smpp driver, one bind");
	answer_stop(pid);
	return 0;
}
