// The REST schedule's promises: weight, places, backoff, and answers that come too late.
#include "collector/binance_rest.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <random>
#include <utility>

namespace ringside::collector {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

constexpr std::int64_t minute_ns = 60 * second_ns;

RestSchedule schedule(RestLimits limits, std::size_t tasks, std::uint32_t weight = 20) {
  if (limits.weight.most == 0) limits.weight = {1'440, minute_ns};
  return RestSchedule(limits, std::vector<std::uint32_t>(tasks, weight), 7);
}

TEST(BinanceRest, AWantedTaskGoesOutOnceAndAtOnce) {
  auto rest = schedule({}, 2);
  rest.want(1, 5);
  rest.want(1, 5);
  const auto due = rest.next(5);
  ASSERT_TRUE(due);
  EXPECT_EQ(due->task, 1U);
  EXPECT_FALSE(rest.next(5));
}

TEST(BinanceRest, NoMoreThanTheNamedNumberIsInFlight) {
  auto rest = schedule({.in_flight_max = 2}, 3);
  for (RestSchedule::Task task = 0; task < 3; ++task) rest.want(task, 0);
  const auto first = rest.next(0);
  ASSERT_TRUE(first && rest.next(0));
  EXPECT_FALSE(rest.next(0));
  EXPECT_TRUE(rest.answered(first->request_id, 0)->current);
  EXPECT_TRUE(rest.next(0));
}

TEST(BinanceRest, AnAnswerToAnEarlierAttemptIsKnownByItsId) {
  auto rest = schedule({}, 1);
  rest.want(0, 0);
  const auto early = rest.next(0);
  rest.want(0, 1);
  const auto late = rest.next(second_ns);
  ASSERT_TRUE(early && late);
  EXPECT_FALSE(rest.answered(early->request_id, 0)->current);
  EXPECT_TRUE(rest.answered(late->request_id, 0)->current);
  EXPECT_FALSE(rest.answered(late->request_id, 0)) << "answered twice";
  EXPECT_FALSE(rest.answered(12345, 0)) << "never sent";
}

TEST(BinanceRest, ACancelledTaskDiscardsItsAnswer) {
  auto rest = schedule({}, 1);
  rest.want(0, 0);
  const auto due = rest.next(0);
  rest.cancel(0);
  EXPECT_FALSE(rest.answered(due->request_id, 0)->current);
  rest.want(0, 0);
  rest.cancel(0);
  EXPECT_FALSE(rest.next(40 * second_ns));
}

TEST(BinanceRest, ATaskThatComesBackAtOnceWaitsLongerUpToABound) {
  const RestLimits limits;
  auto rest = schedule(limits, 1, 0);
  std::int64_t now = 0;
  std::int64_t longest = 0;
  for (int i = 0; i < 60; ++i) {
    rest.want(0, now);
    const auto asked = now;
    std::optional<RestSchedule::Due> due;
    while (!(due = rest.next(now))) now += second_ns / 100;
    longest = std::max(longest, now - asked);
    EXPECT_LE(now - asked, limits.backoff_max_ns + second_ns / 100);
    EXPECT_TRUE(rest.answered(due->request_id, now)->current);
  }
  EXPECT_GT(longest, second_ns);
  now += limits.calm_ns + 1;
  rest.want(0, now);
  EXPECT_TRUE(rest.next(now)) << "after calm there is no backoff";
}

TEST(BinanceRest, ARefusalForSpeedPausesEverything) {
  const RestLimits limits;
  auto rest = schedule(limits, 2);
  rest.want(0, 0);
  (void)rest.next(0);
  rest.throttled(0);
  rest.throttled(1);
  rest.want(1, 0);
  EXPECT_FALSE(rest.next(limits.throttled_ns - 1));
  EXPECT_TRUE(rest.next(limits.throttled_ns));
  rest.throttled(limits.throttled_ns);
  rest.want(0, 2 * limits.throttled_ns);
  EXPECT_FALSE(rest.next(3 * limits.throttled_ns - 1)) << "twice in a row: twice as long";
  EXPECT_TRUE(rest.next(3 * limits.throttled_ns));
}

TEST(BinanceRest, ARefusalThatSaysForHowLongIsBelieved) {
  const RestLimits limits;
  auto rest = schedule(limits, 1);
  rest.throttled(0, 2 * second_ns);
  rest.throttled(1, second_ns);
  rest.want(0, 0);
  EXPECT_FALSE(rest.next(2 * second_ns - 1)) << "the longest of those in flight together";
  EXPECT_TRUE(rest.next(2 * second_ns));
  rest.throttled(2 * second_ns, 3600 * second_ns);
  rest.want(0, 2 * second_ns);
  EXPECT_FALSE(rest.next(3601 * second_ns)) << "also when it is longer than ours";
  EXPECT_TRUE(rest.next(3602 * second_ns));
}

TEST(BinanceRest, AnUnansweredRequestGivesItsPlaceUp) {
  const RestLimits limits{.in_flight_max = 1};
  auto rest = schedule(limits, 2);
  rest.want(0, 0);
  const auto due = rest.next(0);
  EXPECT_FALSE(rest.overdue(limits.deadline_ns - 1));
  EXPECT_EQ(rest.overdue(limits.deadline_ns), RestSchedule::Task{0});
  EXPECT_FALSE(rest.overdue(limits.deadline_ns));
  EXPECT_FALSE(rest.answered(due->request_id, 0)) << "too late";
}

TEST(BinanceRest, ARequestThatCouldNotBeSentIsWantedAgain) {
  auto rest = schedule({}, 1);
  rest.want(0, 0);
  const auto due = rest.next(0);
  rest.unsent(*due, 0);
  EXPECT_EQ(rest.in_flight_count(), 0U);
  EXPECT_TRUE(rest.waiting(0));
  EXPECT_TRUE(rest.next(second_ns));
}

TEST(BinanceRest, TheVenueNeverCountsMoreThanTheLimitWheneverItsWindowBegins) {
  std::mt19937_64 random(99);
  const RestLimits limits{.in_flight_max = 64, .weight = {1'440, minute_ns}};
  auto rest = schedule(limits, 500, 20);
  struct Way {
    std::uint32_t id;
    std::int64_t counted_ns, answered_ns;
  };
  std::vector<Way> ways;
  std::deque<std::int64_t> counted;  // by the venue, within its newest minute
  std::uint64_t sent = 0;
  for (std::int64_t now = 0; now < 1'800 * second_ns; now += second_ns / 50) {
    for (int i = 0; i < 5; ++i) rest.want(static_cast<std::uint32_t>(random() % 500), now);
    while (const auto due = rest.next(now)) {
      const auto there = static_cast<std::int64_t>(random() % (3 * second_ns));
      const auto back = static_cast<std::int64_t>(random() % (3 * second_ns));
      ways.push_back({due->request_id, now + there, now + there + back});
      ++sent;
    }
    std::erase_if(ways, [&](Way& way) {
      if (way.counted_ns <= now) {
        counted.push_back(std::exchange(way.counted_ns, std::numeric_limits<std::int64_t>::max()));
      }
      if (way.answered_ns > now) return false;
      return rest.answered(way.id, now).has_value();
    });
    std::sort(counted.begin(), counted.end());
    while (!counted.empty() && counted.front() < now - minute_ns) counted.pop_front();
    ASSERT_LE(counted.size() * 20, limits.weight.most);
  }
  EXPECT_GT(sent * 20, 1'440U * 30 * 9 / 10) << "nearly all of the limit is used";
}

TEST(BinanceRest, ThoseThatHaveFirstTurnGoBeforeTheOthersUnlessTheyComeBackAtOnce) {
  using Turn = RestSchedule::Turn;
  const std::int64_t now = 0;
  auto rest = schedule({.in_flight_max = 1}, 3);
  rest.want(0, now);
  rest.want(1, now);
  rest.want(2, now + 5, Turn::First);
  const auto first = rest.next(now + 5);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->task, 2U);
  EXPECT_TRUE(rest.answered(first->request_id, now));
  rest.want(2, now + 6, Turn::First);
  const auto second = rest.next(now + 60 * second_ns);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->task, 0U) << "one that loses its book over and over waits like all";
}

TEST(BinanceRest, APostponedTaskWaitsAndHoldsUpNobody) {
  auto rest = schedule({}, 2);
  rest.want(0, 0, RestSchedule::Turn::First);
  rest.postpone(0, 300 * second_ns);
  rest.want(1, 1);
  const auto due = rest.next(1);
  ASSERT_TRUE(due);
  EXPECT_EQ(due->task, 1U);
  EXPECT_FALSE(rest.next(300 * second_ns - 1));
  EXPECT_TRUE(rest.next(300 * second_ns));
}

TEST(BinanceRest, WaitingForWeightIsCountedOnceForEachWait) {
  std::int64_t now = 0;
  auto rest = schedule({.weight = {40, minute_ns}}, 3);
  for (RestSchedule::Task task = 0; task < 3; ++task) rest.want(task, now);
  const auto one = rest.next(now);
  const auto two = rest.next(now);
  ASSERT_TRUE(one && two);
  for (; now < second_ns; now += second_ns / 10) EXPECT_FALSE(rest.next(now));
  EXPECT_EQ(rest.take_paced(), 1U);
  EXPECT_TRUE(rest.answered(one->request_id, now));
  EXPECT_FALSE(rest.next(now + minute_ns)) << "the answer may have been counted until now";
  EXPECT_TRUE(rest.next(now + minute_ns + 1));
  EXPECT_EQ(rest.take_paced(), 0U);
}

TEST(BinanceRest, AllOfManyTasksGetTheirTurn) {
  const RestLimits limits{.in_flight_max = 4};
  auto rest = schedule(limits, 300);
  for (RestSchedule::Task task = 0; task < 300; ++task) rest.want(task, 0);
  std::vector<int> served(300, 0);
  for (std::int64_t now = 0; now < 300 * second_ns; now += second_ns / 10) {
    while (const auto due = rest.next(now)) {
      ++served[due->task];
      (void)rest.answered(due->request_id, now);
    }
  }
  for (const auto count : served) EXPECT_EQ(count, 1);
}

}  // namespace
}  // namespace ringside::collector
