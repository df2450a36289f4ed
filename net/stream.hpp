// One TCP connection, with or without TLS, as a stream of received bytes and a bounded queue of
// bytes to send. Unlike a socket it never blocks, never calls back from within a call that could
// fail, and tells the layers' failures apart. Received bytes are handed over where they lie
// (in the kernel's buffer, or where TLS decrypted them); what the consumer leaves is kept and
// presented again with more behind it.
//
// Threads: the loop's. Bounded by: StreamOptions. Fails by: on_close, exactly once for each
// connect() or accept(), from within Loop::run_once, after the kernel has let go of everything: the
// object may be connected again, or destroyed, inside it. It may be destroyed at any other time,
// too, but inside its other callbacks.
//
// States: net/connection_state.hpp. It is the layer above that says when an upgrade is done, and
// when a WebSocket begins to close; to a stream these are all open.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "net/channel.hpp"
#include "net/close_reason.hpp"
#include "net/connection_state.hpp"
#include "net/dialer.hpp"
#include "net/loop.hpp"
#include "net/proxy.hpp"
#include "net/resolver.hpp"
#include "net/send_queue.hpp"
#include "net/tls.hpp"

namespace ringside::net {

inline constexpr std::int64_t ns_per_s = 1'000'000'000;
inline constexpr std::int64_t ns_per_ms = 1'000'000;

struct StreamOptions {
  std::size_t send_queue_bytes = 16 * 1024;
  std::size_t inbox_bytes = 1 << 20;  // most that the consumer may leave unconsumed
  ReceiveBuffers receive_buffers{};
  std::int64_t resolve_ns_max = 5 * ns_per_s;
  std::int64_t connect_ns_max = 5 * ns_per_s;  // for each address
  std::int64_t stagger_ns = 250 * ns_per_ms;   // of silence; then a second address is tried, too
  ProxyOptions proxy{};                        // of connect(); empty: straight to the server
  std::int64_t proxy_ns_max = 5 * ns_per_s;    // for its answer
  std::int64_t tls_ns_max = 5 * ns_per_s;
  std::int64_t close_ns_max = 2 * ns_per_s;  // flush, FIN, and the peer's FIN
  bool upgrades = false;                     // it begins as Upgrading, and is Open by advance()
};

struct ReceiveTimes {
  Ticks received;   // bytes taken from the kernel
  Ticks decrypted;  // the same without TLS
  // How long the kernel had had the last of them by then, with LoopOptions::receive_stamps.
  std::int64_t kernel_to_read_ns = unstamped_ns;
};

// `context` is passed to each; on_sent and on_state may be null.
struct StreamCallbacks {
  void* context = nullptr;
  void (*on_open)(void* context) noexcept = nullptr;
  // Returns how many bytes of the front are done with; the others stay as they were. All of `bytes`
  // is writable, and padding_bytes behind it readable; both only during the call.
  std::size_t (*on_bytes)(void* context, std::span<std::byte> bytes,
                          ReceiveTimes times) noexcept = nullptr;
  void (*on_sent)(void* context) noexcept = nullptr;  // the send queue has become empty
  void (*on_close)(void* context, CloseReason reason, std::string_view detail) noexcept = nullptr;
  ConnectionLife::OnState on_state = nullptr;  // each step
};

struct StreamCounters {
  CloseCounters closed{};            // by CloseReason
  std::uint64_t received_bytes = 0;  // on the wire
  std::uint64_t sent_bytes = 0;
  std::uint64_t tls_handshakes = 0;
  std::uint64_t tls_resumed = 0;      // of them, those that went on from the connection before
  std::uint64_t tls_own_records = 0;  // of them, those whose records TlsRecords reads
  std::uint64_t forced_closes = 0;    // the peer did not finish within close_ns_max
};

class Stream {
 public:
  Stream(Loop& loop, const StreamOptions& options, const StreamCallbacks& callbacks);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // At rest. `tls` (null: none) must outlive the connection; `host` is what it verifies.
  void connect(std::string_view host, std::uint16_t port, const TlsContext* tls) noexcept;
  // At rest. Takes an accepted descriptor over; without TLS on_open comes before it returns.
  void accept(int descriptor, const TlsContext* tls) noexcept;

