// SPDX-License-Identifier: BSD-2-Clause
/*
 * The monitor against session processes that say anything: whatever two of them send, in whatever
 * order, what they had is given back when they are gone, and no more is granted than the limits
 * allow.  A piece of the input is a length of two bytes, of which the highest bit chooses the
 * session, and so many bytes of a message; lengths from LONGEST on are words of their own, see
 * step() and, from OTHERS on, say().
 */
#include "fuzz.h"

#include <errno.h>
#include <openssl/pem.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../unit/keys.h"
#include "conn.h"
#include "link.h"
#include "message.h"
#include "places.h"

enum { CHANNELS = 4, LONGEST = 0x7f00, OTHERS = 0x7fc0, SESSIONS = 2 };

static struct settings settings = {
    .login_grace = 20, .max_sessions = 8, .max_channels = CHANNELS, .max_opens = 100000};
static struct dial_record dials[2];
static struct hostkey *hostkeys[1];
static struct monitor_view view;
static int endpoint;
static struct fake {
	struct conn *c;
	int sock;
} peers[SESSIONS];

static const char list[] = "endpoint=\"here\" " KEY_ED " one\n"
			   "endpoint=\"away\",max-sessions=1,replace-old " KEY_ED2 " two\n";

static void drop_line(int priority, const char *text)
{
	EXPECT(strlen(text) > 0);
}

static void on_used(void *arg)
{
}

static void on_tell(void *arg, unsigned generation, const char *text)
{
}

static void on_login(void *owner, time_t next)
{
}

static void on_fault(void *arg, const char *text)
{
	abort();
}

static void on_closed(void *owner, struct conn *c)
{
	size_t i = 0;

	while (i < SESSIONS && peers[i].c != c)
		i++;
	EXPECT(i < SESSIONS);
	peers[i].c = NULL;
}

static struct hostkey *make_hostkey(void)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *text = BIO_new(BIO_s_mem());
	struct hostkey *k;
	char *pem = NULL;

	EXPECT(PEM_write_bio_PrivateKey(text, key, NULL, NULL, 0, NULL, NULL) == 1);
	EXPECT(BIO_write(text, "", 1) == 1);
	EXPECT(BIO_get_mem_data(text, &pem) > 0);
	k = hostkey_parse(pem);
	EXPECT(k);
	BIO_free(text);
	EVP_PKEY_free(key);
	return k;
}

/* "here" takes connections, "away" does not exist. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct launch_user same_user = {0};
	static const struct admission_config admission = {32, 64, 1000, 1, 1, 600, NULL, 1000};
	struct endpoint *e = settings.endpoints;
	const struct allow_names names = {e, 2, NULL, NULL, 0, false};
	const struct dialler_setup dialler = {
	    .endpoints = e, .n = 2, .timeout = 10, .user = &same_user};
	char name[32];

	snprintf(name, sizeof(name), "@sshipc-fuzz-%d", (int)getpid());
	snprintf(e[0].name, sizeof(e[0].name), "here");
	snprintf(e[1].name, sizeof(e[1].name), "away");
	settings.n_endpoints = 2;
	EXPECT(!address_parse(name, 0, &e[0].address));
	EXPECT(!address_parse("@sshipc-fuzz-away", 0, &e[1].address));
	endpoint = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	EXPECT(bind(endpoint, (struct sockaddr *)&e[0].address.sa, e[0].address.len) == 0);
	EXPECT(listen(endpoint, 64) == 0);
	log_redirect(drop_line);
	view.base = event_base_new();
	view.settings = &settings;
	view.users = &same_user;
	view.admission = admission_new(&admission);
	view.pending = pending_new(&settings);
	view.ratelimit = ratelimit_new(view.base, &view.limit_hits[LIMIT_LOG_LINES]);
	hostkeys[0] = make_hostkey();
	view.hostkeys = hostkeys;
	view.n_hostkeys = 1;
	view.dials = dials;
	view.max_dials = 4 * CHANNELS;
	view.max_sessions = (size_t)settings.max_sessions;
	view.logged_in = on_login;
	view.closed = on_closed;
	view.ops.used = on_used;
	view.ops.tell = on_tell;
	view.diallers[0] = dialler_new(view.base, &dialler);
	view.allowlist =
	    allowlist_load(fuzz_file((const uint8_t *)list, strlen(list)), &names, on_fault, NULL);
	EXPECT(view.base && view.admission && view.pending && view.ratelimit && view.diallers[0] &&
	       view.allowlist);
	return 0;
}

static void start(struct fake *p)
{
	static uint32_t id;
	struct address from;
	int pair[2];

	EXPECT(address_from_host("192.0.2.1", 50000, &from) == 0);
	EXPECT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	p->sock = pair[1];
	p->c = conn_new(&view, ++id, &from, pair[0]);
}

static void stop(struct fake *p)
{
	close(p->sock);
	while (p->c)
		EXPECT(event_base_loop(view.base, EVLOOP_ONCE) >= 0);
}

static void poll_all(void)
{
	for (int i = 0; i < 3; i++)
		EXPECT(event_base_loop(view.base, EVLOOP_NONBLOCK) >= 0);
}

/* What the monitor says to a session; it never has more channels than it may. */
static void hear(struct fake *p)
{
	struct message m;

	while (message_recv(p->sock, &m, MESSAGE_TO_SESSION) == 1) {
		EXPECT(m.head.type != MESSAGE_GRANT || !view.proof);
		message_close_fds(&m);
	}
	if (p->c && p->c->state == CONN_UP) {
		EXPECT(p->c->opens.count <= CHANNELS);
		EXPECT(!p->c->entry || !p->c->entry->key.max_sessions ||
		       p->c->use->sessions <= p->c->entry->key.max_sessions);
	}
}

