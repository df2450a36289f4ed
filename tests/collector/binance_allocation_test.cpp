// A warm adapter allocates nothing for a message, sound or damaged. A program of its own, because
// it replaces every operator new.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string>

#include "tests/collector/binance_run.hpp"

namespace {

std::uint64_t allocations = 0;

// Not inlined, lest the compiler see new end in malloc and call free() a mismatch.

[[gnu::noinline]] void* counted(std::size_t bytes) noexcept {
  ++allocations;
  return std::malloc(bytes == 0 ? 1 : bytes);
}
[[gnu::noinline]] void* counted(std::size_t bytes, std::align_val_t alignment) noexcept {
  ++allocations;
  const auto unit = static_cast<std::size_t>(alignment);
  return std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
}
[[gnu::noinline]] void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

[[gnu::noinline]] static void give_back(void* memory) noexcept { std::free(memory); }

// clang-format off
void* operator new(std::size_t n) { return or_throw(counted(n)); }
void* operator new[](std::size_t n) { return or_throw(counted(n)); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return counted(n); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return counted(n); }
void* operator new(std::size_t n, std::align_val_t a) { return or_throw(counted(n, a)); }
void* operator new[](std::size_t n, std::align_val_t a) { return or_throw(counted(n, a)); }
void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept { return counted(n, a); }
void* operator new[](std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept { return counted(n, a); }
void operator delete(void* p) noexcept { give_back(p); }
void operator delete[](void* p) noexcept { give_back(p); }
void operator delete(void* p, std::size_t) noexcept { give_back(p); }
void operator delete[](void* p, std::size_t) noexcept { give_back(p); }
void operator delete(void* p, std::align_val_t) noexcept { give_back(p); }
void operator delete[](void* p, std::align_val_t) noexcept { give_back(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { give_back(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { give_back(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { give_back(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { give_back(p); }
// clang-format on

namespace ringside::collector::binance_test {
namespace {

std::string depth(int previous, int first, int last) {
  return R"({"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT",)"
         R"("U":)" +
         std::to_string(first) + R"(,"u":)" + std::to_string(last) + R"(,"pu":)" +
         std::to_string(previous) +
         R"(,"b":[["61804.60","2"],["61804.50","3"]],"a":[["61804.90","0"]]}})";
}

TEST(BinanceAdapterMemory, AWarmAdapterAllocatesNothingForAMessage) {
  auto config = BinanceConfig::for_market(BinanceMarket::UsdMargined);
  config.instruments = {instrument("BTCUSDT", 2, 3)};
  Bench run(config);
  run.open();
  run.receive(depth(90, 95, 99));
  run.answer("BTCUSDT", R"({"lastUpdateId":97,"E":1,"T":1,"bids":[["61804.70","35"]],)"
                        R"("asks":[["61804.80","1"]]})");
  std::vector<std::string> texts;
  for (int id = 100; id < 160; id += 10) texts.push_back(depth(id - 1, id, id + 9));
  texts.push_back(R"({"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1,"a":5,)"
                  R"("s":"BTCUSDT","p":"1.01","q":"10","f":2,"l":2,"T":1,"m":false}})");
  texts.push_back(R"({"stream":"btcusdt@bookTicker","data":{"u":7,"e":"bookTicker","s":"BTCUSDT",)"
                  R"("b":"61804.7","B":"35","a":"61804.8","A":"1645","T":1,"E":1}})");
  texts.push_back(R"({"stream":"btcusdt@bookTicker","data":{"u":7,"e":"bookTicker")");
  for (auto& text : texts) text.append(64, ' ');

  const auto before = allocations;
  for (const auto& text : texts) {
    run.adapter().on_message(0, std::string_view(text).substr(0, text.size() - 64), run.now());
  }
  run.adapter().on_tick(run.now());
  EXPECT_EQ(allocations - before, 0U);

  run.drain();
  EXPECT_EQ(run.books[0].updates, 7U);
  EXPECT_EQ(run.books[0].trades.size(), 1U);
  EXPECT_EQ(run.books[0].tickers.size(), 1U);
  EXPECT_EQ(run.books[0].state, State::Gap) << "the damaged one was dealt with, too";
}

}  // namespace
}  // namespace ringside::collector::binance_test
