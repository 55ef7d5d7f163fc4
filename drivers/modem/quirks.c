/* SPDX-License-Identifier: Apache-2.0 */
/* quirks.c -- see quirks.h. */
#include <config.h>

#include "base/conf_make.h"
#include "base/log.h"
#include "drivers/modem/modem.h"

/* As the standard says; nothing in it is freed. */
static char nothing[] = "", hang_up[] = "AT+CHUP", reset[] = "AT+CFUN=1,1", name[] = "standard";
static const struct conf_make standard = {
	.name = name, .maker = nothing, .model = nothing, .firmware = nothing, .iccid = nothing, .pin_retries = nothing,
	.hang_up = hang_up, .reset = reset,
};

const struct conf_make *quirks(const struct modem *m)
{
	return m->make ? m->make : &standard;
}

void quirks_choose(struct modem *m)
{
	struct chat_habits h = { 0 };

	m->make = conf_makes_find(m->makes, m->id.maker, m->id.model, m->id.firmware);
	h.gap_ms = (unsigned)quirks(m)->command_gap_ms;
	h.prompt_ms = (unsigned)quirks(m)->prompt_timeout_ms;
	h.noise = (const char *const *)quirks(m)->noise.item;
	h.n_noise = quirks(m)->noise.n;
	chat_set_habits(m->chat, &h);
	port_set_pace(m->port, (unsigned)quirks(m)->chunk, (unsigned)quirks(m)->chunk_gap_ms);
	if (quirks(m)->reference_useless)
		m->out.mr_useless = true;
	log_info("modem_make", "link=%s maker=%s model=%s firmware=%s make=%s", link_name(m->link), m->id.maker,
		m->id.model, m->id.firmware, quirks(m)->name);
}
