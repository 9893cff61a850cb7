import AnnData
import DifferentialExpression
import Digests
import Foundation
import Glibc
import Logging

/// What a run starts from: nothing, or the rows that an interrupted run left.
struct Continuation {
    let journal: Journal
    let rows: ResultRows
    /// Digest of every row that is safe in the file.
    var digests: [UInt32: Digest128]
    /// The frozen state.
    let global: GlobalResult
    /// Digest of all that is written once into the unpublished result, hexadecimal.
    let frameDigest: String
    /// Keeps other runs away.
    let hold: RunHold
}

/// What keeps other runs from the run directory and from the unpublished result.
struct RunHold: Sendable {
    let claim: RunClaim
    let lock: FileLock
    /// The unpublished result, for messages.
    let path: String

    /// Checks that both are still where they were.
    ///
    /// - Throws: ``RunFailure`` when another run has taken over or somebody moved them away.
    func check() throws(RunFailure) {
        try claim.check()
        guard lock.isInPlace else {
            throw RunFailure(
                .inputOutput,
                "\(path), the unfinished result, was removed or replaced while the run was going on; "
                    + "put it back and go on with --resume, or start anew with --force"
            )
        }
    }
}

/// Opens a run: a new one, or the continuation of an interrupted one.
struct RunOpening {
    let request: RunRequest
    let directory: RunDirectory
    let fingerprint: Fingerprint
    let schema: RowSchema
    let build: String
    let log: Logger

    /// Begins anew: freezes the state, lays out the unpublished result, writes the record.
    func begin(
        _ options: AnalysisOptions,
        layout: (GlobalResult) throws(RunFailure) -> ResultLayout,
        global: GlobalResult
    ) throws(RunFailure) -> Continuation {
        try directory.create()
        let claim = try claim()
        let (lock, map) = try layOut(try layout(global))
        FailPoint.pass("laid-out")
        let journal = try Journal.create(
            directory.journalPath,
            fingerprint: fingerprint.digest
        )
        let cacheDigest = try directory.freeze(global)
        let frameDigest = try FrameDigest.compute(path: request.partialResult, map: map)
        try directory.write(
            RunDirectory.Record(
                build: build,
                fingerprint: fingerprint.text,
                options: options,
                partialResult: request.partialResult,
                layout: map,
                cacheDigest: "\(cacheDigest)",
                frameDigest: "\(frameDigest)"
            )
        )
        FailPoint.pass("recorded")
        return Continuation(
            journal: journal,
            rows: try open(map),
            digests: [:],
            global: global,
            frameDigest: "\(frameDigest)",
            hold: RunHold(claim: claim, lock: lock, path: request.partialResult)
        )
    }

    private func claim() throws(RunFailure) -> RunClaim {
        try directory.claim { host in
            log.warning(
                "the run directory belongs to a process on another machine; looking for signs of life",
                metadata: ["machine": "\(host)"]
            )
        }
    }

    /// Lays out the unpublished result, in place of whatever an earlier run left.
    ///
    /// From the first moment the name stands for a file that is locked, so that two runs that start
    /// together cannot both believe that it is theirs: the new file gets it when it is complete.
    private func layOut(
        _ layout: ResultLayout
    ) throws(RunFailure) -> (lock: FileLock, map: ResultFileMap) {
        let path = request.partialResult
        // Another run directory may stand for the same output: its file is not taken away.
        let previous = try FileLock(path, owner: request.output)
        directory.clear(keepingOwner: true, keeping: request.security.tokenFile)
        // The room of an earlier run's file may be needed for the new one.
        truncate(path, 0)
        let aside = request.newPartialResult
        do throws(RunFailure) {
            let map = try RunFailure.wrapping { () throws(AnnDataWriteError) in
                try ResultFile.create(path: aside, layout: layout)
            }
            let lock = try FileLock(aside, owner: request.output).moved(to: path)
            try PlainFile.synchronizeDirectory(
                PlainFile.directory(of: request.output)
            )
            withExtendedLifetime(previous) {}
            return (lock, map)
        } catch {
            unlink(path)
            throw error
        }
    }

