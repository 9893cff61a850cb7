import AnnData
import DifferentialExpression
package import Foundation
package import Monitoring
import WireProtocol

/// The status of a run as its run directory tells it: of a living run by what it writes down, of a
/// dead one with what can be resumed, of a finished one with what came of it.
package struct RecordedStatus {
    /// The status.
    package private(set) var status: RunStatus
    /// Where the run itself can be asked, by its own word; nil unless it may live.
    package private(set) var endpoint: (host: String, port: Int)?

    private let directory: RunDirectory
    private let events: EventRecord

    /// Reads a run directory and changes nothing in it.
    ///
    /// - Parameters:
    ///   - path: A run directory, or the result whose run directory lies beside it.
    ///   - now: The time, for rates.
    /// - Throws: ``RunFailure`` with `noInput` when there is no run.
    package init(_ path: String, now: Date = Date()) throws(RunFailure) {
        directory = try Self.directory(path)
        events = EventRecord(try PlainFile.contents(directory.eventsPath) ?? [])
        let ownership = try directory.ownership()
        let report = try? PlainFile.contents(directory.reportPath)
        let standing = Self.standing(directory, ownership, hasReport: report != nil)
        status = RunStatus(
            release: BuildIdentity.release,
            standing: standing,
            method: events.start["method"] ?? "?",
            runDirectory: directory.path
        )
        status.input = events.start["input"]
        status.output = events.start["output"]
        status.host = events.start["host"]
        status.process = events.start["process"].flatMap { Int($0) }
        status.startedAt = events.start["began"]
        status.tallies = tallies
        if standing == .finished, let report {
            finish(report)
        } else {
            describe(now)
        }
        switch ownership {
        case .free: break
        case .living(let process):
            // The last session that the log knows may be that of an earlier process.
            let isSame = status.process == Int(process)
            endpoint = isSame ? address : nil
            status.process = Int(process)
            if !isSame { (status.startedAt, status.elapsedSeconds) = (nil, nil) }
        case .elsewhere(let host, let process):
            (status.host, status.process) = (host, Int(process))
            endpoint = address.flatMap { NetworkAddresses.isLoopback($0.host) ? nil : $0 }
        }
        remedy()
    }

    private static func directory(_ path: String) throws(RunFailure) -> RunDirectory {
        for candidate in [path, path + ".crispyx"] {
            let directory = RunDirectory(path: URL(filePath: candidate).path)
            let files = [
                directory.recordPath, directory.eventsPath, directory.ownerPath,
                directory.reportPath,
            ]
            if files.contains(where: { FileManager.default.fileExists(atPath: $0) }) {
                return directory
            }
        }
        throw RunFailure(
            .noInput,
            "\(path) is no run directory; it is made beside the output, as OUTPUT.crispyx, once the "
                + "input has been read"
        )
    }

    private static func standing(
        _ directory: RunDirectory,
        _ ownership: RunDirectory.Ownership,
        hasReport: Bool
    ) -> RunStatus.Standing {
        switch ownership {
        case .living: return .live
        case .elsewhere: return .elsewhere
        case .free: return hasReport && !directory.holdsUnfinishedRun ? .finished : .stopped
        }
    }

    private var tallies: RunStatus.Tallies {
        var tallies = RunStatus.Tallies()
        tallies.rows = events.rows.count
        tallies.workersJoined = events.joined
        tallies.workersDied = events.left["died"] ?? 0
        tallies.workersLeft = events.left["left"] ?? 0
        tallies.workersLost = events.left["lost"] ?? 0
        return tallies
    }

    // MARK: - Unfinished

    private mutating func describe(_ now: Date) {
        let record = try? directory.record()
        if let method = record?.options.method.rawValue { status.method = method }
        let journalled = (try? Journal.perturbations(directory.journalPath)) ?? []
        let isOver = status.standing == .stopped
        let end = isOver ? events.lastAt ?? now : now
        status.elapsedSeconds = events.beganAt.map { end.timeIntervalSince($0) }
        if !isOver, directory.holdsUnfinishedRun { status.phase = .fitting }
        let listed = events.start["perturbations"].flatMap { Int($0) }
        guard let total = record?.layout.rowCount ?? listed else { return }
        var perturbations = RunStatus.Perturbations()
        perturbations.resumed = events.start["resumed"].flatMap { Int($0) } ?? 0
        perturbations.done = journalled.count
        // A resumed run tries again what this one gave up.
        if !isOver { count(events.givenUp, &perturbations) }
        perturbations.pending = max(0, total - perturbations.total)
        status.perturbations = perturbations
        let rates = events.rates(until: end)
        let done = perturbations.total - perturbations.pending
        status.progress = RunStatus.Progress(
            done: done,
            total: total,
            unit: "perturbations",
            fraction: total > 0 ? Double(done) / Double(total) : 1,
            perSecond: isOver ? nil : rates.recent,
            perSecondOverall: rates.overall,
            secondsLeft: isOver ? nil : rates.recent.map { Double(perturbations.pending) / $0 }
        )
        if !isOver { status.workers = workers(now) }
    }

    private func workers(_ now: Date) -> [RunStatus.Worker] {
        events.workers.prefix(RunStatus.mostWorkers).map { number, worker in
            let seconds = max(0, now.timeIntervalSince(worker.joined))
            var status = RunStatus.Worker(
                number: number,
                host: worker.host,
                process: worker.process,
                threads: worker.threads,
                connectedSeconds: seconds,
                silentSeconds: 0,
                unfinished: 0,
                finished: worker.finished,
                limitBytes: 0
            )
            if worker.finished > 0, seconds > 0 {
                status.perSecond = Double(worker.finished) / seconds
            }
            return status
        }
    }

    private mutating func count(
        _ losses: [[String: String]],
        _ perturbations: inout RunStatus.Perturbations
    ) {
        for loss in losses {
            let kind = loss["kind"] ?? ""
            if kind == LostPerturbation.Kind.failed.rawValue {
                perturbations.failed += 1
            } else {
                perturbations.quarantined += 1
            }
            guard status.givenUp.count < RunStatus.mostEntries else { continue }
            status.givenUp.append(
                RunStatus.GivenUp(
                    perturbation: loss["label"] ?? "row \(loss["perturbation"] ?? "?")",
                    kind: kind,
                    reasons: [loss["reasons"] ?? ""]
                )
            )
        }
    }

    // MARK: - Finished

    /// What matters here of a ``RunReport``.
    private struct Outcome: Decodable {
        struct Lost: Decodable {
            var perturbation: String
            var kind: LostPerturbation.Kind
            var reasons: [String]
        }

        var input: String
        var output: String
        var method: String
        var perturbations: Int
        var resumedRows: Int
        var lost: [Lost]
        var seconds: [String: Double]
    }

    private mutating func finish(_ bytes: [UInt8]) {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let report = try? decoder.decode(Outcome.self, from: Data(bytes)) else { return }
        status.method = report.method
        status.input = report.input
        status.output = report.output
        status.elapsedSeconds = report.seconds.values.reduce(0, +)
        var perturbations = RunStatus.Perturbations()
        perturbations.failed = report.lost.count { $0.kind == .failed }
        perturbations.quarantined = report.lost.count { $0.kind == .quarantined }
        perturbations.done = report.perturbations - report.lost.count
        perturbations.resumed = report.resumedRows
        status.perturbations = perturbations
        status.givenUp = report.lost.prefix(RunStatus.mostEntries).map { lost in
            RunStatus.GivenUp(
                perturbation: lost.perturbation,
                kind: lost.kind.rawValue,
                reasons: lost.reasons
            )
        }
    }

    // MARK: - What to do

    private mutating func remedy() {
        switch status.standing {
        case .live: break
        case .elsewhere:
            status.remedy =
                "ask on \(status.host ?? "that machine") whether process "
                + "\(status.process.map(String.init) ?? "?") lives; if not, resume there or here"
        case .finished:
            if let output = status.output, !FileManager.default.fileExists(atPath: output) {
                status.remedy = "\(output) is not there any more; --force computes it again"
            } else if !status.givenUp.isEmpty {
                status.remedy = "--force tries everything again"
            }
        case .stopped:
            let place = events.start["directory"].map { "in \($0): " } ?? ""
            let command = events.start["command"] ?? "the run's command line with --resume"
            status.remedy =
                directory.holdsUnfinishedRun
                ? place + command
                : "nothing was kept yet: start the run again"
        }
    }

    private var address: (host: String, port: Int)? {
        guard let text = events.start["status"], let address = StatusAddress(text),
            !address.host.isEmpty, address.port > 0
        else { return nil }
        return (address.host, address.port)
    }
}
