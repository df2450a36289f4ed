// The way out of the simulated exchange: to sockets in the program, to a list in tests.
//
// Threads: one. Lifetime: the text is used up when the call returns.
#pragma once

#include <cstdint>
#include <string_view>

namespace ringside::exchange {

using SessionId = std::uint32_t;  // of one WebSocket connection; never used again
using RequestId = std::uint32_t;  // of one HTTP request; never used again

enum class Frame : std::uint8_t {
  Control,  // acknowledgements, heartbeats, snapshots at subscription, metadata
  Data,     // the market's own stream: what faults count
};

// How a connection ends.
enum class Ending : std::uint8_t {
  Cut,         // FIN, without a closing handshake, as the next two
  Reset,       // RST
  HalfClosed,  // FIN in our direction; the socket stays
  Handshake,   // a Close frame with a code
};

class Outlet {
 public:
  virtual ~Outlet() = default;
  // One text frame. Unknown sessions are ignored: they may have closed meanwhile.
  virtual void send(SessionId session, std::string_view text, Frame frame) = 0;
  // `code`: of a Handshake. Nothing can be sent on it any more.
  virtual void close(SessionId session, Ending ending, std::uint16_t code) = 0;
  // The JSON answer to a request.
  virtual void answer(RequestId request, int status, std::string_view body) = 0;
  // An answer that says when to come again.
  virtual void refuse(RequestId request, int status, std::uint32_t retry_after_s) = 0;
  // Ends every connection by RST, and accepts none, until come_back() succeeds. False: not yet.
  virtual void go_away() = 0;
  [[nodiscard]] virtual bool come_back() = 0;
  // Some session's queue is full: the market must wait.
  [[nodiscard]] virtual bool congested() const = 0;
};

}  // namespace ringside::exchange
