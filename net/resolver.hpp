// Host names to addresses. getaddrinfo blocks, so it runs on a thread of its own; questions and
// answers travel over a socket pair, so that the loop sees an answer as it sees any other bytes: no
// lock, no allocation. Numeric addresses never come here (parse_numeric).
//
// Threads: the loop's. Bounded by: addresses_max an answer, lookups_max at a time.
// Fails by: a LookupResult without addresses, or start() answering false.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/channel.hpp"

namespace ringside::net {

inline constexpr std::size_t addresses_max = 8;
inline constexpr std::size_t host_bytes_max = 255;  // of DNS

// "192.0.2.1", "::1"; nothing for a name.
[[nodiscard]] std::optional<SocketAddress> parse_numeric(std::string_view host,
                                                         std::uint16_t port) noexcept;
// "192.0.2.1:80", "[::1]:80".
[[nodiscard]] std::string format_address(const SocketAddress& address);

struct LookupResult {
  std::uint64_t id = 0;
  std::int32_t error = 0;  // of getaddrinfo; 0: addresses hold
  std::uint32_t count = 0;
  std::array<SocketAddress, addresses_max> addresses{};
};

// A question its owner carries; forget() before it is destroyed.
struct Lookup {
  void (*callback)(void* context, const LookupResult& result) noexcept = nullptr;
  void* context = nullptr;

  // The resolver's.
  std::uint64_t id = 0;  // 0: not asked
  Lookup* next = nullptr;
};

class Resolver {
 public:
  static constexpr unsigned lookups_max = 64;

  explicit Resolver(Loop& loop);  // starts the thread; throws std::system_error
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // False: the name is too long, or too many lookups wait.
  [[nodiscard]] bool start(Lookup& lookup, std::string_view host, std::uint16_t port) noexcept;
  void forget(Lookup& lookup) noexcept;

 private:
  static void received(void* context, const Completion& completion) noexcept;
  void answer(const LookupResult& result) noexcept;

  Channel channel_;
  int question_socket_ = -1;  // the loop's end, for writing; the channel owns it
  std::uint64_t last_id_ = 0;
  unsigned waiting_ = 0;
  Lookup* lookups_ = nullptr;
  LookupResult partial_;  // an answer may arrive in pieces
  std::size_t partial_bytes_ = 0;
};

}  // namespace ringside::net
