// ringside.h: versions, names, the instance, clocks.
#include <dirent.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "ipc/reader/mapping.hpp"
#include "ringside/event.hpp"

namespace ringside::reader {
namespace {

constexpr std::uint64_t rate_span_ns = 2'000'000;

std::uint64_t raw_ns() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// To some 50 ppm, in integers: only bounds of liveness hang on it.
ipc::TickRate measured_rate() noexcept {
  ipc::TickRate rate;
  rate.invariant_tsc = ipc::ticks_are_tsc;
  if (!rate.invariant_tsc) return rate;
  const auto begin = raw_ns();
  const auto first = ipc::now_ticks();
  auto elapsed_ns = raw_ns() - begin;
  for (; elapsed_ns < rate_span_ns; elapsed_ns = raw_ns() - begin) {
  }
  constexpr std::uint32_t shift = 32;
  const auto ticks = ipc::now_ticks().value - first.value;  // some 10^7: no overflow
  rate.to_ticks = ipc::ScaledRatio{(ticks << shift) / elapsed_ns, shift};
  return rate;
}

// Names of the segments that begin so, without that beginning.
ringside_status list(const ringside_instance* instance, std::string_view prefix, ringside_name* out,
                     std::uint32_t capacity, std::uint32_t* count) noexcept {
  if (instance == nullptr || count == nullptr || (out == nullptr && capacity != 0)) {
    return RINGSIDE_BAD_ARGUMENT;
  }
  *count = 0;
  DIR* const stream = ::opendir(instance_directory(instance->name.data()).text());
  if (stream == nullptr) return errno == ENOENT ? RINGSIDE_ABSENT : RINGSIDE_SYSTEM;
  // The stream is this call's own.
  while (const dirent* entry = ::readdir(stream)) {  // NOLINT(concurrency-mt-unsafe)
    const std::string_view name = entry->d_name;
    if (!ipc::is_valid_name(name) || name.size() <= prefix.size() ||
        name.compare(0, prefix.size(), prefix) != 0) {
      continue;
    }
    if (*count < capacity) {
      ringside_name& to = out[*count];
      to = ringside_name{};
      std::memcpy(to.text, name.data() + prefix.size(), name.size() - prefix.size());
    }
    ++*count;
  }
  ::closedir(stream);
  return RINGSIDE_OK;
}

}  // namespace
}  // namespace ringside::reader

using namespace ringside;
using namespace ringside::reader;

struct ringside_clock {
  Mapping mapping;
  ipc::TickRate rate;

  [[nodiscard]] const ipc::ClockPage& page() const noexcept {
    return *reinterpret_cast<const ipc::ClockPage*>(mapping.view.data().data() +
                                                    ipc::telemetry_clock_offset);
  }
};

std::uint32_t ringside_abi_version() noexcept {
  return std::uint32_t{RINGSIDE_ABI_MAJOR} << 16U | RINGSIDE_ABI_MINOR;
}

const char* ringside_status_name(ringside_status status) noexcept {
  constexpr const char* names[] = {
      "ok",           "empty",         "lost",      "retry",        "writer_gone", "writer_stale",
      "superseded",   "corrupt",       "not_found", "absent",       "denied",      "initialising",
      "wrong_format", "wrong_version", "hostile",   "bad_argument", "no_memory",   "system"};
  constexpr std::size_t count = sizeof names / sizeof names[0];
  static_assert(count == RINGSIDE_SYSTEM + 1);
  const auto index = static_cast<std::size_t>(status);
  return index < count ? names[index] : "unknown";
}

ringside_terms ringside_terms_of(std::int64_t packed) noexcept {
  const auto terms = InstrumentTerms::unpacked(packed);
  return {terms.price_exponent.power_of_ten, terms.quantity_exponent.power_of_ten,
          static_cast<std::uint8_t>(terms.checksum), 0, terms.depth};
}

ringside_status ringside_instance_open(const char* name, ringside_instance** out) noexcept {
  if (name == nullptr || out == nullptr) return RINGSIDE_BAD_ARGUMENT;
  *out = nullptr;
  const auto bytes = ::strnlen(name, ipc::name_bytes_max + 1);
  if (!ipc::is_valid_name({name, bytes})) return RINGSIDE_BAD_ARGUMENT;
  const Path path = instance_directory(name);
  struct stat facts {};
  if (path.full()) return RINGSIDE_BAD_ARGUMENT;
  if (::stat(path.text(), &facts) != 0) {
    return errno == ENOENT || errno == ENOTDIR
               ? RINGSIDE_ABSENT
               : (errno == EACCES ? RINGSIDE_DENIED : RINGSIDE_SYSTEM);
  }
  auto* const instance = make_handle<ringside_instance>();
  if (instance == nullptr) return RINGSIDE_NO_MEMORY;
  std::memcpy(instance->name.data(), name, bytes);
  instance->rate = measured_rate();
  *out = instance;
  return RINGSIDE_OK;
}

void ringside_instance_close(ringside_instance* instance) noexcept { std::free(instance); }

ringside_status ringside_collectors(const ringside_instance* instance, ringside_name* out,
                                    std::uint32_t capacity, std::uint32_t* count) noexcept {
  return list(instance, "catalogue.", out, capacity, count);
}
ringside_status ringside_workers(const ringside_instance* instance, ringside_name* out,
                                 std::uint32_t capacity, std::uint32_t* count) noexcept {
  return list(instance, "books.", out, capacity, count);
}

std::uint64_t ringside_now_ticks() noexcept { return ipc::now_ticks().value; }

ringside_status ringside_clock_open(const ringside_instance* instance, const char* process,
                                    ringside_clock** out) noexcept {
  const auto status =
      open_handle(instance, "telemetry.", process, ipc::SegmentKind::Telemetry, true, out);
  if (status != RINGSIDE_OK) return status;
  const auto& geometry = (*out)->mapping.view.geometry;
  if (geometry.item_bytes == ipc::telemetry_histogram_bytes &&
      geometry.data_bytes >= ipc::telemetry_clock_offset + sizeof(ipc::ClockPage)) {
    return RINGSIDE_OK;
  }
  ringside_clock_close(*out);
  *out = nullptr;
  return RINGSIDE_HOSTILE;
}

void ringside_clock_close(ringside_clock* clock) noexcept { close_handle(clock); }

ringside_status ringside_clock_utc(const ringside_clock* clock, std::uint64_t ticks,
                                   std::int64_t* utc_ns) noexcept {
  if (clock == nullptr || utc_ns == nullptr) return RINGSIDE_BAD_ARGUMENT;
  ipc::ClockReading reading;
  if (!ipc::read_clock(clock->page(), reading)) return RINGSIDE_EMPTY;
  *utc_ns = reading.utc_of(Ticks{ticks}).value;
  return RINGSIDE_OK;
}
