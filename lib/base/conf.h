// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CONF_H
#define SSHIPC_CONF_H
/*
 * libconfig files -> typed settings, driven by a table.  Every fault is reported as FILE:LINE:
 * text, all of them, not only the first.  Knows no setting itself.
 */
#include <libconfig.h>
#include <stdbool.h>
#include <stddef.h>

enum conf_type {
	CONF_BOOL,    /* bool * */
	CONF_INT,     /* int *, min..max */
	CONF_STRING,  /* char **, strdup'ed (an earlier value is freed); without target: handler */
	CONF_STRINGS, /* handler: called once per element of a string or of a list/array of strings
		       */
	CONF_GROUPS,  /* handler: called once per group of a list of groups */
};

struct conf;

struct conf_rule {
	const char *name;
	enum conf_type type;
	void *target; /* CONF_BOOL, CONF_INT, CONF_STRING */
	int min, max;
	/* CONF_STRING(S): value is the text; CONF_GROUPS: setting is the group and value NULL.  The
	 * handler reports its faults with conf_fault. */
	void (*handle)(struct conf *c, config_setting_t *setting, const char *value, void *arg);
	void *arg;
};

/* Reads path (@include works, relative to the file's folder) and applies rules (ended by a NULL
 * name) in their order, whatever that of the file.  Returns the number of faults; each was given to
 * fault ("FILE:LINE: text", without LINE where there is none).  An unreadable file, one that others
 * may change (folders_open; included ones, too) or a syntax error is one fault, and nothing is
 * applied. */
int conf_read(const char *path, const struct conf_rule *rules,
	      void (*fault)(void *arg, const char *text), void *arg);

/* For handlers: applies rules to the members of one group; an unknown member is a fault that lists
 * the known names. */
void conf_apply(struct conf *c, config_setting_t *group, const struct conf_rule *rules);

/* Writes before, text in quotes as a file of libconfig has it, and after, to stdout; nothing where
 * text is NULL. */
void conf_print(const char *before, const char *text, const char *after);

/* Reports "FILE:LINE: text" for a setting. */
void conf_fault(struct conf *c, const config_setting_t *setting, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
