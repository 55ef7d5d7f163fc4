/* SPDX-License-Identifier: Apache-2.0 */
/* startup.c -- from a port that answers to a modem that is set up.
 *
 * What a modem remembers from before (echo, error form, where it reports to) is nobody's business: all is set anew.
 * What it refuses is a fact of this modem and no failure, except where nothing works without: the SIM and PDU mode. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/conf_make.h"
#include "base/log.h"
#include "drivers/modem/modem.h"

#define AGAIN_MS     1000u
#define TIMEOUTS_MAX 3u
#define READY_MS     60000u /* a SIM that is busy for longer is stuck */
#define RADIO_MS     20000u /* AT+CFUN=1 switches the radio on */
#define STORAGE_MS   30000u

/* ---- common to all steps ---- */

int modem_ask(struct modem *m, const char *text, const char *prefix, chat_done_cb done)
{
	const struct chat_command cmd = { .text = text, .prefix = prefix, .done = done, .arg = m };

	return m->chat ? chat_command(m->chat, &cmd) : -ENOTCONN;
}

enum at_kind modem_error_kind(const struct chat_answer *a)
{
	return a->end == CHAT_CMS_ERROR ? AT_CMS_ERROR : a->end == CHAT_CME_ERROR ? AT_CME_ERROR : AT_ERROR;
}

enum at_class modem_class(const struct chat_answer *a)
{
	return at_error_class(modem_error_kind(a), a->code);
}

const char *modem_refusal(const struct chat_answer *a, char *buf, size_t n_buf)
{
	if (a->end == CHAT_TIMEOUT || a->end == CHAT_GONE)
		snprintf(buf, n_buf, "no answer");
	else
		at_error_text(modem_error_kind(a), a->code, buf, n_buf);
	return buf;
}

/* "not allowed" right after power up means "not yet". */
static bool is_not_ready(const struct chat_answer *a)
{
	return (a->end == CHAT_CME_ERROR || a->end == CHAT_CMS_ERROR) && modem_class(a) == AT_CLASS_NOT_READY;
}

static bool no_answer(struct modem *m)
{
	char why[64];

	if (++m->start.n_timeouts < TIMEOUTS_MAX) {
		startup_wait(m, 0);
		return true;
	}
	snprintf(why, sizeof(why), "does not answer in start-up step %u", m->start.step);
	modem_stuck(m, why);
	return true;
}

static bool not_ready(struct modem *m, const struct chat_answer *a)
{
	struct startup *s = &m->start;
	uint64_t now = uv_now(m->loop);
	char text[80], why[128];

	if (!s->not_ready_since_ms)
		s->not_ready_since_ms = now;
	snprintf(why, sizeof(why), "the SIM is not ready yet (%s)", modem_refusal(a, text, sizeof(text)));
	if (now - s->not_ready_since_ms >= READY_MS) {
		modem_stuck(m, why);
		return true;
	}
	link_down(m->link, why);
	startup_wait(m, AGAIN_MS);
	return true;
}

bool startup_deals_with(struct modem *m, const struct chat_answer *a)
{
	if (a->end == CHAT_GONE || !m->start.running)
		return true;
	if (a->end == CHAT_TIMEOUT)
		return no_answer(m);
	if (is_not_ready(a))
		return not_ready(m, a);
	m->start.not_ready_since_ms = 0;
	return false;
}

/* A setting that a modem may as well refuse. */
static void on_set(void *arg, const struct chat_answer *a)
{
	if (!startup_deals_with(arg, a))
		startup_next(arg);
}

static void set(struct modem *m, const char *text)
{
	modem_ask(m, text, NULL, on_set);
}

/* ---- who is it? ---- */

/* The value in an answer of one line, with or without "+CGMR:" before it and quotes around it. */
static void take_text(const struct chat_answer *a, char *dst, size_t n_dst)
{
	struct at_fields f;
	const char *colon;

	dst[0] = '\0';
	if (a->end != CHAT_OK || a->n_lines == 0)
		return;
	f.at = a->lines[0];
	colon = strchr("+^*$%#", f.at[0]) ? strchr(f.at, ':') : NULL;
	if (colon)
		f.at = colon + 1;
	at_field(&f, dst, n_dst);
}

static void take_digits(const struct chat_answer *a, char *dst, size_t n_dst)
{
	char text[64];
	size_t n = 0;

	take_text(a, text, sizeof(text));
	for (const char *s = text; *s && n + 1 < n_dst; s++) {
		if ((*s >= '0' && *s <= '9') || (n > 0 && strchr("ABCDEFabcdef", *s)))
			dst[n++] = *s;
	}
	while (n > 0 && (dst[n - 1] == 'F' || dst[n - 1] == 'f')) /* filler of an odd number of digits */
		n--;
	dst[n] = '\0';
}

