// What a venue lists, as its metadata says it: every symbol, whether somebody collects it or not,
// and what is news of it, on its way into a ring as announcements. What becomes of the book of an
// instrument whose listing changes is its adapter's business.
//
// The first list of all that the venue has is where it begins: what stands in it is no news. A
// symbol that is missing in a later whole list is delisted.
//
// Threads: the collector thread's. Bounded by: listings_max symbols, announcements_waiting_max
// news. Allocates where a symbol is new. Fails by: counting.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "collector/counters.hpp"
#include "collector/record_writer.hpp"

namespace ringside::collector {

inline constexpr std::size_t listings_max = 32'768;
inline constexpr std::size_t announcements_waiting_max = 8'192;
inline constexpr unsigned announcements_a_tick = 16;
inline constexpr InstrumentIndex no_record = ~InstrumentIndex{0};

enum class ListingStatus : std::uint8_t { Trading, Halted, Delisted };

// Of one symbol.
struct Listing {
  ListingStatus status = ListingStatus::Trading;
  Exponent price_exponent;
  Exponent quantity_exponent;
  std::int64_t price_step = 0;  // mantissas; 0: not said
  std::int64_t quantity_step = 0;

  [[nodiscard]] bool same_numbers(const Listing& other) const noexcept {
    return price_exponent == other.price_exponent && quantity_exponent == other.quantity_exponent &&
           price_step == other.price_step && quantity_step == other.quantity_step;
  }
};

class Listings {
 public:
  // Both outlive this.
  Listings(std::string venue, RecordWriter& records, Counters& counters)
      : venue_(std::move(venue)), records_(records), counters_(counters) {}

  // A list of all symbols follows, in calls of note(), to finish(). An earlier one that was not
  // finished is forgotten.
  void begin() noexcept { ++list_; }
  // The venue says this of a symbol. `record`: of the instrument, or no_record.
  void note(std::string_view symbol, const Listing& now, InstrumentIndex record) noexcept;
  // What was not noted since begin() is delisted.
  void finish() noexcept;

  // Writes what waits, as far as the rings have room; a few at each call.
  void announce(Ticks now) noexcept;

 private:
  struct Known {
    Listing listing;
    std::uint64_t list = 0;  // in which it was met last
    InstrumentIndex record = no_record;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  using Table = std::unordered_map<std::string, Known, Hash, std::equal_to<>>;
  struct Waiting {
    const Table::value_type* of;  // they never move, and none is erased
    RecordWriter::News news;
  };

  void tell(const Table::value_type& of, Announcement what) noexcept;

  std::string venue_;
  RecordWriter& records_;
  Counters& counters_;
  Table known_;
  std::deque<Waiting> waiting_;  // in the order of their news
  std::uint64_t list_ = 0;
  bool whole_ = false;  // there has been a whole list
};

}  // namespace ringside::collector
