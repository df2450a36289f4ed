// ringside top: the newest top of book of every instrument, painted over in place. Beside that it
// is an ordinary consumer of the broadcast rings, and measures what an ordinary consumer gets.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "ipc/clock.hpp"
#include "ipc/telemetry.hpp"
#include "tools/ringside/book_tables.hpp"
#include "tools/ringside/command.hpp"
#include "tools/ringside/consumer.hpp"
#include "tools/ringside/latency_report.hpp"
#include "tools/ringside/screen.hpp"
#include "tools/ringside/top_view.hpp"

namespace ringside::tools {
namespace {

constexpr std::uint64_t terminal_period_ns = 250'000'000;
constexpr std::uint64_t plain_period_ns = 1'000'000'000;

struct TopOptions {
  std::string instance;
  double seconds = 0;  // 0: until stopped
  bool once = false;
  bool latency = false;
  unsigned levels = 1;
};

// Stages that end at a consumer, in a telemetry segment of this process; removed with it.
class ConsumerTelemetry {
 public:
  explicit ConsumerTelemetry(const std::string& instance) {
    const auto process = fmt::format("top-{}", ::getpid());
    // One that was killed could not remove its own, and no other process has that name again.
    for (const auto& name : ipc::list_segments(instance)) {
      if (name.starts_with("telemetry.top-")) ipc::remove_dead_segment(instance, name);
    }
    const ipc::TelemetrySpec spec{instance, process, "consumer", {}, 2};
    try {
      telemetry_ = std::make_unique<ipc::Telemetry>(spec);
    } catch (const std::system_error& error) {
      // A reader of another user may look but not create: then nobody else sees what it measures.
      problem_ = fmt::format("measures for itself only: {}", error.what());
      telemetry_.reset(new ipc::Telemetry(ipc::Telemetry::in_memory(spec)));
    }
    hop_ = &telemetry_->histogram(ipc::stage::broadcast_hop, process);
    whole_ = &telemetry_->histogram(ipc::stage::socket_to_consumer, process);
    lost_ = telemetry_->counter("lost");
  }

  // Of a record that has just been read.
  void record(const Record& record, Ticks now) {
    const auto& rate = telemetry_->rate();
    const Ticks received{record.receive_tsc};
    whole_->record(rate.ns_between(received, now));
    constexpr auto saturated = ~std::uint32_t{0};
    if (record.publish_delta == saturated) return;
    hop_->record(rate.ns_between(Ticks{record.receive_tsc + record.publish_delta}, now));
  }
  void lost() { lost_.add(); }
  void on_tick(Ticks now) { telemetry_->on_tick(now); }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  std::unique_ptr<ipc::Telemetry> telemetry_;
  ipc::Histogram* hop_ = nullptr;
  ipc::Histogram* whole_ = nullptr;
  ipc::Counter lost_;
  std::string problem_;
};

// What was just read from a socket; the rest are states and help for late joiners.
bool is_data(Kind kind) {
  return kind == Kind::Trade || kind == Kind::Level || kind == Kind::Levels || kind == Kind::Bbo;
}

class Top {
 public:
  explicit Top(const TopOptions& options);
  int run();

 private:
  struct Heard {
    std::uint64_t updates = 0;  // whole messages of its book
    std::uint64_t updates_shown = 0;
    Ticks newest;
  };

  bool consume(Ticks now);
  [[nodiscard]] std::vector<TopRow> collect(Ticks now);
  [[nodiscard]] bool paint(Ticks now);
  void heartbeat(Ticks now);

