// Reading what a Ringside deployment publishes, from a process of your own, in C++.
//
// Types over the C functions of ringside.h, which says how everything behaves: threads, lifetime,
// bounds, errors. Unlike those, handles close themselves and numbers have types. Nothing here
// throws, prints, aborts, or allocates beyond what opening does there; it is all inline, so that
// your compiler's C++ library never meets another.
//
//   ringside::reader::Instance instance;
//   ringside::reader::Books books;
//   if (instance.open("demo") != Status::Ok || books.open(instance, "w0.0") != Status::Ok) ...
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "ringside/event.hpp"
#include "ringside/ringside.h"

namespace ringside::reader {

// ringside_status.
enum class Status : std::uint8_t {
  Ok = RINGSIDE_OK,
  Empty = RINGSIDE_EMPTY,
  Lost = RINGSIDE_LOST,
  Retry = RINGSIDE_RETRY,
  WriterGone = RINGSIDE_WRITER_GONE,
  WriterStale = RINGSIDE_WRITER_STALE,
  Superseded = RINGSIDE_SUPERSEDED,
  Corrupt = RINGSIDE_CORRUPT,
  NotFound = RINGSIDE_NOT_FOUND,
  Absent = RINGSIDE_ABSENT,
  Denied = RINGSIDE_DENIED,
  Initialising = RINGSIDE_INITIALISING,
  WrongFormat = RINGSIDE_WRONG_FORMAT,
  WrongVersion = RINGSIDE_WRONG_VERSION,
  Hostile = RINGSIDE_HOSTILE,
  BadArgument = RINGSIDE_BAD_ARGUMENT,
  NoMemory = RINGSIDE_NO_MEMORY,
  SystemFailure = RINGSIDE_SYSTEM,
};
inline const char* name_of(Status status) noexcept {
  return ringside_status_name(static_cast<ringside_status>(status));
}
// Whether the handle has to be opened anew.
constexpr bool is_final(Status status) noexcept {
  return status == Status::WriterGone || status == Status::Superseded || status == Status::Corrupt;
}

enum class Join : std::uint8_t {
  Key = RINGSIDE_JOIN_KEY,      // at the newest key record: where a book can be begun
  Tail = RINGSIDE_JOIN_TAIL,    // only what comes from now on
  Start = RINGSIDE_JOIN_START,  // everything that is still there
};

static_assert(sizeof(ringside::Level) == sizeof(ringside_level));
inline Level level_of(const ringside_level& level) noexcept {
  return {Price{level.price}, Quantity{level.quantity}};
}

// One value of a book.
struct Book : ringside_book {
  [[nodiscard]] InstrumentId id() const noexcept { return InstrumentId{instrument}; }
  [[nodiscard]] bool live() const noexcept { return state == RINGSIDE_STATE_LIVE; }
  [[nodiscard]] std::span<const ringside_level> bid_levels() const noexcept {
    return {bids, bid_count};
  }
  [[nodiscard]] std::span<const ringside_level> ask_levels() const noexcept {
    return {asks, ask_count};
  }
  [[nodiscard]] Exponent price_exponent() const noexcept { return {terms.price_exponent}; }
  [[nodiscard]] Exponent quantity_exponent() const noexcept { return {terms.quantity_exponent}; }
};

struct Best : ringside_best {
  [[nodiscard]] InstrumentId id() const noexcept { return InstrumentId{instrument}; }
  [[nodiscard]] bool live() const noexcept { return state == RINGSIDE_STATE_LIVE; }
  [[nodiscard]] bool has_bid() const noexcept { return bid_count != 0; }
  [[nodiscard]] bool has_ask() const noexcept { return ask_count != 0; }
};

// A record of the events; its levels until the next call of its Events.
struct Event : ringside_record {
  [[nodiscard]] InstrumentId id() const noexcept { return InstrumentId{instrument}; }
  [[nodiscard]] Kind what() const noexcept { return static_cast<Kind>(kind); }
  [[nodiscard]] bool last() const noexcept { return (flags & RINGSIDE_FLAG_LAST) != 0; }
  // Of Levels, Snapshot and Key.
  [[nodiscard]] std::span<const ringside_level> bid_levels() const noexcept {
    return {levels, bid_count};
  }
  [[nodiscard]] std::span<const ringside_level> ask_levels() const noexcept {
    return {levels + bid_count, ask_count};
  }
};

// Closes what a C function opened.
template <auto Close>
struct Closer {
  template <typename Handle>
  void operator()(Handle* handle) const noexcept {
    Close(handle);
  }
};
template <typename Handle, auto Close>
using Owned = std::unique_ptr<Handle, Closer<Close>>;

class Instance {
 public:
  // Takes some 2 ms. Opening again closes what was open, here and below.
  [[nodiscard]] Status open(const char* name) noexcept {
    ringside_instance* handle = nullptr;
    const auto status = ringside_instance_open(name, &handle);
    handle_.reset(handle);
    return static_cast<Status>(status);
  }
  // Into `names`, as many as fit; `count`: how many there are.
  [[nodiscard]] Status collectors(std::span<ringside_name> names,
                                  std::uint32_t& count) const noexcept {
    return static_cast<Status>(ringside_collectors(
        handle_.get(), names.data(), static_cast<std::uint32_t>(names.size()), &count));
  }
  [[nodiscard]] Status workers(std::span<ringside_name> names,
                               std::uint32_t& count) const noexcept {
    return static_cast<Status>(ringside_workers(handle_.get(), names.data(),
                                                static_cast<std::uint32_t>(names.size()), &count));
  }
  [[nodiscard]] const ringside_instance* get() const noexcept { return handle_.get(); }

