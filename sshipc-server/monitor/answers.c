// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by monitor.c for each request on the control socket, whose caller the
 * keeper has checked.  It only writes the monitor's state as JSON; a command that changes
 * something calls the file concerned.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "control.h"
#include "json.h"
#include "loop.h"

enum { WHOLE = 1 << 18 }; /* room for an object with all endpoints in it */

static void add_line(struct evbuffer *out, const struct json_out *o)
{
	evbuffer_add(out, o->s, o->len);
	evbuffer_add(out, "\n", 1);
}

static void give_session(const struct conn *c, struct evbuffer *out)
{
	char text[STATUS_TEXT];
	struct json_out o = {text, sizeof(text), 0};

	status_put(c, &c->opens.last_refusal, &o);
	add_line(out, &o);
}

static void give_who(struct monitor_view *view, const struct control_request *r,
		     struct evbuffer *out)
{
	const struct conn *c;
	size_t n = 0;

	/* An answer that is too long is not sent, so it need not be made in full. */
	LIST_FOREACH(c, &view->conns, of_view) {
		if (!c->use || evbuffer_get_length(out) > CONTROL_ANSWER)
			continue;
		give_session(c, out);
		n++;
	}
	evbuffer_add_printf(out, "{\"ok\":true,\"sessions\":%zu}\n", n);
}

/* A number is always a session id: a key whose name is a number must be given by its
 * fingerprint. */
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

	LIST_FOREACH(c, &view->conns, of_view) {
		if (c->state != CONN_UP || !is_meant(c, r->whom))
			continue;
		give_session(c, out);
		revoke_dismiss(c, r->uid);
		n++;
	}
	if (n > 0)
		evbuffer_add_printf(out, "{\"ok\":true,\"ended\":%zu}\n", n);
	else
		control_refuse(out, "no session has this id, key name or fingerprint");
}

static void give_reload(struct monitor_view *view, const struct control_request *r,
			struct evbuffer *out)
{
	char summary[1024], text[8 * sizeof(summary)];
	struct json_out o = {text, sizeof(text), 0};

	/* Generations that have retired follow the newest one's list. */
	if (!view->retired && reload_now(view->reload, summary, sizeof(summary)) != 0) {
		control_refuse(out, summary);
		return;
	}
	json_put(&o, NULL, "{");
	if (view->retired)
		json_put(&o, "generation", "%u", view->ops.generation);
	else
		json_put(&o, "ok", "true");
	json_text(&o, "summary", view->retired ? reload_summary(view->reload) : summary);
	json_close(&o, '}');
	add_line(out, &o);
	if (view->retired)
		evbuffer_add_printf(out, "{\"ok\":true}\n");
}

/* By the codes of sshipc-server(8), REFUSALS, that a login or an open can have; faults: the names
 * of what else logins are refused for. */
static void put_refusals(struct json_out *o, const char *name, const uint64_t *n,
			 const char *const faults[])
{
	json_put(o, name, "{");
	for (int i = POLICY_NO_KEY; i < POLICY_DIAL_FAILED; i++) {
		const bool login = i == POLICY_NOT_TOUCHED || i == POLICY_MAX_SESSIONS;
		const bool open =
		    i > POLICY_MAX_SESSIONS || (i > POLICY_NO_KEY && i < POLICY_NO_ENDPOINT);

		if (faults ? !open : !login)
			json_put(o, i == POLICY_NO_KEY ? "unlisted" : policy_texts[i].code,
				 "%" PRIu64, n[i]);
	}
	for (int i = 0; faults && i <= SESSION_LOGIN_FAULTS; i++)
		json_put(o, faults[i], "%" PRIu64, n[POLICY_OTHER + i]);
	json_close(o, '}');
}

