// The kernel's sockets as one type: what code over connections is made of that also runs over
// virtual ones (tests/simulation). Both have the same four members; nothing is virtual, and the
// code over them is compiled once for each.
#pragma once

#include "net/http_client.hpp"
#include "net/loop.hpp"
#include "net/websocket_client.hpp"

namespace ringside::net {

struct Sockets {
  using Loop = net::Loop;  // of which only the clock and the timers are used
  using WebSocketClient = net::WebSocketClient;
  using HttpClient = net::HttpClient;
};

}  // namespace ringside::net
