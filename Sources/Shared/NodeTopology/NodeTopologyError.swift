/// What can be wrong with a description of CPUs, memory or placement.
package enum NodeTopologyError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A memory size is not a number with an optional unit.
    case malformedMemorySize(text: String)

    /// A memory size is zero, or more than a 64-bit address space holds.
    case memorySizeOutOfRange(text: String)

    /// A list of CPUs or nodes is not of the form `0-3,8`; `source` is the file or option it is
    /// from.
    case malformedNumberList(text: String, source: String)

    /// A child's placement, as its parent passes it on, cannot be read.
    case malformedPlacement(text: String, reason: String)

    /// The kernel did not say which CPUs this process may use; `code` is the `errno` value.
    case affinityUnreadable(code: Int32)

    /// None of the CPUs this process may use belongs to a NUMA node listed below `source`.
    case noAllowedCPUInAnyNode(source: String)

    /// A NUMA node that was asked for has no CPU this process may use; `usable` are those that have.
    case noSuchNode(number: Int, usable: [Int])

    package var description: String {
        switch self {
        case .malformedMemorySize(let text):
            "memory size \"\(text)\": not a size; write bytes or a number with a unit, "
                + "such as 8G, 512M, 1.5GiB"
        case .memorySizeOutOfRange(let text):
            "memory size \"\(text)\": must be at least 1 byte and below 8 EiB"
        case .malformedNumberList(let text, let source):
            "\(source): \"\(text)\" is not a list of numbers such as 0-3,8"
        case .malformedPlacement(let text, let reason):
            "placement \"\(text)\": \(reason); expected node=N;memory=N;threads=N;cpus=LIST"
        case .affinityUnreadable(let code):
            "the CPUs of this process: the kernel did not list them (errno \(code)); "
                + "every CPU that is online is assumed to be allowed"
        case .noAllowedCPUInAnyNode(let source):
            "\(source): no NUMA node holds a CPU this process may use; "
                + "the machine is treated as one node"
        case .noSuchNode(let number, let usable):
            "NUMA node \(number): no CPU of it is here for this process; nodes that have some: "
                + NumberList.format(usable)
        }
    }
}
