import Statistics
import Synchronization

extension FullDesignFit {
    /// One gene in the hands of one thread.
    struct GeneVisit {
        let gene: Int
        let control: GeneCounts
        let perturbed: GeneCounts
        let comparison: FullDesignComparison
        let scratch: DesignScratch

        var model: ComparisonModel { comparison.fitted.model }

        func fittedCounts() -> DesignCounts {
            comparison.fitted.counts(control, perturbed, scratch)
        }

        func posteriorCounts() -> DesignCounts {
            comparison.posterior.counts(control, perturbed, scratch)
        }
    }

    /// Does the present phase's work for one gene.
    func visit(_ visit: GeneVisit) {
        let index = Int(genes.fittedIndex[visit.gene])
        switch phase {
        case .nothingToFit, .logSums, .sizeFactors, .shrinkEffects: break
        case .poisson:
            if index >= 0, !visit.model.hasMissingNumber { fitPoisson(visit, index) }
        case .fit:
            fit(visit, index)
            if visit.model.columnCount == 2 || index < 0 { finish(visit, index) }
        case .batch:
            guard index >= 0 else { return }
            fit(visit, index)
            finish(visit, index)
        case .posterior: estimatePosterior(visit, index)
        }
    }

    private func fitPoisson(_ visit: GeneVisit, _ index: Int) {
        visit.model.fitPoisson(
            coefficients: visit.comparison.coefficients(index),
            iterations: poissonTarget,
            options: analysis.fitOptions,
            gene: visit.fittedCounts(),
            scratch: visit.scratch,
            noteBelow: { iteration in agreeing.withLock { $0[iteration - 1] += 1 } }
        )
    }

    private func fit(_ visit: GeneVisit, _ index: Int) {
        guard index >= 0 else { return }
        let options = analysis.fitOptions
        guard !visit.model.hasMissingNumber else {
            // Nothing is fitted; the published package runs out of iterations here.
            genes.states[index].iterations = options.maximumIterations
            return
        }
        let coefficients = visit.comparison.coefficients(index)
        let counts = visit.fittedCounts()
        if phase == .fit, poissonTarget < options.poissonIterations {
            visit.model.fitPoisson(
                coefficients: coefficients,
                iterations: poissonTarget,
                options: options,
                gene: counts,
                scratch: visit.scratch,
                noteBelow: { _ in }
            )
        }
        if visit.model.columnCount == 2 {
            visit.model.fitTwoColumns(
                coefficients: coefficients,
                state: &genes.states[index],
                options: options,
                gene: counts,
                scratch: visit.scratch
            )
        } else {
            visit.model.fitManyColumns(
                coefficients: coefficients,
                state: &genes.states[index],
                until: phase == .batch ? batchTargets[index / batchSize] : nil,
                options: options,
                gene: counts,
                scratch: visit.scratch
            )
        }
    }

    /// Estimates what every gene has once its fit has ended: mean, dispersion, standard error.
    private func finish(_ visit: GeneVisit, _ index: Int) {
        let options = analysis.options
        let counts = visit.fittedCounts()
        if index >= 0 { estimateOwn(visit, index, counts) }
        guard options.shrinkDispersion else { return }
        genes.means[visit.gene] = visit.model.scaledMean(gene: counts)
        guard options.useMAPDispersion else { return }
        let isFitted = index >= 0 && genes.states[index].convergedAt != nil
        genes.moments[visit.gene] =
            isFitted
            ? visit.comparison.posterior.model.unclampedMoments(
                coefficients: visit.comparison.coefficients(index),
                gene: visit.posteriorCounts(),
                scratch: visit.scratch
            ) : visit.model.scaledCountMoments(gene: counts)
    }

    private func estimateOwn(_ visit: GeneVisit, _ index: Int, _ counts: DesignCounts) {
        let model = visit.model
        let floor = analysis.fitOptions.floor
        let coefficients = visit.comparison.coefficients(index)
        let isCoxReid = analysis.options.dispersionMethod == .coxReid
        guard !model.hasMissingNumber else {
            // Where every likelihood is NaN the published package takes the first of its grid.
            genes.ownDispersions[index] =
                isCoxReid ? CoxReidDispersion.grid[0] : genes.states[index].dispersion
            return
        }
        if isCoxReid {
            genes.ownDispersions[index] = model.coxReidDispersion(
                coefficients: coefficients,
                floor: floor,
                gene: counts,
                scratch: visit.scratch
            )
        } else if model.columnCount == 2 {
            genes.ownDispersions[index] = model.momentDispersion(
                coefficients: coefficients,
                floor: floor,
                gene: counts,
                scratch: visit.scratch
            )
        } else {
            genes.ownDispersions[index] = genes.states[index].dispersion
        }
        if model.columnCount > 2 {
            genes.states[index].standardError = model.standardError(
                coefficients: coefficients,
                dispersion: genes.ownDispersions[index],
                floor: floor,
                gene: counts,
                scratch: visit.scratch
            )
        }
    }

    private func estimatePosterior(_ visit: GeneVisit, _ index: Int) {
        guard let prior else { return }
        let trend = trend[visit.gene]
        guard index >= 0, genes.states[index].convergedAt != nil else {
            genes.dispersions[visit.gene] = visit.model.scaledCountDispersion(
                prior,
                trend: trend,
                gene: visit.fittedCounts(),
                scratch: visit.scratch
            )
            return
        }
        let model = visit.comparison.posterior.model
        let coefficients = visit.comparison.coefficients(index)
        let counts = visit.posteriorCounts()
        let dispersion = model.posteriorDispersion(
            prior,
            trend: trend,
            coefficients: coefficients,
            gene: counts,
            scratch: visit.scratch
        )
        genes.dispersions[visit.gene] = dispersion
        genes.posteriorErrors[index] =
            model.unclampedStandardError(
                coefficients: coefficients,
                dispersion: dispersion,
                gene: counts,
                scratch: visit.scratch
            ) ?? genes.states[index].standardError
    }
}
