package import ComputeThreads
package import CountBlocks
import Statistics

/// What the global stage produces: the frozen cache and each cell's size factor.
package struct GlobalResult: Sendable {
    /// Per-gene values that every fit uses.
    package var cache: ControlCache
    /// Size factors by file row; NaN for cells without a label.
    package var sizeFactors: [Double]

    /// Pairs a cache with the size factors it was made with.
    package init(cache: ControlCache, sizeFactors: [Double]) {
        self.cache = cache
        self.sizeFactors = sizeFactors
    }
}

/// The dispersion of each gene over all labelled cells; all arrays have shape `[genes]`.
package struct ScreenDispersions: Sendable {
    /// Mean of count over size factor.
    package var means: [Double]
    /// Moment estimate from the gene's own counts.
    package var own: [Double]
    /// The trend at the gene's mean.
    package var trend: [Double]
    /// What tests use: the geometric mean of the two.
    package var combined: [Double]
}

/// Computes what belongs to the screen as a whole, before any perturbation is fitted.
///
/// Four streaming passes over the count blocks (gene sums, size factors, scaled sums, and, only
/// for genes so rare that a floor binds, their dispersion terms), then the control fit by tiles.
package struct GlobalStage {
    let screen: ScreenCounts
    let options: AnalysisOptions
    private let team: ThreadTeam
    private let memoryBytes: Int
    var sweep: SegmentSweep { SegmentSweep(screen: screen, team: team) }

    /// Prepares the stage.
    ///
    /// - Parameters:
    ///   - screen: The screen's count blocks.
    ///   - options: Options that decide the numbers.
    ///   - team: Threads to compute with.
    ///   - memoryBytes: Budget for the control tiles.
    package init(
        screen: ScreenCounts,
        options: AnalysisOptions,
        team: ThreadTeam,
        memoryBytes: Int
    ) {
        self.screen = screen
        self.options = options
        self.team = team
        self.memoryBytes = memoryBytes
    }

    /// Runs the stage.
    ///
    /// - Parameter userSizeFactors: Factors by file row, used instead of estimates; nil to estimate.
    /// - Returns: The cache and the size factors it was made with.
    /// - Throws: `CountBlockError` when a spilled block cannot be read back.
    package func run(userSizeFactors: [Double]?) throws(CountBlockError) -> GlobalResult {
        let sizeFactors = try sizeFactors(userSizeFactors)
        if options.fitPath == .fullDesign {
            let cache = try fullDesignCache()
            return GlobalResult(cache: cache, sizeFactors: sizeFactors)
        }
        var cache = ControlCache(geneCount: screen.geneCount)
        if options.usesGlobalDispersion {
            let dispersions = try dispersions(sizeFactors: sizeFactors)
            cache[.dispersion] = dispersions.combined
            cache[.dispersionTrend] = dispersions.trend
        }
        try fitControl(into: &cache, sizeFactors)
        return GlobalResult(cache: cache, sizeFactors: sizeFactors)
    }

    /// Estimates the dispersion of every gene over all labelled cells (docs/numbers.md, E3).
    ///
    /// - Parameter sizeFactors: Size factors by file row, as ``run(userSizeFactors:)`` gives them.
    /// - Returns: The estimates and what they were made from.
    /// - Throws: `CountBlockError` when a spilled block cannot be read back.
    package func dispersions(
        sizeFactors: [Double]
    ) throws(CountBlockError) -> ScreenDispersions {
        let all = try scaledSums(of: screen.summationOrder, sizeFactors)
        let labelled = screen.labelledCells
        let means = all.scaled.map { $0 / Double(labelled.count) }
        let global = GlobalDispersion(
            cells: GroupOffsets(sizeFactors: labelled.map { sizeFactors[$0] })
        )
        let own = try ownDispersions(means, all, global, sizeFactors)
        let fitted = DispersionTrend(means: means, dispersions: own)
        let trend = means.map { fitted.value(atMean: $0) }
        return ScreenDispersions(
            means: means,
            own: own,
            trend: trend,
            combined: zip(own, trend).map { GlobalDispersion.combine(own: $0, trend: $1) }
        )
    }

    private func fitControl(
        into cache: inout ControlCache,
        _ sizeFactors: [Double]
    ) throws(CountBlockError) {
        let control = GroupOffsets(sizeFactors: screen.controlCells.map { sizeFactors[$0] })
        let sums = try scaledSums(of: [screen.controlGroup], sizeFactors)
        cache.controlCells = control.count
        cache.controlMedianOffset = control.medianOffset
        cache[.controlExpressing] = sums.detections
        cache[.controlMean] = controlMeans(sums, control)
        let stage = ControlStage(
            screen: screen,
            options: options,
            team: team,
            memoryBytes: memoryBytes
        )
        let fitted = try stage.run(
            control: control,
            detections: sums.detections.map { Int($0) },
            countSums: sums.counts
        )
        cache[.intercept] = fitted.intercept
        cache[.controlDispersion] = fitted.dispersion
        cache[.controlWeight] = fitted.weight
    }

    /// Mean of each gene over the control cells, as the filter and the trend take it.
    ///
    /// The mean of Y/s; but in cached fits, where more than four of five entries are 0, the mean of Y
    /// over the mean of s, as the published package has it.
    private func controlMeans(_ sums: ScaledSums, _ control: GroupOffsets) -> [Double] {
        let cells = Double(control.count)
        let entries = cells * Double(screen.geneCount)
        let nonzeroShare = sums.detections.reduce(0, +) / entries
        guard options.fitPath == .cached, 1 - nonzeroShare > 0.8 else {
            return sums.scaled.map { $0 / cells }
        }
        let meanSizeFactor = FixedOrderSums.mean(control.sizeFactors)
        return sums.counts.map { $0 / cells / meanSizeFactor }
    }

    // MARK: - Sums of scaled counts

    /// Sums over the cells of a group, per gene.
    private struct ScaledSums {
        /// Σ Y/s.
        var scaled: [Double]
        /// Σ (Y² - Y)/s².
        var excess: [Double]
        /// Σ Y.
        var counts: [Double]
        /// Cells with a nonzero count.
        var detections: [Double]
    }

    private func scaledSums(
        of groups: [Int],
        _ sizeFactors: [Double]
    ) throws(CountBlockError) -> ScaledSums {
        let genes = screen.geneCount
        let sums = try sweep.sums(over: groups, fields: 4) { segment, sums in
            for cell in 0..<segment.rows.count {
                let inverse = 1 / max(sizeFactors[Int(segment.rows[cell])], 1e-8)
                for index in segment.starts[cell]..<segment.starts[cell + 1] {
                    let gene = Int(segment.genes[index])
                    let y = Double(segment.counts[index])
                    sums[gene] += y * inverse
                    sums[genes + gene] += (y * y - y) * (inverse * inverse)
                    sums[2 * genes + gene] += y
                    sums[3 * genes + gene] += 1
                }
            }
        }
        func field(_ index: Int) -> [Double] { Array(sums[index * genes..<(index + 1) * genes]) }
        return ScaledSums(
            scaled: field(0),
            excess: field(1),
            counts: field(2),
            detections: field(3)
        )
    }

    // MARK: - Global dispersion

    private func ownDispersions(
        _ means: [Double],
        _ sums: ScaledSums,
        _ dispersion: GlobalDispersion,
        _ sizeFactors: [Double]
    ) throws(CountBlockError) -> [Double] {
        let isUnbounded = means.map { dispersion.isUnbounded(normalizedMean: $0) }
        let scales = means.map { dispersion.scale(normalizedMean: $0) }
        var excess = [Double](repeating: 0, count: means.count)
        let needsCells = means.indices.contains {
            !isUnbounded[$0] && sums.detections[$0] > 0
        }
        if needsCells {
            excess = try sweep.sums(over: screen.summationOrder, fields: 1) { segment, sums in
                for cell in 0..<segment.rows.count {
                    let factor = max(sizeFactors[Int(segment.rows[cell])], 1e-8)
                    for index in segment.starts[cell]..<segment.starts[cell + 1] {
                        let gene = Int(segment.genes[index])
                        guard !isUnbounded[gene] else { continue }
                        sums[gene] += dispersion.excess(
                            count: Double(segment.counts[index]),
                            sizeFactor: factor,
                            scale: scales[gene]
                        )
                    }
                }
            }
        }
        return means.indices.map { gene in
            isUnbounded[gene]
                ? dispersion.fromSums(
                    normalizedMean: means[gene],
                    scaledSum: sums.scaled[gene],
                    scaledExcess: sums.excess[gene]
                )
                : dispersion.fromExcess(normalizedMean: means[gene], excess: excess[gene])
        }
    }
}
