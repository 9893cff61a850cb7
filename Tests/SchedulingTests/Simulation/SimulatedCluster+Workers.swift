import Digests
import Scheduling

extension SimulatedCluster {
    func startWorker(on machine: Int) {
        guard !isSettled else { return }
        guard scheduler != nil else {
            agenda.plan(.machineStarts(machine), at: later(1))
            return
        }
        lastSession += 1
        let id = WorkerID(lastSession)
        let description = plan.machines[machine]
        workers[id] = SimulatedWorker(machine: machine, threads: description.threads, now: now)
        sendToCoordinator(.hello(description), from: id)
        agenda.plan(.workerTimer(id), at: later(5))
    }

    func workerReceives(_ message: SimulatedMessage, _ id: WorkerID) {
        guard let worker = workers[id], worker.isRunning else { return }
        worker.lastHeard = now
        if case .toSession(let event) = message {
            tell(id, event)
        }
    }

    func workerTimer(_ id: WorkerID) {
        guard let worker = workers[id], worker.isRunning else { return }
        sendToCoordinator(.toScheduler(.heard(id)), from: id)
        agenda.plan(.workerTimer(id), at: later(5))
        if now - worker.lastHeard > 60 * Self.second {
            tell(id, .linkClosed("nothing was heard from the coordinator"))
        }
    }

    /// Hands an event to a worker's session and carries out what it decides.
    func tell(_ id: WorkerID, _ event: SessionEvent) {
        guard let worker = workers[id], worker.isRunning else { return }
        let actions = worker.session.handle(event)
        for violation in worker.session.checkInvariants() {
            judge.complain("\(id), after \(event): \(violation)")
        }
        for action in actions {
            note("  \(id): \(action)")
            carryOut(action, id, worker)
        }
    }

    private func carryOut(_ action: SessionAction, _ id: WorkerID, _ worker: SimulatedWorker) {
        switch action {
        case .fetch(let demand):
            sendToCoordinator(.fetch(demand), from: id)
        case .release, .forgetRow, .sendReturned, .offerRows, .reconnect:
            break
        case .sendStarted(let lease, let perturbation):
            sendToCoordinator(.toScheduler(.started(id, lease, perturbation)), from: id)
        case .startFit(let perturbation, _, _):
            startFit(id, worker, perturbation)
        case .sendRow(let perturbation, let lease):
            let digest = RowDigest(high: 7, low: UInt64(perturbation.rawValue))
            let row = SchedulerEvent.rowArrived(id, lease, perturbation, digest: digest)
            sendToCoordinator(.toScheduler(row), from: id)
            tell(id, .rowSent(perturbation))
        case .sendFitFailed(let lease, let perturbation, let reason):
            let report = SchedulerEvent.fitFailed(id, lease, perturbation, reason: reason)
            sendToCoordinator(.toScheduler(report), from: id)
        case .sendGoodbye:
            sendToCoordinator(.toScheduler(.workerLeft(id, .goodbye)), from: id)
        case .exit:
            processEnds(id, .networkLost)
        }
    }

    private func startFit(_ id: WorkerID, _ worker: SimulatedWorker, _ unit: PerturbationIndex) {
        let index = Int(unit.rawValue)
        let machine = plan.machines[worker.machine]
        if worker.fits.count >= machine.threads {
            judge.complain("\(id) fits more than it has threads")
        }
        worker.fits.insert(unit)
        let duration = plan.units[index].cost / machine.speed
        switch plan.natures[index] {
        case .killsProcess:
            let end = later(duration * random.seconds(0...1))
            agenda.plan(.processDies(id, .processDied("killed by signal 11")), at: end)
        case .killsMachine:
            let end = later(duration * random.seconds(0...1))
            agenda.plan(.processDies(id, .networkLost), at: end)
        case .sound, .alwaysFails, .failsOnMachine:
            agenda.plan(.fitEnds(id, unit), at: later(duration))
        }
    }

    func fitEnds(_ id: WorkerID, _ perturbation: PerturbationIndex) {
        guard let worker = workers[id], worker.isRunning else { return }
        worker.fits.remove(perturbation)
        switch plan.natures[Int(perturbation.rawValue)] {
        case .alwaysFails, .failsOnMachine(worker.machine):
            tell(id, .fitThrew(perturbation, reason: "the fit did not converge"))
        case .sound, .killsProcess, .killsMachine, .failsOnMachine:
            tell(id, .fitFinished(perturbation, rowBytes: Self.rowBytes))
        }
    }

    /// The process is gone; the coordinator learns of it behind everything already sent.
    func processEnds(_ id: WorkerID, _ departure: Departure) {
        guard let worker = workers[id], worker.isRunning else { return }
        worker.isRunning = false
        sendToCoordinator(.toScheduler(.workerLeft(id, departure)), from: id)
        agenda.plan(.machineStarts(worker.machine), at: later(random.seconds(0.5...3)))
    }

    /// The coordinator's end of the link closes.
    func closeLink(_ id: WorkerID) {
        send(.toSession(.linkClosed("closed")), to: id)
    }

    /// Sends to the coordinator: in order, with a delay, perhaps twice, perhaps into a hole.
    func sendToCoordinator(_ message: SimulatedMessage, from id: WorkerID) {
        guard let worker = workers[id], worker.carriesToCoordinator else { return }
        let arrival = later(random.seconds(0...plan.maximumDelay))
        worker.lastArrivalAtCoordinator = max(
            arrival,
            worker.lastArrivalAtCoordinator + 1,
            worker.stalledUntil
        )
        agenda.plan(.arrivesAtCoordinator(id, message), at: worker.lastArrivalAtCoordinator)
        guard case .toScheduler(let event) = message, isReport(event),
            random.chance(plan.duplication)
        else { return }
        let again = worker.lastArrivalAtCoordinator + UInt64(random.seconds(0...10) * 1e9)
        agenda.plan(.arrivesAtCoordinator(id, message), at: again)
    }

    private func isReport(_ event: SchedulerEvent) -> Bool {
        switch event {
        case .started, .rowArrived, .fitFailed: true
        default: false
        }
    }
}
