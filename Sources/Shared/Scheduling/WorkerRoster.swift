/// What a worker may be given.
enum WorkerDuty: Equatable {
    /// Ordinary units, as many as it can use.
    case ordinary
    /// Nothing: it finishes what it has, to then take a unit that must run alone.
    case reserved
    /// Nothing: a unit that must run alone is with it.
    case solo
    /// Nothing yet: it has been here before and is about to say what rows it still holds.
    case awaitingOffer
}

/// What a lease is for.
enum LeaseKind: Equatable {
    /// Ordinary units.
    case ordinary
    /// One unit with nothing beside it.
    case solo
    /// One unit that takes too long where it is.
    case copy
    /// Rows and fits that a worker brought along from an earlier session.
    case rejoin
}

/// One worker that is connected.
struct WorkerRecord {
    /// The machine it runs on; empty when unknown.
    let host: String
    let threads: Int
    let memoryBytes: UInt64
    /// The most bytes its unfinished blocks may take together; one block may exceed it.
    let blockBytesLimit: UInt64
    /// The process behind the session; nil when it did not say.
    let identity: WorkerIdentity?
    let joined: Instant
    var lastHeard: Instant
    /// When it last began or answered something, or was given something while it had nothing.
    var lastProgress: Instant
    var duty = WorkerDuty.ordinary
    /// Its leases with something outstanding, oldest first.
    var leases: [LeaseID] = []
    var unfinishedCount = 0
    var unfinishedBytes: UInt64 = 0
    var firstGrant: Instant?
    var finishedCount = 0
    var finishedCost = 0.0

    /// The units it should hold at least: one for each thread, and one to go on with.
    var wantedCount: Int { threads + 1 }

    /// Threads that would have nothing to do if it began everything it holds.
    var idleThreads: Int { max(0, threads - unfinishedCount) }

    /// Cost finished per second since its first lease; nil before its first row.
    func observedRate(now: Instant) -> Double? {
        guard let firstGrant, finishedCost > 0 else { return nil }
        let seconds = now.seconds(since: firstGrant)
        return seconds > 0 ? finishedCost / seconds : nil
    }
}

/// A unit that a worker still owes an answer for.
struct OutstandingUnit {
    let rank: Int
    let granted: Instant
    /// When the worker said that it begins.
    var started: Instant?
    /// Whether the worker was asked to give it back.
    var isAskedBack = false

    var isStarted: Bool { started != nil }
}

/// A lease with something outstanding.
struct LeaseRecord {
    let worker: WorkerID
    let kind: LeaseKind
    /// The units not yet answered by this worker, in the order granted.
    ///
    /// A unit whose row came from elsewhere stays here until this worker answers too: the worker
    /// is still busy with it, and may die of it.
    var outstanding: [OutstandingUnit]
}

/// The connected workers and what each of them is to answer for.
struct WorkerRoster {
    private(set) var workers: [WorkerID: WorkerRecord] = [:]
    private(set) var leases: [LeaseID: LeaseRecord] = [:]
    private(set) var threadCount = 0
    private var workersOfHost: [String: Int] = [:]
    private var lastLease: UInt64 = 0

    var count: Int { workers.count }

    subscript(worker: WorkerID) -> WorkerRecord? {
        workers[worker]
    }

    mutating func add(_ id: WorkerID, _ record: WorkerRecord) {
        workers[id] = record
        threadCount += record.threads
        workersOfHost[record.host, default: 0] += 1
    }

    /// Whether some worker runs on a machine.
    func hasWorker(on host: String) -> Bool { workersOfHost[host] != nil }

    /// Whether some worker runs on another machine than the one named.
    func hasHost(otherThan host: String) -> Bool {
        workersOfHost.count > (workersOfHost[host] == nil ? 0 : 1)
    }

    mutating func heard(_ id: WorkerID, now: Instant) {
        workers[id]?.lastHeard = now
    }

