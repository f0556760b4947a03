// SPDX-License-Identifier: BSD-2-Clause
#include "field.h"

#include <string.h>

uint32_t field_take_u32(struct field_reader *r)
{
	uint32_t v;

	if (r->left < 4) {
		r->left = 0;
		return 0;
	}
	v = (uint32_t)r->p[0] << 24 | (uint32_t)r->p[1] << 16 | (uint32_t)r->p[2] << 8 | r->p[3];
	r->p += 4;
	r->left -= 4;
	return v;
}

struct field field_take(struct field_reader *r)
{
	struct field f = {.p = NULL, .len = field_take_u32(r)};

	if (f.len > r->left) {
		r->left = 0;
		return (struct field){.p = NULL};
	}
	f.p = r->p;
	r->p += f.len;
	r->left -= f.len;
	return f;
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
