/* SPDX-License-Identifier: Apache-2.0 */
/* conf_test.c -- the configuration: what is refused and how it is said, defaults, secrets, reload, and that
 * the table, the example file and the manual page agree.
 *
 * `conf_test --print` writes the example file; `srcdir` says where the committed ones are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/conf_table.h"
#include "base/secret.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH_A	     "0000000000000000000000000000000000000000000000000000000000000001"
#define HASH_B	     "ABCDEF0000000000000000000000000000000000000000000000000000000002"
#define CLIENT(more) "clients = ( { name = \"shop\"; key_sha256 = \"" HASH_A "\";\n" more "\n} );\n"
#define HOSTS(items) "links = ( { name = \"acme\"; driver = \"smpp\";\nhosts = [ " items " ]; } );"
#define BAD_HOST(i, text) "t.conf:2: links[0].hosts[" i "]: \"" text "\" is not a host with or without a port, such as " \
	"\"smsc.example:2775\" or \"[2001:db8::1]:2775\""
#define SMPP(more)   "links = ( { name = \"acme\"; driver = \"smpp\"; host = \"h\";\n" more "\n} );\n"
#define LOOP(name)   "{ name = \"" name "\"; driver = \"loopback\"; }"

static struct conf *load_ok(const char *text)
{
	struct conf *c = NULL;
	char err[512] = "";

	if (conf_load_string(text, "t.conf", &c, err, sizeof(err)) != 0)
		fail_msg("%s", err);
	return c;
}

/* ---- what is refused ---- */

