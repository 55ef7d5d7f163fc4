/* SPDX-License-Identifier: Apache-2.0
 *
 * load -- post messages to a gateway as fast as it answers, and be the webhook that hears of them.
 *
 *     load --to 127.0.0.1:8775 --key KEY [--connections 64] [--batch 1] [--count 100000] [--class service] [--sink]
 *     load --serve
 *
 * With --batch 1 each request is one message, else an array of that many (--ndjson: as many lines).  The first line of
 * output names the port of the sink ("sink 40001"); a line on standard input begins the load, so that a gateway can be
 * started in between.  It ends when every message was answered and, with --sink, every final event has come, or after
 * --timeout seconds, and prints one JSON object: rates, percentiles of the answer's latency, events.
 *
 * --serve is the other side without a gateway: it answers each request with 202 and octets that it has ready, which is
 * the most that this load can be answered at over loopback.  --get PATH asks a gateway of another make, one request a
 * message.
 *
 * It must not be what is measured, so it parses no more HTTP than it needs, and a request is a copy of one made before
 * in which digits are changed: all numbers have a fixed width.
 */
#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define HEAD_MAX 512
#define MESSAGE_MAX 512
#define SINK_BUF (4u << 20)
#define BUCKETS 4096 /* latency in steps of 1/16 of a power of two microseconds */

static struct {
	const char *to, *key, *class;
	unsigned connections, batch;
	uint64_t count, first;
	unsigned timeout_s, seconds;
	int sink_port;
	const char *get;
	const char *path;
	bool ndjson, keys, serve, wait;
	double rate; /* requests per second over all connections; 0: as fast as it goes */
	bool sink;
} opt = { .path = "/v1/messages", .to = "127.0.0.1:8775", .key = "", .class = "service", .connections = 64, .batch = 1, .count = 100000,
	.timeout_s = 60 };

struct conn {
	uv_tcp_t tcp;
	uv_connect_t connect;
	uv_write_t write;
	char *out;
	size_t n_out;
	char in[8192];
	size_t n_in;
	uint64_t sent_ns;
	unsigned n_asked; /* messages of the request under way */
	bool idle;
};

/* A message, and where numbers stand in it. */
#define FIELDS 8
static struct {
	char text[MESSAGE_MAX];
	unsigned n, n_fields;
	struct field {
		unsigned at, width;
		uint64_t modulo;
	} fields[FIELDS];
} model;
static char head[HEAD_MAX];
static unsigned n_head;
static size_t head_of; /* octets of the body that the head is for */

static uv_loop_t loop;
static struct sockaddr_in target;
static struct conn *conns;
static uint64_t asked, answered, refused, events, begin_ns, answered_ns, events_ns;
static uint64_t latency[BUCKETS], n_latency;
static uv_tcp_t sink_server;
static uv_timer_t deadline, pacer, bell;
static uv_pipe_t go_pipe;
static bool finished, stopped;

/* ---- latency --------------------------------------------------------------------------------------------- */

static unsigned bucket_of(uint64_t us)
{
	unsigned b = us < 16 ? (unsigned)us
			     : (unsigned)((60 - __builtin_clzll(us)) * 16 + (us >> (59 - __builtin_clzll(us)) & 15));

	return b < BUCKETS ? b : BUCKETS - 1;
}

static double us_of(unsigned b)
{
	return b < 16 ? b : (double)((16 + b % 16) * (1ull << (b / 16 - 1)));
}

static double percentile(double p)
{
	uint64_t want = (uint64_t)((double)n_latency * p), n = 0;

	for (unsigned b = 0; b < BUCKETS; b++) {
		n += latency[b];
		if (n > want)
			return us_of(b);
	}
	return 0;
}

/* ---- end ------------------------------------------------------------------------------------------------- */

