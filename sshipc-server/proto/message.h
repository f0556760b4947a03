// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_MESSAGE_H
#define SSHIPC_SERVER_MESSAGE_H
/*
 * The messages between the processes of the server, over SOCK_SEQPACKET pairs, with descriptors
 * attached.  A message is one of the structs below, in host order: both ends are of one build.  A
 * text ends with its NUL; bytes have their number in a member NAME_len (in a signature: len).  A
 * text or bytes at the end of a struct are sent as long as they are, everything else in full.
 *
 * message.c has the table of who may send which to whom, in which state of a session, with how many
 * descriptors.  message_send and message_recv hold a message to it; what it may say beyond that is
 * checked by who receives it.  A session asks one question at a time and waits for its answer, but
 * several OPENs at once, which are answered in any order; END, CHECK, IDLE, and the second answer
 * to a PENDING, come at any time.
 *
 * What a session does against the table, or with a wrong value in a field, ends it
 * (monitor/conn.c).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "action.h"
#include "address.h"
#include "keyblob.h"
#include "keyfile.h"
#include "proof.h"

#define MESSAGE_FDS 2

#define SESSION_CHANNELS_MAX 16384 /* the most that max_channels can be */
#define SESSION_SPARE_FILES  16	   /* descriptors beside those of channels: 9, and .status */
#define SESSION_SIGNATURES   6	   /* of logins, that a peer may have checked */

enum message_type {
	/* session -> monitor */
	MESSAGE_PROBE = 1,
	MESSAGE_SIGN,
	MESSAGE_AUTHORIZE,
	MESSAGE_ATTEMPT,
	MESSAGE_LEFT,
	MESSAGE_OPEN,
	MESSAGE_CLOSED,
	MESSAGE_LIMIT,
	MESSAGE_STATS,
	MESSAGE_ALIVE,
	MESSAGE_NOTE,
	MESSAGE_REFUSE,
	/* monitor -> session */
	MESSAGE_KNOWN,
	MESSAGE_SIGNED,
	MESSAGE_GRANT,
	MESSAGE_DENY,
	MESSAGE_OPENED,
	MESSAGE_PENDING,
	MESSAGE_REFUSED,
	MESSAGE_END,
	MESSAGE_CHECK,
	MESSAGE_IDLE,
	/* monitor -> spawner */
	MESSAGE_SETUP,
	MESSAGE_HOSTKEY,
	MESSAGE_START,
	MESSAGE_SPAWN,
	MESSAGE_KILL,
	/* spawner -> monitor */
	MESSAGE_REPORT,
	MESSAGE_TESTED,
	MESSAGE_READY,
	MESSAGE_SPAWNED,
	MESSAGE_EXITED,
	MESSAGE_FAILED, /* of the dialler, too */
	/* monitor -> dialler */
	MESSAGE_ENDPOINT,
	MESSAGE_DIAL,
	MESSAGE_CANCEL,
	/* dialler -> monitor */
	MESSAGE_DIALLED,
	MESSAGE_NOT_DIALLED,
	MESSAGE_TYPES
};

/* The beginning of each, and all of those without a struct of their own: ALIVE, PENDING, REFUSED,
 * CHECK, START, SPAWN, KILL, CANCEL, DIALLED. */
struct message_head {
	uint32_t type;
	uint32_t id; /* of a channel, a connection, a dial or an endpoint; in others 0 */
};

/* ---- a session, and the monitor's answers ---- */

/* An unsigned query: may this key log in? */
struct message_probe {
	struct message_head head;
	size_t key_len;
	char user[PROOF_USER_MAX + 1];
	uint8_t key[KEYLINE_BLOB_MAX];
};

struct message_known {
	struct message_head head;
	uint32_t yes;
};

/* A key exchange to be signed: what it hashes, its shared secret among it, which the receiver
 * wipes.  The monitor hashes it itself, and signs with the host key that is named in it. */
struct message_sign {
	struct message_head head;
	size_t hash_len; /* 32, 48 or 64 */
	size_t hashed_len;
	char algorithm[KEYLINE_TYPE];
	uint8_t hashed[SIGNATURE_HASHED_MAX];
};

struct message_signed {
	struct message_head head;
	size_t raw_len;
	uint8_t raw[SIGNATURE_MAX];
};

/* A login whose signature libssh found good.  The monitor verifies it anew where the session can
 * see signatures at all (proof.h). */