static const struct bad {
	const char *text, *message;
} bad[] = {
	/* syntax, names */
	{"node = ;", "t.conf:1: syntax error"},
	{"node = 1;\n\nnode = 2;", "t.conf:3: duplicate setting name"},
	{"@include \"nowhere.conf\"\n", "t.conf:1: cannot open include file"},
	{"\nnoed = 1;", "t.conf:2: noed: unknown setting; did you mean \"node\"?"},
	{SMPP("windw = 3;"), "t.conf:2: links[0].windw: unknown setting; did you mean \"window\"?"},
	{SMPP("Window = 3;"), "t.conf:2: links[0].Window: unknown setting; did you mean \"window\"?"},
	{SMPP("enquire_lnik = 3;"),
		"t.conf:2: links[0].enquire_lnik: unknown setting; did you mean \"enquire_link\"?"},
	{"quue: { };", "t.conf:1: quue: unknown setting; did you mean \"queue\"?"},
	{CLIENT("webhook: { ulr = \"\"; };"),
		"t.conf:2: clients[0].webhook.ulr: unknown setting; did you mean \"url\"?"},
	{"http: { max_body = 67108865; };",
		"t.conf:1: http: max_held must be at least twice max_body, or no client could send the largest body"},
	{"http: { max_held = 8388608; };",
		"t.conf:1: http.max_held: 8388608 is out of range; allowed are 16777216 to 68719476736 octets"},
	{"max_body = 5000;", "t.conf:1: max_body: unknown setting here; it belongs to http"},
	{"http: { data_dir = \"/\"; };",
		"t.conf:1: http.data_dir: unknown setting here; it belongs to the top of the file"},
	{"zzzzzzzz = 1;", "t.conf:1: zzzzzzzz: unknown setting"},
	{"data_dir_file = \"x\";", "t.conf:1: data_dir_file: unknown setting"},
	/* types */
	{"node = \"1\";", "t.conf:1: node: expected a whole number, found a string"},
	{"node = 1.0;", "t.conf:1: node: expected a whole number, found a decimal number"},
	{"stop_timeout = true;", "t.conf:1: stop_timeout: expected a number, found a boolean"},
	{"data_dir = 7;", "t.conf:1: data_dir: expected a string, found a whole number"},
	{SMPP("tls = 1;"), "t.conf:2: links[0].tls: expected true or false, found a whole number"},
	{"queue = 5;", "t.conf:1: queue: expected a group, { … }, found a whole number"},
	{"links = { };", "t.conf:1: links: expected a list of groups, ( { … }, { … } ), found a group"},
	{"links = ( 1 );", "t.conf:1: links[0]: expected a group, { … }, found a whole number"},
	{"modem_ports = \"/dev/tty*\";",
		"t.conf:1: modem_ports: expected a list of strings, [ \"…\", \"…\" ], found a string"},
	{"modem_ports = ( \"a\", 2 );", "t.conf:1: modem_ports[1]: expected a string, found a whole number"},
	/* ranges */
	{"node = 64;", "t.conf:1: node: 64 is out of range; allowed are 0 to 63"},
	{"node = -1;", "t.conf:1: node: -1 is out of range; allowed are 0 to 63"},
	{SMPP("window = 1001;"),
		"t.conf:2: links[0].window: 1001 is out of range; allowed are 1 to 1000 parts"},
	{SMPP("tps = -0.5;"),
		"t.conf:2: links[0].tps: -0.5 is out of range; allowed are 0 to 1000000 parts per second"},
	{SMPP("tps = 1e999;"),
		"t.conf:2: links[0].tps: inf is out of range; allowed are 0 to 1000000 parts per second"},
	{"queue:\n{ max_waiting = 5000000000; };",
		"t.conf:2: 5000000000 is too large a number; beyond 32 bits write it with an L behind it"},
	{"node = 0x100000001;",
		"t.conf:1: 0x100000001 is too large a number; beyond 32 bits write it with an L behind it"},
	{"# \"\nnode = 99999999999999999999L;", "t.conf:2: 99999999999999999999L is too large a number; "
						"beyond 32 bits write it with an L behind it"},
	/* words, forms, lengths */
	{SMPP("bind = \"trx\";"), "t.conf:2: links[0].bind: \"trx\" is not known; use transceiver, "
				  "transmitter, receiver or split"},
	{"log_level = \"verbose\";",
		"t.conf:1: log_level: \"verbose\" is not known; use error, warn, info or debug"},
	{"links = ( " LOOP("a") " );\nroutes = ( { class = [ \"otp\", \"spam\" ]; links = [ \"a\" ]; } );",
		"t.conf:2: routes[0].class[1]: \"spam\" is not known; use otp, service or marketing"},
	{CLIENT("default_country = \"gb\";"),
		"t.conf:2: clients[0].default_country: \"gb\" is not a country, such as \"GB\""},
	{CLIENT("default_country = \"GBR\";"),
		"t.conf:2: clients[0].default_country: must have 2 characters, has 3"},
	{CLIENT("allow = [ \"10.0.0.0/8\", \"10.0.0.1/8\" ];"),
		"t.conf:2: clients[0].allow[1]: \"10.0.0.1/8\" is not a network, such as \"192.0.2.0/24\" or "
		"\"2001:db8::/32\""},
	{CLIENT("allow = [ \"10.0.0.0/33\" ];"), "t.conf:2: clients[0].allow[0]: \"10.0.0.0/33\" is not a "
						 "network, such as \"192.0.2.0/24\" or "
						 "\"2001:db8::/32\""},
	{SMPP("errors = [ \"0x45:temporary\",\n\"ESME_RSUBMITFIAL:temporary\" ];"),
		"t.conf:3: links[0].errors[1]: \"ESME_RSUBMITFIAL:temporary\" names no command_status; a code is a "
		"number up to 0xffffffff, or a name of SMPP; did you mean \"ESME_RSUBMITFAIL\"?"},
	{SMPP("errors = [ \"0x45\" ];"),
		"t.conf:2: links[0].errors[0]: \"0x45\" is not CODE:CLASS, such as "
		"\"ESME_RSUBMITFAIL:temporary\" or \"0x400-0x4ff:permanent\""},
	{SMPP("errors = [ \"0x45:later\" ];"),
		"t.conf:2: links[0].errors[0]: \"0x45:later\" has no class; classes are permanent, recipient, "
		"temporary, throttle, link-fatal and duplicate"},
	{SMPP("errors = [ \"0x4ff-0x400:permanent\" ];"),
		"t.conf:2: links[0].errors[0]: \"0x4ff-0x400:permanent\" is a range from a higher code to a lower "
		"one"},
	{SMPP("errors = [ \"0:permanent\" ];"),
		"t.conf:2: links[0].errors[0]: \"0:permanent\" is about ESME_ROK (0), which is no error"},
	{SMPP("errors = [ \"0x100000000:permanent\" ];"),
		"t.conf:2: links[0].errors[0]: \"0x100000000:permanent\" names no command_status; a code is a "
		"number up to 0xffffffff, or a name of SMPP"},
	{CLIENT("webhook: { url = \"ftp://x/\"; };"), "t.conf:2: clients[0].webhook.url: \"ftp://x/\" is not "
						      "an http or https URL without a password in it"},
	{CLIENT("webhook: { url = \"https://u:p@x/\"; };"),
		"t.conf:2: clients[0].webhook.url: \"https://u:p@x/\" is not an http or https URL without a "
		"password in it"},
	{"http: { listen = \"localhost:80\"; };", "t.conf:1: http.listen: \"localhost:80\" is not an address "
						  "and port, such as \"127.0.0.1:8775\" or "
						  "\"[::1]:8775\""},
	{"http: { listen = \"127.0.0.1:65536\"; };", "t.conf:1: http.listen: \"127.0.0.1:65536\" is not an "
						     "address and port, such as \"127.0.0.1:8775\" or "
						     "\"[::1]:8775\""},
	{"http: { listen = \"\"; };", "t.conf:1: http.listen: must not be empty"},
	{"data_dir = \"/a\\nb\";", "t.conf:1: data_dir: \"/a?b\" holds a control character"},
	{"links = ( { name = \"a b\"; driver = \"loopback\"; } );",
		"t.conf:1: links[0].name: \"a b\" may have letters, digits, \".\", \"_\" and \"-\" only"},
	{"clients = ( { name = \"a\"; key_sha256 = \"12\"; } );",
		"t.conf:1: clients[0].key_sha256: must have 64 characters, has 2"},
	{"clients = ( { name = \"a\"; key_sha256 = "
	 "\"g000000000000000000000000000000000000000000000000000000000000001\"; } );",
		"t.conf:1: clients[0].key_sha256: may have hexadecimal digits only"},
	{SMPP("password = \"123456789\";"),
		"t.conf:2: links[0].password: must have 1 to 8 characters, has 9"},
	{"links = ( { name = \"m\"; driver = \"modem\"; device = \"/dev/d\"; pin = \"12a4\"; } );",
		"t.conf:1: links[0].pin: may have digits only"},
	{"links = ( { name = \"m\"; driver = \"modem\"; device = \"ttyUSB0\"; } );",
		"t.conf:1: links[0].device: \"ttyUSB0\" is no modem: \"/dev/ttyUSB0\", \"imei:\" and 14 to 16 digits, \"iccid:\" and 18 to 20, \"imsi:\" "
		"and 14 or 15, or \"tcp:HOST:PORT\""},
	{"links = ( { name = \"m\"; driver = \"modem\"; device = \"imei:4901542032375\"; } );",
		"t.conf:1: links[0].device: \"imei:4901542032375\" is no modem: \"/dev/ttyUSB0\", \"imei:\" and 14 to 16 digits, \"iccid:\" and 18 to 20, \"imsi:\" "
		"and 14 or 15, or \"tcp:HOST:PORT\""},
	{"links = ( { name = \"m\"; driver = \"modem\"; device = \"imei:49015420323751A\"; } );",
		"t.conf:1: links[0].device: \"imei:49015420323751A\" is no modem: \"/dev/ttyUSB0\", \"imei:\" and 14 to 16 digits, \"iccid:\" and 18 to 20, \"imsi:\" "
		"and 14 or 15, or \"tcp:HOST:PORT\""},
	{"links = ( { name = \"m\"; driver = \"modem\"; device = \"imsi:\"; } );",
		"t.conf:1: links[0].device: \"imsi:\" is no modem: \"/dev/ttyUSB0\", \"imei:\" and 14 to 16 digits, \"iccid:\" and 18 to 20, \"imsi:\" "
		"and 14 or 15, or \"tcp:HOST:PORT\""},
	{"links = ( { name = \"m\"; driver = \"modem\"; device = \"tcp:terminal\"; } );",
		"t.conf:1: links[0].device: \"tcp:terminal\" is no modem: \"/dev/ttyUSB0\", \"imei:\" and 14 to 16 digits, \"iccid:\" and 18 to 20, \"imsi:\" "
		"and 14 or 15, or \"tcp:HOST:PORT\""},
	/* quotas, guards, balances, prices, and routes that choose */
	{SMPP("quota: { zone = \"Europe/Berlinn\"; };"),
		"t.conf:2: links[0].quota.zone: \"Europe/Berlinn\" is not a time zone, such as \"Europe/Berlin\""},
	{SMPP("quota: { day = 5; day_at = \"24:00\"; };"),
		"t.conf:2: links[0].quota.day_at: \"24:00\" is not a time of day, such as \"06:30\""},
	{SMPP("quota: { recipients_day = 5; reserve_otp = 5; };"),
		"t.conf:2: links[0].quota.reserve_otp: has no effect without a bound on parts"},
	{SMPP("quota: { week = 5; };"), "t.conf:2: links[0].quota.week: unknown setting"},
	{SMPP("guard: { failures = 1.5; };"), "t.conf:2: links[0].guard.failures: 1.5 is out of range; allowed are 0 to 1"},
	{SMPP("balance: { pattern = \"[0-9]+\"; };"),
		"t.conf:2: links[0].balance.pattern: \"[0-9]+\" has no group ( ) around the number"},
	{SMPP("balance: { pattern = \"([0-9]\"; };"),
		"t.conf:2: links[0].balance.pattern: \"([0-9]\" is not a POSIX extended regular expression"},
	{SMPP("balance: { pattern = \"((a{1,255}){1,255})\"; };"),
		"t.conf:2: links[0].balance.pattern: \"((a{1,255}){1,255})\" counts with { }, which can take any amount "
		"of memory; use ? * + instead"},
	{SMPP("balance: { pattern = \"(((((((((((((((((((([0-9]+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)\"; };"),
		"t.conf:2: links[0].balance.pattern: "
		"\"(((((((((((((((((((([0-9]+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)\" has more than 8 of +, which can "
		"take any amount of memory; use * instead"},
	{SMPP("prices = ( { prefix = \"7\"; price = 0.1; }, { prefix = \"7\"; price = 0.2; } );"),
		"t.conf:2: links[0].prices: has prefix \"7\" twice"},
	/* what SMPP versions and TLS allow */
	{SMPP("interface_version = 0x35;"),
		"t.conf:2: links[0].interface_version: is no version of SMPP that is spoken here; use 0x33 (3.3), 0x34 "
		"(3.4) or 0x50 (5.0)"},
	{SMPP("interface_version = 0x33;"),
		"t.conf:1: links[0].bind: SMPP 3.3 has no transceiver; use \"split\", \"transmitter\" or "
		"\"receiver\""},
	{SMPP("interface_version = 0x33; bind = \"transceiver\";"),
		"t.conf:2: links[0].bind: SMPP 3.3 has no transceiver; use \"split\", \"transmitter\" or "
		"\"receiver\""},
	{SMPP("interface_version = 0; bind = \"split\"; concat = \"sar\";"),
		"t.conf:2: links[0].concat: SMPP 3.3 has no TLVs; use \"udh8\" or \"udh16\""},
	{SMPP("interface_version = 0x33; bind = \"split\"; user_message_reference = true;"),
		"t.conf:2: links[0].user_message_reference: is a TLV, which SMPP 3.3 has not"},
	{SMPP("interface_version = 0x33; bind = \"split\"; flash = \"subunit\";"),
		"t.conf:2: links[0].flash: \"subunit\" is a TLV, which SMPP 3.3 has not; use \"0x10\" or \"0xf0\""},
	{SMPP("tls = true; tls_cert = \"c\";"),
		"t.conf:2: links[0].tls_cert: needs the other one of tls_cert and tls_key, too"},
	{SMPP("tls = true; tls_key = \"c\";"),
		"t.conf:2: links[0].tls_key: needs the other one of tls_cert and tls_key, too"},
	{SMPP("tls_cert = \"c\"; tls_key = \"k\";"),
		"t.conf:2: links[0].tls_cert: has no effect without tls = true"},
	{SMPP("tls_server_name = \"s\";"), "t.conf:2: links[0].tls_server_name: has no effect without tls = true"},
	{SMPP("source_address = \"localhost\";"), "t.conf:2: links[0].source_address: \"localhost\" is not an "
						  "address, such as \"192.0.2.1\" or \"2001:db8::1\""},
	/* required, by driver */
	{"clients = (\n{ name = \"a\"; } );",
		"t.conf:2: clients[0].key_sha256: is missing and has no default"},
	{"links = ( { driver = \"loopback\"; } );", "t.conf:1: links[0].name: is missing and has no default"},
	{"links = ( { name = \"a\"; } );", "t.conf:1: links[0].driver: is missing and has no default"},
	{"links = ( { name = \"a\"; driver = \"smpp\"; } );",
		"t.conf:1: links[0].host: is missing; give host, or hosts"},
	{SMPP("hosts = [ \"a\" ];"), "t.conf:2: links[0].hosts: stands beside host; give one of them"},
	{HOSTS("\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\""),
		"t.conf:2: links[0].hosts: has more than 8 hosts"},
	{HOSTS("\"a\", \"b:0\""), BAD_HOST("1", "b:0")},
	{HOSTS("\"b:65536\""), BAD_HOST("0", "b:65536")},
	{HOSTS("\"[::1\""), BAD_HOST("0", "[::1")},
	{HOSTS("\"[::1]2775\""), BAD_HOST("0", "[::1]2775")},
	{HOSTS("\"[smsc]:2775\""), BAD_HOST("0", "[smsc]:2775")},
	{HOSTS("\"a b\""), BAD_HOST("0", "a b")},
	{HOSTS("\":2775\""), BAD_HOST("0", ":2775")},
	{SMPP("outbind_system_id = \"s\";"),
		"t.conf:2: links[0].outbind_system_id: has no effect without outbind_listen"},
	{SMPP("outbind_listen = \"127.0.0.1:2776\";"),
		"t.conf:1: links[0].outbind_system_id: is missing; without it anybody could call and be given our password"},
	{SMPP("tls = true; outbind_system_id = \"s\"; outbind_listen = \"127.0.0.1:2776\";"),
		"t.conf:2: links[0].outbind_listen: needs tls_cert and tls_key with tls = true"},
	{"links = ( { name = \"a\"; driver = \"modem\"; } );",
		"t.conf:1: links[0].device: is missing and has no default"},
	{"links = ( { name = \"a\"; driver = \"loopback\";\nhost = \"h\"; } );",
		"t.conf:2: links[0].host: is a setting of driver \"smpp\"; this link has \"loopback\""},
	{"links = ( " LOOP("a") " );\nroutes = ( { prefix = [ \"7\" ]; } );",
		"t.conf:2: routes[0].links: is missing and has no default"},
	{"links = ( " LOOP("a") " );\nroutes = ( { links = [ ]; } );",
		"t.conf:2: routes[0].links: must not be empty"},
	{"inbound = ( { to = \"1\"; } );", "t.conf:1: inbound[0].client: is missing and has no default"},
	{SMPP("receipts = \"none\"; query = \"late\";"),
		"t.conf:2: links[0].query: would have no effect with receipts = \"none\""},
	{SMPP("bind = \"receiver\"; query = \"late\";"),
		"t.conf:2: links[0].query: would have no effect with bind = \"receiver\""},
	/* TLVs */
	{SMPP("tlvs = ( { name = \"a\"; } );"), "t.conf:2: links[0].tlvs[0].tag: is missing and has no default"},
	{SMPP("tlvs = ( { tag = 0; name = \"a\"; } );"),
		"t.conf:2: links[0].tlvs[0].tag: 0 is out of range; allowed are 1 to 65535"},
	{SMPP("tlvs = ( { tag = 0x1400; } );"),
		"t.conf:2: links[0].tlvs[0]: has neither name nor value, so nobody could give it one"},
	{SMPP("tlvs = ( { tag = 0x0424; name = \"a\"; } );"),
		"t.conf:2: links[0].tlvs[0].tag: 0x0424 is written by Posthorn itself, with concat = \"payload\""},
	{SMPP("tlvs = ( { tag = 0x020e; name = \"a\"; } );"),
		"t.conf:2: links[0].tlvs[0].tag: 0x020e is written by Posthorn itself, with concat = \"sar\""},
	{SMPP("flash = \"subunit\"; tlvs = ( { tag = 5; value = \"1\"; type = \"int8\"; } );"),
		"t.conf:2: links[0].tlvs[0].tag: 0x0005 is written by Posthorn itself, with flash = \"subunit\""},
	{SMPP("user_message_reference = true; tlvs = ( { tag = 0x204; name = \"a\"; } );"),
		"t.conf:2: links[0].tlvs[0].tag: 0x0204 is written by Posthorn itself, with "
		"user_message_reference = true"},
	{SMPP("tlvs = ( { tag = 0x1400; name = \"a\"; },\n{ tag = 0x1400; name = \"b\"; } );"),
		"t.conf:3: links[0].tlvs[1].tag: 0x1400 stands twice"},
	{SMPP("tlvs = ( { tag = 0x1400; name = \"a\"; },\n{ tag = 0x1401; name = \"a\"; } );"),
		"t.conf:3: links[0].tlvs[1].name: \"a\" stands twice"},
	{SMPP("tlvs = ( { tag = 0x1400; type = \"int8\"; value = \"256\"; } );"),
		"t.conf:2: links[0].tlvs[0].value: \"256\" is not a whole number of 0 to 255"},
	{SMPP("tlvs = ( { tag = 0x1400; type = \"hex\"; value = \"abc\"; } );"),
		"t.conf:2: links[0].tlvs[0].value: \"abc\" is not octets in hexadecimal, two digits each"},
	{SMPP("tlvs = ( { tag = 0x1400; max = 2; value = \"abc\"; } );"),
		"t.conf:2: links[0].tlvs[0].value: \"abc\" has more or fewer octets than min and max of the TLV allow"},
	{SMPP("tlvs = ( { tag = 0x1400; nme = \"a\"; } );"),
		"t.conf:2: links[0].tlvs[0].nme: unknown setting; did you mean \"name\"?"},
	{"links = ( { name = \"n\"; driver = \"loopback\";\ntlvs = ( ); } );",
		"t.conf:2: links[0].tlvs: is a setting of driver \"smpp\"; this link has \"loopback\""},
	{CLIENT("tlvs = ( { name = \"a\"; value = \"1\"; } );"),
		"t.conf:2: clients[0].tlvs[0].name: no link declares a TLV \"a\""},
	{CLIENT("tlvs = ( { name = \"a\"; value = \"xy\"; } );")
		SMPP("tlvs = ( { tag = 0x1400; name = \"a\"; type = \"int16\"; } );"),
		"t.conf:2: clients[0].tlvs[0].value: \"xy\" is not a whole number of 0 to 65535, says link \"acme\""},
	{CLIENT("tlvs = ( { name = \"a\"; value = \"1\"; }, { name = \"a\"; value = \"2\"; } );")
		SMPP("tlvs = ( { tag = 0x1400; name = \"a\"; } );"),
		"t.conf:2: clients[0].tlvs[1].name: \"a\" stands twice"},
	{SMPP("interface_version = 0x33; bind = \"split\"; tlvs = ( { tag = 0x1400; name = \"a\"; } );"),
		"t.conf:2: links[0].tlvs: SMPP 3.3 has no TLVs"},
	/* addresses */
	{SMPP("sender_rules = ( { match = \"letters\"; } );"),
		"t.conf:2: links[0].sender_rules[0].match: \"letters\" is not known; use any, number, short, "
		"alphanumeric or the digits that senders begin with"},
	{SMPP("sender_rules = ( { rewrite = \"123\"; add = \"0\"; } );"),
		"t.conf:2: links[0].sender_rules[0].rewrite: replaces the whole sender; leave out strip and add"},
	{SMPP("sender_rules = ( { match = \"alphanumeric\"; add = \"0\"; } );"),
		"t.conf:2: links[0].sender_rules[0].add: is about digits, and the rule about senders of letters"},
	{SMPP("sender_rules = ( { rewrite = \"12\"; } );"), "t.conf:2: links[0].sender_rules[0].rewrite: \"12\" is not "
							    "a sender: 3 to 15 digits, or up to 11 letters"},
	{SMPP("sender_rules = ( { rewrite = \"abcdefghijkl\"; } );"),
		"t.conf:2: links[0].sender_rules[0].rewrite: \"abcdefghijkl\" is not a sender: 3 to 15 digits, or up to "
		"11 letters"},
	{SMPP("dest_rules = ( { ton = 8; } );"),
		"t.conf:2: links[0].dest_rules[0].ton: 8 is out of range; allowed are -1 to 7"},
	{SMPP("intermediate = true; receipts = \"none\";"),
		"t.conf:2: links[0].intermediate: would have no effect with receipts = \"none\""},
	{"links = ( " LOOP("a") " );\nroutes = ( { links = [ \"a\" ]; from_allowed = [ \"short\" ]; } );",
		"t.conf:2: routes[0].from_allowed: needs from_fallback: what goes out instead of a sender that is not "
		"allowed"},
	{"links = ( " LOOP("a") " );\nroutes = ( { links = [ \"a\" ]; from = \"x\"; from_fallback = \"y\"; } );",
		"t.conf:2: routes[0].from: is the sender of all messages, so from_allowed and from_fallback would have "
		"no effect"},
	/* profiles */
	{SMPP("profile = \"a/b\";"), "t.conf:2: links[0].profile: \"a/b\" is not the name of a profile, but a path"},
	{SMPP("profile = 1;"), "t.conf:2: links[0].profile: expected a string, found a whole number"},
	/* between settings */
	{"clients = ( { name = \"a\"; key_sha256 = \"" HASH_A "\"; },\n{ name = \"a\"; key_sha256 = \"" HASH_B
	 "\"; } );",
		"t.conf:2: clients[1].name: two clients are called \"a\"; the first is in line 1"},
	{"clients = ( { name = \"a\"; key_sha256 = \"" HASH_A
	 "\"; },\n{ name = \"b\";\nkey_sha256 = \"" HASH_A "\"; } );",
		"t.conf:3: clients[1].key_sha256: client \"a\" has the same key"},
	{"links = ( " LOOP("a") ", " LOOP("b") ",\n" LOOP("a") " );",
		"t.conf:2: links[2].name: two links are called \"a\"; the first is in line 1"},
	{"links = ( " LOOP("a") " );\nroutes = ( { links = [ \"a\",\n\"b\" ]; } );",
		"t.conf:3: routes[0].links[1]: there is no link \"b\""},
	{"routes = ( { links = [ \"a\", \"a\" ]; } );\nlinks = ( " LOOP("a") " );",
		"t.conf:1: routes[0].links[1]: link \"a\" is named twice"},
	{"links = ( " LOOP("a") " );\nroutes = ( { links = [ \"a\" ]; client = [ \"x\" ]; } );",
		"t.conf:2: routes[0].client[0]: there is no client \"x\""},
	{"links = ( " LOOP(
		 "a") " );\nroutes = ( { links = [ \"a\" ]; },\n{ name = \"route1\"; links = [ \"a\" ]; } );",
		"t.conf:3: routes[1].name: two routes are called \"route1\"; the first is in line 2"},
	{"inbound = ( { client = \"x\"; } );", "t.conf:1: inbound[0].client: there is no client \"x\""},
	{CLIENT("") "inbound = ( { client = \"shop\"; link = \"x\"; } );",
		"t.conf:4: inbound[0].link: there is no link \"x\""},
	{SMPP("reconnect_min = 10;\nreconnect_max = 5;"),
		"t.conf:3: links[0].reconnect_max: 5 is below reconnect_min (10)"},
	{SMPP("retry_min = 700;"), "t.conf:1: links[0].retry_max: 600 is below retry_min (700)"},
	{SMPP("alphabet = \"latin1\";\nlanguages = [ \"tr\" ];"),
		"t.conf:3: links[0].languages: would have no effect with alphabet = \"latin1\"; their tables go with "
		"\"gsm7-unpacked\" and \"gsm7-packed\""},
	{SMPP("alphabet = \"ascii\"; languages = [ \"tr\" ];"),
		"t.conf:2: links[0].languages: would have no effect with alphabet = \"ascii\"; their tables go with "
		"\"gsm7-unpacked\" and \"gsm7-packed\""},
	{SMPP("concat = \"sar\"; languages = [ \"tr\" ];"),
		"t.conf:2: links[0].languages: would have no effect with concat = \"sar\", as the carrier makes the "
		"headers; use \"udh8\" or \"udh16\""},
	{SMPP("concat = \"payload\"; languages = [ \"tr\" ];"),
		"t.conf:2: links[0].languages: would have no effect with concat = \"payload\", as the carrier makes the "
		"headers; use \"udh8\" or \"udh16\""},
	{SMPP("data_coding_ucs2 = 256;"),
		"t.conf:2: links[0].data_coding_ucs2: 256 is out of range; allowed are -1 to 255"},
	{SMPP("data_coding_ucs2 = 4;"),
		"t.conf:2: links[0].data_coding_ucs2: 4 is also data_coding_binary, and the carrier could not tell them "
		"apart"},
	{SMPP("data_coding_gsm7 = 8;"),
		"t.conf:2: links[0].data_coding_gsm7: 8 is also data_coding_ucs2, and the carrier could not tell them apart"},
	{SMPP("alphabet = \"latin1\"; data_coding_binary = 3;"),
		"t.conf:2: links[0].data_coding_binary: 3 is also data_coding_gsm7, and the carrier could not tell them "
		"apart"},
	{SMPP("data_coding_gsm7 = 245; data_coding_binary = 245;"),
		"t.conf:2: links[0].data_coding_gsm7: 245 is also data_coding_binary, and the carrier could not tell them "
		"apart"},
	{SMPP("flash = \"0x18\";"), "t.conf:2: links[0].flash: \"0x18\" is not known; use 0x10, 0xf0 or subunit"},
	{"http: { tls: { cert = \"/c\"; }; };", "t.conf:1: http.tls: needs both cert and key"},
	{"http: { listen = \"127.0.0.1:8776\"; };",
		"t.conf:1: http: listen and admin_listen are both 127.0.0.1:8776"},
	/* secrets */
	{SMPP("password = \"a\";\npassword_env = \"B\";"),
		"t.conf:2: links[0].password: give only one of password, password_file and password_env"},
	{SMPP("password_env = \"POSTHORN_TEST_UNSET\";"),
		"t.conf:2: links[0].password_env: environment variable \"POSTHORN_TEST_UNSET\" is not set"},
	{SMPP("password_file = \"/nonexistent/pw\";"),
		"t.conf:2: links[0].password_file: /nonexistent/pw: No such file or directory"},
	{SMPP("password_file = \"/dev/null\";"),
		"t.conf:2: links[0].password_file: /dev/null is not a plain file"},
};

