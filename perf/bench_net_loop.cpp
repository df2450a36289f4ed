// The event loop against its peers: echoes a second with one and with sixteen requests in flight on
// each of 64 connections, and how long a message takes from a sender to a spinning receiver.
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "ipc/check.hpp"
#include "ipc/clock.hpp"
#include "net/loop.hpp"
#include "net/stream.hpp"
#include "perf/echo_servers.hpp"
#include "perf/net_peer.hpp"
#include "perf/suites.hpp"

namespace ringside::perf {
namespace {

constexpr unsigned echo_connections = 64;

// --- Echo ---------------------------------------------------------------------------------------

struct Load {
  unsigned in_flight = 1;  // on each connection
  std::uint64_t requests = 0;
};

// One connection of the load: a request for each answer, all of a round's handed to the kernel
// together, lest the load be what is measured. Each request carries its connection's number and its
// own, and so must the answer.
class Requester {
 public:
  Requester(net::Loop& loop, int descriptor, std::uint64_t number, std::uint64_t& answered_of_all)
      : number_(number),
        answered_of_all_(answered_of_all),
        stream_(loop, {},
                {.context = this,
                 .on_open = [](void*) noexcept {},
                 .on_bytes =
                     [](void* context, std::span<std::byte> bytes, net::ReceiveTimes) noexcept {
                       return static_cast<Requester*>(context)->take(bytes);
                     },
                 .on_sent = nullptr,
                 .on_close = [](void*, net::CloseReason, std::string_view) noexcept {}}) {
    stream_.accept(descriptor, nullptr);
  }

  void send(std::size_t count) {
    RINGSIDE_CHECK(stream_.reserve(count * request_bytes));
    std::array<std::uint64_t, request_bytes / 8> request{};
    for (std::size_t i = 0; i < count; ++i) {
      request.front() = number_;
      request.back() = sent_++;
      stream_.write(std::as_bytes(std::span(request)));
    }
    stream_.flush();
  }

 private:
  std::size_t take(std::span<const std::byte> bytes) {
    const std::size_t whole = bytes.size() / request_bytes;
    for (std::size_t i = 0; i < whole; ++i) {
      std::array<std::uint64_t, request_bytes / 8> answer;
      std::memcpy(answer.data(), bytes.data() + i * request_bytes, request_bytes);
      RINGSIDE_CHECK(answer.front() == number_ && answer.back() == answered_);
      ++answered_;
    }
    answered_of_all_ += whole;
    if (whole > 0) send(whole);
    return whole * request_bytes;
  }

