extension Topology {
    /// How many children fill this machine: one for each node with CPUs, fewer under a CPU quota.
    package var defaultChildCount: Int {
        max(1, min(computeNodes.count, cpuQuota ?? .max))
    }

    /// Places children on nodes.
    ///
    /// With as many children as nodes each gets one. With fewer, each gets neighbouring nodes, but
    /// no more of them than its threads need. With more, they are dealt to the nodes in turn, and
    /// those on one node split its cores (its CPUs when cores run out) so that no two share any;
    /// when CPUs run out too they share them in turn.
    ///
    /// - Parameters:
    ///   - childCount: Children to place, 0 or more; nil means `defaultChildCount`.
    ///   - threads: Threads of each child, at least 1; nil means one for each of its CPUs, or its
    ///     part of the CPU quota when that is less.
    /// - Returns: One placement for each child, in order.
    package func plan(childCount: Int? = nil, threads: Int? = nil) -> [ChildPlacement] {
        let count = childCount ?? defaultChildCount
        precondition(count >= 0 && threads ?? 1 > 0, "children and threads are counts")
        let hosts = computeNodes
        return (0..<count).map { child in
            if count <= hosts.count {
                let group = hosts[Self.part(child, of: count, elements: hosts.count)]
                let nodes = Self.prefix(of: group, holding: threads)
                return place(child, of: count, cpus: nodes.flatMap(\.cpus), on: nodes, threads)
            }
            let node = hosts[child % hosts.count]
            let siblings = (count - child % hosts.count - 1) / hosts.count + 1
            let cpus = Self.share(child / hosts.count, of: siblings, in: node)
            return place(child, of: count, cpus: cpus, on: [node], threads)
        }
    }

    private func place(
        _ child: Int,
        of count: Int,
        cpus: [Int],
        on hosts: some Collection<Node>,
        _ threads: Int?
    ) -> ChildPlacement {
        let node = hosts.count == 1 && describesNUMA ? hosts.first : nil
        let hasChoice = nodes.count { $0.memoryBytes > 0 } > 1
        var ownThreads = cpus.count
        if let cpuQuota {
            ownThreads = min(
                ownThreads,
                max(1, Self.part(child, of: count, elements: cpuQuota).count)
            )
        }
        return ChildPlacement(
            numaNode: node?.id,
            memoryNode: hasChoice && node?.acceptsMemory == true ? node?.id : nil,
            cpus: cpus,
            threads: threads ?? ownThreads
        )
    }

    /// The fewest leading nodes with so many CPUs; all of them when that is not enough or not
    /// asked.
    private static func prefix(
        of nodes: ArraySlice<Node>,
        holding threads: Int?
    ) -> ArraySlice<Node> {
        guard let threads else { return nodes }
        var cpuCount = 0
        for index in nodes.indices {
            cpuCount += nodes[index].cpus.count
            if cpuCount >= threads { return nodes[...index] }
        }
        return nodes
    }

    private static func share(_ index: Int, of count: Int, in node: Node) -> [Int] {
        if node.cores.count >= count {
            return node.cores[part(index, of: count, elements: node.cores.count)].flatMap { $0 }
        }
        // Core by core, so that a child's CPUs are siblings rather than halves of other cores.
        let cpus = node.cores.flatMap { $0 }
        if cpus.count >= count {
            return Array(cpus[part(index, of: count, elements: cpus.count)])
        }
        return [cpus[index % cpus.count]]
    }

    /// The range of part `index` when `elements` are split into `count` parts that differ by one at
    /// most.
    private static func part(_ index: Int, of count: Int, elements: Int) -> Range<Int> {
        index * elements / count..<(index + 1) * elements / count
    }
}
