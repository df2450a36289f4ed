// The book against two maps, compared whole after every message of random streams.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "orderbook/book.hpp"

namespace ringside::orderbook {
namespace {

// The obvious book: one map a side, best first.
class MapBook {
 public:
  Change apply(Side side, Level level) {
    auto& levels = of(side);
    const auto key = key_of(side, level.price);
    if (level.quantity.mantissa == 0) {
      return levels.erase(key) == 1 ? Change::Deleted : Change::AbsentDelete;
    }
    const auto [at, inserted] = levels.insert_or_assign(key, level.quantity.mantissa);
    return inserted ? Change::Inserted : Change::Modified;
  }
  void truncate(std::uint32_t depth) {
    for (auto* levels : {&bids_, &asks_}) {
      while (depth != 0 && levels->size() > depth) levels->erase(std::prev(levels->end()));
    }
  }
  void clear() {
    bids_.clear();
    asks_.clear();
  }
  [[nodiscard]] std::vector<Level> best_first(Side side) const {
    std::vector<Level> result;
    for (const auto& [key, quantity] : side == Side::Bid ? bids_ : asks_) {
      result.push_back({Price{side == Side::Bid ? -key : key}, Quantity{quantity}});
    }
    return result;
  }
  [[nodiscard]] bool crossed() const {
    return !bids_.empty() && !asks_.empty() && -bids_.begin()->first >= asks_.begin()->first;
  }
  [[nodiscard]] std::int64_t distance(Side side, Price price) {
    auto& levels = of(side);
    return std::distance(levels.begin(), levels.lower_bound(key_of(side, price)));
  }

 private:
  static std::int64_t key_of(Side side, Price price) {
    return side == Side::Bid ? -price.mantissa : price.mantissa;
  }
  std::map<std::int64_t, std::int64_t>& of(Side side) { return side == Side::Bid ? bids_ : asks_; }
  std::map<std::int64_t, std::int64_t> bids_, asks_;
};

struct Shape {
  const char* name;
  std::int64_t near_ticks;  // most updates fall within this distance of the middle
  std::int64_t far_ticks;   // some within this
  unsigned delete_percent;
  std::uint32_t depth;       // 0: no truncation
  unsigned clear_per_mille;  // whole sides emptied
};

class BookDifferential : public ::testing::TestWithParam<Shape> {};

class Stream {
 public:
  Stream(const Shape& shape, std::uint64_t seed) : shape_(shape), random_(seed) {}

  // Both books get the same message, then are compared.
  void message() {
    if (random_() % 1000 < shape_.clear_per_mille) empty_one_side();
    if (random_() % 500 == 0) middle_ += pick(-20 * shape_.near_ticks, 20 * shape_.near_ticks);
    if (random_() % 700 == 0) snapshot();
    for (auto count = 1 + random_() % 4; count > 0; --count) update();
    book_.truncate(shape_.depth);
    model_.truncate(shape_.depth);
    compare();
  }

 private:
  std::int64_t pick(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }
  Price price() {
    const auto spread = random_() % 10 < 7 ? shape_.near_ticks : shape_.far_ticks;
    const auto chosen = middle_ + pick(-spread, spread);
    // A price touched twice in one message is usual.
    if (random_() % 4 == 0) return last_;
    return last_ = Price{chosen};
  }
  void update() {
    const auto side = random_() % 2 == 0 ? Side::Bid : Side::Ask;
    const bool gone = random_() % 100 < shape_.delete_percent;
    const Level level{price(), Quantity{gone ? 0 : pick(1, 1'000'000)}};
    const auto distance = model_.distance(side, level.price);
    const auto wanted = model_.apply(side, level);
    const auto got = book_.apply(side, level);
    ASSERT_EQ(got.change, wanted);
    ASSERT_EQ(got.index, distance);
  }
  void snapshot() {
    book_.clear();
    model_.clear();
    for (const auto side : {Side::Bid, Side::Ask}) {
      std::vector<Level> levels;
      for (auto count = random_() % 200; count > 0; --count) {
        levels.push_back({price(), Quantity{pick(0, 3)}});
        model_.apply(side, levels.back());
      }
      const auto half = static_cast<std::ptrdiff_t>(levels.size() / 2);
      ASSERT_TRUE(book_.append(side, {levels.begin(), levels.begin() + half}));
      ASSERT_TRUE(book_.append(side, {levels.begin() + half, levels.end()}));
    }
    book_.order();
  }
  void empty_one_side() {
    const auto side = random_() % 2 == 0 ? Side::Bid : Side::Ask;
    for (const auto& level : model_.best_first(side)) {
      ASSERT_EQ(book_.apply(side, {level.price, Quantity{0}}).change, Change::Deleted);
      model_.apply(side, {level.price, Quantity{0}});
    }
  }
  void compare() {
    for (const auto side : {Side::Bid, Side::Ask}) {
      const auto wanted = model_.best_first(side);
      ASSERT_EQ(book_.count(side), wanted.size());
      for (std::uint32_t i = 0; i < wanted.size(); ++i) ASSERT_EQ(book_.level(side, i), wanted[i]);
    }
    ASSERT_EQ(book_.crossed(), model_.crossed());
  }

  Shape shape_;
  std::mt19937_64 random_;
  Book book_;
  MapBook model_;
  Price last_{0};
  std::int64_t middle_ = 0;
};

TEST_P(BookDifferential, EqualsTheMapAfterEveryMessage) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    Stream stream(GetParam(), seed);
    for (int message = 0; message < 3000; ++message) {
      stream.message();
      if (HasFatalFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Property, BookDifferential,
                         ::testing::Values(Shape{"shallow", 12, 200, 50, 0, 1},
                                           Shape{"truncated", 20, 2'000, 40, 25, 1},
                                           Shape{"depth_one", 10, 100, 40, 1, 5},
                                           Shape{"emptied", 5, 50, 60, 0, 50},
                                           Shape{"far", 30, std::int64_t{1} << 60, 45, 100, 1},
                                           Shape{"absent_deletes", 50, 5'000, 90, 0, 1},
                                           Shape{"deep", 3'000, 100'000, 20, 0, 0}),
                         [](const auto& shape) { return std::string(shape.param.name); });

// Truncation and deletes move the array through its storage; the reserve must still suffice.
TEST(BookProperty, ABookOfBoundedDepthNeverGrows) {
  Book book;
  std::mt19937_64 random(7);
  for (int i = 0; i < 2'000'000; ++i) {
    const auto price = static_cast<std::int64_t>(random() % 100'000);
    const auto quantity = static_cast<std::int64_t>(random() % 4);
    book.apply(random() % 2 == 0 ? Side::Bid : Side::Ask, {Price{price}, Quantity{quantity}});
    book.truncate(1000);
  }
  EXPECT_EQ(book.growth_count(), 0U);
}

}  // namespace
}  // namespace ringside::orderbook
