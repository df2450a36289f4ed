#include "ipc/broadcast_ring.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace ringside::ipc {
namespace {

struct Ring {
  explicit Ring(std::uint64_t slots) : segment(broadcast_in_memory(slots)), writer(segment) {}
  void put(std::int64_t price, Kind kind = Kind::Trade, unsigned level_count = 0) {
    Record record;
    record.kind = kind;
    record.price = price;
    std::vector<Level> levels;
    for (unsigned i = 0; i < level_count; ++i) {
      levels.push_back(Level{Price{price + i}, Quantity{i}});
    }
    if (kind == Kind::Key || kind == Kind::Levels) record.set_counts(level_count, 0);
    writer.publish(record, levels, Ticks{1});
  }
  std::atomic<std::uint64_t>& word(std::uint64_t slot, unsigned index) {
    return reinterpret_cast<BroadcastSlot*>(segment.writable_data().data())[slot].words[index];
  }

  Segment segment;
  BroadcastWriter writer;
  std::unique_ptr<RecordBuffer> buffer = std::make_unique<RecordBuffer>();
};

TEST(BroadcastRing, EveryReaderSeesEveryRecordAtItsOwnPace) {
  Ring ring(16);
  BroadcastReader early(ring.segment);
  BroadcastReader late(ring.segment);
  for (int i = 0; i < 5; ++i) {
    ring.put(i);
    ASSERT_EQ(early.poll(*ring.buffer), PollStatus::Ok);
    EXPECT_EQ(ring.buffer->record.price, i);
  }
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(late.poll(*ring.buffer), PollStatus::Ok);
    EXPECT_EQ(ring.buffer->record.price, i);
  }
  EXPECT_EQ(early.poll(*ring.buffer), PollStatus::Empty);
  EXPECT_EQ(late.poll(*ring.buffer), PollStatus::Empty);
}

TEST(BroadcastRing, ContinuationSlotsComeWholeAndTheRestOfTheLastIsZero) {
  Ring ring(16);
  BroadcastReader reader(ring.segment);
  for (int round = 0; round < 5; ++round) {
    ring.put(1000, Kind::Levels, 6);
    ASSERT_EQ(reader.poll(*ring.buffer), PollStatus::Ok);
    EXPECT_EQ(ring.buffer->record.slots, 3);
    ASSERT_EQ(ring.buffer->bids().size(), 6U);
    EXPECT_EQ(ring.buffer->bids()[5].price.mantissa, 1005);
    EXPECT_EQ(ring.buffer->levels().size(), 8U);
    EXPECT_EQ(ring.buffer->levels()[7], Level{});
  }
}

TEST(BroadcastRing, ALappedReaderLearnsExactlyWhichPositionsItLost) {
  Ring ring(16);
  BroadcastReader reader(ring.segment);
  for (int i = 0; i < 15; ++i) ring.put(i);
  ASSERT_EQ(reader.poll(*ring.buffer), PollStatus::Ok) << "a full ring is no loss";
  for (int i = 15; i < 40; ++i) ring.put(i);
  ASSERT_EQ(reader.poll(*ring.buffer), PollStatus::Lost);
  EXPECT_EQ(reader.lost_from(), 1U);
  EXPECT_EQ(reader.lost_to(), 40U);
  EXPECT_EQ(reader.poll(*ring.buffer), PollStatus::Empty);
  ring.put(40);
  ASSERT_EQ(reader.poll(*ring.buffer), PollStatus::Ok);
  EXPECT_EQ(ring.buffer->record.price, 40);
}

TEST(BroadcastRing, ALappedReaderRejoinsAtTheNewestKeyRecord) {
  Ring ring(16);
  BroadcastReader reader(ring.segment);
  for (int i = 0; i < 30; ++i) ring.put(i);
  ring.put(0, Kind::Key, 2);
  ring.put(32);
  ASSERT_EQ(reader.poll(*ring.buffer), PollStatus::Lost);
  EXPECT_EQ(reader.lost_to(), 30U);
  ASSERT_EQ(reader.poll(*ring.buffer), PollStatus::Ok);
  EXPECT_EQ(ring.buffer->record.kind, Kind::Key);
  ASSERT_EQ(reader.poll(*ring.buffer), PollStatus::Ok);
  EXPECT_EQ(ring.buffer->record.price, 32);
}

TEST(BroadcastRing, AKeyRecordThatIsItselfOverwrittenIsNotRejoinedAt) {
  Ring ring(16);
  BroadcastReader reader(ring.segment);
  ring.put(0, Kind::Key);
  for (int i = 1; i < 40; ++i) ring.put(i);
  ASSERT_EQ(reader.poll(*ring.buffer), PollStatus::Lost);
  EXPECT_EQ(reader.lost_to(), 40U);
}

TEST(BroadcastRing, ALateReaderStartsAtTheNewestKeyAndElseAtTheTail) {
  Ring ring(16);
  for (int i = 0; i < 5; ++i) ring.put(i);
  BroadcastReader at_tail(ring.segment);
  EXPECT_EQ(at_tail.poll(*ring.buffer), PollStatus::Empty);
  ring.put(0, Kind::Key);
  ring.put(6);
  BroadcastReader at_key(ring.segment);
  EXPECT_EQ(at_key.position(), 5U);
  at_key.join_at_start();
  ASSERT_EQ(at_key.poll(*ring.buffer), PollStatus::Ok);
  EXPECT_EQ(ring.buffer->record.price, 0);
  EXPECT_EQ(at_key.backlog(), 6U);
}

