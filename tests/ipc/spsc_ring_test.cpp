#include "ipc/spsc_ring.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace ringside::ipc {
namespace {

// Writer and reader over one private ring, joined by a position word as a cursor segment would.
struct Pair {
  explicit Pair(std::uint64_t slots)
      : segment(spsc_in_memory(slots)), writer(segment), reader(segment) {
    writer.set_read_position_source(&position);
    reader.set_position_word(&position);
  }
  bool put(std::int64_t price, unsigned slots = 1) {
    Slot* slot = writer.claim(slots);
    if (slot == nullptr) return false;
    Record record;
    record.kind = Kind::Trade;
    record.price = price;
    slot->put(record);
    for (unsigned i = 0; i < (slots - 1) * levels_per_slot; ++i) {
      slot->levels()[i] = Level{Price{price + i}, Quantity{i}};
    }
    writer.commit();
    return true;
  }
  std::int64_t take() {
    const Record* record = reader.peek();
    if (record == nullptr) return -1;
    const auto price = record->price;
    reader.advance();
    return price;
  }
  // The first slot of the ring's memory, for tests that play a hostile writer.
  Slot& raw(std::uint64_t index) {
    return reinterpret_cast<Slot*>(segment.writable_data().data())[index];
  }

  Segment segment;
  std::atomic<std::uint64_t> position{0};
  SpscWriter writer;
  SpscReader reader;
};

TEST(SpscRing, NothingIsSeenBeforeItIsPublishedAndThenAllOfItInOrder) {
  Pair ring(16);
  ASSERT_TRUE(ring.put(1));
  ASSERT_TRUE(ring.put(2));
  EXPECT_EQ(ring.reader.peek(), nullptr);
  EXPECT_EQ(ring.writer.publish(Ticks{1}), 2U);
  EXPECT_EQ(ring.take(), 1);
  EXPECT_EQ(ring.take(), 2);
  EXPECT_EQ(ring.reader.peek(), nullptr);
  EXPECT_FALSE(ring.reader.corrupt());
}

TEST(SpscRing, PeekingTwiceGivesTheSameRecord) {
  Pair ring(16);
  ASSERT_TRUE(ring.put(5));
  ring.writer.publish(Ticks{1});
  EXPECT_EQ(ring.reader.peek()->price, 5);
  EXPECT_EQ(ring.reader.peek()->price, 5);
  EXPECT_EQ(ring.reader.position(), 0U);
}

TEST(SpscRing, AClaimThatIsNotCommittedIsForgotten) {
  Pair ring(16);
  Slot* slot = ring.writer.claim(3);
  ASSERT_NE(slot, nullptr);
  slot->put(Record{});
  slot->levels()[0] = Level{Price{-1}, Quantity{-1}};
  ASSERT_TRUE(ring.put(7));
  ring.writer.publish(Ticks{1});
  EXPECT_EQ(ring.take(), 7);
  EXPECT_EQ(ring.take(), -1);
}

TEST(SpscRing, ACommitMayUseFewerSlotsThanWereClaimed) {
  Pair ring(16);
  Slot* slot = ring.writer.claim(8);
  ASSERT_NE(slot, nullptr);
  Record record;
  record.kind = Kind::Levels;
  record.set_counts(1, 2);
  slot->put(record);
  for (unsigned i = 0; i < 3; ++i) slot->levels()[i] = Level{Price{i}, Quantity{10 + i}};
  ring.writer.commit(2);
  ring.writer.publish(Ticks{1});
  const Record* read = ring.reader.peek();
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(read->slots, 2);
  ASSERT_EQ(ring.reader.bids().size(), 1U);
  ASSERT_EQ(ring.reader.asks().size(), 2U);
  EXPECT_EQ(ring.reader.asks()[1].quantity.mantissa, 12);
  ring.reader.advance();
  EXPECT_EQ(ring.reader.position(), 2U);
}

TEST(SpscRing, ARecordThatDoesNotFitBeforeTheEndStartsAtTheBeginning) {
  Pair ring(16);
  for (int i = 0; i < 14; ++i) ASSERT_TRUE(ring.put(i));
  ring.writer.publish(Ticks{1});
  for (int i = 0; i < 14; ++i) ASSERT_EQ(ring.take(), i);
  ASSERT_EQ(ring.reader.peek(), nullptr);
  ASSERT_TRUE(ring.put(100, 4));
  EXPECT_EQ(ring.writer.publish(Ticks{1}), 1U) << "a pad is no record";
  const Record* record = ring.reader.peek();
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->price, 100);
  EXPECT_EQ(ring.reader.position(), 16U);
  EXPECT_EQ(ring.reader.levels().size(), 12U);
  EXPECT_EQ(ring.reader.levels()[11].price.mantissa, 111);
}

TEST(SpscRing, AFullRingRefusesUntilTheReaderHasSaidHowFarItIs) {
  Pair ring(16);
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(ring.put(i));
  EXPECT_FALSE(ring.put(16));
  ring.writer.publish(Ticks{1});
  EXPECT_FALSE(ring.put(16));
  EXPECT_EQ(ring.take(), 0);
  EXPECT_FALSE(ring.put(16)) << "one slot of sixteen is not worth a message";
  EXPECT_EQ(ring.take(), 1);
  EXPECT_TRUE(ring.put(16));
  EXPECT_TRUE(ring.put(17));
  EXPECT_FALSE(ring.put(18));
  EXPECT_EQ(ring.writer.free_slots(), 0U);
}

TEST(SpscRing, WithoutAReaderItFillsOnce) {
  Segment segment = spsc_in_memory(8);
  SpscWriter writer(segment);
  for (int i = 0; i < 8; ++i) {
    ASSERT_NE(writer.claim(1), nullptr);
    writer.commit();
  }
  writer.publish(Ticks{1});
  EXPECT_EQ(writer.claim(1), nullptr);
}

