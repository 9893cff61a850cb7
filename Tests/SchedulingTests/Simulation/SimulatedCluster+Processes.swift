import Digests
import Scheduling

extension SimulatedCluster {
    func startProcess(on machine: Int) {
        guard !isSettled else { return }
        let number = processes.count
        let threads = plan.machines[machine].threads
        let process = SimulatedProcess(number: number, machine: machine, threads: threads)
        process.patience = later(900)
        processes[number] = process
        connect(number)
    }

    /// A process that has no connection tries to get one.
    func connect(_ number: Int) {
        guard let process = processes[number], process.isRunning, process.link == nil else {
            return
        }
        guard scheduler != nil, !isSettled else {
            // A run that is over has nobody who would answer.
            if isSettled || now > process.patience { return processEnds(process, .networkLost) }
            agenda.plan(.connects(number), at: later(1))
            return
        }
        lastLink += 1
        let id = WorkerID(lastLink)
        links[id] = SimulatedLink(process: process, epoch: epoch, now: now)
        let isAgain = process.session.phase == .detached
        if isAgain { process.incarnation += 1 }
        process.link = id
        sendToCoordinator(.hello(plan.machines[process.machine], process.identity), over: id)
        agenda.plan(.workerTimer(id), at: later(5))
        if isAgain { tell(process, .reconnected) }
    }

    func workerReceives(_ message: SimulatedMessage, _ id: WorkerID) {
        guard let link = links[id], link.process.isRunning, link.process.link == id else { return }
        link.lastHeard = now
        switch message {
        case .toSession(let event): tell(link.process, event)
        case .endProcess: processEnds(link.process, .processDied("ended as asked"))
        default: break
        }
    }

    func workerTimer(_ id: WorkerID) {
        guard let link = links[id], link.process.isRunning, link.process.link == id else { return }
        sendToCoordinator(.toScheduler(.heard(id)), over: id)
        agenda.plan(.workerTimer(id), at: later(5))
        if now - link.lastHeard > 60 * Self.second {
            tell(link.process, .linkClosed("nothing was heard from the coordinator"))
        }
    }

    /// Hands an event to a process's session and carries out what it decides.
    func tell(_ process: SimulatedProcess, _ event: SessionEvent) {
        guard process.isRunning else { return }
        note("  process \(process.number) <- \(event)")
        let actions = process.session.handle(event)
        for violation in process.session.checkInvariants() {
            judge.complain("process \(process.number), after \(event): \(violation)")
        }
        for action in actions {
            note("  process \(process.number): \(action)")
            carryOut(action, process)
        }
    }

    private func carryOut(_ action: SessionAction, _ process: SimulatedProcess) {
        switch action {
        case .fetch(let demand): send(process, .fetch(demand))
        case .release: break
        case .sendStarted(let lease, let perturbation):
            report(process) { .started($0, lease, perturbation) }
        case .startFit(let perturbation, _, _): startFit(process, perturbation)
        case .sendRow(let perturbation, let lease):
            if !process.rows.contains(perturbation) {
                judge.complain("process \(process.number) sends a row that it has forgotten")
            }
            let digest = rowDigest(perturbation)
            report(process) { .rowArrived($0, lease, perturbation, digest: digest) }
            tell(process, .rowSent(perturbation))
        case .forgetRow(let perturbation): process.rows.remove(perturbation)
        case .sendReturned(let lease, let perturbations):
            report(process) { .returned($0, lease, perturbations) }
        case .offerRows(let kept, let running):
            if kept.contains(where: { !process.rows.contains($0) }) {
                judge.complain("process \(process.number) offers a row that it has forgotten")
            }
            let finished = kept.map { OfferedUnit(perturbation: $0, digest: rowDigest($0)) }
            let unfinished = running.map { OfferedUnit(perturbation: $0, digest: nil) }
            report(process) { .rowsOffered($0, finished + unfinished) }
        case .reconnect:
            process.link = nil
            process.patience = later(900)
            agenda.plan(.connects(process.number), at: later(random.seconds(0.5...4)))
        case .sendFitFailed(let lease, let perturbation, let reason):
            report(process) { .fitFailed($0, lease, perturbation, reason: reason) }
        case .sendGoodbye:
            report(process) { .workerLeft($0, .goodbye) }
        case .exit:
            processEnds(process, .networkLost)
        }
    }

