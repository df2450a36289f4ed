// When a ring's collector is believed: not before what lay in the ring has been read.
#include "orderbook/ring_input.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "ipc/cursor.hpp"
#include "ipc/spsc_ring.hpp"

namespace ringside::orderbook {
namespace {

constexpr ipc::LivenessBounds never_stale{UINT64_MAX / 2, UINT64_MAX / 2};

class RingInputs : public ::testing::Test {
 protected:
  RingInputs() : root_("/dev/shm/ringside-ring-input-test-" + std::to_string(getpid())) {
    ::setenv("RINGSIDE_SHM_ROOT", root_.c_str(), 1);
    auto spec = ipc::cursor_spec();
    spec.instance = "test";
    spec.name = "cursor.w0.0";
    cursor_segment_ = ipc::create_segment(spec);
    cursor_ = ipc::CursorWriter(cursor_segment_);
    spec = ipc::spsc_spec(64);
    spec.instance = "test";
    spec.name = "spsc.c0.0.w0.0";
    ring_ = ipc::create_segment(spec);
    writer_ = ipc::SpscWriter(ring_);
  }
  ~RingInputs() override {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  void write(unsigned records) {
    for (unsigned i = 0; i < records; ++i) {
      ipc::Slot* const slot = writer_.claim(1);
      ASSERT_NE(slot, nullptr);
      slot->put(Record{});
      writer_.commit();
    }
    (void)writer_.publish(ipc::now_ticks());
    ring_.beat(ipc::now_ticks());
  }
  RingInput::Event look() {
    return input_.look(cursor_, cursor_segment_.geometry().created_ticks, ipc::now_ticks(),
                       never_stale);
  }
  void read(unsigned records) {
    for (unsigned i = 0; i < records; ++i) {
      ASSERT_NE(input_.reader().peek(), nullptr);
      input_.reader().advance();
    }
  }

  std::string root_;
  ipc::Segment cursor_segment_, ring_;
  ipc::CursorWriter cursor_;
  ipc::SpscWriter writer_;
  RingInput input_{"test", "spsc.c0.0.w0.0"};
};

TEST_F(RingInputs, ARingThatIsFoundEmptyIsBelievedAtOnce) {
  EXPECT_EQ(look(), RingInput::Event::AttachedAtStart);
  EXPECT_TRUE(input_.alive());
  EXPECT_FALSE(input_.catching_up());
}

TEST_F(RingInputs, ARingThatIsFoundFilledIsBelievedOnceItsContentsHaveBeenRead) {
  write(10);
  EXPECT_EQ(look(), RingInput::Event::AttachedAtStart);
  EXPECT_FALSE(input_.alive());
  EXPECT_TRUE(input_.catching_up());
  read(9);
  EXPECT_EQ(look(), RingInput::Event::None);
  EXPECT_FALSE(input_.alive());
  write(5);  // what comes meanwhile need not be waited for
  read(1);
  EXPECT_EQ(look(), RingInput::Event::CameBack);
  EXPECT_TRUE(input_.alive());
  EXPECT_FALSE(input_.catching_up());
}

TEST_F(RingInputs, ACollectorThatEndsBeforeItsRingHasBeenReadIsSaidToHaveDied) {
  write(10);
  EXPECT_EQ(look(), RingInput::Event::AttachedAtStart);
  ring_ = {};
  EXPECT_EQ(look(), RingInput::Event::Died);
  EXPECT_FALSE(input_.alive());
  EXPECT_FALSE(input_.catching_up());
}

}  // namespace
}  // namespace ringside::orderbook
