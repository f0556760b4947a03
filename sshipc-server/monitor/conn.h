// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_CONN_H
#define SSHIPC_SERVER_CONN_H
/*
 * One connection, and the functions of the files that handle it, the lowest first: each file calls
 * only those before it.
 */
#include "monitor.h"
#include "peer.h"
#include "signature.h"

struct channel {
	struct conn *c;
	uint32_t id;
	/* CHANNEL_REFUSED: refused after PENDING; the session has not sent CLOSED yet */
	enum { CHANNEL_DIALLING, CHANNEL_OPEN, CHANNEL_REFUSED } state;
	bool pending_sent;
	struct dial *dial;
	bool counted; /* counted as a dial of key and server, until its answer is sent */
	struct event *timer;
	int fd, error; /* the answer */
	bool one_way;
	time_t opened;
	uint64_t dialled; /* loop_us, when the dial began */
};

/* The last refusal of an open or a request. */
struct refusal {
	enum policy_verdict verdict;
	char text[512]; /* "": none yet */
};

/* Sessions, channels and dials of one key.  Shared by its sessions, freed with the last. */
struct key_use {
	LIST_ENTRY(key_use) entry;
	LIST_HEAD(, conn) conns; /* newest first */
	uint8_t *blob;
	size_t blob_len;
	char name[KEYLINE_NAME];
	char fingerprint[KEYLINE_FINGERPRINT];
	size_t sessions; /* here; each counts until its process has exited */
	size_t channels, dials;
	struct refusal last_refusal; /* of any of its sessions */
	LIST_HEAD(, conn) waiters;   /* logins that wait for a place: keyuse.c */
	size_t waiting;
	uint64_t checked; /* loop_ms of the last CHECK */
};

/* They follow each other in this order; LOGIN and WAITING alternate, and each can be the last
 * before ENDING or GONE. */
enum conn_state {
	CONN_QUEUED,   /* not yet handed to the spawner */
	CONN_STARTING, /* handed to the spawner, which has not yet reported the fork */
	CONN_LOGIN,
	CONN_WAITING, /* its login waits for a place of its key */
	CONN_UP,
	CONN_ENDING, /* END was sent: its process is killed if it has not exited in time */
	CONN_GONE,   /* cut: its messages are not read, only the exit of its process is awaited */
};

/* The hand-over of a connection to the spawner.  Written by accept.c alone. */
struct handover {
	LIST_ENTRY(conn) of_id;
	TAILQ_ENTRY(conn) in_queue; /* while QUEUED */
	struct spawner *spawner;    /* from STARTING on */
	int fd, end;	  /* while QUEUED: the connection, the session's end of the pair */
	bool wait_logged; /* its wait (max_penalty) has been logged */
};

/* What a peer sends to log in, counted by kind; ssh offers a certificate beside each key, so
 * certificates are not counted as keys. */
enum login_count { LOGIN_QUERIES, LOGIN_SIGNATURES, LOGIN_CERTIFICATES, LOGIN_COUNTS };

/* A connection's login, granted or not.  login.c, attempts.c and signing.c write it. */
struct login {
	struct event *grace;		    /* login_grace: END is sent when it expires */
	bool proof;			    /* a login must come with its signature */
	uint8_t session_id[SIGNATURE_HASH]; /* the first exchange hash, which hostkey signed */
	size_t session_id_len;
	const struct hostkey *hostkey;
	unsigned counts[LOGIN_COUNTS];
	bool user_verified;		       /* by the security key of the last login */
	char client[640];		       /* user name and version that the peer claims */
	char version[LOG_ESCAPED];	       /* that version, escaped */
	char refused_key[KEYLINE_FINGERPRINT]; /* fingerprint of a listed key whose signature was
						  good; "": none */
	char methods[64];		       /* methods tried, other than publickey */
	const struct stage *stage;	       /* that the session reported; NULL: none yet */
	char last_words[640];	 /* escaped: the peer's first bytes, and why the session ended */
	struct key_use *awaited; /* while WAITING: the key of which a place is awaited */
	LIST_ENTRY(conn) of_awaited;
	struct event *wait; /* while WAITING: the timer that decides the login again */
	bool replaces;	    /* an older session was ended for it */
	/* What the generation in charge says of it, in one that has retired. */
	enum place { PLACE_UNKNOWN, PLACE_FREE, PLACE_TAKEN } place;
};

