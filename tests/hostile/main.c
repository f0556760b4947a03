// SPDX-License-Identifier: BSD-2-Clause
/*
 * hostile-peer, started by the end-to-end tests: does the steps of its command line on one
 * connection after another and prints what the server answers, a line each; or fuzzes (-f).  It
 * judges nothing: the test does.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HEAP = 200 }; /* opens of a burst that are under way */

static const char usage[] =
    "usage: peer [-b ADDRESS [-s SPREAD]] [-k HEX] [-u USER] [-w MS] [-n CONNECTIONS [-r RATE]]\n"
    "            HOST:PORT STEP...\n"
    "       peer ... -f FIRST-LAST HOST:PORT\n"
    "  -b, -s  connect from ADDRESS, and from the SPREAD - 1 ones after it in turn\n"
    "  -k      seed of the Ed25519 key (default: a new one for each connection)\n"
    "  -w      milliseconds to wait for an answer (default 10000)\n"
    "  -n, -r  so many connections, so many a second; with keep the closed ones anew at that rate\n"
    "  -f      a session for each seed, of messages that are changed at random\n"
    "steps, those with = telling what the server answered:\n"
    "  strict (offers strict key exchange) version[:LINE] kexinit ecdh newkeys, kex for the three, "
    "half: these without hearing\n"
    "  auth=granted|refused|nothing   probe=known|unknown|nothing\n"
    "  service (asks for logins)   login:HEX=refused|known|nothing (a request as it is)\n"
    "  open:DESTINATION[,WINDOW[,MAXPACKET]]=confirmed|refused REASON|nothing\n"
    "  burst:COUNT (opens and closes, in heaps of 200)   deaf (reads nothing while it writes)\n"
    "  data:BYTES=taken|stuck (whatever the window)   ignore:BYTES=sent|gone (in IGNORE messages)\n"
    "  requests:COUNT=sent|gone (that want answers, which are not looked at)\n"
    "  eof close shut (half of the connection) raw:HEX packet:HEX\n"
    "  cork uncork (what is sent between them is one segment, up to 64 KiB)\n"
    "  closed=yes|nothing (the server's CLOSE)   ended=yes|nothing (its EOF)\n"
    "  request=failure|nothing (for the channel)\n"
    "  alive=alive|nothing   end=closed|disconnected CODE TEXT|open\n"
    "  keep (all of them, to the end of standard input, reading nothing)\n";

static struct {
	struct sockaddr_in to, from;
	uint32_t spread;
	uint8_t key[32];
	bool has_key;
	const char *user;
	int patience;
	unsigned long connections, rate;
	uint64_t first, last;
} o = {.spread = 1, .user = "nobody", .patience = 10000, .connections = 1};

static size_t decode_hex(const char *text, uint8_t *out, size_t size)
{
	size_t n = 0;

	for (; n < size && sscanf(text, "%2hhx", out + n) == 1; n++)
		text += 2;
	if (*text)
		errx(2, "not hex, or too long: %s", text);
	return n;
}

static void parse_address(const char *text, struct sockaddr_in *a)
{
	char host[64];
	unsigned port = 0;

	if (sscanf(text, "%63[0-9.]:%u", host, &port) < 1 ||
	    inet_pton(AF_INET, host, &a->sin_addr) != 1)
		errx(2, "not an address: %s", text);
	a->sin_family = AF_INET;
	a->sin_port = htons((uint16_t)port);
}

static struct peer *new_peer(unsigned long i)
{
	struct peer *p = calloc(1, sizeof(*p));
	struct sockaddr_in from = o.from;

	if (!p)
		err(1, "memory");
	if (!o.has_key)
		RAND_bytes(o.key, sizeof(o.key));
	p->key = o.key;
	p->user = o.user;
	p->patience = o.patience;
	p->disconnect = -1;
	from.sin_addr.s_addr = htonl(ntohl(from.sin_addr.s_addr) + (uint32_t)(i % o.spread));
	peer_connect(p, &from, &o.to);
	return p;
}

/* ---- steps ---- */

