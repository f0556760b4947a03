// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by monitor.c and accept.c: sends orders to the spawner and reads its
 * answers.  It never blocks on the spawner, and calls nothing of libssh.
 */
#include "spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <unistd.h>

#include "alloc.h"
#include "confine.h"
#include "loop.h"

/* All spawners: retired ones are in no other list. */
static LIST_HEAD(, spawner) all = LIST_HEAD_INITIALIZER(all);

/* Sends the host keys; keyless: without the private keys, which the spawner's libssh does not need
 * then. */
static void send_keys(struct spawner *s, bool keyless)
{
	static const struct message_head start = {MESSAGE_START, 0};

	for (size_t i = 0; i < s->setup->n_hostkeys; i++) {
		const struct hostkey *k = s->setup->hostkeys[i];
		struct message_hostkey m = {.head = {MESSAGE_HOSTKEY, 0}};

		m.blob_len = k->blob_len;
		memcpy(m.blob, k->blob, k->blob_len);
		if (keyless)
			keyfile_text_public(k->blob, k->blob_len, m.text);
		else
			snprintf(m.text, sizeof(m.text), "%s", k->text);
		message_send(s->sock, &m, NULL);
		explicit_bzero(&m, sizeof(m));
	}
	message_send(s->sock, &start, NULL);
}

static void on_spawner(evutil_socket_t sock, short what, void *arg)
{
	struct spawner *s = arg;
	struct message m;
	const int rc = message_recv(sock, &m, MESSAGE_OF_SPAWNER);

	if (rc < 0 && errno == EAGAIN)
		return;
	if (rc != 1) {
		event_del(s->event);
		s->ops.lost(s->ops.arg, s, s->last.code, s->last.text);
		return;
	}
	s->busy = true;
	switch (m.head.type) {
	case MESSAGE_TESTED:
		s->proof = m.tested.proof;
		send_keys(s, m.tested.keyless);
		break;
	case MESSAGE_READY:
		s->ops.ready(s->ops.arg, s, s->proof, m.ready.libssh, m.ready.why);
		break;
	case MESSAGE_SPAWNED:
		s->starting -= s->starting > 0;
		s->ops.spawned(s->ops.arg, m.head.id, m.spawned.pid);
		break;
	case MESSAGE_EXITED:
		s->live--;
		s->ops.exited(s->ops.arg, m.head.id, m.exited.status, m.exited.cpu);
		break;
	case MESSAGE_FAILED:
		s->last = m.failed;
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
	const struct message_setup m = {.head = {MESSAGE_SETUP, 0},
					.algorithms = s->algorithms,
					.keepalive = (uint32_t)s->keepalive,
					.sandbox = !s->unsafe_no_sandbox,
					.max_held = (uint32_t)s->max_held,
					.max_channels = (uint32_t)s->max_channels,
					.rekey_data = (uint32_t)s->rekey_data,
					.rekey_time = (uint32_t)s->rekey_time};

	return message_send(sock, &m, NULL);
}

struct spawner *spawner_start(struct event_base *base, const struct spawner_setup *setup,
			      const struct spawner_ops *ops)
{
	struct spawner *s = xcalloc(1, sizeof(*s));

	*s = (struct spawner){.ops = *ops, .setup = setup, .sock = -1};
	LIST_INSERT_HEAD(&all, s, entry);
	confine_oom_first(true);
	s->pid = launch_start("spawner", setup->program->fd, setup->users, &s->sock);
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
	const struct message_head m = {MESSAGE_SPAWN, conn};

	if (message_send(s->sock, &m, (int[]){ssh_fd, broker}) != 0)
		return -1;
	s->live++;
	s->starting++;
	return 0;
}

int spawner_kill_session(struct spawner *s, uint32_t conn)
{
	const struct message_head m = {MESSAGE_KILL, conn};

	return message_send(s->sock, &m, NULL);
}

void spawner_kill_stuck(struct spawner *s)
{
	int unread = 0;

	if (s->killed || ioctl(s->sock, SIOCOUTQ, &unread) != 0 || unread == 0)
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