TEST(SpscRing, AReadPositionThatCannotBeIsNotBelieved) {
  Pair ring(8);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(ring.put(i));
  ring.writer.publish(Ticks{1});
  ring.position.store(9, std::memory_order_release);
  EXPECT_EQ(ring.writer.claim(1), nullptr) << "past what was published";
  ring.position.store(4, std::memory_order_release);
  EXPECT_EQ(ring.writer.free_slots(), 4U);
  ring.position.store(2, std::memory_order_release);
  EXPECT_EQ(ring.writer.free_slots(), 4U) << "it went back";
}

TEST(SpscRing, ThePublishDeltaIsTheTicksSinceReceiptAndSaturates) {
  Pair ring(16);
  for (const std::uint64_t receive : {std::uint64_t{100}, std::uint64_t{5000}, std::uint64_t{0}}) {
    Slot* slot = ring.writer.claim(1);
    Record record;
    record.kind = Kind::Trade;
    record.receive_tsc = receive;
    slot->put(record);
    ring.writer.commit();
    ring.writer.publish(receive == 0 ? Ticks{std::uint64_t{1} << 40} : Ticks{1000});
  }
  EXPECT_EQ(ring.reader.peek()->publish_delta, 900U);
  ring.reader.advance();
  EXPECT_EQ(ring.reader.peek()->publish_delta, 0U);
  ring.reader.advance();
  EXPECT_EQ(ring.reader.peek()->publish_delta, std::numeric_limits<std::uint32_t>::max());
}

TEST(SpscRing, DropsReachTheReaderThroughTheHeader) {
  Pair ring(16);
  EXPECT_EQ(ring.reader.drops(), 0U);
  ring.writer.add_drops(3);
  ring.writer.add_drops(2);
  EXPECT_EQ(ring.reader.drops(), 5U);
}

TEST(SpscRing, ANewReaderCanStartAtTheHead) {
  Pair ring(16);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(ring.put(i));
  ring.writer.publish(Ticks{1});
  ASSERT_TRUE(ring.put(5));
  SpscReader restarted(ring.segment);
  EXPECT_EQ(restarted.backlog(), 5U);
  EXPECT_EQ(restarted.move_to_head(), 5U);
  EXPECT_EQ(restarted.peek(), nullptr);
  EXPECT_FALSE(restarted.ready_before_park());
  ring.writer.publish(Ticks{1}, Visibility::BeforeWakeCheck);
  EXPECT_TRUE(restarted.ready_before_park());
  ASSERT_NE(restarted.peek(), nullptr);
  EXPECT_EQ(restarted.peek()->price, 5);
}

TEST(SpscRing, StalePayloadOfAnEarlierLapIsNotARecord) {
  Pair ring(8);
  // The continuation of the first lap lies where the second lap's records will start.
  ASSERT_TRUE(ring.put(-mantissa_limit + 1, 4));
  ASSERT_TRUE(ring.put(mantissa_limit - 100, 4));
  ring.writer.publish(Ticks{1});
  EXPECT_EQ(ring.take(), -mantissa_limit + 1);
  EXPECT_EQ(ring.take(), mantissa_limit - 100);
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(ring.reader.peek(), nullptr);
    EXPECT_FALSE(ring.reader.corrupt());
    ASSERT_TRUE(ring.put(i));
    ring.writer.publish(Ticks{1});
    EXPECT_EQ(ring.take(), i);
  }
}

TEST(SpscRing, AStampOfTheFutureIsCorrupt) {
  Pair ring(8);
  ring.raw(0).stamp.store(spsc_stamp(8), std::memory_order_release);
  EXPECT_EQ(ring.reader.peek(), nullptr);
  EXPECT_TRUE(ring.reader.corrupt());
  EXPECT_TRUE(ring.reader.ready_before_park()) << "must not sleep on it";
}

TEST(SpscRing, ARecordThatReachesBeyondTheRingIsCorrupt) {
  for (const std::uint8_t slots : {std::uint8_t{0}, std::uint8_t{9}, std::uint8_t{255}}) {
    Pair ring(8);
    ring.raw(0).put(Record{});
    ring.raw(0).kind = Kind::Trade;
    ring.raw(0).slots = slots;
    ring.raw(0).stamp.store(spsc_stamp(0), std::memory_order_release);
    EXPECT_EQ(ring.reader.peek(), nullptr);
    EXPECT_TRUE(ring.reader.corrupt());
  }
}

TEST(SpscRing, CountsThatReachBeyondTheRecordAreCorrupt) {
  for (const auto& [bids, asks] : {std::pair{5U, 0U}, std::pair{0xffff'ffffU, 0xffff'ffffU}}) {
    Pair ring(8);
    ring.raw(0).put(Record{});
    ring.raw(0).kind = Kind::Snapshot;
    ring.raw(0).slots = 2;
    ring.raw(0).set_counts(bids, asks);
    ring.raw(0).stamp.store(spsc_stamp(0), std::memory_order_release);
    EXPECT_EQ(ring.reader.peek(), nullptr);
    EXPECT_TRUE(ring.reader.corrupt());
  }
}

TEST(SpscRing, ASegmentOfAnotherKindMakesACorruptReader) {
  SegmentSpec spec = spsc_spec(8);
  spec.item_count = 7;
  const Segment odd = create_private_segment(spec);
  EXPECT_TRUE(SpscReader(odd).corrupt());
  EXPECT_TRUE(SpscReader(Segment()).corrupt());
}

}  // namespace
}  // namespace ringside::ipc
