// The SPSC ring against a deque, under random interleavings of both sides from a printed seed.
#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "ipc/spsc_ring.hpp"

namespace ringside::ipc {
namespace {

struct ModelRecord {
  std::int64_t price = 0;
  unsigned slots = 0;
};

// Both sides in one thread; every step does what either process might do next.
class Interleaving {
 public:
  Interleaving(std::uint64_t capacity, std::uint64_t seed)
      : segment_(spsc_in_memory(capacity)),
        writer_(segment_),
        reader_(segment_),
        capacity_(capacity),
        random_(seed) {
    writer_.set_read_position_source(&position_);
    reader_.set_position_word(&position_);
  }

  void step() {
    switch (random_() % 8) {
      case 0:
      case 1:
      case 2:
        write();
        break;
      case 3:
        publish();
        break;
      case 4:
      case 5:
      case 6:
        read();
        break;
      default:
        if (random_() % 4 == 0) reader_.publish_position();
        break;
    }
  }

  void drain() {
    publish();
    while (!published_.empty() && !::testing::Test::HasFatalFailure()) read();
    ASSERT_EQ(reader_.peek(), nullptr);
    ASSERT_FALSE(reader_.corrupt());
    ASSERT_EQ(reader_.position(), writer_.published());
    ASSERT_GT(written_, 0U);
    ASSERT_EQ(writer_.free_slots(), capacity_);
  }

 private:
  void write() {
    const auto most = claim_slots_max(capacity_);
    const unsigned slots = 1 + static_cast<unsigned>(random_() % most);
    Slot* slot = writer_.claim(slots);
    const auto used = writer_.committed() - position_.load(std::memory_order_acquire);
    const auto until_end = capacity_ - writer_.committed() % capacity_;
    const auto needed = slots <= until_end ? slots : slots + until_end;
    ASSERT_EQ(slot == nullptr, used + needed > capacity_) << "refuses exactly when it must";
    if (slot == nullptr) return;
    const auto price = static_cast<std::int64_t>(random_() % 1000);
    slot->put(Record{});
    slot->kind = Kind::Trade;
    slot->price = price;
    const unsigned used_slots = 1 + static_cast<unsigned>(random_() % slots);
    for (unsigned i = 0; i < (slots - 1) * levels_per_slot; ++i) {
      slot->levels()[i] = Level{Price{price - i}, Quantity{-price}};
    }
    if (random_() % 8 == 0) return;  // claimed and thought better of it
    writer_.commit(used_slots);
    staged_.push_back({price, used_slots});
    ++written_;
  }

  void publish() {
    ASSERT_EQ(writer_.publish(Ticks{1}), staged_.size());
    published_.insert(published_.end(), staged_.begin(), staged_.end());
    staged_.clear();
  }

  void read() {
    const Record* record = reader_.peek();
    ASSERT_EQ(record == nullptr, published_.empty());
    ASSERT_FALSE(reader_.corrupt());
    if (record == nullptr) return;
    const ModelRecord expected = published_.front();
    published_.pop_front();
    ASSERT_EQ(record->price, expected.price);
    ASSERT_EQ(record->slots, expected.slots);
    ASSERT_EQ(reader_.levels().size(), (expected.slots - 1) * levels_per_slot);
    for (unsigned i = 0; i < reader_.levels().size(); ++i) {
      ASSERT_EQ(reader_.levels()[i], (Level{Price{expected.price - i}, Quantity{-expected.price}}));
    }
    reader_.advance();
  }

  Segment segment_;
  std::atomic<std::uint64_t> position_{0};
  SpscWriter writer_;
  SpscReader reader_;
  std::uint64_t capacity_;
  std::mt19937_64 random_;
  std::deque<ModelRecord> staged_;
  std::deque<ModelRecord> published_;
  std::uint64_t written_ = 0;
};

TEST(SpscRingProperty, BehavesLikeADequeUnderEveryInterleaving) {
  constexpr int steps = 20000;
  for (const std::uint64_t capacity : {8U, 16U, 64U, 1024U}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      SCOPED_TRACE("capacity " + std::to_string(capacity) + ", seed " + std::to_string(seed));
      Interleaving interleaving(capacity, seed);
      for (int i = 0; i < steps && !::testing::Test::HasFatalFailure(); ++i) interleaving.step();
      interleaving.drain();
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace ringside::ipc
