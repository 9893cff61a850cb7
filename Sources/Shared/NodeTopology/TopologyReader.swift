/// Reads nodes, CPUs and their limits from `/sys` and `/proc`, and collects what it had to work
/// around.
struct TopologyReader {
    private let tree: SystemTree
    private let groups: ControlGroups
    private var problems: [NodeTopologyError] = []

    private static let nodeDirectory = "/sys/devices/system/node"
    private static let cpuDirectory = "/sys/devices/system/cpu"

    init(tree: SystemTree) {
        self.tree = tree
        groups = ControlGroups(tree: tree)
    }

    mutating func read(affinity: [Int]?) -> Topology {
        let allowed = allowedCPUs(affinity: affinity)
        let memory = MemoryLimits(tree: tree)
        var nodes = readNodes(allowed: allowed)
        let describesNUMA = nodes.contains { !$0.cores.isEmpty }
        if !describesNUMA {
            if !nodes.isEmpty {
                problems.append(.noAllowedCPUInAnyNode(source: Self.nodeDirectory))
            }
            nodes = [
                Node(
                    id: 0,
                    cpus: allowed,
                    memoryBytes: memory.physicalBytes,
                    cores: cores(of: allowed)
                )
            ]
        }
        return Topology(
            nodes: nodes,
            memory: memory,
            describesNUMA: describesNUMA,
            cpuQuota: cpuQuota(),
            problems: problems
        )
    }

    /// The CPUs that are online, in the affinity mask and in the control group's set; never empty.
    private mutating func allowedCPUs(affinity: [Int]?) -> [Int] {
        let online = list(Self.cpuDirectory + "/online")
        var allowed = Set(affinity ?? scheduledCPUs() ?? online ?? [0])
        for restriction in [online, controlGroupCPUs()] {
            guard let restriction, !allowed.isDisjoint(with: restriction) else { continue }
            allowed.formIntersection(restriction)
        }
        return allowed.isEmpty ? [0] : allowed.sorted()
    }

    private mutating func scheduledCPUs() -> [Int]? {
        switch ThreadPinning.allowedCPUs() {
        case .success(let cpus): return cpus
        case .failure(let error):
            problems.append(error)
            return nil
        }
    }

    private mutating func controlGroupCPUs() -> [Int]? {
        cpusetList(v1: ["cpuset.effective_cpus", "cpuset.cpus"], v2: ["cpuset.cpus.effective"])
    }

    /// The nodes where this process may allocate; nil when nothing restricts it.
    private mutating func memoryNodes() -> [Int]? {
        if let text = statusLine("Mems_allowed_list:") {
            return parsed(text, source: "/proc/self/status")
        }
        return cpusetList(
            v1: ["cpuset.effective_mems", "cpuset.mems"],
            v2: ["cpuset.mems.effective"]
        )
    }

    private mutating func cpusetList(v1: [String], v2: [String]) -> [Int]? {
        guard let hierarchy = groups.hierarchy(of: "cpuset") else { return nil }
        for directory in hierarchy.directories {
            for name in hierarchy.version == .v1 ? v1 : v2 {
                // An empty set in a v1 group means that nobody has set it up.
                if let numbers = list(directory + "/" + name), !numbers.isEmpty { return numbers }
            }
        }
        return nil
    }

    private mutating func readNodes(allowed: [Int]) -> [Node] {
        guard let ids = list(Self.nodeDirectory + "/online") else { return [] }
        let allowed = Set(allowed)
        let memoryNodes = memoryNodes()
        var nodes: [Node] = []
        for id in ids {
            let directory = Self.nodeDirectory + "/node\(id)"
            // Without a list of its CPUs a node would take the others' work: no node then.
            guard let listed = list(directory + "/cpulist") else { return [] }
            let bytes = tree.value(of: "MemTotal", in: directory + "/meminfo") ?? 0
            let cpus = listed.filter(allowed.contains)
            nodes.append(
                Node(
                    id: id,
                    cpus: cpus,
                    memoryBytes: bytes,
                    cores: cores(of: cpus),
                    acceptsMemory: bytes > 0 && memoryNodes?.contains(id) ?? true
                )
            )
        }
        return nodes
    }

    /// Groups CPUs by core; a CPU whose siblings are unknown is a core of its own.
    private mutating func cores(of cpus: [Int]) -> [[Int]] {
        var remaining = Set(cpus)
        var cores: [[Int]] = []
        for cpu in cpus where remaining.contains(cpu) {
            let file = Self.cpuDirectory + "/cpu\(cpu)/topology/thread_siblings_list"
            let siblings = (list(file) ?? []).filter { $0 != cpu && remaining.contains($0) }
            cores.append(([cpu] + siblings).sorted())
            remaining.remove(cpu)
            remaining.subtract(siblings)
        }
        return cores
    }

    private func cpuQuota() -> Int? {
        guard let hierarchy = groups.hierarchy(of: "cpu") else { return nil }
        let quotas = hierarchy.directories.compactMap { directory -> Int? in
            let quota: Int?
            let period: Int?
            switch hierarchy.version {
            case .v2:
                let words = (tree.text(directory + "/cpu.max") ?? "").split(
                    whereSeparator: \.isWhitespace
                )
                quota = words.first.flatMap { Int($0) }
                period = words.count > 1 ? Int(words[1]) : nil
            case .v1:
                quota = tree.number(directory + "/cpu.cfs_quota_us")
                period = tree.number(directory + "/cpu.cfs_period_us")
            }
            guard let quota, let period, quota > 0, period > 0 else { return nil }
            return (quota - 1) / period + 1
        }
        return quotas.min()
    }

    private func statusLine(_ name: String) -> Substring? {
        (tree.text("/proc/self/status") ?? "").split(separator: "\n")
            .first { $0.hasPrefix(name) }?
            .dropFirst(name.count)
    }

    private mutating func list(_ path: String) -> [Int]? {
        tree.text(path).flatMap { parsed(Substring($0), source: path) }
    }

    private mutating func parsed(_ text: Substring, source: String) -> [Int]? {
        do throws(NodeTopologyError) {
            return try NumberList.parse(String(text), source: source)
        } catch {
            problems.append(error)
            return nil
        }
    }
}
