internal import Glibc

/// Notices in a child that its parent is gone, so that no child is left computing for nobody.
package enum ParentWatch {
    /// Watches from a thread of its own until the parent is gone or this process ends.
    ///
    /// - Parameters:
    ///   - descriptor: A stream whose other end the parent alone holds, such as the one of
    ///     `ChildCommand.lifelineDescriptor`; its hanging up is noticed at once. It is kept from
    ///     this process's own children and never read; it must stay open. nil relies on the
    ///     parent's number alone, looked at twice a second.
    ///   - parentProcessID: The parent as the child was told; nil takes the parent of this moment,
    ///     which without a descriptor misses one that is gone already.
    ///   - parentIsGone: Runs once on the watching thread; ends the process with status 75 (stopped
    ///     early, resumable) unless given.
    /// - Throws: `ChildProcessError.descriptorNotOpen` or `.cannotStartThread`.
    package static func start(
        descriptor: Int32?,
        parentProcessID: Int32? = nil,
        parentIsGone: @escaping @Sendable () -> Void = { _exit(75) }
    ) throws(ChildProcessError) {
        if let descriptor {
            guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) >= 0 else {
                throw .descriptorNotOpen(number: descriptor, code: errno)
            }
        }
        let parent = parentProcessID ?? getppid()
        try PlainThread.start(purpose: "watches the parent process") {
            waitUntilGone(descriptor: descriptor ?? -1, parent: parent)
            parentIsGone()
        }
    }

    private static func waitUntilGone(descriptor: Int32, parent: Int32) {
        // The kernel passes over negative numbers, which leaves a pause.
        var watched = pollfd(fd: descriptor, events: 0, revents: 0)
        while getppid() == parent {
            watched.revents = 0
            if poll(&watched, 1, 500) > 0 { return }
        }
    }
}
