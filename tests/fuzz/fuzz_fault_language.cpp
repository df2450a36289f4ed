// Any bytes as faults: refused in one line that begins with the option's name, or faults within
// every documented bound, which are printed so that they read back as the same.
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include "ipc/check.hpp"
#include "tools/exchange/fault_language.hpp"

namespace {

using namespace ringside::exchange;

void check(const Fault& fault) {
  RINGSIDE_CHECK(fault.at_count <= fault_count_max);
  RINGSIDE_CHECK(fault.at_ns >= 0 && fault.at_ns <= fault_duration_ns_max);
  RINGSIDE_CHECK(fault.lasts_ns >= 0 && fault.lasts_ns <= fault_duration_ns_max);
  RINGSIDE_CHECK(fault.value_ns >= 0 && fault.value_ns <= fault_duration_ns_max);
  RINGSIDE_CHECK(fault.times >= 1 && fault.times <= fault_times_max);
  RINGSIDE_CHECK(fault.price_more <= 4 && fault.quantity_more <= 4);
  RINGSIDE_CHECK(fault.kind != FaultKind::Rename || !fault.name.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<Fault> faults;
  try {
    faults = parse_faults(text);
  } catch (const std::invalid_argument& error) {
    RINGSIDE_CHECK(std::string_view(error.what()).starts_with("--faults: "));
    RINGSIDE_CHECK(std::string_view(error.what()).find('\n') == std::string_view::npos);
    return 0;
  }
  RINGSIDE_CHECK(faults.size() <= faults_max);
  for (const auto& fault : faults) check(fault);
  RINGSIDE_CHECK(parse_faults(text_of(faults)) == faults);
  return 0;
}
