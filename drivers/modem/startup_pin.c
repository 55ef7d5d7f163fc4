/* SPDX-License-Identifier: Apache-2.0 */
/* startup_pin.c -- the SIM: is it there, does it want its PIN, and may we give it?
 *
 * Three wrong PINs lock a SIM, and a program that starts again and again does that within a minute.  So the counter is
 * read first, the last try is never ours, and a PIN that was wrong once is not given again. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/conf_make.h"
#include "base/log.h"
#include "base/secret.h"
#include "drivers/modem/modem.h"
#include "drivers/modem/pin_memory.h"

#define NO_SIM_MS 10000u /* look again: it may be put in */
#define PIN_MS    15000u
#define NOTE_MS   60000u

static void on_state(void *arg, const struct chat_answer *a);

static void ask_state(struct modem *m)
{
	modem_ask(m, "AT+CPIN?", "+CPIN:", on_state);
}

/* ---- entering it ---- */

/* It was tried, and what came of it may be read off the state only: another try is another start-up's decision. */
static void on_entered(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;
	char text[80], why[200];

	if (a->end == CHAT_GONE || !m->start.running)
		return;
	m->start.pin_entered = true;
	m->start.sub = 0;
	if (a->end == CHAT_OK || a->end == CHAT_TIMEOUT || modem_class(a) == AT_CLASS_NOT_READY) {
		log_info("modem_pin", "link=%s result=%s", link_name(m->link), a->end == CHAT_OK ? "taken" : "unknown");
		startup_wait(m, a->end == CHAT_OK ? 0 : 1000); /* READY takes a moment */
		return;
	}
	pin_memory_write(m, PIN_REFUSED, NULL);
	snprintf(why, sizeof(why), "the SIM refused the PIN of the settings (%s); it is not tried again",
		modem_refusal(a, text, sizeof(text)));
	log_error("modem_pin", "link=%s result=refused", link_name(m->link));
	startup_block(m, 0, why);
}

static void enter(struct modem *m)
{
	char text[32];
	const struct chat_command cmd = {
		.text = text, .secret = true, .timeout_ms = PIN_MS, .done = on_entered, .arg = m,
	};

	snprintf(text, sizeof(text), "AT+CPIN=\"%s\"", link_conf(m->link)->pin);
	chat_command(m->chat, &cmd);
	secret_wipe(text, sizeof(text));
}

/* ---- how many tries are left ---- */

/* Each make has its own command; the first that answers does. */
static const struct counter {
	const char *command, *prefix;
	unsigned field; /* where the tries for PIN 1 stand */
} counters[] = {
	{ "AT+CPINR", "+CPINR:", 1 },        /* +CPINR: SIM PIN,3,3 */
	{ "AT^CPIN?", "^CPIN:", 3 },         /* ^CPIN: SIM PIN,3,10,3,10,3 */
	{ "AT+SPIC", "+SPIC:", 0 },          /* +SPIC: 3,10,0,10 */
	{ "AT+QPINC=\"SC\"", "+QPINC:", 1 }, /* +QPINC: "SC",3,10 */
	{ "AT^SPIC", "^SPIC:", 0 },          /* ^SPIC: 3, of what the SIM wants now */
	{ "AT+ZPINPUK=?", "+ZPINPUK:", 0 },  /* +ZPINPUK: 3,10 */
	{ "AT+UPINCNT", "+UPINCNT:", 0 },    /* +UPINCNT: 3,3,10,10 */
	{ "AT#PCT", "#PCT:", 0 },            /* #PCT: 3, likewise */
};
#define N_COUNTERS (sizeof(counters) / sizeof(counters[0]))

static long tries_in(const struct counter *c, const struct chat_answer *a)
{
	for (unsigned i = 0; i < a->n_lines; i++) {
		struct at_fields f = { at_after(a->lines[i], c->prefix) };
		char skipped[32];
		long n;

		/* Of AT+CPINR's lines the one of PIN 1. */
		if (!f.at || strstr(a->lines[i], "PUK") || strstr(a->lines[i], "PIN2"))
			continue;
		for (unsigned k = 0; k < c->field; k++)
			at_field(&f, skipped, sizeof(skipped));
		if (at_field_number(&f, &n) == 0 && n >= 0)
			return n;
	}
	return -1;
}

static void on_noted(struct modem *m, int r, enum pin_mark mark)
{
	char why[160];

	if (r == 0) {
		enter(m);
		return;
	}
	/* It could be forgotten then, and tried again and again. */
	snprintf(why, sizeof(why), "the PIN is not tried, since that cannot be noted in data_dir (%s)", strerror(-r));
	startup_block(m, NOTE_MS, why);
}

