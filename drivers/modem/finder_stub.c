/* SPDX-License-Identifier: Apache-2.0 */
/* finder_stub.c -- stands in for the finder until that is there: a port by its name, nothing else. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/modem/finder.h"

struct finder_want {
	uv_timer_t timer;
	const struct finder_ops *ops;
	void *arg;
	char *device;
	unsigned baud;
};

static void on_timer(uv_timer_t *t)
{
	struct finder_want *w = t->data;
	const struct finder_found f = {
		.name = w->device, .baud = w->baud, .imei = "", .imsi = "", .iccid = "", .maker = "", .model = "", .device = "",
	};

	w->ops->found(w->arg, &f);
}

int finder_want(uv_loop_t *loop, const struct finder_conf *c, const struct finder_ops *ops, void *arg,
	struct finder_want **ret)
{
	struct finder_want *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->ops = ops;
	w->arg = arg;
	w->device = strdup(c->device);
	w->baud = c->baud;
	uv_timer_init(loop, &w->timer);
	w->timer.data = w;
	uv_timer_start(&w->timer, on_timer, 0, 0);
	*ret = w;
	return 0;
}

void finder_again(struct finder_want *w, enum finder_trouble t, const char *why)
{
	uv_timer_start(&w->timer, on_timer, t == FINDER_HUNG_UP ? 500 : 2000, 0);
}

int finder_check(struct finder_want *w, const char *imei, const char *imsi, const char *iccid)
{
	return 0;
}

static void on_closed(uv_handle_t *h)
{
	struct finder_want *w = h->data;

	free(w->device);
	free(w);
}

void finder_release(struct finder_want *w)
{
	uv_close((uv_handle_t *)&w->timer, on_closed);
}
