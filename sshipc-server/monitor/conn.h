// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_CONN_H
#define SSHIPC_SERVER_CONN_H
/*
 * One connection, and the files that know it, the lowest first: each calls only those before it.
 */
#include "monitor.h"
#include "peer.h"
#include "signature.h"

struct channel {
	struct conn *c;
	uint32_t id;
	/* CHANNEL_REFUSED: after PENDING; the session still has to say CLOSED */
	enum { CHANNEL_DIALLING, CHANNEL_OPEN, CHANNEL_REFUSED } state;
	bool pending_sent;
	struct dial *dial;
	bool counted; /* among the dials of key and server, until its answer is taken */
	struct event *timer;
	int fd, error; /* the answer */
	bool one_way;
	time_t opened;
};

/* Of an open or a request. */
struct refusal {
	enum policy_verdict verdict;
	char text[512]; /* "": none yet */
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
	size_t sessions; /* each until its process is gone */
	size_t channels, dials;
	struct refusal last_refusal; /* that of any of its sessions */
	struct conn *waiter;	     /* a login that waits for an older session to be given up */
};

/* They follow each other in this order; LOGIN and WAITING alternate, and each can be the last
 * before ENDING or GONE. */
enum conn_state {
	CONN_QUEUED,   /* the spawner does not have it yet */
	CONN_STARTING, /* it has, and has not said that it forked */
	CONN_LOGIN,
	CONN_WAITING, /* its login waits for an older session of its key */
	CONN_UP,
	CONN_ENDING, /* END was sent: it is killed when it has not gone in time */
	CONN_GONE, /* it is cut: no message of it is read, only the end of its process is awaited */
};

/* How a connection gets to the spawner.  accept.c alone writes it. */
struct handover {
	LIST_ENTRY(conn) of_id;
	TAILQ_ENTRY(conn) in_queue; /* while QUEUED */
	struct spawner *spawner;    /* from STARTING on */
	int fd, end;	  /* while QUEUED: the connection, the session's end of the pair */
	bool wait_logged; /* a line has said that it waits (max_penalty) */
};

/* What a peer sends to log in; ssh offers a certificate beside each key, so that one takes nothing
 * from the keys' number. */
enum login_count { LOGIN_QUERIES, LOGIN_SIGNATURES, LOGIN_CERTIFICATES, LOGIN_COUNTS };

/* A connection's login, granted or not.  login.c, attempts.c and signing.c write it. */
struct login {
	struct event *grace;		    /* login_grace: it is told to end when that is over */
	bool proof;			    /* a login must come with its signature */
	uint8_t session_id[SIGNATURE_HASH]; /* the first exchange hash, which hostkey signed */
	size_t session_id_len;
	const struct hostkey *hostkey;
	unsigned counts[LOGIN_COUNTS];
	bool user_verified;		       /* by the token that signed the last login */
	char client[640];		       /* user and version that it claims */
	char version[LOG_ESCAPED];	       /* the latter, escaped */
	char refused_key[KEYLINE_FINGERPRINT]; /* listed, and proved to be its peer's; "": none */
	char methods[64];		       /* other than publickey that were tried */
	const struct stage *stage; /* how far the session says that it got; NULL: not said */
	char last_words[640];	   /* escaped: what its peer sent first, and why it ended */
	struct key_use *awaited;   /* while WAITING: the key whose older session is to go */
	struct event *wait;	   /* then the login is decided again */
};

/* A session's channels.  opens.c writes it; grant in login.c makes the slots. */
struct opens {
	struct channel **slots;	 /* max_channels of them, and one for .status; NULL before login */
	size_t count;		 /* open now, without .status */
	size_t granted, refused; /* so far */
	struct refusal last_refusal;
};

/* What the log lines about a connection begin with, and how many kinds there were.  audit.c writes
 * it. */
struct audit {
	char who[ADDRESS_TEXT + KEYLINE_NAME + 32]; /* "session 7, 192.0.2.1:4711, blade7" */
	unsigned minute, kinds; /* different lines in that minute of ratelimit.h */
};

/* For ctl and .status.  The bytes are what the session claims. */
struct activity {
	time_t since;			     /* accepted; monotonic */
	time_t last;			     /* STATS changed, or a channel was opened or closed */
	uint64_t to_endpoint, from_endpoint; /* bytes */
};