static void test_faults_name_file_line_and_setting(void **state)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct conf *c = NULL;
		char err[512] = "";
		int r = conf_load_string(bad[i].text, "t.conf", &c, err, sizeof(err));

		if (r != -EINVAL || c != NULL || strcmp(err, bad[i].message) != 0)
			fail_msg("case %zu: %d\n  got      %s\n  expected %s", i, r, err, bad[i].message);
	}
}

static void test_a_message_is_cut_to_its_buffer(void **state)
{
	struct conf *c = NULL;
	char err[9] = "12345678";

	assert_int_equal(conf_load_string("noed = 1;", "t.conf", &c, err, 8), -EINVAL);
	assert_string_equal(err, "t.conf:");
}

/* ---- what is read ---- */

static void test_an_empty_file_has_the_defaults(void **state)
{
	struct conf *c = load_ok("");

	assert_string_equal(c->data_dir, "/var/lib/posthorn");
	assert_int_equal(c->stop_timeout_ms, 15000);
	assert_int_equal(c->log_level, LOG_LEVEL_INFO);
	assert_int_equal(c->queue.max_waiting, 50000000);
	assert_int_equal(c->queue.lane_window, 1000);
	assert_string_equal(c->http.listen, "127.0.0.1:8775");
	assert_int_equal(c->http.max_body, 8388608);
	assert_int_equal(c->http.max_held, 134217728);
	assert_string_equal(c->http.tls.cert, "");
	assert_int_equal(c->retention.row_days, 180);
	assert_int_equal(c->webhook.timeout_ms, 10000);
	assert_true(c->webhook.allow_private);
	assert_int_equal(c->modem_ports.n, 2);
	assert_string_equal(c->modem_ports.item[1], "/dev/ttyACM*");
	assert_int_equal(c->n_clients + c->n_links + c->n_routes + c->n_inbound, 0);
	conf_free(c);
}

