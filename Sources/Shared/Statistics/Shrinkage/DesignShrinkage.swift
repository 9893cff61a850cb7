/// Shrinks the effect of one perturbation in a design of several columns.
///
/// Cells of equal design rows are summed together, so that a design of categories costs a few nodes a
/// category; with a numeric covariate every cell counts for itself.
package struct DesignShrinkage: Sendable {
    /// Most columns a design may have.
    package static let columnLimit = 64

    private let design: any ShrinkableDesign

    /// Room for one gene's sums, to be reused from gene to gene by one thread.
    package struct Scratch {
        fileprivate var nodeCounts: [Double]
    }

    /// Prepares the sums that all genes share.
    ///
    /// - Parameters:
    ///   - rows: The design, cell by cell; shape `[cells x columns]`.
    ///   - columns: From 2 to ``columnLimit``.
    ///   - shrunken: The effect's column.
    ///   - sizeFactors: Size factor of each cell; shape `[cells]`.
    ///   - priorScale: σ, natural log.
    package init(
        rows: [Double],
        columns: Int,
        shrunken: Int,
        sizeFactors: [Double],
        priorScale: Double
    ) {
        precondition(rows.count == columns * sizeFactors.count, "one row for each cell")
        precondition((2...Self.columnLimit).contains(columns) && shrunken < columns)
        let input = DesignInput(
            rows: rows,
            columns: columns,
            shrunken: shrunken,
            sizeFactors: sizeFactors,
            priorScale: priorScale
        )
        switch columns {
        case ...2: design = StratifiedDesign<SIMD2<Double>>(input)
        case ...4: design = StratifiedDesign<SIMD4<Double>>(input)
        case ...8: design = StratifiedDesign<SIMD8<Double>>(input)
        case ...16: design = StratifiedDesign<SIMD16<Double>>(input)
        case ...32: design = StratifiedDesign<SIMD32<Double>>(input)
        default: design = StratifiedDesign<SIMD64<Double>>(input)
        }
    }

    /// Room for ``shrink(parts:earlier:scratch:)``.
    package func makeScratch() -> Scratch {
        Scratch(nodeCounts: [Double](repeating: 0, count: design.nodeCount))
    }

    /// Shrinks one gene.
    ///
    /// - Parameters:
    ///   - parts: The gene's nonzero counts; a position in a part, moved by the part's first cell, is
    ///     a cell of the design.
    ///   - earlier: The earlier fit, one coefficient a column.
    ///   - scratch: Room, left in any state.
    /// - Returns: Mode and error of the posterior.
    package func shrink(
        parts: [(firstCell: Int, counts: GeneCounts)],
        earlier: EarlierFit,
        scratch: inout Scratch
    ) -> ShrunkenEffect {
        design.shrink(parts, earlier, &scratch)
    }
}

/// What ``DesignShrinkage`` is made of.
private struct DesignInput {
    let rows: [Double]
    let columns: Int
    let shrunken: Int
    let sizeFactors: [Double]
    let priorScale: Double
}

/// A design of any number of columns.
private protocol ShrinkableDesign: Sendable {
    /// Nodes of all strata.
    var nodeCount: Int { get }

    func shrink(
        _ parts: [(firstCell: Int, counts: GeneCounts)],
        _ earlier: EarlierFit,
        _ scratch: inout DesignShrinkage.Scratch
    ) -> ShrunkenEffect
}

/// The nodes of the cells of one row of a design.
private struct StratumNodes: Sendable {
    var sizeFactors: [Double]
    var offsets: [Double]
    var cellWeights: [Double]
    /// Nodes and positions where cells share nodes; nil where every cell is a node.
    var shared: (nodes: SizeFactorNodes, position: [UInt32])?

    /// Fewer cells are nodes themselves.
    private static let fewCells = 16