struct message_authorize {
	struct message_head head;
	size_t key_len;
	struct signature signature;
	char version[256]; /* that the client gives itself */
	char user[PROOF_USER_MAX + 1];
	uint8_t key[KEYLINE_BLOB_MAX];
};

struct message_grant {
	struct message_head head;
	uint32_t max_channels;
};

/* reason: for the owner of a listed key; "" for anybody else. */
struct message_deny {
	struct message_head head;
	char reason[256];
};

/* Why libssh refused a login by itself, before it asked anyone. */
enum session_login_fault {
	SESSION_QUERY,	       /* asked, without a signature, for what is not taken */
	SESSION_CERTIFICATE,   /* not taken, and not the same as a key */
	SESSION_UNCHECKED,     /* signed, in a way or with a key that is not taken */
	SESSION_BAD_KEY,       /* signed by a key that no list can have */
	SESSION_BAD_SIGNATURE, /* which does not verify */
	SESSION_LOGIN_FAULTS
};

struct message_attempt {
	struct message_head head;
	size_t key_len;
	uint32_t fault; /* enum session_login_fault */
	char algorithm[64];
	char user[PROOF_USER_MAX + 1];
	uint8_t key[KEYLINE_BLOB_MAX]; /* any bytes */
};

/* How far a peer came that did not log in. */
enum session_reached {
	SESSION_SILENT, /* it sent nothing */
	SESSION_PROXY,	/* it sent that, in place of SSH */
	SESSION_HTTP,
	SESSION_TLS,
	SESSION_OTHER,
	SESSION_GREETED, /* SSH, and no key exchange was completed */
	SESSION_KEYED,
	SESSION_REACHED
};

struct message_left {
	struct message_head head;
	size_t first_len;
	uint32_t reached;  /* enum session_reached */
	uint8_t first[64]; /* what it sent first */
	char why[201];	   /* it ended */
};

/* The id of a channel is a generation (upper 16 bits, never 0) and a slot (lower 16): a late answer
 * for a slot that has since been given to another channel matches nobody, and its socket is closed.
 * The slot is free: below max_channels, or equal to it for ".status". */
struct message_open {
	struct message_head head;
	uint32_t action; /* enum policy_action */
	uint32_t port;
	char origin[65];
	char host[513];
};

/* With the connected socket. */
struct message_opened {
	struct message_head head;
	uint32_t one_way; /* nothing is read from the peer: the answer of ".status" */
};

/* Of a channel that was OPENED, PENDING, or REFUSED after PENDING. */
struct message_closed {
	struct message_head head;
	uint64_t to_endpoint, from_endpoint; /* bytes */
	uint32_t end;			     /* enum relay_end */
};

enum session_limit { SESSION_LIMIT_CHANNELS, SESSION_LIMIT_HELD };

struct message_limit {
	struct message_head head;
	uint32_t which; /* enum session_limit: it was reached */
};

/* Of the whole session. */
struct message_stats {
	struct message_head head;
	uint64_t to_endpoint, from_endpoint; /* bytes */
};

struct message_note {
	struct message_head head;
	uint32_t priority;
	char text[513];
};

/* Something that sshipc does not have was asked for and refused. */
struct message_refuse {
	struct message_head head;
	uint32_t action; /* enum policy_action */
	char what[64];
};

/* The session disconnects with it. */
struct message_end {
	struct message_head head;
	char reason[256];
};

/* After how many seconds without a byte session, and each of its channels, are ended; 0: never. */
struct message_idle {
	struct message_head head;
	uint32_t session, channel;
};

/* ---- the spawner ---- */

struct message_setup {
	struct message_head head;
	uint32_t algorithms; /* enum algorithms_profile */
	uint32_t keepalive;  /* seconds */
	uint32_t sandbox;
	uint32_t max_held; /* MiB */
	uint32_t max_channels;
	uint32_t rekey_data; /* MiB */
	uint32_t rekey_time; /* seconds */
};

struct message_hostkey {
	struct message_head head;
	size_t blob_len;
	uint8_t blob[KEYLINE_BLOB_MAX]; /* the public key */
	char text[KEYFILE_TEXT];	/* private where libssh signs by itself */
};

/* Of the self-test alone, which --version, -t and every start ask for. */
struct message_report {
	struct message_head head;
	char version[64];
	char details[1024]; /* lines about libssh */
	char files[6144];   /* what is mapped as code, a path a line */
};

