// The worker's decisions, as one value: what to fetch, what to fit, what to send, when to leave.
//
// Overview: blocks are fetched in the order granted, up to a limit ahead of the fits; a fit begins
// as soon as a thread is free and its block is here; its row leaves as soon as there is credit.
//
// Why this way: every queue has a limit. Blocks that wait are bounded by the prefetch limit, rows
// on the way by the coordinator's credit, and rows that wait for credit by the number of fits at
// once, because no fit begins while that many wait. A slow coordinator therefore slows its workers down
// instead of filling their memory.
//
// Rows are kept until they are durable, within the credit. When the link closes, what has been started
// is finished and kept too; the next connection begins by offering it. Nothing else survives: the
// coordinator gives what was not started to others.

/// Decides what one worker does, from the coordinator's first welcome to its leave.
package struct WorkerSession: ~Copyable {
    /// A unit granted to this worker.
    struct HeldUnit {
        let unit: LeasedUnit
        /// The lease it is answered under; nil since its connection was lost.
        var lease: LeaseID?
        var isSolo: Bool
        /// Whether nobody waits for the row any more.
        var isCancelled = false
        /// Whether its block is on the shelf of this connection.
        var isOnShelf = true
    }

    /// A finished row that waits for credit.
    struct QueuedRow {
        let perturbation: PerturbationIndex
        let lease: LeaseID
        let bytes: UInt64
        /// Whether it was kept from an earlier connection.
        let isKept: Bool
    }

    /// Tries after which a resource that keeps arriving damaged is given up.
    package static let triesPerResource = 3

    /// Fits that may run at once.
    var fitsAtOnce: Int
    /// Where the session is in its life.
    package internal(set) var phase = SessionPhase.greeting
    /// Rows handed to the link so far.
    package internal(set) var sentRowCount = 0
    /// Events that changed nothing because they came too late or twice.
    package internal(set) var ignoredEventCount = 0
    var shelf: ResourceShelf
    var credit = RowCredit(limit: 0)
    /// Units not started, in the order granted.
    var waiting: [HeldUnit] = []
    var running: [PerturbationIndex: HeldUnit] = [:]
    var queuedRows: [QueuedRow] = []
    /// Rows being handed to the link, with their bytes.
    var sending: [PerturbationIndex: UInt64] = [:]
    /// Rows that were sent, or finished without a link, and may be asked for again.
    var kept = KeptRows()
    let comesBack: Bool
    private var isAgain: Bool
    var leavingReason = ""

    /// Makes a session that waits for the coordinator's welcome.
    ///
    /// - Parameters:
    ///   - threads: Fits at once, at least 1, until ``SessionEvent/mayFitAtOnce(_:)`` says otherwise.
    ///   - prefetchBytes: The most bytes of resources on the way or waiting for a fit; one
    ///     resource may exceed it.
    ///   - comesBack: Whether another connection may follow one that is lost.
    ///   - isAgain: Whether the process had a connection before.
    package init(
        threads: Int,
        prefetchBytes: UInt64,
        comesBack: Bool = false,
        isAgain: Bool = false
    ) {
        fitsAtOnce = max(1, threads)
        self.comesBack = comesBack
        self.isAgain = isAgain
        shelf = ResourceShelf(limit: prefetchBytes, triesPerResource: Self.triesPerResource)
    }

    /// Perturbations being fitted, ascending; for the heartbeat.
    package var runningPerturbations: [PerturbationIndex] { running.keys.sorted() }

    /// Units granted and not yet answered completely.
    package var heldCount: Int {
        waiting.count + running.values.count { !$0.isCancelled } + queuedRows.count + sending.count
    }

    /// Rows that are held until they are durable.
    package var keptRows: [PerturbationIndex] { kept.all }

    /// Takes in one event and decides what has to be done about it.
    ///
    /// - Returns: The actions, in order; none once the session has ended.
    package mutating func handle(_ event: SessionEvent) -> [SessionAction] {
        var actions: [SessionAction] = []
        guard phase != .ended else {
            ignoredEventCount += 1
            return actions
        }
        apply(event, &actions)
        sendRows(&actions)
        startFits(&actions)
        fetchMore(&actions)
        leaveWhenDone(&actions)
        return actions
    }

    private mutating func apply(_ event: SessionEvent, _ actions: inout [SessionAction]) {
        switch event {
        case .welcomed(let resources, let rowCreditBytes, let keepsRows):
            welcomed(resources, rowCreditBytes, keepsRows, &actions)
        case .refused(let text, let retry):
            end(.refused(text, retry: retry), &actions)
        case .mayFitAtOnce(let count):
            fitsAtOnce = max(fitsAtOnce, count)
        case .resourceComplete(let name):
            noteIgnored(unless: shelf.complete(name))
        case .resourceDamaged(let name):
            resourceDamaged(name, &actions)
        case .resourceMissing(let name, let reason):
            resourceMissing(name, reason, &actions)
        case .leaseGranted(let lease, let solo, let units):
            leaseGranted(lease, solo, units, &actions)
        case .fitFinished(let perturbation, let rowBytes):
            fitFinished(perturbation, rowBytes, &actions)
        case .fitThrew(let perturbation, let reason):
            fitThrew(perturbation, reason, &actions)
        case .rowSent(let perturbation):
            let bytes = sending.removeValue(forKey: perturbation)
            sentRowCount += bytes == nil ? 0 : 1
            noteIgnored(unless: bytes != nil)
            if let bytes { keep(perturbation, bytes, &actions) }
        case .creditReturned(let bytes):
            credit.giveBack(bytes)
        case .rowsDurable(let perturbations):
            for perturbation in perturbations { forget(perturbation, &actions) }
        case .revoked(let lease, let perturbations):
            revoked(lease, perturbations, &actions)
        case .cancelled(let lease, let perturbation):
            cancelled(lease, perturbation, &actions)
        case .offerAnswered(let lease, let wanted, let unneeded):
            offerAnswered(lease, wanted, unneeded, &actions)
        case .finishRequested:
            leave("the coordinator has no more work", &actions)
        case .terminateRequested:
            guard phase != .detached else { return end(.finished, &actions) }
            leave("the worker was asked to stop", &actions)
        case .linkClosed(let reason):
            linkClosed(reason, &actions)
        case .reconnected:
            guard phase == .detached else { return noteIgnored(unless: false) }
            phase = .greeting
        }
    }

    private mutating func welcomed(
        _ resources: [ResourceDemand],
        _ rowCreditBytes: UInt64,
        _ keepsRows: Bool,
        _ actions: inout [SessionAction]
    ) {
        guard phase == .greeting else {
            ignoredEventCount += 1
            return
        }
        phase = .working
        credit = RowCredit(limit: rowCreditBytes)
        kept.limit = rowCreditBytes
        for resource in resources {
            shelf.wantCommon(resource)
        }
        guard isAgain else { return }
        if !keepsRows {
            for perturbation in kept.removeAll() { actions.append(.forgetRow(perturbation)) }
            for perturbation in running.keys { running[perturbation]?.isCancelled = true }
        }
        let unfinished = running.filter { !$0.value.isCancelled }.keys.sorted()
        actions.append(.offerRows(kept.all, running: unfinished))
    }

    private mutating func leaseGranted(
        _ lease: LeaseID,
        _ solo: Bool,
        _ units: [LeasedUnit],
        _ actions: inout [SessionAction]
    ) {
        switch phase {
        case .greeting:
            giveUp("a lease came before the welcome", &actions)
        case .working:
            for unit in units {
                take(HeldUnit(unit: unit, lease: lease, isSolo: solo), lease, &actions)
            }
        case .leaving, .detached, .ended:
            // The goodbye gives these back with all the rest.
            ignoredEventCount += 1
        }
    }

    private mutating func take(
        _ held: HeldUnit,
        _ lease: LeaseID,
        _ actions: inout [SessionAction]
    ) {
        let perturbation = held.unit.perturbation
        if let bytes = kept.remove(perturbation) {
            // It was fitted already, and only the row was lost.
            queuedRows.append(
                QueuedRow(perturbation: perturbation, lease: lease, bytes: bytes, isKept: true)
            )
        } else if let fit = running[perturbation], fit.lease == nil, !fit.isCancelled {
            running[perturbation]?.lease = lease
            actions.append(.sendStarted(lease, perturbation))
        } else if holds(perturbation), running[perturbation]?.isOnShelf != false {
            ignoredEventCount += 1
        } else {
            waiting.append(held)
            shelf.wantBlock(held.unit.block)
        }
    }

    private func holds(_ perturbation: PerturbationIndex) -> Bool {
        running[perturbation] != nil || sending[perturbation] != nil
            || waiting.contains { $0.unit.perturbation == perturbation }
            || queuedRows.contains { $0.perturbation == perturbation }
    }

    private mutating func resourceDamaged(_ name: String, _ actions: inout [SessionAction]) {
        switch shelf.damage(name) {
        case .none:
            ignoredEventCount += 1
        case .fetchAgain:
            break
        case .giveUp(let isCommon):
            let reason = "\(name) arrived damaged \(Self.triesPerResource) times"
            doWithout(name, isCommon: isCommon, reason, &actions)
        }
    }

    private mutating func resourceMissing(
        _ name: String,
        _ reason: String,
        _ actions: inout [SessionAction]
    ) {
        guard let isCommon = shelf.isCommon(name), !shelf.isReady(name) else {
            ignoredEventCount += 1
            return
        }
        doWithout(name, isCommon: isCommon, "\(name) cannot be had: \(reason)", &actions)
    }

    private mutating func doWithout(
        _ name: String,
        isCommon: Bool,
        _ reason: String,
        _ actions: inout [SessionAction]
    ) {
        guard !isCommon else {
            giveUp(reason, &actions)
            return
        }
        for held in waiting where held.unit.block.name == name {
            let perturbation = held.unit.perturbation
            if let lease = held.lease {
                actions.append(.sendFitFailed(lease, perturbation, reason: reason))
            }
            giveBack(name, &actions)
        }
        waiting.removeAll { $0.unit.block.name == name }
    }

    mutating func giveBack(_ block: String, _ actions: inout [SessionAction]) {
        if shelf.giveBack(block) {
            actions.append(.release(block))
        }
    }

    private mutating func sendRows(_ actions: inout [SessionAction]) {
        guard phase == .working || phase == .leaving else { return }
        while let row = queuedRows.first, credit.take(row.bytes) {
            queuedRows.removeFirst()
            sending[row.perturbation] = row.bytes
            actions.append(.sendRow(row.perturbation, lease: row.lease))
        }
    }

    private mutating func startFits(_ actions: inout [SessionAction]) {
        guard phase == .working, shelf.isCommonComplete else { return }
        while running.count < fitsAtOnce, queuedRows.count < fitsAtOnce,
            let position = waiting.firstIndex(where: { isReady($0) })
        {
            let held = waiting[position]
            let isSoloRunning = running.values.contains { $0.isSolo }
            guard running.isEmpty || (!held.isSolo && !isSoloRunning), let lease = held.lease else {
                return
            }
            waiting.remove(at: position)
            let perturbation = held.unit.perturbation
            let block = held.unit.block.name
            running[perturbation] = held
            shelf.use(block)
            actions.append(.sendStarted(lease, perturbation))
            actions.append(.startFit(perturbation, lease: lease, block: block))
        }
    }

    /// Whether a unit could be started now.
    ///
    /// A fit of another run that nobody waits for may still go on under the same number.
    func isReady(_ held: HeldUnit) -> Bool {
        shelf.isReady(held.unit.block.name) && running[held.unit.perturbation] == nil
    }

    private mutating func fetchMore(_ actions: inout [SessionAction]) {
        guard phase == .working else { return }
        while let demand = shelf.nextFetch() {
            actions.append(.fetch(demand))
        }
    }

    /// Stops taking on work; what is being fitted is finished and sent first.
    private mutating func leave(_ reason: String, _ actions: inout [SessionAction]) {
        guard phase != .leaving, phase != .detached else {
            ignoredEventCount += 1
            return
        }
        phase = .leaving
        leavingReason = reason
        dropWaiting(&actions)
    }

    private mutating func dropWaiting(_ actions: inout [SessionAction]) {
        shelf.stopFetching()
        for held in waiting {
            giveBack(held.unit.block.name, &actions)
        }
        waiting.removeAll()
    }

    /// Ends the connection, and with it every lease; what was started or finished is kept.
    private mutating func linkClosed(_ reason: String, _ actions: inout [SessionAction]) {
        guard phase != .detached else { return noteIgnored(unless: false) }
        guard comesBack, phase != .leaving else {
            return end(phase == .leaving ? .finished : .lost(reason), &actions)
        }
        phase = .detached
        isAgain = true
        dropWaiting(&actions)
        for row in queuedRows { keep(row.perturbation, row.bytes, &actions) }
        queuedRows.removeAll()
        for (perturbation, bytes) in sending.sorted(by: { $0.key < $1.key }) {
            keep(perturbation, bytes, &actions)
        }
        sending.removeAll()
        for perturbation in running.keys {
            running[perturbation]?.lease = nil
            running[perturbation]?.isSolo = false
            running[perturbation]?.isOnShelf = false
        }
        shelf.dropAll()
        actions.append(.reconnect(reason))
    }

    private mutating func leaveWhenDone(_ actions: inout [SessionAction]) {
        guard phase == .leaving, heldCount == 0 else { return }
        actions.append(.sendGoodbye(reason: leavingReason))
        end(.finished, &actions)
    }

    /// Leaves at once because the session cannot be of any use.
    private mutating func giveUp(_ reason: String, _ actions: inout [SessionAction]) {
        actions.append(.sendGoodbye(reason: reason))
        end(.lost(reason), &actions)
    }

    private mutating func end(_ exit: SessionExit, _ actions: inout [SessionAction]) {
        phase = .ended
        actions.append(.exit(exit))
    }

    mutating func noteIgnored(unless wasUseful: Bool) {
        ignoredEventCount += wasUseful ? 0 : 1
    }
}