static void say(const char *step, const char *answer)
{
	printf("%s %s\n", step, answer);
}

static void step_open(struct peer *p, const char *arg)
{
	char destination[128] = "";
	struct opening opening = {destination, 1 << 20, 32768};
	uint32_t reason = 0;
	char text[32] = "nothing";
	int type;

	sscanf(arg, "%127[^,],%" SCNu32 ",%" SCNu32, destination, &opening.window,
	       &opening.max_packet);
	exchange_open(p, &opening);
	type = exchange_hear_open(p, &reason);
	if (type)
		snprintf(text, sizeof(text),
			 type == MSG_CHANNEL_CONFIRMED ? "confirmed" : "refused %" PRIu32, reason);
	say("open", text);
}

/* In heaps: all of one are asked for before the first answer is heard. */
static void step_burst(struct peer *p, const char *arg)
{
	const struct opening opening = {"confd", 1 << 20, 32768};
	uint32_t reason = 0, granted = 0, refused = 0;
	char text[64];

	for (long left = atol(arg), heap; left > 0 && !p->gone; left -= heap) {
		heap = left < HEAP ? left : HEAP;
		for (long i = 0; i < heap; i++)
			exchange_open(p, &opening);
		for (long i = 0; i < heap && !p->gone; i++) {
			if (exchange_hear_open(p, &reason) == MSG_CHANNEL_CONFIRMED) {
				exchange_channel(p, MSG_CHANNEL_CLOSE, 0);
				granted++;
			} else {
				refused++;
			}
		}
	}
	snprintf(text, sizeof(text), "%" PRIu32 " confirmed, %" PRIu32 " not", granted, refused);
	say("burst", text);
}

static void step_end(struct peer *p, const char *arg)
{
	char text[192] = "open";

	if (peer_wait_end(p, o.patience))
		snprintf(text, sizeof(text), "closed");
	if (p->disconnect >= 0)
		snprintf(text, sizeof(text), "disconnected %d %s", p->disconnect,
			 p->disconnect_text);
	say("end", text);
}

static void step_login(struct peer *p, const char *arg)
{
	int type;

	exchange_service(p);
	type = exchange_login(p, !arg);
	if (arg)
		say("probe", type == MSG_USERAUTH_PK_OK ? "known" : type ? "unknown" : "nothing");
	else
		say("auth", p->logged_in ? "granted" : type ? "refused" : "nothing");
}

static void step_bytes(struct peer *p, const char *arg, bool framed)
{
	static struct packet bytes;

	bytes.len = decode_hex(arg, bytes.b, sizeof(bytes.b));
	if (framed)
		peer_send(p, &bytes);
	else
		peer_write(p, bytes.b, bytes.len);
}

/* A login request of these bytes. */
static void step_request(struct peer *p, const char *arg)
{
	static struct packet in;

	step_bytes(p, arg, true);
	switch (peer_wait(p, &in, MSG_USERAUTH_FAILURE, MSG_USERAUTH_PK_OK)) {
	case MSG_USERAUTH_FAILURE:
		say("login", "refused");
		break;
	case MSG_USERAUTH_PK_OK:
		say("login", "known");
		break;
	default:
		say("login", "nothing");
	}
}

/* So many bytes in IGNORE messages. */
static void step_ignore(struct peer *p, const char *arg)
{
	static struct packet packet;
	static uint8_t junk[32000];

	for (long left = atol(arg); left > 0 && !p->gone; left -= (long)sizeof(junk)) {
		packet_start(&packet, MSG_IGNORE);
		put_string(&packet, junk, left < (long)sizeof(junk) ? (size_t)left : sizeof(junk));
		peer_emit(p, &packet);
	}
	say("ignore", p->gone ? "gone" : "sent");
}

/* So many requests that want an answer, and none of the answers is looked at. */
static void step_requests(struct peer *p, const char *arg)
{
	static struct packet packet;

	for (long i = atol(arg); i > 0 && !p->gone; i--) {
		packet_start(&packet, MSG_GLOBAL_REQUEST);
		put_text(&packet, "nobody knows this one");
		put_u8(&packet, 1);
		peer_emit(p, &packet);
		p->n_input = 0;
	}
	say("requests", p->gone ? "gone" : "sent");
}

