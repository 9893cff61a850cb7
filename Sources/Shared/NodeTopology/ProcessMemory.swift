internal import Glibc

/// The memory one process holds now, from `/proc`.
package enum ProcessMemory {
    /// The process's share of its pages, in bytes: private pages plus each shared page divided by
    /// the number of processes that map it, so that sums over processes count nothing twice.
    ///
    /// - Parameters:
    ///   - processID: A process of the same user; nil for this one.
    ///   - tree: Where `/proc` is.
    /// - Returns: `Pss` of `smaps_rollup`, else the resident bytes; nil when the process is gone.
    ///   The kernel walks every mapping for it: ask every few seconds, not per lease.
    package static func proportionalBytes(
        of processID: Int32? = nil,
        tree: SystemTree = SystemTree()
    ) -> Int? {
        tree.value(of: "Pss", in: directory(processID) + "/smaps_rollup")
            ?? residentBytes(of: processID, tree: tree)
    }

    /// The process's pages in memory, shared pages counted in full, in bytes; nil when it is gone.
    package static func residentBytes(
        of processID: Int32? = nil,
        tree: SystemTree = SystemTree()
    ) -> Int? {
        guard let text = tree.text(directory(processID) + "/statm") else { return nil }
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else { return nil }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }

    /// The most pages the process has had in memory at once (`VmHWM`), in bytes; nil when it is
    /// gone.
    package static func peakResidentBytes(
        of processID: Int32? = nil,
        tree: SystemTree = SystemTree()
    ) -> Int? {
        tree.value(of: "VmHWM", in: directory(processID) + "/status")
    }

    private static func directory(_ processID: Int32?) -> String {
        processID.map { "/proc/\($0)" } ?? "/proc/self"
    }
}