static void put_counts(const struct monitor_view *view, struct json_out *o)
{
	static const char *const names[COUNTS] = {"connections",
						  "logins",
						  "opens",
						  "claimed_bytes_to_endpoint",
						  "claimed_bytes_from_endpoint",
						  "rekeys",
						  "reloads_refused",
						  "reloads"};
	static const char *const faults[SESSION_LOGIN_FAULTS + 1] = {
	    "key-type", "certificate", "signature-type", "odd-key", "signature", "method"};

	json_put(o, "totals", "{");
	for (int i = 0; i < COUNTS; i++)
		json_put(o, names[i], "%" PRIu64, view->counts[i]);
	json_put(o, "log_lines_dropped", "%" PRIu64, log_dropped());
	json_close(o, '}');
	put_refusals(o, "logins_refused", view->logins_refused, faults);
	put_refusals(o, "opens_refused", view->opens_refused, NULL);
	json_put(o, "limits", "{");
	for (int i = 0; i < LIMITS; i++)
		json_put(o, limit_names[i], "%" PRIu64, view->limit_hits[i]);
	json_close(o, '}');
}

static void give_status(struct monitor_view *view, const struct control_request *r,
			struct evbuffer *out)
{
	const struct settings *s = view->settings;
	char whole[WHOLE], text[ADDRESS_TEXT], *path = realpath(s->allowlist, NULL);
	struct json_out o = {whole, sizeof(whole), 0};
	const bool open = s->pending_from.n > 0 && time(NULL) < s->pending_until;

	json_put(&o, NULL, "{");
	json_text(&o, "version", SSHIPC_VERSION);
	json_text(&o, "libssh", view->libssh);
	json_put(&o, "generation", "%u", view->ops.generation);
	json_put(&o, "started", "%lld", (long long)view->started);
	json_put(&o, "uptime_seconds", "%lld", (long long)(loop_seconds() - view->since));
	json_put(&o, "listen", "[");
	for (size_t i = 0; i < view->n_at; i++)
		json_text(&o, NULL, address_format(&view->at[i], text, sizeof(text)));
	json_close(&o, ']');
	json_put(&o, "sessions", "%zu", view->n_sessions);
	json_put(&o, "max_sessions", "%zu", view->max_sessions);
	json_put(&o, "unauthenticated", "%zu", admission_unauth(view->admission));
	json_put(&o, "channels", "%zu", view->n_channels);
	put_counts(view, &o);
	json_text(&o, "allowlist", path ? path : s->allowlist);
	json_text(&o, "default", s->default_endpoint);
	json_put(&o, "connect_as", "[");
	for (size_t i = 0; i < s->connect_as.n; i++)
		json_text(&o, NULL, s->connect_as.items[i]);
	json_close(&o, ']');
	json_put(&o, "keys", "%zu", allowlist_count(view->allowlist));
	json_put(&o, "keys_without_endpoint", "%zu", allowlist_absent(view->allowlist));
	json_text(&o, "fault", *reload_fault(view->reload) ? reload_fault(view->reload) : NULL);
	json_put(&o, "pending", "%zu", pending_count(view->pending));
	json_put(&o, "pending_open", "%s", open ? "true" : "false");
	json_put(&o, "endpoints", "[");
	for (size_t i = 0; i < s->n_endpoints; i++)
		status_put_endpoint(view, &s->endpoints[i], 0, NULL, &o);
	json_close(&o, ']');
	json_close(&o, '}');
	add_line(out, &o);
	evbuffer_add_printf(out, "{\"ok\":true}\n");
	free(path);
}

static void give_pending(struct monitor_view *view, const struct control_request *r,
			 struct evbuffer *out)
{
	const size_t n = pending_count(view->pending);

	for (size_t i = 0; i < n; i++) {
		char text[PENDING_TEXT];
		struct json_out o = {text, sizeof(text), 0};

		pending_put(view->pending, i, &o);
		add_line(out, &o);
	}
	evbuffer_add_printf(out, "{\"ok\":true,\"pending\":%zu}\n", n);
}

void answers_give(struct monitor_view *view, unsigned uid, const char *line, struct evbuffer *out)
{
	struct control_request r = {.uid = uid};
	const char *why = NULL;
	static void (*const give[])(struct monitor_view * view, const struct control_request *r,
				    struct evbuffer *out) = {
	    [CONTROL_WHO] = give_who,	      [CONTROL_KILL] = give_kill,
	    [CONTROL_RELOAD] = give_reload,   [CONTROL_STATUS] = give_status,
	    [CONTROL_PENDING] = give_pending,
	};

	if (control_parse(line, strlen(line), &r, &why) != 0 || r.command == CONTROL_UPGRADE)
		control_refuse(out, why); /* an upgrade is the keeper's */
	else
		give[r.command](view, &r, out);
}
