// Every fault that the exchange knows, on every venue, over real sockets with TLS, collector and
// worker being real processes: the instrument aimed at shows it, a counter names it, its book is
// the exchange's again within settle_deadline, and no other instrument shows anything.
#include <gtest/gtest.h>

#include <set>

#include "tests/e2e/faulted.hpp"

namespace ringside::e2e {
namespace {

class VenueFaults : public ::testing::TestWithParam<std::string> {};

TEST_P(VenueFaults, EveryKindHasARowThatSaysWhatIsSeenOrWhyNothingIs) {
  std::set<unsigned> kinds;
  for (const auto& rows : {fault_rows(GetParam()), whole_exchange_rows(GetParam())}) {
    for (const auto& row : rows) {
      kinds.insert(static_cast<unsigned>(row.kind));
      EXPECT_NE(row.seen.empty(), row.unseen.empty()) << row.name;
    }
  }
  for (unsigned kind = 0; kind < exchange::fault_kinds; ++kind) {
    EXPECT_TRUE(kinds.contains(kind)) << exchange::name_of(static_cast<exchange::FaultKind>(kind));
  }
}

TEST_P(VenueFaults, AreSeenNamedConfinedAndMended) {
  Faulted faulted(GetParam(), fault_rows(GetParam()));
  faulted.expect_each_row();
  faulted.expect_bystanders_undisturbed();
  faulted.expect_true_books();
}

TEST_P(VenueFaults, OfTheWholeExchangeAreSeenNamedAndMended) {
  for (const auto& row : whole_exchange_rows(GetParam())) {
    SCOPED_TRACE(row.name);
    Faulted faulted(GetParam(), {row});
    faulted.expect_each_row();
    faulted.expect_true_books();
  }
}

INSTANTIATE_TEST_SUITE_P(Venues, VenueFaults, ::testing::ValuesIn(faulted_venues),
                         [](const auto& each) { return name_of_case(each.param); });

}  // namespace
}  // namespace ringside::e2e