static void test_links_have_their_defaults(void **state)
{
	struct conf *c = load_ok(SMPP(""));
	const struct conf_link *l = &c->links[0];

	assert_int_equal(l->port, 2775);
	assert_int_equal(l->window, 50);
	assert_int_equal(l->binds, 1);
	assert_int_equal(l->bind, CONF_BIND_TRANSCEIVER);
	assert_int_equal(l->enquire_link_ms, 30000);
	assert_int_equal(l->receipt_timeout_ms, 172800000);
	assert_int_equal(l->on_uncertain, CONF_ON_UNCERTAIN_RESEND);
	assert_int_equal(l->source_ton, -1);
	assert_int_equal(l->interface_version, 0x34);
	assert_true(l->tls_verify);
	assert_false(l->tls);
	conf_free(c);
}

static void test_modems_have_a_guard_unless_it_is_switched_off(void **state)
{
	static const struct {
		const char *text;
		double failures;
		int64_t silence;
	} cases[] = {
		{ SMPP(""), 0, 0 },
		{ "links = ( { name = \"m\"; driver = \"modem\"; device = \"/dev/d\"; } );", CONF_GUARD_MODEM,
			CONF_GUARD_SILENCE_MODEM },
		{ "links = ( { name = \"m\"; driver = \"modem\"; device = \"/dev/d\"; guard: { of = 5; }; } );",
			CONF_GUARD_MODEM, CONF_GUARD_SILENCE_MODEM },
		{ "links = ( { name = \"m\"; driver = \"modem\"; device = \"/dev/d\"; guard: { failures = 0.0; }; } );", 0,
			CONF_GUARD_SILENCE_MODEM },
		{ "links = ( { name = \"m\"; driver = \"modem\"; device = \"/dev/d\"; guard: { silence = 0; }; } );",
			CONF_GUARD_MODEM, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf *c = load_ok(cases[i].text);

		assert_true(c->links[0].guard.failures == cases[i].failures);
		assert_int_equal(c->links[0].guard.silence, cases[i].silence);
		conf_free(c);
	}
}

static void test_everything_that_is_given_arrives(void **state)
{
	struct conf *c = load_ok(
		"queue = { max_waiting = 5000000000L; };\n"
		"clients = ( { name = \"shop\"; key_sha256 = \"" HASH_B
		"\"; role = \"operator\"; class = \"marketing\";\n"
		"  tps = 200; smart = true; ttl = 0x10; max_parts = 64; default_country = \"RU\"; from = "
		"\"SHOP\";\n"
		"  webhook: { url = \"https://shop.example/sms\"; secret = \"s\"; batch = 1; }; } );\n"
		"links = ( { name = \"acme\"; driver = \"smpp\"; host = \"smsc.example\"; bind = \"split\";\n"
		"  response_timeout = 0.25; concat = \"udh16\"; alphabet = \"gsm7-packed\"; receipt_id = "
		"\"dec\";\n"
		"  languages = ( \"tr\", \"es\" ); on_uncertain = \"fail\"; on_uncertain_otp = \"resend\"; data_coding_ucs2 = 0x18; "
		"data_coding_gsm7 = 0;\n"
		"  data_coding_binary = 245; flash = \"subunit\"; },\n"
		"  { name = \"null\"; driver = \"loopback\"; outcome = \"none\"; delay_ms = 7; } );\n"
		"routes = ( { prefix = [ \"7\", \"375\" ]; class = [ \"otp\" ]; links = ( \"null\", \"acme\" "
		"); },\n"
		"  { name = \"rest\"; client = [ \"shop\" ]; links = [ \"acme\" ]; } );\n"
		"inbound = ( { to = \"12345\"; keyword = \"STOP\"; client = \"shop\"; } );\n");

	assert_int_equal(c->queue.max_waiting, 5000000000);
	assert_int_equal(c->clients[0].role, CONF_ROLE_OPERATOR);
	assert_int_equal(c->clients[0].class, CONF_CLASS_MARKETING);
	assert_int_equal(c->clients[0].key_hash[0], 0xab);
	assert_int_equal(c->clients[0].key_hash[31], 2);
	assert_true(c->clients[0].tps == 200.0);
	assert_int_equal(c->clients[0].ttl_ms, 16000);
	assert_string_equal(c->clients[0].webhook.secret, "s");
	assert_int_equal(c->clients[0].webhook.batch, 1);
	assert_int_equal(c->links[0].bind, CONF_BIND_SPLIT);
	assert_int_equal(c->links[0].response_timeout_ms, 250);
	assert_int_equal(c->links[0].concat, CONF_CONCAT_UDH16);
	assert_int_equal(c->links[0].alphabet, CONF_ALPHABET_GSM7_PACKED);
	assert_int_equal(c->links[0].data_coding_ucs2, 0x18);
	assert_int_equal(c->links[0].data_coding_gsm7, 0);
	assert_int_equal(c->links[0].data_coding_binary, 0xf5);
	assert_int_equal(c->links[0].flash, CONF_FLASH_SUBUNIT);
	assert_int_equal(c->links[0].receipt_id, CONF_RECEIPT_ID_DEC);
	assert_int_equal(c->links[0].on_uncertain, CONF_ON_UNCERTAIN_FAIL);
	assert_int_equal(c->links[0].on_uncertain_otp, CONF_ON_UNCERTAIN_OF_RESEND);
	assert_int_equal(c->links[0].on_uncertain_marketing, CONF_ON_UNCERTAIN_OF_LINK);
	assert_int_equal(c->links[0].languages.n, 2);
	assert_int_equal(c->links[1].outcome, CONF_OUTCOME_NONE);
	assert_int_equal(c->links[1].delay_ms, 7);
	assert_string_equal(c->routes[0].name, "route1");
	assert_int_equal(c->routes[0].class_mask, 1u << CONF_CLASS_OTP);
	assert_int_equal(c->routes[0].prefix.n, 2);
	assert_ptr_equal(c->routes[0].link[0], &c->links[1]);
	assert_ptr_equal(c->routes[0].link[1], &c->links[0]);
	assert_string_equal(c->routes[1].name, "rest");
	assert_true((c->routes[1].class_mask & 1u << CONF_CLASS_MARKETING) != 0);
	assert_string_equal(c->inbound[0].keyword, "STOP");
	assert_string_equal(c->inbound[0].link, "");
	assert_ptr_equal(conf_find_client(c, "shop"), &c->clients[0]);
	assert_null(conf_find_client(c, "acme"));
	assert_ptr_equal(conf_find_link(c, "null"), &c->links[1]);
	conf_free(c);
}

static bool allows(const struct conf *c, const char *address)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
		return conf_client_allows(&c->clients[0], (const struct sockaddr *)(const void *)&v4);
	assert_int_equal(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
	return conf_client_allows(&c->clients[0], (const struct sockaddr *)(const void *)&v6);
}

static void test_networks_are_matched_by_bits(void **state)
{
	struct conf *c =
		load_ok(CLIENT("allow = [ \"192.0.2.128/25\", \"198.51.100.7\", \"2001:db8:8000::/33\" ];"));

	assert_true(allows(c, "192.0.2.128"));
	assert_true(allows(c, "192.0.2.255"));
	assert_false(allows(c, "192.0.2.127"));
	assert_true(allows(c, "198.51.100.7"));
	assert_false(allows(c, "198.51.100.6"));
	assert_true(allows(c, "::ffff:198.51.100.7")); /* how a dual-stack socket shows it */
	assert_true(allows(c, "2001:db8:ffff::1"));
	assert_false(allows(c, "2001:db8:7fff::1"));
	conf_free(c);
	c = load_ok(CLIENT("allow = [ \"0.0.0.0/0\" ];"));
	assert_true(allows(c, "203.0.113.9"));
	assert_false(allows(c, "2001:db8::1")); /* all of IPv4 only */
	conf_free(c);
	c = load_ok(CLIENT(""));
	assert_true(allows(c, "2001:db8::1"));
	conf_free(c);
}

static void test_errors_are_codes_names_and_ranges(void **state)
{
	struct conf *c = load_ok(SMPP(
		"errors = [ \"69:temporary\", \"ESME_RTHROTTLED:link-fatal\", \"0x400-0x4ff:duplicate\" ];"));
	const struct conf_link *l = &c->links[0];

	assert_int_equal(l->errors.n, 3);
	assert_int_equal(l->error[0].first, 0x45);
	assert_int_equal(l->error[0].last, 0x45);
	assert_int_equal(l->error[0].class, CONF_ERROR_TEMPORARY);
	assert_int_equal(l->error[1].first, 0x58); /* SMPP 3.4, 5.1.3 */
	assert_int_equal(l->error[1].class, CONF_ERROR_LINK_FATAL);
	assert_int_equal(l->error[2].first, 0x400);
	assert_int_equal(l->error[2].last, 0x4ff);
	assert_int_equal(l->error[2].class, CONF_ERROR_DUPLICATE);
	conf_free(c);
}

/* ---- files ---- */

struct folder {
	char path[64];
};

static struct folder make_folder(void)
{
	struct folder d = {"/tmp/conf_test.XXXXXX"};

	assert_non_null(mkdtemp(d.path));
	return d;
}

static void write_file(const struct folder *d, const char *name, const char *text, mode_t mode)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", d->path, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), mode), 0);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void remove_folder(const struct folder *d, const char *const *names)
{
	char path[128];

	for (; *names != NULL; names++) {
		snprintf(path, sizeof(path), "%s/%s", d->path, *names);
		unlink(path);
	}
	assert_int_equal(rmdir(d->path), 0);
}

static int load_file(const struct folder *d, const char *name, struct conf **ret, char *err, size_t n)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", d->path, name);
	return conf_load(path, ret, err, n);
}

