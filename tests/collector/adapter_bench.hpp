// A workbench for adapters: a ring with its reader, a host that remembers what it was asked for,
// and a clock that stands still until it is moved.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collector/adapter.hpp"
#include "collector/record_writer.hpp"
#include "ipc/check.hpp"
#include "ipc/spsc_ring.hpp"
#include "tests/collector/news_text.hpp"

namespace ringside::collector::bench {

// Text with readable bytes behind it, as an adapter is promised. Junk, so that reading on is seen.
class Padded {
 public:
  explicit Padded(std::string_view text) : size_(text.size()), bytes_(text) {
    bytes_.append(64, '7');
  }
  [[nodiscard]] std::string_view view() const { return std::string_view(bytes_).substr(0, size_); }

 private:
  std::size_t size_;
  std::string bytes_;
};

class Host final : public AdapterHost {
 public:
  [[nodiscard]] bool send(ConnectionIndex connection, std::string_view text) noexcept override {
    if (full) return false;
    sent.emplace_back(text);
    sent_on.push_back(connection);
    return true;
  }
  [[nodiscard]] bool request(std::uint32_t, std::string_view) noexcept override { return false; }
  void reconnect(ConnectionIndex connection) noexcept override { reconnects.push_back(connection); }

  std::vector<std::string> sent;
  std::vector<ConnectionIndex> sent_on;
  std::vector<ConnectionIndex> reconnects;
  bool full = false;
};

struct Seen {
  Record record;
  std::vector<Level> bids;
  std::vector<Level> asks;
};

class Bench {
 public:
  explicit Bench(std::size_t instruments, std::uint64_t slots = 4096)
      : segment_(ipc::spsc_in_memory(slots)),
        reader_(segment_),
        ring_(segment_),
        records(instruments) {
    reader_.set_position_word(&position_);
    ring_.set_read_position_source(&position_);
    records.add_ring(ring_);
    for (std::uint32_t i = 0; i < instruments; ++i) records.add_instrument(id(i), 0);
  }
  static InstrumentId id(std::uint32_t index) { return InstrumentId::of(2, index); }

  // Everything written since the last call.
  std::vector<Seen> drain() {
    records.publish(0, now.ticks);
    std::vector<Seen> all;
    while (const Record* record = reader_.peek()) {
      Seen seen{*record, {}, {}};
      if (record->kind == Kind::Levels || record->kind == Kind::Snapshot) {
        seen.bids.assign(reader_.bids().begin(), reader_.bids().end());
        seen.asks.assign(reader_.asks().begin(), reader_.asks().end());
      } else if (record->kind == Kind::Bbo) {
        seen.asks.push_back(reader_.levels()[0]);
      }
      if (record->is_announcement()) {
        news.push_back(text_of_news(*record, reader_.levels()));
      } else {
        all.push_back(std::move(seen));
      }
      reader_.advance();
    }
    return all;
  }
  // The next record, which there is.
  Record take_one() {
    const Record* const record = reader_.peek();
    RINGSIDE_CHECK(record != nullptr);
    const Record taken = *record;
    reader_.advance();
    return taken;
  }
  std::span<const Level> peek_levels() {
    return reader_.peek() == nullptr ? std::span<const Level>{} : reader_.levels();
  }
  void pass(std::int64_t ns) {
    now.steady_ns += ns;
    now.ticks.value += static_cast<std::uint64_t>(ns);
  }

 private:
  ipc::Segment segment_;
  std::atomic<std::uint64_t> position_{0};
  ipc::SpscReader reader_;
  ipc::SpscWriter ring_;

 public:
  RecordWriter records;
  Host host;
  std::vector<std::string> news;  // "listed kraken A/B", in order
  Now now{Ticks{1'000'000}, 1'000'000};
};

}  // namespace ringside::collector::bench
