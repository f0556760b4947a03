// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_CONN_INTERNAL_H
#define SSHIPC_SERVER_CONN_INTERNAL_H
/*
 * What conn.c (messages, life), login.c, opens.c (opens, dials, answers) and revoke.c share of a
 * connection.
 */
#include <stdbool.h>

#include "conn.h"
#include "field.h"
#include "keyblob.h"
#include "signature.h"
#include "wire.h"

struct channel {
	TAILQ_ENTRY(channel) unsent;
	struct conn *c;
	uint32_t id;
	/* REFUSED: after PENDING; the session still has to say CLOSED */
	enum { DIALLING, OPEN, REFUSED } state;
	bool told;    /* PENDING was said */
	bool waiting; /* its answer stands in the unsent list */
	struct dial *dial;
	bool counted; /* among the dials of key and server, until its answer is taken */
	struct event *timer;
	int fd, error; /* the answer */
	bool one_way;
	time_t opened;
};

TAILQ_HEAD(channel_list, channel);

/* A message that the session's socket did not take at once. */
struct unsent {
	STAILQ_ENTRY(unsent) entry;
	struct wire w;
};

/* What one key has open.  Shared by its sessions, freed with the last. */
struct key_use {
	LIST_ENTRY(key_use) entry;
	LIST_HEAD(, conn) conns; /* newest first */
	uint8_t *blob;
	size_t blob_len;
	uint8_t digest[KEYLINE_DIGEST];
	char name[KEYLINE_NAME];
	char fingerprint[KEYLINE_FINGERPRINT];
	size_t channels, dials;
	char last_refusal[512]; /* that of any of its sessions; "": none */
	struct conn *waiter;	/* a login that waits for an older session to be given up */
};

/* They follow each other in this order; LOGIN and WAITING alternate, and each can be the last
 * before ENDING or GONE. */
enum conn_state {
	CONN_QUEUED,   /* the spawner does not have it yet */
	CONN_STARTING, /* it has, and has not said that it forked */
	CONN_LOGIN,
	CONN_WAITING, /* its login waits for an older session of its key */
	CONN_UP,
	CONN_ENDING, /* END was said, or it broke the protocol: the timer kills */
	CONN_GONE,   /* it is cut: nothing is heard of it any more, only its process is awaited */
};

struct conn {
	LIST_ENTRY(conn) of_id;	    /* accept.c's */
	TAILQ_ENTRY(conn) in_queue; /* while QUEUED */
	struct spawner *spawner;    /* from STARTING on */
	int fd, end; /* while QUEUED: the connection, the session's end of the pair */
	bool told;   /* that it waits its turn */
	struct monitor_view *view;
	uint32_t id;
	struct address peer;
	int sock;
	struct event *readable, *writable, *timer, *resume;
	struct pace pace;		    /* of its messages */
	bool proof;			    /* a login must come with its signature */
	uint8_t session_id[SIGNATURE_HASH]; /* the first exchange hash, which hostkey signed */
	size_t session_id_len;
	const struct hostkey *hostkey;
	enum conn_state state;
	bool ended;	 /* by us: a SIGKILL is no crash */
	bool process;	 /* there is one, or the spawner is to make it; until EXITED */
	int pid;	 /* 0: not known */
	int parent;	 /* the spawner that died with it; 0: none did */
	bool ordered;	 /* the spawner was told to kill it */
	unsigned waited; /* milliseconds since then */
	struct guest guest;
	enum admission_fault fault;	 /* should it end before its login */
	bool user_verified;		 /* by the token that signed the last login */
	const struct allow_entry *entry; /* of the list in force; NULL before login, and after the
					    key was taken off the list */
	struct key_use *use; /* what this key has open, over all its sessions; NULL before login */
	struct endpoint const *endpoint; /* that the login was for */
	LIST_ENTRY(conn) of_key;
	LIST_ENTRY(conn) of_view;
	struct key_use *waiting; /* this login waits for an older session of its key */
	struct event *wait;
	bool asked_alive, alive;	     /* CHECK was said; the peer answered */
	time_t warned_for;		     /* the end by the clock that was announced */
	time_t since;			     /* accepted; monotonic */
	time_t active;			     /* STATS changed, or a channel was opened or closed */
	uint64_t to_endpoint, from_endpoint; /* bytes, as the session counts them */
	char client[640];		     /* user and version that it claims */
	char version[LOG_ESCAPED];	     /* the latter, escaped */
	char why[128];			     /* it was ended, for a summary */
	char last_refusal[512];		     /* of an open or a request; "": none */
	unsigned queries, signatures, certificates; /* of its logins */
	const struct left *left; /* how far it says that it came; NULL: it did not say */
	char last_words[640];	 /* escaped: what its peer sent first, and why it ended */
	unsigned minute, kinds;	 /* different lines in that minute */
	char refused_key[KEYLINE_FINGERPRINT]; /* listed, and proved to be its peer's; "": none */
	char who[ADDRESS_TEXT + KEYLINE_NAME + 32]; /* "session 7, 192.0.2.1:4711, blade7" */
	char methods[64];			    /* other than publickey that were tried */
	struct channel **channels;		    /* max_channels of them, by slot */
	size_t n_channels, n_opened, n_refused;
	struct channel_list unsent;
	STAILQ_HEAD(, unsent) messages;
	size_t n_messages;
	void (*closed)(void *arg, struct conn *c);
	void *arg;
};

