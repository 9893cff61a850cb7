import Foundation
import NodeTopology

/// A directory that stands for `/`, holding what a kernel would show in `/proc` and `/sys`.
final class FakeMachine {
    let root: String

    /// Makes a machine from the text of its files, by absolute path.
    init(_ files: [String: String] = [:]) throws {
        root = NSTemporaryDirectory() + "fake-machine-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        for (path, text) in files {
            try write(text, to: path)
        }
    }

    /// Reads from the machine, which would be gone after its last use otherwise.
    func read<Value>(_ body: (SystemTree) throws -> Value) rethrows -> Value {
        try withExtendedLifetime(self) { try body(SystemTree(root: root)) }
    }

    func topology(affinity: [Int]) -> Topology {
        read { Topology.discover(tree: $0, affinity: affinity) }
    }

    func memoryLimits() -> MemoryLimits { read { MemoryLimits(tree: $0) } }

    func controlGroups() -> ControlGroups { read { ControlGroups(tree: $0) } }

    deinit {
        try? FileManager.default.removeItem(atPath: root)
    }

    func write(_ text: String, to path: String) throws {
        let file = URL(fileURLWithPath: root + path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(),
            withIntermediateDirectories: true
        )
        try Data(text.utf8).write(to: file)
    }

    /// Adds a node with so many KiB of memory and the CPUs of a kernel list.
    func addNode(_ id: Int, cpus: String, memoryKiB: Int) throws {
        let directory = "/sys/devices/system/node/node\(id)"
        try write(cpus + "\n", to: directory + "/cpulist")
        try write(
            """
            Node \(id) MemTotal:       \(memoryKiB) kB
            Node \(id) MemFree:        1 kB

            """,
            to: directory + "/meminfo"
        )
    }

    func setOnline(nodes: String, cpus: String) throws {
        try write(nodes + "\n", to: "/sys/devices/system/node/online")
        try write(cpus + "\n", to: "/sys/devices/system/cpu/online")
    }

    func setMemory(totalKiB: Int, availableKiB: Int) throws {
        try write(
            """
            MemTotal:       \(totalKiB) kB
            MemFree:        1 kB
            MemAvailable:   \(availableKiB) kB

            """,
            to: "/proc/meminfo"
        )
    }

    /// Puts the process into a group of the unified hierarchy, mounted as systemd does.
    func joinControlGroup(_ path: String) throws {
        try write("0::\(path)\n", to: "/proc/self/cgroup")
        try write(
            "25 20 0:22 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
            to: "/proc/self/mountinfo"
        )
    }

    /// Says which CPUs share a core.
    func setSiblings(_ siblings: String, of cpus: [Int]) throws {
        for cpu in cpus {
            try write(
                siblings + "\n",
                to: "/sys/devices/system/cpu/cpu\(cpu)/topology/thread_siblings_list"
            )
        }
    }
}
