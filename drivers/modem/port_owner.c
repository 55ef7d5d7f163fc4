/* SPDX-License-Identifier: Apache-2.0 */
/* port_owner.c -- see port_owner.h.
 *
 * A user without privileges sees the descriptors of its own processes only, and with hidepid (systemd: ProtectProc=) no
 * others at all.  So there are four steps: who has locked it, which everybody may know; who has it open; which of the
 * usual programs runs; the usual names. */
#include "drivers/modem/port_owner.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define COMM_SIZE 17 /* TASK_COMM_LEN and a NUL */

/* Programs that are known to take modems, and what to do about each. */
static const struct habit {
	const char *comm, *remedy;
} habits[] = {
	{ "ModemManager", "tell it to leave the modem alone with the udev rule of docs/modems.md, or stop it" },
	{ "brltty", "it takes USB serial adapters for Braille displays; remove the package brltty, or stop it" },
	{ "gammu-smsd", "stop it; one program at a time can use a modem" },
	{ "smsd", "that is smstools; stop it" },
	{ "gammu", "wait until it has ended" },
	{ "bearerbox", "that is Kannel; take the modem out of its configuration" },
	{ "asterisk", "take the modem out of chan_dongle or chan_quectel" },
	{ "wvdial", "stop it" },
	{ "pppd", "it holds a data connection over this port; use another port of the modem" },
	{ "minicom", "leave it" },
	{ "picocom", "leave it" },
	{ "screen", "leave it" },
	{ "ser2net", "take the port out of its configuration, or use it by tcp:HOST:PORT" },
	{ "getty", "disable serial-getty@ for this port" },
	{ "agetty", "disable serial-getty@ for this port" },
	{ "posthornd", "another gateway runs, or two links name the same port" },
};
#define N_HABITS (sizeof(habits) / sizeof(habits[0]))

static const struct habit *habit_of(const char *comm)
{
	for (size_t i = 0; i < N_HABITS; i++)
		if (strcmp(habits[i].comm, comm) == 0)
			return &habits[i];
	return NULL;
}

static bool read_comm(long pid, char comm[COMM_SIZE])
{
	char name[64];
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), "/proc/%ld/comm", pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, comm, COMM_SIZE - 1);
	close(fd);
	if (n <= 0)
		return false;
	comm[n] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
	return true;
}

/* Does a descriptor of the process lead there? */
static bool has_open(long pid, const char *path)
{
	char dir[64], link[PATH_MAX];
	struct dirent *e;
	bool found = false;
	DIR *d;

	snprintf(dir, sizeof(dir), "/proc/%ld/fd", pid);
	d = opendir(dir);
	if (!d)
		return false;
	while (!found && (e = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, link, sizeof(link) - 1);

		link[n < 0 ? 0 : n] = '\0';
		found = strcmp(link, path) == 0;
	}
	closedir(d);
	return found;
}

/* The process that has it locked by flock(); else 0.  "1: FLOCK  ADVISORY  WRITE 812 00:05:433 0 EOF" (proc(5)). */
static long locked_by(const char *path)
{
	FILE *f = fopen("/proc/locks", "re");
	char line[200], kind[16];
	long owner = 0, pid;
	unsigned major_, minor_;
	unsigned long inode;
	struct stat st;

	if (f && stat(path, &st) == 0)
		while (!owner && fgets(line, sizeof(line), f))
			if (sscanf(line, "%*d: %15s %*s %*s %ld %x:%x:%lu", kind, &pid, &major_, &minor_, &inode) == 5 &&
				strcmp(kind, "FLOCK") == 0 && inode == st.st_ino && makedev(major_, minor_) == st.st_dev)
				owner = pid;
	if (f)
		fclose(f);
	return owner > 0 ? owner : 0;
}

/* The process that has it open; else 0, and *ret_suspect is a program of the table that runs, or NULL. */
static long look_for(const char *path, const struct habit **ret_suspect)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	long owner = 0;

	*ret_suspect = NULL;
	while (d && !owner && (e = readdir(d))) {
		long pid = isdigit((unsigned char)e->d_name[0]) ? strtol(e->d_name, NULL, 10) : 0;
		const struct habit *h;
		char comm[COMM_SIZE];

		if (!pid || pid == getpid())
			continue;
		if (has_open(pid, path))
			owner = pid;
		h = read_comm(pid, comm) ? habit_of(comm) : NULL;
		if (h && (!*ret_suspect || h < *ret_suspect) && strcmp(comm, "screen") != 0)
			*ret_suspect = h;
	}
	if (d)
		closedir(d);
	return owner;
}

bool port_used_by(const char *path, char *who, size_t n_who)
{
	const struct habit *suspect;
	long owner = locked_by(path);
	char comm[COMM_SIZE] = "";

	if (!owner)
		owner = port_lock_file_owner(path);
	if (!owner)
		owner = look_for(path, &suspect);
	if (!owner || owner == getpid())
		return false;
	if (!read_comm(owner, comm))
		strcpy(comm, "another program");
	snprintf(who, n_who, "%s (process %ld)", comm, owner);
	return true;
}

void port_say_busy(const char *path, pid_t pid, char *why, size_t n_why)
{
	const struct habit *suspect = NULL, *h;
	long owner = pid ? pid : locked_by(path);
	char comm[COMM_SIZE] = "";

	if (!owner)
		owner = look_for(path, &suspect);
	if (owner == getpid() || (!owner && has_open(getpid(), path))) {
		snprintf(why, n_why, "%s is in use by another link of this gateway", path);
	} else if (owner && read_comm(owner, comm)) {
		h = habit_of(comm);
		snprintf(why, n_why, "%s is in use by %s (process %ld)%s%s", path, comm, owner, h ? ": " : "",
			h ? h->remedy : "");
	} else if (suspect) {
		snprintf(why, n_why, "%s is in use by another program, perhaps %s, which runs here: %s", path,
			suspect->comm, suspect->remedy);
	} else {
		snprintf(why, n_why, "%s is in use by another program (often ModemManager, brltty, gammu-smsd or smsd); "
			"\"fuser -v %s\" as root tells which", path, path);
	}
}

void port_say_denied(const char *path, char *why, size_t n_why)
{
	char text[1024];
	struct group g, *found = NULL;
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & S_IRGRP) && (st.st_mode & S_IWGRP) && st.st_gid != 0)
		(void)getgrgid_r(st.st_gid, &g, text, sizeof(text), &found);
	if (found)
		snprintf(why, n_why, "no permission for %s: the gateway's user must be in the group %s "
			"(usermod -aG %s posthorn, then start it again)", path, g.gr_name, g.gr_name);
	else
		snprintf(why, n_why, "no permission for %s: give it to a group of the gateway's user, usually dialout, by "
			"the udev rule of docs/modems.md", path);
}

pid_t port_lock_file_owner(const char *path)
{
	const char *base = strrchr(path, '/');
	char name[300], text[32];
	ssize_t n;
	long pid;
	int fd;

	snprintf(name, sizeof(name), "/run/lock/LCK..%.200s", base ? base + 1 : path);
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	pid = strtol(text, NULL, 10);
	if (pid <= 0 || pid > INT_MAX || pid == getpid())
		return 0;
	return kill((pid_t)pid, 0) == 0 || errno == EPERM ? (pid_t)pid : 0;
}
