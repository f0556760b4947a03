// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SANITIZED_H
#define SSHIPC_SANITIZED_H
/*
 * SANITIZED is 1 in a build with AddressSanitizer, whose run-time needs system calls, files and an
 * allocator that our programs otherwise do without.
 */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#endif