/* What the self-test saw; HOSTKEY and START follow. */
struct message_tested {
	struct message_head head;
	uint32_t proof;	  /* the monitor signs and verifies */
	uint32_t keyless; /* libssh needs the public halves only */
};

struct message_ready {
	struct message_head head;
	char libssh[64]; /* its version */
	char why[512];	 /* something is off; "": nothing */
};

/* Of a connection: its process, or a negative errno. */
struct message_spawned {
	struct message_head head;
	int32_t pid;
};

struct message_exited {
	struct message_head head;
	uint64_t cpu;	/* microseconds that it took */
	int32_t status; /* as of waitpid(2) */
};

/* The last words of a helper; code: what the server shall exit with. */
struct message_failed {
	struct message_head head;
	int32_t code;
	char text[256];
};

/* ---- the dialler ---- */

/* id: its number.  Nothing that a peer sent reaches the dialler. */
struct message_endpoint {
	struct message_head head;
	struct address address;
	int32_t timeout; /* seconds until a dial is given up */
};

/* source: of the key's line, or unset. */
struct message_dial {
	struct message_head head;
	struct address source;
	uint32_t endpoint;
};

struct message_not_dialled {
	struct message_head head;
	int32_t error;
};

/* One that was received. */
struct message {
	union {
		struct message_head head;
		struct message_probe probe;
		struct message_known known;
		struct message_sign sign;
		struct message_signed made;
		struct message_authorize authorize;
		struct message_grant grant;
		struct message_deny deny;
		struct message_attempt attempt;
		struct message_left left;
		struct message_open open;
		struct message_opened opened;
		struct message_closed closed;
		struct message_limit limit;
		struct message_stats stats;
		struct message_note note;
		struct message_refuse refuse;
		struct message_end end;
		struct message_idle idle;
		struct message_setup setup;
		struct message_hostkey hostkey;
		struct message_report report;
		struct message_tested tested;
		struct message_ready ready;
		struct message_spawned spawned;
		struct message_exited exited;
		struct message_failed failed;
		struct message_endpoint endpoint;
		struct message_dial dial;
		struct message_not_dialled not_dialled;
	};
	int fds[MESSAGE_FDS]; /* the receiver's to close; -1: none */
};

/* From whom to whom. */
enum message_way {
	MESSAGE_OF_SESSION = 1,
	MESSAGE_TO_SESSION = 2,
	MESSAGE_OF_SPAWNER = 4,
	MESSAGE_TO_SPAWNER = 8,
	MESSAGE_OF_DIALLER = 16,
	MESSAGE_TO_DIALLER = 32,
	MESSAGE_AT_ONCE = 64, /* with one of these: EAGAIN, also on a socket that would block */
};

/* When, in a session. */
enum message_state {
	MESSAGE_LOGIN = 1,
	MESSAGE_WAITING = 2, /* its login waits for an older session of its key */
	MESSAGE_UP = 4,
	MESSAGE_ENDING = 8, /* after END, beside LOGIN or UP */
};

/* "PROBE"; "unknown message". */
const char *message_name(uint32_t type);

/* Whether the table allows it in a session in this state. */
bool message_allowed(uint32_t type, enum message_state state);

/* The question that a message answers (its id is that of the question), or 0. */
enum message_type message_answers(uint32_t type);

/* The bytes of it that are sent; 0: a text has no end, bytes are too many, there is no such type.
 */
size_t message_size(const void *message);

/* Sends one: a struct as above, with the descriptors that the table has for it (borrowed; NULL:
 * none).  With descriptors by sendmsg(2), else by send(2): a session may not call sendmsg.  0, or
 * -1 with errno; EAGAIN on a non-blocking socket whose peer does not read; EMSGSIZE where
 * message_size is 0. */
int message_send(int sock, const void *message, const int *fds);

/* Receives one that comes this way (enum message_way).  1; 0 at the end; -1 with errno: EAGAIN;
 * EBADMSG: it is longer than any, or its descriptors found no room; EPROTO: the table has none that
 * comes this way and has this form.  Its type, as it came, can be read then.  What came with it is
 * closed. */
int message_recv(int sock, struct message *m, int way);

int message_take_fd(struct message *m, size_t i); /* the caller's from now on */
void message_close_fds(struct message *m);

#endif
