// An ordinary consumer of one deployment: every worker's broadcast ring, one record at a time, and
// on request the whole book of every instrument, kept from those records.
//
// Unlike a reader of one ring it finds the workers by itself, notices when one dies or is replaced,
// attaches to its successor, and says all that in the order in which it happened:
//
//     for (;;) switch (consumer.poll(now)) {
//       case Step::Record: ... consumer.buffer(), consumer.worker() ...
//
// Threads: one. Bounded by: the deployment's workers and instruments; after an instrument's first
// record nothing is allocated but for a book that grows.
// Fails by: a Step; it never waits, and the writers never notice it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ipc/broadcast_ring.hpp"
#include "ipc/clock.hpp"
#include "ipc/segment.hpp"
#include "tools/ringside/book_tables.hpp"
#include "tools/ringside/catalogue_index.hpp"
#include "tools/ringside/full_book.hpp"

namespace ringside::tools {

// Where to begin in a ring that has been written for a while.
enum class Join : std::uint8_t {
  NewestKey,  // a state and the best levels come at once, whole books soon
  Tail,       // only what is published from now on
  Start,      // as far back as the ring holds
};

enum class Step : std::uint8_t {
  Idle = 0,    // nothing new in any ring: pause
  Record,      // buffer()
  Lost,        // this reader was too slow: positions [lost_from(), lost_to()) of the ring are gone
  Joined,      // attached to a worker's ring: at first, or after WriterGone
  WriterGone,  // the worker died, hung or ended; its instruments are not live until Joined
  Corrupt,     // the ring holds what no worker of ours writes; it is left alone from here on
};

struct ConsumerOptions {
  std::string instance;
  Join join = Join::NewestKey;
  bool full_books = false;
};

inline constexpr std::uint64_t consumer_rescan_ns = 50'000'000;  // for new workers and successors
inline constexpr unsigned consumer_batch_records = 64;  // of one ring before the next has its turn

class Consumer {
 public:
  // One worker's ring.
  struct Worker {
    std::string name;  // w0.0
    std::unique_ptr<ipc::Segment> segment;
    ipc::BroadcastReader reader;
    bool alive = false;  // it is being read
    bool corrupt = false;
    ipc::Liveness liveness = ipc::Liveness::Gone;
    std::string problem;  // why it cannot be attached
  };

  explicit Consumer(const ConsumerOptions& options);

  [[nodiscard]] Step poll(Ticks now);

  // Of the last step, unless it was Idle. buffer() only after Record, lost_*() only after Lost.
  [[nodiscard]] const ipc::RecordBuffer& buffer() const { return *buffer_; }
  [[nodiscard]] const Worker& worker() const { return *workers_[current_]; }
  // What the record did to its book; Nothing without full_books.
  [[nodiscard]] BookStep book_step() const { return book_step_; }

  [[nodiscard]] const std::vector<std::unique_ptr<Worker>>& workers() const { return workers_; }
  // Null: nothing heard of it, or no full_books. Valid until the next poll().
  [[nodiscard]] const FullBook* book(InstrumentId instrument) const;
  // Null: its collector's catalogue has not been seen; looked for again from time to time.
  [[nodiscard]] const InstrumentInfo* info(InstrumentId instrument) const {
    return catalogues_.find(instrument);
  }
  [[nodiscard]] const CatalogueIndex& catalogues() const { return catalogues_; }
  // What the record's numbers mean: as the ring said, or the book table of its worker. Nothing: the
  // terms of its epoch are not known (yet).
  [[nodiscard]] std::optional<InstrumentTerms> terms_of(const Record& record);

 private:
  struct Instrument {
    std::size_t worker = 0;
    InstrumentTerms terms;
    std::uint32_t terms_epoch = 0;
    bool has_terms = false;
    Ticks terms_looked_up;
    std::unique_ptr<FullBook> book;
  };

  [[nodiscard]] Step poll_worker(std::size_t index, Ticks now);
  [[nodiscard]] bool rescan(Ticks now);
  [[nodiscard]] bool attach(Worker& worker);
  [[nodiscard]] bool look_after(Worker& worker, Ticks now);
  void take_record();
  void invalidate_books(std::size_t worker);

  ConsumerOptions options_;
  ipc::TickRate rate_;
  ipc::LivenessBounds bounds_;
  CatalogueIndex catalogues_;
  BookTables tables_;
  std::vector<std::unique_ptr<Worker>> workers_;  // they hold a segment that stays where it is
  std::unordered_map<std::uint32_t, Instrument> instruments_;
  std::unique_ptr<ipc::RecordBuffer> buffer_;
  std::size_t current_ = 0;
  unsigned batch_ = 0;
  BookStep book_step_ = BookStep::Nothing;
  Ticks next_rescan_;
  bool unknown_instrument_ = false;
};

// How long a reader that found nothing waits: it spins, then sleeps ever longer, up to a bound that
// keeps what comes next from growing old. Never for ever: nobody wakes it.
class IdleLadder {
 public:
  static constexpr unsigned spins = 256;
  static constexpr std::uint64_t sleep_ns_min = 20'000;
  static constexpr std::uint64_t sleep_ns_max = 500'000;

  void busy() noexcept { idle_ = 0; }
  void pause() noexcept;

 private:
  unsigned idle_ = 0;
};

}  // namespace ringside::tools