    mutating func setDuty(_ duty: WorkerDuty, of id: WorkerID) {
        workers[id]?.duty = duty
    }

    /// Opens a lease of these units and returns its number.
    mutating func openLease(
        for id: WorkerID,
        ranks: [Int],
        bytes: UInt64,
        kind: LeaseKind,
        now: Instant
    ) -> LeaseID {
        lastLease += 1
        let lease = LeaseID(lastLease)
        leases[lease] = LeaseRecord(
            worker: id,
            kind: kind,
            outstanding: ranks.map { OutstandingUnit(rank: $0, granted: now) }
        )
        if workers[id]?.unfinishedCount == 0 { workers[id]?.lastProgress = now }
        workers[id]?.leases.append(lease)
        workers[id]?.unfinishedCount += ranks.count
        workers[id]?.unfinishedBytes += bytes
        if workers[id]?.firstGrant == nil {
            workers[id]?.firstGrant = now
        }
        if kind == .solo {
            workers[id]?.duty = .solo
        }
        return lease
    }

    /// Notes that the worker began to fit a unit; false when it does not owe that unit.
    mutating func markStarted(
        _ rank: Int,
        lease: LeaseID,
        worker: WorkerID,
        now: Instant
    ) -> Bool {
        guard let record = leases[lease], record.worker == worker,
            let position = record.outstanding.firstIndex(where: { $0.rank == rank }),
            !record.outstanding[position].isStarted
        else { return false }
        leases[lease]?.outstanding[position].started = now
        workers[worker]?.lastProgress = now
        return true
    }

    /// Whether a unit was started under a lease and not answered.
    func isStarted(_ rank: Int, lease: LeaseID) -> Bool {
        leases[lease]?.outstanding.contains { $0.rank == rank && $0.isStarted } ?? false
    }

    /// Notes that the worker was asked to give a unit back.
    mutating func markAskedBack(_ rank: Int, lease: LeaseID) {
        guard
            let position = leases[lease]?.outstanding.firstIndex(where: { $0.rank == rank })
        else { return }
        leases[lease]?.outstanding[position].isAskedBack = true
    }

    /// Strikes a unit off a lease because its worker answered; nil when nothing was owed.
    mutating func answer(
        _ rank: Int,
        unit: UnitOfWork,
        lease: LeaseID,
        worker: WorkerID,
        now: Instant
    ) -> OutstandingUnit? {
        guard let record = leases[lease], record.worker == worker,
            let position = record.outstanding.firstIndex(where: { $0.rank == rank })
        else { return nil }
        leases[lease]?.outstanding.remove(at: position)
        workers[worker]?.lastProgress = now
        workers[worker]?.unfinishedCount -= 1
        workers[worker]?.unfinishedBytes -= unit.blockBytes
        if record.outstanding.count == 1 {
            leases[lease] = nil
            workers[worker]?.leases.removeAll { $0 == lease }
            if record.kind == .solo {
                workers[worker]?.duty = .ordinary
            }
        }
        return record.outstanding[position]
    }

    mutating func credit(_ worker: WorkerID, cost: Double) {
        workers[worker]?.finishedCount += 1
        workers[worker]?.finishedCost += cost
    }

    /// Forgets a worker and returns what it still owed, with the lease of each, oldest first.
    mutating func remove(_ id: WorkerID) -> [(lease: LeaseID, unit: OutstandingUnit)] {
        guard let record = workers.removeValue(forKey: id) else { return [] }
        threadCount -= record.threads
        let neighbours = (workersOfHost[record.host] ?? 1) - 1
        workersOfHost[record.host] = neighbours == 0 ? nil : neighbours
        var owed: [(lease: LeaseID, unit: OutstandingUnit)] = []
        for lease in record.leases {
            for unit in leases.removeValue(forKey: lease)?.outstanding ?? [] {
                owed.append((lease, unit))
            }
        }
        return owed
    }
}
