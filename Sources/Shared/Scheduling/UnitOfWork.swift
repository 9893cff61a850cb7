/// One perturbation to fit, with what the scheduler has to know about it.
package struct UnitOfWork: Hashable, Sendable {
    /// The perturbation, as row of the result.
    package let perturbation: PerturbationIndex
    /// The predicted effort, finite and at least 0, in any unit that all perturbations share.
    package let cost: Double
    /// The bytes of the perturbation's count block, which a worker holds while it has the unit.
    package let blockBytes: UInt64

    /// Describes one perturbation's work.
    package init(perturbation: PerturbationIndex, cost: Double, blockBytes: UInt64) {
        precondition(cost.isFinite && cost >= 0, "a cost is finite and not negative")
        self.perturbation = perturbation
        self.cost = cost
        self.blockBytes = blockBytes
    }
}

/// Where a unit is in its life.
///
/// `pending -> leased -> started -> written -> durable`, or `failed` or `quarantined` instead of
/// a row; `leased` and `started` go back to `pending` when their lease ends. `durable`, `failed`
/// and `quarantined` are settled: nothing leaves them.
package enum UnitPhase: String, Hashable, Sendable, CaseIterable {
    /// Waits for a lease.
    case pending
    /// Granted to a worker that has not started it.
    case leased
    /// Being fitted, or fitted with its row on the way.
    case started
    /// A valid row was taken and handed to the writer.
    case written
    /// The row survives a crash of everything.
    case durable
    /// The fit reported failure on every try.
    case failed
    /// It ended too many workers, or was lost too often, to be tried again.
    case quarantined

    /// Whether nothing will change any more.
    package var isSettled: Bool {
        switch self {
        case .durable, .failed, .quarantined: true
        case .pending, .leased, .started, .written: false
        }
    }
}

/// How many units are in each phase.
package struct UnitCounts: Hashable, Sendable {
    /// Units waiting for a lease, those waiting to be retried alone included.
    package internal(set) var pending = 0
    /// Units granted and not started.
    package internal(set) var leased = 0
    /// Units being fitted.
    package internal(set) var started = 0
    /// Units whose row is with the writer.
    package internal(set) var written = 0
    /// Units whose row is safe on disk.
    package internal(set) var durable = 0
    /// Units whose fit failed on every try.
    package internal(set) var failed = 0
    /// Units given up because they ended workers.
    package internal(set) var quarantined = 0

    /// No units at all.
    package init() {}

    /// Units in every phase together.
    package var total: Int {
        pending + leased + started + written + durable + failed + quarantined
    }

    /// Units that still need a row or a verdict: waiting or with a worker.
    package var open: Int { pending + leased + started }

    /// Units whose fate is final.
    package var settled: Int { durable + failed + quarantined }

    /// The number of units in one phase.
    package internal(set) subscript(phase: UnitPhase) -> Int {
        get {
            switch phase {
            case .pending: pending
            case .leased: leased
            case .started: started
            case .written: written
            case .durable: durable
            case .failed: failed
            case .quarantined: quarantined
            }
        }
        set {
            switch phase {
            case .pending: pending = newValue
            case .leased: leased = newValue
            case .started: started = newValue
            case .written: written = newValue
            case .durable: durable = newValue
            case .failed: failed = newValue
            case .quarantined: quarantined = newValue
            }
        }
    }
}
