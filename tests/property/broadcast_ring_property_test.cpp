// The broadcast ring against the list of all records ever published, with readers of every pace,
// from a printed seed.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <vector>

#include "ipc/broadcast_ring.hpp"

namespace ringside::ipc {
namespace {

struct ModelRecord {
  std::int64_t price = 0;
  unsigned slots = 0;
  Kind kind = Kind::Trade;
  std::size_t level_count = 0;
};

Level level_of(std::int64_t price, std::size_t index) {
  return Level{Price{price + static_cast<std::int64_t>(index)}, Quantity{~price}};
}

class Model {
 public:
  Model(std::uint64_t capacity, std::uint64_t seed)
      : segment_(broadcast_in_memory(capacity)),
        writer_(segment_),
        buffer_(std::make_unique<RecordBuffer>()),
        capacity_(capacity),
        random_(seed) {
    for (int i = 0; i < 3; ++i) readers_.emplace_back(segment_);
  }

  void step() {
    const auto choice = random_() % 10;
    if (choice < 5) {
      write();
    } else if (choice < 9) {
      // The first keeps up, the second now and then, the third is mostly too late.
      read(readers_[choice % 3 == 0 && random_() % 6 != 0 ? 0 : random_() % 3]);
    } else if (random_() % 20 == 0) {
      join(readers_[random_() % 3]);
    }
  }
  [[nodiscard]] std::uint64_t losses() const { return losses_; }
  [[nodiscard]] std::uint64_t reads() const { return reads_; }

 private:
  void write() {
    const auto most = claim_slots_max(capacity_);
    ModelRecord model;
    model.level_count = random_() % 3 == 0 ? random_() % ((most - 1) * levels_per_slot + 1) : 0;
    model.slots = 1 + continuation_slots(static_cast<unsigned>(model.level_count));
    model.kind = random_() % 8 == 0 ? Kind::Key : Kind::Levels;
    model.price = static_cast<std::int64_t>(random_() % 100000);
    Record record;
    record.kind = model.kind;
    record.quantity = model.price;
    record.set_counts(static_cast<std::uint32_t>(model.level_count), 0);
    std::vector<Level> levels;
    for (std::size_t i = 0; i < model.level_count; ++i) levels.push_back(level_of(model.price, i));
    writer_.publish(record, levels, Ticks{1});
    const auto at = writer_.position() - model.slots;
    records_[at] = model;
    if (model.kind == Kind::Key) last_key_ = at;
  }

  // Whether the ring may have lost what starts at this position: the marker behind the newest
  // record is the last slot that was written.
  [[nodiscard]] bool overwritten(RingPosition at) const {
    return writer_.position() >= at + capacity_;
  }

  void read(BroadcastReader& reader) {
    const auto before = reader.position();
    const auto expected = records_.lower_bound(before);
    const PollStatus status = reader.poll(*buffer_);
    ASSERT_NE(status, PollStatus::Corrupt);
    if (status == PollStatus::Lost) {
      ASSERT_TRUE(overwritten(reader.lost_from()));
      ASSERT_EQ(reader.position(), reader.lost_to());
      ASSERT_GT(reader.lost_to(), reader.lost_from());
      const auto& key = records_.find(reader.lost_to());
      ASSERT_TRUE(reader.lost_to() == writer_.position() || reader.lost_to() == last_key_);
      ASSERT_TRUE(reader.lost_to() == writer_.position() || key != records_.end());
      ++losses_;
      return;
    }
    if (expected == records_.end()) {
      ASSERT_EQ(status, PollStatus::Empty);
      return;
    }
    ASSERT_EQ(status, PollStatus::Ok);
    const ModelRecord& model = expected->second;
    ASSERT_EQ(reader.position(), expected->first + model.slots);
    ASSERT_EQ(buffer_->record.kind, model.kind);
    ASSERT_EQ(buffer_->record.quantity, model.price);
    ASSERT_EQ(buffer_->bids().size(), model.level_count);
    for (std::size_t i = 0; i < model.level_count; ++i) {
      ASSERT_EQ(buffer_->bids()[i], level_of(model.price, i));
    }
    ++reads_;
  }

  void join(BroadcastReader& reader) {
    if (random_() % 2 == 0) {
      reader.join_at_tail();
      ASSERT_EQ(reader.position(), writer_.position());
    } else {
      reader.join_at_newest_key();
    }
  }

  Segment segment_;
  BroadcastWriter writer_;
  std::vector<BroadcastReader> readers_;
  std::unique_ptr<RecordBuffer> buffer_;
  std::uint64_t capacity_;
  std::mt19937_64 random_;
  std::map<RingPosition, ModelRecord> records_;
  RingPosition last_key_ = ~RingPosition{0};
  std::uint64_t losses_ = 0;
  std::uint64_t reads_ = 0;
};

TEST(BroadcastRingProperty, EveryReadIsTheRecordAtItsPositionAndEveryLossIsReal) {
  constexpr int steps = 20000;
  std::uint64_t losses = 0;
  std::uint64_t reads = 0;
  for (const std::uint64_t capacity : {8U, 16U, 64U, 512U}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      SCOPED_TRACE("capacity " + std::to_string(capacity) + ", seed " + std::to_string(seed));
      Model model(capacity, seed);
      for (int i = 0; i < steps && !::testing::Test::HasFatalFailure(); ++i) model.step();
      if (::testing::Test::HasFatalFailure()) return;
      losses += model.losses();
      reads += model.reads();
    }
  }
  EXPECT_GT(losses, 1000U) << "the schedule must lap its readers";
  EXPECT_GT(reads, 10000U);
}

}  // namespace
}  // namespace ringside::ipc
