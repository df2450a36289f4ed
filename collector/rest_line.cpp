#include "collector/rest_line.hpp"

namespace ringside::collector {

void RestCounters::count(const net::HttpResponse& response) noexcept {
  if (response.error != net::HttpError::None) {
    ++failures;
    ++errors[static_cast<std::size_t>(response.error)];
    if (response.close_reason != net::CloseReason::None) {
      ++closed[static_cast<std::size_t>(response.close_reason)];
    }
    return;
  }
  ++answers;
  const int status = response.status;
  if (status >= 200 && status < 300) return;
  if (net::is_forbidden(status)) {
    ++status_forbidden;
  } else if (net::is_throttled(status)) {
    ++status_throttled;
  } else if (status >= 500) {
    ++status_server_error;
  } else {
    ++status_other;
  }
}

template class BasicRestLine<net::Sockets>;

}  // namespace ringside::collector
