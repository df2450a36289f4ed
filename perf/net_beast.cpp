// Boost.Beast's synchronous WebSocket client, as its documentation has it: the peer of the client's
// benchmarks, apart because its headers take long to compile.
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include "perf/net_peer.hpp"

namespace ringside::perf {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Tcp = asio::ip::tcp;

template <typename WebSocket>
Taken take(WebSocket& socket, std::uint64_t messages, bool look) {
  socket.handshake("127.0.0.1", "/");
  Taken taken;
  beast::flat_buffer buffer;
  std::uint64_t begin = 0;
  while (taken.messages < messages) {
    socket.read(buffer);
    if (taken.messages == 0) begin = thread_cpu_ns();
    if (look) {
      const auto data = buffer.data();
      const std::string_view text(static_cast<const char*>(data.data()), data.size());
      if (!is_payload(text, taken.messages)) ++taken.wrong;
    }
    buffer.consume(buffer.size());
    ++taken.messages;
  }
  taken.cpu_ns = thread_cpu_ns() - begin;
  return taken;
}

}  // namespace

Taken take_by_beast(const FrameServer& server, const FrameSource& source,
                    const net::CertificateFiles& certificates, bool look) {
  asio::io_context context;
  const Tcp::endpoint endpoint(asio::ip::make_address("127.0.0.1"), server.port());
  if (!source.tls) {
    beast::websocket::stream<Tcp::socket> socket(context);
    socket.next_layer().connect(endpoint);
    socket.next_layer().set_option(Tcp::no_delay(true));
    return take(socket, source.messages, look);
  }
  asio::ssl::context tls(asio::ssl::context::tls_client);
  tls.load_verify_file(certificates.ca_file);
  tls.set_verify_mode(asio::ssl::verify_peer);
  beast::websocket::stream<asio::ssl::stream<Tcp::socket>> socket(context, tls);
  socket.next_layer().next_layer().connect(endpoint);
  socket.next_layer().next_layer().set_option(Tcp::no_delay(true));
  socket.next_layer().handshake(asio::ssl::stream_base::client);
  return take(socket, source.messages, look);
}

}  // namespace ringside::perf
