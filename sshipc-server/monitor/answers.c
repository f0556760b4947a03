// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by monitor.c for each request on the control socket, whose caller
 * control.c has checked.
 */
#include "answers.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "loop.h"

static void give_who(const struct monitor_view *view, struct evbuffer *out)
{
	size_t n = 0;

	const struct conn *c;

	/* What is too long is not sent; so no more of it needs to be made. */
	LIST_FOREACH(c, &view->conns, of_view)
	{
		if (!c->use || evbuffer_get_length(out) > CONTROL_ANSWER)
			continue;
		status_put(c, &c->last_refusal, out);
		n++;
	}
	evbuffer_add_printf(out, "{\"ok\":true,\"sessions\":%zu}\n", n);
}

/* A number is an id, and nothing else: a key so named is meant by its fingerprint. */
static bool is_meant(const struct conn *c, const char *whom)
{
	char id[16];

	snprintf(id, sizeof(id), "%" PRIu32, c->id);
	if (strspn(whom, "0123456789") == strlen(whom))
		return strcmp(whom, id) == 0;
	return strcmp(whom, c->use->name) == 0 || strcmp(whom, c->use->fingerprint) == 0;
}

static void give_kill(struct monitor_view *view, const struct control_request *r,
		      struct evbuffer *out)
{
	struct conn *c;
	size_t n = 0;

	LIST_FOREACH(c, &view->conns, of_view)
	{
		if (c->state != CONN_UP || !is_meant(c, r->whom))
			continue;
		status_put(c, &c->last_refusal, out);
		revoke_dismiss(c, r->uid);
		n++;
	}
	if (n > 0)
		evbuffer_add_printf(out, "{\"ok\":true,\"ended\":%zu}\n", n);
	else
		control_refuse(out, "no session has this id, key name or fingerprint");
}

static void give_reload(struct reload *e, struct evbuffer *out)
{
	char summary[1024];

	if (reload_now(e, summary, sizeof(summary)) != 0) {
		control_refuse(out, summary);
		return;
	}
	status_put_text(out, "{\"ok\":true,", "summary", summary);
	evbuffer_add_printf(out, "}\n");
}

static void give_status(const struct monitor_view *view, const struct reload *e,
			struct evbuffer *out)
{
	const struct settings *s = view->settings;
	char text[ADDRESS_TEXT], *path = realpath(s->allowlist, NULL);

	status_put_text(out, "{", "version", SSHIPC_VERSION);
	evbuffer_add_printf(out, ",\"uptime_seconds\":%lld,\"listen\":[",
			    (long long)(loop_seconds() - view->since));
	for (size_t i = 0; i < view->n_at; i++)
		evbuffer_add_printf(out, "%s\"%s\"", i ? "," : "",
				    address_format(&view->at[i], text, sizeof(text)));
	evbuffer_add_printf(out, "],\"sessions\":%zu,\"unauthenticated\":%zu", view->n_sessions,
			    admission_unauth(view->admission));
	for (int i = 0; i < LIMITS; i++)
		evbuffer_add_printf(out, "%s\"%s\":%" PRIu64, i ? "," : ",\"limits\":{",
				    limit_name((enum limit)i), view->bitten[i]);
	status_put_text(out, "},", "allowlist", path ? path : s->allowlist);
	evbuffer_add_printf(out, ",\"keys\":%zu", allowlist_count(view->allowlist));
	status_put_text(out, ",", "fault", reload_fault(e));
	evbuffer_add_printf(
	    out, ",\"pending\":%zu,\"pending_open\":%s", pending_count(view->pending),
	    s->pending_from.n > 0 && time(NULL) < s->pending_until ? "true" : "false");
	for (size_t i = 0; i < s->n_endpoints; i++) {
		evbuffer_add_printf(out, "%s", i ? "," : ",\"endpoints\":[");
		status_put_endpoint(view, &s->endpoints[i], true, out);
	}
	evbuffer_add_printf(out, "]}\n{\"ok\":true}\n");
	free(path);
}

static void give_pending(const struct monitor_view *view, struct evbuffer *out)
{
	char text[PENDING_TEXT];

	for (size_t i = 0; pending_json(view->pending, i, text); i++)
		evbuffer_add_printf(out, "%s\n", text);
	evbuffer_add_printf(out, "{\"ok\":true,\"pending\":%zu}\n", pending_count(view->pending));
}

void answers_give(struct monitor_view *view, struct reload *e, const struct control_request *r,
		  struct evbuffer *out)
{
	switch (r->command) {
	case CONTROL_WHO:
		give_who(view, out);
		break;
	case CONTROL_KILL:
		give_kill(view, r, out);
		break;
	case CONTROL_RELOAD:
		give_reload(e, out);
		break;
	case CONTROL_STATUS:
		give_status(view, e, out);
		break;
	case CONTROL_PENDING:
		give_pending(view, out);
		break;
	}
}