  std::uint64_t number_;
  std::uint64_t& answered_of_all_;
  std::uint64_t sent_ = 0;
  std::uint64_t answered_ = 0;
  net::Stream stream_;
};

struct Echoed {
  double a_second = 0;
  double server_cpu_ns = 0;  // of the whole server process, a request
  double load_busy = 0;      // share of the time that the load had its core: 1 is the most it can
};

// CPU time of all children that have ended.
double children_cpu_ns() {
  rusage usage{};
  RINGSIDE_CHECK(::getrusage(RUSAGE_CHILDREN, &usage) == 0);
  const auto ns = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_usec) * 1e3;
  };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

Echoed load_echo(net::Loop& loop, const std::vector<int>& sockets, const Load& load) {
  std::uint64_t answered = 0;
  std::vector<std::unique_ptr<Requester>> requesters;
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    requesters.push_back(std::make_unique<Requester>(loop, sockets[i], i, answered));
  }
  const std::uint64_t begin = steady_ns();
  const std::uint64_t begin_cpu = thread_cpu_ns();
  for (auto& requester : requesters) requester->send(load.in_flight);
  while (answered < load.requests) {
    (void)loop.run_once(1'000'000'000);
    RINGSIDE_CHECK(steady_ns() - begin < 60'000'000'000u);
  }
  const auto took_ns = static_cast<double>(steady_ns() - begin);
  return {.a_second = static_cast<double>(answered) / (took_ns / 1e9),
          .load_busy = static_cast<double>(thread_cpu_ns() - begin_cpu) / took_ns};
}

// The server on the second core, the load on this one.
Echoed echo(void (*serve)(std::span<const int>), const Load& load) {
  const double children_before = children_cpu_ns();
  const Listening listening;
  Child server(core_pair().second, [&] {
    std::vector<int> sockets;
    for (unsigned i = 0; i < echo_connections; ++i) sockets.push_back(accept_from(listening));
    serve(sockets);
  });
  std::vector<int> sockets;
  for (unsigned i = 0; i < echo_connections; ++i) sockets.push_back(connect_to(listening.port));
  net::Loop loop{net::LoopOptions{}};
  Echoed echoed = load_echo(loop, sockets, load);  // its streams close the sockets
  server.join();
  echoed.server_cpu_ns = (children_cpu_ns() - children_before) / static_cast<double>(load.requests);
  return echoed;
}

// One design's rounds.
struct Rounds {
  std::vector<double> a_second, server_cpu_ns, load_busy;
  void add(const Echoed& echoed) {
    a_second.push_back(echoed.a_second);
    server_cpu_ns.push_back(echoed.server_cpu_ns);
    load_busy.push_back(echoed.load_busy);
  }
};

void bench_echo(Report& report, bool small) {
  const Load one{1, small ? 1'000u : 60'000u};
  const Load sixteen{16, small ? 4'000u : 500'000u};
  const unsigned rounds = small ? 1 : 9;
  Rounds loop, epoll, threads, map, loop16;
  for (unsigned round = 0; round < rounds; ++round) {
    loop.add(echo(echo_by_loop, one));
    epoll.add(echo(echo_by_epoll, one));
    threads.add(echo(echo_by_threads, one));
    map.add(echo(echo_by_async_map, one));
    loop16.add(echo(echo_by_loop, sixteen));
  }
  report.ratio("net.echo_vs_async_map", loop.a_second, map.a_second);
  report.ratio("net.echo_vs_threads", loop.a_second, threads.a_second);
  report.ratio("net.echo_vs_epoll", loop.a_second, epoll.a_second);
  // The load costs what our server does, so that a rate cannot show all of a difference; nor can it
  // beside other work on the machine. What the server's core gives for a request can.
  report.compared("net.echo_cpu_async_map_vs_ours", map.server_cpu_ns, loop.server_cpu_ns);
  report.compared("net.echo_cpu_threads_vs_ours", threads.server_cpu_ns, loop.server_cpu_ns);
  report.compared("net.echo_cpu_epoll_vs_ours", epoll.server_cpu_ns, loop.server_cpu_ns);
  report.figure("net.echo_load_busy", "1", loop.load_busy);
  report.figure("net.echo16_requests_per_second", "1/s", loop16.a_second);
}

// --- Latency ------------------------------------------------------------------------------------

constexpr std::size_t stamped_bytes = 200;
constexpr std::uint64_t pause_ns = 200'000;  // between messages: 5,000 a second

struct Latency {
  double p50_ns = 0;
  double enters_per_message = 0;
};

// A child that sends stamped messages in turn over its connections, each at its time.
void send_stamped(const std::vector<int>& sockets, std::uint64_t messages) {
  std::array<char, stamped_bytes> message{};
  std::uint64_t due = steady_ns() + 5'000'000;
  for (std::uint64_t i = 0; i < messages; ++i, due += pause_ns) {
    while (steady_ns() < due) {
    }
    const std::uint64_t stamp = ipc::now_ticks().value;
    std::memcpy(message.data(), &stamp, sizeof(stamp));
    write_all(sockets[i % sockets.size()], message.data(), message.size());
  }
}

// Takes whole messages out of what arrives; how old each is.
struct Ages {
  std::vector<double> ticks;
  std::size_t take(std::span<const std::byte> bytes) {
    std::size_t at = 0;
    for (; at + stamped_bytes <= bytes.size(); at += stamped_bytes) {
      std::uint64_t stamp = 0;
      std::memcpy(&stamp, bytes.data() + at, sizeof(stamp));
      ticks.push_back(static_cast<double>(ipc::now_ticks().value - stamp));
    }
    return at;
  }
};

struct SpinningStream {
  SpinningStream(net::Loop& loop, Ages& ages_of_all, int descriptor)
      : ages(ages_of_all),
        stream(loop, {},
               {.context = this,
                .on_open = [](void*) noexcept {},
                .on_bytes =
                    [](void* context, std::span<std::byte> bytes, net::ReceiveTimes) noexcept {
                      return static_cast<SpinningStream*>(context)->ages.take(bytes);
                    },
                .on_sent = nullptr,
                .on_close = [](void*, net::CloseReason, std::string_view) noexcept {}}) {
    stream.accept(descriptor, nullptr);
  }
  Ages& ages;
  net::Stream stream;
};

Latency result_of(Ages& ages, std::uint64_t enters) {
  const double rate = ipc::TickRate::of_host().ticks_per_ns;
  const auto count = static_cast<double>(ages.ticks.size());
  return {median(ages.ticks) / rate, static_cast<double>(enters) / count};
}

Latency receive_by_loop(const std::vector<int>& sockets, std::uint64_t messages) {
  net::Loop loop(net::LoopOptions{.wait = net::WaitMode::Spin,
                                  .channels_max = static_cast<std::uint32_t>(sockets.size() + 8)});
  Ages ages;
  std::vector<std::unique_ptr<SpinningStream>> streams;
  for (const int descriptor : sockets) {
    streams.push_back(std::make_unique<SpinningStream>(loop, ages, descriptor));
  }
  (void)loop.run_once(0);
  const std::uint64_t before = loop.counters().enters;
  while (ages.ticks.size() < messages) (void)loop.run_once(0);
  return result_of(ages, loop.counters().enters - before);
}

// The best of the plain ones: epoll_wait without waiting, then one recv.
Latency receive_by_epoll(const std::vector<int>& sockets, std::uint64_t messages) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  for (const int descriptor : sockets) {
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.fd = descriptor}};
    RINGSIDE_CHECK(::epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0);
  }
  Ages ages;
  std::uint64_t enters = 0;
  std::array<epoll_event, 64> events;
  std::array<std::byte, 64 * 1024> buffer;
  while (ages.ticks.size() < messages) {
    const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), 0);
    ++enters;
    for (int i = 0; i < count; ++i) {
      const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
      const ssize_t bytes = ::recv(descriptor, buffer.data(), buffer.size(), MSG_DONTWAIT);
      ++enters;
      RINGSIDE_CHECK(bytes > 0);
      (void)ages.take(std::span(buffer).first(static_cast<std::size_t>(bytes)));
    }
  }
  ::close(epoll);
  for (const int descriptor : sockets) ::close(descriptor);
  return result_of(ages, enters);
}

