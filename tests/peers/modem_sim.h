/* SPDX-License-Identifier: Apache-2.0 */
/* modem_sim.h -- the parts of the modem simulator put together: modems, their ports, their memories, the network.
 *
 *   octets ──► modem_port ──► modem_at ──► at_base, at_sim, at_sms ──► modem_net (judge, accept, report)
 *                  ▲             │                                          │
 *                  └── answers ──┴─────── unsolicited lines ◄── modem_store ◄┘
 *
 * One loop, one thread.  Everything that happens later is an event in one heap (modem_later()); nothing runs when there
 * is nothing to do.  A modem that restarts raises its `boot`, and events of the time before find nobody.
 */
#ifndef MODEM_SIM_H
#define MODEM_SIM_H

#include <stdio.h>
#include <sys/queue.h>
#include <uv.h>

#include "modem_profile.h"
#include "modem_script.h"
#include "modem_stats.h"
#include "modem_tpdu.h"

#define MODEMS_MAX   256u
#define PORTS_MAX    PROFILE_PORTS_MAX
#define LINE_CAP     2048u /* a command line; SCA and TPDU take 376 digits */
#define HELD_CAP     4096u
#define OUT_CAP      (192u * 1024)
#define ANSWER_CAP   (160u * 1024) /* +CMGL of a full memory */
#define PENDING_CAP  8192u
#define KEPT_MAX     16u
#define MEMS_MAX     3u
#define USSD_MAX     8u
#define FOREVER      UINT64_MAX

struct modem;
struct modem_sim;
struct port_watch;

/* ---- ports */

struct modem_port {
	struct modem *m;
	char name[16];
	enum modem_role role;
	bool tcp, serial; /* serial: the line outlives a restart */

	int fd;	      /* pty master or TCP connection; -1: gone */
	int keep;     /* the pty's slave, held open so that the master does not hang up with each client */
	int listener; /* TCP; -1 */
	int inotify;  /* watch of opens and closes of the slave; -1 */
	struct port_watch *watch, *listen_watch;
	char link[256], device[64], address[64];
	struct sockaddr_storage addr;
	bool plugged;
	unsigned openers;

	bool echo, verbose, quiet;
	bool busy;	/* a command runs; what arrives is held */
	bool prompt;	/* octets go into a PDU or a text */
	bool dirty;
	char line[LINE_CAP], held[HELD_CAP];
	size_t n_line, n_held;
	char command[LINE_CAP]; /* the rest of the line being run */
	const char *rest;
	char last[LINE_CAP];	/* for A/ */
	char answer[ANSWER_CAP];
	size_t n_answer;
	char out[OUT_CAP];
	size_t n_out;
	char pending[PENDING_CAP]; /* unsolicited lines that wait for the end of a prompt */
	size_t n_pending;
	TAILQ_ENTRY(modem_port) dirty_entry;

	struct { /* of +CMGS and +CMGW while the prompt stands */
		unsigned length;
		bool store;
		uint8_t stat;
		char to[24];
	} entry;
};

/* ---- memories */

enum slot_stat { SLOT_UNREAD, SLOT_READ, SLOT_UNSENT, SLOT_SENT, SLOT_FREE };

struct modem_slot {
	enum slot_stat stat;
	uint8_t n, n_sca;
	uint8_t pdu[TPDU_SCA_MAX + TPDU_MAX]; /* SCA and TPDU */
};

struct modem_mem {
	char name[4];
	uint16_t capacity, used, first;
	struct modem_slot *slots;
};

/* ---- what waits in the network for this SIM */

struct net_item {
	TAILQ_ENTRY(net_item) entry;
	bool report, shown; /* shown: of class 0 or type 0, never stored */
	uint8_t n;
	uint8_t tpdu[TPDU_MAX];
};

TAILQ_HEAD(net_items, net_item);

struct modem_ussd {
	char code[32], text[512];
	int form; /* enum modem_ussd_form, or -1: as the maker does */
};

