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
// Limits: a session is one connection. When the link closes the session is over, what it held is
// lost, and the coordinator has it fitted again elsewhere.

/// Decides what one worker does, from the coordinator's welcome to its leave.
package struct WorkerSession: ~Copyable {
    /// A unit granted to this worker.
    struct HeldUnit {
        let unit: LeasedUnit
        let lease: LeaseID
        let isSolo: Bool
    }

    /// A finished row that waits for credit.
    struct QueuedRow {
        let held: HeldUnit
        let bytes: UInt64
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
    var sending: [PerturbationIndex: HeldUnit] = [:]
    var leavingReason = ""

    /// Makes a session that waits for the coordinator's welcome.
    ///
    /// - Parameters:
    ///   - threads: Fits at once, at least 1, until ``SessionEvent/mayFitAtOnce(_:)`` says otherwise.
    ///   - prefetchBytes: The most bytes of resources on the way or waiting for a fit; one
    ///     resource may exceed it.
    package init(threads: Int, prefetchBytes: UInt64) {
        fitsAtOnce = max(1, threads)
        shelf = ResourceShelf(limit: prefetchBytes, triesPerResource: Self.triesPerResource)
    }

    /// Perturbations being fitted, ascending; for the heartbeat.
    package var runningPerturbations: [PerturbationIndex] { running.keys.sorted() }

    /// Units granted and not yet answered completely.
    package var heldCount: Int {
        waiting.count + running.count + queuedRows.count + sending.count
    }

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
        case .welcomed(let resources, let rowCreditBytes):
            welcomed(resources, rowCreditBytes)
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
            guard let held = endFit(perturbation, &actions) else { return }
            queuedRows.append(QueuedRow(held: held, bytes: rowBytes))
        case .fitThrew(let perturbation, let reason):
            guard let held = endFit(perturbation, &actions) else { return }
            actions.append(.sendFitFailed(held.lease, perturbation, reason: reason))
        case .rowSent(let perturbation):
            let wasSending = sending.removeValue(forKey: perturbation) != nil
            sentRowCount += wasSending ? 1 : 0
            noteIgnored(unless: wasSending)
        case .creditReturned(let bytes):
            credit.giveBack(bytes)
        case .finishRequested:
            leave("the coordinator has no more work", &actions)
        case .terminateRequested:
            leave("the worker was asked to stop", &actions)
        case .linkClosed(let reason):
            end(phase == .leaving ? .finished : .lost(reason), &actions)
        }
    }

    private mutating func welcomed(_ resources: [ResourceDemand], _ rowCreditBytes: UInt64) {
        guard phase == .greeting else {
            ignoredEventCount += 1
            return
        }
        phase = .working
        credit = RowCredit(limit: rowCreditBytes)
        for resource in resources {
            shelf.wantCommon(resource)
        }
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
                guard !holds(unit.perturbation) else {
                    ignoredEventCount += 1
                    continue
                }
                waiting.append(HeldUnit(unit: unit, lease: lease, isSolo: solo))
                shelf.wantBlock(unit.block)
            }
        case .leaving, .ended:
            // The goodbye gives these back with all the rest.
            ignoredEventCount += 1
        }
    }

    private func holds(_ perturbation: PerturbationIndex) -> Bool {
        running[perturbation] != nil || sending[perturbation] != nil
            || waiting.contains { $0.unit.perturbation == perturbation }
            || queuedRows.contains { $0.held.unit.perturbation == perturbation }
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
            actions.append(.sendFitFailed(held.lease, perturbation, reason: reason))
            giveBack(name, &actions)
        }
        waiting.removeAll { $0.unit.block.name == name }
    }

    private mutating func endFit(
        _ perturbation: PerturbationIndex,
        _ actions: inout [SessionAction]
    ) -> HeldUnit? {
        guard let held = running.removeValue(forKey: perturbation) else {
            ignoredEventCount += 1
            return nil
        }
        giveBack(held.unit.block.name, &actions)
        return held
    }

    private mutating func giveBack(_ block: String, _ actions: inout [SessionAction]) {
        if shelf.giveBack(block) {
            actions.append(.release(block))
        }
    }

    private mutating func sendRows(_ actions: inout [SessionAction]) {
        guard phase == .working || phase == .leaving else { return }
        while let row = queuedRows.first, credit.take(row.bytes) {
            queuedRows.removeFirst()
            let perturbation = row.held.unit.perturbation
            sending[perturbation] = row.held
            actions.append(.sendRow(perturbation, lease: row.held.lease))
        }
    }

    private mutating func startFits(_ actions: inout [SessionAction]) {
        guard phase == .working, shelf.isCommonComplete else { return }
        while running.count < fitsAtOnce, queuedRows.count < fitsAtOnce,
            let position = waiting.firstIndex(where: { shelf.isReady($0.unit.block.name) })
        {
            let held = waiting[position]
            let isSoloRunning = running.values.contains { $0.isSolo }
            guard running.isEmpty || (!held.isSolo && !isSoloRunning) else { return }
            waiting.remove(at: position)
            let perturbation = held.unit.perturbation
            let block = held.unit.block.name
            running[perturbation] = held
            shelf.use(block)
            actions.append(.sendStarted(held.lease, perturbation))
            actions.append(.startFit(perturbation, lease: held.lease, block: block))
        }
    }

    private mutating func fetchMore(_ actions: inout [SessionAction]) {
        guard phase == .working else { return }
        while let demand = shelf.nextFetch() {
            actions.append(.fetch(demand))
        }
    }

    /// Stops taking on work; what is being fitted is finished and sent first.
    private mutating func leave(_ reason: String, _ actions: inout [SessionAction]) {
        guard phase != .leaving else {
            ignoredEventCount += 1
            return
        }
        phase = .leaving
        leavingReason = reason
        shelf.stopFetching()
        for held in waiting {
            giveBack(held.unit.block.name, &actions)
        }
        waiting.removeAll()
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

    private mutating func noteIgnored(unless wasUseful: Bool) {
        ignoredEventCount += wasUseful ? 0 : 1
    }
}
