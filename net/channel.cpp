#include "net/channel.hpp"

#include <unistd.h>

#include <bit>
#include <cerrno>
#include <utility>

#include "ipc/check.hpp"
#include "net/backend.hpp"
#include "net/loop.hpp"

namespace ringside::net {

Channel::Channel(Loop& loop, ReceiveBuffers buffers) : backend_(loop.backend()) {
  RINGSIDE_CHECK(buffers.count <= 64);
  RINGSIDE_CHECK(buffers.count == 0 || std::has_single_bit(buffers.count));
  kernel.buffers = buffers;
  establish.channel = receive.channel = send.channel = this;
  backend_.attach(*this);
}

Channel::~Channel() {
  backend_.detach(*this);
  if (kernel.descriptor >= 0) ::close(kernel.descriptor);
}

int Channel::adopt(int descriptor) noexcept {
  RINGSIDE_CHECK(kernel.descriptor < 0);
  kernel.descriptor = descriptor;
  kernel.cancelling = false;
  const int result = backend_.adopted(*this);
  if (result < 0) {
    ::close(descriptor);
    kernel.descriptor = -1;
  }
  return result;
}

void Channel::start(Operation& operation, OperationKind kind) noexcept {
  RINGSIDE_CHECK(!operation.in_flight);
  RINGSIDE_CHECK(kernel.descriptor >= 0);
  operation.kind = kind;
  operation.in_flight = true;
  ++operation.generation;
  backend_.start(operation);
}

void Channel::start_connect(const SocketAddress& address) noexcept {
  kernel.peer = address;
  start(establish, OperationKind::Connect);
}

void Channel::start_accept() noexcept { start(establish, OperationKind::Accept); }

void Channel::start_receive() noexcept {
  RINGSIDE_CHECK(kernel.buffers.count > 0);
  start(receive, OperationKind::Receive);
}

void Channel::start_send(std::span<const std::byte> bytes) noexcept {
  kernel.send_bytes = bytes;
  start(send, OperationKind::Send);
}

void Channel::cancel() noexcept {
  if (idle() || kernel.cancelling) return;
  kernel.cancelling = true;
  backend_.cancel(*this);
}

int Channel::release() noexcept {
  RINGSIDE_CHECK(idle());
  RINGSIDE_CHECK(kernel.descriptor >= 0);
  backend_.released(*this);
  kernel.cancelling = false;
  return std::exchange(kernel.descriptor, -1);
}

void Channel::close_descriptor() noexcept {
  RINGSIDE_CHECK(idle());
  if (kernel.descriptor < 0) return;
  ::close(kernel.descriptor);
  kernel.descriptor = -1;
  kernel.cancelling = false;
}

}  // namespace ringside::net
