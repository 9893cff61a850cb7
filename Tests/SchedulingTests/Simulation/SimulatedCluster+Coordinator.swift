import Digests
import Scheduling

extension SimulatedCluster {
    func startCoordinator() {
        epoch += 1
        judge.coordinatorRestarted(disk: disk)
        var policy = SchedulingPolicy()
        policy.fitTimeout = .seconds(600)
        scheduler = LeaseScheduler(
            units: plan.units,
            alreadyDone: disk,
            policy: mutant?.policy(policy) ?? policy
        )
        agenda.plan(.coordinatorTimer(epoch: epoch), at: now)
        agenda.plan(.commit(epoch: epoch), at: later(2))
    }

    /// The coordinator's process ends: links break, and what was not committed is gone.
    func stopCoordinator() {
        guard scheduler != nil else { return }
        scheduler = nil
        if mutant == .journalBeforeRows { disk.formUnion(uncommitted.map(\.perturbation)) }
        uncommitted = []
        keepers = [:]
        for link in links.keys.sorted() where links[link]?.epoch == epoch { closeLink(link) }
        agenda.plan(.coordinatorStarts, at: later(random.seconds(0.1...20)))
    }

    func coordinatorReceives(_ message: SimulatedMessage, from id: WorkerID) {
        // A link of an earlier coordinator ended with it.
        guard scheduler != nil, let link = links[id], link.epoch == epoch else { return }
        switch message {
        case .hello(let machine, let identity):
            greet(id, machine, identity)
        case .fetch(let demand):
            tell(.heard(id))
            sendResource(demand, to: id)
        case .toScheduler(let event):
            if case .rowArrived = event { link.rowsReceived += 1 }
            if case .returned(_, _, let units) = event { tally.returnedUnits += units.count }
            tell(event)
        case .toSession, .aliveToWorker, .endProcess:
            judge.complain("a message for a worker reached the coordinator")
        }
    }

    private func greet(
        _ id: WorkerID,
        _ machine: SimulatedMachine,
        _ identity: WorkerIdentity
    ) {
        judge.joined(id, host: machine.host, identity)
        let welcome = SessionEvent.welcomed(
            resources: commonResources,
            rowCreditBytes: plan.rowCreditBytes
        )
        send(.toSession(welcome), to: id)
        tell(
            .workerJoined(
                id,
                threads: machine.threads,
                memoryBytes: machine.memoryBytes,
                host: machine.host,
                identity: identity
            )
        )
        judge.checkSessions(of: identity.process)
    }

    func coordinatorTimer(_ epoch: Int) {
        guard epoch == self.epoch, scheduler != nil else { return }
        tell(.tick)
        for (id, link) in links.sorted(by: { $0.key < $1.key })
        where link.epoch == epoch && link.process.link == id && link.process.isRunning {
            send(.aliveToWorker, to: id)
        }
        if !isSettled {
            agenda.plan(.coordinatorTimer(epoch: epoch), at: later(5))
        }
    }

    func commit(_ epoch: Int) {
        guard epoch == self.epoch, scheduler != nil else { return }
        let batch = uncommitted
        if diskFailsNext, !batch.isEmpty {
            diskFails(batch)
            return
        }
        uncommitted = []
        disk.formUnion(batch.map(\.perturbation))
        judge.saved(batch.map(\.perturbation))
        for (perturbation, worker) in batch {
            // What is saved was written before.
            while links[worker].map({ $0.creditsDue > 0 }) ?? false {
                returnCredit(worker, ofWrite: true)
            }
            for keeper in [worker] + (keepers.removeValue(forKey: perturbation) ?? []) {
                sendDurable([perturbation], to: keeper)
            }
        }
        tell(.rowsDurable(batch.map(\.perturbation)))
        if !isSettled {
            agenda.plan(.commit(epoch: epoch), at: later(2))
        }
    }

    /// A commit fails half way: some rows are on the disk, none may be called durable.
    private func diskFails(_ batch: [(perturbation: PerturbationIndex, worker: WorkerID)]) {
        diskFailsNext = false
        tally.diskErrors += 1
        let saved = batch.prefix(Int.random(in: 0...batch.count, using: &random))
        disk.formUnion(saved.map(\.perturbation))
        judge.saved(saved.map(\.perturbation))
        if mutant == .failedCommitReported {
            for (perturbation, worker) in batch { sendDurable([perturbation], to: worker) }
        }
        for (id, link) in links.sorted(by: { $0.key < $1.key }) where link.epoch == epoch {
            send(.toSession(.finishRequested), to: id)
        }
        stopCoordinator()
    }

    func sendDurable(_ perturbations: [PerturbationIndex], to id: WorkerID) {
        judge.toldDurable(perturbations)
        send(.toSession(.rowsDurable(perturbations)), to: id)
    }

    func returnCredit(_ id: WorkerID, ofWrite: Bool = false) {
        guard let link = links[id] else { return }
        if ofWrite {
            guard link.creditsDue > 0 else { return }
            link.creditsDue -= 1
        }
        link.creditsReturned += 1
        send(.toSession(.creditReturned(Self.rowBytes)), to: id)
    }

