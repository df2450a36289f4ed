// How long each stage takes, from the histograms in the telemetry segments of one deployment. Only
// copies are taken: no writer notices.
//
// Threads: one. Fails by: leaving out what cannot be attached.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ipc/histogram.hpp"
#include "ringside/time.hpp"

namespace ringside::tools {

struct StageRow {
  std::string stage;
  std::string process;
  std::string thread;
  UtcNs since;                       // when its process began to count
  ipc::HistogramSnapshot histogram;  // ns
  std::uint64_t beyond = 0;          // values above the range, in the last slot
};

// In the order of the path, then by thread. Of processes that live or left their numbers behind;
// consumers only while they live. Histograms without a value are left out.
std::vector<StageRow> collect_stages(const std::string& instance);
// What was counted between two collections; rows without a value in between are left out.
std::vector<StageRow> difference(std::vector<StageRow> later, const std::vector<StageRow>& earlier);

std::string latency_table(const std::vector<StageRow>& rows);
std::string latency_json(const std::string& instance, const std::vector<StageRow>& rows);
// All rows of one stage in one. Empty `stage`: the last of the path that there is.
StageRow merged(const std::vector<StageRow>& rows, std::string_view stage);

// At most six characters: "999ns", "1.23us", "12.3ms", "60.0s".
std::string duration_text(std::uint64_t ns);

}  // namespace ringside::tools
