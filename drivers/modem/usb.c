/* SPDX-License-Identifier: Apache-2.0 */
/* usb.c -- see usb.h.
 *
 * /sys/class/tty/ttyUSB2/device leads into the tree of devices; above it lie the interface (bInterfaceNumber) and the
 * device (idVendor).  Which interface is the one to talk to differs from make to make; the numbers below are those that
 * the makers' own drivers and ModemManager's rules name. */
#include "drivers/modem/usb.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLASS_CDC     0x02
#define CLASS_STORAGE 0x08
#define CLASS_RNDIS   0xe0
#define CLASS_MISC    0xef
#define CLASS_VENDOR  0xff

/* One line of sysfs, without its end; false: not there. */
static bool attribute(const char *dir, const char *name, char *dst, size_t n_dst)
{
	char path[PATH_MAX];
	FILE *f;
	bool ok;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return false;
	f = fopen(path, "re");
	if (!f)
		return false;
	ok = fgets(dst, (int)n_dst, f) != NULL;
	fclose(f);
	if (ok)
		dst[strcspn(dst, "\n")] = '\0';
	return ok;
}

static bool number(const char *dir, const char *name, int base, unsigned *ret)
{
	char text[32], *end;
	unsigned long v;

	if (!attribute(dir, name, text, sizeof(text)))
		return false;
	v = strtoul(text, &end, base);
	if (end == text)
		return false;
	*ret = (unsigned)v;
	return true;
}

/* ---- a port ---- */

/* Drivers of adapters: USB on one side, any wire on the other. */
static bool is_adapter(const char *driver)
{
	static const char *const adapters[] = {
		"pl2303", "ftdi", "cp210", "ch34", "ark3116", "mct_u232", "mos7", "ti_usb", "f81", "xr_", "keyspan", "oti6858",
		"spcp8x5", "io_", "cypress_m8", "belkin", "upd78", "usb_debug", "whiteheat", "quatech2", "ssu100", "digi",
	};

	for (size_t i = 0; i < sizeof(adapters) / sizeof(adapters[0]); i++)
		if (strncmp(driver, adapters[i], strlen(adapters[i])) == 0)
			return true;
	return false;
}

static bool driver_is_adapter(const char *dir)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *base;
	ssize_t n;

	if (snprintf(path, sizeof(path), "%s/driver", dir) >= (int)sizeof(path))
		return false;
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	base = strrchr(target, '/');
	return is_adapter(base ? base + 1 : target);
}

void usb_facts(const char *sysfs, const char *tty, struct usb_facts *ret)
{
	char path[PATH_MAX], *dir, *slash;
	bool adapter;

	memset(ret, 0, sizeof(*ret));
	ret->interface = -1;
	if (snprintf(path, sizeof(path), "%s/class/tty/%s/device", sysfs, tty) >= (int)sizeof(path))
		return;
	dir = realpath(path, NULL);
	if (!dir)
		return;
	adapter = driver_is_adapter(dir);
	/* Upwards; six levels are more than there are between a port and its device. */
	for (int level = 0; level < 6 && !ret->device[0]; level++) {
		unsigned n;

		if (ret->interface < 0 && number(dir, "bInterfaceNumber", 16, &n)) {
			ret->interface = (int)n;
			(void)number(dir, "bInterfaceSubClass", 16, &ret->subclass);
			(void)number(dir, "bInterfaceProtocol", 16, &ret->protocol);
		}
		slash = strrchr(dir, '/');
		if (!slash || slash == dir)
			break;
		if (number(dir, "idVendor", 16, &ret->vendor)) {
			(void)number(dir, "idProduct", 16, &ret->product);
			(void)number(dir, "devnum", 10, &ret->number);
			snprintf(ret->device, sizeof(ret->device), "%.63s", slash + 1);
		}
		*slash = '\0';
	}
	ret->native = ret->device[0] && !adapter;
	free(dir);
}

/* The interface for commands; `product` 0: all others of that maker. */
static const struct layout {
	unsigned vendor, product;
	int interface;
} layouts[] = {
	{ 0x12d1, 0x1001, 2 }, { 0x12d1, 0x1003, 1 },                          /* Huawei, before it told by protocol */
	{ 0x19d2, 0x0001, 2 }, { 0x19d2, 0x0002, 4 }, { 0x19d2, 0x0012, 4 }, { 0x19d2, 0x0015, 3 }, /* ZTE */
	{ 0x19d2, 0x0024, 4 }, { 0x19d2, 0x0025, 4 }, { 0x19d2, 0x0030, 3 }, { 0x19d2, 0x0043, 2 },
	{ 0x19d2, 0x0048, 2 }, { 0x19d2, 0x0049, 2 }, { 0x19d2, 0x0054, 3 }, { 0x19d2, 0x0055, 4 },
	{ 0x19d2, 0x0064, 0 }, { 0x19d2, 0x1515, 2 }, { 0x19d2, 0, 1 },
	{ 0x1e0e, 0x9100, 3 }, { 0x1e0e, 0x9200, 3 }, { 0x1e0e, 0, 2 },        /* SIMCom */
	{ 0x2c7c, 0, 2 },                                                      /* Quectel */
	{ 0x05c6, 0x9215, 2 },                                                 /* Quectel EC20 */
};

int usb_port_rank(const struct usb_facts *f)
{
	if (f->vendor == 0x12d1 && (f->subclass == 1 || f->subclass == 2) && (f->protocol == 1 || f->protocol == 2))
		return f->protocol == 2 ? 2 : -1;
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (layouts[i].vendor == f->vendor && (!layouts[i].product || layouts[i].product == f->product))
			return layouts[i].interface == f->interface ? 2 : 0;
	return 0;
}

