#include "tools/ringside/offline_venue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tools/ringside/command.hpp"

namespace ringside::tools {
namespace {

struct Row {
  std::string_view venue;
  OfflineVenue (*make)(std::string_view, const capture::CaptureInput&, const OfflineSinks&);
};
constexpr std::array<Row, 6> rows{{{"kraken", offline_kraken},
                                   {"kraken-v1", offline_kraken},
                                   {"binance", offline_binance},
                                   {"binance-us", offline_binance},
                                   {"binance-usdm", offline_binance},
                                   {"binance-coinm", offline_binance}}};

}  // namespace

std::string offline_venue_names() {
  std::string names;
  for (const auto& row : rows) names.append(names.empty() ? "" : ", ").append(row.venue);
  return names;
}

OfflineVenue make_offline_venue(std::string_view venue, const capture::CaptureInput& capture,
                                const OfflineSinks& sinks) {
  const auto row = std::find_if(rows.begin(), rows.end(),
                                [&](const Row& candidate) { return candidate.venue == venue; });
  if (row == rows.end()) {
    throw CommandError(fmt::format("unknown venue '{}'; captures of these can be verified: {}",
                                   venue, offline_venue_names()));
  }
  auto made = row->make(venue, capture, sinks);
  if (made.instruments.empty()) {
    throw CommandError(fmt::format(
        "'{}' holds no instrument of {}: is it a capture of another venue?", capture.path, venue));
  }
  return made;
}

}  // namespace ringside::tools
