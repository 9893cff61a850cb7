import Digests
import Scheduling

/// Keeps its own account of a run, from the messages alone, and compares the scheduler with it.
struct Judge {
    /// A unit that a session has not answered.
    struct Debt {
        let lease: LeaseID
        var isStarted = false
        /// Whether its row is not wanted any more.
        var isCancelled = false
    }

    /// What a live session was granted and has not answered.
    struct Session {
        let host: String
        let process: Digest128
        let joined: UInt64
        let incarnation: UInt32
        var owed: [PerturbationIndex: Debt] = [:]
        var solo: PerturbationIndex?
    }

    let plan: SimulationPlan
    var now: UInt64 = 0
    var isDraining = false
    private(set) var problems: [String] = []
    var sessions: [WorkerID: Session] = [:]
    var blame = BlameAccount()
    private(set) var everGranted: Set<PerturbationIndex> = []
    private(set) var written: Set<PerturbationIndex> = []
    private(set) var durable: Set<PerturbationIndex> = []
    private(set) var failed: Set<PerturbationIndex> = []
    private(set) var quarantined: Set<PerturbationIndex> = []
    private var wasStopped = false

    init(plan: SimulationPlan) {
        self.plan = plan
    }

    mutating func complain(_ problem: String) {
        problems.append(problem)
    }

    /// The coordinator forgot everything that is not on the disk.
    mutating func coordinatorRestarted(disk: Set<PerturbationIndex>) {
        sessions = [:]
        everGranted = []
        written = disk
        failed = []
        quarantined = []
        blame = BlameAccount()
        isDraining = false
    }

    /// Rows are safe on the disk.
    mutating func saved(_ perturbations: [PerturbationIndex]) {
        durable.formUnion(perturbations)
    }

    /// A worker is told that rows are safe.
    mutating func toldDurable(_ perturbations: [PerturbationIndex]) {
        for perturbation in perturbations where !durable.contains(perturbation) {
            complain("\(perturbation) was called durable and is not on the disk")
        }
    }

    mutating func joined(_ worker: WorkerID, host: String, _ identity: WorkerIdentity) {
        let process = identity.process
        sessions[worker] = Session(
            host: host,
            process: process,
            joined: now,
            incarnation: identity.incarnation
        )
        let earlier = sessions.values.compactMap { $0.process == process ? $0.incarnation : nil }
        if identity.incarnation > 0, identity.incarnation >= earlier.max() ?? 0 {
            blame.pardon(process, keeping: failed.union(quarantined))
        }
    }

    /// A process has one session, whatever became of its connections.
    mutating func checkSessions(of process: Digest128) {
        if sessions.values.count(where: { $0.process == process }) > 1 {
            complain("two sessions of one process are served")
        }
    }

    // MARK: - What happens

    mutating func observed(_ event: SchedulerEvent) {
        switch event {
        case .started(let worker, let lease, let perturbation):
            if owes(worker, lease, perturbation) {
                sessions[worker]?.owed[perturbation]?.isStarted = true
            }
        case .rowArrived(let worker, let lease, let perturbation, _):
            answered(worker, lease, perturbation)
        case .fitFailed(let worker, let lease, let perturbation, _):
            if owes(worker, lease, perturbation), isOpen(perturbation) {
                blame.fitFailed(perturbation)
            }
            answered(worker, lease, perturbation)
        case .returned(let worker, let lease, let perturbations):
            for perturbation in perturbations { answered(worker, lease, perturbation) }
        case .workerLeft(let worker, let departure):
            left(worker, departure)
        case .rowsDurable, .workerJoined, .heard, .tick, .drain, .rowsOffered:
            break
        }
    }

    /// A valid row of an open perturbation is taken, whatever lease it comes from.
    mutating func checkAccepted(_ event: SchedulerEvent) {
        guard case .rowArrived(_, _, let perturbation, _) = event else { return }
        if everGranted.contains(perturbation), isOpen(perturbation) {
            complain("a row of \(perturbation) came and was not taken")
        }
    }

    func isOpen(_ perturbation: PerturbationIndex) -> Bool {
        !written.contains(perturbation) && !failed.contains(perturbation)
            && !quarantined.contains(perturbation)
    }

    private func owes(
        _ worker: WorkerID,
        _ lease: LeaseID,
        _ perturbation: PerturbationIndex
    ) -> Bool {
        sessions[worker]?.owed[perturbation]?.lease == lease
    }

    private mutating func answered(
        _ worker: WorkerID,
        _ lease: LeaseID,
        _ perturbation: PerturbationIndex
    ) {
        // What comes twice, or late, is about a lease that is closed.
        guard owes(worker, lease, perturbation) else { return }
        sessions[worker]?.owed[perturbation] = nil
        if sessions[worker]?.solo == perturbation { sessions[worker]?.solo = nil }
    }