bool usb_may_ask_port_mode(const struct usb_facts *f)
{
	/* The MU609 starts again when it is asked; those with telling protocols need not be. */
	return f->vendor == 0x12d1 && f->product != 0x1573 && f->protocol == 0xff;
}

/* ---- sticks without ports ---- */

/* Who makes modems, and hardly anything else that is plugged into a gateway. */
static const struct maker {
	unsigned vendor;
	const char *name;
} makers[] = {
	{ 0x12d1, "Huawei" }, { 0x19d2, "ZTE" }, { 0x2c7c, "Quectel" }, { 0x1e0e, "SIMCom" }, { 0x1bc7, "Telit" },
	{ 0x1199, "Sierra" }, { 0x0f3d, "AirPrime" }, { 0x1e2d, "Cinterion" }, { 0x0681, "Siemens" },
	{ 0x0af0, "Option" }, { 0x1410, "Novatel" }, { 0x1c9e, "Longcheer" }, { 0x1bbb, "TCT" },
	{ 0x0bdb, "Ericsson" }, { 0x2cb7, "Fibocom" }, { 0x1508, "Fibocom" }, { 0x1546, "u-blox" },
	{ 0x201e, "Haier" }, { 0x2001, "D-Link" }, { 0x2357, "TP-Link" },
};

const char *usb_maker(unsigned vendor)
{
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++)
		if (makers[i].vendor == vendor)
			return makers[i].name;
	return "";
}

struct shown {
	bool tty, storage, network, mbim, vendor;
};

/* Does a port hang below this interface: "ttyUSB0/" or "tty/"? */
static bool has_tty(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool found = false;

	while (d && !found && (e = readdir(d)))
		found = strncmp(e->d_name, "tty", 3) == 0;
	if (d)
		closedir(d);
	return found;
}

static void look_at_interface(const char *dir, struct shown *s)
{
	unsigned class = 0, subclass = 0;

	(void)number(dir, "bInterfaceClass", 16, &class);
	(void)number(dir, "bInterfaceSubClass", 16, &subclass);
	s->tty |= has_tty(dir);
	s->storage |= class == CLASS_STORAGE;
	s->mbim |= class == CLASS_CDC && subclass == 0x0e; /* USB CDC MBIM 1.0, 6.3 */
	/* CDC: ECM 6, NCM 0d; RNDIS as wireless or as miscellaneous. */
	s->network |= (class == CLASS_CDC && (subclass == 0x06 || subclass == 0x0d)) || class == CLASS_RNDIS ||
		(class == CLASS_MISC && subclass == 0x04);
	s->vendor |= class == CLASS_VENDOR;
}

static void say(const struct shown *s, const char *who, unsigned vendor, unsigned product, char *text, size_t n)
{
	if (s->network)
		snprintf(text, n, "%s shows itself as a network card (HiLink mode), without an AT port: switch it to modem "
			"mode (usb_modeswitch, see docs/modems.md)", who);
	else if (s->mbim)
		snprintf(text, n, "%s speaks MBIM only, which is not supported: look for a mode with serial ports "
			"(docs/modems.md)", who);
	else if (s->storage)
		snprintf(text, n, "%s is in storage mode: switch it to modem mode: usb_modeswitch -v %04x -p %04x -J "
			"(docs/modems.md)", who, vendor, product);
	else
		snprintf(text, n, "%s shows no serial port: it has QMI only, or the kernel's driver \"option\" does not know "
			"it (docs/modems.md)", who);
}

static bool hint_of(const char *devices, const char *name, struct usb_portless *ret)
{
	unsigned vendor = 0, product = 0;
	char dir[PATH_MAX], label[64] = "", who[160];
	struct shown s = { 0 };
	struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof(dir), "%.3000s/%.200s", devices, name);
	if (!number(dir, "idVendor", 16, &vendor) || !*usb_maker(vendor))
		return false;
	(void)number(dir, "idProduct", 16, &product);
	(void)attribute(dir, "product", label, sizeof(label));
	d = opendir(dir);
	while (d && (e = readdir(d))) {
		char interface[PATH_MAX];

		/* "1-1.4:1.0" */
		if (!strchr(e->d_name, ':'))
			continue;
		snprintf(interface, sizeof(interface), "%.3300s/%.200s", dir, e->d_name);
		look_at_interface(interface, &s);
	}
	if (d)
		closedir(d);
	if (s.tty || !(s.storage || s.network || s.mbim || s.vendor))
		return false;
	snprintf(who, sizeof(who), "the USB device %04x:%04x%s%s%s at %.40s", vendor, product, label[0] ? " (" : "", label,
		label[0] ? ")" : "", name);
	*ret = (struct usb_portless){ .vendor = vendor, .product = product };
	snprintf(ret->device, sizeof(ret->device), "%.60s", name);
	say(&s, who, vendor, product, ret->text, sizeof(ret->text));
	return true;
}

unsigned usb_portless(const char *sysfs, struct usb_portless *list, unsigned n_max)
{
	char devices[PATH_MAX];
	struct dirent *e;
	unsigned n = 0;
	DIR *d;

	if (snprintf(devices, sizeof(devices), "%s/bus/usb/devices", sysfs) >= (int)sizeof(devices))
		return 0;
	d = opendir(devices);
	while (d && n < n_max && (e = readdir(d)))
		n += !strchr(e->d_name, ':') && e->d_name[0] != '.' && hint_of(devices, e->d_name, &list[n]);
	if (d)
		closedir(d);
	return n;
}

bool usb_hint(const char *sysfs, char *text, size_t n_text)
{
	struct usb_portless one;

	if (!usb_portless(sysfs, &one, 1))
		return false;
	snprintf(text, n_text, "%s", one.text);
	return true;
}
