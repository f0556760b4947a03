// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the spawner, the session process and the client, called before a key exchange.  It sets
 * options of libssh and reads no file but, on ARM, /proc/cpuinfo; it does not decide whether a key
 * is trusted.
 */
#include "algorithms.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "keyblob.h"

/* Post-quantum first where this libssh has it; no finite-field groups (costly, and they read moduli
 * files).  Peers in FIPS 140 mode have only NIST's curves. */
#define KEX                                                                                        \
	"mlkem768x25519-sha256,sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,"         \
	"curve25519-sha256,curve25519-sha256@libssh.org"
#define CIPHERS "chacha20-poly1305@openssh.com,aes256-ctr,aes128-ctr"
#define GCM	"aes128-gcm@openssh.com,aes256-gcm@openssh.com,"
#define MACS	"hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com"

struct offer {
	const char *kex, *ciphers, *macs;
	char user_keys[KEY_ALGORITHMS];
};

static struct offer choose(enum algorithms_profile profile, bool gcm)
{
	const bool all = profile == ALGORITHMS_COMPATIBLE;
	struct offer o = {
	    .kex = all ? KEX ",ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521" : KEX,
	    .ciphers = gcm ? GCM CIPHERS : CIPHERS,
	    .macs = all ? MACS ",hmac-sha2-256,hmac-sha2-512" : MACS,
	};

	key_algorithms(true, o.user_keys);
	return o;
}

enum { RSA_MIN_BITS = 2048 };

bool algorithms_cpu_has_aes(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
	bool found = false;
	char line[1024];
	FILE *f = fopen("/proc/cpuinfo", "re");

	while (f && !found && fgets(line, sizeof(line), f))
		found = strncmp(line, "Features", 8) == 0 && strstr(line, " aes") != NULL;
	if (f)
		fclose(f);
	return found;
#else
	return false;
#endif
}

/* Trap: libssh reads /etc/ssh/libssh_server_config with the first connection, and moduli with each
 * group exchange, unless it is told not to. */
int algorithms_set_bind(ssh_bind bind, enum algorithms_profile profile, bool gcm)
{
	const struct offer o = choose(profile, gcm);
	const bool no = false;
	const int rsa = RSA_MIN_BITS;
	const struct {
		enum ssh_bind_options_e option;
		const void *value;
	} set[] = {
	    {SSH_BIND_OPTIONS_PROCESS_CONFIG, &no},
	    {SSH_BIND_OPTIONS_BANNER, "sshipc_" SSHIPC_VERSION},
	    {SSH_BIND_OPTIONS_KEY_EXCHANGE, o.kex},
	    {SSH_BIND_OPTIONS_CIPHERS_C_S, o.ciphers},
	    {SSH_BIND_OPTIONS_CIPHERS_S_C, o.ciphers},
	    {SSH_BIND_OPTIONS_HMAC_C_S, o.macs},
	    {SSH_BIND_OPTIONS_HMAC_S_C, o.macs},
	    {SSH_BIND_OPTIONS_PUBKEY_ACCEPTED_KEY_TYPES, o.user_keys},
	    {SSH_BIND_OPTIONS_MODULI, "/dev/null"},
	    {SSH_BIND_OPTIONS_RSA_MIN_SIZE, &rsa},
	};

	for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++)
		if (ssh_bind_options_set(bind, set[i].option, set[i].value) != SSH_OK)
			return -1;
	return 0;
}

/* Trap: libssh reads ~/.ssh/config and /etc/ssh/ssh_config, and known_hosts at every key exchange,
 * unless it is told not to; trust.c reads known_hosts. */
int algorithms_set_client(ssh_session session, enum algorithms_profile profile, bool gcm,
			  const char *hostkeys)
{
	const struct offer o = choose(profile, gcm);
	const bool no = false;
	const int rsa = RSA_MIN_BITS;
	const struct {
		enum ssh_options_e option;
		const void *value;
	} set[] = {
	    {SSH_OPTIONS_PROCESS_CONFIG, &no},
	    {SSH_OPTIONS_SSH_DIR, "/dev/null"},
	    {SSH_OPTIONS_KNOWNHOSTS, "/dev/null"},
	    {SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null"},
	    {SSH_OPTIONS_KEY_EXCHANGE, o.kex},
	    {SSH_OPTIONS_CIPHERS_C_S, o.ciphers},
	    {SSH_OPTIONS_CIPHERS_S_C, o.ciphers},
	    {SSH_OPTIONS_HMAC_C_S, o.macs},
	    {SSH_OPTIONS_HMAC_S_C, o.macs},
	    {SSH_OPTIONS_HOSTKEYS, hostkeys},
	    {SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES, o.user_keys},
	    {SSH_OPTIONS_RSA_MIN_SIZE, &rsa},
	};

	for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++)
		if (ssh_options_set(session, set[i].option, set[i].value) != SSH_OK)
			return -1;
	return algorithms_set_session(session, ALGORITHMS_REKEY_DATA, ALGORITHMS_REKEY_TIME);
}

int algorithms_set_session(ssh_session session, int rekey_data, int rekey_time)
{
	const uint64_t rekey_bytes = (uint64_t)rekey_data << 20;
	const uint32_t rekey_seconds = (uint32_t)rekey_time;

	/* Trap: "no" would leave zlib@openssh.com in the offer, "none" does not. */
	if (ssh_options_set(session, SSH_OPTIONS_COMPRESSION, "none") != SSH_OK ||
	    ssh_options_set(session, SSH_OPTIONS_REKEY_DATA, &rekey_bytes) != SSH_OK ||
	    ssh_options_set(session, SSH_OPTIONS_REKEY_TIME, &rekey_seconds) != SSH_OK)
		return -1;
	return 0;
}
