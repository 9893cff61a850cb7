import Scheduling

/// Keeps its own account of a run, from the messages alone, and compares the scheduler with it.
struct Judge {
    let plan: SimulationPlan
    private(set) var problems: [String] = []
    /// What each live session was granted and has not answered; true when it was started.
    private var owed: [WorkerID: [PerturbationIndex: Bool]] = [:]
    private var hosts: [WorkerID: String] = [:]
    private var strikeHost: [PerturbationIndex: String] = [:]
    private var soloLeases: [WorkerID: PerturbationIndex] = [:]
    private var everGranted: Set<PerturbationIndex> = []
    private var written: Set<PerturbationIndex> = []
    private(set) var durable: Set<PerturbationIndex> = []
    private(set) var failed: Set<PerturbationIndex> = []
    private(set) var quarantined: Set<PerturbationIndex> = []
    private var aloneAtDeath: [PerturbationIndex: Int] = [:]
    private var lost: [PerturbationIndex: Int] = [:]
    private var failures: [PerturbationIndex: Int] = [:]

    init(plan: SimulationPlan) {
        self.plan = plan
    }

    mutating func complain(_ problem: String) {
        problems.append(problem)
    }

    /// The coordinator forgot everything that is not durable.
    mutating func coordinatorRestarted() {
        owed = [:]
        soloLeases = [:]
        everGranted = []
        written = durable
        failed = []
        quarantined = []
        aloneAtDeath = [:]
        hosts = [:]
        strikeHost = [:]
        lost = [:]
        failures = [:]
    }

    mutating func joined(_ worker: WorkerID, host: String) {
        owed[worker] = [:]
        hosts[worker] = host
    }

    mutating func observed(_ event: SchedulerEvent) {
        switch event {
        case .started(let worker, _, let perturbation):
            if owed[worker]?[perturbation] != nil { owed[worker]?[perturbation] = true }
        case .rowArrived(let worker, _, let perturbation, _):
            answered(worker, perturbation)
        case .fitFailed(let worker, _, let perturbation, _):
            if owed[worker]?[perturbation] != nil {
                lost[perturbation, default: 0] += 1
                strikeHost[perturbation] = nil
                failures[perturbation, default: 0] += 1
            }
            answered(worker, perturbation)
        case .workerLeft(let worker, let departure):
            left(worker, departure)
        case .rowsDurable(let perturbations):
            durable.formUnion(perturbations)
        case .workerJoined, .heard, .tick, .drain, .returned, .rowsOffered:
            break
        }
    }

    mutating func decided(_ action: SchedulerAction) {
        switch action {
        case .grant(let worker, let lease):
            granted(worker, lease)
        case .write(let perturbation, _, _):
            if !written.insert(perturbation).inserted {
                complain("\(perturbation) was written twice")
            }
            if failed.contains(perturbation) || quarantined.contains(perturbation) {
                complain("\(perturbation) was written after it was given up")
            }
        case .discard(let perturbation, let reason, let sameDigest):
            if reason == .unknown && everGranted.contains(perturbation) {
                complain("a row of \(perturbation) was taken for an unknown one")
            }
            if reason == .duplicate && !(written.contains(perturbation) && sameDigest) {
                complain("a row of \(perturbation) was called a duplicate and is none")
            }
        case .markFailed(let perturbation, _, _):
            failed.insert(perturbation)
            if failures[perturbation, default: 0] < 2 || isSound(perturbation) {
                complain("\(perturbation) was failed without two failures")
            }
        case .markQuarantined(let perturbation, let reasons):
            quarantined.insert(perturbation)
            judgeQuarantine(perturbation, reasons)
        case .closeWorker(let worker, .silent):
            left(worker, .networkLost)
        case .closeWorker, .finishWorkers, .stop, .settled, .revoke, .cancel, .answerOffer, .endProcess:
            break
        }
    }

    /// The account at the end of a run that was settled.
    mutating func closeAccount() {
        for (index, nature) in plan.natures.enumerated() {
            let perturbation = PerturbationIndex(UInt32(index))
            let isDurable = durable.contains(perturbation)
            let isFailed = failed.contains(perturbation)
            let isQuarantined = quarantined.contains(perturbation)
            if [isDurable, isFailed, isQuarantined].count(where: { $0 }) != 1 {
                complain("\(perturbation) has not exactly one fate")
            }
            switch nature {
            case .sound:
                if plan.isCalm && !isDurable { complain("\(perturbation) is sound and has no row") }
            case .killsProcess, .killsMachine:
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

    private func isSound(_ perturbation: PerturbationIndex) -> Bool {
        plan.natures[Int(perturbation.rawValue)] == .sound
    }

    private mutating func answered(_ worker: WorkerID, _ perturbation: PerturbationIndex) {
        owed[worker]?[perturbation] = nil
        if soloLeases[worker] == perturbation { soloLeases[worker] = nil }
    }

    private mutating func left(_ worker: WorkerID, _ departure: Departure) {
        let started = (owed.removeValue(forKey: worker) ?? [:]).filter(\.value).keys
        soloLeases[worker] = nil
        let host = hosts.removeValue(forKey: worker)
        switch departure {
        case .processDied:
            for perturbation in started { lost[perturbation, default: 0] += 1 }
            if started.count == 1, let alone = started.first {
                aloneAtDeath[alone, default: 0] += 1
                strikeHost[alone] = host
            }
        case .networkLost:
            for perturbation in started { lost[perturbation, default: 0] += 1 }
        case .goodbye:
            break
        }
    }

    private mutating func granted(_ worker: WorkerID, _ lease: GrantedLease) {
        guard owed[worker] != nil else {
            complain("\(lease.lease) went to \(worker), who is not there")
            return
        }
        if soloLeases[worker] != nil {
            complain("\(lease.lease) went to \(worker), who has a unit that must run alone")
        }
        if lease.solo && owed[worker]?.isEmpty == false {
            complain("\(lease.lease) must run alone and \(worker) has other units")
        }
        if lease.solo { soloLeases[worker] = lease.perturbations.first }
        for perturbation in lease.perturbations {
            everGranted.insert(perturbation)
            if written.contains(perturbation) || failed.contains(perturbation)
                || quarantined.contains(perturbation)
            {
                complain("\(perturbation) was granted after its fate was known")
            }
            let isElsewhere = owed.contains { $0.value[perturbation] != nil }
            if isElsewhere {
                complain("\(perturbation) was granted while it is out elsewhere")
            }
            if !lease.solo
                && (aloneAtDeath[perturbation] != nil || lost[perturbation, default: 0] > 2)
            {
                complain("\(perturbation) is suspect and was not granted alone")
            }
            if let host = strikeHost[perturbation], hosts[worker] == host,
                hosts.values.contains(where: { $0 != host })
            {
                complain("\(perturbation) was retried on the machine where it was struck")
            }
            owed[worker]?[perturbation] = false
        }
    }

    private mutating func judgeQuarantine(_ perturbation: PerturbationIndex, _ reasons: [String]) {
        let strikes = aloneAtDeath[perturbation, default: 0]
        let attempts = lost[perturbation, default: 0]
        if strikes < 2 && attempts < 5 {
            complain("\(perturbation) was quarantined after \(strikes) strikes, \(attempts) losses")
        }
        if reasons.count != attempts {
            complain("\(perturbation) was quarantined with \(reasons.count) reasons of \(attempts)")
        }
        if plan.isCalm && isSound(perturbation) {
            complain("\(perturbation) is innocent and was quarantined")
        }
    }
}
