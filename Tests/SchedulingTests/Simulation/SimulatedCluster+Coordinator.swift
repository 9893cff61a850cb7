import Digests
import Scheduling

extension SimulatedCluster {
    func startCoordinator() {
        epoch += 1
        judge.coordinatorRestarted()
        scheduler = LeaseScheduler(
            units: plan.units,
            alreadyDone: judge.durable,
            policy: SchedulingPolicy()
        )
        agenda.plan(.coordinatorTimer(epoch: epoch), at: now)
        agenda.plan(.commit(epoch: epoch), at: later(2))
    }

    /// The coordinator's process ends: links break, and what was not committed is gone.
    func stopCoordinator() {
        guard scheduler != nil else { return }
        scheduler = nil
        uncommitted = []
        for worker in workers.keys.sorted() { closeLink(worker) }
        agenda.plan(.coordinatorStarts, at: later(random.seconds(0.1...20)))
    }

    func coordinatorReceives(_ message: SimulatedMessage, from worker: WorkerID) {
        guard scheduler != nil else { return }
        if case .hello = message { workers[worker]?.epoch = epoch }
        // A link of an earlier coordinator ended with it.
        guard workers[worker]?.epoch == epoch else { return }
        switch message {
        case .hello(let machine):
            judge.joined(worker, host: machine.host)
            let welcome = SessionEvent.welcomed(
                resources: commonResources,
                rowCreditBytes: plan.rowCreditBytes
            )
            send(.toSession(welcome), to: worker)
            let joined = SchedulerEvent.workerJoined(
                worker,
                threads: machine.threads,
                memoryBytes: machine.memoryBytes,
                host: machine.host
            )
            tell(joined)
        case .fetch(let demand):
            tell(.heard(worker))
            sendResource(demand, to: worker)
        case .toScheduler(let event):
            tell(event)
        case .toSession, .aliveToWorker:
            judge.complain("a message for a worker reached the coordinator")
        }
    }

    func coordinatorTimer(_ epoch: Int) {
        guard epoch == self.epoch, scheduler != nil else { return }
        tell(.tick)
        for worker in workers.keys.sorted() where workers[worker]?.isRunning == true {
            send(.aliveToWorker, to: worker)
        }
        if !isSettled {
            agenda.plan(.coordinatorTimer(epoch: epoch), at: later(5))
        }
    }

    func commit(_ epoch: Int) {
        guard epoch == self.epoch, scheduler != nil else { return }
        let batch = uncommitted
        uncommitted = []
        for (_, worker) in batch {
            send(.toSession(.creditReturned(Self.rowBytes)), to: worker)
        }
        tell(.rowsDurable(batch.map(\.perturbation)))
        if !isSettled {
            agenda.plan(.commit(epoch: epoch), at: later(2))
        }
    }

    /// Hands an event to the scheduler, checks it, and carries out what it decides.
    func tell(_ event: SchedulerEvent) {
        guard scheduler != nil else { return }
        eventCount += 1
        judge.observed(event)
        let actions = scheduler?.handle(event, now: Instant(nanoseconds: now)) ?? []
        for violation in scheduler?.checkInvariants() ?? [] {
            judge.complain("after \(event): \(violation)")
        }
        for action in actions {
            note("  \(action)")
            judge.decided(action)
            carryOut(action, for: event)
        }
    }

    private func carryOut(_ action: SchedulerAction, for event: SchedulerEvent) {
        switch action {
        case .grant(let worker, let lease):
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
        case .write(let perturbation, let worker, _):
            uncommitted.append((perturbation, worker))
        case .discard:
            guard case .rowArrived(let worker, _, _, _) = event else { return }
            send(.toSession(.creditReturned(Self.rowBytes)), to: worker)
        case .markFailed, .markQuarantined, .revoke, .cancel, .answerOffer, .endProcess:
            break
        case .closeWorker(let worker, _):
            send(.toSession(.linkClosed("closed by the coordinator")), to: worker)
        case .finishWorkers:
            for worker in workers.keys.sorted() where workers[worker]?.isRunning == true {
                send(.toSession(.finishRequested), to: worker)
            }
        case .stop(.drained):
            stopCoordinator()
        case .stop(let reason):
            judge.complain("the run was stopped: \(reason)")
        case .settled:
            isSettled = true
            settledSeconds = Double(now) / 1e9
            agenda.plan(.linksClosed, at: later(10))
        }
    }

    private func sendResource(_ demand: ResourceDemand, to id: WorkerID) {
        guard let worker = workers[id] else { return }
        let isDamaged =
            random.chance(plan.damage) && worker.damagedBefore.insert(demand.name).inserted
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
        guard let worker = workers[id], worker.carriesToWorker else { return }
        let arrival = later(seconds + random.seconds(0...plan.maximumDelay))
        worker.lastArrivalAtWorker = max(
            arrival,
            worker.lastArrivalAtWorker + 1,
            worker.stalledUntil
        )
        agenda.plan(.arrivesAtWorker(id, message), at: worker.lastArrivalAtWorker)
    }
}