/* A session's channels.  opens.c writes it; grant in login.c makes the slots. */
struct opens {
	struct channel **slots;	 /* max_channels of them, and one for .status; NULL before login */
	size_t count;		 /* channels open now, without .status */
	size_t granted, refused; /* opens so far */
	struct refusal last_refusal;
};

/* The prefix of the log lines about a connection.  Written by audit.c. */
struct audit {
	char who[ADDRESS_TEXT + KEYLINE_NAME + 32]; /* "session 7, 192.0.2.1:4711, blade7"; behind
						       the address also " via 192.0.2.9:5" */
};

/* Activity that ctl and .status show.  The session claims the byte counts; nothing checks them. */
struct activity {
	time_t since; /* accepted; monotonic */
	time_t login; /* monotonic */
	time_t last;  /* when STATS changed, or a channel was opened or closed */
	uint64_t to_endpoint, from_endpoint; /* bytes */
};

struct conn {
	struct monitor_view *view;
	LIST_ENTRY(conn) of_view;
	uint32_t id;
	struct address from, to; /* the client's address, and the one that it connected to */
	struct address via;	 /* the balancer that says so (accept_proxy); unset: none */
	enum conn_state state;
	bool ended; /* ended by the monitor: a SIGKILL is then no crash */
	struct peer peer;
	struct handover handover;
	struct unauth unauth;
	enum admission_fault fault; /* the penalty of its source, should it end before its login */
	struct login login;
	const struct allow_entry *entry; /* line of the list in force; NULL before login, and after
					    the key was removed from the list */
	const struct endpoint *endpoint; /* the endpoint of the login */
	size_t user;			 /* and the user that dials, as of an allow_entry */
	struct key_use *use;		 /* shared by all sessions of its key; NULL before login */
	LIST_ENTRY(conn) of_key;
	struct {
		bool asked, answered; /* CHECK was sent; the peer has shown life since (ALIVE) */
	} check;
	struct opens opens;
	struct activity activity;
	struct {
		time_t warned_for; /* the end by the clock that a warning has announced */
		char reason[128];  /* why it was ended, for the summary of a reload */
	} revoke;
	struct audit audit;
	struct {
		uint32_t session, channel;
	} idle; /* what the session was told last */
};

/* The result of handling a session's message; all but HANDLED is a violation of the protocol. */
enum handled {
	HANDLED_WRONG,	  /* a field is wrong */
	HANDLED_UNPROVED, /* the login has no good signature of its key */
	HANDLED,
};

/* ---- audit.c ---- */

/* Logs one event of the audit schema: the connection's name goes before the text; session, source,
 * key, fingerprint and endpoint go before the fields of more (NULL for none). */