static void refuse_to_try(struct modem *m, const char *why)
{
	log_error("modem_pin", "link=%s result=not_tried tries=%ld", link_name(m->link), m->start.pin_tries);
	startup_block(m, 0, why);
}

/* All tries are there: what is not known to be wrong may be tried. */
#define TRIES 3 /* 3GPP TS 31.101, 9.5.1 */

static void on_remembered(struct modem *m, int r, enum pin_mark mark)
{
	if (r < 0)
		on_noted(m, r, mark);
	else if (mark == PIN_REFUSED)
		refuse_to_try(m, "this SIM has refused the PIN of the settings before; it is not tried again");
	else if (mark == PIN_SENT && m->start.pin_tries < TRIES)
		refuse_to_try(m, "the PIN of the settings was given to this SIM, which never answered; it is not tried again");
	else if (pin_memory_write(m, PIN_SENT, on_noted) < 0)
		on_noted(m, -ENOMEM, mark);
}

static void judge(struct modem *m)
{
	char why[160];

	if (m->start.pin_tries >= 0 && m->start.pin_tries <= 1) {
		snprintf(why, sizeof(why), "the SIM wants its PIN and leaves %ld tries: not used, unlock it by hand",
			m->start.pin_tries);
		refuse_to_try(m, why);
	} else if (pin_memory_read(m, on_remembered) < 0) {
		on_noted(m, -ENOMEM, PIN_NEW);
	}
}

static void on_counter(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;
	struct startup *s = &m->start;

	if (a->end == CHAT_GONE || !s->running)
		return;
	if (a->end == CHAT_OK)
		s->pin_tries = tries_in(&counters[s->sub], a);
	s->sub = (s->sub + 1) % N_COUNTERS;
	if (s->pin_tries < 0 && --s->counters_left > 0)
		modem_ask(m, counters[s->sub].command, counters[s->sub].prefix, on_counter);
	else
		judge(m);
}

/* What is known of the make. */
static unsigned first_counter(const struct modem *m)
{
	for (unsigned i = 0; i < N_COUNTERS; i++) {
		if (strcmp(quirks(m)->pin_retries, counters[i].command) == 0)
			return i;
	}
	return 0;
}

static void pin_wanted(struct modem *m)
{
	struct startup *s = &m->start;

	if (!*link_conf(m->link)->pin) {
		startup_block(m, NO_SIM_MS, "the SIM wants its PIN, and none is set");
	} else if (s->pin_entered && ++s->sub < 30) {
		startup_wait(m, 1000); /* taken, and the modem has not noticed yet */
	} else if (s->pin_entered) {
		startup_block(m, 0, "the SIM took the PIN, and wants it again");
	} else {
		s->sub = first_counter(m);
		s->counters_left = N_COUNTERS;
		s->pin_tries = -1;
		modem_ask(m, counters[s->sub].command, counters[s->sub].prefix, on_counter);
	}
}

/* ---- the state ---- */

static void on_word(struct modem *m, const char *word)
{
	char why[160];

	if (strcasecmp(word, "READY") == 0) {
		if (m->start.pin_entered)
			pin_memory_write(m, PIN_NEW, NULL);
		startup_next(m);
	} else if (strcasecmp(word, "SIM PIN") == 0) {
		pin_wanted(m);
	} else if (strcasecmp(word, "SIM PUK") == 0) {
		startup_block(m, 0, "the SIM is locked by wrong PINs and wants its PUK: unlock it in a phone");
	} else if (strcasecmp(word, "SIM PIN2") == 0 || strcasecmp(word, "SIM PUK2") == 0) {
		startup_next(m); /* of no meaning for messages */
	} else {
		snprintf(why, sizeof(why), "the SIM cannot be used: the modem says \"%.60s\"", word);
		startup_block(m, NO_SIM_MS, why);
	}
}

static void on_state(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;
	char word[64], text[80], why[160];

	if (a->end == CHAT_GONE || !m->start.running)
		return;
	/* Some answer without an OK behind it. */
	for (unsigned i = 0; i < a->n_lines; i++) {
		struct at_fields f = { at_after(a->lines[i], "+CPIN:") };

		if (f.at && at_field(&f, word, sizeof(word)) == 0) {
			on_word(m, word);
			return;
		}
	}
	if (startup_deals_with(m, a))
		return;
	if (a->end == CHAT_ERROR || a->end == CHAT_OK) {
		startup_next(m); /* has no such command: what follows will tell */
		return;
	}
	snprintf(why, sizeof(why), "no SIM that can be used (%s)", modem_refusal(a, text, sizeof(text)));
	startup_block(m, NO_SIM_MS, why);
}

void startup_pin(struct modem *m)
{
	ask_state(m);
}
