// A WebSocket client and server on one loop, each writing down what happens.
#pragma once

#include <string>
#include <vector>

#include "loopback.hpp"
#include "net/websocket_client.hpp"
#include "net/websocket_server.hpp"

namespace ringside::net {

inline WebSocketClientOptions patient(WebSocketClientOptions options) {
  options.stream = patient(options.stream);
  be_patient(options, {&WebSocketClientOptions::upgrade_ns_max});
  be_patient(options.timing, {&WebSocketTiming::pong_ns_max, &WebSocketTiming::silence_ns_max,
                              &WebSocketTiming::closing_ns_max});
  return options;
}

inline WebSocketServerOptions patient(WebSocketServerOptions options) {
  options.stream = patient(options.stream);
  be_patient(options, {&WebSocketServerOptions::request_ns_max});
  be_patient(options.timing, {&WebSocketTiming::closing_ns_max});
  return options;
}

struct ServerSide {
  explicit ServerSide(Loop& loop, const WebSocketServerOptions& options = {})
      : server(
            loop, patient(options),
            {.context = this,
             .on_request =
                 [](void* context, ServerConnection& connection,
                    const HttpRequest& request) noexcept {
                   auto& self = *static_cast<ServerSide*>(context);
                   self.requests.push_back(std::string(request.method) + " " +
                                           std::string(request.target) + " " +
                                           std::string(request.body));
                   self.last = &connection;
                   if (self.answer) {
                     EXPECT_TRUE(connection.respond(self.status, "application/json", self.body,
                                                    self.extra_headers));
                   }
                 },
             .on_upgrade =
                 [](void* context, ServerConnection& connection,
                    const HttpRequest& request) noexcept {
                   auto& self = *static_cast<ServerSide*>(context);
                   if (request.target == "/teapot") {
                     connection.respond(418, "text/plain", "short and stout",
                                        "Retry-After: 17\r\n");
                   }
                   return request.target != "/refused" && request.target != "/teapot" &&
                          self.accept;
                 },
             .on_open =
                 [](void* context, ServerConnection& connection) noexcept {
                   auto& self = *static_cast<ServerSide*>(context);
                   ++self.opened;
                   self.last = &connection;
                 },
             .on_text =
                 [](void* context, ServerConnection& connection, std::string_view text,
                    ReceiveTimes) noexcept {
                   auto& self = *static_cast<ServerSide*>(context);
                   self.texts.emplace_back(text);
                   if (self.echo) {
                     EXPECT_TRUE(connection.send_text(text));
                   }
                 },
             .on_binary = [](void*, ServerConnection& connection, std::string_view bytes,
                             ReceiveTimes) noexcept { EXPECT_TRUE(connection.send_binary(bytes)); },
             .on_sent =
                 [](void* context, ServerConnection&) noexcept {
                   ++static_cast<ServerSide*>(context)->sent;
                 },
             .on_close =
                 [](void* context, ServerConnection&, CloseReason why, std::string_view) noexcept {
                   auto& self = *static_cast<ServerSide*>(context);
                   ++self.closed;
                   self.reason = why;
                   self.last = nullptr;
                 }}) {}

  WebSocketServer server;
  ServerConnection* last = nullptr;
  bool accept = true;
  bool echo = true;
  bool answer = true;
  int status = 200;
  std::string body = "{}";
  std::string extra_headers;
  std::vector<std::string> requests;
  std::vector<std::string> texts;
  int opened = 0;
  int closed = 0;
  int sent = 0;
  CloseReason reason = CloseReason::None;
};

struct ClientSide {
  ClientSide(Loop& loop, const WebSocketClientOptions& options)
      : client(
            loop, patient(options),
            {.context = this,
             .on_open = [](void* context) noexcept { ++static_cast<ClientSide*>(context)->opened; },
             .on_text =
                 [](void* context, std::string_view text, ReceiveTimes when) noexcept {
                   auto& self = *static_cast<ClientSide*>(context);
                   self.texts.emplace_back(text);
                   self.times = when;
                   self.padding += static_cast<unsigned>(text.data()[text.size() + 63]);
                 },
             .on_binary =
                 [](void* context, std::string_view bytes, ReceiveTimes) noexcept {
                   static_cast<ClientSide*>(context)->binaries.emplace_back(bytes);
                 },
             .on_batch_end =
                 [](void* context) noexcept {
                   auto& self = *static_cast<ClientSide*>(context);
                   self.batch_ends.push_back(self.texts.size());
                 },
             .on_close =
                 [](void* context, CloseReason why, std::uint16_t with,
                    std::string_view text) noexcept {
                   auto& self = *static_cast<ClientSide*>(context);
                   ++self.closed;
                   self.reason = why;
                   self.code = with;
                   self.detail = text;
                 },
             .on_state =
                 [](void* context, const StateChange& change) noexcept {
                   static_cast<ClientSide*>(context)->steps.push_back(change);
                 }}) {}

  std::vector<StateChange> steps;
  WebSocketClient client;
  std::vector<std::string> texts;
  std::vector<std::string> binaries;
  std::vector<std::size_t> batch_ends;  // how many texts had come by then
  ReceiveTimes times{};
  unsigned padding = 0;
  int opened = 0;
  int closed = 0;
  CloseReason reason = CloseReason::None;
  std::uint16_t code = 0;
  std::string detail;
};

inline std::string url_of(const WebSocketServer& server, std::string_view target = "/",
                          bool tls = false) {
  return (tls ? "wss://127.0.0.1:" : "ws://127.0.0.1:") + std::to_string(server.port()) +
         std::string(target);
}

}  // namespace ringside::net