  TopOptions options_;
  std::string instance_;
  ipc::TickRate rate_;
  Consumer consumer_;
  CatalogueIndex catalogues_;
  BookTables tables_;
  ConsumerTelemetry telemetry_;
  Screen screen_;
  std::unordered_map<std::uint32_t, Heard> heard_;
  std::uint64_t period_ticks_;
  std::uint64_t heartbeat_ticks_;
  Ticks next_heartbeat_;
  Ticks painted_;
};

Top::Top(const TopOptions& options)
    : options_(options),
      instance_(choose_instance(options.instance)),
      rate_(ipc::TickRate::of_host()),
      consumer_({instance_, Join::Tail, false}),
      catalogues_(instance_),
      tables_(instance_),
      telemetry_(instance_),
      screen_(!options.once),
      period_ticks_(rate_.ticks(screen_.is_terminal() ? terminal_period_ns : plain_period_ns)),
      heartbeat_ticks_(rate_.ticks(ipc::heartbeat_period_ns)) {
  if (!telemetry_.problem().empty()) fmt::print(stderr, "ringside: {}\n", telemetry_.problem());
}

// False: there was nothing to read.
bool Top::consume(Ticks now) {
  const auto step = consumer_.poll(now);
  if (step == Step::Lost) telemetry_.lost();
  if (step != Step::Record) return step != Step::Idle;
  const Record& record = consumer_.buffer().record;
  if (!is_data(record.kind)) return true;
  telemetry_.record(record, ipc::now_ticks());
  auto& heard = heard_[record.instrument];
  heard.newest = Ticks{record.receive_tsc};
  const bool book = record.kind == Kind::Level || record.kind == Kind::Levels;
  if (book && record.last()) ++heard.updates;
  return true;
}

std::vector<TopRow> Top::collect(Ticks now) {
  tables_.refresh(now);
  catalogues_.refresh();
  const auto period_ns = painted_.value == 0 ? 0 : rate_.ns_between(painted_, now);
  std::vector<TopRow> rows;
  for (const auto& [id, info] : catalogues_.all()) {
    TopRow row;
    row.info = info;
    row.status = tables_.read(id, row.view, now, std::max(options_.levels, 1U));
    auto& heard = heard_[id.value];
    if (period_ns > 0) {
      row.updates_per_second = static_cast<double>(heard.updates - heard.updates_shown) * 1e9 /
                               static_cast<double>(period_ns);
    }
    heard.updates_shown = heard.updates;
    const auto newest = std::max(heard.newest, row.view.receive);
    if (newest.value != 0) row.age_ns = rate_.ns_between(newest, now);
    rows.push_back(std::move(row));
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const TopRow& a, const TopRow& b) { return a.info.venue < b.info.venue; });
  painted_ = now;
  return rows;
}

bool Top::paint(Ticks now) {
  const auto rows = collect(now);
  std::vector<std::string> lines;
  if (rows.empty()) {
    lines.push_back(
        fmt::format("instance {}: no instrument yet; waiting for a collector", instance_));
  } else if (screen_.is_terminal()) {
    const auto [columns, height] = screen_.size();
    // The line below the last stays free for the cursor.
    lines = frame_of(rows, {columns, height - 1, options_.levels});
  } else {
    lines = plain_lines(rows, options_.levels);
  }
  return screen_.show(lines);
}

void Top::heartbeat(Ticks now) {
  if (now < next_heartbeat_) return;
  next_heartbeat_ = Ticks{now.value + heartbeat_ticks_};
  telemetry_.on_tick(now);
}

int Top::run() {
  stop_on_signals();
  const auto start = ipc::now_ticks();
  IdleLadder ladder;
  Ticks next_paint = start;
  bool read = true;  // somebody looks
  while (read && !stop_asked()) {
    const auto now = ipc::now_ticks();
    const auto elapsed = static_cast<double>(rate_.ns_between(start, now));
    if (options_.seconds > 0 && elapsed >= options_.seconds * 1e9) break;
    heartbeat(now);
    if (now >= next_paint) {
      read = paint(now);
      if (options_.once) break;
      next_paint = Ticks{now.value + period_ticks_};
    }
    if (consume(now)) {
      ladder.busy();
    } else {
      ladder.pause();
    }
  }
  // While our own segment is still there.
  if (read && options_.latency) {
    static_cast<void>(print("\n" + latency_table(collect_stages(instance_))));
  }
  return exit_good;
}

}  // namespace

void declare_top(CLI::App& app, Action& action) {
  auto* const command = app.add_subcommand("top", "the newest top of book of every instrument");
  const auto options = std::make_shared<TopOptions>();
  add_instance_option(*command, options->instance);
  command->add_option("--seconds", options->seconds, "end after so long; 0: when stopped")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--once", options->once, "one look, then end");
  command->add_flag("--latency", options->latency, "at the end the report of ringside latency");
  command->add_option("--levels", options->levels, "levels a side, 1 to 25; default 1")
      ->check(CLI::Range(1U, ipc::book_levels_max));
  command->callback([options, &action] { action = [options] { return Top(*options).run(); }; });
}

}  // namespace ringside::tools