static void report(void)
{
	double took = (double)(answered_ns - begin_ns) / 1e9, all = (double)(events_ns - begin_ns) / 1e9;

	printf("{\"accepted\":%llu,\"refused\":%llu,\"accept_s\":%.3f,\"accept_per_s\":%.0f,\"p50_us\":%.0f,\"p99_us\":%.0f,"
	       "\"events\":%llu,\"events_s\":%.3f,\"events_per_s\":%.0f}\n",
		(unsigned long long)answered, (unsigned long long)refused, took, took > 0 ? (double)answered / took : 0,
		percentile(0.5), percentile(0.99), (unsigned long long)events, opt.sink ? all : 0,
		opt.sink && all > 0 ? (double)events / all : 0);
	fflush(stdout);
}

static void check_end(void)
{
	if (finished || answered + refused < (stopped ? asked : opt.count) || (opt.sink && events < answered))
		return;
	finished = true;
	report();
	exit(EXIT_SUCCESS);
}

static void too_late(uv_timer_t *t)
{
	(void)t;
	report();
	fprintf(stderr, "load: not finished in %u s\n", opt.timeout_s);
	exit(EXIT_FAILURE);
}

/* ---- posting --------------------------------------------------------------------------------------------- */

static void post(struct conn *c);

static void alloc_in(uv_handle_t *h, size_t n, uv_buf_t *b)
{
	struct conn *c = h->data;

	(void)n;
	b->base = c->in + c->n_in;
	b->len = sizeof(c->in) - 1 - c->n_in;
}

static void took_answer(struct conn *c, bool good)
{
	uint64_t now = uv_hrtime();

	latency[bucket_of((now - c->sent_ns) / 1000)]++;
	n_latency++;
	if (good)
		answered += c->n_asked;
	else
		refused += c->n_asked;
	answered_ns = now;
	c->n_in = 0;
	c->idle = true;
	check_end();
	if (opt.rate <= 0)
		post(c);
}

static void answer(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct conn *c = s->data;
	char *end, *length;
	bool good;

	(void)b;
	if (n < 0) {
		fprintf(stderr, "load: connection lost: %s\n", uv_strerror((int)n));
		report();
		exit(EXIT_FAILURE);
	}
	c->n_in += (size_t)n;
	c->in[c->n_in] = '\0';
	end = strstr(c->in, "\r\n\r\n");
	if (!end)
		return;
	length = strstr(c->in, "Content-Length: ");
	if (!length || c->n_in < (size_t)(end + 4 - c->in) + strtoul(length + 16, NULL, 10))
		return;
	good = strncmp(c->in, "HTTP/1.1 20", 11) == 0;
	if (!good && refused == 0)
		fprintf(stderr, "load: %.200s\n", end + 4);
	took_answer(c, good);
}

static void add(const char *text)
{
	unsigned n = (unsigned)strlen(text);

	if (model.n + n >= sizeof(model.text))
		abort();
	memcpy(model.text + model.n, text, n + 1);
	model.n += n;
}

static void add_number(unsigned width, uint64_t modulo)
{
	model.fields[model.n_fields++] = (struct field){ model.n, width, modulo };
	for (unsigned i = 0; i < width; i++)
		add("0");
}

static void make_model(void)
{
	if (opt.get) {
		add("GET ");
		add(opt.get);
		if (strchr(opt.get, '?')) {
			add("&to=%2B7900");
			add_number(7, 10000000);
			add("&text=Your+order+");
			add_number(9, 1000000000);
			add("+is+ready,+thank+you");
		}
		add(" HTTP/1.1\r\nHost: ");
		add(opt.to);
		add("\r\n\r\n");
		return;
	}
	add("{\"to\":\"+7900");
	add_number(7, 10000000);
	add("\",\"class\":\"");
	add(opt.class);
	add("\",\"text\":\"Your order ");
	add_number(9, 1000000000);
	add(" is ready, thank you\"");
	if (opt.keys) {
		add(",\"ref\":\"order-");
		add_number(9, 1000000000);
		add("\",\"tag\":\"day-");
		add_number(2, 100);
		add("\",\"idempotency_key\":\"row-");
		add_number(9, 1000000000);
		add("\"");
	}
	add(opt.ndjson ? "}\n" : "}");
}

