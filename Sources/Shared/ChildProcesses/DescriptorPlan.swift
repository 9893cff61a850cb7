internal import Glibc

/// The descriptors of a child about to be started, as actions for `posix_spawn`.
///
/// Every source is first duplicated above all numbers of the child, so that no assignment can
/// overwrite a source that a later one needs. The duplicates are closed on exec and by `deinit`.
final class DescriptorPlan {
    var actions = posix_spawn_file_actions_t()
    private var duplicates: [Int32] = []

    private typealias CloseFrom =
        @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32

    /// Plans the streams and descriptors of `command`, and `lifeline`, an open one of this process.
    init(_ command: ChildCommand, lifeline: Int32?) throws(ChildProcessError) {
        posix_spawn_file_actions_init(&actions)
        let sources = try Self.sources(of: command, lifeline: lifeline)
        let floor = (sources.keys.max() ?? 2) + 1
        for (child, source) in sources.sorted(by: { $0.key < $1.key }) {
            switch source {
            case .inherit: continue
            case .null: posix_spawn_file_actions_addopen(&actions, child, "/dev/null", O_RDWR, 0)
            case .descriptor(let parent):
                let duplicate = fcntl(parent, F_DUPFD_CLOEXEC, floor)
                guard duplicate >= 0 else {
                    throw .descriptorNotOpen(number: parent, code: errno)
                }
                duplicates.append(duplicate)
                posix_spawn_file_actions_adddup2(&actions, duplicate, child)
            }
        }
        for number in 3..<max(3, floor) where sources[number] == nil {
            posix_spawn_file_actions_addclose(&actions, number)
        }
        closeAll(from: floor)
    }

    deinit {
        for duplicate in duplicates {
            close(duplicate)
        }
        posix_spawn_file_actions_destroy(&actions)
    }

    private static func sources(
        of command: ChildCommand,
        lifeline: Int32?
    ) throws(ChildProcessError) -> [Int32: ChildCommand.StandardStream] {
        var sources: [Int32: ChildCommand.StandardStream] = [
            0: command.standardInput, 1: command.standardOutput, 2: command.standardError,
        ]
        var extra = command.inherited
        if let lifeline, let child = command.lifelineDescriptor {
            extra.append(ChildCommand.InheritedDescriptor(parent: lifeline, child: child))
        }
        for descriptor in extra {
            guard (3...ChildCommand.highestDescriptor).contains(descriptor.child),
                sources.updateValue(.descriptor(descriptor.parent), forKey: descriptor.child) == nil
            else {
                throw .badChildDescriptor(number: descriptor.child)
            }
        }
        return sources
    }

    /// Closes every descriptor from `floor` on in the child.
    private func closeAll(from floor: Int32) {
        // Not declared to Swift, and missing before glibc 2.34.
        if let symbol = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np") {
            let closeFrom = unsafeBitCast(symbol, to: CloseFrom.self)
            _ = closeFrom(&actions, floor)
            return
        }
        for number in OpenDescriptors.numbers() where number >= floor {
            posix_spawn_file_actions_addclose(&actions, number)
        }
    }
}
