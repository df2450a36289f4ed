// A server's records of any kind, size, order and damage, cut anywhere: our reader and OpenSSL's,
// each on a connection of its own whose server says the same, must make the same of them.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/net/tls_peer.hpp"

namespace {

using namespace ringside::net;
using namespace ringside::net::tls_peer;

constexpr std::size_t stream_bytes_max = 256 * 1024;
// OpenSSL counts warnings until data comes, and is not shown the data: five are an end for both.
constexpr int user_canceled_max = 4;

const Contexts& contexts_of(std::size_t suite) {
  static const auto all = [] {
    std::string folder = (std::filesystem::temp_directory_path() / "ringside-fuzz-XXXXXX").string();
    require(::mkdtemp(folder.data()) != nullptr);
    const CertificateFiles files = write_certificates(folder);
    std::vector<std::unique_ptr<Contexts>> made;
    for (std::size_t i = 0; i < suites.size(); ++i) {
      made.push_back(std::make_unique<Contexts>(files, i));
    }
    std::filesystem::remove_all(folder);
    return made;
  }();
  return *all[suite];
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  [[nodiscard]] bool empty() const { return at_ == size_; }
  std::uint8_t octet() { return at_ < size_ ? data_[at_++] : std::uint8_t{0}; }
  std::size_t number() {
    const std::size_t high = octet();
    return high << 8 | octet();
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

// What the input says the server says.
std::string stream_of(Input input, Sealer& sealer) {
  std::string stream;
  int user_canceled = 0;
  while (!input.empty() && stream.size() < stream_bytes_max) {
    const std::uint8_t what = input.octet();
    const std::size_t begin = stream.size();
    switch (what % 8) {
      case 0:
      case 1: {
        const std::size_t bytes = input.number() % 16700;
        stream += sealer.record(data_type, std::string(bytes, 'd'), input.octet());
        break;
      }
      case 2: {
        const std::string ticket = new_session_ticket();
        const std::size_t cut = input.octet() % (ticket.size() + 1);
        if (cut > 0) stream += sealer.record(handshake_type, ticket.substr(0, cut));
        if (what < 128) stream += sealer.record(handshake_type, ticket.substr(cut));
        break;
      }
      case 3:
        stream += sealer.record(handshake_type, key_update(input.octet() % 3));
        if (what < 192) sealer.update();
        break;
      case 4: {
        std::string alert(1, static_cast<char>(input.octet()));
        alert += static_cast<char>(input.octet());
        if (alert[1] == 90 && ++user_canceled > user_canceled_max) return stream;
        stream += sealer.record(alert_type, alert);
        break;
      }
      case 5: {
        std::string inner;
        for (std::size_t left = input.octet() % 40; left > 0; --left) {
          inner += static_cast<char>(input.octet());
        }
        stream += sealer.seal(inner);
        break;
      }
      case 6: {
        stream += sealer.record(data_type, "damaged");
        const std::size_t at = begin + input.octet() % (stream.size() - begin);
        stream[at] = static_cast<char>(stream[at] ^ (1 << (what >> 5)));
        break;
      }
      case 7:
        for (std::size_t left = input.octet() % 16; left > 0; --left) {
          stream += static_cast<char>(input.octet());
        }
        break;
    }
  }
  return stream;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const Contexts& contexts = contexts_of(input.octet() % suites.size());
  const std::size_t piece = 1 + input.number() % 20000;
  const std::size_t room = 1 + input.number() % 40000;
  const auto read_by = [&](TlsRecordReader reader) {
    Connection connection(contexts, reader);
    const std::string stream = stream_of(input, *connection.sealer);
    const Reading reading = read_all(connection, stream, piece, room);
    // An end stays one.
    if (reading.status != TlsStatus::WantInput) {
      std::array<std::byte, 64> more{};
      require(connection.client.read(more).status != TlsStatus::Ok);
    }
    return reading;
  };
  require(read_by(TlsRecordReader::Own) == read_by(TlsRecordReader::OpenSsl));
  return 0;
}
