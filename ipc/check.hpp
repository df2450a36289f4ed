// Assertions on programmer errors. Never reachable from bytes that came from outside.
#pragma once

#include <cstdio>
#include <cstdlib>

// Control paths: always on, one condition each.
#define RINGSIDE_CHECK(condition)                                                        \
  do {                                                                                   \
    if (!(condition)) [[unlikely]] {                                                     \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)

// Data paths: debug, sanitizer and fuzz builds only.
#ifdef RINGSIDE_DCHECKS
#define RINGSIDE_DCHECK(condition) RINGSIDE_CHECK(condition)
#else
#define RINGSIDE_DCHECK(condition) \
  do {                             \
  } while (false)
#endif