#define TEXT_STEP(name, command, take, field) \
	static void on_##name(void *arg, const struct chat_answer *a) \
	{ \
		struct modem *m = arg; \
		if (startup_deals_with(m, a)) \
			return; \
		take(a, m->id.field, sizeof(m->id.field)); \
		startup_next(m); \
	} \
	static void ask_##name(struct modem *m) \
	{ \
		modem_ask(m, command, NULL, on_##name); \
	}

TEXT_STEP(maker, "AT+CGMI", take_text, maker)
TEXT_STEP(model, "AT+CGMM", take_text, model)
TEXT_STEP(firmware, "AT+CGMR", take_text, firmware)
TEXT_STEP(imei, "AT+CGSN", take_digits, imei)
TEXT_STEP(imsi, "AT+CIMI", take_digits, imsi)

/* ---- steps ---- */

static void echo_off(struct modem *m)
{
	set(m, "ATE0");
}

static void error_codes(struct modem *m)
{
	set(m, "AT+CMEE=1");
}

static void on_radio_on(void *arg, const struct chat_answer *a)
{
	if (!startup_deals_with(arg, a))
		startup_next(arg);
}

/* 0 and 4: minimum, flight mode (3GPP TS 27.007, 8.2). */
static void on_radio(void *arg, const struct chat_answer *a)
{
	const struct chat_command on = { .text = "AT+CFUN=1", .timeout_ms = RADIO_MS, .done = on_radio_on, .arg = arg };
	struct modem *m = arg;
	struct at_fields f = { NULL };
	long fun = 1;

	if (startup_deals_with(m, a))
		return;
	for (unsigned i = 0; i < a->n_lines && !f.at; i++)
		f.at = at_after(a->lines[i], "+CFUN:");
	if (a->end == CHAT_OK && f.at && at_field_number(&f, &fun) == 0 && (fun == 0 || fun == 4))
		chat_command(m->chat, &on);
	else
		startup_next(m);
}

static void radio(struct modem *m)
{
	modem_ask(m, "AT+CFUN?", "+CFUN:", on_radio);
}


static void choose_make(struct modem *m)
{
	quirks_choose(m);
	startup_next(m);
}

static void on_init(void *arg, const struct chat_answer *a);

/* Those of the make, then the operator's own; NULL: no more. */
static const char *init_command(const struct modem *m)
{
	const struct conf_strings *make = &quirks(m)->init, *own = &link_conf(m->link)->init;
	size_t i = m->start.sub;

	if (i < make->n)
		return make->item[i];
	return i - make->n < own->n ? own->item[i - make->n] : NULL;
}

static void init_next(struct modem *m)
{
	const char *command = init_command(m);

	if (command)
		modem_ask(m, command, NULL, on_init);
	else
		startup_next(m);
}

static void on_init(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;
	char text[80];

	if (startup_deals_with(m, a))
		return;
	if (a->end != CHAT_OK)
		log_warn("modem_init_refused", "link=%s command=%s answer=%s", link_name(m->link),
			init_command(m), modem_refusal(a, text, sizeof(text)));
	m->start.sub++;
	init_next(m);
}

/* What tells the SIM's number differs by make; the first that answers does. */
static const char *const iccid_commands[] = {
	"AT+CCID", "AT+ICCID", "AT^ICCID?", "AT+QCCID", "AT+CICCID", "AT^SCID", "AT+CCID?", "AT#CCID", "AT!ICCID?",
	"AT+ZGETICCID",
};
#define N_ICCID (sizeof(iccid_commands) / sizeof(iccid_commands[0]))

static void on_iccid(void *arg, const struct chat_answer *a);

/* What is known of the make first. */
static void ask_iccid(struct modem *m)
{
	const char *known = quirks(m)->iccid;
	const char *command = *known && m->start.sub == 0 ? known : iccid_commands[m->start.sub - (*known != 0)];

	/* SIMCom answers to AT+CICCID by another name. */
	modem_ask(m, command, strcmp(command, "AT+CICCID") == 0 ? "+ICCID:" : NULL, on_iccid);
}

static void on_iccid(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;

	if (startup_deals_with(m, a))
		return;
	take_digits(a, m->id.iccid, sizeof(m->id.iccid));
	/* 3GPP TS 31.102, 4.2.2, ITU-T E.118: 18 to 20 digits. */
	if (strlen(m->id.iccid) < 18)
		m->id.iccid[0] = '\0';
	if (m->id.iccid[0] || ++m->start.sub == N_ICCID + (*quirks(m)->iccid != 0))
		startup_next(m);
	else
		ask_iccid(m);
}

static void ask_iccid_again(struct modem *m)
{
	if (m->id.iccid[0])
		startup_next(m);
	else
		ask_iccid(m);
}

/* +CNUM: "alpha","+4670…",145; as a rule there is none. */
static void on_number(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;

	if (startup_deals_with(m, a))
		return;
	for (unsigned i = 0; i < a->n_lines && !m->id.number[0]; i++) {
		struct at_fields f = { at_after(a->lines[i], "+CNUM:") };
		char alpha[64];

		if (f.at && at_field(&f, alpha, sizeof(alpha)) != -ENOENT)
			at_field(&f, m->id.number, sizeof(m->id.number));
	}
	startup_next(m);
}

static void ask_number(struct modem *m)
{
	m->id.number[0] = '\0';
	modem_ask(m, "AT+CNUM", "+CNUM:", on_number);
}

static void identity(struct modem *m)
{
	if (finder_check(m->life.want, m->id.imei, m->id.imsi, m->id.iccid) == -ENXIO) {
		life_event(m, EV_STRANGER, "another modem, or another SIM, answers on this port");
		return;
	}
	link_identity(m->link, m->id.iccid[0] ? m->id.iccid : m->id.imsi);
	startup_next(m);
}

/* Messages are entered and told as PDUs; without that there is no driver for it. */
static void on_pdu_mode(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;
	char text[80], why[160];

	if (startup_deals_with(m, a))
		return;
	if (a->end == CHAT_OK) {
		startup_next(m);
		return;
	}
	snprintf(why, sizeof(why), "the modem refuses PDU mode (AT+CMGF=0: %s); it cannot be used",
		modem_refusal(a, text, sizeof(text)));
	startup_block(m, 60000, why);
}

static void pdu_mode(struct modem *m)
{
	modem_ask(m, "AT+CMGF=0", NULL, on_pdu_mode);
}

/* +CSCA: "+46705008999",145 */
static void on_centre(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;
	struct at_fields f = { NULL };
	char number[32] = "";

	if (startup_deals_with(m, a))
		return;
	for (unsigned i = 0; i < a->n_lines && !f.at; i++)
		f.at = at_after(a->lines[i], "+CSCA:");
	if (f.at)
		at_field(&f, number, sizeof(number));
	link_alarm(m->link, "modem_no_smsc", a->end == CHAT_OK && !number[0] ?
		"the SIM has no number of a service centre: nothing can be sent until `smsc` is set" : NULL);
	startup_next(m);
}

static void on_centre_set(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;
	char text[80];

	if (startup_deals_with(m, a))
		return;
	if (a->end != CHAT_OK)
		log_warn("modem_smsc_refused", "link=%s answer=%s", link_name(m->link),
			modem_refusal(a, text, sizeof(text)));
	modem_ask(m, "AT+CSCA?", "+CSCA:", on_centre);
}

static void centre(struct modem *m)
{
	const char *smsc = link_conf(m->link)->smsc;
	char text[64];

	if (!*smsc) {
		modem_ask(m, "AT+CSCA?", "+CSCA:", on_centre);
		return;
	}
	snprintf(text, sizeof(text), "AT+CSCA=\"%s\",%d", smsc, *smsc == '+' ? 145 : 129);
	modem_ask(m, text, NULL, on_centre_set);
}

/* +CMMS: (0-2); with 2 the link stays open between messages (3GPP TS 27.005, 3.5.6). */
static void on_more_set(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;

	if (startup_deals_with(m, a))
		return;
	m->can.more_messages = a->end == CHAT_OK;
	startup_next(m);
}

static void on_more(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;
	const char *list = NULL;

	if (startup_deals_with(m, a))
		return;
	for (unsigned i = 0; i < a->n_lines && !list; i++)
		list = at_after(a->lines[i], "+CMMS:");
	if (a->end == CHAT_OK && list && at_list_has(list, 2))
		modem_ask(m, "AT+CMMS=2", NULL, on_more_set);
	else
		startup_next(m);
}

static void more_messages(struct modem *m)
{
	modem_ask(m, "AT+CMMS=?", "+CMMS:", on_more);
}

static void tell_cs(struct modem *m)
{
	set(m, "AT+CREG=1");
}

static void tell_ps(struct modem *m)
{
	set(m, "AT+CGREG=1");
}

static void tell_eps(struct modem *m)
{
	set(m, "AT+CEREG=1");
}

static void tell_callers(struct modem *m)
{
	set(m, "AT+CLIP=1");
}

static void tell_ussd(struct modem *m)
{
	set(m, "AT+CUSD=1");
}

/* ---- the order ---- */

static const struct step {
	const char *name;
	void (*run)(struct modem *m);
} steps[] = {
	{ "echo", echo_off },
	{ "error codes", error_codes },
	{ "maker", ask_maker },
	{ "model", ask_model },
	{ "firmware", ask_firmware },
	{ "IMEI", ask_imei },
	{ "make", choose_make },
	{ "init", init_next },
	{ "radio", radio },
	{ "ICCID", ask_iccid }, /* most tell it before the PIN, and what is known of a PIN is known of this SIM */
	{ "PIN", startup_pin },
	{ "memories", startup_memories }, /* from here on the SIM must be there */
	{ "IMSI", ask_imsi },
	{ "ICCID again", ask_iccid_again },
	{ "number", ask_number },
	{ "identity", identity },
	{ "PDU mode", pdu_mode },
	{ "service", startup_service },
	{ "service centre", centre },
	{ "reports", startup_reports },
	{ "more messages", more_messages },
	{ "registration", tell_cs },
	{ "packet registration", tell_ps },
	{ "LTE registration", tell_eps },
	{ "callers", tell_callers },
	{ "USSD", tell_ussd },
};
#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

static void run(struct modem *m)
{
	struct startup *s = &m->start;

	if (s->step >= N_STEPS) {
		s->running = false;
		life_event(m, EV_STARTED, NULL);
		return;
	}
	log_debug("modem_startup", "link=%s step=%s", link_name(m->link), steps[s->step].name);
	steps[s->step].run(m);
}

static void on_timer(uv_timer_t *t)
{
	struct modem *m = t->data;

	if (m->start.running)
		run(m);
}

void startup_next(struct modem *m)
{
	m->start.step++;
	m->start.sub = m->start.n_timeouts = 0;
	m->start.not_ready_since_ms = 0;
	run(m);
}

void startup_wait(struct modem *m, uint64_t ms)
{
	uv_timer_start(&m->start.timer, on_timer, ms, 0);
}

void startup_block(struct modem *m, uint64_t again_ms, const char *why)
{
	startup_abort(m);
	life_event(m, EV_BLOCKED, why);
	if (again_ms)
		life_arm(m, again_ms);
}

void startup_begin(struct modem *m)
{
	struct startup *s = &m->start;

	uv_timer_stop(&s->timer);
	s->step = s->sub = s->n_timeouts = 0;
	s->not_ready_since_ms = 0;
	s->pin_tries = -1;
	s->pin_entered = false;
	s->cnmi_try = 0;
	s->running = true;
	s->run++;
	/* Who it was is known until it says otherwise: what is in doubt is named by it. */
	memset(&m->can, 0, sizeof(m->can));
	run(m);
}

void startup_abort(struct modem *m)
{
	m->start.running = false;
	uv_timer_stop(&m->start.timer);
}

/* What a modem says when it has got as far: no need to wait for the next second. */
static const char *const ready_lines[] = { "SMS Ready", "SMS DONE", "PB DONE", "+QIND: SMS DONE", "+CPIN: READY", "Call Ready" };

static bool begins_with(const char *line, const char *s)
{
	return strncasecmp(line, s, strlen(s)) == 0;
}

void startup_urc(struct modem *m, const char *line)
{
	const struct conf_strings *more = &quirks(m)->ready;
	bool ready = false;

	for (size_t i = 0; i < more->n; i++)
		ready = ready || begins_with(line, more->item[i]);
	for (size_t i = 0; i < sizeof(ready_lines) / sizeof(ready_lines[0]); i++)
		ready = ready || begins_with(line, ready_lines[i]);
	if (m->start.running) {
		if (ready && uv_is_active((uv_handle_t *)&m->start.timer))
			startup_wait(m, 0);
		return;
	}
	/* The SIM was taken out, or another one came, or all of the modem began anew and has forgotten what was set. */
	if (begins_with(line, "+CPIN:"))
		life_event(m, EV_RESTART, begins_with(line, "+CPIN: READY") ? "the SIM was put in, or the modem began anew" :
			"the SIM is not there (any more)");
	else
		m->n_unknown++;
}

int startup_init(struct modem *m)
{
	m->start.timer.data = m;
	return uv_timer_init(m->loop, &m->start.timer);
}