struct conn {
	struct monitor_view *view;
	LIST_ENTRY(conn) of_view;
	uint32_t id;
	struct address from;
	enum conn_state state;
	bool ended; /* by the monitor: a SIGKILL is then no crash */
	struct peer peer;
	struct handover handover;
	struct unauth unauth;
	enum admission_fault fault; /* its source's, should it end before its login */
	struct login login;
	const struct allow_entry *entry; /* of the list in force; NULL before login, and after the
					    key was taken off the list */
	const struct endpoint *endpoint; /* that the login was for */
	struct key_use *use; /* what this key has open, over all its sessions; NULL before login */
	LIST_ENTRY(conn) of_key;
	struct {
		bool asked, answered; /* CHECK was sent; the peer has shown life since (ALIVE) */
	} check;
	struct opens opens;
	struct activity activity;
	struct {
		time_t warned_for; /* the end by the clock that was announced */
		char reason[128];  /* why it was ended, for the summary of a reload */
	} revoke;
	struct audit audit;
};

/* What became of a session's message; all but HANDLED is a violation of the protocol. */
enum handled {
	HANDLED_WRONG,	  /* a field is wrong */
	HANDLED_UNPROVED, /* a login without the key's signature */
	HANDLED,
};

/* ---- audit.c ---- */

/* One event of the audit schema: the connection's name goes before the text, session, source, key,
 * fingerprint and endpoint before the fields more (NULL for none). */
