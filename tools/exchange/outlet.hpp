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

// How a connection ends; none of them with a closing handshake.
enum class Ending : std::uint8_t {
  Cut,         // FIN
  Reset,       // RST
  HalfClosed,  // FIN in our direction; the socket stays
};

class Outlet {
 public:
  virtual ~Outlet() = default;
  // One text frame. Unknown sessions are ignored: they may have closed meanwhile.
  virtual void send(SessionId session, std::string_view text, Frame frame) = 0;
  virtual void close(SessionId session, Ending ending) = 0;
  // The JSON answer to a request.
  virtual void answer(RequestId request, int status, std::string_view body) = 0;
  // Some session's queue is full: the market must wait.
  [[nodiscard]] virtual bool congested() const = 0;
};

}  // namespace ringside::exchange