static void put_message(char *p, uint64_t n)
{
	memcpy(p, model.text, model.n);
	for (unsigned i = 0; i < model.n_fields; i++) {
		const struct field *f = &model.fields[i];
		uint64_t v = n % f->modulo;

		for (unsigned at = f->at + f->width; at > f->at; v /= 10)
			p[--at] = (char)('0' + v % 10);
	}
}

/* The head for a body of `n` octets: the same as last time, but for the end of the load. */
static void make_head(size_t n)
{
	if (opt.get || n == head_of)
		return;
	n_head = (unsigned)snprintf(head, sizeof(head), "POST %s%s HTTP/1.1\r\nHost: %s\r\n"
		"Authorization: Bearer %s\r\nContent-Type: application/%s\r\nContent-Length: %zu\r\n\r\n",
		opt.path, opt.batch > 1 ? "?results=errors" : "", opt.to, opt.key, opt.ndjson ? "x-ndjson" : "json", n);
	head_of = n;
}

static void written(uv_write_t *r, int status)
{
	(void)r;
	(void)status; /* a connection that is lost is read so */
}

static void send_request(struct conn *c, char *p, size_t n)
{
	uv_buf_t b = uv_buf_init(p, (unsigned)n);
	int took;

	c->idle = false;
	c->sent_ns = uv_hrtime();
	took = uv_try_write((uv_stream_t *)&c->tcp, &b, 1);
	if (took < 0)
		took = 0;
	if ((size_t)took == n)
		return;
	b = uv_buf_init(p + took, (unsigned)(n - (size_t)took));
	uv_write(&c->write, (uv_stream_t *)&c->tcp, &b, 1, written);
}

/* What was asked is still waited for. */
static void enough(uv_timer_t *t)
{
	(void)t;
	stopped = true;
	check_end();
}

static void post(struct conn *c)
{
	char *body = c->out + HEAD_MAX;
	bool array = opt.batch > 1 && !opt.ndjson;
	size_t n = 0;

	if (asked >= opt.count || stopped)
		return;
	c->n_asked = 0;
	if (array)
		body[n++] = '[';
	for (unsigned i = 0; i < opt.batch && asked < opt.count; i++) {
		if (i && array)
			body[n++] = ',';
		put_message(body + n, opt.first + asked++);
		n += model.n;
		c->n_asked++;
	}
	if (array)
		body[n++] = ']';
	make_head(n);
	memcpy(body - n_head, head, n_head);
	send_request(c, body - n_head, n + n_head);
}

static void connected(uv_connect_t *r, int status)
{
	struct conn *c = r->data;

	if (status < 0) {
		fprintf(stderr, "load: %s: %s\n", opt.to, uv_strerror(status));
		exit(EXIT_FAILURE);
	}
	uv_tcp_nodelay(&c->tcp, 1);
	uv_read_start((uv_stream_t *)&c->tcp, alloc_in, answer);
	c->idle = true;
	if (opt.rate <= 0)
		post(c);
}

/* With --rate: an open load, one request at each tick that is due, on any idle connection. */
static void pace(uv_timer_t *t)
{
	static double due;
	static uint64_t last;
	uint64_t now = uv_hrtime();

	(void)t;
	due += last ? (double)(now - last) / 1e9 * opt.rate : 1;
	last = now;
	for (unsigned i = 0; i < opt.connections && due >= 1; i++)
		if (conns[i].idle) {
			post(&conns[i]);
			due -= 1;
		}
}

static void begin(void)
{
	begin_ns = answered_ns = events_ns = uv_hrtime();
	for (unsigned i = 0; i < opt.connections; i++) {
		struct conn *c = &conns[i];

		c->out = malloc(HEAD_MAX + 2 + (size_t)opt.batch * (model.n + 1));
		if (!c->out)
			abort();
		uv_tcp_init(&loop, &c->tcp);
		c->tcp.data = c->connect.data = c;
		uv_tcp_connect(&c->connect, &c->tcp, (struct sockaddr *)&target, connected);
	}
	uv_timer_start(&deadline, too_late, opt.timeout_s * 1000ull, 0);
	if (opt.seconds)
		uv_timer_start(&bell, enough, opt.seconds * 1000ull, 0);
	if (opt.rate > 0)
		uv_timer_start(&pacer, pace, 1, 1);
}

