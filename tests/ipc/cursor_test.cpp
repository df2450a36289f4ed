#include "ipc/cursor.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/ipc/temporary_root.hpp"

namespace ringside::ipc {
namespace {

// The worker's side and one collector thread's, over private segments.
struct Sides {
  Sides() : cursor(cursor_in_memory()), ring(spsc_in_memory(16)), writer(cursor), reader(cursor) {}
  Segment cursor;
  Segment ring;
  CursorWriter writer;
  CursorReader reader;
};

TEST(Cursor, TheReadPositionFlowsBackThroughTheBoundEntry) {
  Sides sides;
  SpscWriter ring_writer(sides.ring);
  SpscReader ring_reader(sides.ring);
  EXPECT_FALSE(sides.reader.bind("spsc.c0.0.w0.0", sides.ring));
  EXPECT_EQ(sides.reader.read_position(), nullptr);
  ASSERT_EQ(sides.writer.bind("spsc.c0.0.w0.0", sides.ring, ring_reader), 0U);
  ASSERT_TRUE(sides.reader.bind("spsc.c0.0.w0.0", sides.ring));
  ring_writer.set_read_position_source(sides.reader.read_position());
  for (int i = 0; i < 1000; ++i) {
    Slot* slot = ring_writer.claim(3);
    ASSERT_NE(slot, nullptr) << i;
    slot->put(Record{});
    slot->kind = Kind::Trade;
    ring_writer.commit();
    ring_writer.publish(Ticks{1});
    ASSERT_NE(ring_reader.peek(), nullptr);
    ring_reader.advance();
  }
}

TEST(Cursor, OnlyTheRingThatWasBoundFindsItsEntry) {
  Sides sides;
  SpscReader ring_reader(sides.ring);
  ASSERT_TRUE(sides.writer.bind("spsc.c0.0.w0.0", sides.ring, ring_reader));
  EXPECT_FALSE(sides.reader.bind("spsc.c0.1.w0.0", sides.ring)) << "another name";
  Segment restarted = spsc_in_memory(16);
  EXPECT_FALSE(sides.reader.bind("spsc.c0.0.w0.0", restarted))
      << "the same name and generation, made at another time";
}

TEST(Cursor, RequestsArriveInOrderAndAFullControlRingRefuses) {
  Sides sides;
  SpscReader ring_reader(sides.ring);
  const auto entry = sides.writer.bind("ring", sides.ring, ring_reader);
  ASSERT_TRUE(entry);
  ASSERT_TRUE(sides.reader.bind("ring", sides.ring));
  std::uint32_t sent = 0;
  std::uint32_t received = 0;
  for (int round = 0; round < 10; ++round) {
    while (sides.writer.request_resync(*entry, {InstrumentId{sent}, sent + 1, Cause::SequenceGap},
                                       Ticks{1})) {
      ++sent;
    }
    EXPECT_EQ(sent - received, control_slots);
    while (const auto request = sides.reader.poll_request()) {
      EXPECT_EQ(*request,
                (ResyncRequest{InstrumentId{received}, received + 1, Cause::SequenceGap}));
      ++received;
    }
    EXPECT_EQ(received, sent);
  }
  EXPECT_FALSE(sides.reader.corrupt());
}

TEST(Cursor, ARestartedCollectorGetsNoRequestOfItsPredecessor) {
  Sides sides;
  SpscReader old_reader(sides.ring);
  const auto entry = sides.writer.bind("ring", sides.ring, old_reader);
  ASSERT_TRUE(entry);
  for (std::uint32_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(
        sides.writer.request_resync(*entry, {InstrumentId{i}, 1, Cause::SequenceGap}, Ticks{1}));
  }
  Segment restarted = spsc_in_memory(16);
  SpscReader new_reader(restarted);
  EXPECT_EQ(sides.writer.bind("ring", restarted, new_reader), entry) << "the same entry again";
  CursorReader reader(sides.cursor);
  ASSERT_TRUE(reader.bind("ring", restarted));
  EXPECT_FALSE(reader.poll_request());
  ASSERT_TRUE(
      sides.writer.request_resync(*entry, {InstrumentId{7}, 2, Cause::BookCrossed}, Ticks{1}));
  EXPECT_EQ(reader.poll_request(), (ResyncRequest{InstrumentId{7}, 2, Cause::BookCrossed}));
}

TEST(Cursor, ARestartedWorkerIsNotMisledByThePositionItsPredecessorLeft) {
  Segment ring = spsc_in_memory(16);
  for (int restart = 0; restart < 5; ++restart) {
    Segment cursor = cursor_in_memory();
    CursorWriter writer(cursor);
    SpscReader ring_reader(ring);
    const auto entry = writer.bind("ring", ring, ring_reader);
    ASSERT_TRUE(entry);
    std::uint32_t sent = 0;
    const auto fill = [&] {
      while (writer.request_resync(*entry, {InstrumentId{sent}, 1, Cause::SequenceGap}, Ticks{1})) {
        ++sent;
      }
    };
    fill();
    EXPECT_EQ(sent, control_slots) << "the collector has not bound yet: nothing was read";
    CursorReader reader(cursor);
    ASSERT_TRUE(reader.bind("ring", ring));
    for (std::uint32_t i = 0; i < 60; ++i) {
      ASSERT_EQ(reader.poll_request(), (ResyncRequest{InstrumentId{i}, 1, Cause::SequenceGap}));
    }
    fill();
  }
}

TEST(Cursor, MoreRingsThanEntriesAreRefused) {
  Sides sides;
  std::vector<Segment> rings;
  std::vector<std::unique_ptr<SpscReader>> readers;
  for (std::uint32_t i = 0; i < cursor_entries_max; ++i) {
    rings.push_back(spsc_in_memory(8));
    readers.push_back(std::make_unique<SpscReader>(rings.back()));
    ASSERT_EQ(sides.writer.bind("ring" + std::to_string(i), rings.back(), *readers.back()), i);
  }
  SpscReader one_more(sides.ring);
  EXPECT_FALSE(sides.writer.bind("one-more", sides.ring, one_more));
  EXPECT_FALSE(sides.writer.bind("", sides.ring, one_more));
}

TEST(Cursor, NobodyParkedMeansNobodyWoken) {
  Sides sides;
  EXPECT_FALSE(sides.reader.wake_if_parked());
  EXPECT_FALSE(sides.writer.park([] { return true; })) << "there was work at the last look";
  EXPECT_FALSE(sides.reader.wake_if_parked());
  EXPECT_TRUE(sides.writer.park([] { return false; }, 1000)) << "slept, and woke by the clock";
}

TEST(Cursor, ASegmentThatIsNoCursorNeverBinds) {
  const Segment nothing;
  Segment ring = spsc_in_memory(16);
  CursorReader reader(nothing);
  EXPECT_FALSE(reader.bind("ring", ring));
  EXPECT_FALSE(reader.wake_if_parked());
  EXPECT_FALSE(reader.poll_request());
  CursorReader wrong(ring);
  EXPECT_FALSE(wrong.bind("ring", ring));
}

}  // namespace
}  // namespace ringside::ipc
