/// Where the control groups of this process are mounted, for cgroup v1, v2 and both together.
package struct ControlGroups: Equatable, Sendable {
    /// The two interfaces differ in file names and in how "no limit" is written.
    package enum Version: Equatable, Sendable {
        case v1
        case v2
    }

    /// The directories that bind one controller's limits for this process.
    package struct Hierarchy: Equatable, Sendable {
        /// The interface these directories speak.
        package let version: Version

        /// The process's own group first, then each ancestor up to the mount point.
        package let directories: [String]
    }

    private let memberships: [Membership]
    private let mounts: [Mount]

    /// Reads `/proc/self/cgroup` and `/proc/self/mountinfo`; absent files mean no control groups.
    package init(tree: SystemTree) {
        memberships = Self.memberships(tree.text("/proc/self/cgroup") ?? "")
        mounts = Self.mounts(tree.text("/proc/self/mountinfo") ?? "")
    }

    /// The directories of one controller, such as `memory`, `cpu` or `cpuset`.
    ///
    /// - Returns: nil when the controller is not mounted. A v1 mount of the controller wins: the
    ///   kernel gives a controller to one interface only. Directories may lack the controller's
    ///   files, and the own group may be invisible inside a container.
    package func hierarchy(of controller: String) -> Hierarchy? {
        let v1 = memberships.first { $0.controllers.contains(controller) }
        if let v1, let mount = mount(for: v1, where: { $0.controllers.contains(controller) }) {
            return Hierarchy(version: .v1, directories: Self.directories(v1.path, below: mount))
        }
        guard let v2 = memberships.first(where: { $0.controllers.isEmpty }),
            let mount = mount(for: v2, where: \.isVersion2)
        else { return nil }
        return Hierarchy(version: .v2, directories: Self.directories(v2.path, below: mount))
    }

    private func mount(for membership: Membership, where accepts: (Mount) -> Bool) -> Mount? {
        let candidates = mounts.filter(accepts)
        return candidates.first { Self.relativePath(membership.path, below: $0.root) != nil }
            ?? candidates.first
    }

    private static func directories(_ path: String, below mount: Mount) -> [String] {
        // A path that is not below the mounted part is outside this container's view.
        let parts = (relativePath(path, below: mount.root) ?? "").split(separator: "/")
        let reachable = parts.contains("..") ? [] : parts
        return (0...reachable.count).reversed().map { count in
            reachable[..<count].reduce(mount.point) { ($0 == "/" ? "" : $0) + "/" + $1 }
        }
    }

    private static func relativePath(_ path: String, below root: String) -> String? {
        if root == "/" { return path }
        if path == root { return "" }
        return path.hasPrefix(root + "/") ? String(path.dropFirst(root.count)) : nil
    }

    private static func memberships(_ text: String) -> [Membership] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { return nil }
            return Membership(
                controllers: fields[1].split(separator: ",").map(String.init),
                path: String(fields[2])
            )
        }
    }

    private static func mounts(_ text: String) -> [Mount] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), dash >= 5, fields.count > dash + 3,
                fields[dash + 1] == "cgroup" || fields[dash + 1] == "cgroup2"
            else { return nil }
            return Mount(
                root: unescaped(fields[3]),
                point: unescaped(fields[4]),
                isVersion2: fields[dash + 1] == "cgroup2",
                controllers: fields[dash + 3].split(separator: ",").map(String.init)
            )
        }
    }

    /// Undoes the octal escapes of `/proc/self/mountinfo` for space, tab, newline and backslash.
    private static func unescaped(_ text: Substring) -> String {
        var result = String(text)
        for (escape, plain) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
            result = result.split(separator: escape, omittingEmptySubsequences: false)
                .joined(separator: plain)
        }
        return result
    }
}

private struct Membership: Equatable, Sendable {
    let controllers: [String]
    let path: String
}

private struct Mount: Equatable, Sendable {
    let root: String
    let point: String
    let isVersion2: Bool
    let controllers: [String]
}
