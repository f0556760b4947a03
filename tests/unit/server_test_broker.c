// SPDX-License-Identifier: BSD-2-Clause
/* What a session takes from its monitor: the answer to its question, late messages beside it, and
 * nothing that its state does not allow. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker.h"
#include "fds.h"

static const struct message_open question = {.head = {MESSAGE_OPEN, 0x10000}};

static int monitor; /* its end of the pair */
static struct broker b;
static size_t fds_before, n_late, n_lost;

static void on_late(void *arg, struct message *m)
{
	n_late++;
	b.ended = m->head.type == MESSAGE_END;
}

static void on_lost(void *arg)
{
	n_lost++;
}

static void set_up(void)
{
	int pair[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
		     0);
	monitor = pair[0];
	b = (struct broker){.fd = pair[1], .state = MESSAGE_UP, .late = on_late, .lost = on_lost};
	fds_before = count_fds();
}

static void tear_down(void)
{
	check_at_end(count_fds() == fds_before, "descriptors leaked");
}

TestSuite(broker, .init = set_up, .fini = tear_down, .timeout = 30);

/* With a descriptor where the table wants one. */
static void say(uint32_t type, uint32_t id)
{
	static const int fd = STDIN_FILENO;
	const struct message m = {.head = {type, id}};

	cr_assert_eq(message_send(monitor, &m, type == MESSAGE_OPENED ? &fd : NULL), 0);
}

/* The answer of another channel, and what asks nothing, come before it. */
Test(broker, late_messages_before_the_answer)
{
	say(MESSAGE_CHECK, 0);
	say(MESSAGE_OPENED, 0x20000);
	say(MESSAGE_REFUSED, 0x30000);
	say(MESSAGE_OPENED, 0x10000);
	cr_assert(broker_ask(&b, &question));
	cr_expect_eq(b.in.head.id, 0x10000);
	cr_expect_eq(n_late, 3);
	cr_expect_eq(count_fds(), fds_before + 1, "a late socket that nobody took is closed");
	message_close_fds(&b.in);
	cr_expect_eq(n_lost, 0);
}

Test(broker, nothing_is_read_after_the_end)
{
	say(MESSAGE_END, 0);
	say(MESSAGE_OPENED, 0x10000);
	cr_expect_not(broker_ask(&b, &question));
	broker_poll(&b);
	cr_expect_eq(n_late, 1);
	cr_expect_eq(n_lost, 0);
}

static const struct {
	const char *what;
	enum message_state state;
	uint32_t type;
} forbidden[] = {
    {"a socket before the login", MESSAGE_LOGIN, MESSAGE_OPENED},
    {"a channel before the login", MESSAGE_LOGIN, MESSAGE_PENDING},
    {"CHECK before the login", MESSAGE_LOGIN, MESSAGE_CHECK},
    {"a second login", MESSAGE_UP, MESSAGE_GRANT},
    {"a denial after the login", MESSAGE_UP, MESSAGE_DENY},
    {"what sessions say", MESSAGE_UP, MESSAGE_STATS},
};

/* It ends the session, once, and hands nothing on. */
Test(broker, what_the_state_does_not_allow)
{
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		b.state = forbidden[i].state;
		b.gone = false;
		n_lost = 0;
		say(forbidden[i].type, 0x10000);
		broker_poll(&b);
		broker_poll(&b);
		cr_expect(b.gone, "%s", forbidden[i].what);
		cr_expect_eq(n_lost, 1, "%s", forbidden[i].what);
		cr_expect_eq(n_late, 0, "%s", forbidden[i].what);
		cr_expect_eq(count_fds(), fds_before, "%s: a descriptor is left",
			     forbidden[i].what);
	}
}

/* Each of its calls notices it; the session hears of it once. */
Test(broker, the_monitor_is_gone)
{
	const struct message_head alive = {MESSAGE_ALIVE, 0};

	close(monitor);
	fds_before--;
	broker_tell(&b, &alive);
	broker_tell(&b, &alive);
	cr_expect_not(broker_ask(&b, &question));
	broker_poll(&b);
	cr_expect(b.gone);
	cr_expect_eq(n_lost, 1);
}