/* ---- the sink -------------------------------------------------------------------------------------------- */

struct hook {
	uv_tcp_t tcp;
	uv_write_t write;
	size_t n, cap;
	char *buf;
};

static void hook_alloc(uv_handle_t *h, size_t n, uv_buf_t *b)
{
	struct hook *k = h->data;

	(void)n;
	b->base = k->buf + k->n;
	b->len = k->cap - 1 - k->n;
}

static void hook_closed(uv_handle_t *h)
{
	struct hook *k = h->data;

	free(k->buf);
	free(k);
}

/* Count the events of one request; its octets, or 0 when it is not whole.  A callback of --get is one event. */
static size_t hook_request(struct hook *k, size_t from)
{
	char *start = k->buf + from, *end = memmem(start, k->n - from, "\r\n\r\n", 4), *length, *p;
	size_t n;

	if (!end)
		return 0;
	*end = '\0'; /* a header is looked for in the head alone; again, when the body is not whole yet */
	length = strcasestr(start, "\r\nContent-Length: ");
	n = length ? strtoul(length + 18, NULL, 10) : 0;
	*end = '\r';
	if (k->n - from < (size_t)(end + 4 - start) + n)
		return 0;
	if (opt.get)
		events++;
	else if (!opt.serve)
		for (p = end + 4; (p = memmem(p, (size_t)(end + 4 + n - p), "\"event\":\"evt", 12)); p += 12)
			events++;
	return (size_t)(end + 4 - start) + n;
}

static void hook_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	static const char heard[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	static const char served[] = "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n"
				     "Content-Length: 59\r\n\r\n"
				     "{\"id\":\"65737\",\"state\":\"queued\",\"parts\":1,\"encoding\":\"gsm7\"}";
	struct hook *k = s->data;
	size_t from = 0, took;

	(void)b;
	if (n < 0) {
		uv_close((uv_handle_t *)s, hook_closed);
		return;
	}
	k->n += (size_t)n;
	k->buf[k->n] = '\0';
	while ((took = hook_request(k, from))) {
		uv_buf_t out = opt.serve ? uv_buf_init((char *)served, sizeof(served) - 1)
					 : uv_buf_init((char *)heard, sizeof(heard) - 1);

		from += took;
		uv_try_write(s, &out, 1);
	}
	if (from < k->n)
		memmove(k->buf, k->buf + from, k->n - from);
	k->n -= from;
	if (opt.serve)
		return;
	events_ns = uv_hrtime();
	check_end();
}

static void hook_come(uv_stream_t *server, int status)
{
	struct hook *k = calloc(1, sizeof(*k));

	if (status < 0 || !k)
		abort();
	k->cap = SINK_BUF;
	k->buf = malloc(k->cap);
	if (!k->buf)
		abort();
	uv_tcp_init(&loop, &k->tcp);
	k->tcp.data = k;
	uv_accept(server, (uv_stream_t *)&k->tcp);
	uv_tcp_nodelay(&k->tcp, 1);
	uv_read_start((uv_stream_t *)&k->tcp, hook_alloc, hook_read);
}

static void sink_listen(void)
{
	struct sockaddr_in a;
	int n = sizeof(a);

	uv_ip4_addr("127.0.0.1", opt.sink_port, &a);
	uv_tcp_init(&loop, &sink_server);
	uv_tcp_bind(&sink_server, (struct sockaddr *)&a, 0);
	if (uv_listen((uv_stream_t *)&sink_server, 512, hook_come) < 0)
		abort();
	uv_tcp_getsockname(&sink_server, (struct sockaddr *)&a, &n);
	printf("sink %d\n", ntohs(a.sin_port));
	fflush(stdout);
}

/* ---- start ----------------------------------------------------------------------------------------------- */

static void go_alloc(uv_handle_t *h, size_t n, uv_buf_t *b)
{
	static char buf[64];

	(void)h;
	(void)n;
	*b = uv_buf_init(buf, sizeof(buf));
}

static void go(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	(void)n;
	(void)b;
	uv_read_stop(s);
	begin();
}

