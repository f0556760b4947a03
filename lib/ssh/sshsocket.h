// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SSHSOCKET_H
#define SSHIPC_SSHSOCKET_H
/*
 * The socket of one libssh session, as libssh sees it.  libssh polls before each packet that it
 * sends and before each 4096 bytes that it reads, and does so in nearly every call.  Here its poll,
 * recv and send are answered without a system call, but for one recv of up to SSHSOCKET_ROOM bytes
 * when the loop reports input, and one send of all that was queued when the owner asks for it:
 *
 *   poll   reports what sshsocket_offer allows at the moment.  Between two offers libssh sees a
 *          socket that is not ready: it queues its packets, reads nothing and runs no callback.
 *   recv   takes from the buffer that sshsocket_fill filled.  An end of file or an error follows
 *          behind the last byte.
 *   send   reaches the socket.  A full socket takes 0 bytes, since EAGAIN would end the session; an
 *          error is kept for recv, where it follows what was received before, the peer's last
 *          words; by itself it is input, since the loop may report none.
 *
 * It interposes libc's functions of these names; calls with another descriptor become the system
 * call that they are.  libssh closes its descriptor within callbacks, and the number may then be
 * another socket's: ssh_get_fd tells whether it is still libssh's.
 */
#include <libssh/libssh.h>
#include <stdbool.h>
#include <stdint.h>

enum { SSHSOCKET_ROOM = 128 * 1024 };

struct sshsocket;

/* session: has, or will have, a descriptor of its own of the stream socket fd.  To be freed before
 * the session; fd stays the caller's. */
struct sshsocket *sshsocket_new(ssh_session session, int fd);
void sshsocket_free(struct sshsocket *s);

/* events: POLLIN, POLLOUT, both, or 0: what libssh's poll reports until the next call. */
void sshsocket_offer(struct sshsocket *s, short events);

/* Receives once, if the buffer is empty.  Returns true if libssh has something to read: bytes, an
 * end of file or an error. */
bool sshsocket_fill(struct sshsocket *s);

/* Whether the peer has gone: while reading is suspended an end of file is not seen. */
bool sshsocket_hung_up(const struct sshsocket *s);

/* Gives the buffer's memory back to the kernel, where it was used and is empty. */
void sshsocket_rest(struct sshsocket *s);

/* Whether there are received bytes, or an end, that libssh has not read. */
bool sshsocket_has_input(const struct sshsocket *s);

/* How many received bytes libssh has not read. */
size_t sshsocket_left(const struct sshsocket *s);

#endif