static void test_secrets_come_from_files_and_environment(void **state)
{
	struct folder d = make_folder();
	struct conf *c = NULL;
	char err[512] = "", expected[512];

	write_file(&d, "main.conf",
		SMPP("password_file = \"pw\";")
			CLIENT("webhook: { secret_env = \"POSTHORN_TEST_SECRET\"; };"),
		0644);
	write_file(&d, "pw", "pass w\r\n", 0640);
	setenv("POSTHORN_TEST_SECRET", "from the environment", 1);
	assert_int_equal(load_file(&d, "main.conf", &c, err, sizeof(err)), 0);
	assert_string_equal(c->links[0].password, "pass w"); /* one line end is not part of it */
	assert_string_equal(c->clients[0].webhook.secret, "from the environment");
	conf_free(c);

	write_file(&d, "pw", "password", 0644);
	assert_int_equal(load_file(&d, "main.conf", &c, err, sizeof(err)), -EINVAL);
	snprintf(expected, sizeof(expected),
		"%s/main.conf:2: links[0].password_file: %s/pw can be read by everybody; chmod 600 it",
		d.path, d.path);
	assert_string_equal(err, expected);

	write_file(&d, "pw", "\n", 0600);
	assert_int_equal(load_file(&d, "main.conf", &c, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "/pw is empty"));

	write_file(&d, "pw", "hunter2hunter2", 0600);
	assert_int_equal(load_file(&d, "main.conf", &c, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "must have 1 to 8 characters, has 14"));
	assert_null(strstr(err, "hunter2"));

	setenv("POSTHORN_TEST_SECRET", "", 1);
	write_file(&d, "pw", "password", 0600);
	assert_int_equal(load_file(&d, "main.conf", &c, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "environment variable \"POSTHORN_TEST_SECRET\" is empty"));
	unsetenv("POSTHORN_TEST_SECRET");
	remove_folder(&d, (const char *const[]){"main.conf", "pw", NULL});
}

static void test_paths_and_includes_start_from_the_folder_of_the_file(void **state)
{
	struct folder d = make_folder();
	struct conf *c = NULL;
	char err[512] = "", expected[512];

	write_file(&d, "main.conf", "data_dir = \"db\";\n@include \"more.conf\"\n", 0644);
	write_file(&d, "more.conf", "node = 3;\n", 0644);
	if (load_file(&d, "main.conf", &c, err, sizeof(err)) != 0)
		fail_msg("%s", err);
	snprintf(expected, sizeof(expected), "%s/db", d.path);
	assert_string_equal(c->data_dir, expected);
	assert_int_equal(c->node, 3);
	conf_free(c);

	write_file(&d, "more.conf", "\nnode = 64;\n", 0644);
	assert_int_equal(load_file(&d, "main.conf", &c, err, sizeof(err)), -EINVAL);
	snprintf(expected, sizeof(expected), "%s/more.conf:2: node: 64 is out of range; allowed are 0 to 63",
		d.path);
	assert_string_equal(err, expected);

	/* Would be 1 if cut to 32 bits. */
	write_file(&d, "more.conf", "\n\nnode = 4294967297;\n", 0644);
	assert_int_equal(load_file(&d, "main.conf", &c, err, sizeof(err)), -EINVAL);
	snprintf(expected, sizeof(expected), "%s/more.conf:3: 4294967297 is too large a number", d.path);
	assert_memory_equal(err, expected, strlen(expected));
	remove_folder(&d, (const char *const[]){"main.conf", "more.conf", NULL});
}

static void test_unreadable_files_say_why(void **state)
{
	struct conf *c = NULL;
	char err[512] = "";

	assert_int_equal(conf_load("/nonexistent/x.conf", &c, err, sizeof(err)), -ENOENT);
	assert_string_equal(err, "/nonexistent/x.conf: No such file or directory");
	assert_int_equal(conf_load("/tmp", &c, err, sizeof(err)), -EISDIR);
	assert_string_equal(err, "/tmp: Is a directory");
}

/* ---- reload ---- */

static const char before[] =
	"node = 1; stop_timeout = 15;\n"
	"clients = ( { name = \"shop\"; key_sha256 = \"" HASH_A
	"\"; webhook: { url = \"http://a/\"; secret = \"one\"; }; },\n"
	"  { name = \"gone\"; key_sha256 = \"" HASH_B "\"; } );\n"
	"links = ( { name = \"acme\"; driver = \"smpp\"; host = \"h\"; tps = 100.0; password = \"a\"; },\n"
	"  { name = \"old\"; driver = \"loopback\"; } );\n"
	"routes = ( { name = \"x\"; links = [ \"acme\" ]; }, { name = \"y\"; links = [ \"acme\" ]; } );\n"
	"inbound = ( { client = \"shop\"; to = \"1\"; } );\n";

static const char after[] = "node = 2; stop_timeout = 0.5; log_level = \"debug\";\n"
			    "http: { max_body = 4096; max_connections = 5; max_per_address = 6; };\n"
			    "clients = ( { name = \"new\"; key_sha256 = \"" HASH_B "\"; },\n"
			    "  { name = \"shop\"; key_sha256 = \"" HASH_A
			    "\"; webhook: { url = \"http://a/\"; secret = \"two\"; batch = 5; }; } );\n"
			    "links = ( { name = \"b\"; driver = \"loopback\"; },\n"
			    "  { name = \"acme\"; driver = \"smpp\"; host = \"h2\"; tps = 50; password = "
			    "\"b\"; languages = [ \"tr\", \"es\" ]; alphabet = \"gsm7-packed\";\n"
			    "    data_coding_ucs2 = 0x18; } );\n"
			    "routes = ( { name = \"y\"; links = [ \"acme\", \"b\" ]; }, { name = \"x\"; "
			    "links = [ \"acme\" ]; } );\n"
			    "inbound = ( { client = \"shop\"; to = \"2\"; }, { client = \"shop\"; } );\n";

