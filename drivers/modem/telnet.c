/* SPDX-License-Identifier: Apache-2.0 */
/* telnet.c -- see telnet.h. */
#include "drivers/modem/telnet.h"

#include <string.h>

enum { SE = 240, SB = 250, WILL = 251, WONT = 252, DO = 253, DONT = 254, IAC = 255 }; /* RFC 854, page 14 */
enum { BINARY = 0, SUPPRESS_GO_AHEAD = 3 };

enum { DATA, COMMAND, OPTION, SUB, SUB_COMMAND };

void telnet_init(struct telnet *t)
{
	memset(t, 0, sizeof(*t));
}

static bool first_time(uint8_t set[32], uint8_t option)
{
	uint8_t bit = (uint8_t)(1u << (option & 7));
	bool first = !(set[option >> 3] & bit);

	set[option >> 3] |= bit;
	return first;
}

static size_t say(uint8_t *to, uint8_t verb, uint8_t option)
{
	to[0] = IAC;
	to[1] = verb;
	to[2] = option;
	return 3;
}

/* A request that we have answered is never answered again, whoever began (RFC 1143, section 2). */
static size_t answer_option(struct telnet *t, uint8_t option, uint8_t *to)
{
	bool wanted = option == BINARY || option == SUPPRESS_GO_AHEAD;

	switch (t->verb) {
	case WILL: return first_time(t->will, option) ? say(to, wanted ? DO : DONT, option) : 0;
	case DO: return first_time(t->do_, option) ? say(to, wanted ? WILL : WONT, option) : 0;
	default: return 0; /* WONT, DONT: it is off, as at the start */
	}
}

/* The first sign of a telnet server: ask for eight bits both ways. */
static size_t begin(struct telnet *t, uint8_t *to)
{
	t->on = true;
	(void)first_time(t->will, BINARY);
	(void)first_time(t->do_, BINARY);
	say(to, DO, BINARY);
	say(to + 3, WILL, BINARY);
	return 6;
}

size_t telnet_read(struct telnet *t, uint8_t *data, size_t n, uint8_t *answer, size_t *ret_n_answer)
{
	size_t kept = 0, said = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = data[i];

		switch (t->state) {
		case DATA:
			if (c == IAC)
				t->state = COMMAND;
			else
				data[kept++] = c;
			break;
		case COMMAND:
			t->state = DATA;
			if (c == IAC) {
				data[kept++] = c;
			} else if (c == SB) {
				t->state = SUB;
			} else if (c >= WILL) {
				t->verb = c;
				t->state = OPTION;
				if (!t->on)
					said += begin(t, answer + said);
			}
			break;
		case OPTION:
			t->state = DATA;
			said += answer_option(t, c, answer + said);
			break;
		case SUB:
			if (c == IAC)
				t->state = SUB_COMMAND;
			break;
		case SUB_COMMAND:
			t->state = c == SE ? DATA : SUB;
			break;
		}
	}
	*ret_n_answer = said;
	return kept;
}
