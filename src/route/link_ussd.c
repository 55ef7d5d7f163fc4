/* SPDX-License-Identifier: Apache-2.0
 *
 * link_ussd.c -- USSD: one dialogue at a time on a link, whoever asks.
 *
 * The driver waits for the network and bounds that; here is only the rule that exactly one answer comes, and that
 * nobody is asked twice at once.
 */
#include "route/link_int.h"

#include <assert.h>
#include <errno.h>
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
