// SPDX-License-Identifier: BSD-2-Clause
#include "conf.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "folders.h"
#include "log.h"

#define TEXT_MAX  1024
#define FAULT_MAX (TEXT_MAX + 4096 + 16)

/* Its own user's group may write a checkout of his. */
enum { SETTINGS_TRUST = FOLDERS_PRIVATE_GROUP | FOLDERS_ANY_KIND };

struct conf {
	config_t cfg;
	const char *path;
	char *dir; /* of path: what @include is relative to */
	void (*fault)(void *arg, const char *text);
	void *arg;
	int faults;
};

static void __attribute__((format(printf, 4, 0)))
report(struct conf *c, const char *file, unsigned line, const char *fmt, va_list ap)
{
	char text[TEXT_MAX], where[16] = "", full[FAULT_MAX];
	bool included = file && strcmp(file, c->path) != 0;

	vsnprintf(text, sizeof(text), fmt, ap);
	if (line)
		snprintf(where, sizeof(where), "%u:", line);
	/* libconfig names an included file as @include wrote it. */
	if (included && file[0] != '/')
		snprintf(full, sizeof(full), "%s/%s:%s %s", c->dir, file, where, text);
	else
		snprintf(full, sizeof(full), "%s:%s %s", included ? file : c->path, where, text);
	c->fault(c->arg, full);
	c->faults++;
}

static void __attribute__((format(printf, 4, 5)))
fault_at(struct conf *c, const char *file, unsigned line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(c, file, line, fmt, ap);
	va_end(ap);
}

void conf_fault(struct conf *c, const config_setting_t *setting, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(c, config_setting_source_file(setting), config_setting_source_line(setting), fmt,
	       ap);
	va_end(ap);
}

static void expected(struct conf *c, const config_setting_t *s, const struct conf_rule *r,
		     const char *what)
{
	conf_fault(c, s, "%s: expected %s", r->name, what);
}

static void apply_int(struct conf *c, config_setting_t *s, const struct conf_rule *r)
{
	int type = config_setting_type(s);
	long long v =
	    type == CONFIG_TYPE_INT64 ? config_setting_get_int64(s) : config_setting_get_int(s);

	if ((type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) || v < r->min || v > r->max)
		conf_fault(c, s, "%s: expected a number from %d to %d", r->name, r->min, r->max);
	else
		*(int *)r->target = (int)v;
}

static void apply_string(struct conf *c, config_setting_t *s, const struct conf_rule *r)
{
	const char *value = config_setting_get_string(s);

	if (!value) {
		expected(c, s, r, "a text in double quotes");
	} else if (!r->target) {
		r->handle(c, s, value, r->arg);
	} else {
		free(*(char **)r->target);
		*(char **)r->target = xstrdup(value);
	}
}

/* A lone string is a list of one. */
static void apply_list(struct conf *c, config_setting_t *s, const struct conf_rule *r)
{
	bool groups = r->type == CONF_GROUPS, lone = !groups && config_setting_get_string(s);
	int n = lone ? 1 : config_setting_length(s);

	if (!lone && !config_setting_is_list(s) && (groups || !config_setting_is_array(s))) {
		expected(c, s, r,
			 groups ? "a list of groups: ( { ... }, { ... } )"
				: "a text in double quotes or a list of them: [ \"...\" ]");
		return;
	}
	for (int i = 0; i < n; i++) {
		config_setting_t *e = lone ? s : config_setting_get_elem(s, (unsigned)i);
		const char *value = config_setting_get_string(e);

		if (groups ? !config_setting_is_group(e) : !value)
			expected(c, e, r,
				 groups ? "groups only: { ... }" : "texts in double quotes only");
		else
			r->handle(c, e, value, r->arg);
	}
}

static void apply(struct conf *c, config_setting_t *s, const struct conf_rule *r)
{
	switch (r->type) {
	case CONF_BOOL:
		if (config_setting_type(s) != CONFIG_TYPE_BOOL)
			expected(c, s, r, "true or false");
		else
			*(bool *)r->target = config_setting_get_bool(s);
		break;
	case CONF_INT:
		apply_int(c, s, r);
		break;
	case CONF_STRING:
		apply_string(c, s, r);
		break;
	case CONF_STRINGS:
	case CONF_GROUPS:
		apply_list(c, s, r);
		break;
	}
}

static void unknown(struct conf *c, config_setting_t *s, const struct conf_rule *rules)
{
	char known[TEXT_MAX / 2] = "";
	size_t len = 0;

	for (const struct conf_rule *r = rules; r->name && len < sizeof(known); r++)
		len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s",
					r == rules ? "" : ", ", r->name);
	conf_fault(c, s, "unknown setting '%s'; known are: %s", config_setting_name(s), known);
}

