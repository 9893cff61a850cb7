package import CountBlocks
package import Statistics
import Synchronization

/// Fits the whole design of each comparison anew (docs/numbers.md, E14-E17).
///
/// Serves models with covariates, size factors of the comparison alone, and two-group models that
/// share nothing with other perturbations.
package final class FullDesignAnalysis: PhasedAnalysis {
    let geneCount: Int
    let controlCells: Int
    let controlExpressing: [Double]
    let controlCountSums: [Double]
    let options: AnalysisOptions
    let covariates: CovariateTable
    private let sizeFactors: [Double]
    /// The same for every tile; made with the first.
    private let control = Mutex<FullDesignControl?>(nil)

    /// Prepares fits.
    ///
    /// - Parameters:
    ///   - cache: What was frozen of the control cells.
    ///   - options: Options that decide the numbers.
    ///   - sizeFactors: Global size factors by file row.
    ///   - covariates: Covariates by file row.
    package init(
        cache: ControlCache,
        options: AnalysisOptions,
        sizeFactors: [Double],
        covariates: CovariateTable
    ) {
        geneCount = cache.geneCount
        controlCells = cache.controlCells
        controlExpressing = cache[.controlExpressing]
        controlCountSums = cache[.controlCountSum]
        self.options = options
        self.sizeFactors = sizeFactors
        self.covariates = covariates
    }

    /// What decides the iterations.
    var fitOptions: FullDesignOptions {
        FullDesignOptions(
            minimumMean: options.minimumMean,
            tolerance: options.tolerance,
            maximumIterations: options.maximumIterations,
            poissonIterations: options.poissonIterations
        )
    }

    /// Some cells by pattern, with their global size factors.
    func globalOffsets(_ patterns: CellPatterns, rows: [UInt32]) -> PatternOffsets {
        PatternOffsets(patterns: patterns, sizeFactors: rows.map { sizeFactors[Int($0)] })
    }

    package func tileBytes(nonzeros: Int, genes: Int) -> Int { 8 * nonzeros + 64 * genes }

    package func fitBytes(nonzeros: Int, genes: Int) -> Int {
        // The state of every gene, and a size factor of every control cell.
        8 * nonzeros + 800 * genes + 40 * controlCells
    }

    package func makeTile(genes: Range<Int>, segments: [DecodedSegment]) -> FullDesignTile {
        let control = control.withLock { known in
            if let known { return known }
            let rows = FullDesignControl.rows(segments)
            let patterns = CellPatterns(rows: rows, covariates: covariates)
            let made = FullDesignControl(
                patterns: patterns,
                offsets: globalOffsets(patterns, rows: rows)
            )
            known = made
            return made
        }
        let counts = GeneMajorCounts(genes: genes, segments: segments)
        return FullDesignTile(
            counts: counts,
            control: control,
            logSums: options.sizeFactorScope == .perComparison ? counts.logSums() : []
        )
    }

    package func begin(perturbation: UInt32, segments: [DecodedSegment]) -> FullDesignFit {
        FullDesignFit(analysis: self, perturbation: perturbation, segments: segments)
    }
}

/// The control cells of all full-design fits of a process.
final class FullDesignControl: Sendable {
    /// The cells by pattern.
    let patterns: CellPatterns
    /// The same with global size factors.
    let offsets: PatternOffsets

    init(patterns: CellPatterns, offsets: PatternOffsets) {
        self.patterns = patterns
        self.offsets = offsets
    }

    /// File rows of all cells, in order.
    static func rows(_ segments: [DecodedSegment]) -> [UInt32] {
        segments.flatMap { segment in segment.withCells { Array($0.rows) } }
    }
}

/// Control counts of some genes, as full-design fits visit them.
package struct FullDesignTile: Sendable {
    /// The counts; positions are places among the control cells in file order.
    let counts: GeneMajorCounts
    /// The control cells.
    let control: FullDesignControl
    /// Σ ln Y over the nonzeros of each gene, where comparisons have their own size factors.
    let logSums: [Double]

    /// The tile's genes.
    package var genes: Range<Int> { counts.genes }
}

extension GeneMajorCounts {
    /// Σ ln Y over the nonzeros of each gene held; shape `[genes]`.
    func logSums() -> [Double] {
        let logs = LogTable()
        return genes.map { gene in
            withGene(gene) { $0.counts.reduce(0) { $0 + logs.log($1) } }
        }
    }

    /// Σ Y of each gene held; shape `[genes]`.
    func sums() -> [Double] {
        genes.map { gene in withGene(gene) { $0.counts.reduce(0) { $0 + Double($1) } } }
    }
}
