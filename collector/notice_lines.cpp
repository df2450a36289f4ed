#include "collector/notice_lines.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::collector {
namespace {

constexpr std::uint32_t never_opened = ~std::uint32_t{0};

std::string_view remedy_of(net::CloseReason reason) {
  switch (reason) {
    case net::CloseReason::ResolveFailed:
    case net::CloseReason::ResolveTimeout:
      return "; check the host name and this host's resolver";
    case net::CloseReason::ConnectFailed:
    case net::CloseReason::ConnectTimeout:
      return "; check the address and port, and that a server listens there";
    case net::CloseReason::TlsCertificateExpired:
    case net::CloseReason::TlsCertificateSelfSigned:
    case net::CloseReason::TlsCertificateUntrusted:
    case net::CloseReason::TlsCertificateWrongHost:
    case net::CloseReason::TlsCertificateRefused:
      return "; check tls_ca, the host name and this host's date";
    case net::CloseReason::TlsHandshakeFailed:
      return "; check that the port speaks TLS, else use ws:// (http://)";
    case net::CloseReason::UpgradeRedirected:
    case net::CloseReason::UpgradeForbidden:
    case net::CloseReason::UpgradeRefused:
    case net::CloseReason::UpgradeInvalid:
      return "; check the path of the websocket address";
    default:
      return "";
  }
}

std::string what_happened(const Notice& notice) {
  const std::string_view detail = notice.detail.data();
  if (notice.reason == net::CloseReason::None) return std::string(detail);
  return fmt::format("{}{}{}{}", net::name_of(notice.reason), detail.empty() ? "" : ": ", detail,
                     remedy_of(notice.reason));
}

// "connecting 0.4 ms, tls_handshake 3.1 ms": what the connection went through so far, but for
// states that took no time, and its end.
std::string steps_of(const Notice& notice) {
  constexpr std::int64_t ns_per_s = 1'000'000'000;
  std::string steps;
  for (std::size_t i = 0; i <= static_cast<std::size_t>(net::ConnectionState::Ending); ++i) {
    const auto spent_ns = notice.spent_ns[i];
    if (spent_ns <= 0) continue;
    const bool in_seconds = spent_ns >= 10 * ns_per_s;
    steps += fmt::format("{}{} {:.1f} {}", steps.empty() ? "" : ", ",
                         net::name_of(static_cast<net::ConnectionState>(i)),
                         static_cast<double>(spent_ns) / (in_seconds ? 1e9 : 1e6),
                         in_seconds ? "s" : "ms");
  }
  return steps;
}

bool is_power_of_ten(std::uint64_t number) {
  while (number >= 10 && number % 10 == 0) number /= 10;
  return number == 1;
}

}  // namespace

const VenueConfig* NoticeLines::venue_at(int line) const {
  const auto found = std::find_if(config_.venues.begin(), config_.venues.end(),
                                  [&](const VenueConfig& venue) { return venue.line == line; });
  return found == config_.venues.end() ? nullptr : &*found;
}

void NoticeLines::take(const Notice& notice) {
  const auto* const venue = venue_at(notice.line);
  if (venue == nullptr) return;
  switch (notice.what) {
    case Notice::What::Opened: {
      const auto steps = steps_of(notice);
      lines_.push_back(fmt::format("{} connection {} is open{}", venue->name, notice.connection,
                                   steps.empty() ? "" : " (" + steps + ")"));
      opened_[{notice.line, notice.connection}] = true;
      closes_.erase({notice.line, notice.connection});
      return;
    }
    case Notice::What::Closed:
      return take_close(notice, *venue);
    case Notice::What::RequestFailed:
      lines_.push_back(fmt::format("{} requests to {}: {}; retrying", venue->name, venue->rest,
                                   what_happened(notice)));
      return;
    case Notice::What::InstrumentFailed:
      const auto symbol = symbols_.find(notice.instrument.value);
      failed_[{notice.line, notice.cause}].push_back(symbol == symbols_.end() ? "?"
                                                                              : symbol->second);
      return;
  }
}

void NoticeLines::take_close(const Notice& notice, const VenueConfig& venue) {
  const bool opened = opened_.contains({notice.line, notice.connection});
  auto& last = closes_[{notice.line, opened ? notice.connection : never_opened}];
  last.times = last.reason == notice.reason ? last.times + 1 : 1;
  last.reason = notice.reason;
  if (!is_power_of_ten(last.times)) return;
  const auto steps = steps_of(notice);
  lines_.push_back(
      fmt::format("{} connection {} to {}: {}{}; retrying{}", venue.name, notice.connection,
                  venue.websocket, what_happened(notice), steps.empty() ? "" : "; after " + steps,
                  last.times == 1 ? "" : fmt::format(" ({} times in a row now)", last.times)));
}

std::string NoticeLines::failed_line(const VenueConfig& venue, Cause cause,
                                     const std::vector<std::string>& symbols) const {
  std::string named;
  for (std::size_t i = 0; i < std::min(symbols.size(), failed_named_max); ++i) {
    named += fmt::format("{}'{}'", i == 0 ? "" : ", ", symbols[i]);
  }
  if (symbols.size() > failed_named_max) {
    named += fmt::format(" and {} more", symbols.size() - failed_named_max);
  }
  const auto where = venue.line > 0 ? fmt::format("{}:{}", config_.deployment.file, venue.line)
                                    : std::string("added while it ran");
  if (cause == Cause::UnknownSymbol) {
    return fmt::format("{} does not list {}; use the venue's own spelling in instruments ({})",
                       venue.name, named, where);
  }
  if (cause == Cause::SubscriptionRefused) {
    return fmt::format("{} refuses the subscription of {}; check spelling, channels and depth ({})",
                       venue.name, named, where);
  }
  if (cause == Cause::Delisted) {
    return fmt::format("{} lists {} no more; subscribed again should it come back ({})", venue.name,
                       named, where);
  }
  return fmt::format("{} {} failed: {}; tried again from time to time; see ringside stat",
                     venue.name, named, name_of(cause));
}

std::vector<std::string> NoticeLines::lines() {
  for (const auto& [place, symbols] : failed_) {
    lines_.push_back(failed_line(*venue_at(place.first), place.second, symbols));
  }
  failed_.clear();
  return std::exchange(lines_, {});
}

}  // namespace ringside::collector
