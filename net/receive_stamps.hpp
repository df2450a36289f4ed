// The kernel's stamp on received bytes (SO_TIMESTAMPNS): when their last packet came in, before
// anybody read it. Its clock is CLOCK_REALTIME, not the ticks of everything else here, so it is
// turned into an age at once, by the same clock read where the ticks are; what remains is a
// duration that a step of that clock can spoil, and nothing can mix with the other stages.
//
// Threads: any; nothing is kept. Fails by: unstamped_ns.
#pragma once

#include <sys/socket.h>
#include <time.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "net/channel.hpp"

namespace ringside::net {

// What recvmsg writes of ancillary data with the option on.
inline constexpr std::size_t stamp_control_bytes = CMSG_SPACE(sizeof(timespec));

// A kernel that refuses is no error: the bytes come, without stamps.
inline void ask_for_stamps(int descriptor) noexcept {
  const int on = 1;
  (void)::setsockopt(descriptor, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
}

[[nodiscard]] inline std::int64_t realtime_ns() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

// `header` is null, or the only ancillary message there can be; `now_ns` of realtime_ns(). No
// stamp, or one of the future (the clock was set back): unstamped_ns.
[[nodiscard]] inline std::int64_t stamp_age_ns(const cmsghdr* header,
                                               std::int64_t now_ns) noexcept {
  if (header == nullptr || header->cmsg_level != SOL_SOCKET ||
      header->cmsg_type != SCM_TIMESTAMPNS || header->cmsg_len < CMSG_LEN(sizeof(timespec))) {
    return unstamped_ns;
  }
  timespec stamp{};
  std::memcpy(&stamp, CMSG_DATA(header), sizeof(stamp));
  const std::int64_t age_ns =
      now_ns - (static_cast<std::int64_t>(stamp.tv_sec) * 1'000'000'000 + stamp.tv_nsec);
  return age_ns < 0 ? unstamped_ns : age_ns;
}

}  // namespace ringside::net
