/// The nonzero counts of one gene in a comparison, pattern by pattern.
package struct DesignCounts {
    /// Positions within the patterns and counts, those of the first pattern first.
    fileprivate(set) var positions: UnsafePointer<UInt32>
    fileprivate(set) var counts: UnsafePointer<UInt32>
    /// Where each pattern's nonzeros begin, and the end of the last; shape `[patterns + 1]`.
    fileprivate(set) var starts: UnsafePointer<Int>

    /// The nonzero counts of one pattern.
    @inline(__always)
    package func pattern(_ index: Int) -> GeneCounts {
        let length = starts[index + 1] - starts[index]
        return GeneCounts(
            positions: UnsafeBufferPointer(start: positions + starts[index], count: length),
            counts: UnsafeBufferPointer(start: counts + starts[index], count: length)
        )
    }
}

/// Memory that fits of one comparison use gene after gene.
///
/// `@unchecked`: each thread has its own.
package final class DesignScratch: @unchecked Sendable {
    /// The normal equations.
    let system: SmallSystem
    /// Sums of one pattern: Σ w and its products with numeric covariates, then Σ w z likewise.
    let moments: UnsafeMutableBufferPointer<Double>
    /// Fitted means of all cells, pattern by pattern, where numeric covariates make them differ.
    private let means: UnsafeMutableBufferPointer<Double>
    /// Weight over mean of the same cells.
    private let ratios: UnsafeMutableBufferPointer<Double>
    /// Coefficients that an iteration proposes; shape `[fitted columns]`.
    let proposed: UnsafeMutableBufferPointer<Double>
    /// The gene's counts, for the parts of the likelihood that depend on nothing else.
    var histogram = CountHistogram()
    /// Fitted means of the gene, pattern by pattern.
    var fitted: [PatternMeans] = []

    /// The matrix of the normal equations by rows; shape `[fitted columns * fitted columns]`.
    package var matrix: UnsafeMutableBufferPointer<Double> { system.matrix }
    /// Their right-hand side; shape `[fitted columns]`.
    package var right: UnsafeMutableBufferPointer<Double> { system.right }

    private let positions: UnsafeMutableBufferPointer<UInt32>
    private let counts: UnsafeMutableBufferPointer<UInt32>
    private let starts: UnsafeMutableBufferPointer<Int>
    private let cursors: UnsafeMutableBufferPointer<Int>

    /// Memory for one comparison.
    package init(model: ComparisonModel) {
        let fitted = model.fittedColumns.count
        let width = model.numericColumns.count + 1
        let numericCells = model.numericColumns.isEmpty ? 0 : model.cellCount
        system = SmallSystem(size: fitted)
        moments = .allocate(capacity: width * width + width)
        means = .allocate(capacity: numericCells)
        ratios = .allocate(capacity: numericCells)
        proposed = .allocate(capacity: fitted)
        positions = .allocate(capacity: max(model.cellCount, 1))
        counts = .allocate(capacity: max(model.cellCount, 1))
        starts = .allocate(capacity: model.patterns.count + 1)
        cursors = .allocate(capacity: model.patterns.count + 1)
        moments.initialize(repeating: 0)
        means.initialize(repeating: 0)
        ratios.initialize(repeating: 0)
        proposed.initialize(repeating: 0)
        positions.initialize(repeating: 0)
        counts.initialize(repeating: 0)
        starts.initialize(repeating: 0)
        cursors.initialize(repeating: 0)
    }

    deinit {
        moments.deallocate()
        means.deallocate()
        ratios.deallocate()
        proposed.deallocate()
        positions.deallocate()
        counts.deallocate()
        starts.deallocate()
        cursors.deallocate()
    }

    /// The fitted means of a pattern's cells.
    func means(_ pattern: ComparisonModel.Pattern) -> UnsafeMutableBufferPointer<Double> {
        let range = pattern.firstCell..<pattern.firstCell + pattern.cells.count
        return UnsafeMutableBufferPointer(rebasing: means[range])
    }

    /// Weight over mean of a pattern's cells.
    func ratios(_ pattern: ComparisonModel.Pattern) -> UnsafeMutableBufferPointer<Double> {
        let range = pattern.firstCell..<pattern.firstCell + pattern.cells.count
        return UnsafeMutableBufferPointer(rebasing: ratios[range])
    }

    /// Regroups a gene's counts by pattern.
    ///
    /// - Parameters:
    ///   - controlCounts: Nonzeros of the control cells; positions are places in file order.
    ///   - perturbedCounts: Nonzeros of the perturbation's cells; likewise.
    ///   - control: Patterns of the control cells.
    ///   - perturbed: Patterns of the perturbation's cells.
    /// - Returns: The counts, in memory that the next gene overwrites.
    package func regroup(
        control controlCounts: GeneCounts,
        perturbed perturbedCounts: GeneCounts,
        _ control: PatternOffsets,
        _ perturbed: PatternOffsets
    ) -> DesignCounts {
        cursors.update(repeating: 0)
        let firstPerturbed = control.groups.count
        count(controlCounts, control, firstPattern: 0)
        count(perturbedCounts, perturbed, firstPattern: firstPerturbed)
        var start = 0
        for pattern in 0..<(starts.count - 1) {
            starts[pattern] = start
            start += cursors[pattern]
            cursors[pattern] = starts[pattern]
        }
        starts[starts.count - 1] = start
        place(controlCounts, control, firstPattern: 0)
        place(perturbedCounts, perturbed, firstPattern: firstPerturbed)
        return DesignCounts(
            positions: UnsafePointer(positions.baseAddress.unsafelyUnwrapped),
            counts: UnsafePointer(counts.baseAddress.unsafelyUnwrapped),
            starts: UnsafePointer(starts.baseAddress.unsafelyUnwrapped)
        )
    }

    private func count(_ gene: GeneCounts, _ offsets: PatternOffsets, firstPattern: Int) {
        guard offsets.groups.count > 1 else {
            if !offsets.groups.isEmpty { cursors[firstPattern] = gene.counts.count }
            return
        }
        offsets.patterns.patternOfCell.withUnsafeBufferPointer { patterns in
            for cell in gene.positions { cursors[firstPattern + Int(patterns[Int(cell)])] += 1 }
        }
    }

    private func place(_ gene: GeneCounts, _ offsets: PatternOffsets, firstPattern: Int) {
        offsets.patterns.patternOfCell.withUnsafeBufferPointer { patterns in
            offsets.positionOfCell.withUnsafeBufferPointer { places in
                for index in 0..<gene.counts.count {
                    let cell = Int(gene.positions[index])
                    let pattern = firstPattern + Int(patterns[cell])
                    let place = cursors[pattern]
                    positions[place] = places[cell]
                    counts[place] = gene.counts[index]
                    cursors[pattern] = place + 1
                }
            }
        }
    }
}