static const struct argp_option options[] = {
	{ "to", 't', "ADDR:PORT", 0, "the gateway", 0 },
	{ "key", 'k', "KEY", 0, "the client's key", 0 },
	{ "connections", 'c', "N", 0, "connections (64)", 0 },
	{ "batch", 'b', "N", 0, "messages a request (1)", 0 },
	{ "count", 'n', "N", 0, "messages in all (100000)", 0 },
	{ "first", 'f', "N", 0, "number of the first recipient (0)", 0 },
	{ "class", 'C', "WORD", 0, "class of the messages (service)", 0 },
	{ "rate", 'r', "N", 0, "requests per second (as fast as they are answered)", 0 },
	{ "seconds", 'd', "S", 0, "ask no more after this long (until --count)", 0 },
	{ "timeout", 'T', "S", 0, "give up after this long (60)", 0 },
	{ "sink", 's', NULL, 0, "be the webhook, and wait for the final events", 0 },
	{ "ndjson", 'l', NULL, 0, "a batch is a stream of lines", 0 },
	{ "keys", 'K', NULL, 0, "each message has ref, tag and idempotency_key", 0 },
	{ "get", 'g', "PATH", 0, "GET that path instead; to and text are added to a query", 0 },
	{ "path", 'P', "PATH", 0, "POST there (/v1/messages)", 0 },
	{ "wait", 'w', NULL, 0, "begin at a line on standard input also without --sink", 0 },
	{ "serve", 'S', NULL, 0, "answer requests, for ever", 0 },
	{ "sink-port", 'p', "PORT", 0, "where the sink listens (any)", 0 },
	{ 0 },
};

static error_t option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 't': opt.to = arg; return 0;
	case 'k': opt.key = arg; return 0;
	case 'c': opt.connections = (unsigned)atoi(arg); return 0;
	case 'b': opt.batch = (unsigned)atoi(arg); return 0;
	case 'n': opt.count = strtoull(arg, NULL, 10); return 0;
	case 'f': opt.first = strtoull(arg, NULL, 10); return 0;
	case 'C': opt.class = arg; return 0;
	case 'r': opt.rate = atof(arg); return 0;
	case 'd': opt.seconds = (unsigned)atoi(arg); return 0;
	case 'T': opt.timeout_s = (unsigned)atoi(arg); return 0;
	case 's': opt.sink = true; return 0;
	case 'l': opt.ndjson = true; return 0;
	case 'K': opt.keys = true; return 0;
	case 'g': opt.get = arg; return 0;
	case 'P': opt.path = arg; return 0;
	case 'w': opt.wait = true; return 0;
	case 'S': opt.serve = true; return 0;
	case 'p': opt.sink_port = atoi(arg); return 0;
	case ARGP_KEY_END:
		if (!opt.connections || !opt.batch || opt.batch > 10000 || !opt.count)
			argp_error(state, "connections, batch (at most 10000) and count must be positive");
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	const struct argp argp = { options, option, NULL, "Load for benchmarks.", NULL, NULL, NULL };
	char host[64] = "";
	int port = 0;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (sscanf(opt.to, "%63[^:]:%d", host, &port) != 2 || uv_ip4_addr(host, port, &target) < 0) {
		fprintf(stderr, "load: --to wants ADDR:PORT\n");
		return EXIT_FAILURE;
	}
	conns = calloc(opt.connections, sizeof(*conns));
	uv_loop_init(&loop);
	uv_timer_init(&loop, &deadline);
	uv_timer_init(&loop, &pacer);
	uv_timer_init(&loop, &bell);
	if (opt.sink || opt.serve)
		sink_listen();
	if (opt.serve)
		return uv_run(&loop, UV_RUN_DEFAULT);
	make_model();
	uv_pipe_init(&loop, &go_pipe, 0);
	if (!(opt.sink || opt.wait) || uv_pipe_open(&go_pipe, 0) < 0 ||
		uv_read_start((uv_stream_t *)&go_pipe, go_alloc, go) < 0)
		begin();
	uv_run(&loop, UV_RUN_DEFAULT);
	return EXIT_SUCCESS;
}
