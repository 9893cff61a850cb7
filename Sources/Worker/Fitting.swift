import CountBlocks
import DifferentialExpression
package import Digests
import Statistics

/// A finished row, ready to be sent.
package struct FinishedRow: Sendable {
    /// All per-pair layers in schema order.
    package let bytes: [UInt8]
    /// Digest of the bytes.
    package let digest: Digest128

    /// Takes the digest of a row.
    init(_ row: PerturbationRow) {
        bytes = row.bytes
        digest = bytes.withUnsafeBytes { Digest128(of: $0) }
    }
}

/// A perturbation to fit.
package struct FitOrder: Sendable {
    /// Position in the result.
    package var perturbation: UInt32
    /// The perturbation's cells as they came over the wire.
    package var block: [UInt8]
    /// Digest announced with the lease.
    package var digest: Digest128
    /// What the analysis needs beside the cells; empty for most.
    package var inputs: [UInt8]

    /// Takes apart what came: a block, and behind it the inputs with a digest of their own.
    ///
    /// - Parameters:
    ///   - perturbation: Position in the result.
    ///   - bytes: What came.
    ///   - digest: Digest of the block.
    ///   - inputBytes: Length of the inputs, 0 for none.
    ///
    /// Gives nil when the inputs are damaged.
    package init?(perturbation: UInt32, bytes: [UInt8], digest: Digest128, inputBytes: Int) {
        self.perturbation = perturbation
        self.digest = digest
        guard inputBytes > 0 else {
            block = bytes
            inputs = []
            return
        }
        let end = bytes.count - Digest128.byteCount
        guard end >= inputBytes else { return nil }
        block = Array(bytes[..<(end - inputBytes)])
        inputs = Array(bytes[(end - inputBytes)..<end])
        let stored = Array(bytes[end...])
        guard inputs.withUnsafeBytes({ Digest128(of: $0).bytes }) == stored else { return nil }
    }
}

/// Fits that need nothing but their own cells and what was frozen, one a thread.
package struct LoneFits: Sendable {
    /// About what a fit holds beside the block itself, bytes.
    ///
    /// A nonzero takes one to two bytes in a block, eight when decoded and eight when regrouped by
    /// gene.
    static func memoryNeeded(blockBytes: Int) -> Int { 16 * blockBytes }

    private let geneCount: Int
    private let kind: SegmentHeader.Kind
    private let row: @Sendable (UInt32, [DecodedSegment]) throws(WorkerFailure) -> PerturbationRow

    /// Makes rows of decoded cells.
    init(
        geneCount: Int,
        kind: SegmentHeader.Kind,
        row: @escaping @Sendable (UInt32, [DecodedSegment]) throws(WorkerFailure) -> PerturbationRow
    ) {
        self.geneCount = geneCount
        self.kind = kind
        self.row = row
    }

    /// Fits one perturbation.
    ///
    /// - Throws: ``WorkerFailure`` for damaged bytes and impossible cells.
    package func fit(_ order: FitOrder) throws(WorkerFailure) -> FinishedRow {
        let segments: [DecodedSegment]
        do throws(CountBlockError) {
            segments = try DecodedSegment.all(
                of: order.block,
                geneCount: geneCount,
                kind: kind,
                digest: order.digest
            )
        } catch {
            throw WorkerFailure("\(error)")
        }
        return FinishedRow(try row(order.perturbation, segments))
    }
}

/// How a process fits.
package enum Fitting: Sendable {
    /// Each perturbation on one thread.
    case alone(LoneFits)
    /// Several perturbations side by side, sharing what they read of the control cells.
    case together(any ControlledFits, atOnce: Int)
}

/// What a process may use for fits.
package struct FitLimits: Sendable {
    /// Threads that compute.
    package var threads: Int
    /// Memory for all that fits hold, bytes.
    package var memoryBytes: Int

    /// Bundles limits.
    package init(threads: Int, memoryBytes: Int) {
        self.threads = threads
        self.memoryBytes = memoryBytes
    }
}

