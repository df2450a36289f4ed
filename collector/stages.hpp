// How long each message took through the collector: from the read of its bytes to publication.
// Message by message within one batch (what one socket read brought), recorded when it is
// published. How long the kernel had had the bytes before is another clock's (CLOCK_REALTIME) and
// apart from the others: a histogram of its own, only where stamps were asked for.
//
// Threads: the collector thread's. Bounded by: batch_messages_max; messages beyond it are published
// all the same, and only their last stage is not measured (counted).
#pragma once

#include <array>
#include <cstdint>

#include "ipc/clock.hpp"
#include "ipc/telemetry.hpp"
#include "net/stream.hpp"

namespace ringside::collector {

inline constexpr std::size_t batch_messages_max = 4096;

constexpr std::size_t stages_of_a_thread(bool receive_stamps) { return receive_stamps ? 4 : 3; }

class Stages {
 public:
  Stages(ipc::Telemetry& telemetry, const std::string& thread, bool receive_stamps)
      : rate_(telemetry.rate()),
        read_to_decrypted_(telemetry.histogram(ipc::stage::read_to_decrypted, thread)),
        decrypted_to_decoded_(telemetry.histogram(ipc::stage::decrypted_to_decoded, thread)),
        decoded_to_published_(telemetry.histogram(ipc::stage::decoded_to_published, thread)) {
    if (receive_stamps) kernel_to_read_ = &telemetry.histogram(ipc::stage::kernel_to_read, thread);
  }

  void decoded(const net::ReceiveTimes& times, Ticks now) noexcept {
    if (kernel_to_read_ != nullptr) {
      if (times.kernel_to_read_ns >= 0) {
        kernel_to_read_->record(static_cast<std::uint64_t>(times.kernel_to_read_ns));
      } else {
        ++unstamped_;
      }
    }
    read_to_decrypted_.record(rate_.ns_between(times.received, times.decrypted));
    decrypted_to_decoded_.record(rate_.ns_between(times.decrypted, now));
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
  // Messages without the stamp that was asked for: the kernel gives none, or its clock was set
  // back.
  [[nodiscard]] std::uint64_t unstamped() const noexcept { return unstamped_; }

 private:
  ipc::TickRate rate_;
  ipc::Histogram* kernel_to_read_ = nullptr;
  ipc::Histogram& read_to_decrypted_;
  ipc::Histogram& decrypted_to_decoded_;
  ipc::Histogram& decoded_to_published_;
  std::array<Ticks, batch_messages_max> decoded_{};
  std::size_t count_ = 0;
  std::uint64_t unmeasured_ = 0;
  std::uint64_t unstamped_ = 0;
};

}  // namespace ringside::collector