    /// Continues an interrupted run of the same fingerprint.
    ///
    /// - Parameters:
    ///   - record: What that run wrote down.
    ///   - options: Options of this run, to name the difference when there is one.
    ///   - recompute: Computes the frozen state when the one on disk is damaged.
    /// - Returns: Where to go on; nil when nothing usable is left of that run.
    /// - Throws: ``RunFailure`` when the run was another one.
    func resume(
        _ record: RunDirectory.Record,
        _ options: AnalysisOptions,
        recompute: () throws(RunFailure) -> GlobalResult
    ) throws(RunFailure) -> Continuation? {
        let claim = try claim()
        guard record.fingerprint == fingerprint.text else {
            throw RunFailure(
                .badInput,
                "\(directory.path) holds another run: \(difference(record, options)); repeat that "
                    + "one, or start anew with --force"
            )
        }
        guard record.build == build else {
            throw RunFailure(
                .refused,
                "\(directory.path) was begun by \(record.build), this is \(build); rows of two "
                    + "builds are not mixed: use that one, or start anew with --force"
            )
        }
        guard access(record.partialResult, F_OK) == 0 else {
            throw RunFailure(
                .inputOutput,
                "\(record.partialResult), the unfinished result, cannot be reached: "
                    + "\(String(cString: strerror(errno))); put it back, or start anew with --force"
            )
        }
        // The lock comes before the journal is touched.
        let lock = try FileLock(record.partialResult, owner: request.output)
        guard
            let reopened = try Journal.reopen(
                directory.journalPath,
                fingerprint: fingerprint.digest
            )
        else { return nil }
        if reopened.damagedCount > 0 {
            log.warning(
                "records of the journal are damaged; their rows are fitted again",
                metadata: ["records": "\(reopened.damagedCount)"]
            )
        }
        // Rows that cannot be read now may be whole: only --force gives them up.
        let rows = try RunFailure.wrapping { () throws(AnnDataWriteError) in
            try ResultRows(path: record.partialResult, map: record.layout)
        }
        let frameDigest = try FrameDigest.compute(path: record.partialResult, map: record.layout)
        guard "\(frameDigest)" == record.frameDigest else {
            log.warning(
                "the unfinished result is damaged; all rows are fitted again",
                metadata: ["path": "\(record.partialResult)"]
            )
            return nil
        }
        var global = try directory.frozen(digest: record.cacheDigest)
        if global == nil {
            log.warning("the frozen state on disk is damaged; it is computed again")
            global = try recompute()
        }
        guard let global else { return nil }
        return Continuation(
            journal: reopened.journal,
            rows: rows,
            digests: try verified(reopened.records, rows),
            global: global,
            frameDigest: record.frameDigest,
            hold: RunHold(claim: claim, lock: lock, path: record.partialResult)
        )
    }

    /// The rows whose bytes in the file are those that were journalled.
    private func verified(
        _ records: [Journal.Record],
        _ rows: ResultRows
    ) throws(RunFailure) -> [UInt32: Digest128] {
        let layout = RowLayout(schema: schema)
        var digests: [UInt32: Digest128] = [:]
        for record in records where Int(record.perturbation) < rows.map.rowCount {
            let found = try RunFailure.wrapping { () throws(AnnDataWriteError) in
                try layout.digest(row: Int(record.perturbation), of: rows)
            }
            if found == record.digest {
                digests[record.perturbation] = found
            } else if digests[record.perturbation] == nil {
                log.warning(
                    "a journalled row is damaged and will be fitted again",
                    metadata: ["row": "\(record.perturbation)"]
                )
            }
        }
        return digests
    }

    private func open(_ map: ResultFileMap) throws(RunFailure) -> ResultRows {
        try RunFailure.wrapping { () throws(AnnDataWriteError) in
            try ResultRows(path: request.partialResult, map: map)
        }
    }

    private func difference(_ record: RunDirectory.Record, _ options: AnalysisOptions) -> String {
        Self.difference(
            (try? Fingerprint.canonicalJSON(record.options)) ?? [],
            (try? Fingerprint.canonicalJSON(options)) ?? []
        )
    }

    /// Names the options that differ, given as JSON, or says that the input does.
    static func difference(_ oldJSON: [UInt8], _ newJSON: [UInt8]) -> String {
        guard let old = fields(oldJSON), let new = fields(newJSON) else {
            return "its options cannot be read"
        }
        let changed = Set(old.keys).union(new.keys).sorted().filter { old[$0] != new[$0] }
        guard !changed.isEmpty else {
            return "the input's counts, labels or genes, or the list of perturbations, differ"
        }
        return changed.map { "\($0) was \(old[$0] ?? "absent"), is \(new[$0] ?? "absent")" }
            .joined(separator: ", ")
    }

    private static func fields(_ json: [UInt8]) -> [String: String]? {
        guard
            let object = try? JSONSerialization.jsonObject(with: Data(json)) as? [String: Any]
        else { return nil }
        return flattened(object)
    }

    /// Nested objects as fields of their own: the text of a dictionary has no fixed order.
    private static func flattened(_ object: [String: Any]) -> [String: String] {
        var fields: [String: String] = [:]
        for (name, value) in object {
            if let nested = value as? [String: Any] {
                for (inner, text) in flattened(nested) { fields["\(name).\(inner)"] = text }
            } else {
                fields[name] = "\(value)"
            }
        }
        return fields
    }
}
