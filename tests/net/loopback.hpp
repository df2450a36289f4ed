// Loops, peers and a clock limit for tests over loopback, for each backend.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "net/certificate.hpp"
#include "net/loop.hpp"
#include "net/resolver.hpp"
#include "net/stream.hpp"

namespace ringside::net {

enum class TestBackend { Uring, UringOfKernel61, Epoll, UringStamped, EpollStamped };

inline bool is_epoll(TestBackend backend) {
  return backend == TestBackend::Epoll || backend == TestBackend::EpollStamped;
}

inline LoopOptions options_of(TestBackend backend) {
  LoopOptions options;
  options.backend = is_epoll(backend) ? BackendKind::Epoll : BackendKind::Uring;
  options.kernel_6_1 = backend == TestBackend::UringOfKernel61;
  options.receive_stamps =
      backend == TestBackend::UringStamped || backend == TestBackend::EpollStamped;
  return options;
}

inline bool uring_works() {
  try {
    const Loop loop({.backend = BackendKind::Uring});
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

// A test over each backend; io_uring's are skipped where the machine refuses it, and say so.
class OverEachBackend : public testing::TestWithParam<TestBackend> {
 protected:
  void SetUp() override {
    ::unsetenv("RINGSIDE_NET_BACKEND");
    ::unsetenv("RINGSIDE_NET_KERNEL");
    if (!is_epoll(GetParam()) && !uring_works()) {
      GTEST_SKIP() << "this machine refuses io_uring";
    }
    loop_ = std::make_unique<Loop>(options_of(GetParam()));
  }

  [[nodiscard]] Loop& loop() { return *loop_; }

  // Turns the loop until `done` holds; false after a time that no test should need. A turn counts
  // for so much at most: a machine that stood still, or ran others meanwhile, is no failure here.
  static constexpr std::int64_t turn_ns_max = 20 * ns_per_ms;
  template <typename Done>
  [[nodiscard]] bool turn_until(Done&& done, std::int64_t limit_ns = 20 * ns_per_s) {
    std::int64_t left_ns = limit_ns;
    std::int64_t last_ns = loop_->steady_ns();
    while (!done()) {
      const std::int64_t now_ns = loop_->steady_ns();
      left_ns -= std::min(now_ns - last_ns, turn_ns_max);
      last_ns = now_ns;
      if (left_ns < 0) return false;
      (void)loop_->run_once(ns_per_ms);
    }
    return true;
  }

 private:
  std::unique_ptr<Loop> loop_;
};

inline std::string backend_label(const testing::TestParamInfo<TestBackend>& info) {
  switch (info.param) {
    case TestBackend::Uring:
      return "Uring";
    case TestBackend::UringOfKernel61:
      return "UringOfKernel61";
    case TestBackend::UringStamped:
      return "UringStamped";
    case TestBackend::EpollStamped:
      return "EpollStamped";
    default:
      return "Epoll";
  }
}

// With receive stamps each backend takes another way through the kernel: everything over both.
#define RINGSIDE_OVER_EACH_BACKEND(suite)                                                   \
  INSTANTIATE_TEST_SUITE_P(                                                                 \
      Net, suite,                                                                           \
      testing::Values(TestBackend::Uring, TestBackend::UringOfKernel61, TestBackend::Epoll, \
                      TestBackend::UringStamped, TestBackend::EpollStamped),                \
      backend_label)

// Deadlines of connections are the wall's, and a handshake under a checker of memory, beside other
// work, may take longer than any peer should be given: what a test did not set itself has time. How
// long a test waits is bounded by turn_until.
inline constexpr std::int64_t patience_ns = 600 * ns_per_s;

template <typename Options>
void be_patient(Options& options, std::initializer_list<std::int64_t Options::*> deadlines) {
  const Options usual;
  for (const auto deadline : deadlines) {
    if (options.*deadline == usual.*deadline) options.*deadline = patience_ns;
  }
}

inline StreamOptions patient(StreamOptions options) {
  be_patient(options, {&StreamOptions::resolve_ns_max, &StreamOptions::connect_ns_max,
                       &StreamOptions::proxy_ns_max, &StreamOptions::tls_ns_max,
                       &StreamOptions::close_ns_max});
  return options;
}

// A plain listening socket of the test's own.
struct Listener {
  int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::uint16_t port = 0;

  explicit Listener(int backlog = 8) {
    SocketAddress address = parse_numeric("127.0.0.1", 0).value();
    EXPECT_EQ(::bind(descriptor, &address.any, address.bytes), 0);
    EXPECT_EQ(::listen(descriptor, backlog), 0);
    ::getsockname(descriptor, &address.any, &address.bytes);
    port = ntohs(address.ipv4.sin_port);
  }
  ~Listener() { ::close(descriptor); }
  [[nodiscard]] int accept(int flags = 0) const {
    return ::accept4(descriptor, nullptr, nullptr, SOCK_CLOEXEC | flags);
  }
};

// A folder that goes away with the test.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "ringside-net-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~ScratchFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// An authority and a certificate for localhost, as files and as contexts of both roles.
struct LocalTls {
  ScratchFolder folder;
  CertificateFiles files = write_certificates(folder.path());
  TlsContext client = TlsContext::client({.ca_file = files.ca_file});
  TlsContext server =
      TlsContext::server({.certificate_file = files.certificate_file, .key_file = files.key_file});
};

}  // namespace ringside::net
