// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in every process: the fields of packets, key blobs and the agent's messages.  The input may
 * come from a peer, so every length is checked against the bytes left.  Allocates nothing.
 */
#include "field.h"

#include <string.h>

struct field field_take_bytes(struct field_reader *r, size_t n)
{
	const struct field f = {r->p, n};

	if (n > r->left) {
		r->left = 0;
		return (struct field){.p = NULL};
	}
	if (n > 0) /* p may be NULL when no bytes are left */
		r->p += n;
	r->left -= n;
	return f;
}

uint32_t field_take_u32(struct field_reader *r)
{
	const uint8_t *p = field_take_bytes(r, 4).p;

	return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

struct field field_take(struct field_reader *r)
{
	return field_take_bytes(r, field_take_u32(r));
}

void field_put_bytes(struct field_writer *w, const void *p, size_t n)
{
	if (w->len > w->size || n > w->size - w->len) {
		w->len = w->size + 1;
		return;
	}
	if (n > 0)
		memcpy(w->p + w->len, p, n);
	w->len += n;
}

void field_put_u32(struct field_writer *w, uint32_t v)
{
	const uint8_t bytes[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
				  (uint8_t)v};

	field_put_bytes(w, bytes, sizeof(bytes));
}

void field_put(struct field_writer *w, const void *p, size_t n)
{
	field_put_u32(w, (uint32_t)n);
	field_put_bytes(w, p, n);
}

void field_put_text(struct field_writer *w, const char *s)
{
	field_put(w, s, strlen(s));
}
