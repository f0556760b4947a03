// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_TEST_LIST_H
#define SSHIPC_TEST_LIST_H
/* An allow list in a folder of its own, to be rewritten; what was said of it is in faults. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "child.h"
#include "rewrite.h"

/* A well-formed Ed25519 key for each digit. */
#define KEY(digit)                                                                                 \
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA00000000000000000000000000000000000000000" #digit
#define K1 KEY(1)
#define K2 KEY(2)
#define K3 KEY(3)
#define K4 KEY(4)
static char dir[] = "/tmp/sshipc-rewrite-XXXXXX";
static char path[64];
static char faults[8192];
static struct settings s;
static bool unwritable;

static inline void set_up(void)
{

	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/list", dir);
	s.allowlist = path;
	cr_assert_null(endpoint_parse("confd=127.0.0.1:4565", &s.endpoints[0]));
	s.n_endpoints = 1;
}

/* Nothing but the list, its lock and what a test made itself may be left. */
static inline void tear_down(void)
{
	char lock[80];

	snprintf(lock, sizeof(lock), "%s/.list.lock", dir);
	unlink(lock);
	unlink(path);
	cr_expect_eq(rmdir(dir), 0, "a file was left behind");
}

static inline void on_fault(void *arg, const char *fault)
{
	size_t len = strlen(faults);

	cr_expect_eq(arg, &faults, "the caller's argument");
	cr_expect_eq(strncmp(fault, dir, strlen(dir)), 0, "%s", fault);
	snprintf(faults + len, sizeof(faults) - len, "%s\n", fault + strlen(dir) + 1);
}

static inline struct rewrite *open_list(void)
{
	faults[0] = '\0';
	return rewrite_open(&s, on_fault, &faults, &unwritable);
}

static inline void put(const char *name, const char *content, size_t len)
{
	FILE *f = fopen(name, "w");

	cr_assert(f);
	cr_assert_eq(fwrite(content, 1, len, f), len);
	cr_assert_eq(fclose(f), 0);
	cr_assert_eq(chmod(name, 0644), 0);
}

static inline const char *get(void)
{
	static char content[65536];
	FILE *f = fopen(path, "r");

	cr_assert(f);
	content[fread(content, 1, sizeof(content) - 1, f)] = '\0';
	fclose(f);
	return content;
}

static inline int change(struct rewrite *r)
{
	int rc = rewrite_prepare(r);

	if (rc == 0)
		rc = rewrite_commit(r);
	rewrite_close(r);
	return rc;
}

static inline void expect_owner(const char *file, mode_t mode, uid_t uid, gid_t gid)
{
	struct stat st;

	cr_assert_eq(stat(file, &st), 0);
	cr_expect_eq(st.st_mode & 07777, mode, "%04o", st.st_mode);
	cr_expect_eq(st.st_uid, uid);
	cr_expect_eq(st.st_gid, gid);
}

#endif
