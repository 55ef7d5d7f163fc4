/* SPDX-License-Identifier: Apache-2.0 */
/* modem_text.h -- one character of UTF-8 at a time; the alphabets themselves are declared in modem_tpdu.h. */
#ifndef MODEM_TEXT_H
#define MODEM_TEXT_H

#include <stdint.h>

/* Octets of the character at `s`, copied to `out` (5 octets, ends in 0).  -1: not UTF-8, or the end. */
int modem_text_next(const char *s, char *out);

#endif
