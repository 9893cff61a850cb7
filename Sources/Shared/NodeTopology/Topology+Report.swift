extension Topology {
    /// What this machine looks like and where children would compute, for people to read.
    ///
    /// - Parameters:
    ///   - placements: The children, as `plan` places them on this topology.
    ///   - memoryBytes: Memory of all children together.
    /// - Returns: Lines without a final newline.
    package func report(placements: [ChildPlacement], memoryBytes: Int) -> String {
        var lines = ["machine"]
        for node in nodes { lines.append("  " + text(of: node)) }
        lines.append(
            "  memory \(MemorySize(bytes: max(memory.physicalBytes, 1))), control group limit "
                + (memory.controlGroupBytes.map { "\(MemorySize(bytes: max($0, 1)))" } ?? "none")
        )
        lines.append("  CPU quota " + (cpuQuota.map { "\($0) CPUs" } ?? "none"))
        lines.append("worker processes")
        let share = MemorySize(bytes: max(memoryBytes / max(placements.count, 1), 1))
        for (number, placement) in placements.enumerated() {
            lines.append("  process \(number): \(text(of: placement)), at most \(share)")
        }
        for problem in problems { lines.append("note: \(problem)") }
        return lines.joined(separator: "\n")
    }

    private func text(of node: Node) -> String {
        var parts: [String] = []
        if node.cores.isEmpty {
            parts.append("no CPUs for this process")
        } else {
            let cpus = node.cpus
            parts.append("CPUs \(NumberList.format(cpus))")
            parts.append(
                node.cores.count == cpus.count
                    ? "\(cpus.count) cores" : "\(cpus.count) threads of \(node.cores.count) cores"
            )
        }
        if node.memoryBytes == 0 {
            parts.append("no memory")
        } else {
            let size = "memory \(MemorySize(bytes: node.memoryBytes))"
            parts.append(node.acceptsMemory ? size : size + " (not for this process)")
        }
        return (describesNUMA ? "node \(node.id): " : "no NUMA nodes: ")
            + parts.joined(separator: ", ")
    }

    private func text(of placement: ChildPlacement) -> String {
        var parts: [String] = []
        if let node = placement.numaNode { parts.append("node \(node)") }
        parts.append("CPUs \(NumberList.format(placement.cpus))")
        parts.append(placement.threads == 1 ? "1 thread" : "\(placement.threads) threads")
        parts.append(placement.memoryNode.map { "memory of node \($0)" } ?? "memory of any node")
        return parts.joined(separator: ", ")
    }
}
