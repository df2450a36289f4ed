#include "scripted_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

namespace ringside::conformance {

namespace {

// RFC 6455, 4.2.2: base64 of the SHA-1 of the key and a constant.
std::string accept_of(const std::string& key) {
  const std::string joined = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(joined.data()), joined.size(), digest);
  unsigned char encoded[64];
  const int count = EVP_EncodeBlock(encoded, digest, SHA_DIGEST_LENGTH);
  return {reinterpret_cast<const char*>(encoded), static_cast<std::size_t>(count)};
}

std::string header_of(const std::string& head, const std::string& name) {
  const std::size_t at = head.find("\r\n" + name + ": ");
  if (at == std::string::npos) return {};
  const std::size_t begin = at + name.size() + 4;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

}  // namespace

std::string describe(const Frame& frame) {
  std::string out = (frame.final ? "final " : "") + std::string("opcode ") +
                    std::to_string(frame.opcode) + " rsv " + std::to_string(frame.reserved) + ", " +
                    std::to_string(frame.payload.size()) + " bytes:";
  for (const char c : frame.payload.substr(0, 24)) {
    const auto octet = static_cast<unsigned char>(c);
    out += ' ';
    out += "0123456789abcdef"[octet >> 4];
    out += "0123456789abcdef"[octet & 15];
  }
  return out;
}

std::string frame(unsigned opcode, std::string_view payload, bool final, unsigned reserved) {
  std::string out;
  out += static_cast<char>((final ? 0x80U : 0U) | reserved << 4 | opcode);
  const std::uint64_t length = payload.size();
  const int extra = length < 126 ? 0 : length < 65536 ? 2 : 8;
  out += static_cast<char>(extra == 0 ? length : extra == 2 ? 126U : 127U);
  for (int i = extra - 1; i >= 0; --i) out += static_cast<char>(length >> (8 * i) & 0xff);
  out += payload;
  return out;
}

std::string close_payload(unsigned code, std::string_view reason) {
  std::string out{static_cast<char>(code >> 8 & 0xff), static_cast<char>(code & 0xff)};
  return out.append(reason);
}

ScriptedServer::ScriptedServer(const Script& script) : script_(script) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (listener_ < 0 || ::bind(listener_, any, bytes) != 0 || ::listen(listener_, 1) != 0 ||
      ::getsockname(listener_, any, &bytes) != 0) {
    throw std::runtime_error("no listening socket on loopback");
  }
  port_ = ntohs(address.sin_port);
}

ScriptedServer::~ScriptedServer() {
  if (socket_ >= 0) ::close(socket_);
  ::close(listener_);
}

bool ScriptedServer::turn() {
  if (socket_ < 0 && !accept_client()) return true;
  receive();
  if (!upgraded_) answer_upgrade();
  if (upgraded_) {
    read_frames();
    send();
  }
  return !(transcript_.end_of_stream && (finished_ || !script_.server_closes));
}

bool ScriptedServer::accept_client() {
  socket_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (socket_ < 0) return false;
  const int on = 1;
  (void)::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return true;
}

void ScriptedServer::receive() {
  static thread_local char buffer[1 << 16];
  for (int i = 0; i < 16 && !transcript_.end_of_stream; ++i) {
    const ssize_t count = ::recv(socket_, buffer, sizeof(buffer), 0);
    if (count < 0) {
      if (errno != EAGAIN && errno != EINTR) transcript_.end_of_stream = true;
      return;
    }
    if (count == 0) transcript_.end_of_stream = true;
    received_.append(buffer, static_cast<std::size_t>(count));
  }
}

void ScriptedServer::answer_upgrade() {
  const std::size_t end = received_.find("\r\n\r\n");
  if (end == std::string::npos) return;
  transcript_.request = received_.substr(0, end + 2);
  received_.erase(0, end + 4);
  tail_ =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      accept_of(header_of(transcript_.request, "Sec-WebSocket-Key")) + "\r\n";
  if (!script_.extensions.empty()) {
    tail_ += "Sec-WebSocket-Extensions: " + script_.extensions + "\r\n";
  }
  tail_ += "\r\n";
  upgraded_ = true;
}

