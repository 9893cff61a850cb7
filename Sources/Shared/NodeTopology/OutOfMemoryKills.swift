/// Tells whether a killed process was killed by the kernel for want of memory.
///
/// The kernel does not say whom it killed, only how often in a control group: a count that rose
/// together with a kill is the best sign there is.
package struct OutOfMemoryKills: Sendable {
    private let count: @Sendable () -> Int?
    private var last: Int?

    /// Begins to watch the counter of this process's control group.
    ///
    /// - Parameter count: Reads the counter; nil where the kernel has none.
    package init(
        count: @escaping @Sendable () -> Int? = { MemoryLimits.outOfMemoryKillCount() }
    ) {
        self.count = count
        last = count()
    }

    /// Words to add to the news of a process's end.
    ///
    /// - Parameter wasKilled: Whether it was killed by signal 9.
    /// - Returns: nil when memory was not the reason, as far as the kernel tells.
    package mutating func explain(_ wasKilled: Bool) -> String? {
        guard wasKilled, let now = count(), let before = last, now > before else { return nil }
        last = now
        return ", out of memory by the kernel's count for this control group"
    }
}
