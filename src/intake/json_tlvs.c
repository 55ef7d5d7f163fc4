/* SPDX-License-Identifier: Apache-2.0 */
/* json_tlvs.c -- see json_tlvs.h. */
#include "intake/json_tlvs.h"

#include "base/conf_table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is_number(enum conf_tlv_type type)
{
	return type == CONF_TLV_INT8 || type == CONF_TLV_INT16 || type == CONF_TLV_INT32;
}

/* The names that may be used, for the fault. */
static void list_names(const struct route_tlvs *set, char *buf, size_t cap)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; set && i < set->n && used < cap; i++) {
		bool seen = !*set->tlv[i].name;

		for (size_t k = 0; k < i; k++)
			seen = seen || strcmp(set->tlv[k].name, set->tlv[i].name) == 0;
		if (!seen)
			used += (size_t)snprintf(buf + used, cap - used, "%s\"%s\"", used ? ", " : "", set->tlv[i].name);
	}
}

static int unknown_name(const struct route_tlvs *set, const char *name, struct api_fault *f)
{
	char names[200];

	list_names(set, names, sizeof(names));
	if (!*names)
		return api_fault_set(f, API_INVALID_TLVS, "tlvs",
			"no link of this message's route declares a TLV that messages may give; leave \"tlvs\" out");
	return api_fault_set(f, API_INVALID_TLVS, "tlvs",
		"no link of this message's route declares a TLV \"%.40s\"; it may be %s", name, names);
}

/* Whether every link that declares the name takes the value. */
static int check_value(const struct route_tlvs *set, const char *name, const char *value, size_t n, bool number,
	struct api_fault *f)
{
	uint8_t octets[256];
	bool known = false;
	const char *why;

	for (size_t i = 0; set && i < set->n; i++) {
		const struct route_tlv *t = &set->tlv[i];

		if (strcmp(t->name, name) != 0)
			continue;
		known = true;
		if (number && !is_number(t->type))
			return api_fault_set(f, API_INVALID_TLVS, "tlvs",
				"\"%.40s\" is a TLV of characters; put its value in quotes", name);
		if (conf_tlv_octets(t->type, t->min, t->max, value, n, octets, sizeof(octets), &why) < 0)
			return api_fault_set(f, API_INVALID_TLVS, "tlvs", "the value of \"%.40s\" %s", name, why);
	}
	return known ? 0 : unknown_name(set, name, f);
}

static int take_one(const char *name, const json_t *v, const struct route_tlvs *set, uint8_t *list, size_t *n,
	struct api_fault *f)
{
	char digits[24];
	const char *value = digits;
	size_t n_value;
	int r;

	if (json_is_string(v)) {
		value = json_string_value(v);
		n_value = json_string_length(v);
	} else if (json_is_integer(v)) {
		n_value = (size_t)snprintf(digits, sizeof(digits), "%lld", (long long)json_integer_value(v));
	} else {
		return api_fault_set(f, API_INVALID_TLVS, "tlvs",
			"the value of \"%.40s\" must be a string, or a whole number for a TLV of numbers", name);
	}
	if (!*name)
		return unknown_name(set, name, f);
	r = check_value(set, name, value, n_value, json_is_integer(v), f);
	if (r < 0)
		return r;
	if (msg_tlv_add(list, n, name, value, n_value) < 0)
		return api_fault_set(f, API_INVALID_TLVS, "tlvs",
			"names and values take more than %d octets together; shorten them", MSG_TLVS_MAX);
	return 0;
}

static bool declares(const struct route_tlvs *set, const char *name)
{
	for (size_t i = 0; set && i < set->n; i++)
		if (strcmp(set->tlv[i].name, name) == 0)
			return true;
	return false;
}

static int add_clients(const struct conf_client *client, const struct route_tlvs *set, uint8_t *list, size_t *n,
	struct api_fault *f)
{
	struct msg_tlv v;

	for (size_t i = 0; i < client->n_tlvs; i++) {
		const struct conf_client_tlv *t = &client->tlvs[i];

		if (!declares(set, t->name) || msg_tlv_find(list, *n, t->name, &v))
			continue;
		if (msg_tlv_add(list, n, t->name, t->value, strlen(t->value)) < 0)
			return api_fault_set(f, API_INVALID_TLVS, "tlvs",
				"with those of the client, names and values take more than %d octets; shorten them",
				MSG_TLVS_MAX);
	}
	return 0;
}

int json_tlvs(const json_t *v, const struct conf_client *client, const struct route_tlvs *set,
	uint8_t list[static MSG_TLVS_MAX], size_t *ret_n, struct api_fault *f)
{
	const char *name;
	struct msg_tlv found;
	json_t *value;
	int r = 0;

	*ret_n = 0;
	if (v)
		json_object_foreach((json_t *)v, name, value) {
			r = take_one(name, value, set, list, ret_n, f);
			if (r < 0)
				return r;
		}
	r = add_clients(client, set, list, ret_n, f);
	for (size_t i = 0; r == 0 && set && i < set->n; i++) {
		const struct route_tlv *t = &set->tlv[i];

		if (t->required && !t->has_value && !msg_tlv_find(list, *ret_n, t->name, &found))
			r = api_fault_set(f, API_INVALID_TLVS, "tlvs",
				"link \"%.64s\" needs a TLV \"%s\"; give it in \"tlvs\", or in the client's settings", t->link,
				*t->name ? t->name : "without a name");
	}
	return r;
}