  // At rest: what its owner has it wait for. The layer above: the upgrade is done, a Close frame is
  // sent or has come. Each by state_steps; what the stream does itself is not to be said.
  void advance(ConnectionState state) noexcept { enter(state); }

  // Sending: reserve what will be written, write it in any pieces, flush. Each batch of writes goes
  // out in as few TLS records as it fits into.
  [[nodiscard]] bool reserve(std::size_t bytes) const noexcept;  // false: not open, or no room
  void write(std::span<const std::byte> bytes) noexcept;
  void flush() noexcept;

  // Presents what the consumer left once more, for one that had to wait for something else than
  // bytes. Not from within on_bytes.
  void present_again() noexcept;

  // Orderly: what is queued goes out, close_notify, FIN, then the peer's FIN is awaited. Before the
  // stream is open: at once. A second call changes nothing.
  void close(CloseReason reason, std::string_view detail = {}) noexcept;
  // At once; what is queued is lost.
  void abort(CloseReason reason, std::string_view detail = {}) noexcept;
  // For tests of the peer. As abort(), but the peer gets an RST; and: only our direction ends, as
  // soon as the kernel has sent what it holds.
  void reset() noexcept;
  void half_close() noexcept;

  [[nodiscard]] ConnectionState state() const noexcept { return life_.state(); }
  [[nodiscard]] bool open() const noexcept { return carries_bytes(life_.state()); }
  [[nodiscard]] const ConnectionLife& life() const noexcept { return life_; }
  [[nodiscard]] std::size_t queued_bytes() const noexcept { return queue_.size(); }
  [[nodiscard]] const StreamCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] Loop& loop() const noexcept { return loop_; }

 private:
  static void dialed(void* context, const Dialed& dialed) noexcept;
  static void received(void* context, const Completion& completion) noexcept;
  static void sent(void* context, const Completion& completion) noexcept;
  static void resolved(void* context, const LookupResult& result) noexcept;
  static void deadline(void* context) noexcept;

  void enter(ConnectionState state) noexcept { life_.enter(state, loop_.steady_ns()); }
  void set_detail(std::string_view detail) noexcept;
  void set_error_detail(int error) noexcept;
  void fail(CloseReason reason, int error) noexcept;

  void dial() noexcept;
  void connected() noexcept;
  void ask_proxy() noexcept;
  void receive_from_proxy(std::span<const std::byte> bytes) noexcept;
  void reached() noexcept;
  void opened() noexcept;

  void receive_plain(const Completion& arrival) noexcept;
  void receive_tls(const Completion& arrival) noexcept;
  bool continue_handshake() noexcept;
  void end_of_stream(bool announced) noexcept;
  std::span<std::byte> complete_leftover(std::span<std::byte> bytes, ReceiveTimes times) noexcept;
  std::span<std::byte> inbox_room() noexcept;
  std::size_t deliver_inbox(ReceiveTimes times) noexcept;  // how much of it was consumed

  bool write_record() noexcept;
  void kick_send() noexcept;
  void proceed_closing() noexcept;
  void quiesce() noexcept;
  void finish_close() noexcept;

  Loop& loop_;
  StreamOptions options_;
  StreamCallbacks callbacks_;
  ConnectionLife life_;
  StreamCounters counters_;
  Channel channel_;
  Dialer dialer_;
  Timer timer_;  // the deadline of the current state
  Lookup lookup_;
  SendQueue queue_;
  TlsSession tls_session_;
  const TlsContext* tls_ = nullptr;
  CloseReason reason_ = CloseReason::None;
  bool peer_finished_ = false;

  std::string host_;  // of the server, whether or not a proxy leads there
  std::uint16_t port_ = 0;
  std::array<SocketAddress, addresses_max> addresses_{};
  std::uint32_t address_count_ = 0;
  AddressMemory memory_;  // of this server's

  MappedBytes inbox_;  // received and not consumed: [inbox_begin_, inbox_end_)
  std::size_t inbox_begin_ = 0;
  std::size_t inbox_end_ = 0;
  MappedBytes record_;  // one TLS record's payload, being written
  std::size_t record_used_ = 0;

  std::size_t detail_bytes_ = 0;
  char detail_[256];
};

}  // namespace ringside::net