    private mutating func left(_ worker: WorkerID, _ departure: Departure) {
        guard let session = sessions.removeValue(forKey: worker) else { return }
        // Units whose rows came from elsewhere may have ended the process, but get no blame.
        let started = session.owed.filter(\.value.isStarted).keys
        let open = started.filter { isOpen($0) && session.owed[$0]?.isCancelled == false }
        switch departure {
        case .processDied:
            blame.lost(
                open,
                .init(isDeath: true, startedCount: started.count, worker, session, now)
            )
        case .networkLost:
            blame.lost(
                open,
                .init(isDeath: false, startedCount: started.count, worker, session, now)
            )
        case .goodbye:
            break
        }
    }

    // MARK: - What is decided

    mutating func decided(_ action: SchedulerAction, after event: SchedulerEvent) {
        switch action {
        case .grant(let worker, let lease):
            granted(worker, lease)
        case .write(let perturbation, _, _):
            wrote(perturbation)
        case .discard(let perturbation, let reason, let sameDigest):
            if reason == .unknown && everGranted.contains(perturbation) {
                complain("a row of \(perturbation) was taken for an unknown one")
            }
            if reason == .duplicate && !(written.contains(perturbation) && sameDigest) {
                complain("a row of \(perturbation) was called a duplicate and is none")
            }
        case .markFailed(let perturbation, _, _):
            failed.insert(perturbation)
            if blame.failures(of: perturbation) < 2 || isSound(perturbation) {
                complain("\(perturbation) was failed without two failures")
            }
        case .markQuarantined(let perturbation, let reasons):
            judgeQuarantine(perturbation, reasons)
        case .revoke(let worker, _, let perturbations):
            for perturbation in perturbations
            where sessions[worker]?.owed[perturbation]?.isStarted != false {
                complain("\(perturbation) was asked of \(worker), who has not got it waiting")
            }
        case .cancel(let worker, _, let perturbation):
            sessions[worker]?.owed[perturbation]?.isCancelled = true
            // What was offered and is not wanted is cancelled too.
            if case .rowsOffered = event { return }
            if !written.contains(perturbation) && !isBeingWritten(perturbation, event) {
                complain("\(perturbation) was cancelled at \(worker) without a row")
            }
        case .answerOffer(let worker, let verdict):
            answeredOffer(worker, verdict, event)
        case .endProcess(let worker, _, let reason) where reason.contains("begun nothing"):
            stalled(worker)
        case .endProcess(let worker, let perturbation, _):
            ended(worker, perturbation)
        case .closeWorker(let worker, .silent):
            left(worker, .networkLost)
        case .closeWorker(let worker, .superseded), .closeWorker(let worker, .runIsEnding):
            sessions[worker] = nil
        case .finishWorkers, .stop, .settled:
            break
        }
    }

    /// The row that is to be written next is the one that the event brought.
    private func isBeingWritten(
        _ perturbation: PerturbationIndex,
        _ event: SchedulerEvent
    ) -> Bool {
        guard case .rowArrived(_, _, perturbation, _) = event else { return false }
        return true
    }

    private mutating func wrote(_ perturbation: PerturbationIndex) {
        if failed.contains(perturbation) || quarantined.contains(perturbation) {
            complain("\(perturbation) was written after it was given up")
        }
        if !written.insert(perturbation).inserted {
            complain("\(perturbation) was written twice")
        }
    }

    private mutating func granted(_ worker: WorkerID, _ lease: GrantedLease) {
        guard let session = sessions[worker] else {
            complain("\(lease.lease) went to \(worker), who is not there")
            return
        }
        if session.solo != nil {
            complain("\(lease.lease) went to \(worker), who has a unit that must run alone")
        }
        if lease.solo && !session.owed.isEmpty {
            complain("\(lease.lease) must run alone and \(worker) has other units")
        }
        if lease.solo { sessions[worker]?.solo = lease.perturbations.first }
        for perturbation in lease.perturbations {
            everGranted.insert(perturbation)
            checkGrant(perturbation, lease, to: session)
            sessions[worker]?.owed[perturbation] = Debt(lease: lease.lease)
        }
    }

    private mutating func checkGrant(
        _ perturbation: PerturbationIndex,
        _ lease: GrantedLease,
        to session: Session
    ) {
        if !isOpen(perturbation) {
            complain("\(perturbation) was granted after its fate was known")
        }
        let holders = sessions.values.compactMap { session in
            session.owed[perturbation].flatMap { $0.isCancelled ? nil : $0.isStarted }
        }
        if lease.isCopy ? holders != [true] : !holders.isEmpty {
            complain("\(perturbation) was granted while \(holders.count) have it")
        }
        if lease.isCopy { return }
        if !lease.solo && blame.mustRunAlone(perturbation) {
            complain("\(perturbation) is suspect and was not granted alone")
        }
        if lease.solo && !blame.mayRunAlone(perturbation) {
            complain("\(perturbation) is not suspect and was granted alone")
        }
        if let host = blame.strikeHost(of: perturbation), session.host == host,
            sessions.values.contains(where: { $0.host != host })
        {
            complain("\(perturbation) was retried on the machine where it was struck")
        }
    }