/* Sends, or queues; a session that lets too many wait is killed from the loop. */
void conn_send(struct conn *c, const struct wire *w);

/* What came of a message of the session's: but for HEARD a breach of the protocol. */
enum heard {
	HEARD_WRONG, /* a field is wrong */
	HEARD_UNPROVED,
	HEARD,
};

/* One event of the audit schema: the connection's name goes before the text, session, source, key,
 * fingerprint and endpoint before the fields more (NULL for none). */
void audit_log(const struct conn *c, int priority, const char *event, const struct log_field *more,
	       const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Before a line that the peer or the session can bring about at will.  False: it is counted
 * (ratelimit.h), or the session has had its share for this minute.  text: what makes it another
 * line than others of this event about the same key, or, before login, address. */
bool audit_may_log(struct conn *c, const char *event, const char *text);

/* Counts a limit that bites, and logs it as such a line. */
void audit_limit(struct conn *c, enum limit which, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* When the clock alone can change its verdict, or when a warning of that is due; 0: never.  Gives
 * the warning. */
time_t revoke_conn_change(struct conn *c, time_t now);

/* Its name in log lines, after peer or key changed. */
void audit_name(struct conn *c);

/* SIGN messages: the session's key exchanges. */
enum heard signing_on_sign(struct conn *c, struct wire *w);

/* Whether s is the signature of a login in this session. */
enum signature_verdict signing_check(const struct conn *c, const struct field *key,
				     const struct field *user, const struct signature *s);

enum { LOGIN_QUERIES = 20 }; /* keys that a peer may ask about */

/* Counts; false: there were too many, and the connection is told to end. */
bool login_count_query(struct conn *c);
bool login_count_signature(struct conn *c);

/* Takes a key's blob from a message: the line of that key, whose blob is then that line's own, else
 * NULL and what the session says. */
const struct allow_entry *login_find_key(const struct conn *c, struct wire *w, struct field *key,
					 char fingerprint[KEYLINE_FINGERPRINT]);

/* ATTEMPT messages: logins that libssh refused by itself.  LEFT messages: how far it came. */
enum heard attempts_on_attempt(struct conn *c, struct wire *w);
enum heard attempts_on_left(struct conn *c, struct wire *w);

/* Logs the end of a connection that did not log in. */
void attempts_log_end(struct conn *c);

/* PROBE, AUTHORIZE and ALIVE messages; the end of what the key has. */
enum heard login_on_probe(struct conn *c, struct wire *w);
enum heard login_on_authorize(struct conn *c, struct wire *w);
enum heard login_on_alive(struct conn *c, struct wire *w);
void login_release(struct conn *c);

/* Its login is decided no more. */
void login_stop(struct conn *c);

/* Sessions of a key (0 for NULL), each until its process is gone. */
size_t login_sessions(const struct key_use *u);

/* How many it may have: what its line says; else no key may have all places, or its owner could
 * keep out everybody. */
size_t login_most_sessions(const struct monitor_view *view, const struct keyline *key);

/* OPEN and CLOSED messages. */
enum heard opens_on_open(struct conn *c, struct wire *w);
enum heard opens_on_closed(struct conn *c, struct wire *w);

/* Logs a refusal, remembers it for the status answer and, where id is not 0, answers REFUSED. */
void opens_refuse(struct conn *c, struct wire *w, uint32_t id, const struct policy_request *r,
		  const char *reason, const char *remedy);

/* Sends answers that wait for the session's socket; false: some still do. */
bool opens_flush(struct conn *c);

/* Nothing is dialled for it any more, and what is under way is given up. */
void opens_stop(struct conn *c);

void opens_release_all(struct conn *c);

#endif
