/// Dispersion and standard error with means that the fit's floor does not touch.
extension ComparisonModel {
    /// The moment estimate that the prior of the posterior dispersion is made of.
    ///
    /// - Parameters:
    ///   - coefficients: β of a fitted gene.
    ///   - gene: The gene's counts, by the patterns of this model.
    ///   - scratch: Memory.
    /// - Returns: The estimate, from 1e-8 to the number of cells.
    package func unclampedMoments(
        coefficients: UnsafePointer<Double>,
        gene: DesignCounts,
        scratch: DesignScratch
    ) -> Double {
        var total = 0.0
        if numericColumns.isEmpty {
            for index in patterns.indices {
                let pattern = patterns[index]
                total += UnclampedMeans.moments(
                    predictor: predictor(pattern, coefficients),
                    group: pattern.cells,
                    gene: gene.pattern(index)
                )
            }
        } else {
            prepareMeans(coefficients, .unclamped, gene, scratch)
            for index in patterns.indices {
                let means = scratch.means(patterns[index])
                for mean in means { total += UnclampedMeans.emptyMoment(mean: mean) }
                let counts = gene.pattern(index)
                for index in 0..<counts.counts.count {
                    total += UnclampedMeans.momentExcess(
                        count: Double(counts.counts[index]),
                        mean: means[Int(counts.positions[index])]
                    )
                }
            }
        }
        return searchedMoments(total)
    }

    /// The same for a gene without a fit, whose means are each cell's count over its size factor.
    ///
    /// - Parameter gene: The gene's counts, by the patterns of this model.
    /// - Returns: The estimate, within the same limits.
    package func scaledCountMoments(gene: DesignCounts) -> Double {
        var total = 0.0
        var empty = cellCount
        for index in patterns.indices {
            let factors = patterns[index].cells.sizeFactors
            let counts = gene.pattern(index)
            empty -= counts.counts.count
            for index in 0..<counts.counts.count {
                let y = Double(counts.counts[index])
                let mean = max(y / factors[Int(counts.positions[index])], UnclampedMeans.floor)
                total +=
                    UnclampedMeans.emptyMoment(mean: mean)
                    + UnclampedMeans.momentExcess(count: y, mean: mean)
            }
        }
        total += Double(empty) * UnclampedMeans.emptyMoment(mean: UnclampedMeans.floor)
        return searchedMoments(total)
    }

    private func searchedMoments(_ total: Double) -> Double {
        ComparisonDispersion.moments(
            total: total,
            cells: cellCount,
            largest: ComparisonDispersion.largestSearched(cells: cellCount)
        )
    }

    /// The log-likelihood of a fitted gene at ρ = 1/α, without what depends on counts and ρ alone.
    package func unclampedLikelihood(
        rho: Double,
        coefficients: UnsafePointer<Double>,
        gene: DesignCounts,
        scratch: DesignScratch
    ) -> Double {
        prepareMeans(coefficients, .unclamped, gene, scratch)
        return logLikelihood(rho: rho, gene, scratch)
            - scratch.histogram.logGammaRatioSum(rho: rho)
    }

    /// The posterior dispersion of a fitted gene.
    ///
    /// - Parameters:
    ///   - posterior: The comparison's estimates.
    ///   - trend: The trend at the gene.
    ///   - coefficients: β of the gene.
    ///   - gene: The gene's counts, by the patterns of this model.
    ///   - scratch: Memory.
    /// - Returns: α, from 1e-8 to the number of cells.
    package func posteriorDispersion(
        _ posterior: PosteriorDispersion,
        trend: Double,
        coefficients: UnsafePointer<Double>,
        gene: DesignCounts,
        scratch: DesignScratch
    ) -> Double {
        prepareMeans(coefficients, .unclamped, gene, scratch)
        return posterior.estimate(trend: trend) { logLikelihood(rho: $0, gene, scratch) }
    }

    /// The same for a gene without a fit, whose means are each cell's count over its size factor.
    package func scaledCountDispersion(
        _ posterior: PosteriorDispersion,
        trend: Double,
        gene: DesignCounts,
        scratch: DesignScratch
    ) -> Double {
        scratch.histogram.removeAll()
        var empty = cellCount
        for index in patterns.indices {
            let counts = gene.pattern(index).counts
            scratch.histogram.add(counts)
            empty -= counts.count
        }
        return posterior.estimate(trend: trend) { rho in
            var sum =
                Double(empty)
                * NegativeBinomialLikelihood.cellTerm(mean: UnclampedMeans.floor, rho: rho)
            for index in patterns.indices {
                let factors = patterns[index].cells.sizeFactors
                let counts = gene.pattern(index)
                for index in 0..<counts.counts.count {
                    let y = Double(counts.counts[index])
                    let mean = max(y / factors[Int(counts.positions[index])], UnclampedMeans.floor)
                    sum +=
                        NegativeBinomialLikelihood.cellTerm(mean: mean, rho: rho)
                        + y * NegativeBinomialLikelihood.countTerm(mean: mean, rho: rho)
                }
            }
            return sum + scratch.histogram.logGammaRatioSum(rho: rho)
        }
    }

    /// The standard error of the effect at a dispersion, with means without the fit's floor.
    ///
    /// - Parameters:
    ///   - coefficients: β of the gene.
    ///   - dispersion: α.
    ///   - gene: The gene's counts, by the patterns of this model.
    ///   - scratch: Memory.
    /// - Returns: The error, at least 1e-5; nil for a singular information.
    package func unclampedStandardError(
        coefficients: UnsafePointer<Double>,
        dispersion: Double,
        gene: DesignCounts,
        scratch: DesignScratch
    ) -> Double? {
        scratch.system.clear()
        if numericColumns.isEmpty {
            for pattern in patterns {
                let weight = UnclampedMeans.weight(
                    predictor: predictor(pattern, coefficients),
                    dispersion: dispersion,
                    group: pattern.cells
                )
                add(pattern, weight: weight, response: 0, scratch.system)
            }
        } else {
            prepareMeans(coefficients, .unclamped, gene, scratch)
            for pattern in patterns {
                scratch.moments.update(repeating: 0)
                NumericPatternSums(pattern: pattern).addInformation(
                    means: scratch.means(pattern),
                    dispersion: dispersion,
                    moments: scratch.moments
                )
                addMoments(pattern, scratch)
            }
        }
        scratch.system.addToDiagonal(Self.ridge)
        guard scratch.system.factor() else { return nil }
        return max(scratch.system.inverseDiagonal(1), 1e-10).squareRoot()
    }
}
