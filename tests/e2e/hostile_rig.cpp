#include "tests/e2e/hostile_rig.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "net/url.hpp"
#include "tests/e2e/live_view.hpp"

namespace ringside::e2e {
namespace {

using Clock = std::chrono::steady_clock;
constexpr milliseconds look_again{5};

std::string with_port(const std::string& text, std::uint16_t port) {
  const auto url = net::parse_url(text);
  const std::string scheme = text.substr(0, text.find("://") + 3);
  return scheme + "127.0.0.1:" + std::to_string(port) + (url.target == "/" ? "" : url.target);
}

SystemOptions system_options(const RigOptions& rig,
                             std::function<std::string(const Endpoints&)> tables) {
  SystemOptions options;
  options.exchange = {"--generate", rig.spec, "--seed", "7"};
  options.exchange.insert(options.exchange.end(), rig.exchange.begin(), rig.exchange.end());
  options.tls = rig.tls;
  options.venue_tables = std::move(tables);
  return options;
}

}  // namespace

HostileRig::HostileRig(RigOptions options)
    : system(system_options(options, [this](const Endpoints& e) { return tables(e); })),
      options_(std::move(options)) {
  system.start();
  ::setenv("RINGSIDE_SHM_ROOT", system.scratch.shm_root().c_str(), 1);
  attach();
  EXPECT_TRUE(becomes([&] { return live(options_.misled) && live(options_.bystander); }));
  bystander_epoch_ = book(options_.bystander).epoch;
}

HostileRig::~HostileRig() { ::unsetenv("RINGSIDE_SHM_ROOT"); }

std::string HostileRig::tables(const Endpoints& endpoints) {
  const bool has_rest = options_.venue.starts_with("binance");
  feed = std::make_unique<HostileServer>(net::parse_url(endpoints.websocket).port, !options_.tls);
  if (has_rest) rest = std::make_unique<HostileServer>(net::parse_url(endpoints.rest).port, false);
  auto ca = endpoints.ca;
  if (!options_.more_ca.empty()) {
    ca = system.scratch.write("both-ca.pem", read_text(endpoints.ca) + options_.more_ca);
  }
  const auto table = [&](const std::string& websocket, const std::string& rest_url,
                         const std::string& symbol) {
    return "[[venue]]\nname = \"" + options_.venue + "\"\nwebsocket = \"" + websocket + "\"\n" +
           (has_rest ? "rest = \"" + rest_url + "\"\n" : "depth = 10\n") + "tls_ca = \"" + ca +
           "\"\ninstruments = [\"" + symbol + "\"]\n" + options_.keys;
  };
  return table(with_port(endpoints.websocket, feed->port()),
               has_rest ? with_port(endpoints.rest, rest->port()) : "", options_.misled) +
         table(endpoints.websocket, endpoints.rest, options_.bystander);
}

void HostileRig::attach() {
  const auto map = [&](const std::string& name, ipc::SegmentKind kind, ipc::Segment& segment) {
    ASSERT_TRUE(becomes([&] {
      return ipc::is_attached(ipc::attach_segment("test", name, kind, segment));
    })) << name;
  };
  map("telemetry.c0", ipc::SegmentKind::Telemetry, telemetry_segment_);
  map("catalogue.c0", ipc::SegmentKind::Catalogue, catalogue_segment_);
  map("books.w0.0", ipc::SegmentKind::BookTable, books_segment_);
  telemetry_.emplace(telemetry_segment_);
  catalogue_.emplace(catalogue_segment_);
  books_.emplace(books_segment_);
}

HostileRig::Book HostileRig::book(const std::string& symbol) {
  ipc::CatalogueEntry entry{};
  ipc::BookView view;
  if (!catalogue_->find(options_.venue, symbol, entry)) return {};
  const auto index = books_->index_of(InstrumentId{entry.instrument});
  if (!index || books_->read(*index, view) != ipc::ReadStatus::Ok) return {};
  return {view.state, view.epoch};
}

std::uint64_t HostileRig::counter(const std::string& name) const {
  const auto full = "c0.0." + options_.venue + "." + name;
  for (const auto& reading : telemetry_->counters()) {
    if (reading.name == full) return reading.value;
  }
  return 0;
}

// Live, or at worst without news for a moment on a busy machine; never a new snapshot.
void HostileRig::look_at_bystander() {
  const auto seen = book(options_.bystander);
  EXPECT_TRUE(seen.state == State::Live || seen.state == State::Stale) << name_of(seen.state);
  EXPECT_EQ(seen.epoch, bystander_epoch_);
}

bool HostileRig::becomes(const std::function<bool()>& question) {
  const auto until = Clock::now() + settle_deadline;
  while (!question()) {
    if (Clock::now() > until) return false;
    (void)system.collector->line(look_again);
  }
  return true;
}

void HostileRig::meet(const HostileRow& row) {
  SCOPED_TRACE(row.name);
  std::map<std::string, std::uint64_t> before;
  for (const auto& name : row.counted) before[name] = counter(name);
  const auto epoch = book(options_.misled).epoch;
  feed->break_next(row.fault);
  await_all(row, before, epoch);
}

void HostileRig::meet_over_rest(const HostileRow& row) {
  SCOPED_TRACE(row.name);
  std::map<std::string, std::uint64_t> before;
  for (const auto& name : row.counted) before[name] = counter(name);
  const auto epoch = book(options_.misled).epoch;
  rest->break_next(row.fault);
  feed->break_next({When::NextConnection, [](Wire& wire) { wire.reset(); }});
  await_all(row, before, epoch);
}

void HostileRig::await_all(const HostileRow& row,
                           const std::map<std::string, std::uint64_t>& before,
                           std::uint32_t epoch) {
  const auto begun = Clock::now();
  const auto counted = [&] {
    look_at_bystander();
    return std::all_of(before.begin(), before.end(),
                       [&](const auto& entry) { return counter(entry.first) > entry.second; });
  };
  if (!becomes(counted)) {
    std::string missing;
    for (const auto& [name, value] : before) {
      if (counter(name) == value) missing += " " + name;
    }
    ADD_FAILURE() << "not counted:" << missing << "\n"
                  << read_text(system.scratch.path("c0.log")).substr(0, 4000);
    return;
  }
  EXPECT_TRUE(becomes([&] {
    look_at_bystander();
    const auto now = book(options_.misled);
    return now.state == State::Live && (row.book_survives || now.epoch != epoch);
  })) << "does not come back";
  EXPECT_GE(Clock::now() - begun, row.recovers_after) << "sooner than the venue allows";
  EXPECT_EQ(book(options_.misled).epoch == epoch, row.book_survives);
  EXPECT_TRUE(feed->used_up() && (!rest || rest->used_up()));
}

void HostileRig::stop() {
  look_at_bystander();
  const auto of_bystander = "c0.0." + options_.venue + "-1.";
  for (const auto& reading : telemetry_->counters()) {
    const bool opened = reading.name == of_bystander + "connections_opened";
    const bool broken = reading.name.starts_with(of_bystander + "closed_");
    if (opened || broken) {
      EXPECT_EQ(reading.value, opened ? 1U : 0U) << reading.name;
    }
  }
  system.stop();
  EXPECT_EQ(system.scratch.segments_left(), std::vector<std::string>{});
}

}  // namespace ringside::e2e