Latency receive(Latency (*by)(const std::vector<int>&, std::uint64_t), unsigned connections,
                std::uint64_t messages) {
  const Listening listening;
  Child sender(core_pair().second, [&] {
    std::vector<int> sockets;
    for (unsigned i = 0; i < connections; ++i) sockets.push_back(connect_to(listening.port));
    send_stamped(sockets, messages);
    char octet = 0;  // stays until the receiver has all of it
    while (::recv(sockets.front(), &octet, 1, 0) > 0) {
    }
  });
  std::vector<int> sockets;
  for (unsigned i = 0; i < connections; ++i) sockets.push_back(accept_from(listening));
  const Latency latency = by(sockets, messages);
  sender.join();
  return latency;
}

void bench_latency(Report& report, bool small) {
  const std::uint64_t messages = small ? 100 : 3'000;
  const unsigned rounds = small ? 1 : 7;
  for (const unsigned connections : {1u, 16u, 256u}) {
    std::vector<double> ours, epoll, enters;
    for (unsigned round = 0; round < rounds; ++round) {
      const Latency mine = receive(receive_by_loop, connections, messages);
      const Latency theirs = receive(receive_by_epoll, connections, messages);
      ours.push_back(mine.p50_ns);
      epoll.push_back(theirs.p50_ns);
      enters.push_back(mine.enters_per_message);
    }
    const std::string suffix = "." + std::to_string(connections);
    report.ratio("net.rx_p50_vs_epoll_spin" + suffix, ours, epoll);
    report.figure("net.rx_enters_per_message" + suffix, "1", enters);
  }
  // The contract's names: the worst of the three.
  for (const std::string name : {"net.rx_p50_vs_epoll_spin", "net.rx_enters_per_message"}) {
    const Metric* worst = nullptr;
    for (const Metric& metric : report.metrics()) {
      if (!metric.name.starts_with(name + ".")) continue;
      if (worst == nullptr || metric.value > worst->value) worst = &metric;
    }
    report.repeat(std::string(worst->name), name);
  }
}

}  // namespace

void bench_net_loop(Report& report, Scale scale) {
  const bool small = scale == Scale::Small;
  bench_echo(report, small);
  bench_latency(report, small);
}

}  // namespace ringside::perf
