#include "tests/model/checker.hpp"

#include <algorithm>
#include <cstdlib>

namespace ringside::model {

namespace {

bool acquires(std::memory_order order) {
  return order == std::memory_order_acquire || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst;
}
bool releases(std::memory_order order) {
  return order == std::memory_order_release || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst;
}

std::memory_order weakened(std::memory_order order, Access access, const Mutation* mutation) {
  if (mutation == nullptr) return order;
  if (mutation->change == Change::Relaxed) return std::memory_order_relaxed;
  if (mutation->change != Change::AcquireRelease) return order;
  if (access == Access::Update) return std::memory_order_acq_rel;
  return access == Access::Load ? std::memory_order_acquire : std::memory_order_release;
}

// splitmix64.
std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t x = state += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// Stacks outlive their schedule: making one costs more than running it.
std::vector<std::unique_ptr<std::byte[]>>& spare_stacks() {
  static std::vector<std::unique_ptr<std::byte[]>> stacks;
  return stacks;
}

}  // namespace

Checker* Checker::running_ = nullptr;

Checker::Checker(std::uint64_t seed, const std::vector<Mutation>& mutations)
    : random_state_(seed), mutations_(mutations) {
  // Some schedules run each thread for long, so that one laps the other; some switch all the time.
  constexpr std::array<unsigned, 4> lengths{1, 2, 8, 64};
  run_length_ = lengths[random(lengths.size())];
}

Checker::~Checker() {
  for (auto& fiber : fibers_) spare_stacks().push_back(std::move(fiber->stack));
}

void Checker::name(const void* address, std::size_t bytes, std::string_view word) {
  names_.push_back({static_cast<const std::byte*>(address), bytes, word});
}

void Checker::thread(std::function<void()> body) {
  auto fiber = std::make_unique<Fiber>();
  auto& spare = spare_stacks();
  if (spare.empty()) {
    fiber->stack = std::make_unique<std::byte[]>(stack_bytes);
  } else {
    fiber->stack = std::move(spare.back());
    spare.pop_back();
  }
  fiber->body = std::move(body);
  fiber->clock[fibers_.size()] = 1;
  fibers_.push_back(std::move(fiber));
}

// makecontext passes ints only.
void Checker::enter(unsigned low, unsigned high) {
  auto* checker =
      reinterpret_cast<Checker*>((static_cast<std::uintptr_t>(high) << 32) | low);  // NOLINT
  checker->self().body();
  checker->self().done = true;
  checker->switch_away();
}

void Checker::run() {
  const auto address = reinterpret_cast<std::uintptr_t>(this);
  for (auto& fiber : fibers_) {
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->stack.get();
    fiber->context.uc_stack.ss_size = stack_bytes;
    fiber->context.uc_link = nullptr;
    makecontext(&fiber->context, reinterpret_cast<void (*)()>(&Checker::enter), 2,
                static_cast<unsigned>(address), static_cast<unsigned>(address >> 32));
  }
  running_ = this;
  current_ = static_cast<unsigned>(random(fibers_.size()));
  swapcontext(&main_, &self().context);
  running_ = nullptr;
}

void Checker::forbid(bool condition, std::string_view what) {
  if (condition && violation_.empty()) violation_ = what;
}

std::optional<std::uint64_t> Checker::last_seen(const void* address) const {
  const auto found = location_by_address_.find(address);
  if (found == location_by_address_.end()) return std::nullopt;
  return locations_[found->second].seen[current_];
}

std::optional<std::uint64_t> Checker::seen_of(std::string_view word) const {
  const auto found = std::find_if(locations_.begin(), locations_.end(),
                                  [&](const Location& location) { return location.word == word; });
  return found == locations_.end() ? std::nullopt : found->seen[current_];
}

std::uint64_t Checker::random(std::uint64_t below) { return next_random(random_state_) % below; }

std::optional<unsigned> Checker::choose_other() {
  std::array<unsigned, threads_max> others{};
  unsigned count = 0;
  for (unsigned i = 0; i < fibers_.size(); ++i) {
    const Fiber& fiber = *fibers_[i];
    if (i != current_ && !fiber.done && fiber.sleeps_on == nullptr) others[count++] = i;
  }
  if (count == 0) return std::nullopt;
  return others[random(count)];
}

void Checker::switch_away() {
  const auto next = choose_other();
  Fiber& from = self();
  if (!next) {
    if (!from.done && from.sleeps_on == nullptr) return;
    for (const auto& fiber : fibers_) forbid(!fiber->done, "all that are left sleep");
    swapcontext(&from.context, &main_);
    return;
  }
  current_ = *next;
  swapcontext(&from.context, &self().context);
}

void Checker::pause() { switch_away(); }

void Checker::step() {
  if (++steps_ > steps_max) {
    forbid(true, "no end within steps_max");
    swapcontext(&self().context, &main_);  // never to come back
  }
  if (random(run_length_) == 0) switch_away();
}

std::uint32_t Checker::location_of(const void* address, std::uint64_t in_memory) {
  const auto [entry, fresh] =
      location_by_address_.try_emplace(address, static_cast<std::uint32_t>(locations_.size()));
  if (fresh) {
    Location location;
    location.stores.push_back(Store{in_memory, {}, {}, false});
    for (const Named& named : names_) {
      const auto* at = static_cast<const std::byte*>(address);
      if (at >= named.begin && at < named.begin + named.bytes) location.word = named.word;
    }
    locations_.push_back(std::move(location));
  }
  return entry->second;
}

const Mutation* Checker::mutation_of(const Location& location, Access access,
                                     std::memory_order order, std::uint64_t value) const {
  const auto last_word = fibers_[current_]->last_word;
  for (const Mutation& mutation : mutations_) {
    if (mutation.word == location.word && mutation.access == access && mutation.order == order &&
        (mutation.of_value == nullptr || mutation.of_value(value)) &&
        (mutation.after.empty() || mutation.after == last_word) &&
        (mutation.not_after.empty() || mutation.not_after != last_word)) {
      return &mutation;
    }
  }
  return nullptr;
}

std::uint32_t Checker::seen_by(const View& view, std::uint32_t location) {
  return location < view.size() ? view[location] : 0;
}

void Checker::join(View& into, const View& from) {
  if (into.size() < from.size()) into.resize(from.size(), 0);
  for (std::size_t i = 0; i < from.size(); ++i) into[i] = std::max(into[i], from[i]);
}

void Checker::join(Clock& into, const Clock& from) {
  for (unsigned i = 0; i < threads_max; ++i) into[i] = std::max(into[i], from[i]);
}

std::uint64_t Checker::load(const void* address, std::uint64_t in_memory, std::memory_order order) {
  step();
  Fiber& thread = self();
  const auto at = location_of(address, in_memory);
  Location& location = locations_[at];
  const Mutation* mutation = mutation_of(location, Access::Load, order, 0);
  thread.last_word = location.word;
  auto& seen = location.seen[current_];
  if (mutation != nullptr && mutation->change == Change::Repeated && seen) return *seen;
  if (mutation != nullptr && mutation->change == Change::Implied) {
    if (const auto other = seen_of(mutation->of)) return mutation->amount * *other;
  }
  order = weakened(order, Access::Load, mutation);

  const bool seq_cst = order == std::memory_order_seq_cst;
  const auto oldest =
      std::max(seen_by(thread.view, at), seq_cst ? location.last_seq_cst : std::uint32_t{0});
  const auto newest = static_cast<std::uint32_t>(location.stores.size() - 1);
  // Half of the time what a processor would most likely answer.
  const auto index =
      random(2) == 0 ? newest : oldest + static_cast<std::uint32_t>(random(newest - oldest + 1));
  const Store& store = location.stores[index];
  if (thread.view.size() <= at) thread.view.resize(at + 1, 0);
  thread.view[at] = index;
  if (acquires(order) && store.releases) {
    join(thread.view, store.view);
    join(thread.clock, store.clock);
  }
  seen = store.value;
  const bool forward = mutation != nullptr && mutation->change == Change::Forward;
  return store.value + (forward ? mutation->amount : 0);
}

std::uint64_t Checker::store(const void* address, std::uint64_t in_memory, std::uint64_t value,
                             std::memory_order order) {
  step();
  Fiber& thread = self();
  const auto at = location_of(address, in_memory);
  Location& location = locations_[at];
  if (in_turns_) {
    forbid(location.writer.value_or(current_) != current_ &&
               seen_by(thread.view, at) + 1 != location.stores.size(),
           "two threads write one word in no order");
  } else {
    forbid(location.writer.value_or(current_) != current_, "two threads write one word");
  }
  location.writer = current_;
  const Mutation* mutation = mutation_of(location, Access::Store, order, value);
  thread.last_word = location.word;
  if (mutation != nullptr && mutation->change == Change::Dropped) return in_memory;
  const bool seq_cst = order == std::memory_order_seq_cst;
  order = weakened(order, Access::Store, mutation);

  const auto index = static_cast<std::uint32_t>(location.stores.size());
  if (thread.view.size() <= at) thread.view.resize(at + 1, 0);
  thread.view[at] = index;
  location.stores.push_back(releases(order) ? Store{value, thread.clock, thread.view, true}
                                            : Store{value, {}, {}, false});
  if (seq_cst && order == std::memory_order_seq_cst) location.last_seq_cst = index;
  location.seen[current_] = value;
  ++thread.clock[current_];
  return value;
}

void Checker::load_newest(const void* address, std::uint64_t in_memory, std::memory_order order) {
  step();
  Fiber& thread = self();
  const auto at = location_of(address, in_memory);
  Location& location = locations_[at];
  const Mutation* mutation = mutation_of(location, Access::Update, order, in_memory);
  thread.last_word = location.word;
  order = weakened(order, Access::Update, mutation);
  const Store& store = location.stores.back();
  if (thread.view.size() <= at) thread.view.resize(at + 1, 0);
  thread.view[at] = static_cast<std::uint32_t>(location.stores.size() - 1);
  if (acquires(order) && store.releases) {
    join(thread.view, store.view);
    join(thread.clock, store.clock);
  }
  location.seen[current_] = store.value;
}

std::uint64_t Checker::update(const void* address, std::uint64_t in_memory, std::uint64_t value,
                              std::memory_order order) {
  Fiber& thread = self();
  const auto at = location_of(address, in_memory);
  Location& location = locations_[at];
  location.writer = current_;
  const Mutation* mutation = mutation_of(location, Access::Update, order, in_memory);
  if (mutation != nullptr && mutation->change == Change::Dropped) return in_memory;
  const bool seq_cst = order == std::memory_order_seq_cst;
  order = weakened(order, Access::Update, mutation);

  const auto index = static_cast<std::uint32_t>(location.stores.size());
  thread.view[at] = index;
  Store made{value, {}, {}, false};
  if (releases(order)) made = Store{value, thread.clock, thread.view, true};
  if (const Store& before = location.stores.back(); before.releases) {
    join(made.view, before.view);
    join(made.clock, before.clock);
    made.releases = true;
  }
  location.stores.push_back(std::move(made));
  if (seq_cst && order == std::memory_order_seq_cst) location.last_seq_cst = index;
  location.seen[current_] = value;
  ++thread.clock[current_];
  return value;
}

void Checker::wait_on(const void* address, const std::function<bool()>& still_expected) {
  step();
  if (!still_expected()) return;  // as the kernel looks: no step in between
  self().sleeps_on = address;
  switch_away();
}

void Checker::wake(const void* address, std::uint32_t count) {
  step();
  for (auto& fiber : fibers_) {
    if (count == 0) return;
    if (fiber->sleeps_on != address) continue;
    fiber->sleeps_on = nullptr;
    --count;
  }
}

void Checker::plain(const void* address, std::size_t bytes, Access access) {
  Fiber& thread = self();
  // Naturally aligned fields: the first byte stands for all, and fields are always used whole.
  PlainBytes& state = plain_[address];
  const bool write_unordered =
      state.writer < threads_max && state.written > thread.clock[state.writer];
  forbid(write_unordered && state.writer != current_, access == Access::Load
                                                          ? "data race: read of an unordered write"
                                                          : "data race: two unordered writes");
  if (access == Access::Load) {
    state.read[current_] = thread.clock[current_];
    return;
  }
  for (unsigned i = 0; i < threads_max; ++i) {
    forbid(i != current_ && state.read[i] > thread.clock[i], "data race: write under a reader");
  }
  forbid(bytes == 0, "nothing is written");
  state.writer = current_;
  state.written = thread.clock[current_];
}

std::optional<Violation> explore(Scenario scenario, const std::vector<Mutation>& mutations,
                                 std::uint64_t schedules, std::uint64_t seed) {
  std::uint64_t state = seed;
  for (std::uint64_t i = 1; i <= schedules; ++i) {
    const auto schedule_seed = next_random(state);
    Checker checker(schedule_seed, mutations);
    scenario(checker);
    if (!checker.violation().empty()) return Violation{checker.violation(), schedule_seed, i};
  }
  return std::nullopt;
}

std::uint64_t model_seed() {
  const char* given = std::getenv("RINGSIDE_MODEL_SEED");  // NOLINT(concurrency-mt-unsafe)
  return given == nullptr ? 20261121 : std::strtoull(given, nullptr, 0);
}

}  // namespace ringside::model
