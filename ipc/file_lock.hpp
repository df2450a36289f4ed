// Who lives behind a segment's file: OFD locks, which the kernel drops however their holder ends.
//
// Two locks a file, a byte each. The first says that its writer lives. The second is held only by
// whoever takes over or removes a dead writer's file: with one lock for both, a reader that
// attached at that moment would believe the dead writer alive.
//
// Threads: any. Fails by: false.
#pragma once

namespace ringside::ipc {

[[nodiscard]] bool take_writer_lock(int fd) noexcept;  // false: another open file holds it
[[nodiscard]] bool take_succession_lock(int fd) noexcept;
[[nodiscard]] bool writer_lock_held(int fd) noexcept;  // by another open file

}  // namespace ringside::ipc