static size_t put_key(uint8_t blob[KEYLINE_BLOB_MAX], const char *base64)
{
	const long n = keyline_base64(base64, strlen(base64), blob, KEYLINE_BLOB_MAX);

	EXPECT(n > 0);
	return (size_t)n;
}

/* What bytes at random would hardly hit upon: keys, opens that are granted. */
static void step(struct fake *p, unsigned what)
{
	const char *key = what % 2 ? BLOB_ED2 : BLOB_ED;
	struct message_authorize login = {.head = {MESSAGE_AUTHORIZE, 0},
					  .signature = {.algorithm = "ssh-ed25519", .len = 64},
					  .version = "SSH-2.0-fuzz",
					  .user = "user"};
	struct message_probe probe = {.head = {MESSAGE_PROBE, 0}, .user = "user"};
	const struct message_opened opened = {{MESSAGE_OPENED, 1}, 0}; /* with a descriptor */

	switch (what % 8) {
	case 0:
	case 1:
		login.key_len = put_key(login.key, key);
		message_send(p->sock, &login, NULL);
		return;
	case 2:
	case 3:
		probe.key_len = put_key(probe.key, key);
		message_send(p->sock, &probe, NULL);
		return;
	case 4:
		message_send(p->sock, &opened, &endpoint);
		return;
	case 5:
		poll_all();
		hear(p);
		return;
	case 6:
		if (p->c && p->c->state == CONN_UP)
			revoke_dismiss(p->c, 0);
		return;
	default:
		stop(p);
		start(p);
	}
}

/* What other generations say of the key with a limit, and to p. */
static void say(const struct fake *p, unsigned what)
{
	static const char *const words[] = {"check", "replace", "place", "placed", "placed"};
	struct evbuffer *uses = evbuffer_new();
	uint8_t blob[KEYLINE_BLOB_MAX];
	const size_t n = put_key(blob, BLOB_ED2);
	const char *key = allowlist_find(view.allowlist, blob, n)->key.fingerprint;
	char text[128];

	if (what % 8 < 5) {
		snprintf(text, sizeof(text), "%s %s %u %u", words[what % 8], key,
			 p->c ? (unsigned)p->c->id : 0, what % 2);
		places_told(&view, 1, text);
	} else if (what % 8 == 5) {
		evbuffer_add_printf(uses, "%s %u 1 1\n", key, what / 8 % 2);
		places_elsewhere(&view, 1, link_file(uses), NULL);
	} else if (what % 8 == 6) {
		places_elsewhere(&view, 0, -1, "2 3 ");
	} else {
		view.retired = !view.retired;
	}
	evbuffer_free(uses);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int before = fuzz_next_fd();
	char summary[512];
	int fd;

	/* Half of the inputs meet a monitor that wants signatures, which none of them can give. */
	view.proof = size % 2;
	for (size_t i = 0; i < SESSIONS; i++)
		start(&peers[i]);
	for (size_t n; size > 1; data += 2 + n, size -= 2 + n) {
		struct fake *p = &peers[data[0] >> 7];
		const unsigned len = (data[0] & 0x7fu) << 8 | data[1];

		n = len >= LONGEST ? 0 : len < size - 2 ? len : size - 2;
		if (len >= OTHERS)
			say(p, len);
		else if (len >= LONGEST)
			step(p, len);
		else
			send(p->sock, data + 2, n, MSG_NOSIGNAL);
	}
	poll_all();
	revoke_refused(&view, view.allowlist, "fuzz", summary, sizeof(summary));
	revoke_next_change(&view, 1767225600);
	for (size_t i = 0; i < SESSIONS; i++) {
		hear(&peers[i]);
		stop(&peers[i]);
	}
	EXPECT(view.n_sessions == 0 && admission_unauth(view.admission) == 0 &&
	       LIST_EMPTY(&view.uses));
	elsewhere_free(&view.elsewhere);
	view.retired = false;
	while ((fd = accept(endpoint, NULL, NULL)) >= 0)
		close(fd);
	EXPECT(fuzz_next_fd() == before);
	return 0;
}
