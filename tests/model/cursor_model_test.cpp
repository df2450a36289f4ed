// Between worker and collector over the checker: binding a ring, the control ring, falling asleep.
// And the magic of a segment.
//
// Allowed: not bound yet; no request yet; the worker sleeps and the collector knows it. Forbidden:
// a binding to another start, a request that is not the next one, corrupt(), a worker that sleeps
// on a record while its collector believes it awake, a segment that attaches before it is filled.
#include <cstring>
#include <memory>
#include <optional>

#include "ipc/cursor.hpp"
#include "ipc/segment_file.hpp"
#include "tests/model/mutants.hpp"

namespace ringside::ipc {
namespace {

using namespace ringside::model;

constexpr auto release = std::memory_order_release;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto seq_cst = std::memory_order_seq_cst;
constexpr std::uint32_t requests = 4;
constexpr unsigned tries_max = 40;

CursorEntry& first_entry(Segment& cursor) {
  return *reinterpret_cast<CursorEntry*>(cursor.writable_data().data());
}

// One segment for all schedules: a megabyte each would cost more than the schedule.
Segment& clean_cursor() {
  static Segment cursor = cursor_in_memory();
  std::memset(static_cast<void*>(&first_entry(cursor)), 0, sizeof(CursorEntry));
  std::memset(static_cast<void*>(&cursor.writable_header().kind_words[cursor_word_parked]), 0, 8);
  return cursor;
}

void ask(Checker& checker, CursorWriter& worker, const Segment& ring, SpscReader& reader) {
  const auto entry = worker.bind("r", ring, reader);
  for (std::uint32_t number = 0; entry && number < requests; ++number) {
    const ResyncRequest request{InstrumentId{number}, ~number, Cause::ChecksumFailed};
    checker.forbid(!worker.request_resync(*entry, request, Ticks{1}), "a request was refused");
  }
}

void answer(Checker& checker, const Segment& cursor, Segment& ring) {
  CursorReader collector(cursor);
  std::uint32_t next = 0;
  for (unsigned tries = 0; tries < tries_max && next < requests; ++tries) {
    if (!collector.bind("r", ring)) {
      checker.pause();
      continue;
    }
    const auto request = collector.poll_request();
    checker.forbid(collector.corrupt(), "corrupt");
    if (!request) {
      checker.pause();
      continue;
    }
    const ResyncRequest wanted{InstrumentId{next}, ~next, Cause::ChecksumFailed};
    checker.forbid(!(*request == wanted), "another request");
    ++next;
  }
}

void binding(Checker& checker) {
  Segment& cursor = clean_cursor();
  Segment ring = spsc_in_memory(8);
  CursorEntry& entry = first_entry(cursor);
  checker.name(&entry, sizeof entry, "bound words");
  checker.name(&entry.state, 8, "entry state");
  checker.name(entry.control.data(), sizeof entry.control, "control stamp");
  CursorWriter worker(cursor);
  SpscReader reader(ring);
  checker.thread([&] { ask(checker, worker, ring, reader); });
  checker.thread([&] { answer(checker, cursor, ring); });
  checker.run();
}

void sleeping(Checker& checker) {
  Segment& cursor = clean_cursor();
  Segment ring = spsc_in_memory(8);
  auto& parked = cursor.writable_header().kind_words[cursor_word_parked].value;
  checker.name(&parked, 8, "parked");
  checker.name(&ring.writable_header().kind_words[spsc_word_head_hint], 8, "head hint");
  CursorWriter worker(cursor);
  SpscReader reader(ring);
  SpscWriter writer(ring);
  CursorReader collector(cursor);
  bool worker_sleeps = false, collector_saw_it = false;
  checker.thread([&] {
    // Never really: it would wait for the kernel.
    (void)worker.park([&] {
      worker_sleeps = !reader.ready_before_park();
      return true;
    });
  });
  checker.thread([&] {
    Slot* slot = writer.claim(1);
    slot->put(Record{});
    writer.commit();
    writer.publish(Ticks{1}, Visibility::BeforeWakeCheck);
    (void)collector.wake_if_parked();
    // Even but above 0: it has been awake since, and looks again.
    collector_saw_it = checker.last_seen(&parked).value_or(0) != 0;
  });
  checker.run();
  checker.forbid(worker_sleeps && !collector_saw_it, "asleep on a record, and nobody wakes it");
}

void magic(Checker& checker) {
  constexpr std::uint64_t filled = 77;
  std::optional<Segment> segment;
  const Segment* being_made = nullptr;  // of the test, not of the model
  const auto fill = [&](Segment& fresh) {
    being_made = &fresh;
    checker.name(&fresh.header().magic, 8, "magic");
    fresh.writable_header().kind_words[0].value.store(filled, std::memory_order_relaxed);
  };
  checker.thread([&] {
    segment = create_private_segment(spsc_spec(8), fill);
    being_made = &*segment;
  });
  checker.thread([&] {
    for (unsigned tries = 0; tries < tries_max; ++tries) {
      checker.pause();
      if (being_made == nullptr) continue;
      SegmentGeometry geometry;
      AttachDetail detail;
      const auto& header = being_made->header();
      const auto* base = reinterpret_cast<const std::byte*>(&header);
      const auto status = check_header({base, being_made->geometry().total_bytes},
                                       SegmentKind::Spsc, geometry, detail);
      checker.forbid(status != AttachStatus::Ok && status != AttachStatus::Initialising,
                     "an unfinished segment is not called so");
      if (status != AttachStatus::Ok) continue;
      checker.forbid(header.kind_words[0].value.load(std::memory_order_relaxed) != filled,
                     "attached before it was filled");
      return;
    }
  });
  checker.run();
}

TEST(CursorModel, BindingAndRequestsHold) { expect_sound(binding); }
TEST(CursorModel, NobodySleepsOnARecord) { expect_sound(sleeping); }
TEST(SegmentModel, TheMagicComesLast) { expect_sound(magic); }

TEST(CursorModel, EveryMutantIsCaught) {
  const std::vector<Mutant> mutants{
      {"W1: entry state stored relaxed",
       binding,
       {{"entry state", Access::Store, release, Change::Relaxed}}},
      {"K1: entry state loaded relaxed",
       binding,
       {{"entry state", Access::Load, acquire, Change::Relaxed}}},
      {"W3: control stamp stored relaxed",
       binding,
       {{"control stamp", Access::Store, release, Change::Relaxed}}},
      {"K3: control stamp loaded relaxed",
       binding,
       {{"control stamp", Access::Load, acquire, Change::Relaxed}}},
      {"W5: parked stored with release only",
       sleeping,
       {{"parked", Access::Store, seq_cst, Change::AcquireRelease}}},
      {"K5: parked loaded with acquire only",
       sleeping,
       {{"parked", Access::Load, seq_cst, Change::AcquireRelease}}},
      {"P3s: head hint stored with release only",
       sleeping,
       {{"head hint", Access::Store, seq_cst, Change::AcquireRelease}}},
      {"C3s: head hint loaded with acquire only",
       sleeping,
       {{"head hint", Access::Load, seq_cst, Change::AcquireRelease}}},
      {"segment P1: magic stored relaxed",
       magic,
       {{"magic", Access::Store, release, Change::Relaxed}}},
      {"segment C1: magic loaded relaxed",
       magic,
       {{"magic", Access::Load, acquire, Change::Relaxed}}},
  };
  expect_caught(mutants);
}

}  // namespace
}  // namespace ringside::ipc
