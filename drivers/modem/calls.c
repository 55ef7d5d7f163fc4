/* SPDX-License-Identifier: Apache-2.0 */
/* calls.c -- see calls.h.
 *
 * A call rings every few seconds, with its number in a line of its own (27.007, 7.11); it counts once. */
#include <config.h>

#include <string.h>

#include "base/conf_make.h"
#include "base/log.h"
#include "drivers/modem/modem.h"

#define SAME_CALL_MS 10000u /* networks ring every 4 to 6 seconds */

static void refuse(struct modem *m)
{
	const struct chat_command cmd = { .text = quirks(m)->hang_up, .urgent = true };

	if (m->calls.refused || !link_conf(m->link)->hang_up_calls || !m->chat)
		return;
	m->calls.refused = chat_command(m->chat, &cmd) == 0;
}

static void ring(struct modem *m)
{
	uint64_t now = uv_now(m->loop);
	struct calls *c = &m->calls;

	if (!c->n || now - c->rang_ms > SAME_CALL_MS) {
		c->n++;
		c->refused = false;
		log_info("modem_call", "link=%s calls=%llu", link_name(m->link), (unsigned long long)c->n);
	}
	c->rang_ms = now;
	refuse(m);
}

bool calls_urc(struct modem *m, const char *line)
{
	struct at_fields f = { at_after(line, "+CLIP:") };
	char number[32];

	if (f.at) {
		ring(m);
		at_field(&f, number, sizeof(number));
		log_debug("modem_caller", "link=%s from=%s", link_name(m->link), number);
		return true;
	}
	if (strcmp(line, "RING") == 0 || at_after(line, "+CRING:")) {
		ring(m);
		return true;
	}
	return strcmp(line, "NO CARRIER") == 0;
}
