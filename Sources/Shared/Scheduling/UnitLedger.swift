/// Who should not be the next to try a unit, if there is anyone else.
enum Avoidance: Equatable {
    case nobody
    /// The worker whose fit failed.
    case worker(WorkerID)
    /// The machine where the unit was struck, in case the machine is to blame.
    case host(String)
}

/// Everything remembered about one unit.
struct UnitRecord {
    let unit: UnitOfWork
    fileprivate(set) var state = UnitPhase.pending
    /// Every lease that ever named the unit: a row may come from any of them.
    var leases: [LeaseID] = []
    /// The leases it is out on: one as a rule, more with copies and rows offered again.
    ///
    /// A lease of a dead worker stays until it is known what the unit had to do with the death.
    var active: [LeaseID] = []
    /// How often it was asked back before it was started.
    var revocations = 0
    /// How often its worker's whole machine was lost while it was fitted.
    var hostLosses = 0
    /// What the fit that failed last said.
    var failure = ""
    /// Attempts that began and gave no row.
    var lostAttempts = 0
    /// Process deaths with this unit started alone.
    var strikes = 0
    /// Attempts in which the fit itself reported failure.
    var fitFailures = 0
    /// Who should not try it next.
    var avoidance = Avoidance.nobody
    /// What happened to each lost attempt.
    var reasons: [String] = []
    /// The digest of the row taken.
    var digest: RowDigest?
    /// Whether the unit may only be fitted with nothing beside it; never changes while pending.
    fileprivate(set) var mustRunAlone = false
}

/// All units of a run, ordered by cost, and the queues of those that wait.
///
/// A unit is known by its rank: 0 is the most expensive. `move` is the only place where a unit's
/// state changes, so counts, queues and log cannot disagree with the states.
struct UnitLedger {
    private(set) var records: [UnitRecord]
    private(set) var counts = UnitCounts()
    /// The ordinary units that wait.
    private(set) var waiting: WaitingRanks
    /// The units that wait to be retried alone, in the order they came.
    private(set) var soloQueue: [Int] = []
    /// The summed cost of `waiting`, up to rounding.
    private(set) var waitingCost = 0.0
    /// The summed cost of units with a row or a verdict.
    private(set) var doneCost = 0.0
    let totalCost: Double
    /// Units whose rows were durable from before.
    private(set) var alreadyDoneCount = 0
    private(set) var log: TransitionLog
    private let ranks: [PerturbationIndex: Int]

    init(
        units: [UnitOfWork],
        alreadyDone: Set<PerturbationIndex>,
        logCapacity: Int
    ) {
        let ordered = units.sorted { left, right in
            (right.cost, left.perturbation) < (left.cost, right.perturbation)
        }
        records = ordered.map { UnitRecord(unit: $0) }
        waiting = WaitingRanks(capacity: ordered.count)
        log = TransitionLog(capacity: logCapacity)
        totalCost = ordered.reduce(0) { $0 + $1.cost }
        var ranks: [PerturbationIndex: Int] = [:]
        ranks.reserveCapacity(ordered.count)
        for (rank, unit) in ordered.enumerated() {
            let previous = ranks.updateValue(rank, forKey: unit.perturbation)
            precondition(previous == nil, "a perturbation is listed once")
        }
        self.ranks = ranks
        for rank in records.indices {
            if alreadyDone.contains(records[rank].unit.perturbation) {
                records[rank].state = .durable
                counts.durable += 1
                alreadyDoneCount += 1
                doneCost += records[rank].unit.cost
            } else {
                counts.pending += 1
                waiting.insert(rank)
                waitingCost += records[rank].unit.cost
            }
        }
    }

    func rank(of perturbation: PerturbationIndex) -> Int? {
        ranks[perturbation]
    }

    subscript(rank: Int) -> UnitRecord {
        get { records[rank] }
        _modify { yield &records[rank] }
    }

    /// Decides that a unit is never again fitted beside another; it must not be waiting.
    mutating func setMustRunAlone(_ rank: Int) {
        precondition(records[rank].state != .pending, "the queue of a waiting unit is decided")
        records[rank].mustRunAlone = true
    }

    /// Changes a unit's state, and with it the counts, the queues and the log.
    mutating func move(_ rank: Int, to next: UnitPhase, by worker: WorkerID?, now: Instant) {
        let previous = records[rank].state
        precondition(!previous.isSettled, "a settled unit never changes")
        let cost = records[rank].unit.cost
        if previous == .pending {
            leaveQueue(rank)
        }
        if next == .pending {
            enterQueue(rank)
        }
        if previous != .written, next.isSettled || next == .written {
            doneCost += cost
        }
        records[rank].state = next
        counts[previous] -= 1
        counts[next] += 1
        log.append(
            Transition(
                instant: now,
                perturbation: records[rank].unit.perturbation,
                from: previous,
                to: next,
                worker: worker
            )
        )
    }

    private mutating func enterQueue(_ rank: Int) {
        if records[rank].mustRunAlone {
            soloQueue.append(rank)
        } else {
            waiting.insert(rank)
            waitingCost += records[rank].unit.cost
        }
    }

    private mutating func leaveQueue(_ rank: Int) {
        if records[rank].mustRunAlone {
            soloQueue.removeAll { $0 == rank }
        } else {
            waiting.remove(rank)
            waitingCost = waiting.count == 0 ? 0 : waitingCost - records[rank].unit.cost
        }
    }
}

/// The ranks that wait, iterated from the most expensive unit down.
struct WaitingRanks {
    private(set) var count = 0
    private var isWaiting: [Bool]
    /// No rank below this one waits.
    private var lowest: Int

    init(capacity: Int) {
        isWaiting = Array(repeating: false, count: capacity)
        lowest = capacity
    }

    func contains(_ rank: Int) -> Bool { isWaiting[rank] }

    /// The first waiting rank that is `rank` or comes after it.
    func next(from rank: Int) -> Int? {
        var candidate = max(rank, lowest)
        while candidate < isWaiting.count {
            if isWaiting[candidate] { return candidate }
            candidate += 1
        }
        return nil
    }

    mutating func insert(_ rank: Int) {
        precondition(!isWaiting[rank], "a unit waits once")
        isWaiting[rank] = true
        count += 1
        lowest = min(lowest, rank)
    }

    mutating func remove(_ rank: Int) {
        precondition(isWaiting[rank], "only a waiting unit stops waiting")
        isWaiting[rank] = false
        count -= 1
        while lowest < isWaiting.count, !isWaiting[lowest] {
            lowest += 1
        }
    }
}
