/// A few nodes that stand for all cells of a group in sums of smooth functions of ln s.
///
/// What a fit adds up over cells depends on a cell through its size factor s alone, as a function of
/// ln s whose nearest singularities lie π off the real axis (where μ = -1/α). On an interval of up to
/// 4 units such a function is its interpolant at up to 32 Chebyshev points to double precision
/// (Trefethen 2013, Approximation theory and approximation practice, chapter 8), so that a sum over
/// any number of cells is a sum over those points with the cells' Lagrange weights. Sums over the
/// deepest cells alone, which floors of the mean ask for, use weights kept for every 32nd cell and
/// add what is left cell by cell.
///
/// An interval with no more cells than nodes has its cells for nodes.
package struct SizeFactorNodes: Sendable {
    /// Size factors of the nodes; shape `[nodes]`, a multiple of four for each interval.
    package let sizeFactors: [Double]
    /// Natural logarithms of ``sizeFactors``.
    package let offsets: [Double]
    /// Σ over all cells of the Lagrange basis: Σ f over cells is Σ weight·f over nodes.
    package let cellWeights: [Double]

    /// A range of ln s with its nodes.
    struct Interval: Sendable {
        /// Positions of its cells in ``GroupOffsets``.
        var cells: Range<Int>
        /// Its nodes.
        var nodes: Range<Int>
        /// Where the basis of its first cell starts.
        var basisStart: Int
    }

    /// The intervals, deepest first.
    let intervals: [Interval]
    /// Most nodes of one interval.
    let widestInterval: Int
    /// Lagrange basis of each cell at its interval's nodes.
    private var basis: [Double]
    /// For every 32nd cell the weights of the cells before it in its interval.
    private var checkpoints: [Double]

    /// Cells, or nonzero counts, between two checkpoints.
    static let checkpointDistance = 32
    /// Largest width of an interval in ln s.
    private static let widest = 4.0

    /// Number of nodes.
    package var count: Int { sizeFactors.count }

    /// Chooses nodes for a group of cells.
    package init(group: borrowing GroupOffsets) {
        let offsets = group.offsets
        var nodeFactors: [Double] = []
        var nodeOffsets: [Double] = []
        var intervals: [Interval] = []
        var basis: [Double] = []
        var start = 0
        while start < offsets.count {
            var end = start + 1
            while end < offsets.count, offsets[start] - offsets[end] <= Self.widest { end += 1 }
            let nodes = Self.nodes(offsets[start..<end])
            let padded = (nodes.count + 3) & ~3
            intervals.append(
                Interval(
                    cells: start..<end,
                    nodes: nodeOffsets.count..<(nodeOffsets.count + padded),
                    basisStart: basis.count
                )
            )
            Self.appendBasis(of: offsets[start..<end], at: nodes, padded: padded, to: &basis)
            let filling = [Double](repeating: nodes[nodes.count - 1], count: padded - nodes.count)
            nodeOffsets += nodes + filling
            if nodes.count == end - start {
                // The cells themselves: their size factors, not those of rounded logarithms.
                nodeFactors += group.sizeFactors[start..<end]
                nodeFactors += [Double](
                    repeating: group.sizeFactors[end - 1],
                    count: padded - nodes.count
                )
            } else {
                nodeFactors += (nodes + filling).map { RealFunctions.exp($0) }
            }
            start = end
        }
        sizeFactors = nodeFactors
        self.offsets = nodeOffsets
        self.intervals = intervals
        self.basis = basis
        widestInterval = intervals.reduce(0) { max($0, $1.nodes.count) }
        var weights = [Double](repeating: 0, count: nodeFactors.count)
        checkpoints = [Double](
            repeating: 0,
            count: (offsets.count / Self.checkpointDistance + 1) * widestInterval
        )
        for interval in intervals {
            for cell in interval.cells {
                if cell % Self.checkpointDistance == 0 {
                    let place = cell / Self.checkpointDistance * widestInterval
                    for node in 0..<interval.nodes.count {
                        checkpoints[place + node] = weights[interval.nodes.lowerBound + node]
                    }
                }
                let row =
                    interval.basisStart
                    + (cell - interval.cells.lowerBound) * interval.nodes.count
                for node in 0..<interval.nodes.count {
                    weights[interval.nodes.lowerBound + node] += basis[row + node]
                }
            }
        }
        cellWeights = weights
    }

    /// The interval of a cell.
    func interval(ofPosition position: Int) -> Interval {
        var index = 0
        while intervals[index].cells.upperBound <= position { index += 1 }
        return intervals[index]
    }

    /// Adds a cell's basis, times a factor, to weights of its interval's nodes.
    func addBasis(
        ofPosition position: Int,
        in interval: Interval,
        times factor: Double,
        to weights: UnsafeMutablePointer<Double>
    ) {
        let row =
            interval.basisStart
            + (position - interval.cells.lowerBound) * interval.nodes.count
        basis.withUnsafeBufferPointer { basis in
            for node in 0..<interval.nodes.count { weights[node] += factor * basis[row + node] }
        }
    }

    /// The weights of those cells of an interval that come before a checkpoint.
    func withCheckpoint<Result>(
        _ index: Int,
        _ body: (UnsafePointer<Double>) -> Result
    ) -> Result {
        checkpoints.withUnsafeBufferPointer {
            body($0.baseAddress.unsafelyUnwrapped + index * widestInterval)
        }
    }
}