    private mutating func answeredOffer(
        _ worker: WorkerID,
        _ verdict: OfferVerdict,
        _ event: SchedulerEvent
    ) {
        guard case .rowsOffered(_, let offers) = event else { return }
        for perturbation in verdict.wanted {
            let isRunning = offers.contains {
                $0.perturbation == perturbation && $0.digest == nil
            }
            if !isOpen(perturbation) && !isRunning {
                complain("\(perturbation) was asked for and is not open")
            }
            everGranted.insert(perturbation)
            let lease = verdict.lease ?? LeaseID(0)
            sessions[worker]?.owed[perturbation] = Debt(lease: lease, isStarted: isRunning)
        }
        for perturbation in verdict.kept + verdict.durable
        where !written.contains(perturbation) {
            complain("\(perturbation) was not asked for and is not written")
        }
        for perturbation in verdict.durable where !durable.contains(perturbation) {
            complain("\(perturbation) was called durable and is not")
        }
    }

    private mutating func stalled(_ worker: WorkerID) {
        guard let session = sessions.removeValue(forKey: worker) else { return }
        if session.owed.isEmpty || session.owed.values.contains(where: \.isStarted) {
            complain("\(worker) was ended for doing nothing, which is not so")
        }
    }

    private mutating func ended(_ worker: WorkerID, _ perturbation: PerturbationIndex) {
        guard let session = sessions.removeValue(forKey: worker) else { return }
        if session.owed[perturbation]?.isStarted != true {
            complain("\(worker) was ended for \(perturbation), which it does not fit")
        }
        // Others may be over their limit too; the scheduler knows how long each has taken.
        blame.overran(worker, session, now)
    }

    // MARK: - Verdicts

    func isSound(_ perturbation: PerturbationIndex) -> Bool {
        switch plan.natures[Int(perturbation.rawValue)] {
        case .sound, .hangsOnMachine: true
        default: false
        }
    }

    private mutating func judgeQuarantine(_ perturbation: PerturbationIndex, _ reasons: [String]) {
        quarantined.insert(perturbation)
        guard !isDraining else { return }
        let timeLimits = reasons.count { $0.contains("time limit") }
        let strikes = blame.strikes(of: perturbation) + timeLimits
        let attempts = blame.attempts(of: perturbation) + timeLimits
        if strikes < 2 && attempts < 5 {
            complain("\(perturbation) was quarantined after \(strikes) strikes, \(attempts) losses")
        }
        if reasons.count != attempts {
            complain("\(perturbation) was quarantined with \(reasons.count) reasons of \(attempts)")
        }
        if plan.isCalm && isSound(perturbation) && timeLimits < 2 {
            complain("\(perturbation) is innocent and was quarantined")
        }
    }

    /// The run was stopped because too many perturbations failed in the same way.
    mutating func stoppedForFailure() {
        wasStopped = true
        if !plan.isHopeless { complain("the run was stopped for failures that are rare") }
    }

    /// Every row that came was paid for.
    mutating func checkCredit(_ links: [SimulatedLink]) {
        for link in links where link.creditsReturned < link.rowsReceived {
            complain("credit for \(link.rowsReceived - link.creditsReturned) rows leaked")
        }
    }

    /// The account at the end of a run.
    mutating func closeAccount(disk: Set<PerturbationIndex>) {
        if disk != durable { complain("the disk does not hold the rows that were saved") }
        guard !wasStopped else { return }
        for (index, nature) in plan.natures.enumerated() {
            let perturbation = PerturbationIndex(UInt32(index))
            let isDurable = durable.contains(perturbation)
            let isFailed = failed.contains(perturbation)
            let isQuarantined = quarantined.contains(perturbation)
            if [isDurable, isFailed, isQuarantined].count(where: { $0 }) != 1 {
                complain("\(perturbation) has not exactly one fate")
            }
            switch nature {
            case .sound, .hangsOnMachine:
                if plan.isCalm && isFailed { complain("\(perturbation) is sound and failed") }
            case .killsProcess, .killsMachine, .hangs:
                if !isQuarantined { complain("\(perturbation) kills and is not quarantined") }
            case .alwaysFails:
                if plan.isCalm && !isFailed { complain("\(perturbation) fails and is not failed") }
                if isDurable { complain("\(perturbation) fails and has a row") }
            case .failsOnMachine:
                if plan.isCalm && isQuarantined { complain("\(perturbation) was quarantined") }
            }
        }
        if written != durable {
            complain("rows were written that never became durable")
        }
    }
}
