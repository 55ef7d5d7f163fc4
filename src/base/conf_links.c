/* SPDX-License-Identifier: Apache-2.0 */
/* conf_links.c -- the lists inside links and clients: TLVs, and rules for addresses.
 *
 * An item is checked where it is read, so that one in a profile is refused with the profile's file and line.  What
 * concerns several items, or an item and a setting of the link, is checked when all have been read. */
#include <config.h>

#include "base/conf_int.h"

#include <errno.h>
#include <string.h>

/* ---- TLVs ---- */

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* "17" or "0x11", of so many octets. */
static int number_octets(const char *value, size_t n, unsigned n_octets, uint8_t *dst, const char **ret_why)
{
	static const char *const why[] = {
		[1] = "is not a whole number of 0 to 255",
		[2] = "is not a whole number of 0 to 65535",
		[4] = "is not a whole number of 0 to 4294967295",
	};
	bool hex = n > 2 && value[0] == '0' && (value[1] | 0x20) == 'x';
	uint64_t v = 0, limit = (UINT64_C(1) << 8 * n_octets) - 1;

	*ret_why = why[n_octets];
	if (n == 0)
		return -EINVAL;
	for (size_t i = hex ? 2 : 0; i < n; i++) {
		int d = hex_digit(value[i]);

		if (d < 0 || (!hex && d > 9))
			return -EINVAL;
		v = v * (hex ? 16 : 10) + (unsigned)d;
		if (v > limit)
			return -EINVAL;
	}
	for (unsigned i = 0; i < n_octets; i++)
		dst[i] = (uint8_t)(v >> 8 * (n_octets - 1 - i));
	return (int)n_octets;
}

