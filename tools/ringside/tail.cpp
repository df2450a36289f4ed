// ringside tail: records as lines, as they are published.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "tools/ringside/command.hpp"
#include "tools/ringside/consumer.hpp"
#include "tools/ringside/host_clocks.hpp"
#include "tools/ringside/json_text.hpp"
#include "tools/ringside/record_text.hpp"

namespace ringside::tools {
namespace {

struct TailOptions {
  std::string instance;
  std::string json;
  std::string symbol;
  std::string kind;
  std::string from = "key";
  std::uint64_t count = 0;  // 0: no end
  double seconds = 0;       // 0: no end
};

class Tail {
 public:
  explicit Tail(const TailOptions& options);
  int run();

 private:
  [[nodiscard]] static Join join_of(std::string_view from);
  [[nodiscard]] bool wanted(const Record& record, const InstrumentInfo* info) const;
  [[nodiscard]] std::optional<std::string> line_of_step(Step step);
  [[nodiscard]] std::string record_line();
  [[nodiscard]] std::string event_line(std::string_view event, std::string_view detail) const;
  [[nodiscard]] std::string lost_line() const;
  [[nodiscard]] bool show(const std::optional<std::string>& line);
  [[nodiscard]] bool flush();
  void say_why_nothing_comes() const;

  TailOptions options_;
  bool json_;
  std::optional<Kind> kind_;
  std::string instance_;
  Consumer consumer_;
  HostClocks clocks_;
  std::uint64_t records_shown_ = 0;
  std::string unwritten_;
};

Join Tail::join_of(std::string_view from) {
  if (from == "start") return Join::Start;
  return from == "now" ? Join::Tail : Join::NewestKey;
}

Tail::Tail(const TailOptions& options)
    : options_(options),
      json_(!options.json.empty()),
      kind_(kind_named(options.kind)),
      instance_(choose_instance(options.instance)),
      consumer_({instance_, join_of(options.from), false}),
      clocks_(instance_) {
  if (!options.kind.empty() && !kind_) {
    throw CommandError(fmt::format("unknown kind '{}'; there are: {}", options.kind, kind_names()));
  }
  if (json_ && options.json != to_stdout) {
    throw CommandError("tail writes lines to stdout: use --json without a file, and redirect it");
  }
  const auto& known = consumer_.catalogues().all();
  const auto has_symbol = [&](const auto& entry) { return entry.second.symbol == options.symbol; };
  if (!options.symbol.empty() && !known.empty() &&
      std::none_of(known.begin(), known.end(), has_symbol)) {
    throw CommandError(fmt::format("no instrument '{}' in instance '{}'; ringside stat lists them",
                                   options.symbol, instance_));
  }
}

bool Tail::wanted(const Record& record, const InstrumentInfo* info) const {
  if (kind_ && record.kind != *kind_) return false;
  return options_.symbol.empty() || (info != nullptr && info->symbol == options_.symbol);
}

std::string Tail::event_line(std::string_view event, std::string_view detail) const {
  const auto& worker = consumer_.worker();
  if (!json_) return fmt::format("-- {}: {}", worker.name, detail);
  JsonText json;
  json.begin_object().member("kind", event).member("worker", worker.name);
  return json.member("detail", detail).end_object().text();
}

std::string Tail::lost_line() const {
  const auto& worker = consumer_.worker();
  const auto from = worker.reader.lost_from();
  const auto to = worker.reader.lost_to();
  if (!json_) {
    return fmt::format("-- {}: lost [{}, {}): {} slots were overwritten before they were read",
                       worker.name, from, to, to - from);
  }
  JsonText json;
  json.begin_object().member("kind", "lost").member("worker", worker.name);
  return json.member("from", from).member("to", to).end_object().text();
}

std::string Tail::record_line() {
  const Record& record = consumer_.buffer().record;
  RecordContext context;
  context.info = consumer_.info(record.id());
  context.worker = consumer_.worker().name;
  context.terms = consumer_.terms_of(record);
  context.receive = clocks_.utc_of(
      context.info != nullptr ? context.info->collector : std::string(), Ticks{record.receive_tsc});
  return json_ ? json_of(consumer_.buffer(), context) : line_of(consumer_.buffer(), context);
}

std::optional<std::string> Tail::line_of_step(Step step) {
  switch (step) {
    case Step::Idle:
      return std::nullopt;
    case Step::Record: {
      const Record& record = consumer_.buffer().record;
      if (!wanted(record, consumer_.info(record.id()))) return std::nullopt;
      ++records_shown_;
      return record_line();
    }
    case Step::Lost:
      return lost_line();
    case Step::Joined:
      return event_line("joined", fmt::format("reading generation {}",
                                              consumer_.worker().segment->geometry().generation));
    case Step::WriterGone:
      return event_line("writer_gone", fmt::format("the worker is {}; waiting for it to come back",
                                                   name_of(consumer_.worker().liveness)));
    case Step::Corrupt:
      return event_line("corrupt", "the ring holds what no worker writes; not read any further");
  }
  return std::nullopt;
}

void Tail::say_why_nothing_comes() const {
  std::string why = "no worker has published anything yet; waiting";
  for (const auto& worker : consumer_.workers()) {
    if (!worker->problem.empty()) why = worker->problem;
  }
  fmt::print(stderr, "ringside: {}\n", why);
}

bool Tail::show(const std::optional<std::string>& line) {
  constexpr std::size_t unwritten_max = std::size_t{1} << 16;
  if (!line) return true;
  unwritten_ += *line;
  unwritten_ += '\n';
  return unwritten_.size() < unwritten_max || flush();
}

bool Tail::flush() {
  const bool written = unwritten_.empty() || print(unwritten_);
  unwritten_.clear();
  return written;
}

int Tail::run() {
  stop_on_signals();
  IdleLadder ladder;
  const auto rate = ipc::TickRate::of_host();
  const auto start = ipc::now_ticks();
  constexpr std::uint64_t patience_ns = 1'000'000'000;
  bool told = false;
  bool read = true;  // somebody reads what we write
  while (read && !stop_asked()) {
    const auto now = ipc::now_ticks();
    const auto elapsed_ns = rate.ns_between(start, now);
    if (options_.seconds > 0 && static_cast<double>(elapsed_ns) >= options_.seconds * 1e9) break;
    const auto step = consumer_.poll(now);
    if (step == Step::Idle) {
      read = flush();
      if (!told && elapsed_ns > patience_ns && consumer_.workers().empty()) {
        say_why_nothing_comes();
        told = true;
      }
      ladder.pause();
      continue;
    }
    ladder.busy();
    read = show(line_of_step(step));
    if (options_.count > 0 && records_shown_ >= options_.count) break;
  }
  static_cast<void>(flush());
  return exit_good;
}

}  // namespace

void declare_tail(CLI::App& app, Action& action) {
  auto* const command = app.add_subcommand("tail", "records as lines, as they are published");
  const auto options = std::make_shared<TailOptions>();
  add_instance_option(*command, options->instance);
  add_json_option(*command, options->json);
  command->add_option("--count", options->count, "end after so many records; 0: no end");
  command->add_option("--seconds", options->seconds, "end after so long; 0: no end")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--instrument", options->symbol, "only this symbol, as the venue spells it")
      ->type_name("SYMBOL");
  command->add_option("--kind", options->kind, "only this kind: " + kind_names());
  command
      ->add_option("--from", options->from,
                   "key: newest state and best levels first; now: only what comes; start: as far "
                   "back as the ring holds")
      ->check(CLI::IsMember({"key", "now", "start"}));
  command->callback([options, &action] { action = [options] { return Tail(*options).run(); }; });
}

}  // namespace ringside::tools
