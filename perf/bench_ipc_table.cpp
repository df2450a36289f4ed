// The book table: what a read of the newest value costs, alone and while another process rewrites
// that very entry a million times a second; of ours and of other people's programs. Resident reads:
// a line that the writer has just changed has to cross between the cores first, whatever the
// software. So batches are short enough that most of them hold no update, and what the clock at
// their ends costs is reported, as part of each figure.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "ipc/book_table.hpp"
#include "ipc/check.hpp"
#include "perf/suites.hpp"
#include "perf/two_processes.hpp"
#include "ringside/reader.hpp"

namespace ringside::perf {
namespace {

constexpr unsigned levels = 10;
constexpr unsigned best_batch = 64;
constexpr unsigned depth_batch = 16;
constexpr std::uint64_t write_period_ns = 1'000;
constexpr double least_rate = 0.9e6;  // a second
constexpr std::uint64_t beat_updates = 1'000;

ipc::BookView view_of(std::uint64_t i) {
  ipc::BookView view;
  view.state = State::Live;
  view.updates = i;
  view.epoch = 1;
  view.bid_count = levels;
  view.ask_count = levels;
  const auto base = static_cast<std::int64_t>(i % 1'000'000);
  for (unsigned k = 0; k < levels; ++k) {
    view.bids[k] = {Price{base - k}, Quantity{base + k}};
    view.asks[k] = {Price{base + 1 + k}, Quantity{base + k}};
  }
  return view;
}
Level level_of(const Level& level) { return level; }
Level level_of(const ringside_level& level) { return reader::level_of(level); }

// All that is read belongs to one update.
template <typename Book>
bool is_whole(const Book& book) {
  const auto base = static_cast<std::int64_t>(book.updates % 1'000'000);
  bool same = book.bid_count == levels && book.ask_count == levels;
  for (unsigned k = 0; k < levels; ++k) {
    same &= level_of(book.bids[k]) == Level{Price{base - k}, Quantity{base + k}} &&
            level_of(book.asks[k]) == Level{Price{base + 1 + k}, Quantity{base + k}};
  }
  return same;
}

// The floor of a read: that many bytes of private memory that nobody writes, copied elsewhere.
double copy_ns(std::size_t bytes, unsigned batch, unsigned batches) {
  struct alignas(64) Block {
    std::array<std::byte, 512> bytes;
  };
  static Block from{}, to{};
  return median_call_ticks_ns(batches, batch, [&](unsigned calls, Ticks) {
    for (unsigned i = 0; i < calls; ++i) {
      asm volatile("" : "+r"(bytes));  // the C library's copy, not the compiler's
      std::memcpy(&to, &from, bytes);
      asm volatile("" : : "r"(&from), "r"(&to) : "memory");
    }
  });
}
// What the clock costs: at the ends of a batch, and read for each call.
double clock_ns(unsigned batch, unsigned batches) {
  return median_call_ticks_ns(batches, batch, [](unsigned, Ticks) {});
}
double now_ns(unsigned batches) {
  return median_call_ticks_ns(batches, depth_batch, [](unsigned calls, Ticks begin) {
    for (unsigned i = 0; i < calls; ++i) RINGSIDE_CHECK(ipc::now_ticks() >= begin);
  });
}

struct Control {
  alignas(128) std::atomic<std::uint64_t> started{0};
  alignas(128) std::atomic<std::uint64_t> stop{0};
  std::uint64_t writes = 0, ns = 0;
};

bool is_best(const Level& bid, const Level& ask) {
  return bid.quantity.mantissa == bid.price.mantissa &&
         ask.price.mantissa == bid.price.mantissa + 1;
}

// ns a read, every answer and the last value of every batch checked; retries are part of it. The
// time is the batch's: a strategy that polls has its own.
double best_read_ns(ipc::BookTableReader& reader, unsigned batches) {
  ipc::BestView best;
  bool good = true;
  const double ns = median_call_ticks_ns(batches, best_batch, [&](unsigned calls, Ticks now) {
    for (unsigned i = 0; i < calls; ++i)
      good &= reader.read_best(0, best, now) == ipc::ReadStatus::Ok;
    good &= best.has_bid() && best.has_ask() && is_best(best.bid, best.ask);
  });
  RINGSIDE_CHECK(good);
  return ns;
}
double depth_read_ns(ipc::BookTableReader& reader, unsigned batches) {
  ipc::BookView view;
  bool good = true;
  const double ns = median_call_ticks_ns(batches, depth_batch, [&](unsigned calls, Ticks now) {
    for (unsigned i = 0; i < calls; ++i)
      good &= reader.read(0, view, now, levels) == ipc::ReadStatus::Ok;
    good &= is_whole(view);
  });
  RINGSIDE_CHECK(good);
  return ns;
}

// The same by the reader library.
double library_best_ns(reader::Books& books, unsigned batches) {
  reader::Best best;
  bool good = true;
  const double ns = median_call_ticks_ns(batches, best_batch, [&](unsigned calls, Ticks now) {
    for (unsigned i = 0; i < calls; ++i) good &= books.best(0, now, best) == reader::Status::Ok;
    good &= best.has_bid() && best.has_ask() && is_best(level_of(best.bid), level_of(best.ask));
  });
  RINGSIDE_CHECK(good);
  return ns;
}
double library_depth_ns(reader::Books& books, unsigned batches) {
  reader::Book book;
  bool good = true;
  const double ns = median_call_ticks_ns(batches, depth_batch, [&](unsigned calls, Ticks now) {
    for (unsigned i = 0; i < calls; ++i)
      good &= books.read(0, now, book, levels) == reader::Status::Ok;
    good &= is_whole(book);
  });
  RINGSIDE_CHECK(good);
  return ns;
}

void write_at_a_rate(ipc::BookTableWriter& table, Control& control) {
  std::uint64_t i = 1;
  const auto begin = steady_ns();
  for (auto next = begin; control.stop.load(std::memory_order_acquire) == 0;) {
    if (steady_ns() < next) continue;
    next += write_period_ns;
    table.update(0, view_of(++i));
    if (i % beat_updates == 0) table.beat(ipc::now_ticks());
    control.started.store(1, std::memory_order_release);
  }
  control.writes = i;
  control.ns = steady_ns() - begin;
}

// A table under a name, as a stranger finds it: the writer's side, our reader, the library's.
struct Named {
  std::string instance = fmt::format("bench-{}", getpid());
  ipc::Segment written = create(instance);
  ipc::BookTableWriter writer{written};
  ipc::Segment attached;
  std::optional<ipc::BookTableReader> table;
  reader::Instance library;
  reader::Books books;

