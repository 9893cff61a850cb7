import ChildProcesses
import ComputeThreads
import Digests
import Glibc
import Logging
import RunFiles
import WireProtocol

/// How a part of a run ended.
enum ShardEnding: Equatable {
    /// Every perturbation of the part has its row.
    case complete
    /// Every perturbation has its row or a reason why there is none.
    case incomplete
    /// Somebody asked the process to stop; the rest is left.
    case signalled(WatchedSignal)
}

/// Fits one part of a prepared run from its directory, and leaves the rows there.
struct ShardJob {
    let directory: String
    let shard: Shard
    let limits: FitLimits
    let log: Logger

    /// Fits what earlier attempts have not left.
    ///
    /// - Parameter mailbox: Brings the signals.
    /// - Returns: How the part ended.
    /// - Throws: ``ShardFailure``.
    func run(_ mailbox: Mailbox<ShardEvent>) throws(ShardFailure) -> ShardEnding {
        guard let run = try prepared() else { return .complete }
        let costs = run.perturbations.map(\.cost)
        let share = ShardPlan(costs: costs, count: shard.count)[shard.index]
        let folder = SegmentFolder(directory)
        let history = try ShardFailure.wrapping { () throws(RunFilesError) in
            try ShardHistory(folder, shard, share: share, of: run)
        }
        tell(history, share, run)
        let rest = history.rest(of: share)
        let lost = history.lost(of: share)
        guard !rest.together.isEmpty || !rest.alone.isEmpty || !lost.isEmpty else {
            return history.done.count == share.count ? .complete : .incomplete
        }
        let source = try ShardFailure.wrapping { () throws(RunFilesError) in
            try run.openResources(directory)
        }
        let terms: RunTerms
        do throws(WorkerFailure) { terms = try RunTerms(run) } catch {
            throw ShardFailure(77, "\(directory): \(error)")
        }
        var segment = try ShardFailure.wrapping { () throws(RunFilesError) in
            try folder.newSegment(shard, of: run)
        }
        for perturbation in lost {
            let reason = "\(ShardHistory.mostDeaths) processes ended while they fitted it"
            tellLost(run, perturbation, reason)
            try ShardFailure.wrapping { () throws(RunFilesError) in
                try segment.append(.givenUp, perturbation, text: reason)
            }
        }
        let loop = ShardLoop(terms: terms, source: source, limits: limits, mailbox: mailbox)
        let outcome = try loop.run(rest, &segment) { done, total in
            log.info("fitted", metadata: ["rows": "\(done)", "of": "\(total)"])
        }
        for (perturbation, reason) in outcome.failures { tellLost(run, perturbation, reason) }
        let settled = outcome.fitted + outcome.failures.count
        if let signal = outcome.signal, settled < rest.together.count + rest.alone.count {
            return .signalled(signal)
        }
        log.notice("part \(shard) is done", metadata: ["fitted": "\(outcome.fitted)"])
        return history.done.count + outcome.fitted == share.count ? .complete : .incomplete
    }

    /// The run of the directory; nil when it has been merged already and nothing is left to do.
    private func prepared() throws(ShardFailure) -> PreparedRun? {
        let run: PreparedRun
        do throws(RunFilesError) {
            run = try PreparedRun.read(directory)
        } catch {
            guard case .missing = error else { throw ShardFailure(error) }
            // A part that an engine starts once more may come after the merge.
            if access(directory + "/report.json", F_OK) == 0 {
                log.notice("the run is complete already", metadata: ["run_dir": "\(directory)"])
                return nil
            }
            throw ShardFailure(
                66,
                "\(directory) holds no prepared run; make one with 'crispyx-coordinator prepare'"
            )
        }
        guard run.build == BuildIdentity.current else {
            throw ShardFailure(
                77,
                "\(directory) was prepared by \(run.build), this is \(BuildIdentity.current); rows "
                    + "of two builds are not mixed: install the same build everywhere"
            )
        }
        return run
    }

    private func tell(_ history: ShardHistory, _ share: [Int], _ run: PreparedRun) {
        for path in history.damaged {
            log.warning(
                "a segment is damaged; the rows that it lost are fitted again",
                metadata: ["path": "\(path)"]
            )
        }
        for (perturbation, reason) in history.givenUp where !history.done.contains(perturbation) {
            tellLost(run, perturbation, reason)
        }
        log.notice(
            "part \(shard) of the run",
            metadata: [
                "perturbations": "\(share.count)", "rows_there": "\(history.done.count)",
                "threads": "\(limits.threads)",
            ]
        )
    }

    private func tellLost(_ run: PreparedRun, _ perturbation: UInt32, _ reason: String) {
        log.error(
            "no row for perturbation '\(run.perturbations[Int(perturbation)].name)'",
            metadata: ["why": "\(reason)"]
        )
    }
}
