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
    /// Keeps other runs from the unpublished result.
    let lock: FileLock
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
        try directory.claim()
        // Another run directory may stand for the same output: its file is not taken away.
        let previous = try FileLock(request.partialResult, owner: request.output)
        directory.clear(keepingOwner: true, keeping: request.security.tokenFile)
        unlink(request.partialResult)
        let laidOut = try layout(global)
        let map = try RunFailure.wrapping { () throws(AnnDataWriteError) in
            try ResultFile.create(path: request.partialResult, layout: laidOut)
        }
        let lock = try FileLock(request.partialResult, owner: request.output)
        withExtendedLifetime(previous) {}
        try PlainFile.synchronizeDirectory(
            (request.output as NSString).deletingLastPathComponent
        )
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
        return Continuation(
            journal: journal,
            rows: try open(map),
            digests: [:],
            global: global,
            frameDigest: "\(frameDigest)",
            lock: lock
        )
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
        try directory.claim()
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
            let (journal, records) = try Journal.reopen(
                directory.journalPath,
                fingerprint: fingerprint.digest
            )
        else { return nil }
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
            journal: journal,
            rows: rows,
            digests: try verified(records, rows),
            global: global,
            frameDigest: record.frameDigest,
            lock: lock
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

    /// Names the options that differ, or says that the input does.
    private func difference(_ record: RunDirectory.Record, _ options: AnalysisOptions) -> String {
        guard let old = Self.fields(record.options), let new = Self.fields(options) else {
            return "its options cannot be read"
        }
        let changed = Set(old.keys).union(new.keys).sorted().filter { old[$0] != new[$0] }
        guard !changed.isEmpty else {
            return "the input's counts, labels or genes, or the list of perturbations, differ"
        }
        return changed.map { "\($0) was \(old[$0] ?? "absent"), is \(new[$0] ?? "absent")" }
            .joined(separator: ", ")
    }

    private static func fields(_ options: AnalysisOptions) -> [String: String]? {
        guard let json = try? Fingerprint.canonicalJSON(options),
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
