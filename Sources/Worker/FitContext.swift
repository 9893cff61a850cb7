import CountBlocks
package import DifferentialExpression
import Digests
import Foundation
package import WireProtocol

/// Why a worker cannot take part in a run.
package struct WorkerFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// What failed, why, and what to do.
    package let description: String

    /// A failure that says why.
    package init(_ description: String) { self.description = description }
}

/// What the coordinator's welcome says about the fits, checked once.
package struct RunTerms: Sendable {
    /// Options that decide the numbers.
    package let options: AnalysisOptions
    /// Genes of the screen.
    package let geneCount: Int
    /// Bytes of every row.
    package let rowBytes: Int

    /// Understands a welcome.
    ///
    /// - Throws: ``WorkerFailure`` when this build cannot do what is asked.
    package init(_ welcome: Welcome) throws(WorkerFailure) {
        let digest = welcome.optionsJSON.withUnsafeBytes { Digest128(of: $0) }
        guard welcome.optionsDigest == Bytes16(high: digest.high, low: digest.low) else {
            throw WorkerFailure("the options and their digest differ")
        }
        do {
            options = try JSONDecoder().decode(
                AnalysisOptions.self,
                from: Data(welcome.optionsJSON)
            )
        } catch {
            throw WorkerFailure("the options cannot be understood; use the same build everywhere")
        }
        let schema = RowSchema.nbGLM
        guard welcome.rowSchemaVersion == schema.version else {
            throw WorkerFailure(
                "rows have layout \(welcome.rowSchemaVersion), this build writes "
                    + "\(schema.version); use the same build everywhere"
            )
        }
        geneCount = Int(welcome.geneCount)
        rowBytes = schema.rowByteCount(geneCount: geneCount)
        guard UInt64(rowBytes) == welcome.rowBytes else {
            throw WorkerFailure("a row has \(rowBytes) bytes here and \(welcome.rowBytes) there")
        }
    }
}

/// A finished row, ready to be sent.
struct FinishedRow: Sendable {
    let bytes: [UInt8]
    let digest: Digest128
}

/// Everything a fit needs beside its own block; shared by all threads of the process.
package struct FitContext: Sendable {
    private let terms: RunTerms
    private let analysis: FrozenAnalysis
    private let sizeFactors: [Double]

    /// Reads the resources that all fits share.
    ///
    /// - Throws: ``WorkerFailure`` when they are not what the welcome announced.
    package init(
        terms: RunTerms,
        controlCache: [UInt8],
        sizeFactors bytes: [UInt8]
    ) throws(WorkerFailure) {
        self.terms = terms
        let cache: ControlCache
        do throws(ControlCacheError) {
            cache = try ControlCache(bytes: controlCache)
        } catch {
            throw WorkerFailure("\(error)")
        }
        guard cache.geneCount == terms.geneCount, bytes.count % 8 == 0 else {
            throw WorkerFailure("the control cache is of another screen")
        }
        analysis = FrozenAnalysis(cache: cache, options: terms.options)
        var reader = LittleEndianReader(bytes: bytes)
        sizeFactors = reader.doubles(bytes.count / 8)
    }

    /// About what a fit holds beside the block itself, bytes.
    ///
    /// A nonzero takes one to two bytes in a block, eight when decoded and eight when regrouped by
    /// gene.
    static func memoryNeeded(blockBytes: Int) -> Int { 16 * blockBytes }

    /// Fits one perturbation.
    ///
    /// - Parameters:
    ///   - perturbation: Position in the result.
    ///   - block: The perturbation's cells as they came over the wire.
    ///   - digest: Digest announced with the lease.
    /// - Returns: The row with its digest.
    /// - Throws: `CountBlockError` for damaged bytes, ``WorkerFailure`` for impossible rows.
    func fit(
        perturbation: UInt32,
        block: [UInt8],
        digest: Digest128
    ) throws -> FinishedRow {
        var segments: [DecodedSegment] = []
        try block.withUnsafeBytes { bytes in
            var iterator = BlockSegments(
                bytes: bytes,
                geneCount: terms.geneCount,
                digest: digest
            )
            var segment = DecodedSegment()
            while try iterator.next(into: &segment) {
                segments.append(segment)
                segment = DecodedSegment()
            }
        }
        var factors: [Double] = []
        for segment in segments {
            try segment.withCells { cells in
                for row in cells.rows {
                    guard Int(row) < sizeFactors.count, sizeFactors[Int(row)].isFinite else {
                        throw WorkerFailure("cell \(row) has no size factor")
                    }
                    factors.append(sizeFactors[Int(row)])
                }
            }
        }
        let row = analysis.fit(
            perturbation: perturbation,
            segments: segments,
            sizeFactors: factors
        )
        return FinishedRow(
            bytes: row.bytes,
            digest: row.bytes.withUnsafeBytes { Digest128(of: $0) }
        )
    }
}
