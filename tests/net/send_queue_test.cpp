#include "net/send_queue.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <vector>

namespace ringside::net {
namespace {

TEST(SendQueue, BehavesAsADequeOfBytesWithABound) {
  constexpr std::size_t capacity = 100;
  SendQueue queue(capacity);
  std::deque<std::byte> model;
  std::mt19937_64 random(5);
  for (int round = 0; round < 20000; ++round) {
    if (random() % 2 == 0) {
      std::vector<std::byte> bytes(random() % 60);
      for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
      const bool fits = model.size() + bytes.size() <= capacity;
      ASSERT_EQ(queue.push(bytes), fits);
      if (fits) model.insert(model.end(), bytes.begin(), bytes.end());
    } else {
      const auto front = queue.front();
      ASSERT_EQ(front.empty(), model.empty());
      for (std::size_t i = 0; i < front.size(); ++i) ASSERT_EQ(front[i], model[i]);
      const std::size_t count = front.empty() ? 0 : random() % (front.size() + 1);
      queue.pop(count);
      model.erase(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(count));
    }
    ASSERT_EQ(queue.size(), model.size());
    ASSERT_EQ(queue.free_bytes(), capacity - model.size());
  }
}

}  // namespace
}  // namespace ringside::net