extension SizeFactorNodes {
    /// Nodes for descending offsets: the offsets themselves where they are no more than it takes.
    private static func nodes(_ offsets: ArraySlice<Double>) -> [Double] {
        guard let highest = offsets.first, let lowest = offsets.last else { return [] }
        let half = (highest - lowest) / 2
        if half == 0 { return [highest] }
        let count = nodeCount(halfWidth: half)
        if offsets.count <= count { return Array(offsets) }
        let middle = (highest + lowest) / 2
        return (0..<count).map { middle + half * chebyshevPoint($0, of: count) }
    }

    /// Nodes that bring the error of interpolation below rounding.
    ///
    /// It falls as R^-nodes, where R is the sum of the half axes of the largest ellipse without
    /// singularities whose foci are the ends of the interval, brought to [-1, 1].
    private static func nodeCount(halfWidth: Double) -> Int {
        let axis = 3.1 / halfWidth
        let growth = RealFunctions.log(axis + (axis * axis + 1).squareRoot())
        let needed = Int((39 / growth).rounded(.up))
        return (needed + 3) & ~3
    }

    /// cos(π (2 index + 1)/(2 count)) to a few units in the last place.
    private static func chebyshevPoint(_ index: Int, of count: Int) -> Double {
        // The sine of the complement, which lies within ±π/2, by its series.
        let angle = Double.pi * Double(count - 2 * index - 1) / Double(2 * count)
        var term = angle
        var sum = angle
        for order in 1..<14 {
            term *= -angle * angle / Double(2 * order * (2 * order + 1))
            sum += term
        }
        return sum
    }

    /// Appends the Lagrange basis of each offset, by the barycentric formula, padded with zeros.
    private static func appendBasis(
        of offsets: ArraySlice<Double>,
        at nodes: [Double],
        padded: Int,
        to basis: inout [Double]
    ) {
        let filling = [Double](repeating: 0, count: padded - nodes.count)
        if nodes.count == 1 || offsets.count == nodes.count {
            for cell in 0..<offsets.count {
                let own = nodes.count == 1 ? 0 : cell
                basis += nodes.indices.map { $0 == own ? 1 : 0 } + filling
            }
            return
        }
        let scale = 4 / (nodes[0] - nodes[nodes.count - 1])
        let weights = nodes.indices.map { node in
            1
                / nodes.indices.reduce(1.0) {
                    $1 == node ? $0 : $0 * ((nodes[node] - nodes[$1]) * scale)
                }
        }
        var terms = [Double](repeating: 0, count: nodes.count)
        for offset in offsets {
            if let hit = nodes.firstIndex(of: offset) {
                basis += nodes.indices.map { $0 == hit ? 1 : 0 }
            } else {
                var sum = 0.0
                for node in nodes.indices {
                    terms[node] = weights[node] / (offset - nodes[node])
                    sum += terms[node]
                }
                basis += terms.map { $0 / sum }
            }
            basis += filling
        }
    }
}
