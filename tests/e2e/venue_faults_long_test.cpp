// A channel that falls silent on a live connection, on every venue: its book is stale once its own
// past says so, which takes a minute to learn; nobody else's is; and when it speaks again, what it
// has not said is noticed.
#include <gtest/gtest.h>

#include "tests/e2e/faulted.hpp"

namespace ringside::e2e {
namespace {

constexpr milliseconds learned_and_over{150'000};

class MutedChannel : public ::testing::TestWithParam<std::string> {};

TEST_P(MutedChannel, IsFlaggedStaleAndMendedWhenItSpeaksAgain) {
  const bool kraken = GetParam().starts_with("kraken");
  FaultRow row{exchange::FaultKind::Mute, "mute", "mute:$@+75s~20s"};
  row.seen = {{State::Stale, Cause::NoData},
              {State::Gap, kraken ? Cause::ChecksumFailed : Cause::SequenceGap}};
  row.counted = {"went_stale", kraken ? "checksum_failed" : "sequence_gaps"};
  Faulted faulted(GetParam(), {row});
  faulted.expect_each_row(learned_and_over);
  faulted.expect_bystanders_undisturbed();
  faulted.expect_true_books();
}

INSTANTIATE_TEST_SUITE_P(Venues, MutedChannel, ::testing::ValuesIn(faulted_venues),
                         [](const auto& each) { return name_of_case(each.param); });

}  // namespace
}  // namespace ringside::e2e
