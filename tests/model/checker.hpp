// A small checker of the C++ memory model, for the structures of ipc/. It runs two to four threads
// of a scenario as fibers, one access a step, under a random schedule that follows from a seed; a
// load answers any store that the model allows it to see, not only the newest.
//
// What it keeps, after Kang et al., "A promising semantics for relaxed-memory concurrency" (2017),
// without promises:
//   location   all its stores in order, each with what its thread had seen when it was a release
//   thread     for each location the oldest store it may still see (its view), and a vector clock
//   acquire    of a release store: takes its view and clock over
//   seq_cst    as release and acquire, and a load sees no store older than the last seq_cst one
//   plain      an access that is not ordered behind a conflicting one is a data race
// Each location has one writing thread (checked), or, where a scenario says so, several that take
// turns: a store must then follow one that its thread has seen to be the newest (checked, too), so
// that a store is always the newest. A read-modify-write sees the newest store and carries on its
// release sequence. A sleeping thread (futex) runs on when it is woken; if all that are left sleep,
// a wake-up was lost, and that is a violation. What is not modelled: a load that sees a store which
// is executed after it. No processor that we run on does that to the patterns here, and no order
// could be weakened to cause it alone.
//
// A Mutation changes one access: it weakens its order, drops it, or removes the check that a
// second look is. A scenario that still holds under one proves nothing about that order.
//
// Threads: one. Bounded by: threads_max, steps_max of a schedule. Fails by: a violation, in words,
// with the seed of its schedule.
#pragma once

#include <ucontext.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ringside::model {

inline constexpr unsigned threads_max = 4;
inline constexpr unsigned steps_max = 50'000;
inline constexpr std::size_t stack_bytes = 512 * 1024;

enum class Access : std::uint8_t { Load, Store, Update };  // Update: read-modify-write
enum class Change : std::uint8_t {
  Relaxed,         // instead of acquire or release
  AcquireRelease,  // instead of seq_cst
  Dropped,         // a store that is not made
  Repeated,        // a load that answers what its thread saw there last: a check left out
  Forward,         // a load that answers `amount` more: a bound left out
  Implied,         // a load that answers `amount` times what its thread saw last of the word `of`:
                   // a check that always passes
};

// Which access: by the name that the scenario gave its word, what it does, and the order that
// stands in the source.
struct Mutation {
  std::string_view word;
  Access access;
  std::memory_order order;
  Change change;
  std::uint64_t amount = 0;
  bool (*of_value)(std::uint64_t) = nullptr;  // only stores of such values
  std::string_view after = {};                // only right after this thread's access to that word
  std::string_view not_after = {};            // only otherwise
  std::string_view of = {};                   // Change::Implied
};

struct Violation {
  std::string what;
  std::uint64_t seed = 0;  // of the schedule
  std::uint64_t schedules = 0;
};

class Checker {
 public:
  using Clock = std::array<std::uint32_t, threads_max>;
  using View = std::vector<std::uint32_t>;  // by location: index of the oldest visible store

  Checker(std::uint64_t seed, const std::vector<Mutation>& mutations);
  ~Checker();
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  // --- For scenarios ---
  // A name for the words in [address, address + bytes), for mutations.
  void name(const void* address, std::size_t bytes, std::string_view word);
  void thread(std::function<void()> body);
  // Words that several threads write, each after it has seen what is there.
  void allow_writing_in_turns() { in_turns_ = true; }
  // Runs all threads to their ends.
  void run();
  void forbid(bool condition, std::string_view what);
  // What this thread saw last of a word; nullopt: nothing yet.
  [[nodiscard]] std::optional<std::uint64_t> last_seen(const void* address) const;
  [[nodiscard]] std::uint64_t random(std::uint64_t below);
  // Lets others run: where a thread would spin.
  void pause();
  [[nodiscard]] const std::string& violation() const { return violation_; }

  // --- For the words ---
  static Checker* running() noexcept { return running_; }
  std::uint64_t load(const void* address, std::uint64_t in_memory, std::memory_order order);
  // What the memory is to hold afterwards.
  std::uint64_t store(const void* address, std::uint64_t in_memory, std::uint64_t value,
                      std::memory_order order);
  void plain(const void* address, std::size_t bytes, Access access);
  // What a read-modify-write sees: the newest store, which is what the memory holds. Followed at
  // once by update() if it changes anything; `order` is of the whole.
  void load_newest(const void* address, std::uint64_t in_memory, std::memory_order order);
  std::uint64_t update(const void* address, std::uint64_t in_memory, std::uint64_t value,
                       std::memory_order order);
  // Until woken, unless the memory no longer holds `expected`.
  void wait_on(const void* address, const std::function<bool()>& still_expected);
  void wake(const void* address, std::uint32_t count);

 private:
  struct Store {
    std::uint64_t value = 0;
    Clock clock{};
    View view;
    bool releases = false;
  };
  struct Location {
    std::vector<Store> stores;
    std::uint32_t last_seq_cst = 0;
    std::string_view word;
    std::optional<unsigned> writer;
    std::array<std::optional<std::uint64_t>, threads_max> seen;
  };
  struct PlainBytes {
    unsigned writer = threads_max;
    std::uint32_t written = 0;
    Clock read{};
  };
  struct Fiber {
    ucontext_t context{};
    std::unique_ptr<std::byte[]> stack;
    std::function<void()> body;
    Clock clock{};
    View view;
    std::string_view last_word;  // that it accessed
    bool done = false;
    const void* sleeps_on = nullptr;
  };
  struct Named {
    const std::byte* begin;
    std::size_t bytes;
    std::string_view word;
  };

  static void enter(unsigned low, unsigned high);
  void step();
  void switch_away();
  [[nodiscard]] std::optional<unsigned> choose_other();
  std::uint32_t location_of(const void* address, std::uint64_t in_memory);
  [[nodiscard]] std::optional<std::uint64_t> seen_of(std::string_view word) const;
  [[nodiscard]] const Mutation* mutation_of(const Location& location, Access access,
                                            std::memory_order order, std::uint64_t value) const;
  static std::uint32_t seen_by(const View& view, std::uint32_t location);
  static void join(View& into, const View& from);
  static void join(Clock& into, const Clock& from);
  Fiber& self() { return *fibers_[current_]; }

  static Checker* running_;
  std::uint64_t random_state_;
  const std::vector<Mutation>& mutations_;
  std::vector<Named> names_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Location> locations_;
  std::unordered_map<const void*, std::uint32_t> location_by_address_;
  std::unordered_map<const void*, PlainBytes> plain_;
  ucontext_t main_{};
  unsigned current_ = 0;
  unsigned steps_ = 0;
  bool in_turns_ = false;
  unsigned run_length_ = 1;  // steps between two switches, on average
  std::string violation_;
};

// A scenario builds its state, names its words, starts its threads with run(), and may look at what
// is left.
using Scenario = void (*)(Checker&);

// Schedules follow from `seed`; the first violation, or nothing after so many.
std::optional<Violation> explore(Scenario scenario, const std::vector<Mutation>& mutations,
                                 std::uint64_t schedules, std::uint64_t seed);

// $RINGSIDE_MODEL_SEED, or a fixed one. Printed with every verdict.
std::uint64_t model_seed();

// Plain memory that a test fills and reads itself.
inline void wrote(const void* address, std::size_t bytes) {
  if (auto* checker = Checker::running()) checker->plain(address, bytes, Access::Store);
}
inline void reads(const void* address, std::size_t bytes) {
  if (auto* checker = Checker::running()) checker->plain(address, bytes, Access::Load);
}

}  // namespace ringside::model
