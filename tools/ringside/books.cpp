// ringside books, ringside follow: whole books as a consumer sees them, kept from the broadcast
// ring.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <string>

#include "tools/ringside/book_text.hpp"
#include "tools/ringside/command.hpp"
#include "tools/ringside/consumer.hpp"
#include "tools/ringside/json_text.hpp"
#include "tools/ringside/sha256.hpp"

namespace ringside::tools {
namespace {

struct BooksOptions {
  std::string instance;
  std::string json;
  std::string dump;
  std::string venue;
  std::size_t live_count = 0;  // 0: all of them
  double seconds = 10;
};

struct FollowOptions {
  std::string instance;
  std::string points;
  double seconds = 0;  // 0: no end
};

bool over(const ipc::TickRate& rate, Ticks start, double seconds) {
  return static_cast<double>(rate.ns_between(start, ipc::now_ticks())) >= seconds * 1e9;
}

// In byte order of what they are called.
std::map<std::string, const InstrumentInfo*> instruments_of(const Consumer& consumer,
                                                            const std::string& venue) {
  std::map<std::string, const InstrumentInfo*> chosen;
  const auto& catalogues = consumer.catalogues();
  for (const auto& [id, info] : catalogues.all()) {
    if (!venue.empty() && info.venue != venue) continue;
    chosen[venue.empty() ? catalogues.label_of(info) : info.symbol] = &info;
  }
  return chosen;
}

// Whole, and nothing is missing since its snapshot: what may be shown.
bool is_continuous(const FullBook* book) {
  return book != nullptr && book->valid() && book->has_state() && book->state() > State::Syncing;
}

bool is_good(const FullBook* book) { return is_continuous(book) && book->state() == State::Live; }

std::size_t good_count(const Consumer& consumer, const std::string& venue) {
  std::size_t count = 0;
  for (const auto& [name, info] : instruments_of(consumer, venue)) {
    if (is_good(consumer.book(info->id))) ++count;
  }
  return count;
}

// Reads until it has caught up with the writers and enough books are whole and live.
void read_books(Consumer& consumer, const BooksOptions& options) {
  const auto rate = ipc::TickRate::of_host();
  const auto start = ipc::now_ticks();
  IdleLadder ladder;
  while (!stop_asked() && !over(rate, start, options.seconds)) {
    if (consumer.poll(ipc::now_ticks()) != Step::Idle) {
      ladder.busy();
      continue;
    }
    const auto all = instruments_of(consumer, options.venue).size();
    const auto wanted = options.live_count == 0 ? all : options.live_count;
    if (all > 0 && good_count(consumer, options.venue) >= wanted) return;
    ladder.pause();
  }
}

std::string books_json(const Consumer& consumer, const BooksOptions& options,
                       const std::string& whole_dump) {
  JsonText json;
  json.begin_object().key("books").begin_object();
  for (const auto& [name, info] : instruments_of(consumer, options.venue)) {
    const auto* const book = consumer.book(info->id);
    json.key(name).begin_object().member("venue", info->venue);
    const bool heard = book != nullptr && book->has_state();
    json.member("state", heard ? name_of(book->state()) : "unknown");
    json.key("sha256");
    if (is_continuous(book)) {
      std::string part;
      append_dump(part, name, book->book(), book->terms());
      json.value(sha256_of(part)).member("epoch", book->epoch());
      json.member("bids", book->book().count(Side::Bid));
      json.member("asks", book->book().count(Side::Ask));
    } else {
      json.null();
    }
    json.end_object();
  }
  json.end_object().member("books_sha256", sha256_of(whole_dump));
  return json.end_object().text() + "\n";
}

int run_books(const BooksOptions& options) {
  stop_on_signals();
  Consumer consumer({choose_instance(options.instance), Join::Start, true});
  read_books(consumer, options);
  std::string dump;
  std::string missing;
  for (const auto& [name, info] : instruments_of(consumer, options.venue)) {
    const auto* const book = consumer.book(info->id);
    if (is_continuous(book)) append_dump(dump, name, book->book(), book->terms());
    if (!is_good(book)) missing += (missing.empty() ? "" : ", ") + name;
  }
  const bool silent = !options.json.empty() && options.dump.empty();
  if (!options.json.empty()) write_output(options.json, books_json(consumer, options, dump));
  if (!silent) write_output(options.dump.empty() ? to_stdout : options.dump, dump);
  const auto all = instruments_of(consumer, options.venue).size();
  const auto wanted = options.live_count == 0 ? all : options.live_count;
  if (all > 0 && good_count(consumer, options.venue) >= wanted) return exit_good;
  fmt::print(stderr, "ringside: not live, or not whole yet: {}\n",
             all == 0 ? std::string("no instrument is known") : missing);
  return exit_check_failed;
}

struct CloseFile {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

// Counts what a follower should know about its own gaps.
struct FollowTotals {
  std::uint64_t points = 0;
  std::uint64_t lost = 0;
};

void write_point(const Consumer& consumer, std::FILE* file) {
  const Record& record = consumer.buffer().record;
  const auto* const info = consumer.info(record.id());
  const auto* const book = consumer.book(record.id());
  if (info == nullptr || book == nullptr) return;
  fmt::print(file, "{} {} {:016x}\n", info->symbol, record.exchange_ns, fingerprint(book->book()));
}

int run_follow(const FollowOptions& options) {
  stop_on_signals();
  Consumer consumer({choose_instance(options.instance), Join::NewestKey, true});
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(options.points.c_str(), "we"));
  if (file == nullptr) {
    throw CommandError(fmt::format("cannot write '{}': {}", options.points, std::strerror(errno)));
  }
  const auto rate = ipc::TickRate::of_host();
  const auto start = ipc::now_ticks();
  FollowTotals totals;
  IdleLadder ladder;
  while (!stop_asked() && (options.seconds <= 0 || !over(rate, start, options.seconds))) {
    const auto step = consumer.poll(ipc::now_ticks());
    if (step == Step::Idle) {
      ladder.pause();
      continue;
    }
    ladder.busy();
    if (step == Step::Lost) ++totals.lost;
    // Snapshots are left out: those for late joiners are no message of the venue.
    if (step != Step::Record || consumer.book_step() != BookStep::Update) continue;
    if ((consumer.buffer().record.flags & flag_no_exchange_time) != 0) continue;
    write_point(consumer, file.get());
    ++totals.points;
  }
  if (std::fflush(file.get()) != 0 || std::ferror(file.get()) != 0) {
    throw CommandError(fmt::format("cannot write '{}': {}", options.points, std::strerror(errno)));
  }
  fmt::print("{} points; lost records {} times\n", totals.points, totals.lost);
  return exit_good;
}

}  // namespace

void declare_books(CLI::App& app, Action& action) {
  auto* const command = app.add_subcommand(
      "books", "every whole book, canonical; exit 1 when not all are whole and live in time");
  const auto options = std::make_shared<BooksOptions>();
  add_instance_option(*command, options->instance);
  add_json_option(*command, options->json);
  command->add_option("--dump", options->dump, "where the books go; default: stdout")
      ->type_name("FILE");
  command->add_option("--venue", options->venue, "only this venue's")->type_name("VENUE");
  command
      ->add_option("--wait-live", options->live_count,
                   "wait until so many are whole and live; default: all of them")
      ->type_name("N");
  command->add_option("--seconds", options->seconds, "wait at most so long; default 10")
      ->check(CLI::PositiveNumber);
  command->callback([options, &action] { action = [options] { return run_books(*options); }; });
}

void declare_follow(CLI::App& app, Action& action) {
  auto* const command = app.add_subcommand(
      "follow", "a fingerprint of the whole book after each of the venue's messages");
  const auto options = std::make_shared<FollowOptions>();
  add_instance_option(*command, options->instance);
  command
      ->add_option("--truth-points", options->points,
                   "lines \"<symbol> <exchange_ns> <fnv1a-64>\", for comparison with those of "
                   "ringside-exchange --truth")
      ->required()
      ->type_name("FILE");
  command->add_option("--seconds", options->seconds, "end after so long; 0: no end")
      ->check(CLI::NonNegativeNumber);
  command->callback([options, &action] { action = [options] { return run_follow(*options); }; });
}

}  // namespace ringside::tools
