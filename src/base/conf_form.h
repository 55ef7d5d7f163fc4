/* SPDX-License-Identifier: Apache-2.0 */
/* conf_form.h -- what strings of the configuration must look like.  Pure: text in, verdict out. */
#ifndef BASE_CONF_FORM_H
#define BASE_CONF_FORM_H

#include "base/conf_table.h"

/* NULL when `text` has the form, else the rest of a sentence that begins with the text: "is not …". */
const char *conf_form_fault(enum conf_form form, const char *text);

/* "192.0.2.0/24", "2001:db8::/32", or an address by itself.  -EINVAL also when bits beyond the length are
 * set: such a network is a slip, and either reading of it may be the wrong one. */
int conf_form_cidr(const char *text, struct conf_cidr *ret);

/* "smsc.example", "192.0.2.1:2775", "[2001:db8::1]:2775", "2001:db8::1".  *ret_port is 0 when there is none. */
int conf_form_host_port(const char *text, char *ret_host, size_t n_host, int *ret_port);

/* "ESME_RSUBMITFAIL:temporary", "0x45:temporary", "0x400-0x4ff:permanent".  0, or -EINVAL with what is wrong, as
 * conf_form_fault() says it. */
int conf_form_error(const char *text, struct conf_error *ret, const char **ret_fault);
/* The status whose name is nearest to the one in such a text, NULL when none is near. */
const char *conf_form_status_near(const char *text);

/* The line (from 1) of the first whole number in a configuration's text that does not fit its type, 0 when
 * all do: 32 bits, or 64 with an "L" behind it.  libconfig before 1.7 cuts such numbers silently, which would
 * turn a limit of 5000000000 into 705032704; so they are looked for in the text before it is believed.
 * `ret_number` gets the number. */
unsigned conf_form_overflow(const char *text, char *ret_number, size_t n);

/* How many letters were added, lost, changed or swapped with their neighbour between two names; case does not
 * count. INT_MAX when one is too long to be worth it. */
int conf_form_distance(const char *a, const char *b);

#endif