static const struct {
	const char *text;
	enum conf_apply apply;
	const char *link;
} changes[] = {
	{"stop_timeout: 15 -> 0.5", CONF_APPLY_RELOAD, NULL},
	{"node: 1 -> 2", CONF_APPLY_RESTART, NULL},
	{"log_level: info -> debug", CONF_APPLY_RELOAD, NULL},
	{"http.max_body: 8388608 -> 4096", CONF_APPLY_RESTART, NULL},
	{"http.max_connections: 4096 -> 5", CONF_APPLY_RESTART, NULL},
	{"http.max_per_address: 1024 -> 6", CONF_APPLY_RESTART, NULL},
	{"clients.new: added", CONF_APPLY_RELOAD, NULL},
	{"clients.shop.webhook.secret: changed", CONF_APPLY_RELOAD, NULL},
	{"clients.shop.webhook.batch: 100 -> 5", CONF_APPLY_RELOAD, NULL},
	{"clients.gone: removed", CONF_APPLY_RELOAD, NULL},
	{"links.b: added", CONF_APPLY_LINK, "b"},
	{"links.acme.tps: 100 -> 50", CONF_APPLY_RELOAD, "acme"},
	{"links.acme.alphabet: gsm7-unpacked -> gsm7-packed", CONF_APPLY_LINK, "acme"},
	{"links.acme.languages: [ ] -> [ \"tr\", \"es\" ]", CONF_APPLY_RELOAD, "acme"},
	{"links.acme.host: \"h\" -> \"h2\"", CONF_APPLY_LINK, "acme"},
	{"links.acme.password: changed", CONF_APPLY_LINK, "acme"},
	{"links.acme.data_coding_ucs2: -1 -> 24", CONF_APPLY_LINK, "acme"},
	{"links.old: removed", CONF_APPLY_LINK, "old"},
	{"routes.y.links: [ \"acme\" ] -> [ \"acme\", \"b\" ]", CONF_APPLY_RELOAD, NULL},
	{"routes: order changed", CONF_APPLY_RELOAD, NULL},
	{"inbound[0].to: \"1\" -> \"2\"", CONF_APPLY_RELOAD, NULL},
	{"inbound[1]: added", CONF_APPLY_RELOAD, NULL},
};

static void expect_change(void *arg, const struct conf_change *change)
{
	size_t i = (*(size_t *)arg)++;

	if (i >= sizeof(changes) / sizeof(changes[0]))
		fail_msg("one too many: %s", change->text);
	assert_string_equal(change->text, changes[i].text);
	assert_int_equal(change->apply, changes[i].apply);
	if (changes[i].link == NULL)
		assert_null(change->link);
	else
		assert_string_equal(change->link, changes[i].link);
}

static void test_reload_says_what_changed_and_what_it_costs(void **state)
{
	struct conf *a = load_ok(before), *b = load_ok(after);
	size_t n = 0;

	assert_int_equal(conf_diff(a, b, expect_change, &n), sizeof(changes) / sizeof(changes[0]));
	assert_int_equal(n, sizeof(changes) / sizeof(changes[0]));
	conf_free(a);
	conf_free(b);
}

static void expect_none(void *arg, const struct conf_change *change)
{
	fail_msg("%s", change->text);
}

static void test_the_same_file_is_no_change(void **state)
{
	struct conf *a = load_ok(after), *b = load_ok(after);

	assert_int_equal(conf_diff(a, b, expect_none, NULL), 0);
	conf_free(a);
	conf_free(b);
}

static void count_settings(void *arg, const struct conf_change *change)
{
	(*(size_t *)arg)++;
}

static void test_a_long_list_is_cut_in_the_line(void **state)
{
	char text[8192], *p = text;
	struct conf *a = load_ok(""), *b;
	size_t n = 0;

	p += sprintf(p, "modem_ports = [ \"x\"");
	for (int i = 0; i < 500; i++)
		p += sprintf(p, ", \"/dev/%d\"", i);
	sprintf(p, " ];");
	b = load_ok(text);
	assert_int_equal(conf_diff(a, b, count_settings, &n), 1);
	assert_int_equal(n, 1);
	conf_free(a);
	conf_free(b);
}

/* ---- documents ---- */

static char *read_all(const char *name)
{
	const char *srcdir = getenv("srcdir");
	char path[512];
	char *text = malloc(1 << 20);
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", srcdir != NULL ? srcdir : ".", name);
	f = fopen(path, "r");
	if (f == NULL)
		fail_msg("%s: %s", path, strerror(errno));
	n = fread(text, 1, (1 << 20) - 1, f);
	fclose(f);
	text[n] = '\0';
	return text;
}

static char *print_settings(void)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	conf_print_settings(f);
	fclose(f);
	return text;
}

static void test_the_example_file_is_the_table(void **state)
{
	char *committed = read_all("conf/posthorn.conf.example"), *printed = print_settings();

	if (strcmp(committed, printed) != 0)
		fail_msg("conf/posthorn.conf.example differs from the table; write it with: conf_test "
			 "--print");
	for (size_t i = 0; i < conf_n_settings; i++) {
		const struct conf_setting *s = &conf_settings[i];
		char line[128];

		snprintf(line, sizeof(line), "\t%s = ", s->name);
		if (strstr(committed, s->section == CONF_TOP ? strchr(line, s->name[0]) : line) == NULL)
			fail_msg("%s is missing from the example", s->name);
		if (strstr(committed, s->help) == NULL)
			fail_msg("the help of %s is missing from the example", s->name);
	}
	free(committed);
	free(printed);
}

/* Take the "#" off where no blank follows: the settings. */
static void uncomment(char *text)
{
	for (char *p = text; *p != '\0'; p += strcspn(p, "\n"), p += *p == '\n') {
		if (p[0] == '#' && p[1] != ' ' && p[1] != '\n')
			p[0] = ' ';
	}
}

static void expect_only_items(void *arg, const struct conf_change *change)
{
	if (strstr(change->text, ": added") == NULL)
		fail_msg("not at its default in the example: %s", change->text);
}

static void test_the_example_loads_commented_and_uncommented(void **state)
{
	char *text = read_all("conf/posthorn.conf.example");
	struct conf *c, *empty = load_ok("");

	c = load_ok(text);
	assert_int_equal(conf_diff(empty, c, expect_none, NULL), 0);
	conf_free(c);
	uncomment(text);
	c = load_ok(text);
	assert_int_equal(c->n_links, 3);
	conf_diff(empty, c, expect_only_items, NULL);
	conf_free(c);
	conf_free(empty);
	free(text);
}

static void expect_list_items(void *arg, const struct conf_change *change)
{
	if (strstr(change->text, "[0]: added") == NULL)
		fail_msg("not at its default in the example: %s", change->text);
}

/* A link, client or route from the example has the defaults too: compare with one that has only what is
 * required. */
static void test_items_of_the_example_are_at_their_defaults(void **state)
{
	char *text = read_all("conf/posthorn.conf.example");
	char bare_text[1024];
	struct conf *c, *bare;

	uncomment(text);
	c = load_ok(text);
	snprintf(bare_text, sizeof(bare_text),
		"clients = ( { name = \"shop\"; key_sha256 = \"%s\"; } );\n"
		"links = ( { name = \"acme\"; driver = \"smpp\"; host = \"%s\"; },\n"
		"{ name = \"sim1\"; driver = \"modem\"; device = \"%s\"; }, { name = \"null\"; driver = "
		"\"loopback\"; } );\n"
		"routes = ( { links = [ \"acme\" ]; } ); inbound = ( { client = \"shop\"; } );\n",
		c->clients[0].key_sha256, c->links[0].host, c->links[1].device);
	bare = load_ok(bare_text);
	/* The lists inside of items are there, to be seen. */
	assert_int_equal(conf_diff(bare, c, expect_list_items, NULL), 5);
	conf_free(bare);
	conf_free(c);
	free(text);
}

/* In the manual page each setting is a paragraph of its own under its section: ".B name" in a ".TP". */
static void test_the_manual_page_mentions_every_setting(void **state)
{
	char *page = read_all("man/posthorn.conf.5");

	for (size_t i = 0; i < conf_n_settings; i++) {
		const struct conf_setting *s = &conf_settings[i];
		char entry[128];

		snprintf(entry, sizeof(entry), "\n.TP\n.BR %s ", s->name);
		if (strstr(page, entry) == NULL)
			fail_msg("man/posthorn.conf.5 lacks %s", s->name);
		if (strstr(page, s->help) == NULL)
			fail_msg("man/posthorn.conf.5 lacks or has an old help of %s", s->name);
	}
	free(page);
}

static void test_the_table_is_sound(void **state)
{
	for (size_t i = 0; i < conf_n_settings; i++) {
		const struct conf_setting *s = &conf_settings[i];
		size_t n = strlen(s->help);

		assert_int_equal(s->help[n - 1], '.');
		assert_true(n <= 100);
		if (s->type == CONF_ENUM)
			assert_true(conf_word_index(s->words, s->def) >= 0);
		if (s->type == CONF_INT || s->type == CONF_DOUBLE || s->type == CONF_DURATION) {
			double def =
				s->type == CONF_INT ? (double)strtoll(s->def, NULL, 0) : strtod(s->def, NULL);

			if (!(s->min <= def && def <= s->max))
				fail_msg("default of %s is out of its range", s->name);
		}
		for (size_t j = 0; j < i; j++) {
			if (conf_settings[j].section == s->section &&
				strcmp(conf_settings[j].name, s->name) == 0)
				fail_msg("%s is there twice", s->name);
		}
	}
}

/* ---- profiles ---- */

#define PROFILED(more) "links = ( { name = \"a\"; driver = \"smpp\"; host = \"h\"; profile = \"p\";\n" more "\n} );\n"

