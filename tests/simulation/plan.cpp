#include "tests/simulation/plan.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace ringside::simulation {
namespace {

constexpr std::int64_t ms = 1'000'000;
constexpr std::array<std::string_view, fault_kinds> names{"drop",
                                                          "duplicate",
                                                          "reorder",
                                                          "corrupt",
                                                          "mute",
                                                          "lag",
                                                          "cut_at_snapshot",
                                                          "reset",
                                                          "close_frame",
                                                          "stall",
                                                          "restart",
                                                          "blackhole",
                                                          "retry_after",
                                                          "send_full",
                                                          "refuse",
                                                          "rest_late",
                                                          "rest_stale",
                                                          "rest_wrong_symbol",
                                                          "rest_too_fast",
                                                          "rest_error",
                                                          "rest_lost",
                                                          "rest_garbage",
                                                          "oracle_zero",
                                                          "worker_hang",
                                                          "worker_restart",
                                                          "collector_hang",
                                                          "collector_restart",
                                                          "control_full",
                                                          "clock_step"};

using enum FaultKind;
constexpr std::array of_frames{Drop, Drop, Duplicate, Reorder, Mute, Lag, CutAtSnapshot};
constexpr std::array of_connections{Reset,     CloseFrame, Stall,   Restart,
                                    Blackhole, RetryAfter, SendFull};
constexpr std::array of_rest{RestLate,  RestStale, RestWrongSymbol, RestTooFast,
                             RestError, RestLost,  RestGarbage};
constexpr std::array of_ours{WorkerHang,       WorkerHang,  WorkerRestart, CollectorHang,
                             CollectorRestart, ControlFull, ClockStep};

FaultKind any_of(std::span<const FaultKind> kinds, Random& random) {
  return kinds[random.below(kinds.size())];
}

// Between the two, small ones as often as large ones.
std::int64_t spread(Random& random, std::int64_t least, std::int64_t most) {
  std::int64_t doublings = 0;
  while (least << (doublings + 1) <= most) ++doublings;
  const auto base = least << random.below(static_cast<std::uint64_t>(doublings) + 1);
  return std::min(most,
                  base + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(base))));
}

