// SPDX-License-Identifier: BSD-2-Clause
/*
 * The configuration file by the table of options.h: libconfig reads it, the rows' setters parse its
 * texts, and every fault, not only the first, is reported as FILE:LINE.  Called by the settings of
 * the programs that have a file.  Applies no setting of a file that others may change.
 */
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
#include "nearest.h"
#include "options.h"

#define FAULT_MAX (OPTION_TEXT_MAX + 4096 + 16)

/* A user's private group may write, as in a checkout under umask 002. */
enum { SETTINGS_TRUST = FOLDERS_PRIVATE_GROUP | FOLDERS_ANY_KIND };

struct options_file {
	config_t cfg;
	const struct options *o;
	const char *path;
	char *dir; /* the folder of path, to which @include is relative */
	void (*fault)(void *arg, const char *text);
	void *arg;
	int faults;
};

/* ---- faults ---- */

static void report(struct options_file *f, const char *file, unsigned line, const char *text)
{
	const bool included = file && strcmp(file, f->path) != 0;
	char where[16] = "", full[FAULT_MAX];

	if (line)
		snprintf(where, sizeof(where), "%u:", line);
	/* libconfig reports an included file by the name in @include. */
	if (included && file[0] != '/')
		snprintf(full, sizeof(full), "%s/%s:%s %s", f->dir, file, where, text);
	else
		snprintf(full, sizeof(full), "%s:%s %s", included ? file : f->path, where, text);
	f->fault(f->arg, full);
	f->faults++;
}

void options_fault(struct options_file *f, const config_setting_t *setting, const char *fmt, ...)
{
	char text[OPTION_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	report(f, setting ? config_setting_source_file(setting) : NULL,
	       setting ? config_setting_source_line(setting) : 0, text);
}

static void report_syntax(struct options_file *f)
{
	const char *error = config_error_text(&f->cfg);
	const bool include = strstr(error, "include");
	char text[OPTION_TEXT_MAX];

	/* libconfig 1.5 treats even an absolute name as relative. */
	snprintf(text, sizeof(text), "%s%s%s", error,
		 include ? "; its name is relative to "
		 : strstr(error, "duplicate")
		     ? ": it stands further up, too; keep one of them (a list holds several)"
		 : strcmp(error, "syntax error") == 0
		     ? " here or before it; the forms are name = \"text\"; name = 1; name = [ "
		       "\"text\", \"text\" ]; name = ( { name = \"text\"; } );"
		     : "",
		 include ? f->dir : "");
	report(f, config_error_file(&f->cfg), (unsigned)config_error_line(&f->cfg), text);
}

/* ---- values ---- */

static void set_text(struct options_file *f, const config_setting_t *s, const struct option_row *r,
		     void *settings, const char *value)
{
	const char *why = options_set(r, settings, value);
	struct log_text shown;

	if (why)
		options_fault(f, s, "%s%s \"%s\": %s", r->name, f->o->letters ? "" : ":",
			      log_escape(&shown, value, strlen(value)), why);
}

static const char *set_number(const config_setting_t *s, const struct option_row *r, void *settings)
{
	const int type = config_setting_type(s);
	char text[32] = "";

	if (type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64)
		snprintf(text, sizeof(text), "%lld", config_setting_get_int64(s));
	return options_set(r, settings, text);
}

/* Sets a list; a lone text is a list of one. */
static const char *set_list(struct options_file *f, config_setting_t *s, const struct option_row *r,
			    void *settings)
{
	const bool groups = r->type == OPTION_GROUPS,
		   lone = !groups && config_setting_get_string(s);
	void *target = (char *)settings + r->at;

	if (!lone && !config_setting_is_list(s) && (groups || !config_setting_is_array(s)))
		return groups ? "expected a list of groups: ( { ... }, { ... } )"
			      : "expected a text in double quotes or a list of them: [ \"...\" ]";
	if (r->clear)
		r->clear(target);
	for (int i = 0; i < (lone ? 1 : config_setting_length(s)); i++) {
		config_setting_t *e = lone ? s : config_setting_get_elem(s, (unsigned)i);
		const char *value = config_setting_get_string(e);

		if (groups ? !config_setting_is_group(e) : !value)
			options_fault(f, e, "%s: expected %s", r->name,
				      groups ? "groups only: { ... }"
					     : "texts in double quotes only");
		else if (groups)
			r->group(f, e, target);
		else
			set_text(f, e, r, settings, value);
	}
	return NULL;
}

static void set_member(struct options_file *f, config_setting_t *s, const struct option_row *r,
		       void *settings)
{
	const char *value = config_setting_get_string(s), *why = NULL;

	if (r->type == OPTION_NUMBER)
		why = set_number(s, r, settings);
	else if (r->type == OPTION_LIST || r->type == OPTION_GROUPS)
		why = set_list(f, s, r, settings);
	else if (r->type != OPTION_FLAG && value)
		set_text(f, s, r, settings, value);
	else if (r->type != OPTION_FLAG)
		why = "expected a text in double quotes";
	else if (config_setting_type(s) != CONFIG_TYPE_BOOL)
		why = "expected true or false";
	else
		set_text(f, s, r, settings, config_setting_get_bool(s) ? "true" : "false");
	if (why)
		options_fault(f, s, "%s: %s", r->name, why);
}

static void report_unknown(struct options_file *f, const config_setting_t *s,
			   const struct option_row *rows)
{
	const char *name = config_setting_name(s);
	struct nearest near = {.word = name, .len = strlen(name)};
	char known[OPTION_TEXT_MAX - 128] = "";
	size_t len = 0;

	for (const struct option_row *r = rows; (r->name || r->word) && len < sizeof(known); r++) {
		nearest_offer(&near, r->name);
		if (r->name)
			len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s",
						len ? ", " : "", r->name);
	}
	if (near.name)
		options_fault(f, s, "unknown setting '%s'%s", name, nearest_hint(&near, ""));
	else
		options_fault(f, s, "unknown setting '%s'; known are: %s", name, known);
}