    private func send(_ process: SimulatedProcess, _ message: SimulatedMessage) {
        guard let link = process.link else {
            judge.complain("process \(process.number) sends \(message) without a link")
            return
        }
        sendToCoordinator(message, over: link)
    }

    private func report(_ process: SimulatedProcess, _ event: (WorkerID) -> SchedulerEvent) {
        guard let link = process.link else {
            judge.complain("process \(process.number) has a report and no link")
            return
        }
        sendToCoordinator(.toScheduler(event(link)), over: link)
    }

    /// The bytes of a row are the same whoever fits it.
    func rowDigest(_ perturbation: PerturbationIndex) -> RowDigest {
        RowDigest(high: 7, low: UInt64(perturbation.rawValue))
    }

    private func startFit(_ process: SimulatedProcess, _ unit: PerturbationIndex) {
        let index = Int(unit.rawValue)
        let machine = plan.machines[process.machine]
        if process.fits.count >= machine.threads {
            judge.complain("process \(process.number) fits more than it has threads")
        }
        process.fits.insert(unit)
        let slowness = slowness[process.machine] ?? 1
        let duration = plan.units[index].cost / machine.speed * slowness
        switch plan.natures[index] {
        case .killsProcess:
            let end = later(duration * random.seconds(0...1))
            agenda.plan(.processDies(process.number, .processDied("killed by signal 11")), at: end)
        case .killsMachine:
            agenda.plan(.hostDies(machine.host), at: later(duration * random.seconds(0...1)))
        case .hangs, .hangsOnMachine(process.machine): break
        case .sound, .alwaysFails, .failsOnMachine, .hangsOnMachine:
            agenda.plan(.fitEnds(process.number, unit), at: later(duration))
        }
    }

    func fitEnds(_ number: Int, _ perturbation: PerturbationIndex) {
        guard let process = processes[number], process.isRunning else { return }
        process.fits.remove(perturbation)
        switch plan.natures[Int(perturbation.rawValue)] {
        case .alwaysFails, .failsOnMachine(process.machine):
            tell(process, .fitThrew(perturbation, reason: "the fit did not converge"))
        default:
            process.rows.insert(perturbation)
            tell(process, .fitFinished(perturbation, rowBytes: Self.rowBytes))
        }
    }

    /// Every process of a machine is gone, and the machine comes back.
    func hostDies(_ host: String) {
        for process in processes.values.sorted(by: { $0.number < $1.number })
        where process.isRunning && plan.machines[process.machine].host == host {
            processEnds(process, .networkLost, noticedAfter: random.seconds(0...3))
        }
    }

    /// The process is gone; the coordinator learns of it behind everything already sent.
    func processEnds(
        _ process: SimulatedProcess,
        _ departure: Departure,
        noticedAfter seconds: Double = 0
    ) {
        guard process.isRunning else { return }
        process.isRunning = false
        if let link = process.link {
            let left = SchedulerEvent.workerLeft(link, departure)
            sendToCoordinator(.toScheduler(left), over: link, after: seconds)
        }
        agenda.plan(.machineStarts(process.machine), at: later(seconds + random.seconds(0.5...3)))
    }

    /// The coordinator's end of a link closes.
    func closeLink(_ id: WorkerID) {
        send(.toSession(.linkClosed("closed")), to: id)
    }

    /// Sends to the coordinator: in order, with a delay, perhaps twice, perhaps into a hole.
    func sendToCoordinator(
        _ message: SimulatedMessage,
        over id: WorkerID,
        after seconds: Double = 0
    ) {
        guard let link = links[id], link.carriesToCoordinator else { return }
        let arrival = later(seconds + random.seconds(0...plan.maximumDelay))
        link.lastArrivalAtCoordinator = max(
            arrival,
            link.lastArrivalAtCoordinator + 1,
            link.stalledUntil
        )
        agenda.plan(.arrivesAtCoordinator(id, message), at: link.lastArrivalAtCoordinator)
        guard case .toScheduler(let event) = message, isReport(event),
            random.chance(plan.duplication)
        else { return }
        let again = link.lastArrivalAtCoordinator + UInt64(random.seconds(0...10) * 1e9)
        agenda.plan(.arrivesAtCoordinator(id, message), at: again)
    }

    private func isReport(_ event: SchedulerEvent) -> Bool {
        switch event {
        case .started, .rowArrived, .fitFailed, .returned: true
        default: false
        }
    }
}
