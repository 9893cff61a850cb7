/// One NUMA node: CPUs that share a memory controller, as far as this process may use them.
package struct Node: Equatable, Sendable {
    /// The kernel's number of the node.
    package let id: Int

    /// The CPUs of the node that are online and allowed, grouped by core, ascending by first CPU.
    ///
    /// Empty for nodes of memory alone and for nodes this process may not compute on.
    package let cores: [[Int]]

    /// The node's memory in bytes; 0 for a node of CPUs alone.
    package let memoryBytes: Int

    /// Whether the node has memory and this process may allocate there.
    package let acceptsMemory: Bool

    /// The node's CPUs that are online and allowed, ascending.
    package var cpus: [Int] { cores.joined().sorted() }

    /// Describes a node.
    ///
    /// - Parameters:
    ///   - id: The kernel's number.
    ///   - cpus: CPUs that are online and allowed.
    ///   - memoryBytes: The node's memory in bytes, 0 or more.
    ///   - cores: The same CPUs grouped by core; nil makes each CPU a core of its own.
    ///   - acceptsMemory: nil means that there is any.
    package init(
        id: Int,
        cpus: [Int],
        memoryBytes: Int,
        cores: [[Int]]? = nil,
        acceptsMemory: Bool? = nil
    ) {
        self.id = id
        self.cores = cores ?? cpus.sorted().map { [$0] }
        self.memoryBytes = memoryBytes
        self.acceptsMemory = acceptsMemory ?? (memoryBytes > 0)
    }
}

/// The NUMA nodes of this machine, and the CPUs and memory this process may use on them.
package struct Topology: Equatable, Sendable {
    /// The online nodes, ascending by id; never empty, and one at least has CPUs.
    package let nodes: [Node]

    /// Whether the kernel described nodes; without, `nodes` is one node that stands for the
    /// machine.
    package let describesNUMA: Bool

    /// How many CPUs' worth of time the control groups allow, rounded up; nil without a quota.
    package let cpuQuota: Int?

    /// The memory limits that held when the topology was read.
    package let memory: MemoryLimits

    /// What could not be read and was worked around, for the log.
    package let problems: [NodeTopologyError]

    /// The nodes that have CPUs this process may use, ascending by id.
    package var computeNodes: [Node] { nodes.filter { !$0.cores.isEmpty } }

    /// The most memory this process may use, in bytes.
    ///
    /// The lowest of the machine's memory, the limits of its control groups, and the memory of the
    /// nodes where it may allocate.
    package var availableMemoryBytes: Int {
        let nodeBytes = nodes.filter(\.acceptsMemory).reduce(0) { $0 + $1.memoryBytes }
        let isConfined = nodes.contains { $0.memoryBytes > 0 && !$0.acceptsMemory }
        let limit = memory.availableBytes
        return isConfined && nodeBytes > 0 ? min(limit, nodeBytes) : limit
    }

    /// Describes a machine, for tests and for callers that know better than the kernel.
    package init(
        nodes: [Node],
        memory: MemoryLimits,
        describesNUMA: Bool = true,
        cpuQuota: Int? = nil,
        problems: [NodeTopologyError] = []
    ) {
        precondition(nodes.contains { !$0.cores.isEmpty }, "a topology has at least one CPU")
        self.nodes = nodes
        self.memory = memory
        self.describesNUMA = describesNUMA
        self.cpuQuota = cpuQuota
        self.problems = problems
    }

    /// Reads the topology; what is absent or damaged ends in one node of all allowed CPUs.
    ///
    /// - Parameters:
    ///   - tree: Where `/proc` and `/sys` are.
    ///   - affinity: The CPUs the scheduler lets this process use; nil asks the kernel.
    /// - Returns: A topology with at least one CPU; its `problems` say what was worked around.
    package static func discover(
        tree: SystemTree = SystemTree(),
        affinity: [Int]? = nil
    ) -> Topology {
        var reader = TopologyReader(tree: tree)
        return reader.read(affinity: affinity)
    }
}
