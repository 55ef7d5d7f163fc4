/* SPDX-License-Identifier: Apache-2.0 */
/* ussd.c -- see ussd.h.
 *
 * OK to AT+CUSD means that the code was sent; the answer comes as +CUSD, before or after.  Only one dialogue at a time
 * is possible on a modem, and the core asks for no more. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "codec/utf8.h"
#include "drivers/modem/modem.h"

#define ANSWER_MS 60000u /* driver.h: a minute at most */

/* 3GPP TS 27.007, 7.15 */
enum status { USSD_DONE, USSD_MORE, USSD_ENDED, USSD_ELSEWHERE, USSD_UNSUPPORTED, USSD_NO_NETWORK_ANSWER };

static void tell(struct modem *m, int r, const char *text, bool more)
{
	const struct driver_ussd u = { .r = r, .text = text, .more = more };
	driver_ussd_cb *done = m->ussd.done;

	uv_timer_stop(&m->ussd.timer);
	m->ussd.done = NULL;
	if (done)
		done(m->ussd.arg, &u);
}

void ussd_end(struct modem *m, int r, const char *why)
{
	if (m->ussd.done)
		tell(m, r, why, false);
}

static void on_timer(uv_timer_t *t)
{
	struct modem *m = t->data;

	modem_ask(m, "AT+CUSD=2", NULL, NULL); /* the dialogue is over for us: let the network know */
	ussd_end(m, -ETIMEDOUT, "the network did not answer");
}

bool ussd_urc(struct modem *m, const char *line)
{
	char text[USSD_TEXT_MAX];
	unsigned status;

	if (!at_after(line, "+CUSD:"))
		return false;
	if (ussd_read(line, quirks(m)->ussd, &status, text) < 0)
		return true;
	if (!m->ussd.done) {
		m->ussd.n_network++;
		memcpy(m->ussd.network_text, text, sizeof(text));
		log_info("modem_ussd", "link=%s asked=no octets=%zu", link_name(m->link), strlen(text));
		log_debug("modem_ussd_text", "link=%s text=%s", link_name(m->link), text);
	} else if (status == USSD_UNSUPPORTED) {
		tell(m, -EIO, "the network does not support this", false);
	} else if (status == USSD_NO_NETWORK_ANSWER) {
		tell(m, -ETIMEDOUT, "the network did not answer", false);
	} else if (status == USSD_ENDED && !text[0] && *m->ussd.code) {
		tell(m, -ECONNABORTED, "the network ended the dialogue", false);
	} else {
		tell(m, 0, text, status == USSD_MORE);
	}
	return true;
}

static int send_code(struct modem *m, enum conf_make_ussd form);

static void on_sent(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;
	char why[80];

	if (a->end == CHAT_OK || !m->ussd.done)
		return;
	/* Perhaps it wants it in another form. */
	if (quirks(m)->ussd == CONF_MAKE_USSD_AUTO && !m->ussd.tried_packed && a->end != CHAT_GONE &&
		a->end != CHAT_TIMEOUT) {
		m->ussd.tried_packed = true;
		if (send_code(m, CONF_MAKE_USSD_PACKED) == 0)
			return;
	}
	modem_refusal(a, why, sizeof(why));
	tell(m, a->end == CHAT_GONE ? -ENOTCONN : a->end == CHAT_TIMEOUT ? -ETIMEDOUT : -EIO, why, false);
}

/* AT+CSCS says what strings are made of (27.007, 5.5); only this command is to have it so. */
static int send_code(struct modem *m, enum conf_make_ussd form)
{
	char code[2 * 2 * DRIVER_USSD_MAX + 1], text[sizeof(code) + 24];
	int r = ussd_write(m->ussd.code, form, code, sizeof(code));

	if (r < 0)
		return -EINVAL;
	snprintf(text, sizeof(text), "AT+CUSD=1,\"%s\",15", code);
	if (form == CONF_MAKE_USSD_UCS2)
		modem_ask(m, "AT+CSCS=\"UCS2\"", NULL, NULL);
	r = modem_ask(m, text, NULL, on_sent);
	if (form == CONF_MAKE_USSD_UCS2)
		modem_ask(m, "AT+CSCS=\"IRA\"", NULL, NULL);
	return r;
}

static void on_cancelled(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;

	if (*m->ussd.code)
		return; /* the network was faster, and somebody has asked on */
	tell(m, a->end == CHAT_GONE ? -ENOTCONN : 0, "", false);
}

int ussd_ask(struct modem *m, const char *code, driver_ussd_cb *done, void *arg)
{
	struct ussd *u = &m->ussd;
	int r;

	if (!m->chat || (m->life.state != MODEM_READY && m->life.state != MODEM_SEARCHING))
		return -ENOTCONN;
	if (u->done)
		return -EBUSY;
	if (strlen(code) >= sizeof(u->code))
		return -EINVAL;
	snprintf(u->code, sizeof(u->code), "%s", code);
	u->tried_packed = false;
	r = *code ? send_code(m, quirks(m)->ussd) : modem_ask(m, "AT+CUSD=2", NULL, on_cancelled);
	if (r < 0)
		return r == -EINVAL ? r : -EBUSY;
	u->done = done;
	u->arg = arg;
	uv_timer_start(&u->timer, on_timer, ANSWER_MS, 0);
	return 0;
}

int ussd_init(struct modem *m)
{
	m->ussd.timer.data = m;
	return uv_timer_init(m->loop, &m->ussd.timer);
}
