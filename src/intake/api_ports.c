/* SPDX-License-Identifier: Apache-2.0 */
/* api_ports.c -- GET /v1/ports: the ports of this machine at which a modem may be. */
#include "intake/api_impl.h"

#include "driver.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void put_text(struct json_out *o, const char *name, const char *text)
{
	if (*text)
		json_out_kstr(o, name, text);
}

static void put_usb(struct json_out *o, const struct driver_port *p)
{
	char id[12];

	put_text(o, "usb", p->usb);
	if (!p->vendor)
		return;
	snprintf(id, sizeof(id), "%04x:%04x", p->vendor & 0xffff, p->product & 0xffff);
	json_out_kstr(o, "usb_id", id);
}

static void put_port(struct json_out *o, const struct driver_port *p)
{
	json_out_open(o, '{');
	put_text(o, "path", p->path);
	put_text(o, "by_id", p->by_id);
	put_usb(o, p);
	json_out_kstr(o, "state", p->state);
	if (p->answers >= 0)
		json_out_kbool(o, "answers", p->answers);
	put_text(o, "link", p->link);
	put_text(o, "used_by", p->used_by);
	put_text(o, "maker", p->maker);
	put_text(o, "model", p->model);
	put_text(o, "imei", p->imei);
	put_text(o, "iccid", p->iccid);
	put_text(o, "note", p->note);
	json_out_close(o, '}');
}

static void looked(void *arg, int r, const struct driver_port *ports, unsigned n)
{
	struct api_call *c = arg;
	struct json_out o;

	if (c->q && r < 0) {
		api_refuse(c, API_INTERNAL, NULL, "the ports could not be looked at: %s", strerror(-r));
	} else if (c->q) {
		json_out_init(&o, API_ANSWER_MAX);
		json_out_open(&o, '{');
		json_out_key(&o, "ports");
		json_out_open(&o, '[');
		for (unsigned i = 0; i < n; i++)
			put_port(&o, &ports[i]);
		json_out_close(&o, ']');
		json_out_close(&o, '}');
		api_answer_out(c, 200, &o);
	}
	api_let_go(c);
}

void api_list_ports(struct api_call *c, const uint8_t *body, size_t n)
{
	const char *why = "";
	const struct driver *d = driver_find("modem", &why);
	int r;

	(void)body;
	(void)n;
	if (!d || !d->ports) {
		api_refuse(c, API_UNSUPPORTED, NULL, "this gateway looks at no ports: %s", why);
		return;
	}
	r = d->ports(c->api->p.loop, looked, c);
	if (r < 0)
		api_refuse(c, API_INTERNAL, NULL, "the ports could not be looked at: %s", strerror(-r));
	else
		api_hold(c);
}
