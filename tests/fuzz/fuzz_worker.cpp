// The order book worker against any sequence of records a ring can hold: it must neither crash nor
// call a book live that breaks a rule of books.
#include <cstdint>
#include <cstring>
#include <span>

#include "ipc/check.hpp"
#include "tests/orderbook/worker_script.hpp"

namespace ringside::orderbook {
namespace {

// Takes bytes off the input; zeros once there are none.
class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : left_(data, size) {}
  [[nodiscard]] bool empty() const { return left_.empty(); }
  std::uint8_t one() {
    if (left_.empty()) return 0;
    const auto byte = left_.front();
    left_ = left_.subspan(1);
    return byte;
  }
  // Mostly small, sometimes anything.
  std::int64_t mantissa() {
    const auto byte = one();
    if (byte < 240) return byte % 16;
    std::uint64_t word = 0;
    for (int i = 0; i < 8; ++i) word = word << 8 | one();
    return static_cast<std::int64_t>(word);
  }

 private:
  std::span<const std::uint8_t> left_;
};

ScriptRecord record_from(Bytes& bytes) {
  ScriptRecord made;
  Record& record = made.record;
  record.kind = static_cast<Kind>(bytes.one() % 18);
  record.instrument = bytes.one() % 4;
  record.flags = bytes.one();
  record.epoch = bytes.one() % 8;
  record.side_or_reason = bytes.one();
  record.reference = bytes.one();
  const auto count = bytes.one() % 12U;
  for (unsigned i = 0; i < count; ++i) {
    const auto price = bytes.mantissa();
    made.levels.push_back(at(price, bytes.mantissa()));
  }
  record.slots = static_cast<std::uint8_t>(1 + continuation_slots(count));
  made.levels.resize((record.slots - 1U) * std::size_t{levels_per_slot});
  record.price = bytes.mantissa();
  record.quantity = bytes.mantissa();
  if (record.kind == Kind::Levels || record.kind == Kind::Snapshot) {
    const auto bids = count == 0 ? 0U : bytes.one() % (count + 1);
    record.set_counts(bids, count - bids);
  }
  return made;
}

void check_book(const WorkerScript& script, InstrumentIndex index) {
  const ipc::BookView& view = script.worker.view(index);
  if (view.state != State::Live) return;
  const TrackedBook& tracked = script.worker.tracked(index);
  const auto phase = tracked.phase();
  // Terms of the next epoch, or its snapshot's first part, may have come since.
  RINGSIDE_CHECK(phase == TrackedBook::Phase::Whole || phase == TrackedBook::Phase::Awaiting ||
                 phase == TrackedBook::Phase::Loading);
  if (!tracked.between_messages()) return;
  const Book& book = tracked.book();
  RINGSIDE_CHECK(!book.crossed());
  for (const auto side : {Side::Bid, Side::Ask}) {
    const auto count = book.count(side);
    RINGSIDE_CHECK(tracked.terms().depth == 0 || count <= tracked.terms().depth);
    for (std::uint32_t i = 0; i < count; ++i) {
      RINGSIDE_CHECK(book.level(side, i).quantity.mantissa > 0);
      if (i == 0) continue;
      const auto better = book.level(side, i - 1).price;
      const auto worse = book.level(side, i).price;
      RINGSIDE_CHECK(side == Side::Bid ? better > worse : better < worse);
    }
  }
}

}  // namespace
}  // namespace ringside::orderbook

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringside::orderbook;
  Bytes bytes(data, size);
  WorkerOptions options;
  options.publish_first = bytes.one() % 2 == 1;
  WorkerScript script(options, 1U << 11, 3);
  while (!bytes.empty()) {
    const ScriptRecord made = record_from(bytes);
    if (!ringside::ipc::is_bounded(made.record, 0, 1U << 11)) continue;
    script.take(made);
    const auto then = bytes.one();
    if (then % 8 == 0) script.tick();
    if (then % 64 == 1) script.worker.source_drops(0, then, script.now);
    if (then % 64 == 2) script.worker.source_alive(0, then >= 128, script.now);
    if (then % 64 == 3) script.worker.source_attached(0, 0, script.now);
    if (then % 16 == 4) (void)script.requests();
    for (InstrumentIndex i = 0; i < script.worker.instrument_count(); ++i) check_book(script, i);
  }
  return 0;
}
