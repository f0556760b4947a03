// SPDX-License-Identifier: BSD-2-Clause
/*
 * In the monitor, called by monitor.c and accept.c: the orders to the spawner and what it says.
 * Never waits for it, and calls nothing of libssh.
 */
#include "spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <unistd.h>

#include "alloc.h"
#include "confine.h"
#include "keyfile.h"
#include "loop.h"
#include "wire.h"

/* Retired ones are nobody else's. */
static LIST_HEAD(, spawner) all = LIST_HEAD_INITIALIZER(all);

struct spawner {
	LIST_ENTRY(spawner) entry;
	struct spawner_ops ops;
	const struct spawner_setup *setup;
	struct event *event;
	int sock;
	pid_t pid; /* ours to reap, which nobody does while its socket is open */
	bool killed;
	size_t live;	 /* sessions handed over that have not ended */
	size_t starting; /* that it has not yet answered for */
	bool proof;
	bool retired, busy; /* busy: its own callback runs */
	int last_code;
	char last_words[256];
};

/* The private halves stay here, where its libssh can do without. */
static void send_keys(struct spawner *s, bool keyless)
{
	struct wire w;

	for (size_t i = 0; i < s->setup->n_hostkeys; i++) {
		const struct hostkey *k = s->setup->hostkeys[i];
		char text[KEYFILE_TEXT];
		size_t n;
		const uint8_t *blob = hostkey_blob(k, &n);

		wire_start(&w, WIRE_HOSTKEY);
		if (keyless)
			keyfile_text_public(blob, n, text);
		wire_put_text(&w, keyless ? text : hostkey_text(k));
		wire_put_bytes(&w, blob, n);
		wire_send(s->sock, &w);
		explicit_bzero(&w, sizeof(w));
	}
	wire_start(&w, WIRE_START);
	wire_send(s->sock, &w);
}

static void on_spawner(evutil_socket_t sock, short what, void *arg)
{
	struct spawner *s = arg;
	struct wire w;
	char version[64], why[512];
	const int rc = wire_recv(sock, &w, 0);
	uint32_t a, b;

	if (rc < 0 && errno == EAGAIN)
		return;
	if (rc != 1) {
		event_del(s->event);
		s->ops.lost(s->ops.arg, s, s->last_code, s->last_words);
		return;
	}
	s->busy = true;
	switch (wire_type(&w)) {
	case WIRE_TESTED:
		s->proof = wire_get_u32(&w) != 0;
		send_keys(s, wire_get_u32(&w) != 0);
		break;
	case WIRE_READY:
		wire_get_text(&w, version, sizeof(version));
		wire_get_text(&w, why, sizeof(why));
		s->ops.ready(s->ops.arg, s, s->proof, version, why);
		break;
	case WIRE_SPAWNED:
		a = wire_get_u32(&w);
		b = wire_get_u32(&w);
		s->starting -= s->starting > 0;
		s->ops.spawned(s->ops.arg, a, (int)b);
		break;
	case WIRE_EXITED:
		a = wire_get_u32(&w);
		b = wire_get_u32(&w);
		s->live--;
		s->ops.exited(s->ops.arg, a, (int)b, wire_get_u64(&w));
		break;
	case WIRE_FAILED:
		s->last_code = (int)wire_get_u32(&w);
		wire_get_text(&w, s->last_words, sizeof(s->last_words));
		break;
	default:
		break;
	}
	s->busy = false;
	if (s->retired && s->live == 0)
		spawner_free(s);
}

static int send_setup(int sock, const struct spawner_setup *setup)
{
	const struct settings *s = setup->settings;
	struct wire w;

	wire_start(&w, WIRE_SETUP);
	wire_put_u32(&w, s->algorithms);
	wire_put_u32(&w, (uint32_t)s->keepalive);
	wire_put_u32(&w, !s->unsafe_no_sandbox);
	wire_put_u32(&w, (uint32_t)s->max_held);
	wire_put_u32(&w, (uint32_t)s->max_channels);
	wire_put_u32(&w, (uint32_t)s->rekey_data);
	wire_put_u32(&w, (uint32_t)s->rekey_time);
	return wire_send(sock, &w);
}

struct spawner *spawner_start(struct event_base *base, const struct spawner_setup *setup,
			      const struct spawner_ops *ops)
{
	struct spawner *s = xcalloc(1, sizeof(*s));

	s->ops = *ops;
	s->setup = setup;
	s->sock = -1;
	LIST_INSERT_HEAD(&all, s, entry);
	confine_oom_first(true);
	s->pid = helper_start("spawner", setup->program->fd, setup->user, &s->sock);
	confine_oom_first(false);
	if (s->pid < 0 || send_setup(s->sock, setup) != 0) {
		spawner_free(s);
		return NULL;
	}
	fcntl(s->sock, F_SETFL, O_NONBLOCK);
	s->event = loop_watch(base, s->sock, EV_READ | EV_PERSIST, on_spawner, s);
	return s;
}

int spawner_spawn(struct spawner *s, uint32_t conn, int ssh_fd, int broker)
{
	struct wire w;

	wire_start(&w, WIRE_SPAWN);
	wire_put_u32(&w, conn);
	wire_attach(&w, ssh_fd);
	wire_attach(&w, broker);
	if (wire_send(s->sock, &w) != 0)
		return -1;
	s->live++;
	s->starting++;
	return 0;
}

int spawner_kill_session(struct spawner *s, uint32_t conn)
{
	struct wire w;

	wire_start(&w, WIRE_KILL);
	wire_put_u32(&w, conn);
	return wire_send(s->sock, &w);
}

int spawner_pid(const struct spawner *s)
{
	return (int)s->pid;
}

bool spawner_deaf(const struct spawner *s)
{
	int unread = 0;

	return ioctl(s->sock, SIOCOUTQ, &unread) == 0 && unread > 0;
}

void spawner_kill(struct spawner *s)
{
	if (s->killed)
		return;
	s->killed = true;
	if (kill(s->pid, SIGKILL) == 0)
		log_msg(LOG_ERR,
			"the spawner (process %d) takes no orders: killed, with its sessions",
			(int)s->pid);
	else
		log_msg(LOG_ERR, "the spawner (process %d) takes no orders, nor a kill: %s",
			(int)s->pid, strerror(errno));
}

size_t spawner_starting(const struct spawner *s)
{
	return s->starting;
}

void spawner_retire(struct spawner *s)
{
	s->retired = true;
	if (s->live == 0 && !s->busy)
		spawner_free(s);
}

void spawner_free(struct spawner *s)
{
	if (!s)
		return;
	LIST_REMOVE(s, entry);
	loop_drop(s->event);
	if (s->sock >= 0)
		close(s->sock);
	free(s);
}

void spawner_free_all(void)
{
	while (!LIST_EMPTY(&all))
		spawner_free(LIST_FIRST(&all));
}
