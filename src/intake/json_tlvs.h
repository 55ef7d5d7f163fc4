/* SPDX-License-Identifier: Apache-2.0 */
/* json_tlvs.h -- the field "tlvs" of a message: values for TLVs that the links of its route declare.
 *
 * What is accepted is what a link can send: an unknown name, and a value that a link which knows the name would not
 * take, are faults.  The values of the client's settings are added here, at the door, so that a message keeps those it
 * was accepted with; a message that has none of either costs nothing. */
#ifndef INTAKE_JSON_TLVS_H
#define INTAKE_JSON_TLVS_H

#include <jansson.h>

#include "base/conf.h"
#include "intake/api_error.h"
#include "message.h"
#include "route/router.h"

/* `v` is NULL when the message has no such field; `set` what its route declares, NULL: nothing.  0, or -EINVAL and the
 * fault. */
int json_tlvs(const json_t *v, const struct conf_client *client, const struct route_tlvs *set,
	uint8_t list[static MSG_TLVS_MAX], size_t *ret_n, struct api_fault *f);

#endif