static int hex_octets(const char *value, size_t n, uint8_t *dst, const char **ret_why)
{
	*ret_why = "is not octets in hexadecimal, two digits each";
	if (n % 2 != 0)
		return -EINVAL;
	for (size_t i = 0; i < n / 2; i++) {
		int high = hex_digit(value[2 * i]), low = hex_digit(value[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		dst[i] = (uint8_t)(high << 4 | low);
	}
	return (int)(n / 2);
}

/* How many octets a value takes, whatever stands in it. */
static size_t size_of(enum conf_tlv_type type, size_t n)
{
	switch (type) {
	case CONF_TLV_STRING: return n;
	case CONF_TLV_CSTRING: return n + 1;
	case CONF_TLV_INT8: return 1;
	case CONF_TLV_INT16: return 2;
	case CONF_TLV_INT32: return 4;
	case CONF_TLV_HEX: return n / 2;
	}
	return 0;
}

int conf_tlv_octets(enum conf_tlv_type type, int64_t min, int64_t max, const char *value, size_t n, uint8_t *dst,
	size_t cap, const char **ret_why)
{
	size_t size = size_of(type, n);
	bool counted = type == CONF_TLV_STRING || type == CONF_TLV_CSTRING || type == CONF_TLV_HEX;

	*ret_why = "has more or fewer octets than min and max of the TLV allow";
	if (size > cap || (counted && ((int64_t)size < min || (int64_t)size > max)))
		return -EINVAL;
	switch (type) {
	case CONF_TLV_CSTRING:
		*ret_why = "holds a NUL";
		if (memchr(value, '\0', n) != NULL)
			return -EINVAL;
		dst[n] = '\0';
		/* fall through */
	case CONF_TLV_STRING:
		if (n > 0)
			memcpy(dst, value, n);
		return (int)size;
	case CONF_TLV_INT8: return number_octets(value, n, 1, dst, ret_why);
	case CONF_TLV_INT16: return number_octets(value, n, 2, dst, ret_why);
	case CONF_TLV_INT32: return number_octets(value, n, 4, dst, ret_why);
	case CONF_TLV_HEX: return hex_octets(value, n, dst, ret_why);
	}
	return -EINVAL;
}

static bool fits(const struct conf_tlv *t, const char *value, const char **ret_why)
{
	uint8_t octets[256];

	return conf_tlv_octets(t->type, t->min, t->max, value, strlen(value), octets, sizeof(octets), ret_why) >= 0;
}

/* Those of a long message are the driver's: a second copy would say something else (SMPP 3.4, 5.3.2.22 to 24, 32). */
static const char *owner_of(int64_t tag)
{
	switch (tag) {
	case 0x020c:
	case 0x020e:
	case 0x020f: return "concat = \"sar\"";
	case 0x0424: return "concat = \"payload\"";
	default: return NULL;
	}
}

static int check_tlv(struct conf_loader *l, const config_setting_t *group, const struct conf_tlv *t)
{
	const char *why;

	if (owner_of(t->tag) != NULL)
		return conf_refuse(l, config_setting_get_member(group, "tag"), "",
			"0x%04x is written by Posthorn itself, with %s", (unsigned)t->tag, owner_of(t->tag));
	if (t->min > t->max)
		return conf_refuse(l, group, "min", "is more than max");
	if (t->name[0] == '\0' && t->value[0] == '\0')
		return conf_refuse(l, group, "", "has neither name nor value, so nobody could give it one");
	if (t->value[0] != '\0' && !fits(t, t->value, &why))
		return conf_refuse(l, config_setting_get_member(group, "value"), "", "\"%.100s\" %s", t->value, why);
	return 0;
}

/* Two of one tag or name, and those that the link's settings make the driver write. */
static int check_tlvs(struct conf_loader *l, const config_setting_t *group, const struct conf_link *link)
{
	const config_setting_t *list = conf_given(group, "tlvs");

	for (size_t i = 0; i < link->n_tlvs; i++) {
		const struct conf_tlv *t = &link->tlvs[i];
		const config_setting_t *cs = config_setting_get_elem(list, (unsigned)i);

		if (t->tag == 0x0005 && link->flash == CONF_FLASH_SUBUNIT)
			return conf_refuse(l, cs, "tag", "0x0005 is written by Posthorn itself, with flash = \"subunit\"");
		if (t->tag == 0x0204 && link->user_message_reference)
			return conf_refuse(l, cs, "tag",
				"0x0204 is written by Posthorn itself, with user_message_reference = true");
		for (size_t k = 0; k < i; k++) {
			if (link->tlvs[k].tag == t->tag)
				return conf_refuse(l, cs, "tag", "0x%04x stands twice", (unsigned)t->tag);
			if (t->name[0] != '\0' && strcmp(link->tlvs[k].name, t->name) == 0)
				return conf_refuse(l, cs, "name", "\"%s\" stands twice", t->name);
		}
	}
	return 0;
}

static const struct conf_tlv *declared(const struct conf_link *link, const char *name)
{
	for (size_t i = 0; i < link->n_tlvs; i++) {
		if (strcmp(link->tlvs[i].name, name) == 0)
			return &link->tlvs[i];
	}
	return NULL;
}

static int check_client_tlv(struct conf_loader *l, const config_setting_t *cs, const struct conf_client_tlv *t)
{
	const char *why;
	unsigned n = 0;

	for (size_t i = 0; i < l->c->n_links; i++) {
		const struct conf_tlv *d = declared(&l->c->links[i], t->name);

		if (d != NULL && !fits(d, t->value, &why))
			return conf_refuse(l, config_setting_get_member(cs, "value"), "", "\"%.100s\" %s, says link \"%s\"",
				t->value, why, l->c->links[i].name);
		n += d != NULL;
	}
	if (n == 0)
		return conf_refuse(l, config_setting_get_member(cs, "name"), "", "no link declares a TLV \"%s\"", t->name);
	return 0;
}

int conf_check_client_lists(struct conf_loader *l, const config_setting_t *group, const struct conf_client *cl)
{
	const config_setting_t *list = config_setting_get_member(group, "tlvs");
	int r = 0;

	for (size_t i = 0; i < cl->n_tlvs && r == 0; i++) {
		const config_setting_t *cs = config_setting_get_elem(list, (unsigned)i);

		r = check_client_tlv(l, cs, &cl->tlvs[i]);
		for (size_t k = 0; k < i && r == 0; k++) {
			if (strcmp(cl->tlvs[k].name, cl->tlvs[i].name) == 0)
				r = conf_refuse(l, cs, "name", "\"%s\" stands twice", cl->tlvs[i].name);
		}
	}
	return r;
}

/* ---- addresses ---- */

static bool all_digits(const char *s)
{
	return s[strspn(s, "0123456789")] == '\0';
}

static int check_sender_rule(struct conf_loader *l, const config_setting_t *group, const struct conf_sender_rule *u)
{
	bool cuts = u->strip[0] != '\0' || u->add[0] != '\0';

	if (conf_word_index("any|number|short|alphanumeric", u->match) < 0 && !all_digits(u->match))
		return conf_refuse(l, config_setting_get_member(group, "match"), "",
			"\"%s\" is not known; use any, number, short, alphanumeric or the digits that senders begin with",
			u->match);
	if (cuts && u->rewrite[0] != '\0')
		return conf_refuse(l, group, "rewrite", "replaces the whole sender; leave out strip and add");
	if (cuts && strcmp(u->match, "alphanumeric") == 0)
		return conf_refuse(l, group, u->strip[0] != '\0' ? "strip" : "add",
			"is about digits, and the rule about senders of letters");
	return 0;
}

int conf_check_item(struct conf_loader *l, const config_setting_t *group, enum conf_section section, const void *item)
{
	if (section == CONF_LINK_TLV)
		return check_tlv(l, group, item);
	if (section == CONF_LINK_SENDER)
		return check_sender_rule(l, group, item);
	return 0;
}

int conf_check_link_lists(struct conf_loader *l, const config_setting_t *group, const struct conf_link *link)
{
	if (link->intermediate && link->receipts == CONF_RECEIPTS_NONE)
		return conf_refuse(l, conf_given(group, "intermediate"), "",
			"would have no effect with receipts = \"none\"");
	if (link->query != CONF_QUERY_NO && (link->receipts == CONF_RECEIPTS_NONE || link->bind == CONF_BIND_RECEIVER))
		return conf_refuse(l, conf_given(group, "query"), "", "would have no effect with %s",
			link->bind == CONF_BIND_RECEIVER ? "bind = \"receiver\"" : "receipts = \"none\"");
	if (link->interface_version <= 0x33 && link->n_tlvs > 0)
		return conf_refuse(l, conf_given(group, "tlvs"), "", "SMPP 3.3 has no TLVs");
	if (link->interface_version <= 0x33 && link->user_message_reference)
		return conf_refuse(l, conf_given(group, "user_message_reference"), "", "SMPP 3.3 has no TLVs");
	return check_tlvs(l, group, link);
}