std::int64_t duration_of(FaultKind kind, Random& random) {
  switch (kind) {
    case Reorder:
      return spread(random, 20'000, 400 * ms);
    case Lag:
      return spread(random, 10 * ms, 2'000 * ms);
    case RestLate:
      return spread(random, 50 * ms, 14'000 * ms);
    case WorkerHang:
    case CollectorHang:
      return spread(random, 5 * ms, 2'500 * ms);
    case WorkerRestart:
    case CollectorRestart:
    case ControlFull:
      return spread(random, 5 * ms, 800 * ms);
    case ClockStep:
      return spread(random, 100 * ms, 90'000 * ms);
    default:
      return spread(random, 50 * ms, 2'000 * ms);
  }
}

// Of Binance a damaged id shows only against its neighbours': beside a lost or shifted message it
// may show nothing (README). So a run has one or the other.
FaultKind draw(const Plan& plan, bool corrupts, Random& random) {
  const bool kraken = is_kraken(plan.venue);
  for (;;) {
    const auto roll = random.below(100);
    if (roll < 45) {
      if (!corrupts) return any_of(of_frames, random);
      if (!kraken) return Corrupt;
      return random.percent(40) ? Corrupt : any_of(of_frames, random);
    }
    if (roll < 62) return any_of(of_connections, random);
    if (roll < 80) return any_of(of_ours, random);
    if (kraken) {
      if (roll < 85) return Refuse;
      continue;
    }
    const auto kind = any_of(of_rest, random);
    if (corrupts && (kind == RestStale || kind == RestWrongSymbol)) continue;
    return kind;
  }
}

bool has_fault(const Plan& plan, FaultKind kind) {
  return std::any_of(plan.faults.begin(), plan.faults.end(),
                     [kind](const Fault& fault) { return fault.kind == kind; });
}

bool is_rest(FaultKind kind) { return kind >= RestLate && kind <= RestGarbage; }

void draw_faults(Plan& plan, Random& random) {
  const auto count = random.below(faults_max + 1);
  const bool corrupts = random.percent(30);
  const bool kraken = is_kraken(plan.venue);
  for (std::uint64_t i = 0; i < count && plan.faults.size() < faults_max; ++i) {
    Fault fault;
    fault.at_ns = static_cast<std::int64_t>(
        random.below(static_cast<std::uint64_t>(plan.faulty_ns / 1'000)) * 1'000);
    fault.kind = draw(plan, corrupts, random);
    const auto listing = static_cast<ListingIndex>(random.below(plan.symbols.size()));
    const bool aimed = fault.kind == Corrupt || fault.kind == Mute || is_rest(fault.kind);
    fault.listing = aimed || random.percent(70) ? listing : no_listing;
    fault.count = 1 + static_cast<unsigned>(random.geometric(0.7));
    fault.duration_ns = duration_of(fault.kind, random);
    plan.faults.push_back(fault);
    // What strikes a request needs one: something that costs the book, a moment later.
    if (!is_rest(fault.kind) || kraken || plan.faults.size() == faults_max) continue;
    Fault trigger = fault;
    trigger.kind = corrupts || random.percent(20) ? Reset : Drop;
    trigger.count = 1;
    trigger.at_ns += static_cast<std::int64_t>(random.below(300)) * ms;
    plan.faults.push_back(trigger);
  }
  std::stable_sort(plan.faults.begin(), plan.faults.end(),
                   [](const Fault& a, const Fault& b) { return a.at_ns < b.at_ns; });
  if (!plan.faults.empty()) {
    plan.faulty_ns = std::max(plan.faulty_ns, plan.faults.back().at_ns + 50 * ms);
  }
}

// Some together, some beside a fault, some at any time.
std::vector<std::int64_t> draw_times(const Plan& plan, unsigned most, Random& random) {
  std::vector<std::int64_t> times(1 + random.below(most));
  for (auto& at : times) {
    const auto roll = random.below(100);
    const auto near = static_cast<std::int64_t>(random.below(60'000)) * 1'000;
    if (&at != &times.front() && roll < 45) {
      at = *(&at - 1) + near;
    } else if (!plan.faults.empty() && roll < 75) {
      at = plan.faults[random.below(plan.faults.size())].at_ns - 10 * ms + near;
    } else {
      at = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(plan.faulty_ns)));
    }
    at = std::clamp<std::int64_t>(at, 0, plan.faulty_ns);
  }
  std::sort(times.begin(), times.end());
  return times;
}

// Where the listings stand when the next change is drawn.
struct Standing {
  bool wanted = true;
  bool listed = true;
  bool halted = false;
  bool refined = false;

  Change::What want() {
    wanted = !wanted;
    return wanted ? Change::What::Add : Change::What::Remove;
  }
  Change::What change(bool delists, bool relists, Random& random) {
    const auto roll = random.below(100);
    if (roll < 15 || (!listed && !relists)) return Change::What::Increments;
    if (roll < 30 && !std::exchange(refined, true)) return Change::What::Refine;
    if (!listed || (halted && random.percent(70))) {
      listed = true;
      halted = false;
      return Change::What::List;
    }
    halted = !delists || random.percent(40);
    listed = halted;
    return halted ? Change::What::Halt : Change::What::Delist;
  }
};

// Of Binance a symbol that goes leaves a hole in its ids, and beside a damaged one that may show
// nothing; and one that comes again before somebody has looked may have lost its streams, which
// nothing shows: there they come again in the end only. Of Kraken's version 1 there are no
// metadata.
void draw_changes(Plan& plan, Random& random) {
  plan.unwanted.resize(plan.symbols.size());
  plan.unlisted.resize(plan.symbols.size());
  if (!random.percent(45)) return;
  if (random.percent(25)) plan.faults.clear();
  const bool listings = plan.venue != "kraken-v1" && random.percent(50);
  const bool delists = is_kraken(plan.venue) || !has_fault(plan, Corrupt);
  plan.metadata_ms = 500 + static_cast<std::uint32_t>(random.below(2'500));
  // One of several is left alone, to see that it is.
  const auto alone = plan.symbols.size() > 1 && random.percent(60)
                         ? static_cast<ListingIndex>(random.below(plan.symbols.size()))
                         : no_listing;
  std::vector<Standing> standing(plan.symbols.size());
  for (ListingIndex i = 0; i < standing.size(); ++i) {
    standing[i].wanted = i == alone || random.percent(70);
    standing[i].listed = i == alone || !listings || !delists || random.percent(85);
    plan.unwanted[i] = !standing[i].wanted;
    plan.unlisted[i] = !standing[i].listed;
  }
  for (const auto at : draw_times(plan, changes_max, random)) {
    Change change;
    change.at_ns = at;
    change.listing = static_cast<ListingIndex>(random.below(plan.symbols.size()));
    if (change.listing == alone) change.listing = alone == 0 ? 1 : alone - 1;
    auto& of = standing[change.listing];
    change.what = listings && random.percent(50) ? of.change(delists, is_kraken(plan.venue), random)
                                                 : of.want();
    plan.changes.push_back(change);
  }
}

// One after another comes or goes; in the end there are books again.
void draw_channels(Plan& plan, Random& random) {
  if (!random.percent(30)) return;
  const auto times = draw_times(plan, channel_changes_max, random);
  auto channels = plan.channels;
  for (std::size_t i = 0; i < times.size(); ++i) {
    const auto roll = random.below(100);
    bool& one = roll < 40 ? channels.book : roll < 70 ? channels.trade : channels.bbo;
    one = !one;
    if (!channels.any() || i + 1 == times.size()) channels.book = true;
    plan.changes.push_back({times[i], Change::What::Channels, 0, channels});
  }
  std::stable_sort(plan.changes.begin(), plan.changes.end(),
                   [](const Change& a, const Change& b) { return a.at_ns < b.at_ns; });
}

}  // namespace

std::string_view name_of(FaultKind kind) { return names[static_cast<unsigned>(kind)]; }

std::string_view name_of(Change::What what) {
  static constexpr std::array<std::string_view, 8> words{
      "add", "remove", "channels", "list", "delist", "halt", "increments", "refine"};
  return words[static_cast<unsigned>(what)];
}

bool Plan::listings_change() const {
  return std::any_of(changes.begin(), changes.end(),
                     [](const Change& change) { return change.of_the_exchange(); }) ||
         std::find(unlisted.begin(), unlisted.end(), true) != unlisted.end();
}

bool Plan::is_left_alone(ListingIndex listing) const {
  return !unwanted[listing] && !unlisted[listing] &&
         std::none_of(changes.begin(), changes.end(), [listing](const Change& change) {
           if (change.what == Change::What::Channels) return !change.channels.book;
           return change.listing == listing;
         });
}

const std::array<std::string_view, 6>& simulated_venues() {
  static constexpr std::array<std::string_view, 6> venues{
      "kraken", "kraken-v1", "binance", "binance-us", "binance-usdm", "binance-coinm"};
  return venues;
}

bool is_kraken(std::string_view venue) { return venue.starts_with("kraken"); }

Plan make_plan(std::string_view venue, std::uint64_t seed) {
  Random random(seed * 0x9e3779b97f4a7c15U + venue.size() * 1'000'003U +
                static_cast<unsigned char>(venue.back()));
  Plan plan;
  plan.venue = venue;
  plan.seed = seed;
  static constexpr std::array<std::string_view, 3> coins{"BTC", "ETH", "XRP"};
  const auto count = 1 + random.below(coins.size());
  for (std::uint64_t i = 0; i < count; ++i) {
    std::string symbol(venue == "kraken-v1" && i == 0 ? "XBT" : coins[i]);
    symbol += is_kraken(venue) ? "/USD" : venue == "binance-coinm" ? "USD_PERP" : "USDT";
    plan.symbols.push_back(std::move(symbol));
  }
  plan.channels.trade = random.percent(25);
  plan.channels.bbo = random.percent(50);
  plan.sharded = random.percent(25);
  plan.single_layout = random.percent(50);
  plan.ring_slots = std::uint64_t{32} << random.below(4);
  static constexpr std::array<std::int64_t, 4> ticks{2 * ms, 10 * ms, 20 * ms, 50 * ms};
  plan.tick_ns = ticks[random.below(ticks.size())];
  plan.rate = 20 + static_cast<std::uint32_t>(random.below(60));
  plan.lazy_percent = static_cast<unsigned>(random.below(60));
  plan.worker_first = random.percent(50);
  plan.faulty_ns = static_cast<std::int64_t>(1'500 + random.below(2'500)) * ms;
  draw_faults(plan, random);
  draw_changes(plan, random);
  draw_channels(plan, random);
  return plan;
}

}  // namespace ringside::simulation