void options_group(struct options_file *f, config_setting_t *group, const struct option_row *rows,
		   void *target)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
		const struct option_row *r = rows;

		while ((r->name || r->word) &&
		       (!r->name || strcmp(r->name, config_setting_name(s)) != 0))
			r++;
		if (!r->name)
			report_unknown(f, s, rows);
	}
	/* Flags come first: a permission such as unsafe_listen holds wherever it is in the file. */
	for (int flags = 1; flags >= 0; flags--) {
		for (const struct option_row *r = rows; r->name || r->word; r++) {
			config_setting_t *s =
			    r->name ? config_setting_get_member(group, r->name) : NULL;

			if (s && (r->type == OPTION_FLAG) == flags)
				set_member(f, s, r, target);
		}
	}
}

/* ---- the file ---- */

/* Reads path into f->cfg with libconfig's *rc, or returns why not.  A file that others may write is
 * refused, and so is a folder, on which libconfig's scanner would end the program; /dev/null and
 * pipes are opened by libconfig itself. */
static const char *read_settings(struct options_file *f, int *rc, char why[FOLDERS_ERROR])
{
	struct stat st;
	int fd = folders_open(f->path, SETTINGS_TRUST, &st, why);
	FILE *in;

	if (fd < 0)
		return why;
	if (S_ISREG(st.st_mode) && (in = fdopen(fd, "r"))) {
		const int first = getc(in);

		ungetc(first, in);
		*rc = config_read(&f->cfg, in);
		fclose(in);
		return first < 0xef ? NULL
				    : "not plain text: it begins with a byte order mark, as of a "
				      "Windows editor; save it as UTF-8 without one";
	}
	close(fd);
	if (S_ISDIR(st.st_mode))
		return strerror(EISDIR);
	*rc = config_read_file(&f->cfg, f->path);
	return *rc == CONFIG_FALSE && config_error_type(&f->cfg) == CONFIG_ERR_FILE_IO
		   ? strerror(errno)
		   : NULL;
}

/* Checks the files that settings came from by @include, before any is set.  libconfig has one copy
 * of each file's name, so that equal pointers are the same file. */
static void check_included(struct options_file *f, config_setting_t *group, const char **last)
{
	const char *file = config_setting_source_file(group);
	char path[PATH_MAX], why[FOLDERS_ERROR];
	struct stat st;
	int fd;

	if (file && file != *last) {
		*last = file;
		snprintf(path, sizeof(path), "%s%s%s", *file == '/' ? "" : f->dir,
			 *file == '/' ? "" : "/", file);
		fd = folders_open(path, SETTINGS_TRUST, &st, why);
		if (fd < 0)
			report(f, file, 0, why);
		else
			close(fd);
	}
	for (int i = 0; i < config_setting_length(group); i++)
		check_included(f, config_setting_get_elem(group, (unsigned)i), last);
}

int options_read(const struct options *o, const char *path, void *settings,
		 void (*fault)(void *arg, const char *text), void *arg)
{
	struct options_file f = {.o = o, .path = path, .fault = fault, .arg = arg};
	const char *slash = strrchr(path, '/'), *why, *last = NULL;
	size_t n = slash ? (size_t)(slash - path) : 0;
	char text[FOLDERS_ERROR];
	int rc = CONFIG_FALSE;

	config_init(&f.cfg);
	f.dir = n ? xstrndup(path, n) : xstrdup(slash ? "/" : ".");
	config_set_include_dir(&f.cfg, f.dir);
	why = read_settings(&f, &rc, text);
	if (why)
		report(&f, NULL, 0, why);
	else if (rc != CONFIG_TRUE)
		report_syntax(&f);
	else
		check_included(&f, config_root_setting(&f.cfg), &last);
	if (f.faults == 0) {
		options_group(&f, config_root_setting(&f.cfg), o->rows, settings);
		if (o->check)
			o->check(&f, config_root_setting(&f.cfg));
	}
	free(f.dir);
	config_destroy(&f.cfg);
	return f.faults;
}