enum sim_state { SIM_READY, SIM_PIN, SIM_PUK, SIM_BLOCKED };

struct modem {
	struct modem_sim *sim;
	unsigned index;
	char name[16];
	const struct modem_profile *profile;
	struct modem_conf conf;
	struct modem_port *ports[PORTS_MAX];
	unsigned n_ports;
	uint32_t boot; /* raised with each start */
	bool built;
	bool off;      /* restarting, or unplugged */
	bool storage;  /* came back as a disk: no ports */
	uint64_t silent_until;
	bool silent_reopen; /* until the port is opened anew */
	bool ready;	    /* SIM read, messages work */
	uint64_t booted_ms;

	enum sim_state pin_state;
	unsigned pin_left, puk_left;
	bool sim_out, net_lost;

	/* What commands set; a restart clears it. */
	uint8_t cmee, cfun, cmgf, csms, cmms, csdh, cnmi[5];
	uint8_t n_creg, n_cgreg, n_cereg, said_creg, said_cgreg, said_cereg;
	uint8_t csmp[4], cgsms, cops_format;
	bool clip, crc, curc_off;
	char cscs[12], sca[24];
	struct modem_mem mems[MEMS_MAX];
	unsigned n_mems;
	char use[3][4]; /* +CPMS: the three memories */
	bool said_full;

	struct net_items waiting;
	char kept[KEPT_MAX][40]; /* +CNMI mode 0: indications not yet said */
	unsigned n_kept;
	struct net_item *unacked; /* +CMT or +CDS that waits for +CNMA */
	uint32_t unacked_serial;
	uint8_t mr;
	uint64_t last_sent_ms;
	uint64_t link_until_ms;
	unsigned calling; /* rings left */
	char caller[24];
	struct modem_ussd ussd[USSD_MAX];
	unsigned n_ussd;
	unsigned noise_next, mo_ref;
	struct modem_counts counts;
};

/* ---- events */

typedef void (*modem_event_fn)(struct modem *m, void *arg);

struct modem_event {
	uint64_t due_ms, order;
	modem_event_fn fn;
	struct modem *m;
	void *arg; /* freed when the event finds nobody */
	uint32_t boot; /* 0: whatever happens to the modem */
};

struct modem_options {
	const char *control, *dir, *prefix, *profile, *tcp, *ports, *log_path, *stats_path, *trace_path;
	unsigned n_modems;
	uint64_t seed;
	bool all_ports;
};

TAILQ_HEAD(modem_ports, modem_port);

struct modem_sim {
	uv_loop_t loop;
	struct modem_options opt;
	struct modem *modems[MODEMS_MAX];
	unsigned n_modems;
	struct modem_rules rules;
	struct modem_log log;
	struct modem_keys keys;
	FILE *trace; /* of all octets; NULL */
	struct modem_judged judged;

	struct modem_event *heap;
	size_t n_heap, heap_cap;
	uint64_t order;
	uv_timer_t timer;
	uv_prepare_t prepare;
	uv_signal_t sigterm, sigint, sigusr1;
	uv_tcp_t control;
	unsigned n_controls;
	int inotify;
	uv_poll_t inotify_poll;
	struct modem_ports dirty;
	bool stopping, running;
	uint64_t now_ms, start_ms, random;
};

/* modem_sim.c */
/* Run `fn(m, arg)` in `ms`, unless the modem restarts first.  modem_later_always(): even then. */
void modem_later(struct modem *m, uint64_t ms, modem_event_fn fn, void *arg);
void modem_later_always(struct modem *m, uint64_t ms, modem_event_fn fn, void *arg);
void modem_clock(struct modem_sim *sim);
void modem_sim_stop(struct modem_sim *sim);
uint64_t modem_random(struct modem_sim *sim);
bool modem_chance(struct modem_sim *sim, uint32_t ppm);
uint32_t modem_between(struct modem_sim *sim, uint32_t min, uint32_t max);
int64_t modem_wall(void);
double modem_wall_exactly(void); /* with milliseconds, for the log */
char *modem_sim_json(struct modem_sim *sim);