// Between the newest record and the hint that counts it, for a while or, after a kill, for ever.
TEST(BroadcastRing, WhatTheHintDoesNotCountYetIsNotShownAgainAtTheTail) {
  for (const unsigned before : {1U, 13U}) {  // 13: a pad lies between
    Ring ring(16);
    for (unsigned i = 0; i < before; ++i) ring.put(i);
    const auto hinted = ring.writer.position();
    ring.put(77, Kind::Levels, 12);  // four slots
    auto& hint = ring.segment.writable_header().kind_words[broadcast_word_tail_hint].value;
    hint.store(hinted, std::memory_order_release);
    BroadcastReader reader(ring.segment);  // no key: at what the hint says
    ASSERT_EQ(reader.poll(*ring.buffer), PollStatus::Ok);
    EXPECT_EQ(ring.buffer->record.bid_count(), 12U);
    reader.join_at_tail();
    EXPECT_EQ(reader.poll(*ring.buffer), PollStatus::Empty);
    ring.put(78);
    ASSERT_EQ(reader.poll(*ring.buffer), PollStatus::Ok);
    EXPECT_EQ(ring.buffer->record.price, 78);
  }
}

TEST(BroadcastRing, ATailThatLiesDoesNotLeadOutOfTheRing) {
  Ring ring(16);
  BroadcastReader reader(ring.segment);
  for (int i = 0; i < 4; ++i) ring.put(i);
  auto& hint = ring.segment.writable_header().kind_words[broadcast_word_tail_hint].value;
  hint.store(1, std::memory_order_release);
  for (const std::uint64_t slots : {0ULL, 17ULL, 255ULL}) {
    ring.word(1, 1).store(slots << 48, std::memory_order_release);
    reader.join_at_tail();
    EXPECT_EQ(reader.position(), 1U) << "it is not gone over";
  }
  hint.store(~std::uint64_t{0}, std::memory_order_release);
  reader.join_at_tail();
  EXPECT_EQ(reader.poll(*ring.buffer), PollStatus::Corrupt);
}

TEST(BroadcastRing, ARecordLeftHalfWrittenByADeadWriterIsEmptyForEver) {
  Ring ring(16);
  BroadcastReader reader(ring.segment);
  ring.put(1, Kind::Levels, 4);
  ASSERT_EQ(reader.poll(*ring.buffer), PollStatus::Ok);
  // What write() has done before its last store.
  ring.word(2, 3).store(12345, std::memory_order_release);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(reader.poll(*ring.buffer), PollStatus::Empty);
}

TEST(BroadcastRing, ARecordOverwrittenWhileItIsCopiedIsLostNotTorn) {
  Ring ring(16);
  BroadcastReader reader(ring.segment);
  for (int i = 0; i < 4; ++i) ring.put(i);
  // What the next lap's writer does first to the slot that the reader stands at: the marker.
  ring.word(0, 0).store(broadcast_writing(16), std::memory_order_release);
  EXPECT_EQ(reader.poll(*ring.buffer), PollStatus::Lost);
  EXPECT_EQ(reader.lost_from(), 0U);
  EXPECT_EQ(reader.lost_to(), 4U);
}

TEST(BroadcastRing, AContinuationOfALaterLapIsRecognisedAsLost) {
  Ring ring(16);
  BroadcastReader reader(ring.segment);
  for (int i = 0; i < 15; ++i) ring.put(i);
  ring.put(7, Kind::Levels, 0);
  ring.put(-5, Kind::Levels, 28);  // over the slots of the first records
  ASSERT_EQ(reader.poll(*ring.buffer), PollStatus::Lost);
  EXPECT_EQ(reader.lost_to(), ring.writer.position());
}

TEST(BroadcastRing, MemoryThatNoWriterLeavesIsCorruptAndStaysSo) {
  Ring ring(16);
  BroadcastReader reader(ring.segment);
  ring.word(0, 0).store(0, std::memory_order_release);
  EXPECT_EQ(reader.poll(*ring.buffer), PollStatus::Corrupt);
  EXPECT_EQ(reader.poll(*ring.buffer), PollStatus::Corrupt);
}

TEST(BroadcastRing, ARecordThatReachesBeyondTheRingIsCorrupt) {
  Ring ring(16);
  BroadcastReader reader(ring.segment);
  ring.put(1);
  Record hostile;
  hostile.kind = Kind::Trade;
  hostile.slots = 17;
  std::array<std::uint64_t, slot_words> words{};
  std::memcpy(words.data(), &hostile, sizeof(hostile));
  ring.word(0, 1).store(words[1], std::memory_order_release);
  EXPECT_EQ(reader.poll(*ring.buffer), PollStatus::Corrupt);
}

TEST(BroadcastRing, HintsBeyondAllPositionsAreCorrupt) {
  Ring ring(16);
  auto& words = ring.segment.writable_header().kind_words;
  words[broadcast_word_tail_hint].value.store(~std::uint64_t{0}, std::memory_order_release);
  BroadcastReader reader(ring.segment);
  EXPECT_EQ(reader.poll(*ring.buffer), PollStatus::Corrupt);
}

TEST(BroadcastRing, ASegmentThatIsNoRingIsCorrupt) {
  BroadcastReader nothing((Segment()));
  RecordBuffer buffer;
  EXPECT_EQ(nothing.poll(buffer), PollStatus::Corrupt);
  nothing.join_at_tail();
  EXPECT_EQ(nothing.poll(buffer), PollStatus::Corrupt);
  EXPECT_EQ(nothing.backlog(), 0U);
}

}  // namespace
}  // namespace ringside::ipc
