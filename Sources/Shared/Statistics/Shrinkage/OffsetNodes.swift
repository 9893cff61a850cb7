/// A few points that stand for all cells of a group in sums of smooth functions of the offset.
///
/// With ℓ_k the Lagrange polynomials through Chebyshev points o_k of the offsets' range,
/// Σ_i y_i f(o_i) = Σ_k f(o_k) Σ_i y_i ℓ_k(o_i) up to the error of interpolating f. The functions
/// summed here have their nearest singularities π away from the real axis (ln(e^(b + o) + ρ) and its
/// derivatives, whatever b and ρ), so that the error falls geometrically with the number of points
/// and is below rounding for about 30 in a range of four (Trefethen 2013, Approximation theory and
/// approximation practice, theorems 5.2 and 8.2). A wide range is cut into panels. A group of fewer
/// cells than points is left as it is.
package struct OffsetNodes: Sendable {
    /// Natural logarithms of the size factors of the cells, in file order; shape `[cells]`.
    package let cellOffsets: [Double]
    /// Size factors of the points, e^o_k; shape `[nodes]`.
    package let sizeFactors: [Double]
    /// o_k; shape `[nodes]`.
    package let offsets: [Double]
    /// Σ_i ℓ_k(o_i): how many cells each point stands for, not always positive; shape `[nodes]`.
    package private(set) var cellWeights: [Double]
    /// How cells are shared between points; nil where every cell is its own point.
    private let panels: Panels?

    /// Half of the widest panel: beyond it more panels need fewer points than wider ones.
    private static let widestPanel = 4.0
    /// -ln of the relative error of interpolation.
    private static let accuracy = 37.0

    /// Number of points.
    package var count: Int { sizeFactors.count }
    /// Most points that one cell is shared between.
    package var width: Int { panels?.width ?? 1 }

    /// Whether every cell is its own point.
    package var areCells: Bool { panels == nil }

    /// Chooses the points of a group.
    ///
    /// - Parameters:
    ///   - sizeFactors: Size factors in file order; floored at 1e-10; shape `[cells]`.
    ///   - isExact: Whether every cell shall be its own point.
    package init(sizeFactors: [Double], isExact: Bool = false) {
        let factors = sizeFactors.map { max($0, 1e-10) }
        let cellOffsets = factors.map { RealFunctions.log($0) }
        self.cellOffsets = cellOffsets
        let lowest = cellOffsets.min() ?? 0
        let highest = cellOffsets.max() ?? 0
        let panels = Panels(
            lowest: lowest,
            highest: highest,
            widest: Self.widestPanel,
            accuracy: Self.accuracy
        )
        guard !isExact, highest > lowest, panels.nodes.count < factors.count else {
            self.panels = nil
            self.sizeFactors = factors
            offsets = cellOffsets
            cellWeights = [Double](repeating: 1, count: factors.count)
            return
        }
        self.panels = panels
        offsets = panels.nodes
        self.sizeFactors = offsets.map { RealFunctions.exp($0) }
        cellWeights = [Double](repeating: 0, count: offsets.count)
        var shares = [Double](repeating: 0, count: panels.width)
        for offset in cellOffsets {
            let first = panels.share(offset, into: &shares)
            for index in 0..<panels.width { cellWeights[first + index] += shares[index] }
        }
    }

    /// Shares a cell between points.
    ///
    /// - Parameters:
    ///   - cell: Position of the cell in file order.
    ///   - shares: Receives ℓ_k(o_i) of the ``width`` points from the one returned on; sum 1.
    /// - Returns: The first of these points.
    package func share(cell: Int, into shares: inout [Double]) -> Int {
        guard let panels else {
            shares[0] = 1
            return cell
        }
        return panels.share(cellOffsets[cell], into: &shares)
    }
}

/// Chebyshev points on equal panels of a range.
private struct Panels: Sendable {
    /// Points of one panel.
    let width: Int
    /// Points of all panels, panel by panel.
    private(set) var nodes: [Double] = []
    /// Weights of barycentric interpolation in any panel.
    private let barycentric: [Double]
    private let lowest: Double
    private let panelWidth: Double
    private let panelCount: Int

    init(lowest: Double, highest: Double, widest: Double, accuracy: Double) {
        self.lowest = lowest
        let count = max(((highest - lowest) / widest).rounded(.up), 1)
        panelCount = Int(count)
        panelWidth = (highest - lowest) / count
        // The ellipse with foci at the panel's ends that touches the nearest singularities.
        let distance = 3.14159 / max(panelWidth / 2, 1e-3)
        let growth = RealFunctions.log(distance + (1 + distance * distance).squareRoot())
        width = Int((accuracy / growth).rounded(.up)) + 3
        let points = Self.chebyshevPoints(width)
        barycentric = points.indices.map { index in
            var product = 1.0
            for other in points.indices where other != index {
                product *= 2 * (points[index] - points[other])
            }
            return 1 / product
        }
        for panel in 0..<panelCount {
            let middle = lowest + (Double(panel) + 0.5) * panelWidth
            nodes += points.map { middle + 0.5 * panelWidth * $0 }
        }
    }

    /// Shares a position in the range between the points of its panel; returns the first of them.
    func share(_ offset: Double, into shares: inout [Double]) -> Int {
        let panel = min(max(Int((offset - lowest) / panelWidth), 0), panelCount - 1)
        let first = panel * width
        var total = 0.0
        for index in 0..<width {
            let distance = offset - nodes[first + index]
            if distance == 0 {
                for other in 0..<width { shares[other] = other == index ? 1 : 0 }
                return first
            }
            shares[index] = barycentric[index] / distance
            total += shares[index]
        }
        for index in 0..<width { shares[index] /= total }
        return first
    }

    /// Cosines of (2k + 1)π/(2n), by the power series of the sine around 0.
    ///
    /// A point some units of the last place off its place serves as well: the weights of
    /// interpolation are computed from the points as they are.
    private static func chebyshevPoints(_ count: Int) -> [Double] {
        (0..<count).map { index in
            let angle = Double(count - 1 - 2 * index) / Double(2 * count) * 3.141592653589793
            var term = angle
            var sum = angle
            var order = 1.0
            for _ in 0..<14 {
                term *= -angle * angle / ((order + 1) * (order + 2))
                sum += term
                order += 2
            }
            return sum
        }
    }
}