    /// Hands an event to the scheduler, checks it, and carries out what it decides.
    func tell(_ event: SchedulerEvent) {
        guard scheduler != nil else { return }
        tally.events += 1
        judge.observed(event)
        let told = mutant.map { $0.events(event, in: self) } ?? [event]
        var actions: [SchedulerAction] = []
        for event in told {
            actions += scheduler?.handle(event, now: Instant(nanoseconds: now)) ?? []
        }
        for violation in scheduler?.checkInvariants() ?? [] {
            judge.complain("after \(event): \(violation)")
        }
        if let mutant { actions = mutant.actions(actions, in: self) }
        for action in actions {
            note("  \(action)")
            judge.decided(action, after: event)
            carryOut(action, for: event)
        }
        judge.checkAccepted(event)
    }

    private func carryOut(_ action: SchedulerAction, for event: SchedulerEvent) {
        switch action {
        case .grant(let worker, let lease):
            grant(lease, to: worker)
        case .write(let perturbation, let worker, _):
            write(perturbation, from: worker)
        case .discard:
            guard case .rowArrived(let worker, _, _, _) = event else { return }
            if mutant != .creditLeak { returnCredit(worker) }
        case .revoke(let worker, let lease, let perturbations):
            tally.revokedUnits += perturbations.count
            send(.toSession(.revoked(lease, perturbations)), to: worker)
        case .cancel(let worker, let lease, let perturbation):
            tally.cancels += 1
            send(.toSession(.cancelled(lease, perturbation)), to: worker)
        case .answerOffer(let worker, let verdict):
            answer(verdict, to: worker)
        case .endProcess(let worker, _, _):
            tally.endedProcesses += 1
            send(.endProcess, to: worker)
        case .markFailed, .markQuarantined:
            break
        case .closeWorker(let worker, let reason):
            if reason == .superseded { tally.supersededSessions += 1 }
            closeLink(worker)
        case .finishWorkers:
            for (id, link) in links.sorted(by: { $0.key < $1.key }) where link.epoch == epoch {
                send(.toSession(.finishRequested), to: id)
            }
        case .stop(let reason):
            stopped(reason)
        case .settled:
            judge.checkCredit(links.values.filter { $0.epoch == epoch })
            endRun()
        }
    }

    private func grant(_ lease: GrantedLease, to worker: WorkerID) {
        tally.copies += lease.isCopy ? 1 : 0
        let units = lease.perturbations.map { perturbation in
            LeasedUnit(
                perturbation: perturbation,
                block: ResourceDemand(
                    name: "block \(perturbation.rawValue)",
                    bytes: plan.units[Int(perturbation.rawValue)].blockBytes,
                    digest: RowDigest(high: 0, low: 0)
                )
            )
        }
        let message = SessionEvent.leaseGranted(lease.lease, solo: lease.solo, units: units)
        send(.toSession(message), to: worker)
    }

    private func write(_ perturbation: PerturbationIndex, from worker: WorkerID) {
        uncommitted.append((perturbation, worker))
        links[worker]?.creditsDue += 1
        if mutant == .durableBeforeSaved { sendDurable([perturbation], to: worker) }
        agenda.plan(.rowWritten(worker, epoch: epoch), at: later(random.seconds(0.01...1)))
    }

    private func answer(_ verdict: OfferVerdict, to worker: WorkerID) {
        tally.rowsTakenAgain += verdict.wanted.count
        if !verdict.durable.isEmpty { sendDurable(verdict.durable, to: worker) }
        for perturbation in verdict.kept { keepers[perturbation, default: []].append(worker) }
        let answer = SessionEvent.offerAnswered(
            verdict.lease ?? LeaseID(0),
            wanted: verdict.wanted,
            unneeded: verdict.unneeded
        )
        send(.toSession(answer), to: worker)
    }

    private func stopped(_ reason: StopReason) {
        switch reason {
        case .drained:
            stopCoordinator()
        case .commonFailure:
            tally.stopsForFailure += 1
            judge.stoppedForFailure()
            for (id, link) in links.sorted(by: { $0.key < $1.key }) where link.epoch == epoch {
                send(.toSession(.finishRequested), to: id)
            }
            endRun()
        case .tooManyDeaths, .noWorkers:
            judge.complain("the run was stopped: \(reason)")
        }
    }

    private func endRun() {
        isSettled = true
        settledSeconds = Double(now) / 1e9
        agenda.plan(.linksClosed, at: later(10))
    }

    private func sendResource(_ demand: ResourceDemand, to id: WorkerID) {
        guard let link = links[id] else { return }
        let isDamaged =
            random.chance(plan.damage) && link.damagedBefore.insert(demand.name).inserted
        let event: SessionEvent =
            isDamaged ? .resourceDamaged(demand.name) : .resourceComplete(demand.name)
        send(.toSession(event), to: id, after: Double(demand.bytes) / 50_000)
    }

    private var commonResources: [ResourceDemand] {
        ["cache", "size factors"].map {
            ResourceDemand(name: $0, bytes: 5000, digest: RowDigest(high: 0, low: 0))
        }
    }

    /// Sends to a worker: in order, with a delay, and perhaps into a hole.
    func send(_ message: SimulatedMessage, to id: WorkerID, after seconds: Double = 0) {
        guard let link = links[id], link.carriesToWorker else { return }
        let arrival = later(seconds + random.seconds(0...plan.maximumDelay))
        link.lastArrivalAtWorker = max(
            arrival,
            link.lastArrivalAtWorker + 1,
            link.stalledUntil
        )
        agenda.plan(.arrivesAtWorker(id, message), at: link.lastArrivalAtWorker)
    }
}