/* The server has sent its CLOSE, or its EOF. */
static void step_hear(struct peer *p, const char *what, enum message type)
{
	static struct packet got;

	say(what, peer_wait(p, &got, (int)type, 0) ? "yes" : "nothing");
}

static void step_cork(struct peer *p, int on)
{
	setsockopt(p->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
}

/* A request for the last channel, which wants an answer; what is answered before a later one is. */
static void step_request_channel(struct peer *p)
{
	static struct packet packet;

	packet_start(&packet, MSG_CHANNEL_REQUEST);
	put_u32(&packet, p->theirs);
	put_text(&packet, "winadj@putty.projects.tartarus.org");
	put_u8(&packet, 1);
	peer_send(p, &packet);
	packet_start(&packet, MSG_NOBODY_KNOWS);
	peer_emit(p, &packet);
	say("request",
	    peer_wait(p, &packet, MSG_CHANNEL_FAILURE, MSG_UNIMPLEMENTED) == MSG_CHANNEL_FAILURE
		? "failure"
		: "nothing");
}

static bool step(struct peer *p, const char *s)
{
	const char *arg = strchr(s, ':');
	const size_t n = arg ? (size_t)(arg - s) : strlen(s);
	bool heard = true;

	arg = arg ? arg + 1 : NULL;
#define IS(name) (n == strlen(name) && strncmp(s, name, n) == 0)
	if (IS("version")) {
		exchange_version(p, arg);
		heard = exchange_hear_version(p);
	} else if (IS("kex")) {
		heard = exchange(p);
	} else if (IS("half")) {
		exchange_version(p, NULL);
		exchange_send_kexinit(p);
		exchange_send_ecdh(p);
	} else if (IS("kexinit")) {
		exchange_send_kexinit(p);
		heard = exchange_hear_kexinit(p);
	} else if (IS("ecdh")) {
		exchange_send_ecdh(p);
		heard = exchange_hear_ecdh(p);
	} else if (IS("newkeys")) {
		heard = exchange_newkeys(p);
	} else if (IS("auth")) {
		step_login(p, NULL);
	} else if (IS("probe")) {
		step_login(p, s);
	} else if (IS("service")) {
		exchange_service(p);
	} else if (IS("login")) {
		step_request(p, arg ? arg : "");
	} else if (IS("open")) {
		step_open(p, arg ? arg : "");
	} else if (IS("burst")) {
		step_burst(p, arg ? arg : "1");
	} else if (IS("data")) {
		exchange_data(p, arg ? strtoul(arg, NULL, 10) : 1);
		say("data", p->gone ? "stuck" : "taken");
	} else if (IS("ignore")) {
		step_ignore(p, arg ? arg : "1");
	} else if (IS("requests")) {
		step_requests(p, arg ? arg : "1");
	} else if (IS("strict")) {
		p->strict = true;
	} else if (IS("deaf")) {
		p->deaf = true;
	} else if (IS("eof")) {
		exchange_channel(p, MSG_CHANNEL_EOF, 0);
	} else if (IS("closed")) {
		step_hear(p, "closed", MSG_CHANNEL_CLOSE);
	} else if (IS("ended")) {
		step_hear(p, "ended", MSG_CHANNEL_EOF);
	} else if (IS("cork") || IS("uncork")) {
		step_cork(p, *s == 'c');
	} else if (IS("request")) {
		step_request_channel(p);
	} else if (IS("close")) {
		exchange_channel(p, MSG_CHANNEL_CLOSE, 0);
	} else if (IS("shut")) {
		shutdown(p->fd, SHUT_WR);
	} else if (IS("raw") || IS("packet")) {
		step_bytes(p, arg ? arg : "", *s == 'p');
	} else if (IS("alive")) {
		say("alive", peer_alive(p) ? "alive" : "nothing");
	} else if (IS("end")) {
		step_end(p, arg);
	} else {
		errx(2, "unknown step %s\n%s", s, usage);
	}
#undef IS
	if (!heard)
		say(s, "nothing");
	return heard;
}

/* ---- runs ---- */

/* Keeps the pace of -r. */
static void pace(unsigned long i)
{
	static struct timespec start;
	struct timespec at;

	if (!o.rate)
		return;
	if (i == 0)
		clock_gettime(CLOCK_MONOTONIC, &start);
	at = start;
	at.tv_sec += (time_t)(i / o.rate);
	at.tv_nsec += (long)(i % o.rate * (1000000000 / o.rate));
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* Does the steps up to keep, which leaves the connection open: its descriptor, else -1. */
static int run_steps(char **steps, unsigned long i)
{
	struct peer *p;
	bool going = true;
	int kept = -1;

	pace(i);
	p = new_peer(i);
	for (; *steps && going && kept < 0; steps++) {
		if (strcmp(*steps, "keep") == 0)
			kept = p->fd;
		else
			going = step(p, *steps);
	}
	if (kept >= 0)
		p->fd = -1;
	peer_close(p);
	free(p);
	return kept;
}

/* To the end of standard input; what the server closes is renewed at the rate of -r. */
static void keep(char **steps, struct pollfd *kept)
{
	const unsigned long n = o.connections;
	unsigned long started = n;

	say("keep", "kept");
	fflush(stdout);
	kept[n] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
	while (poll(kept, n + 1, -1) > 0 && !kept[n].revents) {
		for (unsigned long i = 0; i < n; i++) {
			if (kept[i].fd < 0 || !kept[i].revents)
				continue;
			close(kept[i].fd);
			kept[i].fd = o.rate ? run_steps(steps, started++) : -1;
		}
	}
}

static int run(char **steps)
{
	struct pollfd *kept = calloc(o.connections + 1, sizeof(*kept));
	bool any = false;

	if (!kept)
		err(1, "memory");
	for (unsigned long i = 0; i < o.connections; i++) {
		kept[i] = (struct pollfd){.fd = run_steps(steps, i), .events = POLLRDHUP};
		any |= kept[i].fd >= 0;
	}
	if (any)
		keep(steps, kept);
	free(kept);
	return 0;
}

static int fuzz(void)
{
	unsigned long logins = 0, disconnects = 0, hangs = 0;

	for (uint64_t seed = o.first; seed <= o.last; seed++) {
		struct peer *p = new_peer(seed);

		if (!mutate_session(p, seed)) {
			hangs++;
			printf("seed %" PRIu64 ": the server does not close\n", seed);
		}
		logins += p->logged_in;
		disconnects += p->disconnect >= 0;
		peer_close(p);
		free(p);
	}
	printf("%" PRIu64
	       " sessions, %lu logged in, %lu disconnected by a message, %lu not closed\n",
	       o.last - o.first + 1, logins, disconnects, hangs);
	return hangs > 0;
}

int main(int argc, char **argv)
{
	for (int c; (c = getopt(argc, argv, "b:s:k:u:w:n:r:f:")) != -1;) {
		if (c == 'b')
			parse_address(optarg, &o.from);
		else if (c == 's')
			o.spread = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'k')
			o.has_key = decode_hex(optarg, o.key, sizeof(o.key)) == sizeof(o.key);
		else if (c == 'u')
			o.user = optarg;
		else if (c == 'w')
			o.patience = atoi(optarg);
		else if (c == 'n')
			o.connections = strtoul(optarg, NULL, 10);
		else if (c == 'r')
			o.rate = strtoul(optarg, NULL, 10);
		else if (c != 'f' || sscanf(optarg, "%" SCNu64 "-%" SCNu64, &o.first, &o.last) != 2)
			errx(2, "%s", usage);
	}
	if (optind == argc || o.spread == 0)
		errx(2, "%s", usage);
	parse_address(argv[optind], &o.to);
	return o.last ? fuzz() : run(argv + optind + 1);
}