void audit_log(const struct conn *c, int priority, const char *event, const struct log_field *more,
	       const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Before a line that the peer or the session can bring about at will.  False: it is counted
 * (ratelimit.h), or the session has had its share for this minute.  text: what makes it another
 * line than others of this event about the same key, or, before login, address. */
bool audit_may_log(struct conn *c, const char *event, const char *text);

/* Counts that a limit was reached, and logs it as such a line. */
void audit_limit(struct conn *c, enum limit which, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Its name in log lines, after peer or key changed. */
void audit_name(struct conn *c);

/* ---- keyuse.c: what a key has open ---- */

/* NULL: nothing. */
struct key_use *keyuse_find(struct monitor_view *view, const uint8_t *digest);

/* What the policy says of a login of its peer at now with that line (NULL: the key has none) for
 * that endpoint. */
enum policy_verdict keyuse_decide(const struct conn *c, const struct allow_entry *entry,
				  const struct endpoint *endpoint, time_t now);

/* c is one of its sessions, from now on until keyuse_leave: its process is gone. */
void keyuse_enter(struct conn *c, const struct keyline *key);
void keyuse_leave(struct conn *c);

/* c waits for one of them to end no more, which is safe to say of one that does not. */
void keyuse_wait_over(struct conn *c);

/* Wakes who waits where there is room, or where every session has answered and none is ending. */
void keyuse_wake(struct monitor_view *view, const struct key_use *u);

/* How many sessions a key may have: what its line says; else no key may have all places, or its
 * owner could keep out everybody. */
size_t keyuse_most_sessions(const struct monitor_view *view, const struct keyline *key);

/* ---- status.c ---- */

enum { STATUS_TEXT = 16384 }; /* room for any answer */

enum access {
	ACCESS_UNKNOWN, /* it is not there, or has an access control list */
	ACCESS_NO,
	ACCESS_YES
};

/* May the user that dials connect to a Unix socket?  By owner, group and mode of the socket and of
 * the folders above it, without a connect: the monitor may be root, the dialler is not. */
enum access access_to(const struct launch_user *user, const char *path);

/* What its key's owner, and an administrator, may know of one that is logged in: one JSON object.
 * last_refusal: its own, or the key's. */
void status_put(const struct conn *c, const struct refusal *last_refusal, struct json_out *o);

/* That and a newline in a socket, whose other end is returned: connected, complete, never blocking.
 * -1 with errno. */
int status_socket(const struct conn *c);

/* The endpoint's object in it, or in an array (name NULL); for who may know its address, with that.
 */
void status_put_endpoint(const struct monitor_view *view, const struct endpoint *e,
			 const char *name, bool address, struct json_out *o);

/* ---- opens.c ---- */

/* OPEN and CLOSED messages. */
enum handled opens_on_open(struct conn *c, struct message *m);
enum handled opens_on_closed(struct conn *c, struct message *m);

/* Logs a refusal, remembers it for the status answer and, where id is not 0, answers REFUSED. */
void opens_refuse(struct conn *c, uint32_t id, const struct policy_request *r,
		  enum policy_verdict verdict);

/* Nothing is dialled for it any more, and what is under way is given up. */
void opens_stop(struct conn *c);

void opens_release_all(struct conn *c);

/* ---- revoke.c ---- */

/* Tells the session to disconnect with reason; which is killed when it has not gone after half a
 * second. */
void revoke_end(struct conn *c, const char *reason);

/* Ends it for the administrator uid. */
void revoke_dismiss(struct conn *c, unsigned uid);

/* For reload.h; view is a struct monitor_view.  Ends each session that list, in force from now on,
 * or the time refuses; a summary is written.  event: "reload" or "clock". */
void revoke_refused(void *view, const struct allowlist *list, const char *event, char *summary,
		    size_t size);

/* When the clock alone can change the next verdict, or when a warning of it is due; 0: never. Gives
 * such warnings. */
time_t revoke_next_change(void *view, time_t now);

/* When the clock alone can change its verdict, or when a warning of that is due; 0: never.  Gives
 * the warning. */
time_t revoke_conn_change(struct conn *c, time_t now);

/* ---- signing.c ---- */

/* SIGN messages: the session's key exchanges. */
enum handled signing_on_sign(struct conn *c, struct message *m);

/* Whether its signature is that of a login in this session. */
enum signature_verdict signing_check(const struct conn *c, const struct message_authorize *m);

/* ---- login.c ---- */

/* Counts; false: there were too many, and the connection is told to end. */
bool login_count(struct conn *c, enum login_count which);

/* The line of a key, or NULL; its fingerprint. */
const struct allow_entry *login_find_key(const struct conn *c, const uint8_t *blob, size_t len,
					 char fingerprint[KEYLINE_FINGERPRINT]);

/* PROBE, AUTHORIZE and ALIVE messages. */
enum handled login_on_probe(struct conn *c, struct message *m);
enum handled login_on_authorize(struct conn *c, struct message *m);
enum handled login_on_alive(struct conn *c, struct message *m);

/* Its login is decided no more. */
void login_stop(struct conn *c);

/* ---- attempts.c ---- */

/* ATTEMPT messages: logins that libssh refused by itself.  LEFT messages: how far it came. */
enum handled attempts_on_attempt(struct conn *c, struct message *m);
enum handled attempts_on_left(struct conn *c, struct message *m);

/* Logs the end of a connection that did not log in. */
void attempts_log_end(struct conn *c);

/* ---- dispatch.c ---- */

/* Acts on a message, by the table of what may be said in which state; well_formed: message_recv
 * says so.  What is wrong with it, or NULL. */
const char *dispatch(struct conn *c, struct message *m, bool well_formed);

/* ---- answers.c ---- */

struct control_request;
struct evbuffer;

/* What the control socket answers: JSON, a line an object, the last one telling whether it went
 * well.  Names that the status answer has too mean the same here.  Does what r asks for and writes
 * the whole answer.  view: a struct monitor_view. */
void answers_give(void *view, const struct control_request *r, struct evbuffer *out);

/* ---- conn.c: its life, from accept to the end of its process ---- */

/* sock: our end of the pair, non-blocking, taken over.  view->closed is called once, when the
 * connection and its process are gone; conn is freed after it. */
struct conn *conn_new(struct monitor_view *view, uint32_t id, const struct address *from, int sock);

/* The spawner has it: from now on there is, or will be, a process, whose end is awaited. */
void conn_handed_over(struct conn *c);

/* The session process was forked.  Or it could not be: pid is a negative errno. */
void conn_spawned(struct conn *c, int pid);

/* It exited; status as of waitpid(2).  Logged when it was not a clean exit that nobody here asked
 * for.  Without a login its source pays for the CPU that it took. */
void conn_exited(struct conn *c, int status, uint64_t cpu_us);

/* At once: dials and our end of the pair are closed, the spawner is told to kill the process.  The
 * connection has ended, is logged as ended and counted no more when that is gone. */
void conn_kill(struct conn *c);

/* The server ends before it does: logs which process is left, and why, and forgets it. */
void conn_abandon(struct conn *c);

/* The same for one that is not logged in and makes room: which limit asks for it. */
void conn_give_way(struct conn *c, enum limit which);

#endif