 private:
  Owned<ringside_instance, ringside_instance_close> handle_;
};

class Catalogue {
 public:
  [[nodiscard]] Status open(const Instance& instance, const char* collector) noexcept {
    ringside_catalogue* handle = nullptr;
    const auto status = ringside_catalogue_open(instance.get(), collector, &handle);
    handle_.reset(handle);
    return static_cast<Status>(status);
  }
  [[nodiscard]] std::uint32_t count() const noexcept {
    return ringside_catalogue_count(handle_.get());
  }
  [[nodiscard]] Status at(std::uint32_t index, ringside_instrument& out) const noexcept {
    return static_cast<Status>(ringside_catalogue_at(handle_.get(), index, &out));
  }
  [[nodiscard]] Status find(const char* venue, const char* symbol,
                            ringside_instrument& out) const noexcept {
    return static_cast<Status>(ringside_catalogue_find(handle_.get(), venue, symbol, &out));
  }

 private:
  Owned<ringside_catalogue, ringside_catalogue_close> handle_;
};

class Books {
 public:
  [[nodiscard]] Status open(const Instance& instance, const char* worker) noexcept {
    ringside_books* handle = nullptr;
    const auto status = ringside_books_open(instance.get(), worker, &handle);
    handle_.reset(handle);
    return static_cast<Status>(status);
  }
  [[nodiscard]] Status find(InstrumentId instrument, std::uint32_t& index) const noexcept {
    return static_cast<Status>(ringside_books_find(handle_.get(), instrument.value, &index));
  }
  [[nodiscard]] Status best(std::uint32_t index, Best& out) noexcept {
    return static_cast<Status>(ringside_books_best(handle_.get(), index, &out));
  }
  [[nodiscard]] Status read(std::uint32_t index, Book& out,
                            std::uint32_t levels = RINGSIDE_LEVELS_MAX) noexcept {
    return static_cast<Status>(ringside_books_read(handle_.get(), index, levels, &out));
  }
  // For whoever looks at many books and has asked ringside_now_ticks().
  [[nodiscard]] Status best(std::uint32_t index, Ticks now, Best& out) noexcept {
    return static_cast<Status>(ringside_books_best_at(handle_.get(), index, now.value, &out));
  }
  [[nodiscard]] Status read(std::uint32_t index, Ticks now, Book& out,
                            std::uint32_t levels = RINGSIDE_LEVELS_MAX) noexcept {
    return static_cast<Status>(
        ringside_books_read_at(handle_.get(), index, levels, now.value, &out));
  }

 private:
  Owned<ringside_books, ringside_books_close> handle_;
};

class Events {
 public:
  [[nodiscard]] Status open(const Instance& instance, const char* worker,
                            Join join = Join::Key) noexcept {
    ringside_events* handle = nullptr;
    const auto status =
        ringside_events_open(instance.get(), worker, static_cast<ringside_join>(join), &handle);
    handle_.reset(handle);
    return static_cast<Status>(status);
  }
  [[nodiscard]] Status next(Event& out) noexcept {
    return static_cast<Status>(ringside_events_next(handle_.get(), &out));
  }
  [[nodiscard]] std::uint64_t lost_from() const noexcept {
    std::uint64_t from = 0;
    ringside_events_lost(handle_.get(), &from, nullptr);
    return from;
  }
  [[nodiscard]] std::uint64_t lost_to() const noexcept {
    std::uint64_t to = 0;
    ringside_events_lost(handle_.get(), nullptr, &to);
    return to;
  }
  [[nodiscard]] Status rejoin(Join join) noexcept {
    return static_cast<Status>(
        ringside_events_rejoin(handle_.get(), static_cast<ringside_join>(join)));
  }

 private:
  Owned<ringside_events, ringside_events_close> handle_;
};

class Clock {
 public:
  [[nodiscard]] Status open(const Instance& instance, const char* process) noexcept {
    ringside_clock* handle = nullptr;
    const auto status = ringside_clock_open(instance.get(), process, &handle);
    handle_.reset(handle);
    return static_cast<Status>(status);
  }
  [[nodiscard]] Status utc(Ticks ticks, UtcNs& out) const noexcept {
    return static_cast<Status>(ringside_clock_utc(handle_.get(), ticks.value, &out.value));
  }

 private:
  Owned<ringside_clock, ringside_clock_close> handle_;
};

}  // namespace ringside::reader
