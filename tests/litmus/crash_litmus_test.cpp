// Two processes and kill -9. Allowed after the kill: whole records, then nothing more, and the
// answer that the writer is gone. Forbidden: a torn record, a reader that waits for ever, a name
// that cannot be taken over.
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "ipc/broadcast_ring.hpp"
#include "ipc/cursor.hpp"
#include "ipc/spsc_ring.hpp"
#include "tests/ipc/temporary_root.hpp"
#include "tests/litmus/sealed_record.hpp"

namespace ringside::ipc {
namespace {

constexpr std::uint64_t seed = 20261121;
constexpr LivenessBounds always_probe{0, ~std::uint64_t{0}};

// A process that runs `body` until it is killed or returns; it dies with the test.
class Child {
 public:
  template <typename Body>
  explicit Child(Body&& body) : pid_(::fork()) {
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    body();
    ::_exit(0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { kill(); }

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_;
};

SegmentSpec named(SegmentSpec spec, const std::string& name) {
  spec.instance = "test";
  spec.name = name;
  return spec;
}

Segment attach_when_there(const std::string& name, SegmentKind kind) {
  Segment segment;
  while (attach_segment("test", name, kind, segment) != AttachStatus::Ok) {
    std::this_thread::yield();
  }
  return segment;
}

[[noreturn]] void write_ring_for_ever(std::uint64_t child_seed) {
  Segment ring = create_segment(named(spsc_spec(64), "ring"));
  SpscWriter writer(ring);
  const Segment cursor = attach_when_there("cursor", SegmentKind::Cursor);
  CursorReader collector(cursor);
  while (!collector.bind("ring", ring)) std::this_thread::yield();
  writer.set_read_position_source(collector.read_position());
  std::mt19937_64 random(child_seed);
  for (std::uint64_t number = 0;;) {
    const unsigned slots = 1 + static_cast<unsigned>(random() % 6);
    Slot* slot = writer.claim(slots);
    if (slot != nullptr) {
      slot->put(sealed_record(number, slots));
      fill_sealed_levels(number, {slot->levels(), (slots - 1) * std::size_t{levels_per_slot}});
      writer.commit();
      ++number;
    }
    if (slot == nullptr || random() % 4 == 0) {
      writer.publish(Ticks{1}, Visibility::BeforeWakeCheck);
      collector.wake_if_parked();
    }
    if (slot == nullptr) std::this_thread::yield();
  }
}

TEST(CrashLitmus, ARingOutlivesItsKilledWriter) {
  constexpr int rounds = 25;
  const TemporaryRoot root;
  std::mt19937_64 random(seed);
  Segment cursor = create_segment(named(cursor_spec(), "cursor"));
  CursorWriter worker(cursor);
  for (int round = 0; round < rounds; ++round) {
    const std::uint64_t child_seed = random();
    Child child([&] { write_ring_for_ever(child_seed); });
    const Segment ring = attach_when_there("ring", SegmentKind::Spsc);
    EXPECT_EQ(ring.geometry().generation, static_cast<std::uint64_t>(round) + 1);
    SpscReader reader(ring);
    ASSERT_TRUE(worker.bind("ring", ring, reader));
    const std::uint64_t kill_at = random() % 2000;
    std::uint64_t next = 0;
    bool killed = false;
    for (;;) {
      const Record* record = reader.peek();
      if (record != nullptr) {
        ASSERT_EQ(record->reference, next);
        ASSERT_TRUE(is_whole(*record, reader.levels()));
        reader.advance();
        if (++next == kill_at) {
          child.kill();
          killed = true;
        }
      } else if (killed) {
        break;
      } else if (next > kill_at) {
        FAIL() << "passed the record to kill at";
      } else if (kill_at == 0) {
        child.kill();
        killed = true;
      } else {
        (void)worker.park([&] { return reader.ready_before_park(); });
      }
    }
    EXPECT_FALSE(reader.corrupt());
    EXPECT_EQ(ring.liveness(Ticks{1}, always_probe), Liveness::Gone);
    Segment again;
    EXPECT_EQ(attach_segment("test", "ring", SegmentKind::Spsc, again), AttachStatus::WriterDead);
  }
}

[[noreturn]] void broadcast_for_ever(std::uint64_t child_seed) {
  Segment ring = create_segment(named(broadcast_spec(64), "events"), fill_broadcast);
  BroadcastWriter writer(ring);
  std::mt19937_64 random(child_seed);
  std::vector<Level> levels;
  for (std::uint64_t number = 0;; ++number) {
    const unsigned slots = 1 + static_cast<unsigned>(random() % 6);
    levels.resize((slots - 1) * std::size_t{levels_per_slot});
    fill_sealed_levels(number, levels);
    Record record = sealed_record(number, slots);
    if (random() % 16 == 0) record.kind = Kind::Key;
    writer.publish(record, levels, Ticks{1});
  }
}

TEST(CrashLitmus, ABroadcastRingOutlivesItsKilledWriter) {
  constexpr int rounds = 25;
  const TemporaryRoot root;
  std::mt19937_64 random(seed);
  const auto buffer = std::make_unique<RecordBuffer>();
  for (int round = 0; round < rounds; ++round) {
    const std::uint64_t child_seed = random();
    Child child([&] { broadcast_for_ever(child_seed); });
    const Segment ring = attach_when_there("events", SegmentKind::Broadcast);
    BroadcastReader reader(ring);
    const std::uint64_t kill_at = 1 + random() % 2000;
    std::uint64_t answers = 0;
    for (bool killed = false;;) {
      const PollStatus status = reader.poll(*buffer);
      ASSERT_NE(status, PollStatus::Corrupt);
      if (status == PollStatus::Ok) {
        ASSERT_TRUE(is_whole(buffer->record, buffer->levels()));
      }
      if (status == PollStatus::Empty && killed) break;
      if (status != PollStatus::Empty && ++answers == kill_at) {
        child.kill();
        killed = true;
      }
    }
    EXPECT_EQ(ring.liveness(Ticks{1}, always_probe), Liveness::Gone);
  }
}

TEST(CrashLitmus, AWriterKilledWhileItFillsItsSegmentLeavesNoName) {
  const TemporaryRoot root;
  Child child([] {
    const Segment segment =
        create_segment(named(spsc_spec(64), "ring"), [](Segment&) { ::kill(::getpid(), SIGKILL); });
  });
  EXPECT_TRUE(WIFSIGNALED(child.wait()));
  Segment segment;
  EXPECT_EQ(attach_segment("test", "ring", SegmentKind::Spsc, segment), AttachStatus::Absent);
  EXPECT_TRUE(list_segments("test").empty());
  EXPECT_EQ(remove_dead_segments("test").size(), 1U) << "the unfinished file under its own name";
  EXPECT_TRUE(list_instances().empty());
}

TEST(CrashLitmus, OfTwoProcessesThatWantOneNameOneGetsIt) {
  constexpr int rounds = 20;
  constexpr int contenders = 4;
  const TemporaryRoot root;
  for (int round = 0; round < rounds; ++round) {
    std::array<int, 2> go{};
    std::array<int, 2> result{};
    std::array<int, 2> end{};
    ASSERT_EQ(::pipe(go.data()) | ::pipe(result.data()) | ::pipe(end.data()), 0);
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < contenders; ++i) {
      children.push_back(std::make_unique<Child>([&] {
        char byte = 0;
        ::close(go[1]);
        ::close(end[1]);
        (void)!::read(go[0], &byte, 1);  // until all are there
        Segment segment;
        try {
          segment = create_segment(named(spsc_spec(64), "ring"));
          byte = 'w';
        } catch (const std::system_error& error) {
          byte = error.code().value() == EBUSY ? 'b' : 'x';
        }
        (void)!::write(result[1], &byte, 1);
        (void)!::read(end[0], &byte, 1);  // holds on to it until all have answered
        ::kill(::getpid(), SIGKILL);
      }));
    }
    ::close(go[1]);
    std::string answers(contenders, '?');
    for (char& answer : answers) ASSERT_EQ(::read(result[0], &answer, 1), 1);
    ::close(end[1]);
    for (auto& child : children) child->wait();
    for (const int fd : {go[0], result[0], result[1], end[0]}) ::close(fd);
    std::sort(answers.begin(), answers.end());
    EXPECT_EQ(answers, "bbbw");
  }
}

TEST(CrashLitmus, ASleepingWorkerIsWokenThroughAReadOnlyMapping) {
  const TemporaryRoot root;
  Child child([] {
    Segment cursor = create_segment(named(cursor_spec(), "cursor"));
    CursorWriter worker(cursor);
    for (;;) (void)worker.park([] { return false; });
  });
  const Segment cursor = attach_when_there("cursor", SegmentKind::Cursor);
  ASSERT_FALSE(cursor.writable());
  CursorReader collector(cursor);
  while (!collector.wake_if_parked()) std::this_thread::yield();
}

}  // namespace
}  // namespace ringside::ipc
