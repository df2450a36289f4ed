// The REST schedule's promises: weight, places, backoff, and answers that come too late.
#include "collector/binance_rest.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace ringside::collector {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

RestSchedule schedule(RestLimits limits, std::size_t tasks, std::uint32_t weight = 20) {
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
  EXPECT_TRUE(rest.answered(first->request_id)->current);
  EXPECT_TRUE(rest.next(0));
}

TEST(BinanceRest, AnAnswerToAnEarlierAttemptIsKnownByItsId) {
  auto rest = schedule({}, 1);
  rest.want(0, 0);
  const auto early = rest.next(0);
  rest.want(0, 1);
  const auto late = rest.next(second_ns);
  ASSERT_TRUE(early && late);
  EXPECT_FALSE(rest.answered(early->request_id)->current);
  EXPECT_TRUE(rest.answered(late->request_id)->current);
  EXPECT_FALSE(rest.answered(late->request_id)) << "answered twice";
  EXPECT_FALSE(rest.answered(12345)) << "never sent";
}

TEST(BinanceRest, ACancelledTaskDiscardsItsAnswer) {
  auto rest = schedule({}, 1);
  rest.want(0, 0);
  const auto due = rest.next(0);
  rest.cancel(0);
  EXPECT_FALSE(rest.answered(due->request_id)->current);
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
    EXPECT_TRUE(rest.answered(due->request_id)->current);
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
  EXPECT_FALSE(rest.answered(due->request_id)) << "too late";
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

TEST(BinanceRest, TheWeightOfAnyMinuteStaysWithinTheLimit) {
  std::mt19937_64 random(99);
  const RestLimits limits{.in_flight_max = 64};
  auto rest = schedule(limits, 500, 20);
  std::deque<std::int64_t> sent;  // times, of the last minute
  for (std::int64_t now = 0; now < 600 * second_ns; now += second_ns / 50) {
    for (int i = 0; i < 5; ++i) rest.want(static_cast<std::uint32_t>(random() % 500), now);
    while (const auto due = rest.next(now)) {
      sent.push_back(now);
      (void)rest.answered(due->request_id);
    }
    while (!sent.empty() && sent.front() <= now - 60 * second_ns) sent.pop_front();
    ASSERT_LE(sent.size() * 20, limits.weight_burst + limits.weight_per_minute);
  }
}

TEST(BinanceRest, AllOfManyTasksGetTheirTurn) {
  const RestLimits limits{.in_flight_max = 4};
  auto rest = schedule(limits, 300);
  for (RestSchedule::Task task = 0; task < 300; ++task) rest.want(task, 0);
  std::vector<int> served(300, 0);
  for (std::int64_t now = 0; now < 300 * second_ns; now += second_ns / 10) {
    while (const auto due = rest.next(now)) {
      ++served[due->task];
      (void)rest.answered(due->request_id);
    }
  }
  for (const auto count : served) EXPECT_EQ(count, 1);
}

}  // namespace
}  // namespace ringside::collector
