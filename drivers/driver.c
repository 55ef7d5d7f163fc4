/* SPDX-License-Identifier: Apache-2.0 */
/* driver.c -- the table of drivers, made from drivers.def, which is read three times: for the declarations, for the
 * drivers, and for the reasons why a name that people may well write has no driver behind it in this build. */
#include <config.h>

#include <string.h>

#include "driver.h"

#define DRIVER(name)         extern const struct driver name##_driver;
#define NO_DRIVER(name, why)
#include "drivers.def"
#undef DRIVER
#undef NO_DRIVER

struct entry {
	const char *name;
	const struct driver *driver; /* NULL: not built */
	const char *why;
};

#define DRIVER(name)         { #name, &name##_driver, "" },
#define NO_DRIVER(name, why) { #name, NULL, why },
static const struct entry entries[] = {
#include "drivers.def"
};
#undef DRIVER
#undef NO_DRIVER

const struct driver *driver_find(const char *name, const char **ret_why)
{
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		if (strcmp(entries[i].name, name) != 0)
			continue;
		if (!entries[i].driver)
			*ret_why = entries[i].why;
		return entries[i].driver;
	}
	*ret_why = "unknown driver";
	return NULL;
}
