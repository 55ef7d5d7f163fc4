/* SPDX-License-Identifier: Apache-2.0
 *
 * link_ussd.c -- USSD: one dialogue at a time on a link, whoever asks.
 *
 * The driver waits for the network and bounds that; here is only the rule that exactly one answer comes, and that
 * nobody is asked twice at once.  The balance is asked for soon after the link came up, and then every so many hours.
 */
#include "route/link_int.h"

#include <assert.h>
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static void answered(void *arg, const struct driver_ussd *u)
{
	struct link *l = arg;
	struct link_dialogue d = l->ussd;

	assert(d.busy); /* driver.h: exactly one answer */
	l->ussd.busy = false;
	log_info("ussd", "link=%s result=%s more=%s", l->name, u->r < 0 ? strerror(-u->r) : "answered",
		u->more ? "yes" : "no");
	d.done(d.arg, u);
}

int link_ussd(struct link *l, const char *code, driver_ussd_cb *done, void *arg)
{
	int r;

	if (!l->driver->ussd)
		return -ENOTSUP;
	if (l->state != LINK_UP && l->state != LINK_DRAINING)
		return -ENOTCONN;
	if (l->ussd.busy)
		return -EBUSY;
	if (strlen(code) > DRIVER_USSD_MAX)
		return -EINVAL;
	l->ussd = (struct link_dialogue){ .busy = true, .done = done, .arg = arg };
	r = l->driver->ussd(l, code, answered, l);
	if (r < 0)
		l->ussd.busy = false;
	return r;
}

/* ---- balance --------------------------------------------------------------------------------------------- */

#define SOON_MS  1000    /* after the link came up */
#define AGAIN_MS 600000  /* after no answer, or one without a number */

static void ask(uv_timer_t *t);

static void ask_in(struct link *l, uint64_t ms)
{
	if (!l->balance.timed) {
		uv_timer_init(l->loop, &l->balance.timer);
		l->balance.timer.data = l;
		l->balance.timed = true;
	}
	uv_timer_start(&l->balance.timer, ask, ms, 0);
}

/* "1.234,50", "1,234.50", "12,5": the last mark is that of the fraction, unless it stands alone before three digits. */
static bool amount_of(const char *s, size_t n, double *ret)
{
	char plain[40];
	size_t k = 0, n_marks = 0, last = n;

	for (size_t i = 0; i < n; i++)
		if (s[i] == '.' || s[i] == ',') {
			n_marks++;
			last = i;
		}
	if (n_marks > 1 && n - last == 4 && memchr(s, s[last], last))
		last = n; /* "1,234,567" */
	for (size_t i = 0; i < n && k + 1 < sizeof(plain); i++) {
		if (s[i] >= '0' && s[i] <= '9')
			plain[k++] = s[i];
		else if (i == last)
			plain[k++] = '.';
		else if (s[i] == '-' && k == 0)
			plain[k++] = '-';
	}
	plain[k] = '\0';
	if (strpbrk(plain, "0123456789") == NULL)
		return false;
	*ret = strtod(plain, NULL);
	return true;
}

static bool find_amount(const char *pattern, const char *text, double *ret)
{
	regmatch_t m[2];
	regex_t re;
	bool found;

	if (regcomp(&re, pattern, REG_EXTENDED) != 0)
		return false; /* it was checked with the configuration: memory */
	found = regexec(&re, text, 2, m, 0) == 0 && m[1].rm_so >= 0 &&
		amount_of(text + m[1].rm_so, (size_t)(m[1].rm_eo - m[1].rm_so), ret);
	regfree(&re);
	return found;
}

static void judge(struct link *l)
{
	const struct conf_balance *c = &l->conf->balance;
	char text[100];

	snprintf(text, sizeof(text), "%.2f is left, less than %.2f", l->balance.amount, c->alarm_below);
	link_alarm(l, "balance_low", l->balance.amount < c->alarm_below ? text : NULL);
}

static void ended(void *arg, const struct driver_ussd *u)
{
	(void)arg;
	(void)u;
}

static void told(void *arg, const struct driver_ussd *u)
{
	struct link *l = arg;
	const struct conf_balance *c = &l->conf->balance;
	char text[sizeof(l->balance.text)]; /* so much of it is looked at */

	snprintf(text, sizeof(text), "%s", u->text ? u->text : "");
	if (u->r == 0 && u->more)
		link_ussd(l, "", ended, NULL); /* a menu: nobody chooses, and the next code would be a choice */
	if (l->removing || !*c->ussd)
		return;
	if (u->r < 0 || !find_amount(c->pattern, text, &l->balance.amount)) {
		log_warn("balance_not_known", "link=%s why=%s text=%s", l->name,
			u->r < 0 ? strerror(-u->r) : "no number where the pattern says", text);
		ask_in(l, AGAIN_MS);
		return;
	}
	memcpy(l->balance.text, text, sizeof(text));
	l->balance.known = true;
	log_info("balance", "link=%s amount=%.2f", l->name, l->balance.amount);
	judge(l);
	ask_in(l, (uint64_t)c->every_hours * 3600000);
}

static void ask(uv_timer_t *t)
{
	struct link *l = t->data;
	int r = *l->conf->balance.ussd ? link_ussd(l, l->conf->balance.ussd, told, l) : 0;

	if (r == -EBUSY)
		ask_in(l, SOON_MS * 10);
	else if (r < 0 && r != -ENOTCONN) /* link_up() asks again */
		log_warn("balance_not_known", "link=%s why=%s", l->name, strerror(-r));
}

void link_balance_reread(struct link *l)
{
	if (!*l->conf->balance.ussd)
		link_balance_forget(l);
	else if (l->state == LINK_UP)
		link_balance_soon(l);
}

void link_balance_soon(struct link *l)
{
	if (*l->conf->balance.ussd && (!l->balance.timed || !uv_is_active((uv_handle_t *)&l->balance.timer)))
		ask_in(l, SOON_MS);
	if (*l->conf->balance.ussd && l->balance.known)
		judge(l); /* by the bound as it is now */
}

void link_balance_forget(struct link *l)
{
	l->balance.known = false;
	link_alarm(l, "balance_low", NULL);
	if (*l->conf->balance.ussd && l->state == LINK_UP)
		ask_in(l, SOON_MS);
}

void link_balance_done(struct link *l, uv_close_cb closed)
{
	uv_close((uv_handle_t *)&l->balance.timer, closed);
}