void ScriptedServer::fail(std::string why) {
  if (transcript_.fault.empty()) transcript_.fault = std::move(why);
}

void ScriptedServer::read_frames() {
  while (transcript_.fault.empty() && read_frame()) {
  }
  if (transcript_.end_of_stream && !received_.empty()) fail("the stream ends within a frame");
}

// One frame off the front; false: not all of it is here.
bool ScriptedServer::read_frame() {
  const auto octet = [this](std::size_t at) { return static_cast<unsigned char>(received_[at]); };
  if (received_.size() < 2) return false;
  Frame frame{(octet(0) & 0x80) != 0, octet(0) >> 4 & 7U, octet(0) & 15U, {}};
  if ((octet(1) & 0x80) == 0) fail("a frame without a mask");
  std::uint64_t length = octet(1) & 0x7fU;
  std::size_t at = 2;
  const std::size_t extra = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (received_.size() < at + extra + 4) return false;
  if (extra > 0) {
    for (length = 0; at < 2 + extra; ++at) length = length << 8 | octet(at);
    if (length < (extra == 2 ? 126U : 65536U)) fail("a length that is not in its shortest form");
  }
  if (received_.size() - at - 4 < length) return false;
  frame.payload = received_.substr(at + 4, static_cast<std::size_t>(length));
  for (std::size_t i = 0; i < frame.payload.size(); ++i) {
    frame.payload[i] = static_cast<char>(frame.payload[i] ^ received_[at + i % 4]);
  }
  received_.erase(0, at + 4 + static_cast<std::size_t>(length));
  if (client_closed_) fail("a frame behind the client's Close");
  client_closed_ = frame.opcode == op_close;
  transcript_.frames.push_back(std::move(frame));
  return true;
}

std::size_t ScriptedServer::frames_before_close() const {
  return transcript_.frames.size() - (client_closed_ ? 1 : 0);
}

bool ScriptedServer::everything_sent() const {
  return step_ == script_.steps.size() && tail_sent_ == tail_.size();
}

void ScriptedServer::send() {
  const auto write = [this](const std::string& bytes, std::size_t from, std::size_t most) {
    const ssize_t count =
        ::send(socket_, bytes.data() + from, std::min(most, bytes.size() - from), MSG_NOSIGNAL);
    return count < 0 ? std::size_t{0} : static_cast<std::size_t>(count);
  };
  if (tail_sent_ < tail_.size()) tail_sent_ += write(tail_, tail_sent_, tail_.size());
  if (tail_sent_ < tail_.size()) return;
  // Several chops a turn: the client's reads still cut them where they like.
  for (int i = 0; i < 64 && step_ < script_.steps.size(); ++i) {
    const Step& step = script_.steps[step_];
    if (frames_before_close() < step.after_frames) return;
    const std::size_t count =
        write(step.bytes, sent_, step.chop == 0 ? step.bytes.size() : step.chop);
    sent_ += count;
    if (sent_ < step.bytes.size() && count == 0) return;
    if (sent_ == step.bytes.size()) {
      ++step_;
      sent_ = 0;
    }
  }
  if (!everything_sent()) return;
  if (script_.server_closes && !close_said_ && !client_closed_ &&
      frames_before_close() >= script_.wanted.size()) {
    close_said_ = true;
    tail_ = frame(op_close, close_payload(1000));
    tail_sent_ = 0;
    return;
  }
  // RFC 6455, 7.1.1: the server closes the TCP connection first, when both Close frames are there;
  // and so it does when the client has failed the connection.
  if (client_closed_ && !finished_) {
    finished_ = true;
    (void)::shutdown(socket_, SHUT_WR);
  }
}

}  // namespace ringside::conformance
