import AnnData
import ComputeThreads
import DifferentialExpression
import Digests
import Foundation
import Glibc
import Synchronization

/// Shrinks a result by its estimates and errors alone; needs no counts and no workers.
struct EstimateShrinkageJob {
    let earlier: EarlierResult
    let scope: AnalysisOptions.Scope
    let output: String
    let force: Bool
    let threads: Int

    /// What came of it.
    enum Outcome {
        /// Computed and published.
        case computed
        /// The same was there already.
        case alreadyThere
    }

    /// Rows held at a time.
    private static let rowsAtOnce = 64

    /// Shrinks every row and publishes the result.
    func run() throws(RunFailure) -> Outcome {
        if !force, access(output, F_OK) == 0 {
            let found = try? ResultReader(path: output)
            if (try? found?.text("\(ResultLayout.markerKey)/fingerprint")) == fingerprint {
                return .alreadyThere
            }
            throw RunFailure(
                .cannotCreate,
                "\(output) exists and is not what this would give; choose another --output, or "
                    + "replace it with --force"
            )
        }
        let globalScale = try earlier.globalPriorScale()
        let partial = ((output as NSString).deletingLastPathComponent as NSString)
            .appendingPathComponent(".\((output as NSString).lastPathComponent).unfinished")
        let lock = try FileLock(partial, owner: output)
        defer { withExtendedLifetime(lock) {} }
        let marker: UnsValue?
        do throws(AnnDataWriteError) {
            marker = try earlier.reader.value(ResultLayout.markerKey)
        } catch {
            throw RunFailure(reading: error)
        }
        let provenance = ShrinkageProvenance(
            method: "stats",
            scope: scope,
            globalScale: globalScale,
            minimumMean: 0,
            earlier: earlier.digest,
            fingerprint: fingerprint
        )
        let layout = try earlier.layout(adding: provenance.values(of: marker))
        do {
            try write(partial, layout, scope == .global ? globalScale : nil)
        } catch {
            unlink(partial)
            throw error
        }
        return .computed
    }

    /// Digest of all that decides the numbers.
    private var fingerprint: String {
        let digester = Digester()
        digester.update("crispyx-cluster shrinkage by estimates")
        digester.update(UInt64(RowSchema.shrinkage.version))
        digester.update(earlier.digest)
        digester.update(scope.rawValue)
        return "\(digester.finish())"
    }

    private func write(
        _ partial: String,
        _ layout: ResultLayout,
        _ priorScale: Double?
    ) throws(RunFailure) {
        let map = try RunFailure.wrapping { () throws(AnnDataWriteError) in
            try ResultFile.create(path: partial, layout: layout)
        }
        let rows = try RunFailure.wrapping { () throws(AnnDataWriteError) in
            try ResultRows(path: partial, map: map)
        }
        let team = ThreadTeam(threadCount: threads)
        let rowLayout = RowLayout(schema: .shrinkage)
        for start in stride(from: 0, to: map.rowCount, by: Self.rowsAtOnce) {
            var inputs: [ShrinkageInput] = []
            for row in start..<min(start + Self.rowsAtOnce, map.rowCount) {
                inputs.append(try earlier.input(row: row))
            }
            let shrunken = Mutex([Int: PerturbationRow]())
            let (taken, base) = (inputs, earlier.foldChangeBase)
            team.forEach(taken.count) { index in
                let row = ShrunkenRow(
                    effect: taken[index].effect,
                    standardError: taken[index].standardError,
                    priorScale: priorScale
                ).row(perturbation: UInt32(start + index), base: base)
                shrunken.withLock { $0[index] = row }
            }
            for (index, row) in shrunken.withLock({ $0 }) {
                try earlier.carry(row: start + index, into: rows)
                try RunFailure.wrapping { () throws(AnnDataWriteError) in
                    try rowLayout.write(row.bytes, row: start + index, into: rows)
                    try rows.setStatus(row: start + index, code: earlier.status(row: start + index))
                }
            }
        }
        try RunFailure.wrapping { () throws(AnnDataWriteError) in
            try PublishedFile.save(partial)
            try PublishedFile.publish(partial, as: output, replacing: force)
        }
    }
}
