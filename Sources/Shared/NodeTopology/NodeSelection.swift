/// Which NUMA nodes of a machine are used, as people write it: `auto`, `off` or a list such as `0-1,3`.
package enum NodeSelection: Equatable, Sendable, CustomStringConvertible {
    /// Every node with CPUs this process may use.
    case auto

    /// The machine as one node: children are kept to CPUs but not to memory.
    case off

    /// The nodes of these numbers, ascending.
    case nodes([Int])

    /// Reads `auto`, `off` or the kernel's form of a list.
    ///
    /// - Throws: `NodeTopologyError.malformedNumberList` for anything else, an empty list included.
    package init(parsing text: String) throws(NodeTopologyError) {
        switch text {
        case "auto": self = .auto
        case "off": self = .off
        default:
            let numbers = try NumberList.parse(text, source: "NUMA nodes")
            guard !numbers.isEmpty else {
                throw .malformedNumberList(text: text, source: "NUMA nodes")
            }
            self = .nodes(numbers)
        }
    }

    /// What `init(parsing:)` reads.
    package var description: String {
        switch self {
        case .auto: "auto"
        case .off: "off"
        case .nodes(let numbers): NumberList.format(numbers)
        }
    }
}

extension Topology {
    /// The part of this machine that a selection leaves.
    ///
    /// Nodes that are not selected keep their memory in the description, so that children of the
    /// selected ones still know that there is a choice, but lose their CPUs.
    ///
    /// - Throws: `NodeTopologyError.noSuchNode` for a node without CPUs this process may use.
    package func selecting(_ selection: NodeSelection) throws(NodeTopologyError) -> Topology {
        switch selection {
        case .auto: return self
        case .off:
            let whole = Node(
                id: 0,
                cpus: computeNodes.flatMap(\.cpus).sorted(),
                memoryBytes: availableMemoryBytes,
                cores: computeNodes.flatMap(\.cores)
            )
            return replacing([whole], describesNUMA: false)
        case .nodes(let wanted):
            let usable = computeNodes.map(\.id)
            if let missing = wanted.first(where: { !usable.contains($0) }) {
                throw .noSuchNode(number: missing, usable: usable)
            }
            let kept = nodes.map { node in
                wanted.contains(node.id)
                    ? node
                    : Node(
                        id: node.id,
                        cpus: [],
                        memoryBytes: node.memoryBytes,
                        acceptsMemory: node.acceptsMemory
                    )
            }
            return replacing(kept, describesNUMA: describesNUMA)
        }
    }

    private func replacing(_ nodes: [Node], describesNUMA: Bool) -> Topology {
        Topology(
            nodes: nodes,
            memory: memory,
            describesNUMA: describesNUMA,
            cpuQuota: cpuQuota,
            problems: problems
        )
    }
}
