/* SPDX-License-Identifier: Apache-2.0 */
/* tlv.c -- see tlv.h. */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf_table.h"
#include "message.h"
#include "smpp/tlv.h"

/* Tag, length and value at `dst`: how many octets, 0 when the value is not one of this TLV. */
static uint16_t put(const struct conf_tlv *c, const char *value, size_t n, uint8_t *dst)
{
	const char *why;
	int len = conf_tlv_octets(c->type, c->min, c->max, value, n, dst + 4, TLV_VALUE_MAX, &why);

	if (len < 0)
		return 0;
	dst[0] = (uint8_t)(c->tag >> 8);
	dst[1] = (uint8_t)c->tag;
	dst[2] = (uint8_t)(len >> 8);
	dst[3] = (uint8_t)len;
	return (uint16_t)(4 + len);
}

int tlvs_init(struct tlvs *t, const struct conf_link *c)
{
	assert(c->n_tlvs <= CONF_TLVS_MAX);
	for (size_t i = 0; i < c->n_tlvs; i++) {
		const char *value = c->tlvs[i].value;

		t->conf[i] = c->tlvs[i];
		t->conf[i].value = NULL;
		t->conf[i].name = strdup(c->tlvs[i].name);
		t->n++;
		if (!t->conf[i].name)
			return -ENOMEM;
		t->own_at[i] = t->n_own;
		if (!*value)
			continue;
		t->own_n[i] = put(&t->conf[i], value, strlen(value), t->own + t->n_own);
		if (!t->own_n[i])
			return -EINVAL; /* the configuration was checked: cannot be */
		t->n_own += t->own_n[i];
	}
	return 0;
}

void tlvs_done(struct tlvs *t)
{
	for (unsigned i = 0; i < t->n; i++)
		free(t->conf[i].name);
}

/* Values are matched with the few names of the link; only messages that bring any come here. */
const uint8_t *tlvs_for(struct tlvs *t, const uint8_t *list, size_t n, uint16_t *ret_n)
{
	uint16_t at = 0;

	*ret_n = t->n_own;
	if (!n)
		return t->own;
	for (unsigned i = 0; i < t->n; i++) {
		struct msg_tlv v;
		uint16_t len = 0;

		if (*t->conf[i].name && msg_tlv_find(list, n, t->conf[i].name, &v))
			len = put(&t->conf[i], v.value, v.n_value, t->made + at);
		if (!len) { /* none, or one that fitted when the message was accepted: then the link's own */
			len = t->own_n[i];
			memcpy(t->made + at, t->own + t->own_at[i], len);
		}
		at += len;
	}
	*ret_n = at;
	return t->made;
}
