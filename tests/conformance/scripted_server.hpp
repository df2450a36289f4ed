// A WebSocket server that says exactly what a script tells it, octet by octet if need be, and
// writes down every frame of its one client. Written from RFC 6455 alone: it shares no code with
// net/.
//
// Threads: the test's, in turns with the client's loop. Bounded by: turns_max.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::conformance {

struct Frame {
  bool final = true;
  unsigned reserved = 0;  // RSV1 is 4
  unsigned opcode = 0;
  std::string payload;  // unmasked
  friend bool operator==(const Frame&, const Frame&) = default;
};
std::string describe(const Frame& frame);

// As a server sends it. `reserved`: RSV1 is 4.
std::string frame(unsigned opcode, std::string_view payload, bool final = true,
                  unsigned reserved = 0);
// A Close frame's payload.
std::string close_payload(unsigned code, std::string_view reason = {});

inline constexpr unsigned op_continuation = 0;
inline constexpr unsigned op_text = 1;
inline constexpr unsigned op_binary = 2;
inline constexpr unsigned op_close = 8;
inline constexpr unsigned op_ping = 9;
inline constexpr unsigned op_pong = 10;

struct Step {
  std::string bytes;
  std::size_t chop = 0;          // so many bytes a write; 0: as many as the socket takes
  std::size_t after_frames = 0;  // begins when the client has sent so many
};

struct Script {
  std::string name;
  std::vector<Step> steps;
  std::vector<Frame> wanted;  // of the client, before its Close; payloads as they were before
                              // compression
  // The payload of the client's Close. Unless the script's own bytes end the connection, the server
  // closes it with 1000 when everything wanted is there.
  std::string wanted_close = close_payload(1000);
  bool server_closes = true;  // false: the client does, at what it was sent, or the steps do
  std::string extensions;     // of the answer; the client's frames may be compressed then
};

// What the client did.
struct Transcript {
  std::string request;  // the head
  std::vector<Frame> frames;
  bool end_of_stream = false;
  std::string fault;  // what was wrong with the client's bytes themselves
};

class ScriptedServer {
 public:
  explicit ScriptedServer(const Script& script);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  // Reads and writes what can be, without waiting; false when both directions are over.
  bool turn();
  [[nodiscard]] const Transcript& transcript() const { return transcript_; }

 private:
  bool accept_client();
  void answer_upgrade();
  void receive();
  void read_frames();
  bool read_frame();
  void fail(std::string why);
  void send();
  [[nodiscard]] bool everything_sent() const;
  [[nodiscard]] std::size_t frames_before_close() const;

  const Script& script_;
  Transcript transcript_;
  int listener_ = -1;
  int socket_ = -1;
  std::uint16_t port_ = 0;
  std::string received_;
  bool upgraded_ = false;
  bool client_closed_ = false;  // its Close frame is here
  std::size_t step_ = 0;
  std::size_t sent_ = 0;  // of the step
  std::string tail_;      // the answer, or the server's Close
  std::size_t tail_sent_ = 0;
  bool close_said_ = false;
  bool finished_ = false;  // our direction is shut
};

}  // namespace ringside::conformance
