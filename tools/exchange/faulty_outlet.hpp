// Between the venue and the sockets: carries out what faults do to frames, answers and connections.
// What is dropped, doubled, held back or cut off is so for the client only; the market goes on.
//
// Threads: one. Bounded by: the sessions admitted; held_max frames and answers held back: beyond
// it they go out at once. A frame held behind the next one of its stream waits reorder_ns_max.
// Fails by: nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "tools/exchange/faults.hpp"
#include "tools/exchange/outlet.hpp"

namespace ringside::exchange {

class Market;
class Venue;

inline constexpr std::size_t held_max = 16'384;
inline constexpr std::int64_t reorder_ns_max = 5'000'000'000;
inline constexpr std::int64_t restart_ns = 1'000'000'000;   // unless said
inline constexpr std::int64_t shutdown_ns = 1'000'000'000;  // from the announcement to the end
inline constexpr std::uint16_t going_away_code = 1001;

class FaultyOutlet final : public Outlet {
 public:
  FaultyOutlet(Outlet& next, Faults& faults) : next_(next), faults_(faults) {}

  void on_open(SessionId session);
  void on_close(SessionId session);
  // Asked for words, and for who hears what; before anything else.
  void serve(Venue& venue, const Market& market) {
    venue_ = &venue;
    market_ = &market;
  }
  // Does what is due; returns when to be called next. Faults::set_time() comes first.
  UtcNs on_tick();
  // What Faults::take_due() says of connections.
  void carry_out(const Fault& fault);
  // Answered so much later.
  void hold_answer(RequestId request, std::int64_t delay_ns);

  void send(SessionId session, std::string_view text, Frame frame) override;
  void close(SessionId session, Ending ending, std::uint16_t code) override;
  void answer(RequestId request, int status, std::string_view body) override;
  void refuse(RequestId request, int status, std::uint32_t retry_after_s) override {
    next_.refuse(request, status, retry_after_s);
  }
  void go_away() override { next_.go_away(); }
  [[nodiscard]] bool come_back() override { return next_.come_back(); }
  [[nodiscard]] bool congested() const override { return next_.congested(); }

 private:
  struct Session {
    SessionId id = 0;
    std::uint32_t number = 0;  // from 1, in the order of opening
    bool stalled = false;      // nothing more is sent on it
    UtcNs opened{};
    UtcNs ends{};  // 0: nothing is announced
  };
  struct HeldFrame {
    SessionId session = 0;
    std::string text{};
    std::string stream;  // Faults::stream(); of a fault of frames: empty, all of the session's
    UtcNs due{};
    bool behind_next = false;
  };
  struct HeldAnswer {
    RequestId request = 0;
    std::int64_t delay_ns = 0;
    int status = 0;  // 0: the venue has not answered yet
    std::string body{};
    UtcNs due{};
  };

  [[nodiscard]] Session* find(SessionId session);
  [[nodiscard]] bool aimed_at(const Fault& fault, const Session& session) const;
  // False: it goes out now.
  [[nodiscard]] bool hold(const Session& session, std::string_view text, const MessageFate& fate);
  [[nodiscard]] bool in_the_way(const HeldFrame& held, SessionId session) const;
  void release_behind(SessionId session);
  void release_due();
  void end_sessions();
  void restart(std::int64_t away_ns);

  Outlet& next_;
  Faults& faults_;
  Venue* venue_ = nullptr;
  const Market* market_ = nullptr;
  std::vector<Session> sessions_;
  std::uint32_t opened_ = 0;
  std::deque<HeldFrame> held_;
  std::deque<HeldAnswer> answers_;
  UtcNs back_;  // 0: not away
};

}  // namespace ringside::exchange