/// Makes the fits of a run from the resources that come before any of them.
package struct FitFactory {
    private let terms: RunTerms
    private let limits: FitLimits
    private let resources: [String: [UInt8]]

    /// Gathers what came.
    ///
    /// - Parameters:
    ///   - terms: What the welcome said.
    ///   - limits: What the process may use.
    ///   - resources: All resources that the terms name.
    package init(terms: RunTerms, limits: FitLimits, resources: [String: [UInt8]]) {
        self.terms = terms
        self.limits = limits
        self.resources = resources
    }

    /// Makes the fits.
    ///
    /// - Parameter delegate: Called by fits that read control cells.
    /// - Returns: How this process fits.
    /// - Throws: ``WorkerFailure`` when a resource is not what the welcome announced.
    package func make(delegate: ControlledFitsDelegate) throws(WorkerFailure) -> Fitting {
        let cache = try controlCache()
        switch (terms.options.method, terms.options.fitPath) {
        case (.nbGLM, .frozen):
            let analysis = FrozenAnalysis(cache: cache, options: terms.options)
            let factors = try SizeFactorTable(bytes: resources["size-factors"])
            return .alone(
                LoneFits(geneCount: terms.geneCount, kind: kind) {
                    (perturbation, segments) throws(WorkerFailure) in
                    analysis.fit(
                        perturbation: perturbation,
                        segments: segments,
                        sizeFactors: try factors.factors(of: segments)
                    )
                }
            )
        case (.nbGLM, .cached):
            let analysis = CachedAnalysis(
                cache: cache,
                options: terms.options,
                sizeFactors: try SizeFactorTable(bytes: resources["size-factors"]).byRow
            )
            return try together(analysis, delegate)
        case (.nbGLM, .fullDesign):
            let analysis = FullDesignAnalysis(
                cache: cache,
                options: terms.options,
                sizeFactors: try SizeFactorTable(bytes: resources["size-factors"]).byRow,
                covariates: try covariates()
            )
            return try together(analysis, delegate)
        case (.shrinkage, _):
            let analysis = ShrinkageAnalysis(
                cache: cache,
                options: terms.options,
                sizeFactors: try SizeFactorTable(bytes: resources["size-factors"]).byRow
            )
            return try together(analysis, delegate)
        case (.wilcoxon, _):
            return try together(RankSumAnalysis(cache: cache, options: terms.options), delegate)
        case (.tTest, _):
            let analysis = WelchAnalysis(cache: cache, options: terms.options)
            return .alone(
                LoneFits(geneCount: terms.geneCount, kind: kind) { perturbation, segments in
                    analysis.row(perturbation: perturbation, segments: segments)
                }
            )
        }
    }

    private func covariates() throws(WorkerFailure) -> CovariateTable {
        do throws(CovariateTableError) {
            return try CovariateTable(bytes: resources["covariates"] ?? [])
        } catch {
            throw WorkerFailure("\(error)")
        }
    }

    private var kind: SegmentHeader.Kind { terms.options.values.blockKind }

    private func controlCache() throws(WorkerFailure) -> ControlCache {
        let cache: ControlCache
        do throws(ControlCacheError) {
            cache = try ControlCache(bytes: resources["control-cache"] ?? [])
        } catch {
            throw WorkerFailure("\(error)")
        }
        guard cache.geneCount == terms.geneCount else {
            throw WorkerFailure("the control cache is of another screen")
        }
        return cache
    }

    /// Fits that read control cells, with memory shared between pieces and fits.
    private func together<Analysis: PhasedAnalysis>(
        _ analysis: Analysis,
        _ delegate: ControlledFitsDelegate
    ) throws(WorkerFailure) -> Fitting {
        guard
            let pieces = ControlPieces(
                bytes: resources["control-pieces"] ?? [],
                geneCount: terms.geneCount
            )
        else { throw WorkerFailure("the control's pieces are of another screen") }
        let setting = PhasedFitsSetting(
            geneCount: terms.geneCount,
            kind: kind,
            pieces: pieces,
            threads: limits.threads,
            pieceBytes: limits.memoryBytes / 2,
            fitBytes: limits.memoryBytes / 2,
            tileBytes: {
                analysis.tileBytes(nonzeros: $0.nonzeroCount, genes: $0.genes.count)
            },
            fitNeed: { [geneCount = terms.geneCount] order in
                // A nonzero takes at least three quarters of a byte in a block.
                LoneFits.memoryNeeded(blockBytes: order.block.count)
                    + analysis.fitBytes(nonzeros: order.block.count * 4 / 3, genes: geneCount)
            }
        )
        let fits = PhasedFits(analysis: analysis, setting: setting, delegate: delegate)
        return .together(fits, atOnce: setting.fitsAtOnce)
    }
}

/// Size factors of all cells of the file.
struct SizeFactorTable: Sendable {
    /// By file row; NaN for cells without a label.
    let byRow: [Double]

    init(bytes: [UInt8]?) throws(WorkerFailure) {
        guard let bytes, bytes.count % 8 == 0 else {
            throw WorkerFailure("the size factors are of another screen")
        }
        var reader = LittleEndianReader(bytes: bytes)
        byRow = reader.doubles(bytes.count / 8)
    }

    /// The size factors of some cells, in file order.
    func factors(of segments: [DecodedSegment]) throws(WorkerFailure) -> [Double] {
        var factors: [Double] = []
        for segment in segments {
            try segment.withCells { cells throws(WorkerFailure) in
                for row in cells.rows {
                    guard Int(row) < byRow.count, byRow[Int(row)].isFinite else {
                        throw WorkerFailure("cell \(row) has no size factor")
                    }
                    factors.append(byRow[Int(row)])
                }
            }
        }
        return factors
    }
}
