// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in bench-load, which tests/bench/run starts: options, the clock of one measurement, and what
 * its parts share.  A process's CPU time is its clock's, which counts all of its threads, also
 * those that have ended, to the nanosecond; /proc has ticks of 10 ms.
 */
#include "load.h"

#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 60 /* seconds more than the measurement is to take */
#define BACKLOG	 4096
#define S_PER_NS 1e-9

uint64_t load_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 * MS + (uint64_t)t.tv_nsec;
}

void load_die(const char *what)
{
	errx(EXIT_FAILURE, "%s", what);
}

static struct sockaddr_in local(int port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return at;
}

int load_listen(void)
{
	struct sockaddr_in at = local(0);
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &size) < 0)
		err(EXIT_FAILURE, "listen");
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}

int load_dial(int port, int flags)
{
	struct sockaddr_in at = local(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	if (fd < 0)
		err(EXIT_FAILURE, "socket");
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0 && errno != EINPROGRESS)
		err(EXIT_FAILURE, "connect to 127.0.0.1:%d", port);
	return fd;
}

void load_reset(int fd)
{
	struct linger reset = {1, 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
}

void load_watch(int epoll, int operation, int fd, uint32_t events, void *data)
{
	struct epoll_event e = {.events = events, .data.ptr = data};

	if (epoll_ctl(epoll, operation, fd, &e) < 0)
		err(EXIT_FAILURE, "epoll_ctl");
}

/* ---- the clock of a measurement ---- */

static double seconds_of(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) < 0)
		err(EXIT_FAILURE, "a process that is measured has ended");
	return (double)t.tv_sec + (double)t.tv_nsec * S_PER_NS;
}

static double cpu_of(const char *pids)
{
	double sum = 0;
	clockid_t clock;
	char *end;

	for (; *pids; pids = *end ? end + 1 : end) {
		if (clock_getcpuclockid((pid_t)strtol(pids, &end, 10), &clock) != 0)
			load_die("a process that is to be measured has ended");
		sum += seconds_of(clock);
	}
	return sum;
}

static void add_cpu(struct load *l, int sign)
{
	l->own_cpu += sign * seconds_of(CLOCK_PROCESS_CPUTIME_ID);
	l->client_cpu += sign * cpu_of(l->client);
	l->server_cpu += sign * cpu_of(l->server);
}

bool load_over(struct load *l)
{
	uint64_t now = load_now();

	if (!l->begun && now >= l->from) {
		l->begun = now;
		add_cpu(l, -1);
	} else if (l->begun && !l->ended && now >= l->until && l->count > 0) {
		l->ended = now;
		add_cpu(l, 1);
	}
	return l->ended != 0;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double took_us(const struct load *l, size_t i)
{
	return (double)l->took[i] / 1e3;
}

void load_report(const struct load *l)
{
	size_t n = l->count < TOOK_MAX ? l->count : TOOK_MAX;

	printf("{\"seconds\": %.6f, \"count\": %llu, \"bytes\": %llu, ",
	       (double)(l->ended - l->begun) * S_PER_NS, (unsigned long long)l->count,
	       (unsigned long long)l->bytes);
	if (l->took[0] && n > 0) {
		qsort(l->took, n, sizeof(*l->took), by_size);
		printf("\"p50_us\": %.1f, \"p99_us\": %.1f, ", took_us(l, n / 2),
		       took_us(l, n - 1 - n / 100));
	}
	printf("\"client_cpu\": %.9f, \"server_cpu\": %.9f, \"own_cpu\": %.9f}\n", l->client_cpu,
	       l->server_cpu, l->own_cpu);
}

/* ---- the program ---- */

static void out_of_time(int number)
{
	static const char what[] =
	    "bench-load: no progress: something between client and endpoint stands still\n";

	(void)!write(STDERR_FILENO, what, sizeof(what) - 1);
	_exit(EXIT_FAILURE);
}

static void usage(void)
{
	load_die("usage: bench-load endpoint | relay PORT MS |\n"
		 "    [-n CONNECTIONS] [-w WARM_MS] [-t MS] [-c CLIENT_PIDS] [-s SERVER_PIDS]\n"
		 "    request PORT | churn PORT | up PORT | down PORT | beside-up PORT | "
		 "beside-down PORT |\n"
		 "    idle PORT | setup PORT COMMAND...");
}

static void measure(const char *what, struct load *l, char **rest)
{
	if (strcmp(what, "request") == 0 || strcmp(what, "churn") == 0)
		rows_request(l, *what == 'c');
	else if (strcmp(what, "up") == 0 || strcmp(what, "down") == 0)
		rows_bulk(l, *what == 'u');
	else if (strncmp(what, "beside-", 7) == 0)
		rows_beside(l, what[7] == 'u');
	else if (strcmp(what, "idle") == 0)
		rows_idle(l);
	else if (strcmp(what, "setup") == 0 && *rest)
		rows_setup(l, rest);
	else
		usage();
}

int main(int argc, char **argv)
{
	struct load l = {.connections = 1, .client = "", .server = ""};
	struct rlimit files;
	uint64_t warm = 100, length = 500;
	int option;

	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	while ((option = getopt(argc, argv, "+n:w:t:c:s:")) != -1)
		switch (option) {
		case 'n':
			l.connections = atoi(optarg);
			break;
		case 'w':
			warm = strtoull(optarg, NULL, 10);
			break;
		case 't':
			length = strtoull(optarg, NULL, 10);
			break;
		case 'c':
			l.client = optarg;
			break;
		case 's':
			l.server = optarg;
			break;
		default:
			usage();
		}
	argv += optind;
	if (!argv[0])
		usage();
	if (strcmp(argv[0], "endpoint") == 0)
		endpoint_run();
	if (!argv[1] || l.connections < 1)
		usage();
	l.port = atoi(argv[1]);
	if (strcmp(argv[0], "relay") == 0 && argv[2])
		relay_run(l.port, strtoull(argv[2], NULL, 10) * MS);

	/* Shared with the child of rows_beside; pages that nobody touches cost nothing. */
	l.took = mmap(NULL, TOOK_MAX * sizeof(*l.took), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (l.took == MAP_FAILED)
		err(EXIT_FAILURE, "mmap");
	signal(SIGALRM, out_of_time);
	alarm((unsigned int)((warm + length) / 1000 + PATIENCE));
	l.from = load_now() + warm * MS;
	l.until = l.from + length * MS;
	measure(argv[0], &l, argv + 2);
	return EXIT_SUCCESS;
}