static int load_with_profile(const char *profile, const char *text, struct conf **ret, char *err, size_t n_err)
{
	char folder[] = "/tmp/profile-XXXXXX", path[128], carriers[64];
	FILE *f;
	int r;

	assert_non_null(mkdtemp(folder));
	snprintf(carriers, sizeof(carriers), "%s/carriers", folder);
	assert_int_equal(mkdir(carriers, 0700), 0);
	snprintf(path, sizeof(path), "%s/p.conf", carriers);
	f = fopen(path, "w");
	fputs(profile, f);
	fclose(f);
	snprintf(carriers, sizeof(carriers), "%s/t.conf", folder);
	r = conf_load_string(text, carriers, ret, err, n_err);
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	rmdir(folder);
	return r;
}

static void test_the_link_wins_over_its_profile_and_this_over_the_default(void **state)
{
	struct conf *c;
	char err[512];

	assert_int_equal(load_with_profile("window = 7; tps = 3.0; alphabet = \"latin1\"; languages = [ ];\n"
					   "tlvs = ( { tag = 0x1400; name = \"x\"; }, { tag = 0x1401; name = \"y\"; } );\n"
					   "sender_rules = ( { match = \"short\"; ton = 0; } );\n"
					   "tls_ca = \"ca.pem\";\n",
				 PROFILED("window = 9; tlvs = ( { tag = 0x1500; name = \"z\"; } );"), &c, err, sizeof(err)),
		0);
	assert_int_equal(c->links[0].window, 9);
	assert_true(c->links[0].tps == 3.0);
	assert_int_equal(c->links[0].alphabet, CONF_ALPHABET_LATIN1);
	assert_int_equal(c->links[0].binds, 1);
	assert_int_equal(c->links[0].n_tlvs, 1); /* a list is one setting */
	assert_string_equal(c->links[0].tlvs[0].name, "z");
	assert_int_equal(c->links[0].n_sender_rules, 1);
	assert_non_null(strstr(c->links[0].tls_ca, "/carriers/ca.pem")); /* from the profile's own folder */
	conf_free(c);
}

static void test_faults_of_a_profile_name_its_file_and_line(void **state)
{
	static const struct {
		const char *profile, *link, *message;
	} v[] = {
		{"\nwindw = 7;", "", "/carriers/p.conf:2: windw: unknown setting; did you mean \"window\"?"},
		{"\n\nwindow = ;", "", "/carriers/p.conf:3: syntax error"},
		{"window = 0;", "", "/carriers/p.conf:1: window: 0 is out of range; allowed are 1 to 1000 parts"},
		{"host = \"x\";", "", "/carriers/p.conf:1: host: cannot stand in a profile; set it in the link"},
		{"name = \"x\";", "", "/carriers/p.conf:1: name: cannot stand in a profile; set it in the link"},
		{"password_file = \"x\";", "",
			"/carriers/p.conf:1: password_file: cannot stand in a profile; set it in the link"},
		{"profile = \"q\";", "", "/carriers/p.conf:1: profile: cannot stand in a profile; set it in the link"},
		{"\ndelay_ms = 1;", "",
			"/carriers/p.conf:2: delay_ms: is a setting of driver \"loopback\"; this link has \"smpp\""},
		{"\nlanguages = [ \"tr\" ];", "alphabet = \"latin1\";",
			"/carriers/p.conf:2: languages: would have no effect with alphabet = \"latin1\""},
		{"\nretry_max = 1;", "retry_min = 2;", "/carriers/p.conf:2: retry_max: 1 is below retry_min (2)"},
		{"retry_min = 2;", "retry_max = 1;", "/t.conf:2: links[0].retry_max: 1 is below retry_min (2)"},
		{"data_coding_ucs2 = 4;", "", "/carriers/p.conf:1: data_coding_ucs2: 4 is also data_coding_binary"},
		{"\ntlvs = ( { tag = 0x1400;\nname = \"a\"; },\n{ tag = 0x424; name = \"b\"; } );", "",
			"/carriers/p.conf:4: tlvs[1].tag: 0x0424 is written by Posthorn itself"},
		{"tlvs = ( { tag = 0x204;\nname = \"a\"; } );", "user_message_reference = true;",
			"/carriers/p.conf:1: tlvs[0].tag: 0x0204 is written by Posthorn itself"},
		{"validity_max = 99999999999;", "", "/carriers/p.conf:1: 99999999999 is too large a number"},
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char err[512] = "", text[512];
		struct conf *c;

		snprintf(text, sizeof(text), PROFILED("%s"), v[i].link);
		assert_int_equal(load_with_profile(v[i].profile, text, &c, err, sizeof(err)), -EINVAL);
		if (strstr(err, v[i].message) == NULL)
			fail_msg("%s: %s", v[i].profile, err);
	}
}

static void test_a_profile_that_is_not_there_is_told_with_its_places(void **state)
{
	char err[512] = "";
	struct conf *c;

	assert_int_equal(conf_load_string(PROFILED(""), "/nowhere/t.conf", &c, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "/nowhere/t.conf:1: links[0].profile: there is no profile \"p\": neither "
				    "/nowhere/carriers/p.conf nor "));
	assert_non_null(strstr(err, "/carriers/p.conf is a file"));
}

struct origins {
	const char *want;
	bool seen;
};

static void look_for(void *arg, const char *link, const char *line)
{
	struct origins *o = arg;

	o->seen = o->seen || strstr(line, o->want) != NULL;
}

static void test_every_setting_says_where_it_was_given(void **state)
{
	static const char *const want[] = {
		"links.a.tps = 3 (from /tmp/profile-", "/carriers/p.conf:2)", "links.a.window = 9 (from /tmp/profile-",
		"/t.conf:2)", "links.a.binds = 1 (default)", "links.a.password = (not shown) (from ",
		"links.a.tlvs = ( 1 ) (from ", "links.a.sender_rules = ( 0 ) (default)",
	};
	char err[512];
	struct conf *c;

	assert_int_equal(load_with_profile("window = 7;\ntps = 3.0;\ntlvs = ( { tag = 0x1400; name = \"x\"; } );",
				 PROFILED("window = 9; password = \"secret\";"), &c, err, sizeof(err)),
		0);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct origins o = {.want = want[i]};

		conf_origins(c, look_for, &o);
		if (!o.seen)
			fail_msg("nobody said %s", want[i]);
	}
	conf_free(c);
}

/* What a reload asks: did the profile change? */
static void test_a_changed_profile_is_a_change(void **state)
{
	struct conf *c, *d;
	char err[512];

	load_with_profile("tps = 3.0; tlvs = ( { tag = 0x1400; name = \"x\"; } );", PROFILED(""), &c, err, sizeof(err));
	load_with_profile("tps = 4.0; tlvs = ( { tag = 0x1401; name = \"x\"; } );", PROFILED(""), &d, err, sizeof(err));
	assert_int_equal(conf_diff(c, d, count_settings, &(size_t){0}), 2);
	conf_free(c);
	conf_free(d);
}

/* Each loads, and says of each setting why it is there. */
static void test_the_shipped_profiles_load_and_explain_themselves(void **state)
{
	static const char *const names[] = {"gateway-as-smsc", "generic-33", "generic-34", "hex-dec-ids", "india-dlt",
		"latin1", "national-numbers", "short-code-us", "simulator"};
	const char *srcdir = getenv("srcdir");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[256], text[256], *profile, *line, *rest;
		bool explained = false;
		struct conf *c;
		char err[512];

		snprintf(path, sizeof(path), "%s/conf/t.conf", srcdir != NULL ? srcdir : ".");
		snprintf(text, sizeof(text),
			"links = ( { name = \"a\"; driver = \"smpp\"; host = \"h\"; profile = \"%s\"; } );", names[i]);
		if (conf_load_string(text, path, &c, err, sizeof(err)) < 0)
			fail_msg("%s", err);
		assert_true(c->links[0].n_origins > 4); /* something is in it */
		conf_free(c);
		snprintf(path, sizeof(path), "conf/carriers/%s.conf", names[i]);
		profile = read_all(path);
		snprintf(text, sizeof(text), "# %s -- ", names[i]);
		assert_int_equal(strncmp(profile, text, strlen(text)), 0);
		for (line = strtok_r(profile, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
			bool comment = line[strspn(line, "\t")] == '#';

			if (!comment && strspn(line, "(); \t") != strlen(line) && strstr(line, "= (") == NULL && !explained)
				fail_msg("%s: nothing says why: %s", names[i], line);
			explained = comment || (explained && strchr(line, '{') == NULL);
		}
		free(profile);
	}
}

/* ---- secrets and clock ---- */