void audit_log(const struct conn *c, int priority, const char *event, const struct log_field *more,
	       const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* To be asked before a line that a peer or session can cause at will.  False: do not log it; it is
 * counted (ratelimit.h).  text: what distinguishes this line from others of the event about the
 * same key (before login: address). */
bool audit_may_log(struct conn *c, const char *event, const char *text);

/* Counts that a limit was reached, and logs it through audit_may_log. */
void audit_limit(struct conn *c, enum limit which, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets the connection's name in log lines; to be called after its peer or key changed. */
void audit_name(struct conn *c);

/* ---- keyuse.c: what a key has open ---- */

/* The key_use of a key; NULL: it has no session here, and no login waits. */
struct key_use *keyuse_find(const struct monitor_view *view, const char *fingerprint);

/* Makes it where there is none. */
struct key_use *keyuse_get(struct monitor_view *view, const struct keyline *key);

/* Frees it where nothing is left in it. */
void keyuse_drop(struct key_use *u);

/* The key's sessions in all generations; logins that wait here do not count. */
size_t keyuse_sessions(const struct monitor_view *view, const struct key_use *u);

/* Its open channels in all generations; and one more or less. */
size_t keyuse_channels(const struct conn *c);
void keyuse_add_channels(struct conn *c, int n);

/* The policy's verdict on a login from c's address at that time with that line (NULL: the key has
 * none) to that endpoint. */
enum policy_verdict keyuse_decide(const struct conn *c, const struct allow_entry *entry,
				  const struct endpoint *endpoint, time_t now);

/* Counts c as a session of the key, until keyuse_leave, which is called when its process has
 * exited. */
void keyuse_enter(struct conn *c, const struct keyline *key);
void keyuse_leave(struct conn *c);

/* c no longer waits for a place of its key; does nothing if c was not waiting. */
void keyuse_wait_over(struct conn *c);

/* Wakes the logins that wait once the key has a free place, or every older session has answered
 * CHECK and none is ending or elsewhere. */
void keyuse_wake(const struct monitor_view *view, const struct key_use *u);

/* To be called when what places_put (places.h) writes has changed. */
void keyuse_changed(const struct monitor_view *view);

/* Tells other generations (monitor_ops) that: "WORD FINGERPRINT ID N". */
void keyuse_tell(const struct monitor_view *view, unsigned generation, const struct key_use *u,
		 const char *word, uint32_t id, size_t n);

/* The most sessions that a key may have: its line's max-sessions, else half of the server's, so
 * that the owner of one key cannot lock out the others. */
size_t keyuse_most_sessions(const struct monitor_view *view, const struct keyline *key);

/* The seconds that a session of the key may last; 0: as long as it likes. */
size_t keyuse_lifetime(const struct monitor_view *view, const struct keyline *key);

/* ---- status.c ---- */

enum { STATUS_TEXT = 16384 }; /* room for any answer */

enum access {
	ACCESS_UNKNOWN, /* the socket does not exist, or has an access control list */
	ACCESS_NO,
	ACCESS_YES
};

/* Whether the user of the dialler may connect to a Unix socket, by owner, group and mode of the
 * socket and of the folders above it, without a connect: the monitor may be root, the dialler is
 * not. */
enum access access_to(const struct launch_user *user, const char *path);

/* Writes one JSON object about a session that is logged in, as its key's owner and an administrator
 * may see it.  last_refusal: the session's own, or the key's. */
void status_put(const struct conn *c, const struct refusal *last_refusal, struct json_out *o);

/* Writes that object and a newline into a socket pair and returns the other end: the whole answer
 * is already in it, so a read never blocks.  -1 with errno. */
int status_socket(const struct conn *c);

/* Writes the endpoint's object, and whether that user may connect, in it; or in an array (name
 * NULL), with its address, for an administrator. */
void status_put_endpoint(const struct monitor_view *view, const struct endpoint *e, size_t user,
			 const char *name, struct json_out *o);

/* ---- opens.c ---- */

/* Handle OPEN and CLOSED messages. */
enum handled opens_on_open(struct conn *c, struct message *m);
enum handled opens_on_closed(struct conn *c, struct message *m);

/* Logs a refusal, remembers it for the status answer and, where id is not 0, answers REFUSED. */
void opens_refuse(struct conn *c, uint32_t id, const struct policy_request *r,
		  enum policy_verdict verdict);

/* Cancels the connection's dials under way; no further one is started. */
void opens_stop(struct conn *c);

void opens_release_all(struct conn *c);

/* ---- revoke.c ---- */

/* Sends END to the session, which disconnects with that reason; its process is killed if it has not
 * exited after half a second. */
void revoke_end(struct conn *c, const char *reason);

/* Ends the session on behalf of the administrator uid. */
void revoke_dismiss(struct conn *c, unsigned uid);

/* Tells the session when it, and a channel, has been idle for too long, if that has changed. */
void revoke_tell_idle(struct conn *c);

/* Called through reload.h; view is a struct monitor_view.  Ends each session that list, in force
 * from now on, or the clock refuses, and writes a summary.  event: "reload" or "clock". */
void revoke_refused(void *view, const struct allowlist *list, const char *event, char *summary,
		    size_t size);

/* The earliest time at which the clock alone can change a session's verdict, or a warning of that
 * is due; 0: never.  Logs the warnings that are due. */
time_t revoke_next_change(void *view, time_t now);

/* The same for one session: when the clock alone can change its verdict, or a warning of that is
 * due; 0: never.  Logs the warning if it is due. */
time_t revoke_conn_change(struct conn *c, time_t now);

/* ---- signing.c ---- */

/* Handles SIGN messages, which ask for the host key's signature in a key exchange. */
enum handled signing_on_sign(struct conn *c, struct message *m);

/* Whether the signature in m is good for a login of this session. */
enum signature_verdict signing_check(const struct conn *c, const struct message_authorize *m);

/* ---- login.c ---- */

/* Counts one of that kind; false: there were too many, and the connection was sent END. */
bool login_count(struct conn *c, enum login_count which);

/* The allow list's line of a key, or NULL; also writes the key's fingerprint. */
const struct allow_entry *login_find_key(const struct conn *c, const uint8_t *blob, size_t len,
					 char fingerprint[KEYLINE_FINGERPRINT]);

/* Handle PROBE, AUTHORIZE and ALIVE messages. */
enum handled login_on_probe(struct conn *c, struct message *m);
enum handled login_on_authorize(struct conn *c, struct message *m);
enum handled login_on_alive(struct conn *c, struct message *m);

/* Sends CHECK to the key's sessions here. */
void login_check(const struct monitor_view *view, struct key_use *u);

/* Ends the oldest of them that has not answered, for that login.  False: there is none, one is
 * ending already, or they were not asked long enough ago. */
bool login_replace(struct key_use *u, uint32_t by);

/* Cancels the connection's login, with its timers. */
void login_stop(struct conn *c);

/* ---- attempts.c ---- */

/* Handle ATTEMPT messages (a login that libssh refused by itself) and LEFT messages (the stage a
 * peer reached that left before login). */
enum handled attempts_on_attempt(struct conn *c, struct message *m);
enum handled attempts_on_left(struct conn *c, struct message *m);

/* Logs the end of a connection that did not log in. */
void attempts_log_end(struct conn *c);

/* ---- dispatch.c ---- */

/* Checks a message against the table of what a session may send in which state, and handles it.
 * well_formed: the result of message_recv.  Returns what is wrong with the message, or NULL. */
const char *dispatch(struct conn *c, struct message *m, bool well_formed);

/* ---- answers.c ---- */

/* Carries out a request of the control socket, of a caller of that uid, and writes the whole
 * answer: JSON, one object a line, the last of which has the result.  Fields that the status answer
 * has too mean the same here. */
void answers_give(struct monitor_view *view, unsigned uid, const char *line, struct evbuffer *out);

/* ---- conn.c: the life of a connection, from accept to the exit of its process ---- */

/* sock: our end of the pair, non-blocking, taken over.  view->closed is called once, when the
 * connection is closed and its process has exited; conn is freed after it.  The caller sets to and
 * via. */
struct conn *conn_new(struct monitor_view *view, uint32_t id, const struct address *from, int sock);

/* The spawner has the connection: from now on there is, or will be, a process, whose exit is
 * awaited. */
void conn_handed_over(struct conn *c);

/* The session process was forked; or the fork failed: pid is a negative errno. */
void conn_spawned(struct conn *c, int pid);

/* The session process exited; status as of waitpid(2).  Logs an exit that was not clean and that
 * the monitor did not ask for.  If it never logged in, its CPU time is charged to its source. */
void conn_exited(struct conn *c, int status, uint64_t cpu_us);

/* Ends the connection at once: closes its dials and our end of the pair, and orders the spawner to
 * kill the process.  Only when the process has exited is the end logged and the connection no
 * longer counted. */
void conn_kill(struct conn *c);

/* The server exits before this connection's process does: logs the process that is left, and why,
 * and frees c. */
void conn_abandon(struct conn *c);

/* The same as conn_kill for a connection without a login that is evicted; which: the limit that was
 * reached. */
void conn_give_way(struct conn *c, enum limit which);

#endif
