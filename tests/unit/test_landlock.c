// SPDX-License-Identifier: BSD-2-Clause
/* Files, ports and processes out of reach, each attempt in a process of its own. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "child.h"
#include "landlock.h"

enum { PORT = 4565 };

static char folder[] = "/tmp/sshipc-unit-XXXXXX";

static const char *in_folder(const char *name)
{
	static char path[sizeof(folder) + 32];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void make(const char *name)
{
	const int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_EXCL, 0700);

	cr_assert_geq(fd, 0);
	close(fd);
}

static int result(int rc)
{
	return rc < 0 ? errno : 0;
}

static int tcp(int (*call)(int, const struct sockaddr *, socklen_t), int port)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
				       .sin_addr = {htonl(INADDR_LOOPBACK)},
				       .sin_port = htons((uint16_t)port)};

	return result(
	    call(socket(AF_INET, SOCK_STREAM, 0), (const struct sockaddr *)&to, sizeof(to)));
}

static int open_as(const char *name, int flags)
{
	return result(open(in_folder(name), flags, 0600));
}

static int read_mine(void)
{
	return open_as("mine/file", O_RDONLY);
}

static int list_mine(void)
{
	return open_as("mine", O_RDONLY | O_DIRECTORY);
}

static int write_mine(void)
{
	return open_as("mine/file", O_WRONLY);
}

static int truncate_mine(void)
{
	return result(truncate(in_folder("mine/file"), 0));
}

static int create_mine(void)
{
	return open_as("mine/new", O_WRONLY | O_CREAT);
}

static int remove_mine(void)
{
	return result(unlink(in_folder("mine/file")));
}

static int append_logged(void)
{
	return open_as("logged/new", O_WRONLY | O_APPEND | O_CREAT);
}

static int read_logged(void)
{
	return open_as("logged/file", O_RDONLY);
}

static int remove_logged(void)
{
	return result(unlink(in_folder("logged/file")));
}

static int write_written(void)
{
	return open_as("written", O_RDWR);
}

static int read_other(void)
{
	return open_as("other/file", O_RDONLY);
}

static int list_other(void)
{
	return open_as("other", O_RDONLY | O_DIRECTORY);
}

static int execute_other(void)
{
	return result(execl(in_folder("other/file"), "file", (char *)NULL));
}

static int stat_other(void)
{
	struct stat st;

	return result(stat(in_folder("other/file"), &st));
}

static int connect_there(void)
{
	const int e = tcp(connect, PORT);

	return e == ECONNREFUSED ? 0 : e; /* whoever listens or not */
}

static int connect_elsewhere(void)
{
	return tcp(connect, PORT + 1);
}

static int bind_there(void)
{
	return tcp(bind, PORT + 1);
}

static int bind_anywhere(void)
{
	return tcp(bind, 0);
}

static int signal_parent(void)
{
	return result(kill(getppid(), 0));
}

static int listener(void)
{
	const struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0sshipc-landlock"};
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	cr_assert_eq(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	cr_assert_eq(listen(fd, 8), 0);
	return fd;
}

static int connect_abstract(void)
{
	const struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0sshipc-landlock"};

	return result(
	    connect(socket(AF_UNIX, SOCK_STREAM, 0), (const struct sockaddr *)&name, sizeof(name)));
}

static const struct attempt {
	const char *name;
	int (*make)(void);
	int listed, sealed; /* errno */
	int since;	    /* which version has it; where it is not, it is allowed */
} attempts[] = {
    {"to read", read_mine, 0, EACCES, 1},
    {"to list", list_mine, 0, EACCES, 1},
    {"to write what may be read", write_mine, EACCES, EACCES, 1},
    {"to truncate it", truncate_mine, EACCES, EACCES, 3},
    {"to create", create_mine, EACCES, EACCES, 1},
    {"to remove", remove_mine, EACCES, EACCES, 1},
    {"to append to a log", append_logged, 0, EACCES, 1},
    {"to read it", read_logged, EACCES, EACCES, 1},
    {"to remove it", remove_logged, EACCES, EACCES, 1},
    {"to write what may be written", write_written, 0, EACCES, 1},
    {"to read others", read_other, EACCES, EACCES, 1},
    {"to list others", list_other, EACCES, EACCES, 1},
    {"to execute others", execute_other, EACCES, EACCES, 1},
    {"to stat others, which is not governed", stat_other, 0, 0, 1},
    {"to connect", connect_there, 0, EACCES, 4},
    {"to connect elsewhere", connect_elsewhere, EACCES, EACCES, 4},
    {"to bind", bind_there, EACCES, EACCES, 4},
    {"to bind before a connect", bind_anywhere, 0, EACCES, 4},
    {"to signal others", signal_parent, EPERM, EPERM, 6},
    {"to connect to an abstract socket", connect_abstract, 0, EPERM, 6},
};

static int try_listed(const void *arg)
{
	const struct attempt *a = arg;
	const int list = landlock_begin();

	if (landlock_allow(list, in_folder("mine"), LANDLOCK_READ) != 0 ||
	    landlock_allow(list, in_folder("written"), LANDLOCK_WRITE) != 0 ||
	    landlock_allow(list, in_folder("logged"), LANDLOCK_MAKE) != 0 ||
	    landlock_allow(list, in_folder("missing"), LANDLOCK_READ) != 0 ||
	    landlock_allow_connect(list, PORT) != 0 || landlock_enforce(list) != 0)
		return NOT_READY;
	return a->make();
}

static int try_sealed(const void *arg)
{
	const struct attempt *a = arg;

	return landlock_seal() == 0 ? a->make() : NOT_READY;
}

Test(landlock, attempts)
{
	const long version = syscall(444, NULL, 0, 1); /* landlock_create_ruleset(2) */
	static const char *const folders[] = {"mine", "other", "logged"};
	char file[32];
	int abstract;

	if (version < 1)
		cr_skip("this kernel has no Landlock");
	cr_assert(mkdtemp(folder));
	for (size_t i = 0; i < 3; i++)
		cr_assert_eq(mkdir(in_folder(folders[i]), 0700), 0);
	make("mine/file");
	make("other/file");
	make("logged/file");
	make("written");
	abstract = listener();
	for (size_t i = 0; i < sizeof(attempts) / sizeof(*attempts); i++) {
		const struct attempt *a = &attempts[i];
		int status;

		if (version < a->since)
			continue;
		status = child(try_sealed, a);
		cr_expect(exited(status, a->sealed), "sealed, %s: status %#x", a->name, status);
		status = child(try_listed, a);
		cr_expect(exited(status, a->listed), "%s: status %#x", a->name, status);
	}
	close(abstract);
	unlink(in_folder("written"));
	unlink(in_folder("logged/new"));
	for (size_t i = 0; i < 3; i++) {
		snprintf(file, sizeof(file), "%s/file", folders[i]);
		unlink(in_folder(file));
		rmdir(in_folder(folders[i]));
	}
	rmdir(folder);
}
