/// Shrinks the effect of one perturbation in a design of several columns.
///
/// Cells of equal design rows are summed together, so that a design of categories costs a few points a
/// category; with a numeric covariate every cell counts for itself.
package struct DesignShrinkage: Sendable {
    /// Most columns a design may have.
    package static let columnLimit = 64

    private let design: any ShrinkableDesign

    /// Room for one gene's sums, to be reused from gene to gene by one thread.
    package struct Scratch {
        fileprivate var nodeCounts: [Double]
        fileprivate var shares: [Double]
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
        Scratch(
            nodeCounts: [Double](repeating: 0, count: design.nodeCount),
            shares: [Double](repeating: 0, count: design.width)
        )
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
    /// Points of all strata.
    var nodeCount: Int { get }
    /// Most points that one cell is shared between.
    var width: Int { get }

    func shrink(
        _ parts: [(firstCell: Int, counts: GeneCounts)],
        _ earlier: EarlierFit,
        _ scratch: inout DesignShrinkage.Scratch
    ) -> ShrunkenEffect
}

/// A design whose columns are the lanes of a SIMD type.
private struct StratifiedDesign<Point: SIMD & Sendable>: ShrinkableDesign
where Point.Scalar == Double {
    private let model: PosteriorModel<Point>
    private let nodes: [OffsetNodes]
    /// Stratum of each cell, and its position there.
    private let stratum: [Int]
    private let position: [Int]
    let width: Int

    var nodeCount: Int { model.sizeFactors.count }

    init(_ input: DesignInput) {
        var stratumOfRow: [[UInt64]: Int] = [:]
        var points: [Point] = []
        var factors: [[Double]] = []
        var stratum: [Int] = []
        var position: [Int] = []
        for (cell, factor) in input.sizeFactors.enumerated() {
            let row = input.rows[cell * input.columns..<(cell + 1) * input.columns]
            let index = stratumOfRow[row.map(\.bitPattern), default: points.count]
            if index == points.count {
                stratumOfRow[row.map(\.bitPattern)] = index
                var point = Point(repeating: 0)
                for (column, value) in row.enumerated() { point[column] = value }
                points.append(point)
                factors.append([])
            }
            stratum.append(index)
            position.append(factors[index].count)
            factors[index].append(factor)
        }
        let nodes = factors.map { OffsetNodes(sizeFactors: $0) }
        var starts = [0]
        for group in nodes { starts.append(starts[starts.count - 1] + group.count) }
        self.nodes = nodes
        self.stratum = stratum
        self.position = position
        width = nodes.map(\.width).max() ?? 1
        model = PosteriorModel(
            strata: points.enumerated().map { index, row in
                CellStratum(row: row, nodes: starts[index]..<starts[index + 1])
            },
            sizeFactors: nodes.flatMap(\.sizeFactors),
            offsets: nodes.flatMap(\.offsets),
            cellWeights: nodes.flatMap(\.cellWeights),
            columns: input.columns,
            shrunken: input.shrunken,
            prior: CauchyPrior(scale: input.priorScale),
            minimumMean: 0
        )
    }

    func shrink(
        _ parts: [(firstCell: Int, counts: GeneCounts)],
        _ earlier: EarlierFit,
        _ scratch: inout DesignShrinkage.Scratch
    ) -> ShrunkenEffect {
        if let unshrunken = earlier.unshrunken(model.shrunken) { return unshrunken }
        var counts = PosteriorCounts<Point>(
            nodeCounts: [],
            designSums: Point(repeating: 0),
            offsetSum: 0,
            total: 0
        )
        // The room is lent, not copied.
        swap(&counts.nodeCounts, &scratch.nodeCounts)
        defer { swap(&counts.nodeCounts, &scratch.nodeCounts) }
        for index in counts.nodeCounts.indices { counts.nodeCounts[index] = 0 }
        for part in parts {
            for index in 0..<part.counts.counts.count {
                let cell = part.firstCell + Int(part.counts.positions[index])
                let y = Double(part.counts.counts[index])
                let group = model.strata[stratum[cell]]
                let nodes = nodes[stratum[cell]]
                let first =
                    group.nodes.lowerBound
                    + nodes.share(cell: position[cell], into: &scratch.shares)
                for share in 0..<nodes.width {
                    counts.nodeCounts[first + share] += y * scratch.shares[share]
                }
                counts.total += y
                counts.designSums += y * group.row
                counts.offsetSum += y * nodes.cellOffsets[position[cell]]
            }
        }
        return model.shrink(counts, earlier)
    }
}
