// Each rule of the join by a scripted example.
#include "collector/binance_continuity.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tests/collector/binance_stream_model.hpp"

namespace ringside::collector::binance_test {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

ModelMessage spot(std::uint64_t first, std::uint64_t last, std::int64_t price = 1) {
  return {{first, last, 0}, {Level{Price{price}, Quantity{static_cast<std::int64_t>(last)}}}};
}
ModelMessage futures(std::uint64_t previous, std::uint64_t first, std::uint64_t last) {
  return {{first, last, previous}, {Level{Price{1}, Quantity{static_cast<std::int64_t>(last)}}}};
}
std::vector<Level> one_level(std::int64_t quantity) {
  return {Level{Price{1}, Quantity{quantity}}};
}

struct SpotJoin : ::testing::Test {
  Client client{DepthSequencer(SpotSequencer{})};
};
struct FuturesJoin : ::testing::Test {
  Client client{DepthSequencer(FuturesSequencer{})};
};

TEST_F(SpotJoin, BufferedMessagesUpToTheSnapshotAreDroppedAndTheRestApplied) {
  EXPECT_EQ(client.receive(spot(1, 4)), DeltaOutcome::Buffered);
  EXPECT_EQ(client.receive(spot(5, 7)), DeltaOutcome::Buffered);
  EXPECT_EQ(client.receive(spot(8, 8)), DeltaOutcome::Buffered);
  EXPECT_EQ(client.receive_snapshot(5, one_level(5)), SnapshotOutcome::Joined);
  EXPECT_EQ(client.join().dropped_by_snapshot(), 1U);
  EXPECT_TRUE(client.live());
  EXPECT_EQ(client.book().at(1), 8);
  EXPECT_EQ(client.join().newest_id(), 8U);
  EXPECT_EQ(client.receive(spot(9, 10)), DeltaOutcome::Apply);
}

TEST_F(SpotJoin, TheFirstMessageMayBeginRightBehindTheSnapshotButNotLater) {
  EXPECT_EQ(client.receive(spot(6, 7)), DeltaOutcome::Buffered);
  EXPECT_EQ(client.receive_snapshot(4, one_level(4)), SnapshotOutcome::Stale);
  EXPECT_FALSE(client.live());
  EXPECT_EQ(client.receive_snapshot(5, one_level(5)), SnapshotOutcome::Joined);
}

TEST_F(SpotJoin, ASnapshotAheadOfTheStreamIsHeldUntilAMessageReachesBeyondIt) {
  EXPECT_EQ(client.receive(spot(1, 4)), DeltaOutcome::Buffered);
  EXPECT_EQ(client.receive_snapshot(9, one_level(9)), SnapshotOutcome::Held);
  EXPECT_FALSE(client.live());
  EXPECT_EQ(client.receive(spot(5, 9)), DeltaOutcome::Old);
  EXPECT_EQ(client.receive(spot(10, 12)), DeltaOutcome::Joined);
  EXPECT_TRUE(client.live());
  EXPECT_EQ(client.book().at(1), 12);
}

TEST_F(SpotJoin, AMessageBeyondTheHeldSnapshotIsKeptForTheNextOne) {
  EXPECT_EQ(client.receive_snapshot(9, one_level(9)), SnapshotOutcome::Held);
  EXPECT_EQ(client.receive(spot(11, 12)), DeltaOutcome::Unbridged);
  EXPECT_EQ(client.receive_snapshot(10, one_level(10)), SnapshotOutcome::Joined);
  EXPECT_EQ(client.book().at(1), 12);
}

TEST_F(SpotJoin, AQuietStreamMakesTheHeldSnapshotGood) {
  EXPECT_EQ(client.receive_snapshot(9, one_level(9)), SnapshotOutcome::Held);
  client.tick(bridge_quiet_ns - 1);
  EXPECT_FALSE(client.live());
  client.tick(bridge_quiet_ns);
  EXPECT_TRUE(client.live());
  EXPECT_EQ(client.receive(spot(10, 12)), DeltaOutcome::Apply);
}

TEST_F(SpotJoin, QuietOnAConnectionThatBringsNothingAtAllMustLastBeyondItsPing) {
  EXPECT_EQ(client.receive_snapshot(9, one_level(9)), SnapshotOutcome::Held);
  client.tick(bridge_unheard_ns - 1, bridge_quiet_ns - 1);
  EXPECT_FALSE(client.live());
  client.tick(bridge_unheard_ns, bridge_quiet_ns - 1);
  EXPECT_TRUE(client.live());
}

TEST_F(SpotJoin, ASnapshotThatEndsWhereTheNewestMessageDoesNeedsNoOther) {
  client.receive(spot(5, 7));
  client.receive(spot(8, 9));
  EXPECT_EQ(client.receive_snapshot(9, one_level(9)), SnapshotOutcome::Joined);
  EXPECT_EQ(client.join().dropped_by_snapshot(), 2U);
  EXPECT_EQ(client.book().at(1), 9);
  EXPECT_EQ(client.receive(spot(8, 9)), DeltaOutcome::Old);
  EXPECT_EQ(client.receive(spot(10, 12)), DeltaOutcome::Apply);
  EXPECT_EQ(client.receive(spot(14, 14)), DeltaOutcome::Gap);
}

TEST_F(SpotJoin, AStreamThatGoesOnFromBeforeAQuietSnapshotIsNotTrusted) {
  EXPECT_EQ(client.receive_snapshot(9, one_level(9)), SnapshotOutcome::Held);
  client.tick(bridge_quiet_ns);
  ASSERT_TRUE(client.live());
  EXPECT_EQ(client.receive(spot(5, 6)), DeltaOutcome::Ahead);
  EXPECT_FALSE(client.live());
}

TEST_F(SpotJoin, ASnapshotThatStaysAheadOfTheStreamIsGivenUpByCount) {
  EXPECT_EQ(client.receive_snapshot(1'000'000'000, one_level(9)), SnapshotOutcome::Held);
  for (std::uint64_t i = 1; i < bridge_messages_max; ++i) {
    ASSERT_EQ(client.receive(spot(i, i)), DeltaOutcome::Old) << i;
  }
  EXPECT_EQ(client.receive(spot(bridge_messages_max, bridge_messages_max)), DeltaOutcome::Ahead);
  EXPECT_EQ(client.receive_snapshot(bridge_messages_max, one_level(3)), SnapshotOutcome::Joined)
      << "the message that showed it ends where the new snapshot does";
}

TEST_F(SpotJoin, ASnapshotThatStaysAheadOfTheStreamIsGivenUpByTime) {
  EXPECT_EQ(client.receive_snapshot(1'000'000'000, one_level(9)), SnapshotOutcome::Held);
  EXPECT_EQ(client.receive(spot(1, 1), second_ns), DeltaOutcome::Old);
  client.tick(20 * second_ns);
  EXPECT_FALSE(client.live()) << "old messages came: the stream is not quiet";
  EXPECT_EQ(client.receive(spot(2, 2), bridge_ns_max), DeltaOutcome::Ahead);
}

TEST_F(SpotJoin, AfterTheJoinEachMessageBeginsRightBehindTheOneBefore) {
  client.receive(spot(5, 7));
  client.receive_snapshot(5, one_level(5));
  EXPECT_EQ(client.receive(spot(8, 9)), DeltaOutcome::Apply);
  EXPECT_EQ(client.receive(spot(8, 9)), DeltaOutcome::Old) << "duplicate";
  EXPECT_EQ(client.receive(spot(5, 7)), DeltaOutcome::Old) << "older";
  EXPECT_TRUE(client.live());
  EXPECT_EQ(client.receive(spot(11, 11)), DeltaOutcome::Gap);
  EXPECT_FALSE(client.live());
  EXPECT_EQ(client.receive_snapshot(10, one_level(10)), SnapshotOutcome::Joined)
      << "the message that showed the gap was kept";
}

TEST_F(SpotJoin, OverlappingIdsContradictEachOther) {
  client.receive(spot(5, 7));
  client.receive_snapshot(5, one_level(5));
  EXPECT_EQ(client.receive(spot(8, 8888)), DeltaOutcome::Apply) << "a damaged u, not yet visible";
  EXPECT_EQ(client.receive(spot(10, 11)), DeltaOutcome::Gap);
}

TEST_F(SpotJoin, AHoleInTheBufferThrowsAwayWhatLiesBeforeIt) {
  EXPECT_EQ(client.receive(spot(1, 2)), DeltaOutcome::Buffered);
  EXPECT_EQ(client.receive(spot(4, 5)), DeltaOutcome::Restarted);
  EXPECT_EQ(client.receive(spot(3, 3)), DeltaOutcome::Old);
  EXPECT_EQ(client.receive_snapshot(1, one_level(1)), SnapshotOutcome::Stale);
  EXPECT_EQ(client.receive_snapshot(3, one_level(3)), SnapshotOutcome::Joined);
  EXPECT_EQ(client.book().at(1), 5);
}

TEST_F(SpotJoin, TheBufferIsBoundedInMessages) {
  for (std::uint64_t i = 1; i <= join_messages_max; ++i) {
    ASSERT_EQ(client.receive(spot(i, i)), DeltaOutcome::Buffered);
  }
  const auto next = join_messages_max + 1;
  EXPECT_EQ(client.receive(spot(next, next)), DeltaOutcome::Overflowed);
  EXPECT_EQ(client.join().buffered_count(), 0U);
  EXPECT_EQ(client.receive(spot(next + 1, next + 1)), DeltaOutcome::Buffered);
  EXPECT_EQ(client.receive_snapshot(next, one_level(3)), SnapshotOutcome::Joined);
}

TEST_F(SpotJoin, TheBufferIsBoundedInLevels) {
  ModelMessage big = spot(1, 1);
  big.levels.resize(join_levels_max / 2);
  EXPECT_EQ(client.receive(big), DeltaOutcome::Buffered);
  big.ids = {2, 2, 0};
  EXPECT_EQ(client.receive(big), DeltaOutcome::Buffered);
  EXPECT_EQ(client.receive(spot(3, 3)), DeltaOutcome::Overflowed);
}

TEST_F(SpotJoin, ASnapshotNobodyWaitsForChangesNothing) {
  client.receive(spot(5, 7));
  client.receive_snapshot(5, one_level(5));
  EXPECT_EQ(client.receive_snapshot(6, one_level(99)), SnapshotOutcome::Unwanted);
  EXPECT_EQ(client.book().at(1), 7);
}

TEST_F(SpotJoin, AResyncKeepsTheBufferOnlyWhileOneIsBeingFilled) {
  client.receive(spot(5, 7));
  client.join().want_snapshot();
  EXPECT_EQ(client.join().buffered_count(), 1U);
  client.receive_snapshot(5, one_level(5));
  client.join().want_snapshot();
  EXPECT_EQ(client.join().state(), JoinState::Waiting);
  EXPECT_EQ(client.join().buffered_count(), 0U);
}

TEST_F(FuturesJoin, AMessageThatEndsAtTheSnapshotIsApplied) {
  EXPECT_EQ(client.receive(futures(80, 90, 99)), DeltaOutcome::Buffered);
  EXPECT_EQ(client.receive(futures(99, 105, 110)), DeltaOutcome::Buffered);
  EXPECT_EQ(client.receive_snapshot(110, one_level(110)), SnapshotOutcome::Joined);
  EXPECT_EQ(client.join().dropped_by_snapshot(), 1U);
  EXPECT_EQ(client.receive(futures(110, 130, 140)), DeltaOutcome::Apply);
}

TEST_F(FuturesJoin, TheFirstMessageSpansTheSnapshot) {
  EXPECT_EQ(client.receive(futures(80, 90, 99)), DeltaOutcome::Buffered);
  EXPECT_EQ(client.receive_snapshot(95, one_level(95)), SnapshotOutcome::Joined);
  EXPECT_EQ(client.book().at(1), 99);
}

TEST_F(FuturesJoin, ASnapshotBetweenTwoMessagesJoinsToo) {
  EXPECT_EQ(client.receive(futures(99, 105, 110)), DeltaOutcome::Buffered);
  EXPECT_EQ(client.receive_snapshot(98, one_level(98)), SnapshotOutcome::Stale);
  EXPECT_EQ(client.receive_snapshot(99, one_level(99)), SnapshotOutcome::Joined);
}

TEST_F(FuturesJoin, AfterTheJoinEachPuIsThePreviousU) {
  client.receive(futures(80, 90, 99));
  client.receive_snapshot(95, one_level(95));
  EXPECT_EQ(client.receive(futures(99, 120, 130)), DeltaOutcome::Apply) << "U jumps: normal here";
  EXPECT_EQ(client.receive(futures(99, 120, 130)), DeltaOutcome::Old);
  EXPECT_EQ(client.receive(futures(80, 90, 99)), DeltaOutcome::Old);
  EXPECT_EQ(client.receive(futures(131, 132, 140)), DeltaOutcome::Gap);
  EXPECT_EQ(client.receive_snapshot(131, one_level(1)), SnapshotOutcome::Joined);
}

TEST(DepthIds, ContradictionsAreNotPlausible) {
  EXPECT_TRUE(SpotSequencer::plausible({5, 5, 0}));
  EXPECT_FALSE(SpotSequencer::plausible({6, 5, 0}));
  EXPECT_FALSE(SpotSequencer::plausible({6, depth_id_limit, 0}));
  EXPECT_TRUE(FuturesSequencer::plausible({5, 5, 4}));
  EXPECT_FALSE(FuturesSequencer::plausible({5, 5, 5}));
}

}  // namespace
}  // namespace ringside::collector::binance_test
