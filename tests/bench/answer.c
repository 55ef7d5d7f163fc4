/* SPDX-License-Identifier: Apache-2.0 */
/* answer.c -- see answer.h. */
#include "tests/bench/answer.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define IN_CAP (256 * 1024)

static uint8_t in[IN_CAP], out[IN_CAP]; /* no answer is longer than what it answers */

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

/* The response to a PDU, SMPP 3.4, 4.1.2 and 4.4.2: header, and a C-octet string where the response has one. */
static size_t answer(const uint8_t *pdu, uint8_t *dst)
{
	static const char hex[] = "0123456789abcdef";
	uint32_t id = get32(pdu + 4), seq = get32(pdu + 12);
	size_t n = 16;

	if (id & 0x80000000u)
		return 0;
	if (id == 4) { /* submit_sm: a message_id of eight digits */
		for (unsigned i = 0; i < 8; i++)
			dst[n++] = (uint8_t)hex[seq >> (28 - 4 * i) & 15];
		dst[n++] = 0;
	} else if (id == 1 || id == 2 || id == 9) { /* a bind: system_id "a" */
		dst[n++] = 'a';
		dst[n++] = 0;
	}
	put32(dst, (uint32_t)n);
	put32(dst + 4, id | 0x80000000u);
	put32(dst + 8, 0);
	put32(dst + 12, seq);
	return n;
}

static bool write_all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t took = write(fd, p, n);

		if (took <= 0)
			return false;
		p += took;
		n -= (size_t)took;
	}
	return true;
}

static void serve(int fd)
{
	size_t have = 0;
	ssize_t got;

	while ((got = read(fd, in + have, IN_CAP - have)) > 0) {
		size_t at = 0, n_out = 0;

		have += (size_t)got;
		while (have - at >= 16) {
			uint32_t length = get32(in + at);

			if (length < 16 || length > IN_CAP / 2)
				return;
			if (length > have - at)
				break;
			n_out += answer(in + at, out + n_out);
			at += length;
		}
		have -= at;
		memmove(in, in + at, have);
		if (!write_all(fd, out, n_out))
			return;
	}
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

int answer_start(pid_t *ret_pid)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int one = 1, fd, server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (server < 0 || bind(server, (struct sockaddr *)&addr, len) < 0 || listen(server, 8) < 0 ||
		getsockname(server, (struct sockaddr *)&addr, &len) < 0)
		die("answer: listen");
	*ret_pid = fork();
	if (*ret_pid < 0)
		die("answer: fork");
	if (*ret_pid > 0) {
		close(server);
		return ntohs(addr.sin_port);
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	while ((fd = accept(server, NULL, NULL)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		serve(fd);
		close(fd);
	}
	_exit(1);
}

void answer_stop(pid_t pid)
{
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}