  Named() {
    (void)writer.add(InstrumentId{0});
    writer.update(0, view_of(1));
    RINGSIDE_CHECK(ipc::attach_segment(instance, segment_name, ipc::SegmentKind::BookTable,
                                       attached) == ipc::AttachStatus::Ok);
    table.emplace(attached);
    RINGSIDE_CHECK(library.open(instance.c_str()) == reader::Status::Ok);
    RINGSIDE_CHECK(books.open(library, "w0.0") == reader::Status::Ok);
  }

  static constexpr const char* segment_name = "books.w0.0";
  static ipc::Segment create(const std::string& instance) {
    auto spec = ipc::book_table_spec(4);
    spec.instance = instance;
    spec.name = segment_name;
    return ipc::create_segment(spec);
  }
};

// ns an addition of sixteen that wait for none of the others: what is left of the core's pipeline.
// A core whose other hardware thread works, as a virtual machine's may at any time, has about half.
double addition_ns(unsigned batches) {
  constexpr unsigned turns = 64, additions = 16;
  return median_call_ticks_ns(batches, turns * additions, [](unsigned calls, Ticks) {
    for (unsigned i = 0; i < calls; i += additions) {
      std::uint64_t a = i, b = i, c = i, d = i;
      for (unsigned k = 0; k < additions / 4; ++k)
        asm volatile("inc %0\n inc %1\n inc %2\n inc %3" : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
    }
  });
}

// ns of each kind of read, one a round, each round between two looks at the pipeline.
struct Reads {
  std::vector<double> best, depth, library_best, library_depth, before, after;

  void measure(Named& named, unsigned batches) {
    before.push_back(addition_ns(batches));
    best.push_back(best_read_ns(*named.table, batches));
    depth.push_back(depth_read_ns(*named.table, batches));
    library_best.push_back(library_best_ns(named.books, batches));
    library_depth.push_back(library_depth_ns(named.books, batches));
    after.push_back(addition_ns(batches));
  }
  void drop_last() {
    for (auto* samples : {&best, &depth, &library_best, &library_depth, &before, &after})
      samples->pop_back();
  }
  [[nodiscard]] double least_addition() const {
    return std::min(*std::min_element(before.begin(), before.end()),
                    *std::min_element(after.begin(), after.end()));
  }
  // The rounds that had the core, or that shared it, from end to end; mixed ones are in neither.
  [[nodiscard]] Reads rounds(bool shared, double least) const {
    Reads kept;
    for (std::size_t i = 0; i < best.size(); ++i) {
      if ((before[i] > shared_from * least) != shared || (after[i] > shared_from * least) != shared)
        continue;
      kept.best.push_back(best[i]);
      kept.depth.push_back(depth[i]);
      kept.library_best.push_back(library_best[i]);
      kept.library_depth.push_back(library_depth[i]);
    }
    return kept;
  }
  void report(Report& to, const std::string& prefix, const std::string& when, double copy64,
              double copy384) const {
    to.figure(prefix + "bbo_read_ns_" + when, "ns", best, copy64);
    to.figure(prefix + "depth_read_ns_" + when, "ns", depth, copy384);
    to.figure(prefix + "library_bbo_read_ns_" + when, "ns", library_best, copy64);
    to.figure(prefix + "library_depth_read_ns_" + when, "ns", library_depth, copy384);
  }

  static constexpr double shared_from = 1.3;  // times the least
};

// The published figures are of rounds that had the core; those that shared it stand beside them.
// Too few of the first kind: of all rounds, which the share of kept ones shows.
void report_rounds(Report& report, const Reads& reads, const std::string& when, double least,
                   double copy64, double copy384) {
  constexpr std::size_t enough = 5;
  const auto own = reads.rounds(false, least), shared = reads.rounds(true, least);
  (own.best.size() < enough ? reads : own).report(report, "table.", when, copy64, copy384);
  if (!shared.best.empty()) shared.report(report, "table.core_shared.", when, copy64, copy384);
  const auto all = static_cast<double>(reads.best.size());
  report.figure("table.rounds_with_the_core_" + when, "share",
                {static_cast<double>(own.best.size()) / all});
}

// Of one round, beside a writer; false: it did not come to its rate, so that what was read was not
// busy.
bool measure_busy(Named& named, Reads& busy, std::vector<double>& rates, unsigned batches) {
  SharedMemory memory(sizeof(Control));
  auto& control = *new (memory.data()) Control;
  Child writer(core_pair().second, [&] { write_at_a_rate(named.writer, control); });
  while (control.started.load(std::memory_order_acquire) == 0) {
  }
  busy.measure(named, batches);
  control.stop.store(1, std::memory_order_release);
  writer.join();
  rates.push_back(static_cast<double>(control.writes) * 1e9 / static_cast<double>(control.ns));
  return rates.back() >= least_rate;
}

}  // namespace

void bench_ipc_table(Report& report, Scale scale) {
  const bool small = scale == Scale::Small;
  const unsigned rounds = small ? 1 : 30;
  const unsigned batches = small ? 20 : 3'000;
  Named named;
  Reads idle, busy;
  std::vector<double> clock64, clock16, now, copy64, copy384, rates;
  for (unsigned round = 0; round < rounds; ++round) {
    clock64.push_back(clock_ns(best_batch, batches));
    clock16.push_back(clock_ns(depth_batch, batches));
    now.push_back(now_ns(batches));
    copy64.push_back(copy_ns(64, best_batch, batches));
    copy384.push_back(copy_ns(384, depth_batch, batches));
    idle.measure(named, batches);
    const bool was_busy = measure_busy(named, busy, rates, batches);
    if (!was_busy && (busy.best.size() > 1 || round + 1 < rounds)) busy.drop_last();
  }
  const double least = std::min(idle.least_addition(), busy.least_addition());
  report_rounds(report, idle, "idle", least, median(copy64), median(copy384));
  report_rounds(report, busy, "busy", least, median(copy64), median(copy384));
  report.figure("table.addition_ns", "ns", idle.before, least);
  report.figure("table.busy_samples_kept", "share",
                {static_cast<double>(busy.best.size()) / rounds});
  report.figure("table.writes_per_second_while_busy", "1/s", rates);
  report.figure("table.copy_64_bytes_ns", "ns", copy64);
  report.figure("table.copy_384_bytes_ns", "ns", copy384);
  report.figure("table.clock_ns_of_64", "ns", clock64);
  report.figure("table.clock_ns_of_16", "ns", clock16);
  report.figure("table.now_ticks_ns", "ns", now);
}

}  // namespace ringside::perf
