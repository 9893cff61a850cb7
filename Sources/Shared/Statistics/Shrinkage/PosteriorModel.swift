/// Cells that share a row of the design, summed at a few nodes of their size factors.
struct CellStratum<Point: SIMD & Sendable>: Sendable
where Point.Scalar == Double {
    /// The row of the design; lanes beyond its columns are 0.
    var row: Point
    /// Their nodes among those of all strata.
    var nodes: Range<Int>
}

/// What the posterior of one gene's coefficients is made of, apart from its counts.
///
/// J(θ) = Σ [-Y η + (Y + ρ) ln(e^η + ρ)]/κ + Σ_j θ_j²/(2·15²) + ln(1 + (θ_s/σ)²), η = x·θ + o, ρ = 1/α,
/// where s is the column that is shrunk and j runs over all others (docs/numbers.md, E25; Zhu, Ibrahim
/// & Love 2019, section 2.2). κ = max(1, ΣY/10⁶) divides the likelihood but not the prior: the
/// published package's.
struct PosteriorModel<Point: SIMD & Sendable>: Sendable
where Point.Scalar == Double {
    /// Cells by row of the design.
    let strata: [CellStratum<Point>]
    /// Size factors of all strata's nodes.
    let sizeFactors: [Double]
    /// Offsets of all strata's nodes.
    let offsets: [Double]
    /// How many cells each node stands for.
    let cellWeights: [Double]
    /// Columns of the design.
    let columns: Int
    /// The column that is shrunk.
    let shrunken: Int
    /// The prior of that column's coefficient.
    var prior: CauchyPrior
    /// Floor of fitted means in J, not in the standard error; only in designs of two groups.
    var floor: MeanFloor?

    /// Variance of the normal prior of all other coefficients.
    static var otherVariance: Double { 225 }
}

/// The counts of one gene as its posterior needs them.
struct PosteriorCounts<Point: SIMD & Sendable>: Sendable
where Point.Scalar == Double {
    /// Weights with which Σ Y f over the cells is a sum over all nodes.
    var nodeCounts: [Double] = []
    /// Σ Y x over all cells.
    var designSums = Point(repeating: 0)
    /// Σ Y o over all cells.
    var offsetSum = 0.0
    /// Σ Y over all cells.
    var total = 0.0

    /// No counts, in borrowed room for the nodes.
    init(room: inout [Double]) {
        // Lent, not copied.
        swap(&nodeCounts, &room)
    }

    /// Gives the room back.
    mutating func giveBack(_ room: inout [Double]) {
        swap(&nodeCounts, &room)
    }
}

/// The posterior of one gene: value and gradient of J, information.
struct GenePosterior<Point: SIMD & Sendable>
where Point.Scalar == Double {
    typealias Evaluation = BoundedMinimiser<Point>.Evaluation

    private let model: PosteriorModel<Point>
    private let counts: PosteriorCounts<Point>
    /// ρ = 1/α.
    private let size: Double
    /// κ.
    private let divisor: Double
    /// The groups cell by cell where means have a floor, in the order of the strata.
    private let floored: [FlooredGroup]

    init(
        model: PosteriorModel<Point>,
        counts: PosteriorCounts<Point>,
        dispersion: Double,
        floored: [FlooredGroup]
    ) {
        self.floored = floored
        self.model = model
        self.counts = counts
        size = 1 / dispersion
        divisor = max(1, counts.total / 1e6)
    }

    /// J and its gradient.
    func evaluate(_ theta: Point) -> Evaluation {
        var found = model.floor.map { flooredLikelihood(theta, $0) } ?? likelihood(theta)
        found.value /= divisor
        found.gradient /= divisor
        for column in 0..<model.columns where column != model.shrunken {
            found.value += theta[column] * theta[column] / (2 * PosteriorModel<Point>.otherVariance)
            found.gradient[column] += theta[column] / PosteriorModel<Point>.otherVariance
        }
        found.value += model.prior.penalty(theta[model.shrunken])
        found.gradient[model.shrunken] += model.prior.slope(theta[model.shrunken])
        return found
    }

    private func likelihood(_ theta: Point) -> Evaluation {
        var value = 0.0
        var gradient = Point(repeating: 0)
        let size = size
        model.sizeFactors.withUnsafeBufferPointer { factors in
            model.cellWeights.withUnsafeBufferPointer { cells in
                counts.nodeCounts.withUnsafeBufferPointer { counts in
                    for stratum in model.strata {
                        let predictor = stratum.row.dot(theta)
                        let scale = RealFunctions.exp(predictor)
                        var slope = 0.0
                        for node in stratum.nodes {
                            let weight = size * cells[node] + counts[node]
                            let mean = scale * factors[node]
                            let sum = mean + size
                            value += weight * RealFunctions.log(sum)
                            slope += weight * (mean / sum)
                        }
                        gradient += slope * stratum.row
                    }
                }
            }
        }
        value -= theta.dot(counts.designSums) + counts.offsetSum
        if !value.isFinite { value = valueOfHugeMeans(theta) }
        return Evaluation(value: value, gradient: gradient - counts.designSums)
    }

    /// The same value where a fitted mean is too large for a number.
    private func valueOfHugeMeans(_ theta: Point) -> Double {
        var value = -(theta.dot(counts.designSums) + counts.offsetSum)
        for stratum in model.strata {
            let predictor = stratum.row.dot(theta)
            for node in stratum.nodes {
                let weight = size * model.cellWeights[node] + counts.nodeCounts[node]
                let eta = predictor + model.offsets[node]
                value +=
                    weight * (eta > 700 ? eta : RealFunctions.log(RealFunctions.exp(eta) + size))
            }
        }
        return value
    }

    /// The likelihood with a floor under the fitted means.
    private func flooredLikelihood(_ theta: Point, _ floor: MeanFloor) -> Evaluation {
        var found = Evaluation(value: 0, gradient: Point(repeating: 0))
        for (stratum, group) in zip(model.strata, floored) {
            let sums = group.sums(
                predictor: stratum.row.dot(theta),
                size: size,
                floor: floor
            )
            found.value += sums.value
            found.gradient += sums.slope * stratum.row
        }
        return found
    }

    /// The posterior standard error of the shrunken coefficient; nil where there is none.
    ///
    /// The inverse of the information XᵀWX/κ with the curvature of both priors, W = μρ/(μ + ρ) at means
    /// without a floor. Where a far-off coefficient makes its curvature negative the variance is
    /// floored at 1e-10: the published package's.
    func standardError(_ theta: Point) -> Double? {
        var information = SymmetricMatrix<Point>(diagonal: 0)
        for stratum in model.strata {
            let scale = RealFunctions.exp(stratum.row.dot(theta))
            var weight = 0.0
            for node in stratum.nodes {
                let mean = scale * model.sizeFactors[node]
                weight += model.cellWeights[node] * (mean * size / (mean + size))
            }
            information.add(weight / divisor, timesSquareOf: stratum.row)
        }
        for column in 0..<model.columns where column != model.shrunken {
            information[column, column] += 1 / PosteriorModel<Point>.otherVariance
        }
        information[model.shrunken, model.shrunken] +=
            model.prior.curvature(theta[model.shrunken])
        let rest = information.remainder(of: model.shrunken, columns: model.columns)
        guard rest != 0 else { return nil }
        let variance = 1 / rest
        return (variance < 1e-10 ? 1e-10 : variance).squareRoot()
    }
}
