/// Where one child process computes: its NUMA node, its CPUs and how many threads it starts.
package struct ChildPlacement: Equatable, Sendable {
    /// The node all CPUs belong to; nil when they span nodes or the machine has none.
    package let numaNode: Int?

    /// The node to take memory from; nil when the machine leaves no choice or the node has none.
    package let memoryNode: Int?

    /// The CPUs to run on, ascending, at least one.
    package let cpus: [Int]

    /// How many threads compute, at least one.
    package let threads: Int

    /// Describes a placement.
    package init(numaNode: Int?, memoryNode: Int?, cpus: [Int], threads: Int) {
        precondition(!cpus.isEmpty && threads > 0, "a placement has a CPU and a thread")
        self.numaNode = numaNode
        self.memoryNode = memoryNode
        self.cpus = cpus.sorted()
        self.threads = threads
    }

    /// The placement as one argument for the child, such as `node=1;memory=1;threads=4;cpus=4-7`.
    ///
    /// A node that is nil is left out.
    package var argument: String {
        var fields: [String] = []
        if let numaNode { fields.append("node=\(numaNode)") }
        if let memoryNode { fields.append("memory=\(memoryNode)") }
        fields.append("threads=\(threads)")
        fields.append("cpus=" + NumberList.format(cpus))
        return fields.joined(separator: ";")
    }

    /// Reads what `argument` wrote.
    ///
    /// - Throws: `NodeTopologyError.malformedPlacement` when a field is unknown, repeated, missing
    ///   or not a number in range.
    package init(argument text: String) throws(NodeTopologyError) {
        var values: [String: String] = [:]
        for field in text.split(separator: ";", omittingEmptySubsequences: false) {
            let sides = field.split(separator: "=", maxSplits: 1).map(String.init)
            guard sides.count == 2, ["node", "memory", "threads", "cpus"].contains(sides[0]) else {
                throw .malformedPlacement(text: text, reason: "unknown field \"\(field)\"")
            }
            guard values.updateValue(sides[1], forKey: sides[0]) == nil else {
                throw .malformedPlacement(text: text, reason: "\(sides[0]) is given twice")
            }
        }
        var numbers: [String: Int] = [:]
        for (name, value) in values where name != "cpus" {
            guard let number = Int(value), (0...NumberList.largestNumber).contains(number) else {
                throw .malformedPlacement(text: text, reason: "\(name) is not a number in range")
            }
            numbers[name] = number
        }
        guard let threads = numbers["threads"], threads > 0 else {
            throw .malformedPlacement(text: text, reason: "threads is missing or zero")
        }
        let cpus = try NumberList.parse(values["cpus"] ?? "", source: "placement")
        guard !cpus.isEmpty else {
            throw .malformedPlacement(text: text, reason: "cpus is missing or empty")
        }
        self.init(
            numaNode: numbers["node"],
            memoryNode: numbers["memory"],
            cpus: cpus,
            threads: threads
        )
    }
}
