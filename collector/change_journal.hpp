// Which instruments, channels and venues were added to a collector, or removed from it, while it
// ran: one text file,
// `<collector>.changes`, in its state directory. Appended to by whoever asks for a change, read by
// the collector; unlike a socket it needs nobody to listen, and it is still there after a restart.
//
//   7 add kraken - 0 BTC/USD 1c0ffee5
//   | |   |      | | |       '- FNV-1a of what stands before it
//   | |   |      | | '- symbol, as the venue spells it
//   | |   |      | '- depth of the [[venue]] table that is meant; 0: any
//   | |   |      '- channels of it, "trade,book,bbo" or some of them; -: any
//   | |   '- venue
//   | '- or remove
//   '- sequence: grows from line to line, not always by one
//
//   8 add-channel kraken - 25 trade 1c0ffee5        of all tables of this depth; 0: of all
//   9 remove-channel kraken - 0 bbo 1c0ffee5
//   10 add-venue kraken - 0 name%20=%20... 1c0ffee5    the keys of its [[venue]] table, as TOML;
//                                                      -: as the file has it
//   11 remove-venue kraken - 0 - 1c0ffee5
//
// What is no printable character, and %, is written as %XX.
//
// Appending is a matter of one lock on the file, one write and one fsync, so that several may ask
// at once. What a crash left at the end, without a line end or with a wrong check, never happened:
// it is not read, and the next append cuts it off. The same before a good line is damage, and
// nothing from there on is believed.
//
// Threads: any, each with its own object. Bounded by: changes_bytes_max; journal_lock_ns_max of
// waiting for the lock. Fails by: throwing, with the file and a remedy; look() by its answer.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::collector {

inline constexpr std::size_t changes_bytes_max = std::size_t{8} << 20U;
inline constexpr std::uint64_t journal_lock_ns_max = 5'000'000'000;
inline constexpr std::size_t symbol_bytes_max = 63;
inline constexpr std::size_t table_bytes_max = std::size_t{256} << 10U;  // of a venue

// 1 to symbol_bytes_max printable characters, no blanks.
[[nodiscard]] bool is_symbol(std::string_view symbol) noexcept;

struct Change {
  enum class What : std::uint8_t {
    Add,  // an instrument
    Remove,
    AddChannel,
    RemoveChannel,
    AddVenue,
    RemoveVenue,
  };
  std::uint64_t sequence = 0;  // the journal's to give
  What what = What::Add;
  std::string venue;
  std::string channels;     // of an instrument's table; empty: of any
  std::uint32_t depth = 0;  // of the table, not of a venue; 0: of any
  std::string subject;      // symbol; channel; keys of an added venue's table, empty: the file's

  [[nodiscard]] bool of_instrument() const noexcept { return what <= What::Remove; }
  [[nodiscard]] bool of_channel() const noexcept {
    return what == What::AddChannel || what == What::RemoveChannel;
  }
  [[nodiscard]] bool of_venue() const noexcept { return what >= What::AddVenue; }

  friend bool operator==(const Change&, const Change&) = default;
};

// Without its line end.
[[nodiscard]] std::string line_of(const Change& change);
// False: no line that line_of() writes.
[[nodiscard]] bool read_change_line(std::string_view line, Change& change);

// The good lines at the beginning of `text`.
struct ReadChanges {
  std::vector<Change> changes;
  std::size_t good_bytes = 0;
  bool damaged = false;  // behind them is a line that is good, too
};
// `after`: sequences are greater than this.
[[nodiscard]] ReadChanges read_changes(std::string_view text, std::uint64_t after = 0);

// The newest change of each instrument, of each channel and of each venue, in the order of their
// sequences. What is older than its venue's newest is void: a venue begins as its table says.
[[nodiscard]] std::vector<Change> newest_changes(std::span<const Change> changes);

class ChangeJournal {
 public:
  ChangeJournal(const std::string& directory, const std::string& collector);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  // Writes all of them or none, synced to disk, and answers the sequence of the last one. Throws
  // std::system_error: absent, read-only or full directory, or ETIMEDOUT for the lock;
  // std::runtime_error: damage, or no room.
  std::uint64_t append(std::vector<Change> changes) const;

  // What there is, reduced to newest_changes() if nobody holds the lock. Throws as append().
  [[nodiscard]] std::vector<Change> read_all() const;
  // The same, and the file stays as it is.
  [[nodiscard]] std::vector<Change> look_at_all() const;

 private:
  std::string path_;
};

// Follows a journal as it grows.
class ChangeFollower {
 public:
  // From behind what has sequence `seen`.
  ChangeFollower(const ChangeJournal& journal, std::uint64_t seen);

  enum class Answer : std::uint8_t {
    Nothing = 0,
    Grown,    // `changes` has what is new
    Damaged,  // nothing more is read, unless the file is replaced
  };
  // Asks the file system about the file, and reads it only where that says that it has grown. May
  // throw std::system_error: it cannot be read, or std::bad_alloc.
  [[nodiscard]] Answer look(std::vector<Change>& changes);
  [[nodiscard]] std::uint64_t seen() const noexcept { return seen_; }

 private:
  std::string path_;
  std::uint64_t seen_;
  ino_t file_ = 0;
  off_t bytes_ = 0;  // of the file when it was looked at
  off_t read_ = 0;   // of it, in whole lines
  bool damaged_ = false;
};

}  // namespace ringside::collector
