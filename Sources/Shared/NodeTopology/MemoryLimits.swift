internal import Glibc

/// How much memory this process may use, from the machine and from its control groups.
package struct MemoryLimits: Equatable, Sendable {
    /// The machine's memory (`MemTotal`), in bytes.
    package let physicalBytes: Int

    /// The lowest limit of the process's control group and its ancestors, in bytes; nil without
    /// one.
    ///
    /// In cgroup v2 `memory.high` counts too: beyond it a process is slowed to a crawl.
    package let controlGroupBytes: Int?

    /// What could still be taken now without swapping or meeting a limit, in bytes.
    ///
    /// The lowest of `MemAvailable` and each limiting group's limit minus usage, where file pages
    /// that the kernel can drop do not count as used.
    package let unusedBytes: Int

    /// The most this process may use: the lower of machine and control groups, in bytes.
    package var availableBytes: Int {
        min(physicalBytes, controlGroupBytes ?? physicalBytes)
    }

    /// Reads the limits that hold now; files that are absent or unlimited do not limit.
    package init(tree: SystemTree = SystemTree()) {
        let physical =
            tree.value(of: "MemTotal", in: "/proc/meminfo")
            ?? sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
        var unused = tree.value(of: "MemAvailable", in: "/proc/meminfo") ?? physical
        var lowest: Int?
        if let hierarchy = ControlGroups(tree: tree).hierarchy(of: "memory") {
            for directory in hierarchy.directories {
                guard let limit = Self.limit(directory, hierarchy.version, tree) else { continue }
                lowest = min(limit, lowest ?? limit)
                unused = min(unused, limit - Self.used(directory, hierarchy.version, tree))
            }
        }
        physicalBytes = physical
        controlGroupBytes = lowest
        unusedBytes = max(0, unused)
    }

    /// How many processes the kernel has killed in this process's control group for want of memory.
    ///
    /// - Returns: The counter since the group was made, nil where the kernel does not say. A higher
    ///   value after a child's death by signal 9 means that the child was killed for its memory.
    package static func outOfMemoryKillCount(tree: SystemTree = SystemTree()) -> Int? {
        guard let hierarchy = ControlGroups(tree: tree).hierarchy(of: "memory") else { return nil }
        let file = hierarchy.version == .v2 ? "/memory.events" : "/memory.oom_control"
        for directory in hierarchy.directories {
            if let count = tree.value(of: "oom_kill", in: directory + file) { return count }
        }
        return nil
    }

    private static func limit(
        _ directory: String,
        _ version: ControlGroups.Version,
        _ tree: SystemTree
    ) -> Int? {
        let limits: [Int?]
        switch version {
        case .v2:
            limits = [
                tree.number(directory + "/memory.max"), tree.number(directory + "/memory.high"),
            ]
        case .v1:
            // The second value includes ancestors that a container does not show.
            limits = [
                tree.number(directory + "/memory.limit_in_bytes"),
                tree.value(of: "hierarchical_memory_limit", in: directory + "/memory.stat"),
            ]
        }
        // Version 1 writes "no limit" as the largest multiple of the page size.
        return limits.compactMap { $0 }.filter { $0 >= 0 && $0 < 1 << 62 }.min()
    }

    private static func used(
        _ directory: String,
        _ version: ControlGroups.Version,
        _ tree: SystemTree
    ) -> Int {
        let usage: Int?
        let droppable: Int?
        switch version {
        case .v2:
            usage = tree.number(directory + "/memory.current")
            droppable = tree.value(of: "inactive_file", in: directory + "/memory.stat")
        case .v1:
            usage = tree.number(directory + "/memory.usage_in_bytes")
            droppable = tree.value(of: "total_inactive_file", in: directory + "/memory.stat")
        }
        return max(0, (usage ?? 0) - (droppable ?? 0))
    }
}
