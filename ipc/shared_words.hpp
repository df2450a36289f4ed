// What the words of shared memory are made of: the one policy that every structure here is written
// against. Atomic<T> is std::atomic<T> and Plain<T> is T, so that a program pays and sees nothing.
//
// RINGSIDE_SHARED_WORDS names a header that says otherwise: tests/model compiles the very same
// sources over words that keep their history, and tests/crash over words that a process can be
// killed between. Unlike a template parameter on every ring it reaches the classes that are used,
// whole, and leaves no second spelling of them to read.
#pragma once

#if defined(RINGSIDE_SHARED_WORDS)
#include RINGSIDE_SHARED_WORDS
#else
#include <atomic>

namespace ringside::ipc {

// A word that is read while it is written.
template <typename T>
using Atomic = std::atomic<T>;

// A word that is not: another word says when it may be read.
template <typename T>
using Plain = T;

// A moment between two system calls at which a process may be killed, by name. Nothing here.
constexpr void fault_point(const char* /*name*/) noexcept {}

}  // namespace ringside::ipc
#endif
