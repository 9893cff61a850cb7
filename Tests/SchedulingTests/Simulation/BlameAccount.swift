import Digests
import Scheduling

/// What each perturbation has to answer for, kept by rules of its own.
struct BlameAccount {
    /// A session that ended while perturbations were being fitted.
    struct Loss {
        let isDeath: Bool
        let startedCount: Int
        let worker: WorkerID
        let process: Digest128
        let host: String
        let joined: UInt64
        let time: UInt64
        /// Its place among all losses: several may be noticed at one instant.
        var order = 0

        init(
            isDeath: Bool,
            startedCount: Int,
            _ worker: WorkerID,
            _ session: Judge.Session,
            _ time: UInt64
        ) {
            self.isDeath = isDeath
            self.startedCount = startedCount
            self.worker = worker
            process = session.process
            host = session.host
            joined = session.joined
            self.time = time
        }
    }

    private static let window: UInt64 = 5_000_000_000
    private static let forgiven = 2

    private var losses: [PerturbationIndex: [Loss]] = [:]
    private var vanished: [Loss] = []
    private var failureCounts: [PerturbationIndex: Int] = [:]
    /// Where it was struck last, unless it failed somewhere since.
    private var struckAt: [PerturbationIndex: Loss] = [:]
    private var suspects: Set<PerturbationIndex> = []

    mutating func lost(_ perturbations: [PerturbationIndex], _ found: Loss) {
        var loss = found
        loss.order = vanished.count
        vanished.append(loss)
        for perturbation in perturbations {
            losses[perturbation, default: []].append(loss)
            if loss.isDeath && loss.startedCount == 1 { struckAt[perturbation] = loss }
        }
    }

    mutating func fitFailed(_ perturbation: PerturbationIndex) {
        failureCounts[perturbation, default: 0] += 1
        struckAt[perturbation] = nil
    }

    /// A process was ended because of one of these.
    mutating func overran(_ worker: WorkerID, _ session: Judge.Session, _ time: UInt64) {
        suspects.formUnion(session.owed.filter(\.value.isStarted).keys)
    }

    /// A process is alive after all: nothing that it was fitting has ended it.
    mutating func pardon(_ process: Digest128, keeping settled: Set<PerturbationIndex>) {
        for (perturbation, known) in losses where !settled.contains(perturbation) {
            let others = known.filter { $0.process != process }
            guard others.count < known.count else { continue }
            losses[perturbation] = others
            suspects.insert(perturbation)
            if struckAt[perturbation]?.process == process { struckAt[perturbation] = nil }
        }
    }

    func failures(of perturbation: PerturbationIndex) -> Int {
        failureCounts[perturbation, default: 0]
    }

    /// Whether another worker that was there at the same time went at about the same time.
    private func isHostLoss(_ loss: Loss) -> Bool {
        guard !loss.host.isEmpty else { return false }
        return vanished.contains { other in
            guard other.order != loss.order, other.host == loss.host else { return false }
            let (first, second) = other.order < loss.order ? (other, loss) : (loss, other)
            return second.time - first.time <= Self.window && second.joined < first.time
        }
    }

    private func counted(_ perturbation: PerturbationIndex) -> [Loss] {
        losses[perturbation, default: []].filter { !isHostLoss($0) }
    }

    private func hostLosses(_ perturbation: PerturbationIndex) -> Int {
        losses[perturbation, default: []].count - counted(perturbation).count
    }

    func strikes(of perturbation: PerturbationIndex) -> Int {
        counted(perturbation).count { $0.isDeath && $0.startedCount == 1 }
    }

    func attempts(of perturbation: PerturbationIndex) -> Int {
        counted(perturbation).count + failures(of: perturbation)
            + max(0, hostLosses(perturbation) - Self.forgiven)
    }

    /// Whether a process died with it.
    func mustRunAlone(_ perturbation: PerturbationIndex) -> Bool {
        counted(perturbation).contains(where: \.isDeath)
    }

    /// Whether anything is known against it.
    func mayRunAlone(_ perturbation: PerturbationIndex) -> Bool {
        mustRunAlone(perturbation) || suspects.contains(perturbation)
            || counted(perturbation).count + failures(of: perturbation) >= 2
            || hostLosses(perturbation) > Self.forgiven
    }

    func strikeHost(of perturbation: PerturbationIndex) -> String? {
        guard let loss = struckAt[perturbation], !isHostLoss(loss) else { return nil }
        return loss.host.isEmpty ? nil : loss.host
    }
}