static void test_hashes_match_their_standards(void **state)
{
	uint8_t hash[SECRET_HASH_LEN], key[20];
	char hex[SECRET_HEX_SIZE];
	const struct secret_span spans[] = {{"Hi", 2}, {"", 0}, {" There", 6}};

	/* FIPS 180-4, example of one block: "abc". */
	assert_int_equal(secret_sha256("abc", 3, hash), 0);
	secret_hex(hash, sizeof(hash), hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	/* RFC 4231, test case 1, the data in pieces. */
	memset(key, 0x0b, sizeof(key));
	assert_int_equal(secret_hmac_sha256(key, sizeof(key), spans, 3, hash), 0);
	secret_hex(hash, sizeof(hash), hex);
	assert_string_equal(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
}

static void test_hexadecimal_is_strict(void **state)
{
	uint8_t octets[2] = {0};

	assert_int_equal(secret_unhex("aBc0", octets, 2), 0);
	assert_int_equal(octets[0], 0xab);
	assert_int_equal(octets[1], 0xc0);
	assert_int_equal(secret_unhex("abc", octets, 2), -EINVAL);
	assert_int_equal(secret_unhex("abcde", octets, 2), -EINVAL);
	assert_int_equal(secret_unhex("ab g", octets, 2), -EINVAL);
	assert_true(secret_equal("ab", "ab", 2));
	assert_false(secret_equal("ab", "aB", 2));
}

static void test_keys_are_random_and_well_formed(void **state)
{
	char a[SECRET_KEY_SIZE], b[SECRET_KEY_SIZE];

	assert_int_equal(secret_key_new(a), 0);
	assert_int_equal(secret_key_new(b), 0);
	assert_int_equal(strlen(a), SECRET_KEY_LEN);
	assert_memory_equal(a, "ph_", 3);
	assert_int_equal(strspn(a + 3, "0123456789abcdefghjkmnpqrstvwxyz"), SECRET_KEY_LEN - 3);
	assert_string_not_equal(a, b);
}

/* 32 letters, 400 keys: a letter missing from a place by chance has odds of one in 10^5, five or more of none. */
static void test_every_place_of_a_key_takes_every_letter(void **state)
{
	uint8_t seen[SECRET_KEY_LEN][256] = {{0}};
	char key[SECRET_KEY_SIZE];

	for (int i = 0; i < 400; i++) {
		assert_int_equal(secret_key_new(key), 0);
		for (int j = 3; j < SECRET_KEY_LEN; j++)
			seen[j][(unsigned char)key[j]] = 1;
	}
	for (int j = 3; j < SECRET_KEY_LEN; j++) {
		int n = 0;

		for (int c = 0; c < 256; c++)
			n += seen[j][c];
		assert_true(n >= 28);
	}
}

static const struct {
	const char *text;
	int64_t ms;
	const char *shown;
} times[] = {
	{"1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000Z"},
	{"1969-12-31T23:59:59.999Z", -1, "1969-12-31T23:59:59.999Z"},
	/* RFC 3339, 5.8 */
	{"1985-04-12T23:20:50.52Z", 482196050520, "1985-04-12T23:20:50.520Z"},
	{"1996-12-19T16:39:57-08:00", 851042397000, "1996-12-20T00:39:57.000Z"},
	{"1990-12-31T23:59:60Z", 662688000000, "1991-01-01T00:00:00.000Z"},
	{"1990-12-31T15:59:60-08:00", 662688000000, "1991-01-01T00:00:00.000Z"},
	{"1937-01-01T12:00:27.87+00:20", -1041337172130, "1937-01-01T11:40:27.870Z"},
	/* leap days: every fourth year, not the hundredth, but the four hundredth */
	{"2024-02-29T12:00:00Z", 1709208000000, "2024-02-29T12:00:00.000Z"},
	{"2000-02-29T00:00:00Z", 951782400000, "2000-02-29T00:00:00.000Z"},
	{"2100-02-28T23:59:59.999Z", 4107542399999, "2100-02-28T23:59:59.999Z"},
	{"2100-03-01T00:00:00Z", 4107542400000, "2100-03-01T00:00:00.000Z"},
	{"2024-03-01T00:30:00+01:00", 1709249400000, "2024-02-29T23:30:00.000Z"},
	/* the ends, small letters, a long fraction, the offset that means "unknown" */
	{"0000-01-01T00:00:00Z", -62167219200000, "0000-01-01T00:00:00.000Z"},
	{"9999-12-31T23:59:59.999Z", 253402300799999, "9999-12-31T23:59:59.999Z"},
	{"2001-09-09t01:46:40.123999999z", 1000000000123, "2001-09-09T01:46:40.123Z"},
	{"2001-09-09T01:46:40.5-00:00", 1000000000500, "2001-09-09T01:46:40.500Z"},
	{"2001-09-09T23:46:40+22:00", 1000000000000, "2001-09-09T01:46:40.000Z"},
};

static const char *const bad_times[] = {
	"",
	"2024",
	"2024-02-30T00:00:00Z",
	"2023-02-29T00:00:00Z",
	"2100-02-29T00:00:00Z",
	"2024-00-01T00:00:00Z",
	"2024-13-01T00:00:00Z",
	"2024-01-00T00:00:00Z",
	"2024-04-31T00:00:00Z",
	"2024-01-01 00:00:00Z",
	"2024-01-01T24:00:00Z",
	"2024-01-01T00:60:00Z",
	"2024-01-01T00:00:61Z",
	"2024-01-01T00:00:60Z",
	"2024-01-15T23:59:60Z",
	"2024-01-01T00:00:00",
	"2024-01-01T00:00:00.Z",
	"2024-01-01T00:00:00,5Z",
	"2024-01-01T00:00:00+0100",
	"2024-01-01T00:00:00+24:00",
	"2024-01-01T00:00:00+01:60",
	"2024-01-01T00:00:00ZZ",
	"2024-1-01T00:00:00Z",
	"+024-01-01T00:00:00Z",
	" 2024-01-01T00:00:00Z",
	"2024-01-01T00:00Z",
};

static void test_times_are_read_and_written(void **state)
{
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		char shown[CLOCK_TEXT_SIZE];
		int64_t ms = 0;

		if (clock_parse_rfc3339(times[i].text, strlen(times[i].text), &ms) != 0 || ms != times[i].ms)
			fail_msg("%s: %lld", times[i].text, (long long)ms);
		assert_int_equal(clock_format_rfc3339(ms, shown), CLOCK_TEXT_LEN);
		assert_string_equal(shown, times[i].shown);
	}
	for (size_t i = 0; i < sizeof(bad_times) / sizeof(bad_times[0]); i++) {
		int64_t ms;

		if (clock_parse_rfc3339(bad_times[i], strlen(bad_times[i]), &ms) != -EINVAL)
			fail_msg("accepted: %s", bad_times[i]);
	}
}

static void test_times_beyond_the_format_are_clamped(void **state)
{
	char shown[CLOCK_TEXT_SIZE];

	clock_format_rfc3339(INT64_MAX, shown);
	assert_string_equal(shown, "9999-12-31T23:59:59.999Z");
	clock_format_rfc3339(INT64_MIN, shown);
	assert_string_equal(shown, "0000-01-01T00:00:00.000Z");
}

static void test_a_time_ends_where_its_length_says(void **state)
{
	const char text[] = {'2', '0', '2', '4', '-', '0', '1', '-', '0', '1', 'T', '0', '0', ':', '0', '0',
		':', '0', '0', 'Z'};
	int64_t ms;

	assert_int_equal(clock_parse_rfc3339(text, sizeof(text), &ms), 0);
	assert_int_equal(clock_parse_rfc3339(text, sizeof(text) - 1, &ms), -EINVAL);
}

/* Every day of 800 years: next day, next text. */
static void test_the_calendar_has_no_gaps(void **state)
{
	char last[CLOCK_TEXT_SIZE] = "", shown[CLOCK_TEXT_SIZE];

	for (int64_t day = -146097; day <= 146097; day++) {
		int64_t ms;

		clock_format_rfc3339(day * 86400000, shown);
		assert_true(strcmp(last, shown) < 0);
		assert_int_equal(clock_parse_rfc3339(shown, CLOCK_TEXT_LEN, &ms), 0);
		assert_int_equal(ms, day * 86400000);
		memcpy(last, shown, sizeof(last));
	}
}

static void test_clocks_go_forward(void **state)
{
	int64_t us = clock_mono_us(), ms = clock_mono_ms();

	assert_true(clock_mono_us() >= us);
	assert_true(ms >= us / 1000 && ms <= clock_mono_us() / 1000);
	assert_true(
		clock_ms() > 1700000000000); /* 2023: a clock in seconds or microseconds would show here */
	assert_true(clock_ms() < 17000000000000);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults_name_file_line_and_setting),
		cmocka_unit_test(test_a_message_is_cut_to_its_buffer),
		cmocka_unit_test(test_an_empty_file_has_the_defaults),
		cmocka_unit_test(test_links_have_their_defaults),
		cmocka_unit_test(test_modems_have_a_guard_unless_it_is_switched_off),
		cmocka_unit_test(test_everything_that_is_given_arrives),
		cmocka_unit_test(test_networks_are_matched_by_bits),
		cmocka_unit_test(test_errors_are_codes_names_and_ranges),
		cmocka_unit_test(test_secrets_come_from_files_and_environment),
		cmocka_unit_test(test_paths_and_includes_start_from_the_folder_of_the_file),
		cmocka_unit_test(test_unreadable_files_say_why),
		cmocka_unit_test(test_reload_says_what_changed_and_what_it_costs),
		cmocka_unit_test(test_the_same_file_is_no_change),
		cmocka_unit_test(test_a_long_list_is_cut_in_the_line),
		cmocka_unit_test(test_the_link_wins_over_its_profile_and_this_over_the_default),
		cmocka_unit_test(test_faults_of_a_profile_name_its_file_and_line),
		cmocka_unit_test(test_a_profile_that_is_not_there_is_told_with_its_places),
		cmocka_unit_test(test_every_setting_says_where_it_was_given),
		cmocka_unit_test(test_a_changed_profile_is_a_change),
		cmocka_unit_test(test_the_shipped_profiles_load_and_explain_themselves),
		cmocka_unit_test(test_the_example_file_is_the_table),
		cmocka_unit_test(test_the_example_loads_commented_and_uncommented),
		cmocka_unit_test(test_items_of_the_example_are_at_their_defaults),
		cmocka_unit_test(test_the_manual_page_mentions_every_setting),
		cmocka_unit_test(test_the_table_is_sound),
		cmocka_unit_test(test_hashes_match_their_standards),
		cmocka_unit_test(test_hexadecimal_is_strict),
		cmocka_unit_test(test_keys_are_random_and_well_formed),
		cmocka_unit_test(test_every_place_of_a_key_takes_every_letter),
		cmocka_unit_test(test_times_are_read_and_written),
		cmocka_unit_test(test_times_beyond_the_format_are_clamped),
		cmocka_unit_test(test_a_time_ends_where_its_length_says),
		cmocka_unit_test(test_the_calendar_has_no_gaps),
		cmocka_unit_test(test_clocks_go_forward),
	};

	if (argc > 1 && strcmp(argv[1], "--print") == 0) {
		conf_print_settings(stdout);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
