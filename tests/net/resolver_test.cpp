#include "net/resolver.hpp"

#include <gtest/gtest.h>

#include <string>

#include "loopback.hpp"

namespace ringside::net {
namespace {

class ResolverTest : public OverEachBackend {};

struct Answer {
  int count = 0;
  LookupResult last;
  static void keep(void* context, const LookupResult& result) noexcept {
    auto& self = *static_cast<Answer*>(context);
    ++self.count;
    self.last = result;
  }
};

TEST_P(ResolverTest, LocalhostIsFoundOnTheOtherThread) {
  Answer answer;
  Lookup lookup{.callback = Answer::keep, .context = &answer};
  ASSERT_TRUE(loop().resolver().start(lookup, "localhost", 4711));
  ASSERT_TRUE(turn_until([&] { return answer.count > 0; }));
  ASSERT_EQ(answer.last.error, 0);
  ASSERT_GT(answer.last.count, 0u);
  const std::string first = format_address(answer.last.addresses[0]);
  EXPECT_TRUE(first == "127.0.0.1:4711" || first == "[::1]:4711") << first;
}

TEST_P(ResolverTest, SeveralQuestionsAreAnsweredEachToItsOwner) {
  Answer answers[3];
  Lookup lookups[3];
  for (int i = 0; i < 3; ++i) {
    lookups[i] = {.callback = Answer::keep, .context = &answers[i]};
    ASSERT_TRUE(
        loop().resolver().start(lookups[i], "localhost", static_cast<std::uint16_t>(1000 + i)));
  }
  ASSERT_TRUE(
      turn_until([&] { return answers[0].count + answers[1].count + answers[2].count == 3; }));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(answers[i].count, 1);
    EXPECT_EQ(ntohs(answers[i].last.addresses[0].ipv4.sin_port), 1000 + i);
  }
}

TEST_P(ResolverTest, AForgottenQuestionCallsNobody) {
  Answer forgotten;
  Answer kept;
  Lookup first{.callback = Answer::keep, .context = &forgotten};
  Lookup second{.callback = Answer::keep, .context = &kept};
  ASSERT_TRUE(loop().resolver().start(first, "localhost", 1));
  ASSERT_TRUE(loop().resolver().start(second, "localhost", 2));
  loop().resolver().forget(first);
  ASSERT_TRUE(turn_until([&] { return kept.count == 1; }));
  EXPECT_EQ(forgotten.count, 0);
}

TEST_P(ResolverTest, ATooLongNameIsRefusedAtOnce) {
  Lookup lookup{.callback = Answer::keep, .context = nullptr};
  EXPECT_FALSE(loop().resolver().start(lookup, std::string(300, 'a'), 1));
}

RINGSIDE_OVER_EACH_BACKEND(ResolverTest);

}  // namespace
}  // namespace ringside::net