/* modem_life.c: start, restart, going away. */
int modem_add(struct modem_sim *sim);
/* Ports and memories as the profile says; from then on it stands.  Harmless when done. */
int modem_build(struct modem *m);
void modem_free(struct modem *m);
void modem_power_on(struct modem *m);
/* Gone from the bus now, back after `ms` (0: as the setting says), as a disk if `storage`. */
void modem_restart(struct modem *m, uint32_t ms, bool storage);
/* Pulled out; back after `ms`, or when modem_replug() says so (0). */
void modem_unplug(struct modem *m, uint32_t ms);
int modem_replug(struct modem *m, const char *name); /* "" : the same name */
void modem_silence(struct modem *m, uint64_t ms); /* FOREVER; 0: again talkative */
bool modem_is_silent(struct modem *m);
void modem_registration_changed(struct modem *m);
uint8_t modem_creg(const struct modem *m);
uint8_t modem_cgreg(const struct modem *m);
uint8_t modem_cereg(const struct modem *m);
bool modem_registered(const struct modem *m);
void modem_noise(struct modem *m);
void modem_call(struct modem *m, const char *from, unsigned rings);
const char *modem_operator(const struct modem *m);

/* modem_port.c */
struct modem_port *modem_port_new(struct modem *m, const char *name, enum modem_role role);
int modem_port_plug(struct modem_port *p);
void modem_port_unplug(struct modem_port *p);
void modem_port_free(struct modem_port *p);
void modem_port_write(struct modem_port *p, const char *s, size_t n); /* through the faults of the line */
void modem_ports_flush(struct modem_sim *sim);
int modem_ports_init(struct modem_sim *sim);
void modem_ports_done(struct modem_sim *sim);

/* modem_at.c */
void modem_at_reset(struct modem_port *p);
void modem_at_feed(struct modem_port *p, const char *s, size_t n);
/* An unsolicited line, on every port that has them; lines are split at '\n'. */
void modem_urc(struct modem *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* modem_store.c */
struct modem_mem *modem_mem_find(struct modem *m, const char *name);
bool modem_mem_known(struct modem *m, const char *name);
/* `name` may be MT: the device's memory first, then the SIM's. */
void modem_mem_count(struct modem *m, const char *name, unsigned *ret_used, unsigned *ret_capacity);
unsigned modem_mem_end(struct modem *m, const char *name);
struct modem_slot *modem_mem_slot(struct modem *m, const char *name, unsigned index);
/* The index it got, or -1: full.  The memory that took it stands in `ret_name` (4). */
int modem_mem_put(struct modem *m, const char *name, enum slot_stat stat, const uint8_t *sca, size_t n_sca,
	const uint8_t *tpdu, size_t n, char *ret_name);
void modem_mem_delete(struct modem *m, const char *name, unsigned index);
void modem_mem_resize(struct modem_mem *mem, unsigned capacity);

/* modem_net.c */
void modem_net_submit(struct modem_port *p, const uint8_t *pdu, size_t n, unsigned length, const char *verb);
void modem_net_pump(struct modem *m);
void modem_net_pump_soon(struct modem *m); /* behind the answer of the command that runs */
/* +CNMI has changed: say what was kept, or forget it (bfr). */
void modem_net_routing_changed(struct modem *m);
void modem_net_acknowledge(struct modem *m, bool good);
void modem_net_arrive(struct modem *m, bool report, const uint8_t *tpdu, size_t n);
void modem_net_clear(struct modem *m);

/* modem_mo.c: the `mo`, `mms`, `tpdu` actions. */
struct modem_words;
int modem_mo_action(struct modem *m, struct modem_words *w);

/* modem_action.c: one line of a script or of the control port.  The reason of a refusal is written to `err`. */
int modem_do(struct modem_sim *sim, const char *line, const char *where, char *err, size_t n_err);

/* modem_control.c */
int modem_control_listen(struct modem_sim *sim);
void modem_control_close(struct modem_sim *sim);

#endif
