internal import CNUMA

/// Applies a placement to the calling thread and so to every thread started from it afterwards.
///
/// A child calls it first thing in `main`, before it starts threads or allocates: neither threads
/// nor pages that exist already are moved.
package enum ThreadPinning {
    /// How firmly memory is tied to a node.
    package enum MemoryPreference: Equatable, Sendable {
        /// Take memory from the node while it has some, then from its neighbours.
        case preferred

        /// Take memory from the node alone; the kernel kills the process when the node is full.
        case bound
    }

    /// What became of one half of a placement.
    package enum Outcome: Equatable, Sendable, CustomStringConvertible {
        /// The kernel accepted it.
        case applied

        /// The placement asks for nothing.
        case notAsked

        /// The machine has no NUMA memory policy, or forbids it (as container defaults do).
        case unavailable

        /// The kernel refused; `code` is the `errno` value.
        case refused(code: Int32)

        package var description: String {
            switch self {
            case .applied: "applied"
            case .notAsked: "not asked"
            case .unavailable: "not available on this machine"
            case .refused(let code): "refused by the kernel (errno \(code))"
            }
        }
    }

    /// What became of a placement; a child that could not be pinned computes all the same, slower.
    package struct Report: Equatable, Sendable, CustomStringConvertible {
        /// Whether the thread runs on the placement's CPUs only.
        package let cpus: Outcome

        /// Whether memory comes from the placement's node.
        package let memory: Outcome

        package var description: String { "CPUs \(cpus), memory \(memory)" }
    }

    /// Pins the calling thread and sets its memory policy.
    package static func apply(
        _ placement: ChildPlacement,
        memory preference: MemoryPreference = .preferred
    ) -> Report {
        Report(
            cpus: pin(to: placement.cpus),
            memory: placement.memoryNode.map { setMemoryPolicy(preference, node: $0) } ?? .notAsked
        )
    }

    /// The CPUs the calling thread may run on, ascending.
    ///
    /// - Returns: `NodeTopologyError.affinityUnreadable` when the kernel refuses.
    package static func allowedCPUs() -> Result<[Int], NodeTopologyError> {
        // The kernel refuses a mask shorter than its own, whose length it does not tell.
        var wordCount = 16
        while true {
            var mask = [UInt](repeating: 0, count: wordCount)
            let result = cnuma_get_affinity(0, wordCount * MemoryLayout<UInt>.size, &mask)
            if result >= 0 { return .success(numbers(in: mask)) }
            guard result == -Int(EINVAL), wordCount * UInt.bitWidth < NumberList.largestNumber
            else {
                return .failure(.affinityUnreadable(code: Int32(-result)))
            }
            wordCount *= 2
        }
    }

    private static func pin(to cpus: [Int]) -> Outcome {
        let mask = mask(of: cpus)
        let result = cnuma_set_affinity(0, mask.count * MemoryLayout<UInt>.size, mask)
        return result == 0 ? .applied : .refused(code: Int32(-result))
    }

    private static func setMemoryPolicy(_ preference: MemoryPreference, node: Int) -> Outcome {
        guard numa_available() >= 0 else { return .unavailable }
        let mask = mask(of: [node])
        let mode = preference == .bound ? MPOL_BIND : MPOL_PREFERRED
        let bitCount = mask.count * UInt.bitWidth
        let result = cnuma_set_memory_policy(Int32(mode), mask, bitCount)
        switch -Int32(result) {
        case 0: return .applied
        case ENOSYS, EPERM: return .unavailable
        case let code: return .refused(code: code)
        }
    }

    private static func mask(of numbers: [Int]) -> [UInt] {
        var mask = [UInt](repeating: 0, count: (numbers.max() ?? 0) / UInt.bitWidth + 1)
        for number in numbers {
            mask[number / UInt.bitWidth] |= 1 << UInt(number % UInt.bitWidth)
        }
        return mask
    }

    private static func numbers(in mask: [UInt]) -> [Int] {
        (0..<mask.count * UInt.bitWidth).filter { number in
            mask[number / UInt.bitWidth] & 1 << UInt(number % UInt.bitWidth) != 0
        }
    }
}
