/// One change of a unit's phase.
package struct Transition: Hashable, Sendable {
    /// When it happened.
    package let instant: Instant
    /// The perturbation it happened to.
    package let perturbation: PerturbationIndex
    /// The phase before.
    package let from: UnitPhase
    /// The phase after.
    package let to: UnitPhase
    /// The worker that caused it, if one did.
    package let worker: WorkerID?
}

/// The last transitions of a scheduler, for diagnostics; older ones are forgotten.
struct TransitionLog {
    private let capacity: Int
    private var entries: [Transition] = []
    private var oldest = 0

    init(capacity: Int) {
        self.capacity = max(0, capacity)
    }

    /// Every transition kept, oldest first.
    var ordered: [Transition] {
        Array(entries[oldest...] + entries[..<oldest])
    }

    mutating func append(_ transition: Transition) {
        guard capacity > 0 else { return }
        guard entries.count == capacity else {
            entries.append(transition)
            return
        }
        entries[oldest] = transition
        oldest = (oldest + 1) % capacity
    }
}
