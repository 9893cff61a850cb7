/// Cells that share a row of the design, summed at a few points of their offsets.
struct CellStratum<Point: SIMD & Sendable>: Sendable
where Point.Scalar == Double {
    /// The row of the design; lanes beyond its columns are 0.
    var row: Point
    /// Their points among those of all strata.
    var nodes: Range<Int>
}

/// What the posterior of one gene's coefficients is made of, apart from its counts.
///
/// J(θ) = Σ [-Y η + (Y + ρ) ln(e^η + ρ)]/κ + Σ_j θ_j²/(2·15²) + ln(1 + (θ_s/σ)²), η = x·θ + o, ρ = 1/α,
/// where s is the column that is shrunk and j runs over all others (docs/numbers.md, E9; Zhu, Ibrahim
/// & Love 2019, section 2.2). κ = max(1, ΣY/10⁶) divides the likelihood but not the prior: the
/// published package's.
struct PosteriorModel<Point: SIMD & Sendable>: Sendable
where Point.Scalar == Double {
    /// Cells by row of the design.
    let strata: [CellStratum<Point>]
    /// Size factors of all strata's points.
    let sizeFactors: [Double]
    /// Offsets of all strata's points.
    let offsets: [Double]
    /// How many cells each point stands for.
    let cellWeights: [Double]
    /// Columns of the design.
    let columns: Int
    /// The column that is shrunk.
    let shrunken: Int
    /// The prior of that column's coefficient.
    var prior: CauchyPrior
    /// Floor of fitted means in J, not in the standard error; with one, every cell is a point.
    let minimumMean: Double

    /// Variance of the normal prior of all other coefficients.
    static var otherVariance: Double { 225 }
}

/// The counts of one gene as its posterior needs them.
struct PosteriorCounts<Point: SIMD & Sendable>: Sendable
where Point.Scalar == Double {
    /// Σ Y ℓ_k of each point.
    var nodeCounts: [Double]
    /// Σ Y x over all cells.
    var designSums: Point
    /// Σ Y o over all cells.
    var offsetSum: Double
    /// Σ Y over all cells.
    var total: Double
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
    private let logFloor: Double

    init(model: PosteriorModel<Point>, counts: PosteriorCounts<Point>, dispersion: Double) {
        self.model = model
        self.counts = counts
        size = 1 / dispersion
        divisor = max(1, counts.total / 1e6)
        logFloor = model.minimumMean > 0 ? RealFunctions.log(model.minimumMean) : -.infinity
    }

    /// J and its gradient.
    func evaluate(_ theta: Point) -> Evaluation {
        var found =
            model.minimumMean > 0 ? flooredLikelihood(theta) : likelihood(theta)
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

    /// The likelihood with a floor under the fitted means; every point is a cell.
    private func flooredLikelihood(_ theta: Point) -> Evaluation {
        var value = 0.0
        var gradient = Point(repeating: 0)
        for stratum in model.strata {
            let predictor = stratum.row.dot(theta)
            var slope = 0.0
            for cell in stratum.nodes {
                let count = counts.nodeCounts[cell]
                let eta = max(predictor + model.offsets[cell], logFloor)
                let mean = RealFunctions.exp(eta)
                value += (count + size) * RealFunctions.log(mean + size) - count * eta
                if eta > logFloor || predictor + model.offsets[cell] == logFloor {
                    slope += (count + size) * mean / (mean + size) - count
                }
            }
            gradient += slope * stratum.row
        }
        return Evaluation(value: value, gradient: gradient)
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