    init(sizeFactors factors: [Double]) {
        let group = GroupOffsets(sizeFactors: factors)
        guard factors.count > Self.fewCells else {
            sizeFactors = factors.map { max($0, 1e-8) }
            offsets = sizeFactors.map { RealFunctions.log($0) }
            cellWeights = [Double](repeating: 1, count: factors.count)
            return
        }
        let nodes = SizeFactorNodes(group: group)
        sizeFactors = nodes.sizeFactors
        offsets = nodes.offsets
        cellWeights = nodes.cellWeights
        shared = (nodes, group.position)
    }

    /// Adds the count of a cell to the weights of its nodes.
    func add(_ count: Double, cell: Int, to weights: UnsafeMutablePointer<Double>) {
        guard let shared else {
            weights[cell] += count
            return
        }
        let position = Int(shared.position[cell])
        let interval = shared.nodes.interval(ofPosition: position)
        shared.nodes.addBasis(
            ofPosition: position,
            in: interval,
            times: count,
            to: weights + interval.nodes.lowerBound
        )
    }
}

/// A design whose columns are the lanes of a SIMD type.
private struct StratifiedDesign<Point: SIMD & Sendable>: ShrinkableDesign
where Point.Scalar == Double {
    private let model: PosteriorModel<Point>
    private let nodes: [StratumNodes]
    /// Stratum of each cell.
    private let stratum: [Int]
    /// Place of each cell in its stratum.
    private let place: [Int]

    var nodeCount: Int { model.sizeFactors.count }

    init(_ input: DesignInput) {
        var stratumOfRow: [[UInt64]: Int] = [:]
        var rows: [Point] = []
        var factors: [[Double]] = []
        var stratum: [Int] = []
        var place: [Int] = []
        for (cell, factor) in input.sizeFactors.enumerated() {
            let values = input.rows[cell * input.columns..<(cell + 1) * input.columns]
            let key = values.map(\.bitPattern)
            let index = stratumOfRow[key, default: rows.count]
            if index == rows.count {
                stratumOfRow[key] = index
                var row = Point(repeating: 0)
                for (column, value) in values.enumerated() { row[column] = value }
                rows.append(row)
                factors.append([])
            }
            stratum.append(index)
            place.append(factors[index].count)
            factors[index].append(factor)
        }
        let nodes = factors.map { StratumNodes(sizeFactors: $0) }
        var starts = [0]
        for group in nodes { starts.append(starts[starts.count - 1] + group.offsets.count) }
        self.nodes = nodes
        self.stratum = stratum
        self.place = place
        model = PosteriorModel(
            strata: rows.enumerated().map { index, row in
                CellStratum(row: row, nodes: starts[index]..<starts[index + 1])
            },
            sizeFactors: nodes.flatMap(\.sizeFactors),
            offsets: nodes.flatMap(\.offsets),
            cellWeights: nodes.flatMap(\.cellWeights),
            columns: input.columns,
            shrunken: input.shrunken,
            prior: CauchyPrior(scale: input.priorScale)
        )
    }

    func shrink(
        _ parts: [(firstCell: Int, counts: GeneCounts)],
        _ earlier: EarlierFit,
        _ scratch: inout DesignShrinkage.Scratch
    ) -> ShrunkenEffect {
        if let unshrunken = earlier.unshrunken(model.shrunken) { return unshrunken }
        var counts = PosteriorCounts<Point>(room: &scratch.nodeCounts)
        defer { counts.giveBack(&scratch.nodeCounts) }
        counts.nodeCounts.withUnsafeMutableBufferPointer { weights in
            weights.update(repeating: 0)
            guard let weights = weights.baseAddress else { return }
            for part in parts {
                for index in 0..<part.counts.counts.count {
                    let cell = part.firstCell + Int(part.counts.positions[index])
                    let y = Double(part.counts.counts[index])
                    let group = model.strata[stratum[cell]]
                    nodes[stratum[cell]].add(
                        y,
                        cell: place[cell],
                        to: weights + group.nodes.lowerBound
                    )
                    counts.total += y
                    counts.designSums += y * group.row
                }
            }
        }
        // The offset is its own interpolant.
        for index in counts.nodeCounts.indices {
            counts.offsetSum += counts.nodeCounts[index] * model.offsets[index]
        }
        return model.shrink(counts, earlier)
    }
}
