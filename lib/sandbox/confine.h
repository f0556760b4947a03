// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CONFINE_H
#define SSHIPC_CONFINE_H
/*
 * Privileges taken away for good: uid, core dumps, ptrace, new privileges, system calls.  Every
 * function verifies what it did; a failure must end the process that asked.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Becomes uid and gid with their groups (initgroups of user), and verifies that root cannot be had
 * back.  0, or -1 with errno. */
int confine_demote(const char *user, uid_t uid, gid_t gid);

/* Gives up every capability: the ambient ones that a service manager gave survive an exec.  0, or
 * -1 with errno. */
int confine_drop_capabilities(void);

/* no_new_privs, not dumpable (no core, no ptrace by our own uid), dies with its parent (whose pid
 * is parent; 0: does not).  After confine_demote, which clears the parent-death signal.  0, or -1
 * with errno. */
int confine_process(pid_t parent);

/* Opens /dev/null on those of 0-2 that are closed, so that no socket of ours becomes stderr.  0, or
 * -1. */
int confine_open_stdio(void);

/* Puts /dev/null in place of fd, so that the number stays in use. 0, or -1 with errno. */
int confine_null(int fd);

/* 0-2 on /dev/null.  0, or -1. */
int confine_null_stdio(void);

/* True where we have the capability of this number (CAP_KILL, ...) in our effective set. */
bool confine_has_capability(int capability);

/* Closes every descriptor from lowest on, with CLOSE_RANGE_CLOEXEC in flags not before an exec: by
 * close_range(2), else those of /proc/self/fd.  0, or -1 with errno where neither can be had and
 * there may be more than can be tried. */
int confine_close_from(int lowest, unsigned flags);

/* The session's system call list (the table in confine.c has the reasons): everything else ends the
 * process by SIGSYS.  After it no file, socket or process can be made, no descriptor passed away,
 * no code made executable.  Only sessions have it: the monitor, the spawner, the dialler and the
 * client have confine_process alone.  0, or -1 with errno. */
int confine_syscalls(void);

/* This process can have n descriptors from here on, and no more again.  0, or -1 with errno. */
int confine_files(size_t n);

/* This process can map that many MiB in all from here on (RLIMIT_AS), and no more again.  Nothing
 * changes where a sanitizer maps terabytes, or a limit has no such number.  0, or -1 with errno. */
int confine_memory(size_t mib);

/* Processes forked between on and off are ended first by the kernel when memory runs out
 * (oom_score_adj), before others of the same size.  Keeps a descriptor from the first call on,
 * which must come before Landlock.  Where /proc forbids it, nothing changes. */
void confine_oom_first(bool on);

/* Raises the soft limit of descriptors to the hard one; returns it. */
size_t confine_raise_nofile(void);

/* True in a build whose sanitizer needs its own system calls: there the list is wider and stderr
 * stays. */
bool confine_is_sanitized(void);

#endif
