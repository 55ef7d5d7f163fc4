/* SPDX-License-Identifier: Apache-2.0 */
/* json_load.h -- json_loadb() that does not take want of memory for something else.
 *
 * jansson's scanner does not look whether its buffer could grow: an octet is missing then, and what is read is not what
 * the client wrote.
 */
#ifndef INTAKE_JSON_LOAD_H
#define INTAKE_JSON_LOAD_H

#include <stddef.h>

#include <jansson.h>

#include "intake/api_error.h"

/* Before jansson is used at all. */
void json_load_init(void);

/* NULL: why is in `ret_error`. */
json_t *json_load(const void *data, size_t n, json_error_t *ret_error);
/* The same, of at most `most` octets of memory: what is small on the wire ("{},{},") can be large there.
 * *ret_octets: what was taken. */
json_t *json_load_within(const void *data, size_t n, size_t most, json_error_t *ret_error, size_t *ret_octets);
/* Why, as an answer to the client. */
void json_load_fault(const json_error_t *e, struct api_fault *f);

#endif
