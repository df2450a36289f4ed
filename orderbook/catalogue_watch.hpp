// Which instruments a collector will send to one worker thread: its catalogue, watched as it grows
// and as the collector comes and goes, so that they are listed before their first record.
//
// Threads: the worker's, off its hot path: attaching enters the kernel. Bounded by: the catalogue.
// Fails by: knowing nothing until there is a catalogue that can be read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ipc/catalogue.hpp"
#include "ipc/segment.hpp"

namespace ringside::orderbook {

class CatalogueWatch {
 public:
  CatalogueWatch(std::string instance, const std::string& collector, std::string worker_thread);

  // The reader looks into segment_: both stay where they are.
  CatalogueWatch(const CatalogueWatch&) = delete;
  CatalogueWatch& operator=(const CatalogueWatch&) = delete;
  CatalogueWatch(CatalogueWatch&&) = delete;

  // Attaches, or attaches anew, if there is need. True: it is another one than before.
  bool look() noexcept;
  // The next instrument of this worker thread not given out before; again from the first after the
  // collector was replaced.
  [[nodiscard]] std::optional<InstrumentId> next() noexcept;
  // True, once for each catalogue: all that its collector began with has been given out. Call when
  // there is no next().
  [[nodiscard]] bool read_whole() noexcept;

 private:
  std::string instance_;
  std::string name_;
  std::string worker_thread_;
  ipc::Segment segment_;
  std::optional<ipc::CatalogueReader> reader_;
  std::uint32_t next_ = 0;
  bool whole_ = false;  // so it was said
};

}  // namespace ringside::orderbook
