// A server on loopback that passes everything on to a well-behaved one, and breaks one rule when it
// is told to: at the next frame of a connection that stands, at the next connection, or in the
// middle of the next snapshot. What a fault does is a function over the client's socket.
//
// Threads: one a connection; break_next() from the test's. Bounded by: the connections it gets.
// Fails by: std::runtime_error at construction.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "net/tls.hpp"

namespace ringside::e2e {

// The client's end of one connection, as a fault sees it. What it does ends when the client has
// gone or the server stops.
class Wire {
 public:
  Wire(int socket, int stop) : socket_(socket), stop_(stop) {}

  bool send(std::string_view bytes);   // false: the client has gone
  void finish();                       // FIN; what the client still says is read
  void reset();                        // RST
  void hold();                         // silence until the client has gone
  void drip(std::string_view bytes);   // over and over, a byte each drip_ms
  void flood(std::string_view bytes);  // over and over, as fast as it goes
  std::string read_head();             // up to the empty line
  // The server's side of a TLS handshake with this certificate, whatever comes of it.
  void offer(const net::TlsContext& context);

 private:
  // Reads and forgets for up to `ms` (-1: for ever); false: the client has gone or we stop.
  bool drain(int ms);

  int socket_;
  int stop_;
};

enum class When : std::uint8_t {
  NextFrame,       // behind a whole frame (without TLS) or record; the connection is then ours
  NextConnection,  // existing ones are reset
  MidSnapshot,     // of the next connection, without TLS: half of a frame with a snapshot is sent
};

struct Fault {
  When when = When::NextFrame;
  std::function<void(Wire&)> act;
  bool goes_on = false;  // NextFrame: the connection is passed on as before
};

class HostileServer {
 public:
  // `websocket`: cut what the other server says into WebSocket frames, not into reads.
  HostileServer(std::uint16_t upstream_port, bool websocket);
  ~HostileServer();
  HostileServer(const HostileServer&) = delete;
  HostileServer& operator=(const HostileServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  // Once. The one before must have been used up.
  void break_next(Fault fault);
  [[nodiscard]] bool used_up() const;

 private:
  struct Peer {
    std::thread thread;
    int client = -1;
    int upstream = -1;
    int wake = -1;  // eventfd: look at the fault, or at `reset`
    std::atomic<bool> reset{false};
  };
  void accept_peers();
  void serve(Peer& peer);
  void pass_on(Peer& peer);
  bool forward(Peer& peer, std::string& pending, bool& upgraded);
  std::optional<Fault> take(When when);

  std::uint16_t upstream_port_;
  bool websocket_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  int stop_ = -1;  // eventfd, never read
  mutable std::mutex mutex_;
  std::optional<Fault> fault_;                // under mutex_
  std::vector<std::unique_ptr<Peer>> peers_;  // under mutex_
  std::thread acceptor_;
};

}  // namespace ringside::e2e
