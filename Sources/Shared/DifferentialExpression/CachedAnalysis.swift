package import CountBlocks
import Statistics
import Synchronization

/// Fits perturbations in the two-group model that shares the control's counts (docs/numbers.md, E13).
package struct CachedAnalysis: PhasedAnalysis {
    private let context: CachedContext

    /// Prepares fits with one cache and one set of options.
    ///
    /// - Parameters:
    ///   - cache: What was frozen of the screen.
    ///   - options: Options that decide the numbers.
    ///   - sizeFactors: Size factors by file row; control rows and those of perturbations are read.
    package init(cache: ControlCache, options: AnalysisOptions, sizeFactors: [Double]) {
        context = CachedContext(cache: cache, options: options, sizeFactors: sizeFactors)
    }

    /// The control's counts of some genes, prepared for all fits.
    package struct Tile: Sendable {
        let counts: MeasuredCounts
        let control: GroupCells
        /// How often each gene has each count; empty where no fit asks.
        let histograms: [CountHistogram]

        func histogram(_ gene: Int) -> CountHistogram {
            histograms[gene - counts.genes.lowerBound]
        }
    }

    package func tileBytes(nonzeros: Int, genes: Int) -> Int {
        // Up to 32 nodes for each factor of e⁴ between size factors, and 32 checked weights.
        let records = nonzeros / 32 + genes
        let histogram = context.needsHistograms ? 500 : 0
        return nonzeros * 8 + records * 300 + genes * (600 + histogram)
    }

    package func fitBytes(nonzeros: Int, genes: Int) -> Int { 8 * nonzeros + 500 * genes }

    /// Regroups the control's counts of some genes.
    package func makeTile(genes: Range<Int>, segments: [DecodedSegment]) -> Tile {
        let control = context.control(segments)
        let counts = control.counts(of: genes, in: segments)
        var histograms: [CountHistogram] = []
        if context.needsHistograms {
            histograms = genes.map { gene in
                var histogram = CountHistogram()
                counts.withGene(gene) { histogram.add($0.counts.counts) }
                return histogram
            }
        }
        return Tile(counts: counts, control: control, histograms: histograms)
    }

    /// Begins the fit of one perturbation.
    package func begin(perturbation: UInt32, segments: [DecodedSegment]) -> CachedFit {
        CachedFit(perturbation: perturbation, segments: segments, context: context)
    }
}

/// What all fits of a cached analysis share.
final class CachedContext: Sendable {
    let cache: ControlCache
    let options: AnalysisOptions
    let floor: MeanFloor
    let expression: ControlExpression
    private let sizeFactors: [Double]
    private let controlCells = Mutex<GroupCells?>(nil)

    init(cache: ControlCache, options: AnalysisOptions, sizeFactors: [Double]) {
        self.cache = cache
        self.options = options
        self.sizeFactors = sizeFactors
        floor = MeanFloor(minimum: options.minimumMean)
        expression = ControlExpression(cache: cache, filter: options.filter)
    }

    /// Where the dispersion of a test comes from.
    enum DispersionSource {
        /// One dispersion per gene, frozen.
        case global
        /// Each pair's posterior maximum.
        case posterior
        /// Each pair's moment estimate, drawn towards the trend.
        case empiricalBayes
        /// The fit's own, and none is reported.
        case none
    }

    var dispersionSource: DispersionSource {
        guard options.shrinkDispersion else { return .none }
        if options.usesGlobalDispersion { return .global }
        return options.useMAPDispersion ? .posterior : .empiricalBayes
    }

    var needsHistograms: Bool { dispersionSource == .posterior }

    /// The control cells, gathered once from whichever tile comes first.
    func control(_ segments: [DecodedSegment]) -> GroupCells {
        controlCells.withLock { known in
            if let known { return known }
            let cells = GroupCells(segments: segments, sizeFactors: sizeFactors)
            known = cells
            return cells
        }
    }

    func group(_ segments: [DecodedSegment]) -> GroupCells {
        GroupCells(segments: segments, sizeFactors: sizeFactors)
    }

    /// The standard error of an effect with unclamped weights at a dispersion.
    func standardError(controlWeight: Double, groupWeight: Double) -> Double {
        switch options.standardErrorMethod {
        case .sandwich:
            WaldTest.standardError(controlWeight: controlWeight, groupWeight: groupWeight)
        case .fisher:
            WaldTest.fisherStandardError(controlWeight: controlWeight, groupWeight: groupWeight)
        }
    }
}