void conf_apply(struct conf *c, config_setting_t *group, const struct conf_rule *rules)
{
	config_setting_t *s = NULL;

	for (int i = 0; i < config_setting_length(group); i++) {
		const struct conf_rule *r = rules;

		s = config_setting_get_elem(group, (unsigned)i);
		while (r->name && strcmp(r->name, config_setting_name(s)) != 0)
			r++;
		if (!r->name)
			unknown(c, s, rules);
	}
	for (const struct conf_rule *r = rules; r->name; r++) {
		s = config_setting_get_member(group, r->name);
		if (s)
			apply(c, s, r);
	}
}

/* Reads path, or says why not.  What others may write settles nothing; /dev/null and pipes are no
 * files; libconfig's scanner ends the whole program when it reads a folder. */
static const char *read_settings(struct conf *c, int *rc, char why[FOLDERS_ERROR])
{
	struct stat st;
	int fd = folders_open(c->path, SETTINGS_TRUST, &st, why);
	FILE *f;

	if (fd < 0)
		return why;
	if (S_ISREG(st.st_mode) && (f = fdopen(fd, "r"))) {
		*rc = config_read(&c->cfg, f);
		fclose(f);
		return NULL;
	}
	close(fd);
	if (S_ISDIR(st.st_mode))
		return strerror(EISDIR);
	*rc = config_read_file(&c->cfg, c->path);
	return *rc == CONFIG_FALSE && config_error_type(&c->cfg) == CONFIG_ERR_FILE_IO
		   ? strerror(errno)
		   : NULL;
}

/* The files that settings came from by @include, before any is applied.  Each has one text for its
 * name. */
static void check_included(struct conf *c, config_setting_t *group, const char **last)
{
	const char *file = config_setting_source_file(group);
	char path[PATH_MAX], why[FOLDERS_ERROR];
	struct stat st;
	int fd;

	if (file && file != *last) {
		*last = file;
		snprintf(path, sizeof(path), "%s%s%s", *file == '/' ? "" : c->dir,
			 *file == '/' ? "" : "/", file);
		fd = folders_open(path, SETTINGS_TRUST, &st, why);
		if (fd < 0)
			fault_at(c, file, 0, "%s", why);
		else
			close(fd);
	}
	for (int i = 0; i < config_setting_length(group); i++)
		check_included(c, config_setting_get_elem(group, (unsigned)i), last);
}

static void report_syntax(struct conf *c)
{
	const char *text = config_error_text(&c->cfg);

	/* libconfig 1.5 takes even an absolute name for a relative one. */
	fault_at(c, config_error_file(&c->cfg), (unsigned)config_error_line(&c->cfg), "%s%s%s",
		 text,
		 strstr(text, "include") ? "; its name is relative to "
		 : strcmp(text, "syntax error") == 0
		     ? " here or before it; the forms are name = \"text\"; name = 1; name = [ "
		       "\"text\", \"text\" ]; "
		       "name = ( { name = \"text\"; } );"
		     : "",
		 strstr(text, "include") ? c->dir : "");
}

int conf_read(const char *path, const struct conf_rule *rules,
	      void (*fault)(void *arg, const char *text), void *arg)
{
	struct conf c = {.path = path, .fault = fault, .arg = arg};
	const char *slash = strrchr(path, '/'), *why, *last = NULL;
	size_t n = slash ? (size_t)(slash - path) : 0;
	char text[FOLDERS_ERROR];
	int rc = CONFIG_FALSE;

	config_init(&c.cfg);
	c.dir = n ? xstrndup(path, n) : xstrdup(slash ? "/" : ".");
	config_set_include_dir(&c.cfg, c.dir);
	why = read_settings(&c, &rc, text);
	if (why)
		fault_at(&c, NULL, 0, "%s", why);
	else if (rc != CONFIG_TRUE)
		report_syntax(&c);
	else
		check_included(&c, config_root_setting(&c.cfg), &last);
	if (c.faults == 0)
		conf_apply(&c, config_root_setting(&c.cfg), rules);
	free(c.dir);
	config_destroy(&c.cfg);
	return c.faults;
}

/* log_escape's \xNN is what libconfig reads in a string. */
void conf_print(const char *before, const char *text, const char *after)
{
	char escaped[4 * PATH_MAX];

	if (text)
		printf("%s\"%s\"%s", before,
		       log_escape_to(escaped, sizeof(escaped), text, strlen(text)), after);
}
