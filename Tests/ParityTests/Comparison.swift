import DifferentialExpression

/// The comparison of one layer with the reference's, element by element.
struct Comparison {
    /// Name of the layer or stage.
    let name: String
    /// Largest share of the allowed difference that an element used up.
    private(set) var worstExcess = 0.0
    /// Elements compared.
    private(set) var count = 0

    private var worstText = "nothing differs"
    private var beyond = 0
    private var oneOff = 0
    private var allowedBeside = 0.0

    init(_ name: String) {
        self.name = name
    }

    /// Whether every element is within its bound, and something was compared.
    var passed: Bool {
        count > 0 && beyond == 0 && Double(oneOff) <= max(1, allowedBeside)
    }

    /// What is wrong, or how near it came.
    var description: String {
        "\(name): \(beyond) of \(count) elements beyond tolerance, \(oneOff) one off; "
            + "worst, at \(worstExcess) of its tolerance: \(worstText)"
    }

    /// Compares one element.
    ///
    /// - Parameters:
    ///   - expected: The reference's value.
    ///   - found: Our value.
    ///   - bound: The allowed difference.
    ///   - error: The element's standard error in the layer's unit; NaN when there is none.
    ///   - place: Labels of the element, for the message.
    mutating func add(
        _ expected: Double,
        _ found: Double,
        within bound: Bound,
        error: Double = .nan,
        at place: @autoclosure () -> String
    ) {
        count += 1
        allowedBeside += bound.shareBeside
        let excess = bound.excess(expected, found, error: error)
        if bound.shareBeside > 0, expected != found, excess == 0 { oneOff += 1 }
        if excess > 1 { beyond += 1 }
        if excess > worstExcess {
            worstExcess = excess
            worstText = "\(place()): reference \(expected), here \(found)"
        }
    }
}

/// Compares the layers of a case with the reference's.
struct LayerComparison {
    let golden: GoldenFile
    let testCase: GoldenFile.Case
    let run: ScreenRun
    let bounds: Tolerances
    /// Whether a gene has no count in the control and fitted means have no floor.
    private let isSilent: [Bool]

    init(_ golden: GoldenFile, _ testCase: GoldenFile.Case, _ run: ScreenRun) throws {
        self.golden = golden
        self.testCase = testCase
        self.run = run
        let isSame =
            testCase.options["size-factors"] != nil || testCase.input == "screen_int64.h5ad"
        bounds = isSame ? .sameSizeFactors : .ownSizeFactors
        let hasFloor = try golden.options(of: testCase).minimumMean > 0
        isSilent = run.cache[.controlExpressing].map { $0 == 0 && !hasFloor }
    }

    /// Compares one layer of the result in all rows.
    func layer(_ name: String) throws -> Comparison {
        guard let strict = bounds.bound(ofLayer: name),
            let loose = Tolerances.silent.bound(ofLayer: name)
        else { throw GoldenError.missing(name) }
        let expected = try golden.array(name, of: testCase)
        let errors = try golden.array(
            name.hasSuffix("_ln") ? "standard_error_ln" : "standard_error",
            of: testCase
        )
        let anySilent = isSilent.contains(true)
        var comparison = Comparison(name)
        for (row, label) in testCase.perturbations.enumerated() {
            let found = try foundValues(name, row: row)
            let expectedRow = Array(expected.row(row))
            let errorRow = Array(errors.row(row))
            for gene in run.genes.indices {
                // One p-value of a silent gene moves the adjusted ones of its row.
                let isLoose = isSilent[gene] || (anySilent && name == "pvalue_adj")
                comparison.add(
                    expectedRow[gene],
                    found[gene],
                    within: isLoose ? strict.loosened(to: loose) : strict,
                    error: errorRow[gene],
                    at: "'\(label)' x '\(run.genes[gene])'"
                )
            }
        }
        return comparison
    }

    /// Compares one array of the global stage.
    func stage(_ name: String) throws -> Comparison {
        guard let strict = bounds.bound(ofStage: name),
            let loose = Tolerances.silent.bound(ofStage: name)
        else { throw GoldenError.missing(name) }
        let expected = try golden.array("stages/\(name)", of: testCase).values
        let found = try stageValues(name)
        var comparison = Comparison(name)
        for gene in run.genes.indices {
            comparison.add(
                expected[gene],
                found[gene],
                within: isSilent[gene] ? strict.loosened(to: loose) : strict,
                at: "'\(run.genes[gene])'"
            )
        }
        return comparison
    }

    /// Compares the size factors of all cells.
    func sizeFactors() throws -> Comparison {
        var comparison = Comparison("size_factors")
        let expected = try golden.array("size_factors", of: testCase).values
        for cell in expected.indices {
            comparison.add(
                expected[cell],
                run.sizeFactors[cell],
                within: bounds.sizeFactor,
                at: "cell \(cell)"
            )
        }
        return comparison
    }

    private func foundValues(_ name: String, row: Int) throws -> [Double] {
        let schema = RowSchema.nbGLM
        guard let layer = schema.layers.first(where: { $0.name == name }) else {
            throw GoldenError.missing(name)
        }
        if layer.scope == .perPair { return try run.layer(name, ofRow: row) }
        let values = try run.geneLayer(name)
        // The reference reports no dispersion for a perturbation without a tested gene; the
        // coordinator takes these layers out of such rows when it publishes.
        let iterations = try run.layer("iterations", ofRow: row)
        let converged = try run.layer("converged", ofRow: row)
        let isTested = zip(iterations, converged).contains { $0 > 0 || $1 > 0 }
        if isTested || name == "pts_rest" { return values }
        return [Double](repeating: .nan, count: values.count)
    }

    private func stageValues(_ name: String) throws -> [Double] {
        let cache = run.cache
        return switch name {
        case "control_intercept": cache[.intercept]
        case "control_dispersion": cache[.controlDispersion]
        case "control_weight": cache[.controlWeight]
        case "control_mean": cache[.controlMean]
        case "control_expressing": cache[.controlExpressing]
        case "mean": run.dispersions.means
        case "dispersion_moments": run.dispersions.own
        case "dispersion": cache[.dispersion]
        case "dispersion_trend": cache[.dispersionTrend]
        default: throw GoldenError.missing(name)
        }
    }
}
