/* SPDX-License-Identifier: Apache-2.0 */
/* smpp_blast.c -- load for an SMPP server: keep windows full, count answers, tell the rate.
 *
 *   smpp_blast PORT BINDS WINDOW MESSAGES [RECEIPTS]
 *
 * Opens BINDS transceivers on loopback, keeps WINDOW submit_sm outstanding on each, and sends MESSAGES in
 * all, every one with its own destination and text.  With RECEIPTS = 1 it asks for receipts, acknowledges
 * every deliver_sm and waits for all of them.  One line of JSON at the end.  PDUs are octets written down
 * here, not made by the code under test.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BINDS_MAX 64
#define IN_CAP	  (256 * 1024)
#define OUT_CAP	  (512 * 1024)

struct peer {
	int fd;
	bool bound;
	uint32_t next, outstanding;
	size_t n_in, n_out;
	uint8_t in[IN_CAP], out[OUT_CAP];
};

static struct peer *peers[BINDS_MAX];
static unsigned n_peers;
static uint32_t window;
static uint64_t total, sent, answered, refused, receipts;
static bool want_receipts;

static const uint8_t bind_pdu[] = {0, 0, 0, 30, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 'b', 'l', 'a', 's', 't',
	0, 'p', 'w', 0, 0, 0x34, 0, 0, 0};

/* SMPP 3.4, 4.4.1, field by field; command_length and what is named in the enum below are filled in later. */
static const uint8_t submit_pdu[] = "\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0\0"			 /* header */
				    "\0"						 /* service_type */
				    "\5\0BLAST\0"					 /* source */
				    "\1\1\061\062\060\062\060\060\060\060\060\060\060\0" /* 12020000000 */
				    "\0\0\0\0\0\0\0\0\0\20" /* esm_class to sm_length 16 */
				    "message 00000000";
enum {
	SUBMIT_LEN = sizeof(submit_pdu) - 1,
	AT_DIGITS = 31,
	AT_REGISTERED = 44,
	AT_COUNT = 57, /* in the text */
};

static void die(const char *what)
{
	fprintf(stderr, "smpp_blast: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint32_t be32(const uint8_t *p)
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

static void digits(uint8_t *p, unsigned n, uint64_t v)
{
	while (n-- > 0) {
		p[n] = (uint8_t)('0' + v % 10);
		v /= 10;
	}
}

static void fill(struct peer *p)
{
	while (p->bound && p->outstanding < window && sent < total && p->n_out + SUBMIT_LEN <= OUT_CAP) {
		uint8_t *o = p->out + p->n_out;

		memcpy(o, submit_pdu, SUBMIT_LEN);
		put32(o, SUBMIT_LEN);
		put32(o + 12, ++p->next);
		digits(o + AT_DIGITS, 7, sent);
		o[AT_REGISTERED] = want_receipts;
		digits(o + AT_COUNT, 8, sent);
		p->n_out += SUBMIT_LEN;
		p->outstanding++;
		sent++;
	}
}

static void acknowledge(struct peer *p, const uint8_t *pdu)
{
	uint8_t *o = p->out + p->n_out;

	if (p->n_out + 17 > OUT_CAP) {
		fprintf(stderr, "smpp_blast: the peer takes no responses\n");
		exit(1);
	}
	put32(o, 17);
	put32(o + 4, 0x80000005);
	put32(o + 8, 0);
	memcpy(o + 12, pdu + 12, 4);
	o[16] = 0;
	p->n_out += 17;
	receipts++;
}

static void take(struct peer *p, const uint8_t *pdu)
{
	switch (be32(pdu + 4)) {
	case 0x80000009:
		if (be32(pdu + 8) != 0) {
			fprintf(stderr, "smpp_blast: bind refused with 0x%08X\n", be32(pdu + 8));
			exit(1);
		}
		p->bound = true;
		break;
	case 0x80000004:
		p->outstanding--;
		answered++;
		refused += be32(pdu + 8) != 0;
		break;
	case 5: acknowledge(p, pdu); break;
	}
}

static void receive(struct peer *p)
{
	ssize_t n = read(p->fd, p->in + p->n_in, IN_CAP - p->n_in);
	size_t off = 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		die("the connection ended");
	p->n_in += (size_t)n;
	while (p->n_in - off >= 16 && p->n_in - off >= be32(p->in + off)) {
		take(p, p->in + off);
		off += be32(p->in + off);
	}
	memmove(p->in, p->in + off, p->n_in - off);
	p->n_in -= off;
}

static void push(struct peer *p)
{
	ssize_t n;

	if (p->n_out == 0)
		return;
	n = write(p->fd, p->out, p->n_out);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		die("write");
	if (n > 0) {
		memmove(p->out, p->out + n, p->n_out - (size_t)n);
		p->n_out -= (size_t)n;
	}
}

static void open_peer(uint16_t port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct peer *p = calloc(1, sizeof(*p));
	int one = 1;

	if (!p)
		die("memory");
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->fd < 0 || connect(p->fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		die("connect");
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fcntl(p->fd, F_SETFL, O_NONBLOCK);
	memcpy(p->out, bind_pdu, sizeof(bind_pdu));
	p->n_out = sizeof(bind_pdu);
	peers[n_peers++] = p;
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static bool finished(void)
{
	return answered == total && (!want_receipts || receipts >= total - refused);
}

static void turn(void)
{
	struct pollfd fds[BINDS_MAX];

	for (unsigned i = 0; i < n_peers; i++) {
		fill(peers[i]);
		push(peers[i]);
		fds[i] = (struct pollfd){
			.fd = peers[i]->fd, .events = (short)(POLLIN | (peers[i]->n_out ? POLLOUT : 0))};
	}
	if (poll(fds, n_peers, 30000) <= 0) {
		fprintf(stderr, "smpp_blast: nothing moved for 30 s: %llu of %llu answered, %llu receipts\n",
			(unsigned long long)answered, (unsigned long long)total,
			(unsigned long long)receipts);
		exit(1);
	}
	for (unsigned i = 0; i < n_peers; i++)
		if (fds[i].revents & (POLLIN | POLLHUP | POLLERR))
			receive(peers[i]);
}

static unsigned long argument(char **argv, int i, unsigned long max)
{
	char *end;
	unsigned long v = strtoul(argv[i], &end, 10);

	if (*end || end == argv[i] || v == 0 || v > max) {
		fprintf(stderr, "smpp_blast: \"%s\" is not a number from 1 to %lu\n", argv[i], max);
		exit(2);
	}
	return v;
}

int main(int argc, char **argv)
{
	unsigned long binds;
	double start, took;

	if (argc < 5) {
		fprintf(stderr, "usage: smpp_blast PORT BINDS WINDOW MESSAGES [RECEIPTS]\n");
		return 2;
	}
	binds = argument(argv, 2, BINDS_MAX);
	window = (uint32_t)argument(argv, 3, 100000);
	total = argument(argv, 4, 1000000000);
	want_receipts = argc > 5 && strcmp(argv[5], "1") == 0;
	for (unsigned long i = 0; i < binds; i++)
		open_peer((uint16_t)argument(argv, 1, 65535));
	start = now_s();
	while (!finished())
		turn();
	took = now_s() - start;
	printf("{\"messages\":%llu,\"refused\":%llu,\"receipts\":%llu,\"seconds\":%.3f,\"per_second\":%.0f}"
	       "\n",
		(unsigned long long)total, (unsigned long long)refused, (unsigned long long)receipts, took,
		(double)total / took);
	for (unsigned i = 0; i < n_peers; i++) {
		close(peers[i]->fd);
		free(peers[i]);
	}
	return 0;
}
