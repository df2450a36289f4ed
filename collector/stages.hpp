// How long each message took through the collector: from the read of its bytes to publication.
// Message by message within one batch (what one socket read brought), recorded when it is
// published.
//
// Threads: the collector thread's. Bounded by: batch_messages_max; messages beyond it are published
// all the same, and only their last stage is not measured (counted).
#pragma once

#include <array>
#include <cstdint>

#include "ipc/clock.hpp"
#include "ipc/telemetry.hpp"

namespace ringside::collector {

inline constexpr std::size_t batch_messages_max = 4096;

class Stages {
 public:
  Stages(ipc::Telemetry& telemetry, const std::string& thread)
      : rate_(telemetry.rate()),
        read_to_decrypted_(telemetry.histogram(ipc::stage::read_to_decrypted, thread)),
        decrypted_to_decoded_(telemetry.histogram(ipc::stage::decrypted_to_decoded, thread)),
        decoded_to_published_(telemetry.histogram(ipc::stage::decoded_to_published, thread)) {}

  void decoded(Ticks received, Ticks decrypted, Ticks now) noexcept {
    read_to_decrypted_.record(rate_.ns_between(received, decrypted));
    decrypted_to_decoded_.record(rate_.ns_between(decrypted, now));
    if (count_ < batch_messages_max) {
      decoded_[count_++] = now;
    } else {
      ++unmeasured_;
    }
  }
  void published(Ticks now) noexcept {
    for (std::size_t i = 0; i < count_; ++i)
      decoded_to_published_.record(rate_.ns_between(decoded_[i], now));
    count_ = 0;
  }
  [[nodiscard]] std::uint64_t unmeasured() const noexcept { return unmeasured_; }

 private:
  ipc::TickRate rate_;
  ipc::Histogram& read_to_decrypted_;
  ipc::Histogram& decrypted_to_decoded_;
  ipc::Histogram& decoded_to_published_;
  std::array<Ticks, batch_messages_max> decoded_{};
  std::size_t count_ = 0;
  std::uint64_t unmeasured_ = 0;
};

}  // namespace ringside::collector
