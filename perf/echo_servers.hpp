// Echo servers of 128-byte requests in four designs, for the same load: ours on the event loop, and
// what it is compared with. Each serves the connections given to it until all have ended.
//
// Threads: the caller's; echo_by_threads makes one for each connection. Fails by: RINGSIDE_CHECK.
#pragma once

#include <span>

namespace ringside::perf {

inline constexpr unsigned request_bytes = 128;

// Our streams on our loop, sleeping in the kernel when there is nothing to do.
void echo_by_loop(std::span<const int> connections);
// Edge-triggered epoll, each socket read and written until it would block.
void echo_by_epoll(std::span<const int> connections);
// A thread a connection, blocking.
void echo_by_threads(std::span<const int> connections);
// The textbook's asynchronous design over io_uring: an id for each operation, its handler a
// std::function in a map behind a mutex, its buffer a shared vector, a submission each.
void echo_by_async_map(std::span<const int> connections);

}  // namespace ringside::perf
